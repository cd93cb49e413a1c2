//! What doesn't fit together between records and interfaces, in words. Pure.

use crate::{
    api::{InterfaceState, InterfaceStatus, Quarantine},
    model::ec2::Interface,
    quarantine::tags,
};
use kube::ResourceExt;
use std::fmt;

/// Everything that was read.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    pub cluster_uid: String,
    pub claims: Vec<Quarantine>,
    /// Objects that can't be read, each with why.
    pub unread: Vec<String>,
    pub seen: Vec<Seen>,
    pub unseen: Vec<Unseen>,
}

/// The interfaces of one place: those with tags of ours, and those that are recorded.
#[derive(Clone, Debug)]
pub struct Seen {
    pub account_id: String,
    pub region: String,
    pub interfaces: Vec<Interface>,
}

/// A place that could not be looked in, and why.
#[derive(Clone, Debug)]
pub struct Unseen {
    pub place: String,
    pub why: String,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Records and interfaces fit together.
    Clean,
    /// Something doesn't.
    Found,
    /// Not everything could be looked at, whatever was found elsewhere.
    Incomplete,
}

/// What a person reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    looked_in: Vec<String>,
    /// Interfaces that carry our tags, while no Quarantine holds a record of them.
    pub without_record: Vec<String>,
    /// Recorded interfaces that don't carry the isolation group alone.
    pub not_isolated: Vec<String>,
    pub not_looked_at: Vec<String>,
}

impl Report {
    pub fn of(picture: &Picture) -> Self {
        let seen = || picture.seen.iter().flat_map(|seen| seen.interfaces.iter().map(move |one| (seen, one)));
        let ours = |interface: &Interface| {
            let mut keys = tags::ours(&interface.tags);
            keys.next().is_some() && tags::cluster(&interface.tags).is_none_or(|uid| *uid == picture.cluster_uid)
        };
        let without_record = seen()
            .filter(|(_, interface)| ours(interface) && !is_recorded(&picture.claims, &interface.id))
            .map(|(place, interface)| without_record(picture, place, interface));
        let unseen = picture.unseen.iter().map(|Unseen { place, why }| format!("{place}: {why}"));
        Self {
            looked_in: picture
                .seen
                .iter()
                .map(|seen| format!("account {}, {}", seen.account_id, seen.region))
                .collect(),
            without_record: without_record.collect(),
            not_isolated: picture.claims.iter().flat_map(|claim| not_isolated(picture, claim)).collect(),
            not_looked_at: unseen.chain(picture.unread.iter().cloned()).collect(),
        }
    }

    pub fn outcome(&self) -> Outcome {
        if !self.not_looked_at.is_empty() {
            Outcome::Incomplete
        } else if self.without_record.is_empty() && self.not_isolated.is_empty() {
            Outcome::Clean
        } else {
            Outcome::Found
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { looked_in, without_record, not_isolated, not_looked_at } = self;
        let parts = [
            ("Looked in", looked_in),
            ("Interfaces with this cluster's tags that no Quarantine holds a record of", without_record),
            ("Recorded interfaces that are not isolated", not_isolated),
            ("Not looked at", not_looked_at),
        ];
        for (title, lines) in parts {
            if lines.is_empty() {
                writeln!(f, "{title}: none")?;
            } else {
                writeln!(f, "{title}:")?;
                lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
            }
        }
        Ok(())
    }
}

fn is_recorded(claims: &[Quarantine], interface_id: &str) -> bool {
    let mut records = claims.iter().flat_map(|claim| &claim.status).flat_map(|status| &status.interfaces);
    records.any(|record| record.id == interface_id)
}

fn without_record(picture: &Picture, place: &Seen, interface: &Interface) -> String {
    let Seen { account_id, region, .. } = place;
    let id = &interface.id;
    let of = interface.instance_id.as_deref().map_or_else(String::new, |instance| format!(", of {instance}"));
    let originals = tags::originals(&interface.tags);
    let forged = originals.as_ref().is_some_and(|told| !tags::are_groups(told));
    let originals = originals.filter(|_| !forged);
    let told = match &originals {
        Some(groups) => groups.join(", "),
        None if forged => "they name what is no group, so somebody forged them".to_owned(),
        None => "not told".to_owned(),
    };
    let isolated = tags::read(&interface.tags)
        .is_some_and(|told| interface.groups.iter().any(|group| told.isolation_groups.contains(group)));
    let head = format!(
        "{id} in account {account_id}, {region}{of}, carries {}. Its own groups by its tags: {told}.",
        interface.groups.join(", ")
    );
    let untag = format!(
        "aws ec2 delete-tags --region {region} --resources {id} --tags {}",
        tags::ours(&interface.tags)
            .filter(|key| is_plain(key))
            .map(|key| format!("Key={key}"))
            .collect::<Vec<_>>()
            .join(" ")
    );
    if tags::read(&interface.tags).is_some() && !isolated {
        return format!("{head} It carries no isolation group any more: only the tags are left. Remove them: {untag}");
    }
    let by_hand = originals.map_or_else(String::new, |groups| {
        format!(
            " Or, without one, once you have compared the groups with what you know: aws ec2 modify-network-interface-attribute --region {region} --network-interface-id {id} --groups {}; {untag}",
            groups.join(" ")
        )
    });
    format!("{head} {}{by_hand}", next_step(picture, interface))
}

/// Whether a shell takes it as one word: anyone may have written it.
fn is_plain(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_alphanumeric() || "-./".contains(c))
}

fn next_step(picture: &Picture, interface: &Interface) -> String {
    let Some(instance) = interface.instance_id.as_deref() else {
        return "It is attached to nothing, so no Quarantine can take it over: give its groups back by hand."
            .to_owned();
    };
    let naming = picture.claims.iter().find(|claim| claim.instance_id() == Some(instance));
    match naming {
        Some(claim) => format!(
            "Quarantine {} names this instance but holds no record of it: its conditions say why; a running operator makes the record again from the tags.",
            name(claim)
        ),
        None => format!(
            "Create a Quarantine for {instance}: it takes the record over from the tags and keeps the instance contained; deleted, it waits for approval, then gives these groups back."
        ),
    }
}

fn not_isolated(picture: &Picture, claim: &Quarantine) -> Vec<String> {
    let Some(status) = &claim.status else { return Vec::new() };
    let Some(target) = &status.target else { return Vec::new() };
    let place = picture.seen.iter().find(|seen| seen.account_id == target.account_id && seen.region == target.region);
    // Said as not looked at.
    let Some(place) = place else { return Vec::new() };
    let releasing = claim.is_deleting();
    let held = status
        .interfaces
        .iter()
        .filter(|record| !(record.state.is_final() || releasing && record.state == InterfaceState::Restoring));
    held.filter_map(|record| {
        let carries = drift(place, record)?;
        Some(format!(
            "{} of {}, Quarantine {}{}: {carries}. {}",
            record.id,
            target.instance_id,
            name(claim),
            if releasing { ", which is being deleted" } else { "" },
            if claim.spec.suspend {
                "It is suspended: set suspend: false to isolate it again."
            } else {
                "A running operator puts this right at its next look; if it stays so, read the conditions of the Quarantine."
            }
        ))
    })
    .collect()
}

/// What the interface shows instead of its isolation group alone.
fn drift(place: &Seen, record: &InterfaceStatus) -> Option<String> {
    let in_force = record.isolation_groups.last()?;
    let Some(seen) = place.interfaces.iter().find(|seen| seen.id == record.id) else {
        return Some("it doesn't exist any more".to_owned());
    };
    let isolated = !seen.groups.is_empty() && seen.groups.iter().all(|group| group == in_force);
    (!isolated).then(|| format!("it carries {} instead of {in_force}", seen.groups.join(", ")))
}

fn name(claim: &Quarantine) -> String {
    format!("{}/{}", claim.namespace().unwrap_or_default(), claim.name_any())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Tags;

    fn tagged(tags: &[(&str, &str)]) -> Picture {
        let tags: Tags =
            tags.iter().map(|(key, value)| (format!("quarantine-operator.dev/{key}"), (*value).to_owned())).collect();
        let interface = Interface {
            id: "eni-1".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            instance_id: Some("i-1".to_owned()),
            groups: vec!["sg-0".to_owned()],
            tags,
            ..Interface::default()
        };
        let seen =
            Seen { account_id: "111111111111".to_owned(), region: "eu-1".to_owned(), interfaces: vec![interface] };
        Picture { cluster_uid: "here".to_owned(), seen: vec![seen], ..Picture::default() }
    }

    #[test]
    fn what_somebody_forged_never_gets_into_a_command() {
        let forged = [
            ("cluster-uid", "here"),
            ("isolation-groups", "sg-0"),
            ("quarantine-uid", "a"),
            ("original-groups", "sg-1 sg-$(reboot)"),
            ("$(halt)", ""),
        ];
        let report = Report::of(&tagged(&forged));
        assert_eq!(report.outcome(), Outcome::Found);
        let said = report.to_string();
        assert!(said.contains("somebody forged them") && !said.contains("reboot") && !said.contains("halt"), "{said}");
    }

    #[test]
    fn the_tags_of_another_cluster_are_its_own_business() {
        let report = Report::of(&tagged(&[("cluster-uid", "elsewhere"), ("isolation-groups", "sg-0")]));
        assert_eq!(report.outcome(), Outcome::Clean);
    }

    #[test]
    fn what_could_not_be_looked_at_counts_more_than_what_was_found() {
        let unseen = vec![Unseen { place: "account 2".to_owned(), why: "No.".to_owned() }];
        let picture = Picture { unseen, ..tagged(&[("cluster-uid", "here")]) };
        let report = Report::of(&picture);
        assert_eq!((report.outcome(), report.without_record.len()), (Outcome::Incomplete, 1));
    }
}
