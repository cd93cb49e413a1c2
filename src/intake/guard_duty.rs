//! A finding as GuardDuty sends it itself. Pure.
//!
//! Sources: "GuardDuty finding format", "Severity levels of GuardDuty findings", "Sample findings" (Amazon GuardDuty
//! User Guide), "Amazon GuardDuty events" (Amazon EventBridge Events Reference).

use super::json::Object;
use crate::{
    api::{RecordState, Severity},
    aws::{
        finding::{Finding, NamedInstance, Workflow, is_account_id, is_sample},
        model::Tags,
    },
};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
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
    resource: Option<Object<Resource>>,
    service: Option<Object<Service>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    instance_details: Option<Object<InstanceDetails>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceDetails {
    instance_id: Option<String>,
    network_interfaces: Option<Vec<Object<NetworkInterface>>>,
    tags: Option<Vec<Object<Tag>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NetworkInterface {
    vpc_id: Option<String>,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    archived: Option<bool>,
    additional_info: Option<Object<AdditionalInfo>>,
}

#[derive(Default, Deserialize)]
struct AdditionalInfo {
    #[serde(default)]
    sample: SampleMark,
    #[serde(default)]
    value: SampleMark,
}

/// Says of a finding that it is a sample: true, "true", or the text of an object that says so.
#[derive(Default, Deserialize)]
#[serde(untagged)]
pub enum SampleMark {
    Flag(bool),
    Text(String),
    #[default]
    Absent,
    Other(IgnoredAny),
}

impl SampleMark {
    pub fn is_set(&self) -> bool {
        #[derive(Deserialize)]
        struct Marked {
            sample: bool,
        }
        match self {
            Self::Flag(set) => *set,
            Self::Text(text) => {
                text == "true" || serde_json::from_str(text).is_ok_and(|Object(Marked { sample })| sample)
            }
            Self::Absent | Self::Other(_) => false,
        }
    }
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
        let Object(Service { archived, additional_info }) = service.unwrap_or_default();
        let Object(AdditionalInfo { sample, value }) = additional_info.unwrap_or_default();
        let sample = is_sample(sample.is_set() || value.is_set(), &title);
        let details = resource.and_then(|Object(resource)| resource.instance_details);
        let (instances, unreadable_instances) = instance(details, partition.as_deref(), &region, &account_id);
        Ok(Finding {
            // Security Hub knows it by its ARN.
            id: arn.filter(|arn| !arn.is_empty()).unwrap_or(id),
            product_arn: None,
            account_id,
            region: Some(region),
            title,
            types: vec![kind],
            severity: severity.and_then(word),
            record_state: if archived == Some(true) { RecordState::Archived } else { RecordState::Active },
            workflow: Workflow::New,
            sample,
            updated_at,
            note: None,
            fields: BTreeMap::new(),
            instances,
            unreadable_instances,
        })
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

/// The instance, or the id that names none. Findings on other resources have no instanceDetails.
fn instance(
    details: Option<Object<InstanceDetails>>,
    partition: Option<&str>,
    region: &str,
    account_id: &str,
) -> (Vec<NamedInstance>, Vec<String>) {
    let Some(Object(InstanceDetails { instance_id: Some(id), network_interfaces, tags })) = details else {
        return (Vec::new(), Vec::new());
    };
    let Some(instance) = partition.and_then(|partition| NamedInstance::of_parts(&id, partition, region, account_id))
    else {
        return (Vec::new(), vec![id]);
    };
    let vpc_id = network_interfaces.unwrap_or_default().into_iter().find_map(|Object(interface)| interface.vpc_id);
    let tags: Tags = tags
        .unwrap_or_default()
        .into_iter()
        .map(|Object(Tag { key, value })| (key, value.unwrap_or_default()))
        .collect();
    (vec![NamedInstance { vpc_id, tags, ..instance }], Vec::new())
}
