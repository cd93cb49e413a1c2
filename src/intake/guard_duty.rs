//! A finding as GuardDuty sends it itself. Pure.
//!
//! Sources: "GuardDuty finding format", "Severity levels of GuardDuty findings", "Sample findings" (Amazon GuardDuty
//! User Guide), "Amazon GuardDuty events" (Amazon EventBridge Events Reference).

use super::attack_sequence::Sequence;
use crate::{
    api::{RecordState, Severity},
    model::{
        Tags,
        arn::{Arn, is_account_id},
        finding::{Finding, InProgress, SampleMark, Workflow, is_sample},
        instance::{Beside, Instances, Resource},
        json::{Object, tags},
    },
};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is read of it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GuardDutyFinding {
    id: String,
    account_id: String,
    region: String,
    #[serde(rename = "type")]
    kind: String,
    partition: Option<String>,
    arn: Option<String>,
    title: Option<String>,
    severity: Option<f64>,
    updated_at: Option<Timestamp>,
    resource: Option<Object<AffectedResource>>,
    service: Option<Object<Service>>,
}

/// Beside a container or a cluster stand the details of the instance on which it was seen ("Runtime Monitoring finding
/// types"): that instance is affected. Findings on audit logs name a cluster and no instance.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AffectedResource {
    resource_type: Option<String>,
    instance_details: Option<Object<InstanceDetails>>,
    eks_cluster_details: Option<Object<Cluster>>,
    ecs_cluster_details: Option<Object<Cluster>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceDetails {
    instance_id: Option<String>,
    network_interfaces: Option<Vec<Option<Object<NetworkInterface>>>>,
    #[serde(default, deserialize_with = "tags")]
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkInterface {
    vpc_id: Option<String>,
}

#[derive(Deserialize)]
struct Cluster {
    arn: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    archived: Option<bool>,
    additional_info: Option<Object<AdditionalInfo>>,
    detection: Option<Object<Detection>>,
}

#[derive(Default, Deserialize)]
struct AdditionalInfo {
    #[serde(default)]
    sample: SampleMark,
    #[serde(default)]
    value: SampleMark,
}

#[derive(Deserialize)]
struct Detection {
    sequence: Option<Object<Sequence>>,
}

impl GuardDutyFinding {
    /// None of what identifies it may be missing.
    pub fn understand(self) -> Result<Finding, String> {
        let Self { id, account_id, region, kind, partition, arn, title, severity, updated_at, resource, service } =
            self;
        if id.is_empty() {
            return Err("Its finding has an empty id.".to_owned());
        }
        if !is_account_id(&account_id) {
            return Err(format!("Its finding {id} has an accountId that is none: {account_id}."));
        }
        let title = title.unwrap_or_default();
        let Object(Service { archived, additional_info, detection }) = service.unwrap_or_default();
        let Object(AdditionalInfo { sample, value }) = additional_info.unwrap_or_default();
        let sample = is_sample(sample.is_set() || value.is_set(), &title);
        let arn = arn.filter(|arn| !arn.is_empty());
        let of_arn = arn.as_deref().and_then(Arn::of).map(|arn| arn.partition);
        let partition = partition.as_deref().filter(|partition| !partition.is_empty()).or(of_arn);
        let beside = Beside { partition, region: Some(&region), account_id: &account_id };
        let sequence = detection.and_then(|Object(detection)| detection.sequence);
        let mut resources = sequence.map(|Object(sequence)| sequence.resources(&account_id)).unwrap_or_default();
        resources.extend(resource.map(|Object(resource)| resource.plain(&account_id)));
        let Instances { named: instances, unreadable: unreadable_instances, others: other_resources } =
            Instances::among(resources, beside);
        Ok(Finding {
            // Security Hub knows it by its ARN.
            id: arn.unwrap_or(id),
            product_arn: None,
            account_id,
            region: Some(region),
            title,
            types: vec![kind],
            severity: severity.and_then(word),
            record_state: if archived == Some(true) { RecordState::Archived } else { RecordState::Active },
            workflow: Workflow::New,
            in_progress: InProgress::No,
            sample,
            updated_at,
            note: None,
            fields: BTreeMap::new(),
            instances,
            unreadable_instances,
            other_resources,
        })
    }
}

impl AffectedResource {
    fn plain(self, account_id: &str) -> Resource {
        let Self { resource_type, instance_details, eks_cluster_details, ecs_cluster_details } = self;
        let Some(Object(InstanceDetails { instance_id, network_interfaces, tags })) = instance_details else {
            let cluster = eks_cluster_details.or(ecs_cluster_details).and_then(|Object(cluster)| cluster.arn);
            let kind = resource_type.unwrap_or_default();
            return Resource { kind, id: cluster.unwrap_or_default(), ..Resource::default() };
        };
        let interfaces = network_interfaces.unwrap_or_default().into_iter().flatten();
        Resource {
            kind: "Instance".to_owned(),
            id: instance_id.unwrap_or_default(),
            account_id: Some(account_id.to_owned()),
            vpc_id: interfaces.into_iter().find_map(|Object(interface)| interface.vpc_id),
            tags,
            ..Resource::default()
        }
    }
}

/// The ranges of GuardDuty.
fn word(score: f64) -> Option<Severity> {
    match score {
        score if !(0.0..=10.0).contains(&score) => None,
        score if score < 1.0 => Some(Severity::Informational),
        score if score < 4.0 => Some(Severity::Low),
        score if score < 7.0 => Some(Severity::Medium),
        score if score < 9.0 => Some(Severity::High),
        _ => Some(Severity::Critical),
    }
}
