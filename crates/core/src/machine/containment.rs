//! The Containment loop: observe, decide, record, act; round and round until nothing is left to do.

use super::{Answer, Request};
use crate::{
    decide::{Decision, Look, NeedsLive, Then, World, decide},
    holders::Presence,
    interface::{Call, Outcomes, Requeue},
    object::Containment,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// More rounds than any instance needs; what is left then is done at the next look.
const ROUNDS: u8 = 8;

/// One reconcile of a Containment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ContainmentLoop {
    Begins,
    ReadsContainment,
    ReadsHolders(Box<Round>),
    Looks(Box<Round>),
    ReadsHoldersLive(Box<Round>),
    Records { round: Box<Round>, decision: Box<Decision> },
    Confirms { round: Box<Round>, decision: Box<Decision> },
    Acts { round: Box<Round>, calls: Vec<Call> },
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
    look: Look,
    outcomes: Outcomes,
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
                    look: Look::default(),
                    outcomes: Outcomes::new(),
                };
                let request = round.read_holders(false);
                (Self::ReadsHolders(Box::new(round)), request)
            }
            (Self::ReadsContainment, Answer::Containment(None)) => done(Requeue::Never),
            (Self::ReadsHolders(round), Answer::Holders(answers)) => {
                (Self::Looks(Box::new(round.with_holders(answers, false))), Request::Look)
            }
            (Self::Looks(round), Answer::Looked(Some(look))) => Round { look, ..*round }.decide(now),
            (Self::Looks(_), Answer::Looked(None)) => done(Requeue::Backoff),
            (Self::ReadsHoldersLive(round), Answer::Holders(answers)) => round.with_holders(answers, true).decide(now),
            (Self::Records { mut round, decision }, Answer::Written(Ok(version))) => {
                round.containment.version = version;
                round.containment.status = decision.status.clone();
                round.act(*decision)
            }
            (Self::Records { .. }, Answer::Written(Err(_))) => done(Requeue::Backoff),
            (Self::Confirms { round, decision }, Answer::Confirmed(true)) => round.act(*decision),
            (Self::Confirms { .. }, Answer::Confirmed(false)) => done(Requeue::Backoff),
            (Self::Acts { mut round, calls }, Answer::Acted(outcomes)) => {
                for (call, outcome) in calls.into_iter().zip(outcomes) {
                    if let Call::SetGroups { interface, attempt, .. } = call {
                        round.outcomes.insert((interface, attempt), outcome);
                    }
                }
                round.number += 1;
                round.live = false;
                if round.number >= ROUNDS { done(Requeue::Backoff) } else { (Self::Looks(round), Request::Look) }
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

    fn decide(self, now: Timestamp) -> (ContainmentLoop, Request) {
        let Self { number: _, containment, quarantines, live, look, outcomes } = &self;
        match decide(&World { now, containment, quarantines, live: *live, look, outcomes }) {
            Err(NeedsLive) => {
                let request = self.read_holders(true);
                (ContainmentLoop::ReadsHoldersLive(Box::new(self)), request)
            }
            Ok(decision) => self.record(decision),
        }
    }

    fn record(self, decision: Decision) -> (ContainmentLoop, Request) {
        let version = self.containment.version.clone();
        let (round, decision) = (Box::new(self), Box::new(decision));
        if decision.status != round.containment.status {
            let status = decision.status.clone();
            return (ContainmentLoop::Records { round, decision }, Request::WriteStatus { status, version });
        }
        if !decision.calls.is_empty() {
            return (ContainmentLoop::Confirms { round, decision }, Request::Confirm { version });
        }
        round.act(*decision)
    }

    /// What was decided stands in the object: the calls go out.
    fn act(self: Box<Self>, decision: Decision) -> (ContainmentLoop, Request) {
        let Decision { status: _, calls, then } = decision;
        if !calls.is_empty() {
            return (ContainmentLoop::Acts { round: self, calls: calls.clone() }, Request::Act { calls });
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
