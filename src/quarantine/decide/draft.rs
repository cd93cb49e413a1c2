//! The decision while it is being made: the next status, and what goes with it. Pure.

use crate::{
    api::{QuarantineStatus, RECONCILE_ANNOTATION, Reason, Time},
    model::{problem::Problem, text},
    quarantine::world::{Action, Again, Decision, Facts, FinalizerStep, Hold, Note, Outcomes, World},
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// A decision in the making.
pub struct Draft<'a> {
    pub facts: &'a Facts,
    pub outcomes: &'a Outcomes,
    pub status: QuarantineStatus,
    pub hold: Option<Hold>,
    pub actions: Vec<Action>,
    pub notes: Vec<Note>,
    pub again: Again,
}

impl<'a> Draft<'a> {
    pub fn new(world: &'a World) -> Self {
        let mut status = world.facts.claim.status.clone().unwrap_or_default();
        status.observed_generation = world.facts.claim.metadata.generation.unwrap_or_default();
        if let Some(asked) = asked_at(&world.facts) {
            status.last_handled_reconcile_at = Some(asked);
        }
        Self {
            facts: &world.facts,
            outcomes: &world.outcomes,
            status,
            hold: None,
            actions: Vec::new(),
            notes: Vec::new(),
            again: Again::NEVER,
        }
    }

    pub fn now(&self) -> Timestamp {
        self.facts.now
    }

    pub fn time(&self) -> Time {
        Time(self.facts.now)
    }

    /// Whether a person asks for a look now, or has just edited the claim: then nothing is put off.
    pub fn asked_now(&self) -> bool {
        let before = self.facts.claim.status.as_ref();
        let edited =
            before.is_none_or(|status| Some(status.observed_generation) != self.facts.claim.metadata.generation);
        let asked = asked_at(self.facts)
            .is_some_and(|asked| before.and_then(|status| status.last_handled_reconcile_at.as_ref()) != Some(&asked));
        edited || asked
    }

    /// Several interfaces may ask for the same group: it is made once.
    pub fn act(&mut self, action: Action) {
        if !self.actions.contains(&action) {
            self.actions.push(action);
        }
    }

    pub fn warn(&mut self, reason: Reason, message: impl Into<String>) {
        self.notes.push(Note { warning: true, reason, message: message.into() });
    }

    pub fn tell(&mut self, reason: Reason, message: impl Into<String>) {
        self.notes.push(Note { warning: false, reason, message: message.into() });
    }

    pub fn look_again(&mut self, again: Again) {
        self.again = self.again.sooner(again);
    }

    /// Looks again when the problem may have gone.
    pub fn look_after(&mut self, problem: &Problem) {
        self.look_again(problem.again());
    }

    pub fn finish(self, finalizer: FinalizerStep) -> Decision {
        let Self { facts: _, outcomes: _, status, hold, actions, notes, again } = self;
        Decision { finalizer, status, hold, actions, notes, again }
    }
}

/// As much of it as the status holds.
fn asked_at(facts: &Facts) -> Option<String> {
    facts.claim.metadata.annotations.as_ref()?.get(RECONCILE_ANNOTATION).map(|asked| text::cut(asked, 256))
}

/// How long ago `then` was; never negative.
pub fn since(then: &Time, now: Timestamp) -> Duration {
    now.duration_since(then.0).max(SignedDuration::ZERO).unsigned_abs()
}
