//! What one look did, and how a case asks about it.

use crate::{
    api::{Condition, ConditionStatus, ConditionType, Quarantine, QuarantineStatus, Reason},
    quarantine::world::{Action, ActionKind, Again, Decision, FinalizerStep, Note, Pauses},
};
use std::time::Duration;

/// The pauses as the operator has them by default, the growing one before it has grown.
pub const RESYNC: Duration = Duration::from_secs(60);
pub const WAIT: Duration = Duration::from_secs(300);
pub const SOON: Duration = Duration::from_millis(500);

/// How long until the next look.
pub fn pause(again: Again) -> Option<Duration> {
    again.pause(Pauses { growing: SOON, resync: RESYNC, wait: WAIT })
}

impl Decision {
    pub fn pause(&self) -> Option<Duration> {
        pause(self.again)
    }
}

/// What one look did.
pub struct Looked {
    pub status: QuarantineStatus,
    pub actions: Vec<Action>,
    pub notes: Vec<Note>,
    pub again: Again,
    /// The finalizer was added in this look, or taken away.
    pub finalizer: FinalizerStep,
    pub rounds: usize,
    /// How often the status was written.
    pub writes: usize,
}

impl Looked {
    pub fn condition(&self, type_: ConditionType) -> Condition {
        self.status
            .conditions
            .iter()
            .find(|condition| condition.is(type_))
            .unwrap_or_else(|| panic!("no {type_}: {:#?}", self.status))
            .clone()
    }

    pub fn has(&self, type_: ConditionType) -> bool {
        self.status.conditions.iter().any(|condition| condition.is(type_))
    }

    /// The condition stands so, and its message holds each of these words.
    pub fn says(&self, type_: ConditionType, status: ConditionStatus, reason: Reason, words: &[&str]) {
        let condition = self.condition(type_);
        assert_eq!(
            (condition.status, condition.reason.as_str()),
            (status, reason.as_str().as_str()),
            "{}",
            condition.message
        );
        for word in words {
            assert!(condition.message.contains(word), "{word:?} is not in {:?}", condition.message);
        }
    }

    /// How long until the next look.
    pub fn pause(&self) -> Option<Duration> {
        pause(self.again)
    }

    pub fn did(&self, kind: ActionKind) -> usize {
        self.actions.iter().filter(|action| action.kind() == kind).count()
    }

    pub fn told(&self, reason: Reason) -> usize {
        self.notes.iter().filter(|note| note.reason == reason).count()
    }

    /// Whoever is left something to do looks again: soon after what passes by itself, at the usual pace where something
    /// is held, within five minutes in any case; and never without a pause, but for an instance that was just resolved.
    pub fn comes_back_in_time(&self, claim: &Quarantine, seen: bool, passing: bool) {
        let deleting = claim.is_deleting();
        let unheld = deleting && claim.metadata.finalizers.is_none();
        let Some(pause) = self.pause() else {
            return assert!(unheld, "something is left, and nobody looks again: {:#?}", self.status);
        };
        assert!(!unheld, "nothing is left, and it is looked at again after {pause:?}");
        let resolving = self.status.conditions.iter().any(|condition| condition.reason == "Resolving");
        assert!(pause >= SOON || resolving, "no pause: {:#?}", self.status);
        let seen = seen && self.has(ConditionType::TargetResolved);
        let held = seen && !deleting && !self.status.interfaces.is_empty();
        let longest = if passing {
            SOON
        } else if held {
            RESYNC
        } else {
            WAIT
        };
        assert!(pause <= longest, "the next look comes after {pause:?}, not {longest:?}: {:#?}", self.status);
    }

    /// Nothing was changed, written or told.
    pub fn is_quiet(&self) {
        assert_eq!(self.actions, []);
        assert_eq!(self.notes, []);
        assert_eq!(self.writes, 0, "{:#?}", self.status);
    }
}
