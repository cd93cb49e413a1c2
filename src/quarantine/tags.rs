//! The second copy of a record: tags on the interface itself. Pure: what the tags are, and what tags say.
//!
//! Tags are evidence, never authority: anyone with ec2:CreateTags can write them. They are read only when no object
//! holds the record. A tag's value has at most 256 characters ("Tag restrictions", Amazon EC2 User Guide), so the list
//! of groups goes into as many parts as it needs.

use crate::{api::InterfaceStatus, model::Tags};

const PREFIX: &str = "quarantine-operator.dev/";
const ORIGINALS: &str = "quarantine-operator.dev/original-groups";
const ISOLATION: &str = "quarantine-operator.dev/isolation-groups";
const QUARANTINE: &str = "quarantine-operator.dev/quarantine-uid";
const CLUSTER: &str = "quarantine-operator.dev/cluster-uid";
const SINCE: &str = "quarantine-operator.dev/recorded-at";
const CLASS: &str = "quarantine-operator.dev/class-uid";
const VALUE_LIMIT: usize = 256;

/// The most groups that an interface carries ("Amazon VPC quotas", Amazon VPC User Guide), and that a record holds.
const GROUPS: usize = 16;

/// The longest group that a record holds.
const GROUP_LENGTH: usize = 32;

/// The keys by any of which an interface is found that carries a record, or what somebody left of it.
pub const KEYS: [&str; 4] = [CLUSTER, QUARANTINE, ORIGINALS, ISOLATION];

/// What the tags on an interface say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    pub quarantine_uid: String,
    pub cluster_uid: String,
    pub original_groups: Option<Vec<String>>,
    pub isolation_groups: Vec<String>,
}

/// The tags that belong on the interface of this record.
pub fn of_record(record: &InterfaceStatus, quarantine_uid: &str, cluster_uid: &str) -> Tags {
    let mut tags = Tags::from([
        (QUARANTINE.to_owned(), quarantine_uid.to_owned()),
        (CLUSTER.to_owned(), cluster_uid.to_owned()),
        (SINCE.to_owned(), record.recorded_at.0.to_string()),
    ]);
    tags.extend(in_parts(ISOLATION, &record.isolation_groups));
    if let Some(originals) = &record.original_security_groups {
        tags.extend(in_parts(ORIGINALS, originals));
    }
    tags
}

/// The tags of a group that the operator makes for a class.
pub fn of_managed_group(class_uid: &str, cluster_uid: &str) -> Tags {
    Tags::from([(CLASS.to_owned(), class_uid.to_owned()), (CLUSTER.to_owned(), cluster_uid.to_owned())])
}

/// What the tags say, where they are ours and whole.
pub fn read(tags: &Tags) -> Option<Evidence> {
    Some(Evidence {
        quarantine_uid: tags.get(QUARANTINE)?.clone(),
        cluster_uid: tags.get(CLUSTER)?.clone(),
        original_groups: from_parts(ORIGINALS, tags),
        isolation_groups: from_parts(ISOLATION, tags)?,
    })
}

/// The cluster that these tags name, whether they are whole or not.
pub fn cluster(tags: &Tags) -> Option<&String> {
    tags.get(CLUSTER)
}

/// The original groups that these tags name, whether they are whole or not.
pub fn originals(tags: &Tags) -> Option<Vec<String>> {
    from_parts(ORIGINALS, tags)
}

/// Whether these can be the groups of an interface. Anyone with ec2:CreateTags writes tags: what can't be goes neither
/// into a record, which the API server would refuse, nor into a command for a person.
pub fn are_groups(told: &[String]) -> bool {
    let is_group = |group: &String| {
        group.len() <= GROUP_LENGTH
            && group.strip_prefix("sg-").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    };
    !told.is_empty() && told.len() <= GROUPS && told.iter().all(is_group)
}

/// Whether `present` holds every one of `wanted`, and nothing else of ours.
pub fn agree(present: &Tags, wanted: &Tags) -> bool {
    ours(present).count() == wanted.len() && hold(present, wanted)
}

/// Whether `present` holds every one of `wanted`.
pub fn hold(present: &Tags, wanted: &Tags) -> bool {
    wanted.iter().all(|(key, value)| present.get(key) == Some(value))
}

/// The keys of ours among these.
pub fn ours(tags: &Tags) -> impl Iterator<Item = &String> {
    tags.keys().filter(|key| key.starts_with(PREFIX))
}

fn in_parts(key: &str, groups: &[String]) -> Vec<(String, String)> {
    let mut parts: Vec<String> = vec![String::new()];
    for group in groups {
        let last = parts.len() - 1;
        if parts[last].is_empty() {
            parts[last].push_str(group);
        } else if parts[last].len() + 1 + group.len() <= VALUE_LIMIT {
            parts[last].push(' ');
            parts[last].push_str(group);
        } else {
            parts.push(group.clone());
        }
    }
    parts.into_iter().enumerate().map(|(n, part)| (part_key(key, n), part)).collect()
}

fn from_parts(key: &str, tags: &Tags) -> Option<Vec<String>> {
    let first = tags.get(key)?;
    let rest = (1..).map_while(|n| tags.get(&part_key(key, n)));
    let groups: Vec<String> =
        std::iter::once(first).chain(rest).flat_map(|part| part.split_whitespace()).map(str::to_owned).collect();
    (!groups.is_empty()).then_some(groups)
}

/// `key`, `key-2`, `key-3`, …
fn part_key(key: &str, n: usize) -> String {
    if n == 0 { key.to_owned() } else { format!("{key}-{}", n + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{InterfaceState, RecordSource, Time};
    use jiff::Timestamp;
    use proptest::prelude::*;

    fn record(originals: Option<Vec<String>>, isolation: Vec<String>) -> InterfaceStatus {
        InterfaceStatus {
            id: "eni-1".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            original_security_groups: originals,
            isolation_groups: isolation,
            recorded_from: RecordSource::Interface,
            recorded_at: Time(Timestamp::UNIX_EPOCH),
            changed_at: None,
            unanswered_at: vec![],
            missing_since: None,
            state: InterfaceState::Isolated,
            message: None,
        }
    }

    fn ids(count: usize) -> Vec<String> {
        (0..count).map(|n| format!("sg-{n:017x}")).collect()
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_however_many_groups_there_are(originals in 0..40_usize, isolation in 1..17_usize) {
            let originals = (originals > 0).then(|| ids(originals));
            let written = of_record(&record(originals.clone(), ids(isolation)), "uid", "cluster");
            let told = read(&written).expect("ours and whole");
            prop_assert_eq!(told.original_groups, originals);
            prop_assert_eq!(told.isolation_groups, ids(isolation));
            prop_assert!(written.values().all(|value| value.len() <= VALUE_LIMIT));
            prop_assert!(written.keys().all(|key| key.starts_with(PREFIX) && key.len() <= 128));
        }
    }

    #[test]
    fn tags_without_uid_cluster_or_isolation_groups_tell_nothing() {
        let written = of_record(&record(None, ids(1)), "uid", "cluster");
        for key in [QUARANTINE, CLUSTER, ISOLATION] {
            let mut torn = written.clone();
            torn.remove(key);
            assert_eq!(read(&torn), None, "{key}");
        }
        assert_eq!(read(&Tags::new()), None);
    }

    #[test]
    fn only_what_can_be_the_groups_of_an_interface_is_taken_for_them() {
        assert!(are_groups(&ids(1)) && are_groups(&ids(16)));
        assert!(!are_groups(&[]) && !are_groups(&ids(17)));
        for forged in
            ["sg-1;reboot", "sg-$(reboot)", "sg-1\u{1b}[2J", "eni-1", "", "sg-0123456789012345678901234567890"]
        {
            assert!(!are_groups(&[ids(1).remove(0), forged.to_owned()]), "{forged}");
        }
    }

    #[test]
    fn a_record_without_originals_writes_none() {
        let written = of_record(&record(None, ids(1)), "uid", "cluster");
        assert!(!written.keys().any(|key| key.starts_with(ORIGINALS)));
    }

    #[test]
    fn tags_agree_when_they_hold_the_same_and_nothing_else_of_ours() {
        let wanted = of_record(&record(Some(ids(2)), ids(1)), "uid", "cluster");
        let with = |key: &str, value: &str| {
            let mut present = wanted.clone();
            present.insert(key.to_owned(), value.to_owned());
            present
        };
        assert!(agree(&wanted, &wanted) && agree(&with("team", "web"), &wanted));
        assert!(!agree(&with(ORIGINALS, "sg-open"), &wanted) && !hold(&with(ORIGINALS, "sg-open"), &wanted));
        let surplus = with("quarantine-operator.dev/original-groups-2", "sg-stray");
        assert!(hold(&surplus, &wanted) && !agree(&surplus, &wanted));
        assert_eq!(ours(&with("team", "web")).count(), wanted.len());
    }
}
