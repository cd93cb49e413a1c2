//! What the operator knows of a finding, and what it writes on one. What a finding means for a claim is decided elsewhere.
//! Pure.

use super::{arn::is_same_product, instance::NamedInstance, json::Object};
use crate::api::{RecordState, Severity};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// A finding of Security Hub ("AWS Security Finding Format (ASFF)", AWS Security Hub User Guide), or of GuardDuty.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    pub id: String,
    /// Absent for a finding that GuardDuty sent itself.
    pub product_arn: Option<String>,
    /// The account that it is about.
    pub account_id: String,
    pub region: Option<String>,
    pub title: String,
    pub types: Vec<String>,
    pub severity: Option<Severity>,
    pub record_state: RecordState,
    pub workflow: Workflow,
    /// Made to try things out, not because something happened.
    pub sample: bool,
    /// When its product last changed it; notes of others don't move it.
    pub updated_at: Option<Timestamp>,
    pub note: Option<FindingNote>,
    /// UserDefinedFields.
    pub fields: BTreeMap<String, String>,
    /// The EC2 instances among its resources, wherever they stand there.
    pub instances: Vec<NamedInstance>,
    /// Resources of the type of an instance whose id says no instance, or one in two places.
    pub unreadable_instances: Vec<String>,
    /// What else it names, by type and id.
    pub other_resources: Vec<String>,
}

impl Finding {
    /// What it names where it should name an instance, for a message: half a sentence, after which comes a stop.
    pub fn named_instead(&self) -> String {
        match (&self.unreadable_instances[..], &self.other_resources[..]) {
            ([], []) => "it names no resource at all".to_owned(),
            ([], others) => format!("it names {}", others.join(", ")),
            (unread, _) => {
                format!("it names instances whose ids can't be read, or that lie in two places: {}", unread.join(", "))
            }
        }
    }
}

/// Those of the wanted product: of exactly that ARN, or where there is none, of that product in whichever region.
pub fn of_product<T>(found: Vec<T>, wanted: &str, product: impl Fn(&T) -> Option<&str>) -> Vec<T> {
    let exact = found.iter().any(|one| product(one) == Some(wanted));
    let fits = |arn: &str| if exact { arn == wanted } else { is_same_product(arn, wanted) };
    found.into_iter().filter(|one| product(one).is_some_and(fits)).collect()
}

/// Whether a finding is a sample: it is marked as one, or GuardDuty's title says so ("Sample findings", Amazon GuardDuty User
/// Guide).
pub fn is_sample(marked: bool, title: &str) -> bool {
    marked || title.starts_with("[SAMPLE]")
}

/// Says of a finding that it is a sample: true, "true", or the text of an object that says so.
#[derive(Clone, Debug, Default, Deserialize)]
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

/// How far people are with a finding: Workflow.Status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workflow {
    #[default]
    New,
    Notified,
    Resolved,
    Suppressed,
}

/// The one note that a finding has room for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingNote {
    pub text: String,
    pub updated_by: String,
}

/// By what a finding is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    pub id: String,
    /// Absent: of whichever product.
    pub product_arn: Option<String>,
}

/// Who signs the notes that the operator leaves: by it they are known as its own.
pub const NOTE_AUTHOR: &str = "quarantine-operator";

/// What is written on a finding. What is absent or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingChange {
    /// At most 512 characters; signed by [`NOTE_AUTHOR`].
    pub note: Option<String>,
    pub workflow: Option<Workflow>,
    /// UserDefinedFields, whole: AWS replaces what is there.
    pub fields: BTreeMap<String, String>,
}

impl FindingChange {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A finding that was not changed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unprocessed {
    pub key: FindingKey,
    /// AWS' word, such as `FindingNotFound`.
    pub code: String,
    pub message: String,
}

/// A custom action, as Security Hub tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomActionSight {
    pub arn: String,
    pub name: String,
    pub description: String,
}
