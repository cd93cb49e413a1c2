//! What the operator knows of a finding, and what it writes on one. What a finding means for a claim is decided elsewhere.
//! Pure.

use super::{arn::is_same_product, instance::NamedInstance, json::Object};
use crate::api::{RecordState, Severity};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use std::collections::BTreeMap;

/// Where a finding is kept: the two hubs have their findings, their calls and their events apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hub {
    /// Security Hub CSPM, whose findings are in ASFF.
    Cspm,
    /// The newer Security Hub, whose findings are in OCSF.
    V2,
}

impl Hub {
    /// By the ARN of the finding's product: `…:product/aws/guardduty` or `…:productv2/aws/guardduty`.
    pub fn of(product_arn: &str) -> Self {
        match product_arn.splitn(6, ':').nth(5) {
            Some(product) if product.starts_with("productv2/") => Self::V2,
            _ => Self::Cspm,
        }
    }
}

/// A finding of Security Hub ("AWS Security Finding Format (ASFF)", "OCSF findings in Security Hub CSPM", AWS Security Hub
/// User Guide), or of GuardDuty.
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
    pub in_progress: InProgress,
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
    pub fn hub(&self) -> Hub {
        self.product_arn.as_deref().map_or(Hub::Cspm, Hub::of)
    }

    /// Whether its one place for a note holds somebody else's.
    pub fn holds_others_note(&self) -> bool {
        self.note.as_ref().is_some_and(|note| note.updated_by != NOTE_AUTHOR && !note.text.is_empty())
    }

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

/// How far people are with a finding: Workflow.Status in ASFF, the status in OCSF.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workflow {
    #[default]
    New,
    /// In OCSF, In Progress, or a status that isn't known here.
    Notified,
    Resolved,
    Suppressed,
}

/// Whether a finding's status is In Progress, which only OCSF has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InProgress {
    #[default]
    No,
    /// The operator left it so, and says so in the finding's comment: the event of its own writing shows this.
    AsLeft,
    /// Somebody else has set it, and the operator hasn't written on the finding since.
    SetByOthers,
}

/// The one note that a finding has room for; in OCSF, its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FindingNote {
    pub text: String,
    /// Empty where that isn't known: a comment of OCSF names nobody, but for the operator's own.
    pub updated_by: String,
}

/// By what a finding is looked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    pub id: String,
    /// Absent: of whichever product.
    pub product_arn: Option<String>,
    /// The account that it is about. To be written on, a finding of the newer Security Hub has to be named by it, too.
    pub account_id: Option<String>,
}

impl FindingKey {
    /// Whichever hub has it; none where it has to be asked for in both.
    pub fn hub(&self) -> Option<Hub> {
        self.product_arn.as_deref().map(Hub::of)
    }
}

/// Who signs the notes that the operator leaves: by it they are known as its own.
pub const NOTE_AUTHOR: &str = "quarantine-operator";

/// What is written on a finding. What is absent or empty stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FindingChange {
    /// At most 512 characters; signed by [`NOTE_AUTHOR`] in ASFF. In OCSF it is the comment as it is written.
    pub note: Option<String>,
    pub workflow: Option<Workflow>,
    /// UserDefinedFields, whole: AWS replaces what is there. OCSF has none.
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
    /// What was asked for, as the API names it, such as `securityhub:BatchUpdateFindings`.
    pub operation: &'static str,
    /// AWS' word, such as `FindingNotFound`.
    pub code: String,
    pub message: String,
}

impl Unprocessed {
    /// Security Hub CSPM names no account.
    pub fn is_of(&self, key: &FindingKey) -> bool {
        let FindingKey { id, product_arn, account_id } = &self.key;
        *id == key.id && *product_arn == key.product_arn && (account_id.is_none() || *account_id == key.account_id)
    }
}

/// A custom action, as Security Hub tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CustomActionSight {
    pub arn: String,
    pub name: String,
    pub description: String,
}
