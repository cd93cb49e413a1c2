//! One state of the model: what the API server, EC2, and the one replica hold, and what is still on its way between them.

use jiff::{SignedDuration, Timestamp};
use quarantine_core::{
    call::Call,
    interface::{ARRIVES_WITHIN, MINDED_FOR, UNSETTLED},
    look::Backup,
    machine::{ContainmentLoop, QuarantineLoop, Request},
    object::{Attempt, AttemptKind, Containment, Groups, Holder, Quarantine},
};
use std::{
    collections::BTreeMap,
    hash::{Hash, Hasher},
    sync::Arc,
    time::Duration,
};

pub const NAMES: [&str; 2] = ["a", "b"];
pub const INTERFACE: &str = "eni";
pub const VPC: &str = "vpc";
pub const CLASS: &str = "class";

/// It is always now: what is remembered grows older instead.
pub fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

pub fn own() -> Groups {
    Groups::from(["own".to_owned()])
}

pub fn isolated() -> Groups {
    Groups::from(["iso".to_owned()])
}

pub fn foreign() -> Groups {
    Groups::from(["foreign".to_owned()])
}

/// What somebody writes into our tags.
pub fn forged() -> Option<Groups> {
    Some(Groups::from(["forged".to_owned()]))
}

/// What doesn't change.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setting {
    pub approval_always: bool,
    /// The search begins where both Quarantines hold, contained and at rest; else with nothing.
    pub begins_held: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    pub quarantines: [Option<Quarantine>; 2],
    /// How often each name was created.
    pub created: [u8; 2],
    pub containment: Option<Containment>,
    pub containments_created: u8,
    /// What each was before its last write: a cache may still show it.
    pub before: Before,
    pub interface: Option<Interface>,
    /// EC2's reads don't show the interface, though it is there.
    pub hidden: bool,
    /// Calls that the client gave up on and that may still arrive.
    pub late_calls: Vec<(Call, Timestamp)>,
    /// Writes that may still arrive, until time passes; each with whether its reconcile had seen a founder.
    pub late_writes: Vec<(Request, bool)>,
    pub running: Option<Running>,
    /// What etcd held when the search began: somebody may put it back.
    pub snapshot: Snapshot,
    pub faults: u8,
    pub acts: u8,
    pub ghost: Ghost,
}

/// The same in every state of a search, so no part of what tells states apart.
#[derive(Clone, Debug, Default)]
pub struct Snapshot(pub Arc<([Option<Quarantine>; 2], Option<Containment>)>);

impl PartialEq for Snapshot {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Snapshot {}

impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Before {
    pub quarantines: [Option<Option<Quarantine>>; 2],
    pub containment: Option<Option<Containment>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    pub groups: Groups,
    /// What it carried before its last change, while a read may still show that.
    pub before: Option<Groups>,
    pub backup: Backup,
}

/// The reconcile that is under way, and what it has asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Running {
    pub machine: Machine,
    pub asked: Request,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    Quarantine(usize, QuarantineLoop),
    Containment(ContainmentLoop),
}

/// What only the checks know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ghost {
    /// The last change of groups was our swap.
    pub isolated_by_us: bool,
    /// A person took the way back away, or gave the interface up as it is.
    pub excused: bool,
    /// Holders as they were in the Containment when this reconcile last had a status acknowledged.
    pub recorded_for: Vec<Holder>,
    /// Holders that had consented when this reconcile last read them live.
    pub consented: Vec<String>,
    /// Holders whose Quarantine was there when this reconcile last read them live.
    pub present: Vec<String>,
    /// Holders whose entry this reconcile has taken out.
    pub left: Vec<String>,
    /// This reconcile has read live a Quarantine that wants the instance contained.
    pub saw_founder: bool,
}

impl State {
    pub fn initial(faults: u8, acts: u8) -> Self {
        Self {
            quarantines: [None, None],
            created: [0, 0],
            containment: None,
            containments_created: 0,
            before: Before::default(),
            interface: Some(Interface { groups: own(), before: None, backup: Backup::None }),
            hidden: false,
            late_calls: Vec::new(),
            late_writes: Vec::new(),
            running: None,
            snapshot: Snapshot::default(),
            faults,
            acts,
            ghost: Ghost::default(),
        }
    }

    /// Lets time pass. Ages are told apart only by whether a read may still be older, and whether a call may still arrive.
    pub fn age(&mut self, by: Duration) {
        let by = SignedDuration::try_from(by).expect("some minutes");
        self.late_writes.clear();
        self.before = Before::default();
        if let Some(interface) = &mut self.interface {
            interface.before = None;
        }
        let older = |at: &mut Timestamp| *at = class_of(*at - by);
        for (_, sent_at) in &mut self.late_calls {
            older(sent_at);
        }
        self.late_calls.retain(|(_, sent_at)| now().duration_since(*sent_at).unsigned_abs() < ARRIVES_WITHIN);
        let Some(containment) = &mut self.containment else { return };
        for holder in &mut containment.holders {
            older(&mut holder.joined_at);
        }
        let status = &mut containment.status;
        status.empty_since.iter_mut().for_each(older);
        for record in &mut status.records {
            older(&mut record.recorded_at);
            record.swapped_at.iter_mut().for_each(older);
            record.missing_since.iter_mut().for_each(older);
            record.drift.last.iter_mut().for_each(older);
            for Attempt { at, .. } in &mut record.unanswered {
                older(at);
            }
            // Attempts of one class of age would be the same: they need only differ.
            let mut seen: BTreeMap<(Timestamp, AttemptKind), ()> = BTreeMap::new();
            record.unanswered.retain(|attempt| seen.insert((attempt.at, attempt.kind), ()).is_none());
        }
        super::api_server::stamp_containment(containment);
    }
}

/// Just now, a minute ago, so long ago that nothing can arrive any more, or that every read shows it.
fn class_of(at: Timestamp) -> Timestamp {
    let age = now().duration_since(at).unsigned_abs();
    let age = if age >= MINDED_FOR {
        MINDED_FOR
    } else if age >= ARRIVES_WITHIN {
        ARRIVES_WITHIN
    } else if age >= UNSETTLED {
        UNSETTLED
    } else {
        Duration::ZERO
    };
    now() - SignedDuration::try_from(age).expect("some minutes")
}
