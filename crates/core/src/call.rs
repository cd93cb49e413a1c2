//! The calls that change something in AWS, and what became of them.

use crate::object::{Attempt, Groups};
use std::collections::BTreeMap;

/// One call that changes something in AWS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Give the interface these groups and no others.
    SetGroups {
        interface: String,
        attempt: Attempt,
        groups: Groups,
    },
    /// Write the second copy of the record onto the interface.
    Tag {
        interface: String,
        originals: Option<Groups>,
    },
    Untag {
        interface: String,
    },
    /// Make the managed isolation group of this VPC, or bring its rules in line.
    PrepareGroup {
        vpc_id: String,
    },
}

impl Call {
    /// A success of it needs no further look: nothing that is said depends on reading it back.
    pub fn is_settled_by_success(&self) -> bool {
        matches!(self, Self::Tag { .. })
    }
}

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    Applied,
    /// EC2 doesn't know the interface.
    NotFound,
    Refused,
    /// It may have been applied, or may be applied later.
    Unanswered,
    /// It was not carried out and won't be, for a reason that passes by itself: throttled, no budget, another replica leads.
    HeldBack,
}

/// What became of the calls of this reconcile.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Outcomes {
    /// Of those that set groups, by interface and attempt.
    pub swaps: BTreeMap<(String, Attempt), Outcome>,
    /// Of those that wrote or removed tags, by interface: the last one.
    pub tags: BTreeMap<String, Outcome>,
}

impl Outcomes {
    pub fn note(&mut self, call: Call, outcome: Outcome) {
        match call {
            Call::SetGroups { interface, attempt, .. } => {
                self.swaps.insert((interface, attempt), outcome);
            }
            Call::Tag { interface, .. } | Call::Untag { interface } => {
                self.tags.insert(interface, outcome);
            }
            Call::PrepareGroup { .. } => {}
        }
    }
}
