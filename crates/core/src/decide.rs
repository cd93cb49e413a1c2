//! The Containment loop's decision. Pure: from one picture of the world to the next status, the calls, and when to look again.

use crate::{
    holders::{self, Presence, Situation, Standing},
    interface::{self, Backup, Call, Move, Outcomes, Requeue, Seen, UNSETTLED, since},
    object::{Containment, Groups, Holder, Quarantine, Record, State, Status},
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What AWS shows of the instance, and which groups isolate there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Look {
    /// The instance's interfaces, and recorded ones wherever they are.
    pub interfaces: BTreeMap<String, Seen>,
    /// For each class and VPC the group that it gives, where that is known to isolate.
    pub groups: BTreeMap<(String, String), String>,
    /// Every other group of which a class or a record says that it isolates.
    pub isolating: Groups,
    pub priorities: BTreeMap<String, i32>,
}

/// Everything that one decision is made from.
#[derive(Clone, Debug)]
pub struct World<'a> {
    pub now: Timestamp,
    pub containment: &'a Containment,
    pub quarantines: &'a BTreeMap<String, Presence>,
    /// The Quarantines were read from the API server after the look, not from a cache.
    pub live: bool,
    pub look: &'a Look,
    pub outcomes: &'a Outcomes,
}

/// What one round does. The status is stored before any of the calls is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    pub status: Status,
    pub calls: Vec<Call>,
    pub then: Then,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Then {
    LookAgain(Requeue),
    /// Nothing is held and nobody holds: the object goes.
    End,
}

/// The decision changes what a cache is not trusted with: the first record, a release. Read the Quarantines live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeedsLive;

/// Decides what one round does.
pub fn decide(world: &World<'_>) -> Result<Decision, NeedsLive> {
    let standings = holders::standings(world.containment, world.quarantines);
    let priority = |class: &str| world.look.priorities.get(class).copied().unwrap_or_default();
    let tags_differ = world.containment.live_records().any(|record| tags_differ(world, record));
    match holders::situation(world.containment, &standings, world.quarantines, tags_differ, priority) {
        Situation::Held { in_charge } => held(world, &standings, &in_charge),
        Situation::Paused => Ok(as_it_is(world, Requeue::Resync)),
        Situation::Released { leaving } if world.live => Ok(released(world, leaving)),
        Situation::Retained { leaving } if world.live => Ok(retained(world, leaving)),
        Situation::Released { .. } | Situation::Retained { .. } => Err(NeedsLive),
        Situation::WindingUp => Ok(wind_up(world)),
    }
}

/// A holder stays: every interface is recorded and kept isolated.
fn held(world: &World<'_>, standings: &[(&Holder, Standing)], in_charge: &Holder) -> Result<Decision, NeedsLive> {
    let found = world.containment.has_live_records();
    if !found && !standings.iter().any(|(holder, standing)| *standing == Standing::Wants && founds(world, holder)) {
        let waits = standings.iter().any(|(_, standing)| matches!(standing, Standing::Wants | Standing::Suspended));
        return if waits { Ok(as_it_is(world, Requeue::Resync)) } else { empty(world) };
    }
    if !found && !world.live {
        return Err(NeedsLive);
    }
    let isolating = isolating(world);
    let group = |vpc: &str| world.look.groups.get(&(in_charge.class_name.clone(), vpc.to_owned())).map(String::as_str);
    let known = &world.containment.status.records;
    let new = new_records(world, &isolating, |seen| group(&seen.vpc_id));
    let anew: BTreeSet<&String> = new.iter().map(|record| &record.id).collect();
    let records = known.iter().filter(|record| !anew.contains(&record.id)).chain(&new);
    let moves = records.map(|record| {
        let seen = world.look.interfaces.get(&record.id);
        if record.state.is_final() {
            return Move { record: record.clone(), call: None, requeue: Requeue::Never };
        }
        let group = seen.and_then(|seen| group(&seen.vpc_id));
        interface::hold(world.now, record.clone(), seen, group, &isolating, world.outcomes)
    });
    Ok(fold(world, moves, Requeue::Resync))
}

/// Whether the first record may be made for this holder.
fn founds(world: &World<'_>, holder: &Holder) -> bool {
    let founds =
        |q: &Quarantine| q.uid == holder.uid && q.finalized && !q.deleting && !q.suspended && !q.dry_run && q.resolved;
    matches!(world.quarantines.get(&holder.uid), Some(Presence::Found(quarantine)) if founds(quarantine))
}

/// Records of the instance's interfaces that have none, or whose record has ended.
fn new_records<'w>(world: &'w World<'_>, isolating: &Groups, group: impl Fn(&Seen) -> Option<&'w str>) -> Vec<Record> {
    let record = |(id, seen): (&String, &'w Seen)| {
        let former = world.containment.status.records.iter().find(|record| record.id == *id);
        if !seen.attached || former.is_some_and(|former| !former.state.is_final()) {
            return None;
        }
        interface::record(world.now, id, seen, group(seen)?, isolating, former)
    };
    world.look.interfaces.iter().filter_map(record).collect()
}

/// Every holder has consented: each interface gets its own groups back.
fn released(world: &World<'_>, leaving: BTreeSet<String>) -> Decision {
    if world.containment.status.records.is_empty() {
        return nothing_recorded(world, leaving);
    }
    let moves = world.containment.status.records.iter().map(|record| give_back(world, record));
    let mut decision = fold(world, moves, Requeue::Never);
    if decision.status.records.iter().all(|record| record.state.is_given_back()) {
        decision.status.released.extend(leaving);
    }
    decision
}

fn give_back(world: &World<'_>, record: &Record) -> Move {
    let seen = world.look.interfaces.get(&record.id);
    let next = if record.state.is_final() {
        Move { record: record.clone(), call: None, requeue: Requeue::Never }
    } else {
        interface::give_back(world.now, record.clone(), seen, world.outcomes)
    };
    // Its second copy goes when it has ended.
    let ended = next.record.state.is_final() && next.record.state != State::Retained;
    let tagged = seen.is_some_and(|seen| matches!(seen.backup, Backup::Ours { .. }));
    let call = if ended && tagged { Some(Call::Untag { interface: record.id.clone() }) } else { next.call };
    Move { call, ..next }
}

/// Every holder leaves, and says that the interfaces stay as they are.
fn retained(world: &World<'_>, leaving: BTreeSet<String>) -> Decision {
    let retain = |record: &Record| {
        let state = if record.state.is_final() { record.state } else { State::Retained };
        Move { record: Record { state, ..record.clone() }, call: None, requeue: Requeue::Never }
    };
    let mut decision = fold(world, world.containment.status.records.iter().map(retain), Requeue::Never);
    decision.status.released.extend(leaving);
    decision
}

/// Nobody holds any more: what lingers is watched, our tags are removed, and then the object goes.
fn wind_up(world: &World<'_>) -> Decision {
    let moves = world.containment.status.records.iter().map(|record| match record.state {
        // On its way in, and nobody who holds it has consented to a release: it stays as it is.
        State::Isolating | State::Isolated | State::Refused => {
            Move { record: record.clone(), call: None, requeue: Requeue::Resync }
        }
        _ => give_back(world, record),
    });
    let mut decision = fold(world, moves, Requeue::Never);
    let over = decision.status.records.iter().all(|record| record.state.is_final());
    if over && decision.calls.is_empty() && world.containment.holders.is_empty() {
        decision.then = Then::End;
    }
    decision
}

/// No holder wants anything recorded, and none of those that are left can.
fn empty(world: &World<'_>) -> Result<Decision, NeedsLive> {
    if !world.live {
        return Err(NeedsLive);
    }
    if !world.containment.status.records.is_empty() {
        return Ok(as_it_is(world, Requeue::Resync));
    }
    Ok(nothing_recorded(world, world.containment.holders.iter().map(|holder| holder.uid.clone()).collect()))
}

/// Without records nothing was changed, or the records were lost. Two looks a minute apart that show nothing of ours tell the one from the
/// other: what still carries an isolation group is recorded from its tags.
fn nothing_recorded(world: &World<'_>, leaving: BTreeSet<String>) -> Decision {
    let isolating = isolating(world);
    let class_group = |seen: &Seen| {
        let of_class = |holder: &'_ Holder| world.look.groups.get(&(holder.class_name.clone(), seen.vpc_id.clone()));
        world.containment.holders.iter().find_map(of_class).map(String::as_str)
    };
    let mut lost = Vec::new();
    let mut calls = Vec::new();
    for (id, seen) in world.look.interfaces.iter().filter(|(_, seen)| seen.attached) {
        let isolated = seen.groups.iter().find(|group| isolating.contains(*group));
        let tagged = matches!(seen.backup, Backup::Ours { .. });
        let group = isolated.map(String::as_str).or_else(|| class_group(seen)).filter(|_| tagged || isolated.is_some());
        match group.and_then(|group| interface::record(world.now, id, seen, group, &isolating, None)) {
            Some(record) if isolated.is_some() || record.originals.as_ref() != Some(&seen.groups) => lost.push(record),
            _ if tagged => calls.push(Call::Untag { interface: id.clone() }),
            _ => {}
        }
    }
    let mut decision = as_it_is(world, Requeue::After(UNSETTLED));
    if !lost.is_empty() {
        decision.status.records = lost;
        decision.status.empty_since = None;
        decision.then = Then::LookAgain(Requeue::Backoff);
        return decision;
    }
    decision.calls = calls;
    let first = *decision.status.empty_since.get_or_insert(world.now);
    match UNSETTLED.checked_sub(since(first, world.now)).filter(|rest| !rest.is_zero()) {
        Some(rest) => decision.then = Then::LookAgain(Requeue::After(rest)),
        None if !decision.calls.is_empty() => {}
        None => {
            decision.status.released.extend(leaving);
            decision.then = Then::LookAgain(Requeue::Never);
        }
    }
    decision
}

fn as_it_is(world: &World<'_>, requeue: Requeue) -> Decision {
    let untouched = |record: &Record| Move { record: record.clone(), call: None, requeue: Requeue::Never };
    let Decision { status, .. } = fold(world, world.containment.status.records.iter().map(untouched), requeue);
    let status = Status { empty_since: world.containment.status.empty_since, ..status };
    Decision { status, calls: Vec::new(), then: Then::LookAgain(requeue) }
}

/// The next status from what is done with each interface.
fn fold(world: &World<'_>, moves: impl Iterator<Item = Move>, at_rest: Requeue) -> Decision {
    let mut records = Vec::new();
    let mut calls = Vec::new();
    let mut requeue = at_rest;
    for Move { record, call, requeue: next } in moves {
        records.push(record);
        calls.extend(call);
        requeue = requeue.min(next);
    }
    // Who was released is remembered until its entry is gone.
    let listed = |uid: &&String| world.containment.holder(uid).is_some();
    let released = world.containment.status.released.iter().filter(listed).cloned().collect();
    Decision { status: Status { records, released, empty_since: None }, calls, then: Then::LookAgain(requeue) }
}

/// Every group that is known to isolate here.
fn isolating(world: &World<'_>) -> Groups {
    let recorded = world.containment.status.records.iter().flat_map(|record| &record.isolation_groups);
    recorded.chain(world.look.groups.values()).chain(&world.look.isolating).cloned().collect()
}

fn tags_differ(world: &World<'_>, record: &Record) -> bool {
    match world.look.interfaces.get(&record.id).map(|seen| &seen.backup) {
        Some(Backup::Ours { originals }) => *originals != record.originals,
        Some(Backup::None | Backup::Elsewhere) | None => false,
    }
}
