//! A finding of Security Hub, as its events hold it. Pure.
//!
//! Source: "AWS Security Finding Format (ASFF)", "Required top-level ASFF attributes", "Optional top-level ASFF
//! attributes" (AWS Security Hub User Guide).

use super::{
    guard_duty::SampleMark,
    json::{AtMost, Object},
};
use crate::{
    api::{RecordState, Severity},
    aws::{
        finding::{Finding, FindingNote, NamedInstance, Workflow, is_account_id, is_sample},
        model::Tags,
    },
};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// ASFF allows 32 resources.
const MOST_RESOURCES: usize = 512;

/// What is read of it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Asff {
    id: String,
    product_arn: String,
    aws_account_id: String,
    region: Option<String>,
    title: Option<String>,
    types: Option<Vec<String>>,
    severity: Option<Object<AsffSeverity>>,
    record_state: Option<RecordState>,
    workflow: Option<Object<AsffWorkflow>>,
    sample: Option<bool>,
    product_fields: Option<Object<ProductFields>>,
    updated_at: Option<Timestamp>,
    note: Option<Object<AsffNote>>,
    user_defined_fields: Option<BTreeMap<String, String>>,
    #[serde(default)]
    resources: AtMost<Object<Resource>, MOST_RESOURCES>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AsffSeverity {
    label: Option<String>,
    normalized: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AsffWorkflow {
    status: Option<WorkflowWord>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum WorkflowWord {
    New,
    Notified,
    Resolved,
    Suppressed,
}

/// GuardDuty's own fields, by their paths.
#[derive(Default, Deserialize)]
struct ProductFields {
    #[serde(rename = "aws/guardduty/service/additionalInfo/sample", default)]
    sample: SampleMark,
    #[serde(rename = "aws/guardduty/service/additionalInfo/value", default)]
    value: SampleMark,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AsffNote {
    text: Option<String>,
    updated_by: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resource {
    #[serde(rename = "Type")]
    kind: Option<String>,
    id: Option<String>,
    partition: Option<String>,
    region: Option<String>,
    tags: Option<Tags>,
    details: Option<Object<Details>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Details {
    aws_ec2_instance: Option<Object<InstanceDetails>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct InstanceDetails {
    vpc_id: Option<String>,
}

impl Asff {
    /// None of what identifies it may be missing.
    pub fn understand(self) -> Result<Finding, String> {
        let Self {
            id,
            product_arn,
            aws_account_id: account_id,
            region,
            title,
            types,
            severity,
            record_state,
            workflow,
            sample,
            product_fields,
            updated_at,
            note,
            user_defined_fields,
            resources: AtMost(resources),
        } = self;
        if id.is_empty() {
            return Err("Its finding has an empty Id.".to_owned());
        }
        if product_arn.is_empty() {
            return Err(format!("Its finding {id} has an empty ProductArn."));
        }
        if !is_account_id(&account_id) {
            return Err(format!("Its finding {id} has an AwsAccountId that is none: {account_id}."));
        }
        let title = title.unwrap_or_default();
        let Object(ProductFields { sample: marked, value }) = product_fields.unwrap_or_default();
        let sample = is_sample(sample == Some(true) || marked.is_set() || value.is_set(), &title);
        let (instances, unreadable_instances) = instances(resources, &account_id);
        Ok(Finding {
            id,
            product_arn: Some(product_arn),
            account_id,
            region,
            title,
            types: types.unwrap_or_default(),
            severity: severity.and_then(|Object(severity)| severity.word()),
            record_state: record_state.unwrap_or(RecordState::Active),
            workflow: workflow.and_then(|Object(workflow)| workflow.status).map_or(Workflow::New, Workflow::from),
            sample,
            updated_at,
            note: note.and_then(|Object(note)| note.understand()),
            fields: user_defined_fields.unwrap_or_default(),
            instances,
            unreadable_instances,
        })
    }
}

impl AsffSeverity {
    /// "Severity" (ASFF): the label, or the range that the number lies in.
    fn word(&self) -> Option<Severity> {
        let label = match self.label.as_deref() {
            Some("INFORMATIONAL") => Some(Severity::Informational),
            Some("LOW") => Some(Severity::Low),
            Some("MEDIUM") => Some(Severity::Medium),
            Some("HIGH") => Some(Severity::High),
            Some("CRITICAL") => Some(Severity::Critical),
            _ => None,
        };
        label.or(match self.normalized? {
            score if !(0.0..=100.0).contains(&score) => None,
            score if score < 1.0 => Some(Severity::Informational),
            score if score < 40.0 => Some(Severity::Low),
            score if score < 70.0 => Some(Severity::Medium),
            score if score < 90.0 => Some(Severity::High),
            _ => Some(Severity::Critical),
        })
    }
}

impl From<WorkflowWord> for Workflow {
    fn from(word: WorkflowWord) -> Self {
        match word {
            WorkflowWord::New => Self::New,
            WorkflowWord::Notified => Self::Notified,
            WorkflowWord::Resolved => Self::Resolved,
            WorkflowWord::Suppressed => Self::Suppressed,
        }
    }
}

impl AsffNote {
    fn understand(self) -> Option<FindingNote> {
        Some(FindingNote { text: self.text?, updated_by: self.updated_by.unwrap_or_default() })
    }
}

/// The instances among the resources, and the ids of those that name none.
fn instances(resources: Vec<Object<Resource>>, account_id: &str) -> (Vec<NamedInstance>, Vec<String>) {
    let (mut named, mut unreadable) = (Vec::new(), Vec::new());
    for Object(Resource { kind, id, partition, region, tags, details }) in resources {
        if kind.as_deref() != Some("AwsEc2Instance") {
            continue;
        }
        let id = id.unwrap_or_default();
        let beside = || NamedInstance::of_parts(&id, partition.as_deref()?, region.as_deref()?, account_id);
        match NamedInstance::of_arn(&id).or_else(beside) {
            None => unreadable.push(id),
            Some(instance) => named.push(NamedInstance {
                vpc_id: details
                    .and_then(|Object(details)| details.aws_ec2_instance)
                    .and_then(|Object(instance)| instance.vpc_id),
                tags: tags.unwrap_or_default(),
                ..instance
            }),
        }
    }
    (NamedInstance::each_once(named, &mut unreadable), unreadable)
}
