//! A finding of Security Hub CSPM into what the operator knows of one, whoever gave it: an event brings it as JSON,
//! GetFindings in the SDK's types, which `aws::convert` puts into the same form. Pure.
//!
//! Source: "AWS Security Finding Format (ASFF)", "Required top-level ASFF attributes", "Optional top-level ASFF
//! attributes" (AWS Security Hub User Guide). What isn't needed may be missing, null or strange; a word that decides and
//! that nobody knows makes the finding unreadable, for a guess could be wrong.

use super::{
    Tags,
    arn::{Arn, is_account_id},
    finding::{Finding, FindingNote, InProgress, SampleMark, Workflow, is_sample},
    instance::{Beside, Instances, Resource},
    json::{AtMost, Object, texts},
};
use crate::api::{RecordState, Severity};
use jiff::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

/// ASFF allows 32 resources.
const MOST_RESOURCES: usize = 512;

/// What is read of it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Asff {
    pub id: Option<String>,
    pub product_arn: Option<String>,
    pub aws_account_id: Option<String>,
    pub region: Option<String>,
    pub title: Option<String>,
    pub types: Option<Vec<Option<String>>>,
    pub severity: Option<Object<AsffSeverity>>,
    pub record_state: Option<String>,
    pub workflow: Option<Object<AsffWorkflow>>,
    pub sample: Option<bool>,
    pub product_fields: Option<Object<ProductFields>>,
    pub updated_at: Option<String>,
    pub note: Option<Object<AsffNote>>,
    #[serde(default, deserialize_with = "texts")]
    pub user_defined_fields: BTreeMap<String, String>,
    #[serde(default)]
    pub resources: AtMost<Option<Object<AsffResource>>, MOST_RESOURCES>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsffSeverity {
    pub label: Option<String>,
    pub normalized: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsffWorkflow {
    pub status: Option<String>,
}

/// GuardDuty's own fields, by their paths ("Sample findings", Amazon GuardDuty User Guide).
#[derive(Debug, Default, Deserialize)]
pub struct ProductFields {
    #[serde(rename = "aws/guardduty/service/additionalInfo/sample", default)]
    pub sample: SampleMark,
    #[serde(rename = "aws/guardduty/service/additionalInfo/value", default)]
    pub value: SampleMark,
}

impl ProductFields {
    pub const SAMPLE: &str = "aws/guardduty/service/additionalInfo/sample";
    pub const VALUE: &str = "aws/guardduty/service/additionalInfo/value";
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsffNote {
    pub text: Option<String>,
    pub updated_by: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsffResource {
    #[serde(rename = "Type")]
    pub kind: Option<String>,
    pub id: Option<String>,
    pub partition: Option<String>,
    pub region: Option<String>,
    #[serde(default, deserialize_with = "texts")]
    pub tags: Tags,
    pub details: Option<Object<Details>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Details {
    pub aws_ec2_instance: Option<Object<InstanceDetails>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstanceDetails {
    pub vpc_id: Option<String>,
}

impl Asff {
    /// None of what identifies it may be missing. Errors: a sentence that says what is.
    pub fn understand(self) -> Result<Finding, String> {
        let Self {
            id,
            product_arn,
            aws_account_id,
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
        let id = given(id).ok_or("Its finding has no Id.")?;
        let product_arn = given(product_arn).ok_or_else(|| format!("Its finding {id} has no ProductArn."))?;
        let account_id = given(aws_account_id).ok_or_else(|| format!("Its finding {id} has no AwsAccountId."))?;
        if !is_account_id(&account_id) {
            return Err(format!("Its finding {id} has an AwsAccountId that is none: {account_id}."));
        }
        let title = title.unwrap_or_default();
        let Object(ProductFields { sample: marked, value }) = product_fields.unwrap_or_default();
        let record_state = record_state.as_deref().map_or(Some(RecordState::Active), state);
        let status = workflow.and_then(|Object(workflow)| workflow.status);
        let workflow = status.as_deref().map_or(Some(Workflow::New), Workflow::of);
        let beside = Beside {
            partition: Arn::of(&product_arn).map(|arn| arn.partition),
            region: region.as_deref(),
            account_id: &account_id,
        };
        let found = Instances::among(resources.into_iter().flatten().map(|Object(one)| one.plain()), beside);
        let Instances { named: instances, unreadable: unreadable_instances, others: other_resources } = found;
        Ok(Finding {
            types: types.into_iter().flatten().flatten().collect(),
            severity: severity.and_then(|Object(severity)| severity.word()),
            record_state: record_state.ok_or_else(|| strange(&id, "RecordState"))?,
            workflow: workflow.ok_or_else(|| strange(&id, "Workflow.Status"))?,
            in_progress: InProgress::No,
            sample: is_sample(sample == Some(true) || marked.is_set() || value.is_set(), &title),
            updated_at: updated_at
                .map(|at| at.parse::<Timestamp>())
                .transpose()
                .map_err(|_| strange(&id, "UpdatedAt"))?,
            note: note.and_then(|Object(AsffNote { text, updated_by })| {
                Some(FindingNote { text: text?, updated_by: updated_by.unwrap_or_default() })
            }),
            fields: user_defined_fields,
            title,
            product_arn: Some(product_arn),
            account_id,
            region,
            id,
            instances,
            unreadable_instances,
            other_resources,
        })
    }
}

fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn strange(id: &str, field: &str) -> String {
    format!("Its finding {id} has a {field} that this version doesn't know.")
}

fn state(word: &str) -> Option<RecordState> {
    match word {
        "ACTIVE" => Some(RecordState::Active),
        "ARCHIVED" => Some(RecordState::Archived),
        _ => None,
    }
}

impl Workflow {
    /// Workflow.Status.
    fn of(word: &str) -> Option<Self> {
        match word {
            "NEW" => Some(Self::New),
            "NOTIFIED" => Some(Self::Notified),
            "RESOLVED" => Some(Self::Resolved),
            "SUPPRESSED" => Some(Self::Suppressed),
            _ => None,
        }
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
        label.or_else(|| match self.normalized? {
            score if !(0.0..=100.0).contains(&score) => None,
            score if score < 1.0 => Some(Severity::Informational),
            score if score < 40.0 => Some(Severity::Low),
            score if score < 70.0 => Some(Severity::Medium),
            score if score < 90.0 => Some(Severity::High),
            _ => Some(Severity::Critical),
        })
    }
}

impl AsffResource {
    /// ASFF tells no account of a resource but in its ARN.
    fn plain(self) -> Resource {
        let Self { kind, id, partition, region, tags, details } = self;
        let details = details.and_then(|Object(details)| details.aws_ec2_instance);
        Resource {
            kind: kind.unwrap_or_default(),
            id: id.unwrap_or_default(),
            partition,
            region,
            account_id: None,
            vpc_id: details.and_then(|Object(instance)| instance.vpc_id),
            tags,
        }
    }
}
