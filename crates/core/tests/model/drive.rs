//! The replica: begins reconciles, answers what they ask, and is cut off.

use crate::state::{CLASS, Machine, NAMES, Running, Setting, State, now};
use quarantine_core::{
    call::{Call, Outcome},
    decide::Decision,
    holders::Presence,
    machine::{Answer, ContainmentLoop, QuarantineLoop, Request, WriteFailure},
    object::{Containment, Holder, Quarantine},
};

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// As it should be.
    Well,
    /// From before the last write or change.
    Stale,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It isn't carried out, and nothing answers.
    Lost,
    /// It arrives later, and nothing answers.
    Late,
    /// AWS refuses.
    Refused,
    /// EC2 shows nothing of the interface, now and for a while.
    Missed,
}

impl Fate {
    pub const FAULTS: [Self; 6] = [Self::Stale, Self::AnswerLost, Self::Lost, Self::Late, Self::Refused, Self::Missed];

    /// Whether a request can meet it. What an answer to a read was when it was lost makes no difference: the reconcile ends.
    fn befalls(self, asked: &Request, state: &State) -> bool {
        match asked {
            Request::Record { decision, .. } if !state.would_differ(decision) => self == Self::Well,
            Request::ReadContainment { live }
            | Request::ReadQuarantine { live }
            | Request::ReadHolders { live, .. } => self == Self::Well || (self == Self::Stale && !live),
            // That a read is doubted makes no cache of it: what was missed or stale a moment ago is shown now.
            Request::Look { again: true } | Request::Report { .. } => self == Self::Well,
            Request::Look { again: false } => matches!(self, Self::Well | Self::Stale | Self::Missed),
            Request::Act { .. } => !matches!(self, Self::Stale | Self::Missed),
            Request::Done(_) => false,
            Request::Record { .. }
            | Request::WriteHolders { .. }
            | Request::CreateContainment { .. }
            | Request::DeleteContainment { .. }
            | Request::WriteFinalizer { .. } => matches!(self, Self::Well | Self::AnswerLost | Self::Lost | Self::Late),
        }
    }
}

impl State {
    /// Whether it changes something.
    pub fn changes(&self, asked: &Request) -> bool {
        Fate::Late.befalls(asked, self)
    }

    /// Whether what was decided is another status than the one that stands there.
    fn would_differ(&self, decision: &Decision) -> bool {
        self.containment.as_ref().is_none_or(|containment| containment.status != decision.status)
    }

    pub fn begin(&self, setting: Setting, machine: Which) -> Self {
        let mut next = self.clone();
        let machine = match machine {
            Which::Containment => Machine::Containment(ContainmentLoop::Begins),
            Which::Quarantine(slot) => Machine::Quarantine(slot, QuarantineLoop::new(self.entry(setting, slot))),
        };
        next.advance(machine, Answer::Begin);
        next
    }

    fn advance(&mut self, machine: Machine, answer: Answer) {
        let (machine, asked) = match machine {
            Machine::Containment(machine) => {
                let (machine, asked) = machine.step(now(), answer);
                (Machine::Containment(machine), asked)
            }
            Machine::Quarantine(slot, machine) => {
                let (machine, asked) = machine.step(now(), answer);
                (Machine::Quarantine(slot, machine), asked)
            }
        };
        self.running = Some(Running { machine, asked });
        if matches!(self.running, Some(Running { asked: Request::Done(_), .. })) {
            self.end_reconcile();
        }
    }

    pub fn end_reconcile(&mut self) {
        self.running = None;
        self.ghost.recorded_for.clear();
        self.ghost.consented.clear();
        self.ghost.present.clear();
        self.ghost.left.clear();
        self.ghost.saw_founder = false;
    }

    /// Answers what the reconcile under way asks. None: this fate doesn't apply to it, or makes no difference.
    pub fn answer(&self, fate: Fate) -> Option<Result<Self, String>> {
        if !self.running.as_ref().is_some_and(|running| fate.befalls(&running.asked, self)) {
            return None;
        }
        let mut next = self.clone();
        let Running { machine, asked } = next.running.take()?;
        let answer = match next.answer_to(&machine, &asked, fate) {
            Ok(answer) => answer?,
            Err(rule) => return Some(Err(rule)),
        };
        next.advance(machine, answer);
        Some(Ok(next))
    }

    /// The replica dies; what it asked may be carried out, now or later.
    pub fn cut_off(&self, fate: Fate) -> Option<Result<Self, String>> {
        let asked = &self.running.as_ref()?.asked;
        let carried_out = matches!(fate, Fate::AnswerLost | Fate::Late) && fate.befalls(asked, self);
        if !carried_out && fate != Fate::Lost {
            return None;
        }
        let mut next = self.clone();
        let Running { machine, asked } = next.running.take()?;
        if carried_out && let Err(rule) = next.answer_to(&machine, &asked, fate) {
            return Some(Err(rule));
        }
        next.end_reconcile();
        Some(Ok(next))
    }

    /// Carries the request out as its fate has it, and answers. None: this fate doesn't apply.
    fn answer_to(&mut self, machine: &Machine, asked: &Request, fate: Fate) -> Result<Option<Answer>, String> {
        self.may_write(asked)?;
        let answer = match (asked, fate) {
            (Request::ReadContainment { live }, _) => match self.containment_as(*live, fate) {
                Some(containment) => Answer::Containment(containment),
                None => return Ok(None),
            },
            (Request::ReadQuarantine { live }, _) => {
                let Machine::Quarantine(slot, _) = machine else {
                    return Err("only a Quarantine's loop reads its own".to_owned());
                };
                match self.quarantine_as(*slot, *live, fate) {
                    Some(quarantine) => Answer::Quarantine(quarantine),
                    None => return Ok(None),
                }
            }
            (Request::ReadHolders { holders, live }, _) => {
                let Some(presences) = self.holders_as(holders, *live, fate) else { return Ok(None) };
                if *live {
                    let founds = |presence: &Presence| matches!(presence, Presence::Found(q) if q.finalized && !q.deleting && !q.suspended && q.resolved);
                    self.ghost.saw_founder |= presences.iter().any(founds);
                    let found = presences.iter().filter_map(|presence| match presence {
                        Presence::Found(quarantine) => Some(quarantine.uid.clone()),
                        Presence::NotFound => None,
                    });
                    self.ghost.present = found.collect();
                    let consenting = holders.iter().filter(|holder| self.consents(holder));
                    self.ghost.consented = consenting.map(|holder| holder.uid.clone()).collect();
                }
                Answer::Holders(presences)
            }
            (Request::Look { .. }, Fate::Missed) if self.interface.is_some() && !self.hidden => {
                self.hidden = true;
                Answer::Looked(self.look(false))
            }
            (Request::Look { .. }, Fate::Well | Fate::Stale) => match self.look(fate == Fate::Stale) {
                Some(look) => Answer::Looked(Some(look)),
                None => return Ok(None),
            },
            (Request::Record { decision, version }, Fate::Well) if !self.would_differ(decision) => {
                let containment = self.containment.clone().filter(|containment| containment.version == *version);
                if let Some(containment) = &containment {
                    self.ghost.recorded_for = containment.holders.clone();
                }
                let confirmed = containment.is_some() || decision.calls.is_empty();
                Answer::Written(if confirmed { Ok(version.clone()) } else { Err(WriteFailure::Conflict) })
            }
            (Request::Report { version }, Fate::Well) => Answer::Written(Ok(version.clone())),
            (Request::Act { calls }, _) => match self.send(calls, fate)? {
                Some(outcomes) => Answer::Acted(outcomes),
                None => return Ok(None),
            },
            (Request::Look { .. } | Request::Report { .. } | Request::Done(_), _) => return Ok(None),
            (write, Fate::Well) => Answer::Written(self.write(write)?),
            (write, Fate::AnswerLost) => {
                self.write(write)?.ok();
                Answer::Written(Err(WriteFailure::Unanswered))
            }
            (_, Fate::Lost) => Answer::Written(Err(WriteFailure::Unanswered)),
            (write, Fate::Late) => {
                self.late_writes.push((write.clone(), self.ghost.saw_founder));
                Answer::Written(Err(WriteFailure::Unanswered))
            }
            (_, Fate::Stale | Fate::Refused | Fate::Missed) => return Ok(None),
        };
        Ok(Some(answer))
    }

    fn send(&mut self, calls: &[Call], fate: Fate) -> Result<Option<Vec<Outcome>>, String> {
        let mut outcomes = Vec::new();
        for call in calls {
            self.may_send(call)?;
            outcomes.push(match fate {
                Fate::Well => self.apply(call)?,
                Fate::Refused => Outcome::Refused,
                Fate::AnswerLost => {
                    self.apply(call)?;
                    Outcome::Unanswered
                }
                Fate::Lost => Outcome::Unanswered,
                Fate::Late => {
                    // What a late tag says is of no weight: only groups are told apart by when they arrive.
                    if super::ec2::kind(call).is_none() {
                        return Ok(None);
                    }
                    self.late_calls.push((call.clone(), now()));
                    Outcome::Unanswered
                }
                Fate::Stale | Fate::Missed => return Ok(None),
            });
        }
        Ok(Some(outcomes))
    }

    fn containment_as(&self, live: bool, fate: Fate) -> Option<Option<Containment>> {
        match fate {
            Fate::Well => Some(self.containment.clone()),
            Fate::Stale if !live => self.before.containment.clone(),
            _ => None,
        }
    }

    fn quarantine_as(&self, slot: usize, live: bool, fate: Fate) -> Option<Option<Quarantine>> {
        match fate {
            Fate::Well => Some(self.quarantines[slot].clone()),
            Fate::Stale if !live => self.before.quarantines[slot].clone(),
            _ => None,
        }
    }

    fn holders_as(&self, holders: &[Holder], live: bool, fate: Fate) -> Option<Vec<Presence>> {
        let stale = match fate {
            Fate::Well => false,
            Fate::Stale if !live && self.before.quarantines.iter().any(Option::is_some) => true,
            _ => return None,
        };
        let of = |holder: &Holder| {
            let slot = NAMES.iter().position(|name| *name == holder.name)?;
            let before = self.before.quarantines[slot].clone().filter(|_| stale);
            before.unwrap_or_else(|| self.quarantines[slot].clone())
        };
        Some(holders.iter().map(|holder| of(holder).map_or(Presence::NotFound, Presence::Found)).collect())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    Quarantine(usize),
    Containment,
}

impl Which {
    pub const ALL: [Self; 3] = [Self::Quarantine(0), Self::Quarantine(1), Self::Containment];
}

impl State {
    /// What is admitted of the Quarantine in this slot.
    fn entry(&self, setting: Setting, slot: usize) -> Holder {
        Holder {
            namespace: "ns".to_owned(),
            name: NAMES[slot].to_owned(),
            uid: self.quarantines[slot].as_ref().map(|quarantine| quarantine.uid.clone()).unwrap_or_default(),
            joined_at: now(),
            class_name: CLASS.to_owned(),
            approval_always: setting.approval_always,
        }
    }
}
