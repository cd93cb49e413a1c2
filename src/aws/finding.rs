//! What the operator knows of a finding, in plain types: no SDK, no client. `aws::security_hub` and `intake::parse` fill
//! them; what a finding means for a claim is decided elsewhere.

use super::model::Tags;
use crate::api::{RecordState, Severity};
use jiff::Timestamp;
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
    /// Resources of the type of an instance whose id says no instance.
    pub unreadable_instances: Vec<String>,
}

/// Whether a finding is a sample: it is marked as one, or GuardDuty's title says so ("Sample findings", Amazon GuardDuty User
/// Guide).
pub fn is_sample(marked: bool, title: &str) -> bool {
    marked || title.starts_with("[SAMPLE]")
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

/// An EC2 instance, as a finding names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedInstance {
    pub id: String,
    pub account_id: String,
    pub region: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    pub vpc_id: Option<String>,
    pub tags: Tags,
}

impl NamedInstance {
    /// From an instance's ARN, of any partition: `arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0`.
    /// None: it is no such ARN.
    pub fn of_arn(arn: &str) -> Option<Self> {
        let mut parts = arn.splitn(6, ':');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        let ("arn", partition, "ec2", region, account_id, resource) =
            (next()?, next()?, next()?, next()?, next()?, next()?)
        else {
            return None;
        };
        Self::of_parts(resource.strip_prefix("instance/")?, partition, region, account_id)
    }

    /// From an instance's id, with what its ARN would tell beside it. None: one of them isn't what it should be.
    pub fn of_parts(id: &str, partition: &str, region: &str, account_id: &str) -> Option<Self> {
        let lower = |c: char| c.is_ascii_lowercase() || c == '-';
        let sound = partition.starts_with("aws")
            && partition.len() <= 32
            && partition.chars().all(lower)
            && is_region(region)
            && is_account_id(account_id)
            && is_instance_id(id);
        sound.then(|| Self {
            id: id.to_owned(),
            account_id: account_id.to_owned(),
            region: region.to_owned(),
            partition: partition.to_owned(),
            vpc_id: None,
            tags: Tags::new(),
        })
    }

    /// Each instance once, with what any of its entries tells of it. An id is unique across accounts and regions: one
    /// that is named in two places names nothing, and goes to `unreadable`.
    pub fn each_once(named: Vec<Self>, unreadable: &mut Vec<String>) -> Vec<Self> {
        let mut places = BTreeMap::<String, Vec<Self>>::new();
        let mut order = Vec::new();
        for instance in named {
            let entries = places.entry(instance.id.clone()).or_insert_with(|| {
                order.push(instance.id.clone());
                Vec::new()
            });
            match entries.iter_mut().find(|entry| entry.place() == instance.place()) {
                None => entries.push(instance),
                Some(entry) => {
                    entry.vpc_id = entry.vpc_id.take().or(instance.vpc_id);
                    instance.tags.into_iter().for_each(|(key, value)| {
                        entry.tags.entry(key).or_insert(value);
                    });
                }
            }
        }
        let mut once = Vec::new();
        for mut entries in order.iter().filter_map(|id| places.remove(id)) {
            if entries.len() == 1 {
                once.append(&mut entries);
            } else {
                unreadable.extend(entries.iter().map(Self::arn));
            }
        }
        once
    }

    pub fn arn(&self) -> String {
        let Self { id, account_id, region, partition, vpc_id: _, tags: _ } = self;
        format!("arn:{partition}:ec2:{region}:{account_id}:instance/{id}")
    }

    fn place(&self) -> (&str, &str, &str) {
        (&self.partition, &self.region, &self.account_id)
    }
}

/// The form of a region, as the API server holds it, too: eu-central-1, us-gov-west-1, cn-north-1.
pub fn is_region(region: &str) -> bool {
    let word = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase());
    let mut parts = region.split('-');
    let first = parts.next().is_some_and(|first| (2..=4).contains(&first.len()) && word(first));
    let last =
        parts.next_back().is_some_and(|last| matches!(last.len(), 1 | 2) && last.chars().all(|c| c.is_ascii_digit()));
    let between: Vec<&str> = parts.collect();
    region.len() <= 32 && first && last && !between.is_empty() && between.into_iter().all(word)
}

pub fn is_account_id(id: &str) -> bool {
    id.len() == 12 && id.chars().all(|c| c.is_ascii_digit())
}

impl NamedInstance {
    /// From the Id of a finding's resource: an ARN or, from some products, the bare id of an instance, which then lies in
    /// the resource's own partition and region and in the finding's account. None: it says no instance.
    pub fn of_resource(id: &str, partition: Option<&str>, region: Option<&str>, account_id: &str) -> Option<Self> {
        if is_instance_id(id) {
            return Self::of_arn(&format!("arn:{}:ec2:{}:{account_id}:instance/{id}", partition?, region?));
        }
        Self::of_arn(id)
    }
}

/// i- and 17 or, for old instances, 8 lower-case hexadecimal digits.
pub fn is_instance_id(id: &str) -> bool {
    let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    id.strip_prefix("i-").is_some_and(|rest| matches!(rest.len(), 8 | 17) && rest.chars().all(digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_arn_of_any_partition_tells_account_and_region() {
        for (partition, region) in [("aws", "eu-central-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
        {
            let arn = format!("arn:{partition}:ec2:{region}:111122223333:instance/i-0123456789abcdef0");
            let named = NamedInstance::of_arn(&arn).expect("an instance");
            assert_eq!((named.partition.as_str(), named.region.as_str()), (partition, region));
            assert_eq!((named.account_id.as_str(), named.id.as_str()), ("111122223333", "i-0123456789abcdef0"));
        }
    }

    #[test]
    fn a_bare_id_lies_where_its_resource_and_its_finding_say() {
        let bare =
            |partition, region| NamedInstance::of_resource("i-0123456789abcdef0", partition, region, "111122223333");
        let arn = "arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0123456789abcdef0";
        assert_eq!(bare(Some("aws-cn"), Some("cn-north-1")), NamedInstance::of_arn(arn));
        assert_eq!(bare(None, Some("cn-north-1")), None);
        assert_eq!(bare(Some("aws-cn"), None), None);
    }

    #[test]
    fn what_is_no_instance_arn_names_none() {
        for arn in [
            "",
            "i-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1:111122223333:security-group/sg-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123",
            "arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789ABCDEF0",
            "arn:aws:ec2:eu-central-1:1111:instance/i-0123456789abcdef0",
            "arn:aws:ec2::111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ec2:eu central:111122223333:instance/i-0123456789abcdef0",
            "arn:aws:ec2:eu-central-1a:111122223333:instance/i-0123456789abcdef0",
            "arn:evil:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0",
            "AWS::::Account:111122223333",
        ] {
            assert_eq!(NamedInstance::of_arn(arn), None, "{arn}");
        }
    }

    #[test]
    fn a_region_has_the_form_that_the_api_server_takes() {
        for region in
            ["eu-central-1", "us-gov-west-1", "cn-northwest-1", "us-isob-east-1", "eusc-de-east-1", "ap-south-12"]
        {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "eu",
            "eu-1",
            "eu-central",
            "eu-central-1a",
            "eu-central-123",
            "e-central-1",
            "EU-central-1",
            "eu--1",
            "-eu-central-1",
        ] {
            assert!(!is_region(region), "{region}");
        }
    }

    #[test]
    fn an_instance_that_is_named_twice_counts_once_and_one_in_two_places_names_nothing() {
        let named = |id: &str, region: &str| NamedInstance::of_parts(id, "aws", region, "111122223333").expect("sound");
        let twice = named("i-0123456789abcdef0", "eu-central-1");
        let with_vpc = NamedInstance { vpc_id: Some("vpc-0a".to_owned()), ..twice.clone() };
        let (here, there) = (named("i-00000001", "eu-central-1"), named("i-00000001", "eu-west-1"));
        let mut unreadable = Vec::new();
        let once =
            NamedInstance::each_once(vec![twice, here.clone(), with_vpc.clone(), there.clone()], &mut unreadable);
        assert_eq!((once, unreadable), (vec![with_vpc], vec![here.arn(), there.arn()]));
    }
}
