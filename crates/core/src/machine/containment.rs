//! The Containment loop: observe, decide, record, act; round and round until nothing is left to do.

use super::{Answer, Request};
use crate::{
    call::{Call, Outcome, Outcomes},
    decide::{Decision, NeedsLive, Then, World, decide},
    holders::Presence,
    interface::{Requeue, since},
    look::Look,
    object::Containment,
};
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// More rounds than any instance needs; what is left then is done at the next look.
const ROUNDS: u8 = 8;

/// A look that is older than this is made again before anything is decided from it or sent: what it showed may be somebody
/// else's by now.
const FRESH: Duration = Duration::from_secs(10);

/// One reconcile of a Containment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContainmentLoop {
    Begins,
    ReadsContainment,
    ReadsHolders(Box<Round>),
    Looks(Box<Round>),
    ReadsHoldersLive(Box<Round>),
    Records { round: Box<Round>, decision: Box<Decision> },
    Reports,
    Acts { round: Box<Round>, calls: Vec<Call>, requeue: Requeue },
    TakesFinalizerOff(Box<Round>),
    Deletes,
    Done,
}

/// What one round has observed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Round {
    number: u8,
    containment: Containment,
    quarantines: BTreeMap<String, Presence>,
    live: bool,
    looked_at: Timestamp,
    look: Look,
    outcomes: Outcomes,
    doubted: BTreeSet<String>,
}

impl ContainmentLoop {
    /// Takes the answer to the last request, and says what is wanted next.
    pub fn step(self, now: Timestamp, answer: Answer) -> (Self, Request) {
        match (self, answer) {
            (Self::Begins, Answer::Begin) => (Self::ReadsContainment, Request::ReadContainment { live: false }),
            (Self::ReadsContainment, Answer::Containment(Some(containment))) => {
                let round = Round {
                    number: 0,
                    containment,
                    quarantines: BTreeMap::new(),
                    live: false,
                    looked_at: now,
                    look: Look::default(),
                    outcomes: Outcomes::default(),
                    doubted: BTreeSet::new(),
                };
                let request = round.read_holders(false);
                (Self::ReadsHolders(Box::new(round)), request)
            }
            (Self::ReadsContainment, Answer::Containment(None)) => done(Requeue::Never),
            (Self::ReadsHolders(round), Answer::Holders(answers)) => {
                let round = Round { looked_at: now, ..round.with_holders(answers, false) };
                (Self::Looks(Box::new(round)), Request::Look { again: false })
            }
            (Self::Looks(round), Answer::Looked(Some(look))) => Round { look, ..*round }.decide(now),
            (Self::Looks(round), Answer::Looked(None)) => {
                (Self::Reports, Request::Report { version: round.containment.version })
            }
            (Self::Reports, Answer::Written(_)) => done(Requeue::Backoff),
            (Self::ReadsHoldersLive(round), Answer::Holders(answers)) => round.with_holders(answers, true).decide(now),
            (Self::Records { mut round, decision }, Answer::Written(Ok(version))) => {
                round.containment.version = version;
                round.containment.status = decision.status.clone();
                round.act(now, *decision)
            }
            (Self::Records { .. }, Answer::Written(Err(_))) => done(Requeue::Backoff),
            (Self::Acts { mut round, calls, requeue }, Answer::Acted(outcomes)) => {
                let settled =
                    |(call, outcome): (&Call, &Outcome)| call.is_settled_by_success() && *outcome == Outcome::Applied;
                if calls.iter().zip(&outcomes).all(settled) {
                    return done(requeue);
                }
                for (call, outcome) in calls.into_iter().zip(outcomes) {
                    round.outcomes.note(call, outcome);
                }
                round.doubted = BTreeSet::new();
                round.next_round(now, false)
            }
            (Self::TakesFinalizerOff(round), Answer::Written(Ok(version))) => {
                (Self::Deletes, Request::DeleteContainment { uid: round.containment.uid, version })
            }
            (Self::TakesFinalizerOff(_) | Self::Deletes, Answer::Written(Err(_))) => done(Requeue::Backoff),
            (Self::Deletes, Answer::Written(Ok(_))) => done(Requeue::Never),
            // An answer to another question: a mistake of the driver's, after which only a new reconcile is safe.
            _ => done(Requeue::Backoff),
        }
    }
}

fn done(requeue: Requeue) -> (ContainmentLoop, Request) {
    (ContainmentLoop::Done, Request::Done(requeue))
}

impl Round {
    fn read_holders(&self, live: bool) -> Request {
        Request::ReadHolders { holders: self.containment.holders.clone(), live }
    }

    fn with_holders(self, answers: Vec<Presence>, live: bool) -> Self {
        let uids = self.containment.holders.iter().map(|holder| holder.uid.clone());
        Self { quarantines: uids.zip(answers).collect(), live, ..self }
    }

    /// What was looked at may be somebody else's by now.
    fn is_old(&self, now: Timestamp) -> bool {
        since(self.looked_at, now) > FRESH
    }

    /// One more round, from a new look.
    fn next_round(mut self: Box<Self>, now: Timestamp, again: bool) -> (ContainmentLoop, Request) {
        self.number += 1;
        self.live = false;
        self.looked_at = now;
        if self.number >= ROUNDS {
            return done(Requeue::Backoff);
        }
        (ContainmentLoop::Looks(self), Request::Look { again })
    }

    fn decide(self, now: Timestamp) -> (ContainmentLoop, Request) {
        if self.is_old(now) {
            return Box::new(self).next_round(now, false);
        }
        let Self { number: _, containment, quarantines, live, looked_at: _, look, outcomes, doubted } = &self;
        match decide(&World { now, containment, quarantines, live: *live, look, outcomes, doubted }) {
            Err(NeedsLive) => {
                let request = self.read_holders(true);
                (ContainmentLoop::ReadsHoldersLive(Box::new(self)), request)
            }
            Ok(decision) => {
                let (version, decision) = (self.containment.version.clone(), Box::new(decision));
                let request = Request::Record { decision: decision.clone(), version };
                (ContainmentLoop::Records { round: Box::new(self), decision }, request)
            }
        }
    }

    /// What was decided stands in the object: the calls go out.
    fn act(mut self: Box<Self>, now: Timestamp, decision: Decision) -> (ContainmentLoop, Request) {
        let Decision { calls, then, doubted, .. } = decision;
        if !calls.is_empty() && self.is_old(now) {
            calls.into_iter().for_each(|call| self.outcomes.note(call, Outcome::HeldBack));
            return self.next_round(now, false);
        }
        if !calls.is_empty() {
            let requeue = match then {
                Then::LookAgain(requeue) => requeue,
                Then::End => Requeue::Backoff,
            };
            return (ContainmentLoop::Acts { round: self, calls: calls.clone(), requeue }, Request::Act { calls });
        }
        if !doubted.is_empty() {
            self.doubted = doubted;
            return self.next_round(now, true);
        }
        match then {
            Then::LookAgain(requeue) => done(requeue),
            Then::End if self.containment.finalized => {
                let version = self.containment.version.clone();
                let holders = self.containment.holders.clone();
                (ContainmentLoop::TakesFinalizerOff(self), Request::WriteHolders { holders, finalized: false, version })
            }
            Then::End => {
                let Containment { uid, version, .. } = self.containment;
                (ContainmentLoop::Deletes, Request::DeleteContainment { uid, version })
            }
        }
    }
}
