//! One network interface: recorded, isolated, given back. Pure: each function takes a record and what a read showed, and returns
//! the next record with at most one call.
//!
//! EC2's reads may be older than its changes. For a minute after a swap a restore is sent whatever a read shows, and only reads
//! after its acknowledgement count. A call that nobody answered may still arrive until its signature expires: its interface is
//! watched for that long after it was given back.

use crate::{
    call::{Call, Outcome, Outcomes},
    look::{Backup, Seen},
    object::{Attempt, AttemptKind, Drift, Groups, Record, Source, State},
};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// How long a read may be older than a change.
pub const UNSETTLED: Duration = Duration::from_secs(60);

/// How long an unanswered call may still arrive: AWS refuses a request that was signed longer ago ("Signature Version 4 for API
/// requests", IAM User Guide).
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(300);

/// How long an unanswered call is minded: it may arrive at the last moment, and a read may be older than that.
pub const MINDED_FOR: Duration = Duration::from_secs(360);

/// No more calls than these may be unanswered at once: a further one waits until one of them can't arrive any more.
pub const UNANSWERED: usize = 16;

/// When a read that doesn't show an acknowledged change yet is repeated.
const STALE_READ: Duration = Duration::from_secs(1);

/// How soon an interface is looked at again that somebody else puts other groups on again and again.
const FOUGHT_OVER: Duration = Duration::from_secs(5);

/// When to look again, unless something wakes the object before. The sooner one is the smaller one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Requeue {
    /// With growing pauses, which begin below a second.
    Backoff,
    After(Duration),
    /// At the usual pace.
    Resync,
    Never,
}

/// What is done with one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    pub record: Record,
    pub call: Option<Call>,
    pub requeue: Requeue,
    /// The read may be older than what it speaks against: it counts only if the next one, a moment later, shows the same.
    pub doubted: bool,
}

impl Move {
    pub(crate) fn rest(record: Record, state: State, requeue: Requeue) -> Self {
        Self { record: Record { state, ..record }, call: None, requeue, doubted: false }
    }

    pub(crate) fn none(record: &Record) -> Self {
        Self::rest(record.clone(), record.state, Requeue::Never)
    }
}

/// How long ago `then` was; never negative.
pub fn since(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).max(SignedDuration::ZERO).unsigned_abs()
}

/// How long until `then` is so long ago. None: it is.
pub fn until(then: Timestamp, age: Duration, now: Timestamp) -> Option<Duration> {
    age.checked_sub(since(then, now)).filter(|rest| !rest.is_zero())
}

/// Whether it carries isolation groups and no others.
pub fn is_isolated(groups: &Groups, isolating: &Groups) -> bool {
    !groups.is_empty() && groups.is_subset(isolating)
}

/// The first record of an interface, or a new one of an interface that was given back. None: another cluster holds it.
///
/// `isolating` holds every group that is known to isolate. What the interface carries is an original only if it isn't
/// isolated: then what its former record or its tags say counts, and else nothing is known. `adopts`: what another cluster's
/// tags say is taken over.
pub fn record(
    now: Timestamp,
    id: &str,
    seen: &Seen,
    group: &str,
    isolating: &Groups,
    former: Option<&Record>,
    adopts: bool,
) -> Option<Record> {
    let isolated = is_isolated(&seen.groups, isolating);
    let told = match &seen.backup {
        Backup::Elsewhere { .. } if !adopts => return None,
        Backup::Elsewhere { originals, .. } => originals.as_ref().filter(|_| isolated),
        Backup::Ours { originals, .. } => originals.as_ref(),
        Backup::None => None,
    };
    let told = told.filter(|told| !is_isolated(told, isolating));
    let (originals, source) = match (former, told) {
        // The read may be older than the restore.
        (Some(former), _) if isolated => (former.originals.clone(), former.source),
        // Its own tags tell that a record was lost: what it carries since may be somebody else's doing.
        (None, Some(told)) if *told != seen.groups => (Some(told.clone()), Source::Tags),
        _ => ((!isolated).then(|| seen.groups.clone()), Source::Interface),
    };
    Some(Record {
        id: id.to_owned(),
        vpc_id: seen.vpc_id.clone(),
        originals,
        source,
        isolation_groups: Groups::from([group.to_owned()]),
        in_force: group.to_owned(),
        recorded_at: now,
        swapped_at: None,
        unanswered: former.map(|former| former.unanswered.clone()).unwrap_or_default(),
        missing_since: None,
        unshown: 0,
        drift: Drift::default(),
        due_back: false,
        state: State::Isolating,
    })
}

/// Drops the calls that AWS has answered, that were never sent, or that were signed too long ago to arrive.
fn hear(now: Timestamp, mut record: Record, outcomes: &Outcomes) -> Record {
    record.unanswered.retain(|attempt| {
        let outcome = outcomes.swaps.get(&(record.id.clone(), *attempt));
        matches!(outcome, None | Some(Outcome::Unanswered)) && since(attempt.at, now) < MINDED_FOR
    });
    record
}

/// What became of the latest call of this reconcile for this interface.
fn latest(record: &Record, outcomes: &Outcomes) -> Option<(AttemptKind, Outcome)> {
    let of_this = outcomes.swaps.iter().filter(|((interface, _), _)| *interface == record.id);
    let latest = of_this.max_by_key(|((_, attempt), _)| attempt.at);
    latest.map(|((_, attempt), outcome)| (attempt.kind, *outcome))
}

/// Sends a call, noted in the record as unanswered before it goes.
fn send(now: Timestamp, mut record: Record, kind: AttemptKind, groups: Groups, state: State) -> Move {
    if record.unanswered.len() >= UNANSWERED {
        return Move::rest(record, state, Requeue::After(UNSETTLED));
    }
    let last = record.unanswered.iter().map(|attempt| attempt.at).chain(record.swapped_at).max();
    let at = last.map_or(now, |last| now.max(last + SignedDuration::from_secs(1)));
    let attempt = Attempt { at, kind };
    record.unanswered.push(attempt);
    if kind == AttemptKind::Swap {
        record.swapped_at = Some(at);
    }
    record.state = state;
    let call = Call::SetGroups { interface: record.id.clone(), attempt, groups };
    Move { record, call: Some(call), requeue: Requeue::Backoff, doubted: false }
}

/// What keeping an interface isolated depends on, beside its record and what a read showed.
#[derive(Clone, Copy, Debug)]
pub struct Hold<'a> {
    pub now: Timestamp,
    /// The group that whoever is in charge gives, where it is known to isolate.
    pub group: Option<&'a str>,
    /// Every group that is known to isolate.
    pub isolating: &'a Groups,
    pub outcomes: &'a Outcomes,
    /// An earlier read of this reconcile was doubted, and this one is the second.
    pub doubted: bool,
    /// Nothing may be changed: what a read shows is noted, and that is all.
    pub paused: bool,
}

/// Keeps the interface isolated.
pub fn hold(context: Hold<'_>, record: Record, seen: Option<&Seen>) -> Move {
    let Hold { now, group, isolating, outcomes, doubted, paused } = context;
    let mut record = hear(now, record, outcomes);
    let mut same_group = true;
    if let Some(group) = group.filter(|_| !paused) {
        same_group = record.in_force == group;
        record.in_force = group.to_owned();
        record.isolation_groups.insert(group.to_owned());
    }
    let wanted = Groups::from([record.in_force.clone()]);
    let last = latest(&record, outcomes);
    let Some(seen) = seen else {
        return if paused {
            let missing_since = Some(record.missing_since.unwrap_or(now));
            Move::rest(Record { missing_since, ..record }, State::Missing, Requeue::Resync)
        } else {
            missing(now, record, last, AttemptKind::Swap, wanted)
        };
    };
    record.missing_since = None;

    if seen.groups == wanted {
        return Move { call: tag(&record, seen, outcomes).filter(|_| !paused), ..isolated(now, record) };
    }
    if paused {
        return Move::rest(record, State::Isolating, Requeue::Resync);
    }
    match last {
        Some((AttemptKind::Swap, Outcome::Applied)) => {
            record.unshown = record.unshown.saturating_add(1).min(8);
            let pause = STALE_READ * (1 << (record.unshown - 1).min(6));
            return Move::rest(record, State::Isolating, Requeue::After(pause));
        }
        Some((AttemptKind::Swap, Outcome::Refused | Outcome::NotFound)) => {
            return Move::rest(record, State::Refused, Requeue::Backoff);
        }
        Some((_, Outcome::HeldBack)) => return Move::rest(record, State::Isolating, Requeue::Backoff),
        _ => {}
    }
    if seen.managed {
        return Move::rest(record, State::Refused, Requeue::Resync);
    }
    // The read that made the record may have been older than a release: what is read then, before we have touched it, is its own.
    if record.originals.is_none() && record.swapped_at.is_none() && record.source != Source::Unknown {
        if is_isolated(&seen.groups, isolating) {
            if let Some(rest) = until(record.recorded_at, UNSETTLED, now) {
                return Move::rest(record, State::Isolating, Requeue::After(rest));
            }
        } else {
            record.originals = Some(seen.groups.clone());
        }
    }
    if record.state == State::Isolated && same_group && last.is_none() {
        // Within a minute of our own change it may be an old read: it is put right, and nobody is said to have done it.
        let settled = record.swapped_at.is_none_or(|at| until(at, UNSETTLED, now).is_none());
        if settled && !doubted {
            return Move { doubted: true, ..Move::rest(record, State::Isolated, Requeue::Backoff) };
        }
        record.drift = record.drift.turned(now, settled);
    }
    // What stood in the way last time stays in view until it is out of the way.
    let state = if record.state == State::Refused { State::Refused } else { State::Isolating };
    send(now, record, AttemptKind::Swap, wanted, state)
}

/// A read shows exactly its isolation group.
fn isolated(now: Timestamp, record: Record) -> Move {
    let arriving = record.unanswered.iter().filter(|attempt| attempt.kind == AttemptKind::Restore);
    let arriving = arriving.filter_map(|attempt| until(attempt.at, MINDED_FOR, now)).max();
    let watched = record.originals.is_none().then(|| until(record.recorded_at, UNSETTLED, now)).flatten();
    // A read after the minute: what it carries from now on is somebody else's doing.
    let unknown = record.originals.is_none() && watched.is_none();
    let source = if unknown { Source::Unknown } else { record.source };
    let fought = record.drift.is_fought_over(now).then_some(FOUGHT_OVER);
    let requeue = [arriving, watched, fought].into_iter().flatten().min().map_or(Requeue::Resync, Requeue::After);
    Move::rest(Record { unshown: 0, source, ..record }, State::Isolated, requeue)
}

/// Its second copy, where that isn't what it should be.
fn tag(record: &Record, seen: &Seen, outcomes: &Outcomes) -> Option<Call> {
    let whole = matches!(seen.backup, Backup::Ours { whole: true, .. });
    (!whole && !outcomes.tags.contains_key(&record.id))
        .then(|| Call::Tag { interface: record.id.clone(), originals: record.originals.clone() })
}

/// A read didn't show it. It is gone only when EC2 answers so to a call that names it.
fn missing(
    now: Timestamp,
    mut record: Record,
    last: Option<(AttemptKind, Outcome)>,
    kind: AttemptKind,
    groups: Groups,
) -> Move {
    let missing_since = *record.missing_since.get_or_insert(now);
    match last {
        Some((_, Outcome::NotFound)) => return Move::rest(record, State::Gone, Requeue::Never),
        Some(_) => return Move::rest(record, State::Missing, Requeue::Backoff),
        None => {}
    }
    match until(missing_since, UNSETTLED, now) {
        Some(rest) => Move::rest(record, State::Missing, Requeue::After(rest)),
        None => {
            // Asked at most once a minute.
            record.missing_since = Some(now);
            send(now, record, kind, groups, State::Missing)
        }
    }
}

/// What giving an interface back depends on, beside its record and what a read showed.
#[derive(Clone, Copy, Debug)]
pub struct GiveBack<'a> {
    pub now: Timestamp,
    pub outcomes: &'a Outcomes,
    /// The recorded originals that still exist. None: that wasn't asked.
    pub existing: Option<&'a Groups>,
    /// Those that don't are left out.
    pub drops_missing: bool,
}

/// Gives the interface exactly its own groups back.
pub fn give_back(context: GiveBack<'_>, record: Record, seen: Option<&Seen>) -> Move {
    let GiveBack { now, outcomes, existing, drops_missing } = context;
    let mut record = hear(now, record, outcomes);
    let last = latest(&record, outcomes);
    let Some(seen) = seen else {
        // Without originals there is nothing to give back: the isolation group asks the same question.
        return match record.originals.clone() {
            Some(originals) => missing(now, record, last, AttemptKind::Restore, originals),
            None => {
                let group = Groups::from([record.in_force.clone()]);
                missing(now, record, last, AttemptKind::Swap, group)
            }
        };
    };
    record.missing_since = None;
    let ours = seen.groups.iter().any(|group| record.isolation_groups.contains(group));
    let acknowledged = last == Some((AttemptKind::Restore, Outcome::Applied));
    let unsettled = last_change(&record).and_then(|at| until(at, UNSETTLED, now));
    // What lingers was read after an acknowledged restore: it is restored again only if it turns.
    let settled = acknowledged || unsettled.is_none() || record.state == State::Lingering;

    let Some(originals) = record.originals.clone() else {
        return match unsettled {
            _ if ours => Move::rest(record, State::RestoreHeld, Requeue::Resync),
            Some(rest) => Move::rest(record, State::Restoring, Requeue::After(rest)),
            None => ended(now, record, State::NotOurs),
        };
    };
    let there = |group: &&String| existing.is_none_or(|existing| existing.contains(*group));
    let wanted: Groups = originals.iter().filter(there).cloned().collect();
    if settled && !wanted.is_empty() && seen.groups == wanted {
        return ended(now, record, State::Restored);
    }
    if settled && !ours {
        return ended(now, record, State::NotOurs);
    }
    if wanted.is_empty() || (wanted.len() < originals.len() && !drops_missing) {
        return Move::rest(record, State::RestoreHeld, Requeue::Resync);
    }
    match last {
        Some((AttemptKind::Restore, Outcome::Applied)) => {
            Move::rest(record, State::Restoring, Requeue::After(STALE_READ))
        }
        Some((_, Outcome::Refused | Outcome::NotFound)) => Move::rest(record, State::RestoreHeld, Requeue::Backoff),
        Some((_, Outcome::HeldBack)) => Move::rest(record, State::Restoring, Requeue::Backoff),
        _ => {
            let state = if record.state == State::RestoreHeld { State::RestoreHeld } else { State::Restoring };
            send(now, record, AttemptKind::Restore, wanted, state)
        }
    }
}

/// When a swap was last sent. Of an interface that was isolated when its record was made nobody knows: it may have been just
/// before.
fn last_change(record: &Record) -> Option<Timestamp> {
    let isolated_before = record.source == Source::Tags || record.originals.is_none();
    record.swapped_at.or_else(|| isolated_before.then_some(record.recorded_at))
}

/// It is given back, for good once nothing that was sent can arrive any more.
fn ended(now: Timestamp, record: Record, state: State) -> Move {
    let swaps = record.unanswered.iter().filter(|attempt| attempt.kind == AttemptKind::Swap);
    match swaps.filter_map(|attempt| until(attempt.at, MINDED_FOR, now)).max() {
        Some(rest) => Move::rest(record, State::Lingering, Requeue::After(rest)),
        None => Move::rest(record, state, Requeue::Never),
    }
}
