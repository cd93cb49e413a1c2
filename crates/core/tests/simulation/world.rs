//! The API server and EC2: objects with versions, interfaces whose reads may be a minute old, calls that may arrive late.

use jiff::{SignedDuration, Timestamp};
use quarantine_core::{
    call::{Call, Outcome},
    interface::{ARRIVES_WITHIN, UNSETTLED},
    look::{Backup, Group, Look, Seen},
    object::{AttemptKind, Containment, Groups, Holder, Quarantine, Record, Version},
};
use std::collections::{BTreeMap, BTreeSet};

pub const INSTANCES: [&str; 3] = ["i-a", "i-b", "i-c"];
pub const VPCS: [&str; 2] = ["vpc-1", "vpc-2"];
pub const CLASSES: [&str; 2] = ["strict", "usual"];

/// The isolation group of a class in a VPC.
pub fn isolation(class: &str, vpc_id: &str) -> String {
    format!("sg-{class}-{vpc_id}")
}

pub fn all_isolating() -> Groups {
    CLASSES.iter().flat_map(|class| VPCS.iter().map(|vpc_id| isolation(class, vpc_id))).collect()
}

/// A Quarantine, and what it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub object: Quarantine,
    pub instance: &'static str,
    pub class: &'static str,
}

/// The tags on an interface.
#[derive(Clone, Debug, PartialEq)]
pub struct Tags {
    pub containment: String,
    pub uid: String,
    pub originals: Option<Groups>,
}

#[derive(Clone, Debug)]
pub struct Interface {
    pub vpc_id: &'static str,
    pub exists: bool,
    pub attached_to: Option<&'static str>,
    pub groups: Groups,
    pub tags: Option<Tags>,
    /// What it was before, and until when a read may still show that.
    pub before: Vec<(Timestamp, Groups)>,
    /// Everything that it ever carried.
    pub ever: Vec<Groups>,
    /// What somebody else last set: what it is to have at the end.
    pub own: Groups,
    /// Somebody else set groups, and we have not seen it since: what it is to have depends on what we saw.
    pub foreign_since: bool,
}

#[derive(Clone, Debug)]
pub struct LateCall {
    pub call: Call,
    pub containment: String,
    pub signed_at: Timestamp,
}

pub struct World {
    pub now: Timestamp,
    pub quarantines: BTreeMap<String, Claimed>,
    pub containments: BTreeMap<String, Containment>,
    /// As caches may still show them.
    pub quarantines_before: BTreeMap<String, Option<Claimed>>,
    pub containments_before: BTreeMap<String, Option<Containment>>,
    pub interfaces: BTreeMap<String, Interface>,
    pub late: Vec<LateCall>,
    /// Who had consented when the reconcile of that name last read live: consent is decided then, and not again.
    pub consented: BTreeMap<String, BTreeSet<String>>,
    next_version: u64,
    pub next_uid: u64,
}

impl World {
    pub fn new() -> Self {
        let interface = |vpc_id, attached_to, own: &str| Interface {
            vpc_id,
            exists: true,
            attached_to: Some(attached_to),
            groups: Groups::from([own.to_owned()]),
            tags: None,
            before: Vec::new(),
            ever: vec![Groups::from([own.to_owned()])],
            own: Groups::from([own.to_owned()]),
            foreign_since: false,
        };
        let interfaces = [
            ("eni-0", interface(VPCS[0], INSTANCES[0], "sg-web")),
            ("eni-1", interface(VPCS[1], INSTANCES[0], "sg-admin")),
            ("eni-2", interface(VPCS[0], INSTANCES[1], "sg-db")),
        ];
        Self {
            now: Timestamp::UNIX_EPOCH,
            quarantines: BTreeMap::new(),
            containments: BTreeMap::new(),
            quarantines_before: BTreeMap::new(),
            containments_before: BTreeMap::new(),
            interfaces: interfaces.into_iter().map(|(id, interface)| (id.to_owned(), interface)).collect(),
            late: Vec::new(),
            consented: BTreeMap::new(),
            next_version: 1,
            next_uid: 1,
        }
    }

    pub fn passes(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
        self.quarantines_before.clear();
        self.containments_before.clear();
        let now = self.now;
        for interface in self.interfaces.values_mut() {
            interface.before.retain(|(until, _)| *until > now);
        }
        self.late.retain(|late| now.duration_since(late.signed_at).unsigned_abs() < ARRIVES_WITHIN);
    }

    fn version(&mut self) -> Version {
        self.next_version += 1;
        Version(self.next_version.to_string())
    }

    pub fn put_quarantine(&mut self, name: &str, next: Option<Claimed>) {
        let before = self.quarantines.get(name).cloned();
        let next = next.filter(|next| next.object.finalized || !next.object.deleting);
        if before == next {
            return;
        }
        match next {
            Some(mut next) => {
                next.object.version = self.version();
                self.quarantines.insert(name.to_owned(), next);
            }
            None => {
                self.quarantines.remove(name);
            }
        }
        self.quarantines_before.insert(name.to_owned(), before);
    }

    pub fn put_containment(&mut self, name: &str, next: Option<Containment>) {
        let before = self.containments.get(name).cloned();
        match next {
            Some(mut next) => {
                next.version = self.version();
                self.containments.insert(name.to_owned(), next);
            }
            None => {
                self.containments.remove(name);
            }
        }
        self.containments_before.insert(name.to_owned(), before);
    }

    /// A change of groups; reads may show the old ones for a while.
    pub fn set_groups(&mut self, id: &str, groups: Groups) {
        let until = self.now + SignedDuration::try_from(UNSETTLED).expect("a minute");
        if let Some(interface) = self.interfaces.get_mut(id)
            && interface.groups != groups
        {
            interface.ever.push(groups.clone());
            let old = std::mem::replace(&mut interface.groups, groups);
            interface.before.push((until, old));
        }
    }

    /// A call reaches EC2.
    pub fn apply(&mut self, call: &Call, containment: &str) -> Outcome {
        match call {
            Call::SetGroups { interface, groups, .. } => {
                if self.interfaces.get(interface).is_none_or(|seen| !seen.exists) {
                    return Outcome::NotFound;
                }
                self.set_groups(interface, groups.clone());
            }
            Call::Tag { interface, originals } => {
                let uid = self.containments.get(containment).map(|c| c.uid.clone()).unwrap_or_default();
                if let Some(seen) = self.interfaces.get_mut(interface).filter(|seen| seen.exists) {
                    seen.tags = Some(Tags { containment: containment.to_owned(), uid, originals: originals.clone() });
                }
            }
            Call::Untag { interface } => {
                if let Some(seen) = self.interfaces.get_mut(interface) {
                    seen.tags = None;
                }
            }
            Call::PrepareGroup { .. } => {}
        }
        Outcome::Applied
    }

    /// What a read shows of the instance of this Containment; `stale` picks older groups where a read may still show them.
    pub fn look(&self, containment: &Containment, name: &str, mut stale: impl FnMut(usize) -> Option<usize>) -> Look {
        let recorded: BTreeSet<&String> = containment.sought_records().map(|record| &record.id).collect();
        let mut interfaces = BTreeMap::new();
        let (mut held_there, mut by_others) = (BTreeMap::new(), BTreeMap::new());
        for (id, interface) in &self.interfaces {
            let attached = interface.attached_to == Some(instance_of(name));
            if !interface.exists || !(attached || recorded.contains(id)) {
                continue;
            }
            let older = stale(interface.before.len()).and_then(|index| interface.before.get(index));
            let groups = older.map_or(&interface.groups, |(_, groups)| groups).clone();
            let record = containment.status.records.iter().find(|record| record.id == *id);
            let backup = backup(interface, containment, record, &groups);
            let seen =
                Seen { vpc_id: interface.vpc_id.to_owned(), groups, attached, primary: false, managed: false, backup };
            interfaces.insert(id.clone(), seen);
            if let Some(there) = interface.attached_to.filter(|there| !attached && *there != instance_of(name))
                && let Some(other) = self.containments.get(there).filter(|other| is_held(other))
            {
                let in_force = other.live_records().find(|record| record.vpc_id == interface.vpc_id);
                held_there.insert(id.clone(), in_force.map(|record| record.in_force.clone()));
            }
            for (other_name, other) in self.containments.iter().filter(|(other, _)| *other != name) {
                if let Some(theirs) = other.live_records().find(|record| record.id == *id) {
                    let older =
                        record.is_none_or(|own| (theirs.recorded_at, other_name.as_str()) < (own.recorded_at, name));
                    by_others.insert(id.clone(), older);
                }
            }
        }
        let given = containment.holders.iter().flat_map(|holder| {
            VPCS.iter().map(move |vpc_id| {
                let group = Group { id: Some(isolation(&holder.class_name, vpc_id)), prepare: false };
                ((holder.uid.clone(), (*vpc_id).to_owned()), group)
            })
        });
        Look {
            interfaces,
            groups: given.collect(),
            isolating: all_isolating(),
            priorities: BTreeMap::from([(CLASSES[0].to_owned(), 10), (CLASSES[1].to_owned(), 0)]),
            existing: None,
            held_there,
            recorded_by_others: by_others,
        }
    }
}

/// The instance whose Containment has this name.
pub fn instance_of(name: &str) -> &'static str {
    INSTANCES.iter().find(|instance| **instance == name).copied().unwrap_or_default()
}

fn is_held(containment: &Containment) -> bool {
    containment.holders.iter().any(|holder: &Holder| !containment.status.released.contains(&holder.uid))
}

/// As the operator reads tags: those of another Containment count only while what they say isolates is still on.
fn backup(interface: &Interface, containment: &Containment, record: Option<&Record>, groups: &Groups) -> Backup {
    let Some(tags) = &interface.tags else { return Backup::None };
    let own = tags.uid == containment.uid;
    if !own && !groups.iter().any(|group| all_isolating().contains(group)) {
        return Backup::None;
    }
    let whole = own && record.is_some_and(|record| record.originals == tags.originals);
    Backup::Ours { originals: tags.originals.clone(), whole }
}

pub fn kind(call: &Call) -> Option<AttemptKind> {
    match call {
        Call::SetGroups { attempt, .. } => Some(attempt.kind),
        Call::Tag { .. } | Call::Untag { .. } | Call::PrepareGroup { .. } => None,
    }
}
