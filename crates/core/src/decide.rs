//! The Containment loop's decision. Pure: from one picture of the world to the next status, the calls, and when to look again.

use crate::{
    call::{Call, Outcome, Outcomes},
    holders::{self, Presence, Situation, Standing},
    interface::{self, GiveBack, Hold, Move, Requeue, UNSETTLED, until},
    look::{Backup, Look, Seen},
    object::{Containment, Groups, Holder, Quarantine, Record, State, Status},
    primary,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

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
    /// Interfaces whose last read was doubted: this is the read after it.
    pub doubted: &'a BTreeSet<String>,
}

/// What one round does. The status is stored before any of the calls is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decision {
    pub situation: Situation,
    pub status: Status,
    pub calls: Vec<Call>,
    pub then: Then,
    /// Interfaces of the instance that have no record.
    pub unrecorded: BTreeMap<String, Unrecorded>,
    /// Interfaces whose read may be older than what it speaks against: they are read once more, a moment later.
    pub doubted: BTreeSet<String>,
}

/// Why an interface of the instance has no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unrecorded {
    /// No group is known to isolate in its VPC.
    NoGroup,
    /// Another cluster holds it.
    HeldElsewhere,
    /// Another Containment has its record, and changes it.
    RecordedByAnother,
    /// Nothing is recorded now: no holder wants it, or all are suspended.
    NotWanted,
    /// There is no room for one more record.
    NoRoom,
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

/// How many interfaces a Containment records.
pub const MOST_RECORDS: usize = 256;

/// Decides what one round does.
pub fn decide(world: &World<'_>) -> Result<Decision, NeedsLive> {
    let standings = holders::standings(world.containment, world.quarantines);
    let priority = |class: &str| world.look.priorities.get(class).copied().unwrap_or_default();
    let tags_differ = world.containment.live_records().any(|record| world.look.tags_differ(record));
    let asks = holders::shared_reasons(world.containment, &standings, tags_differ);
    let situation = holders::situation(&standings, world.quarantines, &asks, priority);
    let rounds = match &situation {
        Situation::Held { in_charge } => held(world, &standings, in_charge)?,
        Situation::Paused => paused(world),
        Situation::Released { .. } | Situation::Retained { .. } if !world.live => return Err(NeedsLive),
        Situation::Released { leaving } => released(world, leaving),
        Situation::Retained { leaving } => retained(world, leaving),
        Situation::WindingUp => wind_up(world),
    };
    Ok(fold(world, situation, asks, rounds))
}

/// What one situation makes of every interface, before it is put together.
#[derive(Default)]
struct Round {
    moves: Vec<Move>,
    unrecorded: BTreeMap<String, Unrecorded>,
    /// Calls that concern no record.
    calls: Vec<Call>,
    /// Holders that were released.
    released: BTreeSet<String>,
    empty_since: Option<Timestamp>,
    at_rest: Option<Requeue>,
    ends: bool,
}

/// A holder stays: every interface is recorded and kept isolated.
fn held(world: &World<'_>, standings: &[(&Holder, Standing)], in_charge: &Holder) -> Result<Round, NeedsLive> {
    let found = world.containment.has_live_records();
    if !found && !standings.iter().any(|(holder, standing)| *standing == Standing::Wants && founds(world, holder)) {
        let waits = standings.iter().any(|(_, standing)| matches!(standing, Standing::Wants | Standing::Suspended));
        return if waits { Ok(paused(world)) } else { empty(world) };
    }
    if !found && !world.live {
        return Err(NeedsLive);
    }
    let isolating = world.look.known_to_isolate(&world.containment.status.records);
    let given = |vpc_id: &str| world.look.groups.get(&(in_charge.uid.clone(), vpc_id.to_owned()));
    let group = |vpc_id: &str| given(vpc_id).and_then(|group| group.id.as_deref());
    let adopts = matches!(world.quarantines.get(&in_charge.uid), Some(Presence::Found(q)) if q.adopts);
    let (new, unrecorded) = new_records(world, &isolating, group, adopts);
    let anew: BTreeSet<&String> = new.iter().map(|record| &record.id).collect();
    let known = world.containment.status.records.iter().filter(|record| !anew.contains(&record.id));
    let records: Vec<Record> = known.chain(&new).cloned().collect();
    let records = primary::with_originals(world.now, &records, &world.look.interfaces);
    let leaving = standings.iter().any(|(_, standing)| matches!(standing, Standing::Asks(_) | Standing::Leaves { .. }));
    let moves = records.iter().map(|record| {
        let vpc_id = world.look.interfaces.get(&record.id).map_or(&record.vpc_id, |seen| &seen.vpc_id);
        let wanted = Record { due_back: false, ..record.clone() };
        let kept = keep_isolated(world, &wanted, group(vpc_id), &isolating, adopts);
        // Tags that name other originals stay for the person who is asked: put right, they would ask nobody at the next look.
        let stay = leaving && world.look.tags_differ(record);
        Move { call: kept.call.filter(|call| !(stay && matches!(call, Call::Tag { .. }))), ..kept }
    });
    let own = world.look.interfaces.values().filter(|seen| seen.attached);
    let vpcs: BTreeSet<&String> = own.map(|seen| &seen.vpc_id).collect();
    let prepare = vpcs.into_iter().filter(|vpc_id| given(vpc_id).is_some_and(|group| group.prepare));
    Ok(Round {
        moves: moves.collect(),
        unrecorded,
        calls: prepare.map(|vpc_id| Call::PrepareGroup { vpc_id: vpc_id.clone() }).collect(),
        at_rest: Some(Requeue::Resync),
        ..Round::default()
    })
}

/// Keeps one recorded interface isolated: as whoever is in charge of the instance says on which it hangs.
fn keep_isolated(world: &World<'_>, record: &Record, group: Option<&str>, isolating: &Groups, adopts: bool) -> Move {
    if record.state.is_final() {
        return Move::none(record);
    }
    if let Some(withdrawn) = withdraw(world, record, adopts) {
        return withdrawn;
    }
    let there = world.look.held_there.get(&record.id);
    let group = there.map_or(group, |given| given.as_deref());
    let (now, outcomes, doubted) = (world.now, world.outcomes, world.doubted.contains(&record.id));
    let hold = Hold { now, group, isolating, outcomes, doubted, paused: false };
    interface::hold(hold, record.clone(), world.look.interfaces.get(&record.id))
}

/// Of two records of one interface the younger one is withdrawn, without a call: the older one knows what it carried before.
fn withdraw(world: &World<'_>, record: &Record, adopts: bool) -> Option<Move> {
    let seen = world.look.interfaces.get(&record.id);
    let older_there = seen.is_some_and(|seen| matches!(seen.backup, Backup::Elsewhere { older: true, .. })) && !adopts;
    let older_here = world.look.recorded_by_others.get(&record.id) == Some(&true);
    (older_there || older_here).then(|| Move::rest(record.clone(), State::Withdrawn, Requeue::Resync))
}

/// Whether the first record may be made for this holder.
fn founds(world: &World<'_>, holder: &Holder) -> bool {
    let founds =
        |q: &Quarantine| q.uid == holder.uid && q.finalized && !q.deleting && !q.suspended && !q.dry_run && q.resolved;
    matches!(world.quarantines.get(&holder.uid), Some(Presence::Found(quarantine)) if founds(quarantine))
}

/// Records of the instance's interfaces that have none, or whose record has ended; and those that get none.
fn new_records<'w>(
    world: &'w World<'_>,
    isolating: &Groups,
    group: impl Fn(&str) -> Option<&'w str>,
    adopts: bool,
) -> (Vec<Record>, BTreeMap<String, Unrecorded>) {
    let records = &world.containment.status.records;
    let (mut new, mut unrecorded) = (Vec::new(), BTreeMap::new());
    for (id, seen) in world.look.interfaces.iter().filter(|(_, seen)| seen.attached) {
        let former = records.iter().find(|record| record.id == *id);
        if former.is_some_and(|former| !former.state.is_final()) {
            continue;
        }
        let made = if world.look.recorded_by_others.contains_key(id) {
            Err(Unrecorded::RecordedByAnother)
        } else if former.is_none() && records.len() + new.len() >= MOST_RECORDS {
            Err(Unrecorded::NoRoom)
        } else {
            group(&seen.vpc_id).ok_or(Unrecorded::NoGroup).and_then(|group| {
                interface::record(world.now, id, seen, group, isolating, former, adopts)
                    .ok_or(Unrecorded::HeldElsewhere)
            })
        };
        match made {
            Ok(record) => new.push(record),
            Err(why) => {
                unrecorded.insert(id.clone(), why);
            }
        }
    }
    (new, unrecorded)
}

/// Every holder has consented: each interface gets its own groups back.
fn released(world: &World<'_>, leaving: &BTreeSet<String>) -> Round {
    if world.containment.status.records.is_empty() {
        return nothing_recorded(world, leaving.clone());
    }
    let moves = give_all_back(world, leaving);
    let over = moves.iter().all(|Move { record, .. }| is_over(world, record));
    let released = if over { leaving.clone() } else { BTreeSet::new() };
    Round { moves, released, ..Round::default() }
}

/// Nobody who left waits for it any longer: it is given back, or it is another instance's to hold.
fn is_over(world: &World<'_>, record: &Record) -> bool {
    record.state.is_given_back() || world.look.held_there.contains_key(&record.id)
}

fn give_all_back(world: &World<'_>, leaving: &BTreeSet<String>) -> Vec<Move> {
    let records = primary::with_originals(world.now, &world.containment.status.records, &world.look.interfaces);
    let drops = |uid: &String| matches!(world.quarantines.get(uid), Some(Presence::Found(q)) if q.drops_missing);
    let drops_missing = leaving.iter().any(drops);
    let isolating = world.look.known_to_isolate(&world.containment.status.records);
    let give_back = |record: &Record| {
        if !record.state.is_final() && world.look.held_there.contains_key(&record.id) {
            let Move { record, call, requeue, doubted } = keep_isolated(world, record, None, &isolating, false);
            return Move { record: Record { due_back: true, ..record }, call, requeue, doubted };
        }
        if let Some(rest) = primary::watched(world.now, record, &records, &world.look.interfaces) {
            return Move::rest(record.clone(), State::Restoring, Requeue::After(rest));
        }
        give_back(world, record, drops_missing)
    };
    records.iter().map(give_back).collect()
}

fn give_back(world: &World<'_>, record: &Record, drops_missing: bool) -> Move {
    let seen = world.look.interfaces.get(&record.id);
    let next = if record.state.is_final() {
        Move::none(record)
    } else if let Some(withdrawn) = withdraw(world, record, false) {
        withdrawn
    } else {
        let (now, outcomes) = (world.now, world.outcomes);
        let context = GiveBack { now, outcomes, existing: world.look.existing.as_ref(), drops_missing };
        interface::give_back(context, record.clone(), seen)
    };
    // Its second copy goes when it has ended.
    let ended = matches!(next.record.state, State::Restored | State::NotOurs | State::Gone);
    let tagged = seen.is_some_and(|seen| matches!(seen.backup, Backup::Ours { .. }));
    match world.outcomes.tags.get(&record.id) {
        _ if !ended || !tagged => next,
        Some(Outcome::Applied | Outcome::NotFound) => next,
        Some(_) => Move { requeue: Requeue::Backoff, ..next },
        None => Move { call: Some(Call::Untag { interface: record.id.clone() }), ..next },
    }
}

/// Whether our tags still stand on an interface that was given back.
fn is_tagged(world: &World<'_>, record: &Record) -> bool {
    let seen = world.look.interfaces.get(&record.id);
    let tagged = seen.is_some_and(|seen| matches!(seen.backup, Backup::Ours { .. }));
    let removed = matches!(world.outcomes.tags.get(&record.id), Some(Outcome::Applied | Outcome::NotFound));
    tagged && !removed && !matches!(record.state, State::Retained | State::Withdrawn)
}

/// Every holder leaves, and says that the interfaces stay as they are.
fn retained(world: &World<'_>, leaving: &BTreeSet<String>) -> Round {
    let retain = |record: &Record| {
        let state = if record.state.is_final() { record.state } else { State::Retained };
        Move::rest(record.clone(), state, Requeue::Never)
    };
    let moves = world.containment.status.records.iter().map(retain).collect();
    Round { moves, released: leaving.clone(), ..Round::default() }
}

/// Nobody holds any more: what lingers is watched, our tags are removed, and then the object goes.
fn wind_up(world: &World<'_>) -> Round {
    let isolating = world.look.known_to_isolate(&world.containment.status.records);
    let wind_up = |record: &Record| {
        let on_its_way_in = matches!(record.state, State::Isolating | State::Isolated | State::Refused);
        let due_back = record.due_back || !on_its_way_in;
        if !record.state.is_final() && world.look.held_there.contains_key(&record.id) {
            return keep_isolated(world, &Record { due_back, ..record.clone() }, None, &isolating, false);
        }
        // Nobody who holds it has consented to a release: it stays as it is.
        if !due_back {
            return Move::rest(record.clone(), record.state, Requeue::Resync);
        }
        give_back(world, record, false)
    };
    let moves: Vec<Move> = world.containment.status.records.iter().map(wind_up).collect();
    let over = moves
        .iter()
        .all(|Move { record, call, .. }| record.state.is_final() && call.is_none() && !is_tagged(world, record));
    Round { ends: over && world.containment.holders.is_empty(), moves, ..Round::default() }
}

/// No holder wants anything recorded, and none of those that are left can.
fn empty(world: &World<'_>) -> Result<Round, NeedsLive> {
    if !world.live {
        return Err(NeedsLive);
    }
    if !world.containment.status.records.is_empty() {
        return Ok(paused(world));
    }
    Ok(nothing_recorded(world, world.containment.holders.iter().map(|holder| holder.uid.clone()).collect()))
}

/// Without records nothing was changed, or the records were lost. Two looks a minute apart that show nothing of ours tell the one from the
/// other: what still carries an isolation group is recorded from its tags.
fn nothing_recorded(world: &World<'_>, leaving: BTreeSet<String>) -> Round {
    let isolating = world.look.known_to_isolate(&world.containment.status.records);
    let given = |seen: &Seen| {
        let of = |holder: &'_ Holder| world.look.groups.get(&(holder.uid.clone(), seen.vpc_id.clone()))?.id.as_deref();
        world.containment.holders.iter().find_map(of)
    };
    let (mut lost, mut calls) = (Vec::new(), Vec::new());
    for (id, seen) in world.look.interfaces.iter().filter(|(_, seen)| seen.attached) {
        if world.look.recorded_by_others.contains_key(id) {
            continue;
        }
        let isolated = seen.groups.iter().find(|group| isolating.contains(*group));
        let tagged = matches!(seen.backup, Backup::Ours { .. });
        let group = isolated.map(String::as_str).or_else(|| given(seen)).filter(|_| tagged || isolated.is_some());
        match group.and_then(|group| interface::record(world.now, id, seen, group, &isolating, None, false)) {
            Some(record) if isolated.is_some() || record.originals.as_ref() != Some(&seen.groups) => lost.push(record),
            _ if tagged && !world.outcomes.tags.contains_key(id) => calls.push(Call::Untag { interface: id.clone() }),
            _ => {}
        }
    }
    if !lost.is_empty() {
        let moves = lost.into_iter().map(|record| Move { requeue: Requeue::Backoff, ..Move::none(&record) });
        return Round { moves: moves.collect(), at_rest: Some(Requeue::Backoff), ..Round::default() };
    }
    let first = world.containment.status.empty_since.unwrap_or(world.now);
    let round = Round { empty_since: Some(first), ..Round::default() };
    match until(first, UNSETTLED, world.now) {
        Some(rest) => Round { calls, at_rest: Some(Requeue::After(rest)), ..round },
        None if !calls.is_empty() => Round { calls, at_rest: Some(Requeue::Backoff), ..round },
        None => Round { released: leaving, ..round },
    }
}

/// Nothing is changed; what the read shows of each record is noted.
fn paused(world: &World<'_>) -> Round {
    let isolating = world.look.known_to_isolate(&world.containment.status.records);
    let watch = |record: &Record| {
        if record.state.is_final() {
            return Move::none(record);
        }
        // It hangs on another instance, whose holders aren't suspended.
        if world.look.held_there.contains_key(&record.id) {
            return keep_isolated(world, record, None, &isolating, false);
        }
        let (now, outcomes) = (world.now, world.outcomes);
        let hold = Hold { now, group: None, isolating: &isolating, outcomes, doubted: true, paused: true };
        interface::hold(hold, record.clone(), world.look.interfaces.get(&record.id))
    };
    let recorded = |id: &String| world.containment.live_records().any(|record| record.id == *id);
    let own = world.look.interfaces.iter().filter(|(id, seen)| seen.attached && !recorded(id));
    Round {
        moves: world.containment.status.records.iter().map(watch).collect(),
        unrecorded: own.map(|(id, _)| (id.clone(), Unrecorded::NotWanted)).collect(),
        empty_since: world.containment.status.empty_since,
        at_rest: Some(Requeue::Resync),
        ..Round::default()
    }
}

/// Puts the next status together from what is done with each interface.
fn fold(world: &World<'_>, situation: Situation, asks: BTreeSet<holders::ApprovalReason>, round: Round) -> Decision {
    let Round { moves, unrecorded, mut calls, released, empty_since, at_rest, ends } = round;
    let mut records = Vec::new();
    let mut requeue = at_rest.unwrap_or(Requeue::Never);
    let mut doubted = BTreeSet::new();
    for Move { record, call, requeue: next, doubted: doubts } in moves {
        if doubts {
            doubted.insert(record.id.clone());
        }
        records.push(record);
        calls.extend(call);
        requeue = requeue.min(next);
    }
    // What has ended is dropped once it is no longer the instance's: its place may be wanted.
    if records.len() > MOST_RECORDS / 2 {
        records.retain(|record| !record.state.is_final() || world.look.interfaces.contains_key(&record.id));
    }
    // Who was released is remembered until its entry is gone.
    let listed = |uid: &&String| world.containment.holder(uid).is_some();
    let known = world.containment.status.released.iter().filter(listed).cloned();
    let released = known.chain(released).collect();
    let asks = if records.iter().all(|record| record.state.is_final()) { BTreeSet::new() } else { asks };
    let status = Status { records, asks, released, empty_since };
    let then = if ends { Then::End } else { Then::LookAgain(requeue) };
    Decision { situation, status, calls, then, unrecorded, doubted }
}
