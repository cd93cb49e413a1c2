//! The operator: reconciles that run beside each other, one for each Containment's name, and what becomes of what they ask.

use crate::{
    chance::Chance,
    checks,
    world::{Claimed, LateCall, World, kind},
};
use quarantine_core::{
    call::{Call, Outcome},
    holders::Presence,
    machine::{Answer, ContainmentLoop, QuarantineLoop, Request, WriteFailure},
    object::{Containment, Holder, Status, Version},
};
use std::collections::BTreeMap;

pub enum Machine {
    Quarantine(String, QuarantineLoop),
    Containment(ContainmentLoop),
}

/// A reconcile under way, and what it asked.
pub struct Running {
    pub machine: Machine,
    pub asked: Request,
}

/// By the name of the Containment: one guard serves both loops.
#[derive(Default)]
pub struct Replica(pub BTreeMap<String, Running>);

impl Replica {
    /// Begins a reconcile, unless one of that name is under way.
    pub fn begin(&mut self, world: &World, name: &str, machine: Machine) -> bool {
        if self.0.contains_key(name) {
            return false;
        }
        let (machine, asked) = step(machine, world, Answer::Begin);
        self.keep(name, machine, asked);
        true
    }

    /// A call is on its way, or about to be.
    pub fn calls(&self) -> bool {
        self.0.values().any(|running| match &running.asked {
            Request::Act { .. } => true,
            Request::Record { decision, .. } => !decision.calls.is_empty(),
            _ => false,
        })
    }

    fn keep(&mut self, name: &str, machine: Machine, asked: Request) {
        if !matches!(asked, Request::Done(_)) {
            self.0.insert(name.to_owned(), Running { machine, asked });
        }
    }

    /// Answers what the reconcile of this name asked. `faults`: things may go wrong. Errors: a rule is broken.
    pub fn answer(
        &mut self,
        world: &mut World,
        name: &str,
        chance: &mut Chance,
        faults: bool,
    ) -> Result<String, String> {
        let Some(Running { machine, asked }) = self.0.remove(name) else { return Ok(String::new()) };
        let told = format!("{name} {}", short(&asked));
        let goes_wrong = faults && chance.in_a_hundred(12);
        let slot = match &machine {
            Machine::Quarantine(slot, _) => Some(slot.clone()),
            Machine::Containment(_) => None,
        };
        let Some(answer) = reply(world, name, slot.as_deref(), &asked, chance, goes_wrong)? else {
            // The replica died at this: another one begins anew.
            return Ok(format!("{told}: cut off"));
        };
        let (machine, asked) = step(machine, world, answer);
        self.keep(name, machine, asked);
        Ok(if goes_wrong { format!("{told}: goes wrong") } else { told })
    }
}

fn step(machine: Machine, world: &World, answer: Answer) -> (Machine, Request) {
    match machine {
        Machine::Quarantine(slot, machine) => {
            let (machine, asked) = machine.step(world.now, answer);
            (Machine::Quarantine(slot, machine), asked)
        }
        Machine::Containment(machine) => {
            let (machine, asked) = machine.step(world.now, answer);
            (Machine::Containment(machine), asked)
        }
    }
}

fn short(asked: &Request) -> String {
    let all = format!("{asked:?}");
    all.split([' ', '{', '(']).next().unwrap_or_default().to_owned()
        + &match asked {
            Request::Act { calls } => format!(" {calls:?}"),
            _ => String::new(),
        }
}

/// None: the replica is cut off here.
fn reply(
    world: &mut World,
    name: &str,
    slot: Option<&str>,
    asked: &Request,
    chance: &mut Chance,
    goes_wrong: bool,
) -> Result<Option<Answer>, String> {
    let stale = goes_wrong && chance.in_a_hundred(50);
    Ok(Some(match asked {
        Request::ReadContainment { live } => {
            Answer::Containment(read(&world.containments, &world.containments_before, name, stale && !live))
        }
        Request::ReadQuarantine { live } => {
            let slot = slot.unwrap_or_default();
            let found = read(&world.quarantines, &world.quarantines_before, slot, stale && !live);
            Answer::Quarantine(found.map(|found| found.object))
        }
        Request::ReadHolders { holders, live } => {
            if *live {
                let consenting = world.quarantines.values().filter(|found| checks::consents(found));
                let consenting = consenting.map(|found| found.object.uid.clone()).collect();
                world.consented.insert(name.to_owned(), consenting);
            }
            let of = |holder: &Holder| {
                let found = read(&world.quarantines, &world.quarantines_before, &holder.name, stale && !live);
                found.map_or(Presence::NotFound, |found| Presence::Found(for_instance(found, name)))
            };
            Answer::Holders(holders.iter().map(of).collect())
        }
        Request::Look { again } => {
            if *again {
                world.passes(1);
            }
            if goes_wrong && !stale {
                return Ok(Some(Answer::Looked(None)));
            }
            let Some(containment) = world.containments.get(name).cloned() else {
                return Ok(Some(Answer::Looked(None)));
            };
            let look = world.look(&containment, name, |older| {
                (stale && older > 0 && chance.in_a_hundred(60)).then(|| chance.below(older))
            });
            Answer::Looked(Some(look))
        }
        Request::Report { version } => Answer::Written(Ok(version.clone())),
        Request::Record { decision, version } => {
            let Some(before) = at(world, name, version) else {
                let harmless = decision.calls.is_empty()
                    && world.containments.get(name).is_some_and(|c| c.status == decision.status);
                let answer = if harmless { Ok(version.clone()) } else { Err(WriteFailure::Conflict) };
                return Ok(Some(Answer::Written(answer)));
            };
            if before.status == decision.status {
                return Ok(Some(Answer::Written(Ok(version.clone()))));
            }
            checks::may_record(world, name, &before, &decision.status)?;
            let next = Containment { status: decision.status.clone(), ..before };
            return write(world, name, goes_wrong, chance, |world| world.put_containment(name, Some(next)));
        }
        Request::WriteHolders { holders, finalized, version } => {
            let Some(before) = at(world, name, version) else { return Ok(Some(conflict())) };
            let next = Containment { holders: holders.clone(), finalized: *finalized, ..before };
            let ends = next.deleting && !next.finalized;
            if ends {
                checks::may_end(world, name, &next)?;
            }
            return write(world, name, goes_wrong, chance, |world| {
                world.put_containment(name, Some(next).filter(|_| !ends));
            });
        }
        Request::CreateContainment { holders } => {
            if world.containments.contains_key(name) {
                return Ok(Some(conflict()));
            }
            world.next_uid += 1;
            let created = Containment {
                uid: format!("c{}", world.next_uid),
                version: Version(String::new()),
                finalized: true,
                deleting: false,
                holders: holders.clone(),
                status: Status::default(),
            };
            return write(world, name, goes_wrong, chance, |world| world.put_containment(name, Some(created)));
        }
        Request::DeleteContainment { uid, version } => {
            let Some(before) = at(world, name, version).filter(|before| before.uid == *uid) else {
                return Ok(Some(conflict()));
            };
            if !before.finalized {
                checks::may_end(world, name, &before)?;
            }
            return write(world, name, goes_wrong, chance, |world| {
                let next = Containment { deleting: true, ..before };
                world.put_containment(name, Some(next).filter(|next| next.finalized));
            });
        }
        Request::WriteFinalizer { uid, finalized, version } => {
            let slot = slot.unwrap_or_default();
            let current = world.quarantines.get(slot).cloned();
            let current = current.filter(|found| found.object.uid == *uid && found.object.version == *version);
            let Some(mut next) = current else { return Ok(Some(conflict())) };
            if !finalized {
                checks::may_go(world, name, &next)?;
            }
            next.object.finalized = *finalized;
            let slot = slot.to_owned();
            let wrong = goes_wrong.then(|| chance.below(3));
            if wrong != Some(0) {
                world.put_quarantine(&slot, Some(next));
            }
            match wrong {
                Some(2) => return Ok(None),
                Some(_) => Answer::Written(Err(WriteFailure::Unanswered)),
                None => {
                    let version = world.quarantines.get(&slot).map(|found| found.object.version.clone());
                    Answer::Written(Ok(version.unwrap_or(Version(String::new()))))
                }
            }
        }
        Request::Act { calls } => {
            let mut outcomes = Vec::new();
            for call in calls {
                checks::may_send(world, name, call)?;
                outcomes.push(send(world, name, call, chance, goes_wrong));
            }
            if goes_wrong && chance.in_a_hundred(25) {
                return Ok(None);
            }
            Answer::Acted(outcomes)
        }
        Request::Done(_) => return Ok(None),
    }))
}

/// A Quarantine resolves for the Containment of its own instance only.
fn for_instance(found: Claimed, name: &str) -> quarantine_core::object::Quarantine {
    quarantine_core::object::Quarantine { resolved: found.instance == name, ..found.object }
}

fn read<T: Clone>(
    now: &BTreeMap<String, T>,
    before: &BTreeMap<String, Option<T>>,
    key: &str,
    stale: bool,
) -> Option<T> {
    let older = before.get(key).filter(|_| stale);
    older.cloned().unwrap_or_else(|| now.get(key).cloned())
}

fn at(world: &World, name: &str, version: &Version) -> Option<Containment> {
    world.containments.get(name).filter(|found| found.version == *version).cloned()
}

fn conflict() -> Answer {
    Answer::Written(Err(WriteFailure::Conflict))
}

/// A write that may be lost, or whose answer may, or at which the replica dies.
fn write(
    world: &mut World,
    name: &str,
    goes_wrong: bool,
    chance: &mut Chance,
    apply: impl FnOnce(&mut World),
) -> Result<Option<Answer>, String> {
    let wrong = goes_wrong.then(|| chance.below(3));
    if wrong != Some(0) {
        apply(world);
    }
    Ok(match wrong {
        Some(2) => None,
        Some(_) => Some(Answer::Written(Err(WriteFailure::Unanswered))),
        None => {
            let version = world.containments.get(name).map(|found| found.version.clone());
            Some(Answer::Written(Ok(version.unwrap_or(Version(String::new())))))
        }
    })
}

fn send(world: &mut World, name: &str, call: &Call, chance: &mut Chance, goes_wrong: bool) -> Outcome {
    if !goes_wrong {
        return world.apply(call, name);
    }
    match chance.below(5) {
        0 => Outcome::Refused,
        1 => Outcome::HeldBack,
        2 => {
            world.apply(call, name);
            Outcome::Unanswered
        }
        3 if kind(call).is_some() => {
            let late = LateCall { call: call.clone(), containment: name.to_owned(), signed_at: world.now };
            world.late.push(late);
            Outcome::Unanswered
        }
        _ => Outcome::Unanswered,
    }
}
