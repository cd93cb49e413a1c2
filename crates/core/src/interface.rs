//! One network interface: recorded, isolated, given back. Pure: each function takes a record and what a read showed, and returns
//! the next record with at most one call.
//!
//! EC2's reads may be older than its changes. For a minute after a swap a restore is sent whatever a read shows, and only reads
//! after its acknowledgement count. A call that nobody answered may still arrive until its signature expires: its interface is
//! watched for that long after it was given back.

use crate::object::{Attempt, AttemptKind, Groups, Record, Source, State};
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeMap, time::Duration};

/// How long a read may be older than a change.
pub const UNSETTLED: Duration = Duration::from_secs(60);

/// How long an unanswered call may still arrive: AWS refuses a request that was signed longer ago ("Signature Version 4 for API
/// requests", IAM User Guide).
pub const ARRIVES_WITHIN: Duration = Duration::from_secs(300);

/// How long an unanswered call is minded: it may arrive at the last moment, and a read may be older than that.
pub const MINDED_FOR: Duration = Duration::from_secs(360);

/// No more calls than these may be unanswered at once: a further one waits until one of them can't arrive any more.
const UNANSWERED: usize = 16;

/// When a read that doesn't show an acknowledged change yet is repeated.
const STALE_READ: Duration = Duration::from_secs(1);

/// What a read showed of one interface.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub vpc_id: String,
    pub groups: Groups,
    /// It belongs to the instance now.
    pub attached: bool,
    pub backup: Backup,
}

/// What the tags on an interface say: the second copy of its record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Backup {
    None,
    /// They name this Containment and this cluster.
    Ours {
        originals: Option<Groups>,
    },
    /// They name another cluster, which holds this interface.
    Elsewhere,
}

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
    /// It was never sent: there was no budget, or this replica doesn't lead.
    HeldBack,
}

/// What became of the calls of this reconcile that set groups, by interface and attempt.
pub type Outcomes = BTreeMap<(String, Attempt), Outcome>;

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
}

impl Move {
    fn rest(record: Record, state: State, requeue: Requeue) -> Self {
        Self { record: Record { state, ..record }, call: None, requeue }
    }
}

/// How long ago `then` was; never negative.
pub fn since(then: Timestamp, now: Timestamp) -> Duration {
    now.duration_since(then).max(SignedDuration::ZERO).unsigned_abs()
}

/// Whether it carries isolation groups and no others.
pub fn is_isolated(groups: &Groups, isolating: &Groups) -> bool {
    !groups.is_empty() && groups.is_subset(isolating)
}

/// The first record of an interface, or a new one of an interface that was given back. None: another cluster holds it.
///
/// `isolating` holds every group that is known to isolate. What the interface carries is an original only if it isn't
/// isolated: then what its former record or its tags say counts, and else nothing is known.
pub fn record(
    now: Timestamp,
    id: &str,
    seen: &Seen,
    group: &str,
    isolating: &Groups,
    former: Option<&Record>,
) -> Option<Record> {
    let isolated = is_isolated(&seen.groups, isolating);
    let told = match &seen.backup {
        Backup::Elsewhere => return None,
        Backup::Ours { originals } => originals.as_ref().filter(|told| !is_isolated(told, isolating)),
        Backup::None => None,
    };
    let (originals, source) = match (former, told) {
        // The read may be older than the restore.
        (Some(former), _) if isolated => (former.originals.clone(), former.source),
        // Its own tags tell that a record was lost: what it carries since may be somebody else's doing.
        (None, Some(told)) if *told != seen.groups => (Some(told.clone()), Source::Tags),
        _ => ((!isolated).then(|| seen.groups.clone()), Source::Interface),
    };
    Some(Record {
        id: id.to_owned(),
        originals,
        source,
        isolation_groups: Groups::from([group.to_owned()]),
        in_force: group.to_owned(),
        recorded_at: now,
        swapped_at: None,
        unanswered: former.map(|former| former.unanswered.clone()).unwrap_or_default(),
        missing_since: None,
        state: State::Isolating,
    })
}

/// Drops the calls that AWS has answered, that were never sent, or that were signed too long ago to arrive.
fn hear(now: Timestamp, mut record: Record, outcomes: &Outcomes) -> Record {
    record.unanswered.retain(|attempt| {
        let outcome = outcomes.get(&(record.id.clone(), *attempt));
        matches!(outcome, None | Some(Outcome::Unanswered)) && since(attempt.at, now) < MINDED_FOR
    });
    record
}

/// What became of the latest call of this reconcile for this interface.
fn latest(record: &Record, outcomes: &Outcomes) -> Option<(Attempt, Outcome)> {
    let of_this = outcomes.iter().filter(|((interface, _), _)| *interface == record.id);
    of_this.map(|((_, attempt), outcome)| (*attempt, *outcome)).max_by_key(|(attempt, _)| attempt.at)
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
    Move { record, call: Some(call), requeue: Requeue::Backoff }
}

/// Keeps the interface isolated. `group`: the one that whoever is in charge gives, where it is known to isolate.
pub fn hold(
    now: Timestamp,
    record: Record,
    seen: Option<&Seen>,
    group: Option<&str>,
    isolating: &Groups,
    outcomes: &Outcomes,
) -> Move {
    let mut record = hear(now, record, outcomes);
    if let Some(group) = group {
        record.in_force = group.to_owned();
        record.isolation_groups.insert(group.to_owned());
    }
    let wanted = Groups::from([record.in_force.clone()]);
    let last = latest(&record, outcomes);
    let Some(seen) = seen else { return missing(now, record, last, AttemptKind::Swap, wanted) };
    record.missing_since = None;

    if seen.groups == wanted {
        let call = (seen.backup == Backup::None)
            .then(|| Call::Tag { interface: record.id.clone(), originals: record.originals.clone() });
        let arriving = record.unanswered.iter().filter(|attempt| attempt.kind == AttemptKind::Restore);
        let arriving = arriving.map(|attempt| MINDED_FOR.saturating_sub(since(attempt.at, now))).max();
        let watched = record.originals.is_none().then(|| UNSETTLED.saturating_sub(since(record.recorded_at, now)));
        let pauses = [arriving, watched.filter(|rest| !rest.is_zero())];
        let requeue = pauses.into_iter().flatten().map(Requeue::After).min().unwrap_or(Requeue::Resync);
        return Move { record: Record { state: State::Isolated, ..record }, call, requeue };
    }
    match last {
        Some((Attempt { kind: AttemptKind::Swap, .. }, Outcome::Applied)) => {
            return Move::rest(record, State::Isolating, Requeue::After(STALE_READ));
        }
        Some((Attempt { kind: AttemptKind::Swap, .. }, Outcome::Refused | Outcome::NotFound)) => {
            return Move::rest(record, State::Refused, Requeue::Backoff);
        }
        Some((_, Outcome::HeldBack)) => return Move::rest(record, State::Isolating, Requeue::Backoff),
        _ => {}
    }
    // The read that made the record was older than a release: what is read before we have touched it is its own.
    if record.originals.is_none() && record.swapped_at.is_none() {
        if is_isolated(&seen.groups, isolating) {
            let rest = UNSETTLED.saturating_sub(since(record.recorded_at, now));
            if !rest.is_zero() {
                return Move::rest(record, State::Isolating, Requeue::After(rest));
            }
        } else {
            record.originals = Some(seen.groups.clone());
        }
    }
    send(now, record, AttemptKind::Swap, wanted, State::Isolating)
}

/// A read didn't show it. It is gone only when EC2 answers so to a call that names it.
fn missing(
    now: Timestamp,
    mut record: Record,
    last: Option<(Attempt, Outcome)>,
    kind: AttemptKind,
    groups: Groups,
) -> Move {
    let missing_since = *record.missing_since.get_or_insert(now);
    match last {
        Some((_, Outcome::NotFound)) => return Move::rest(record, State::Gone, Requeue::Never),
        Some(_) => return Move::rest(record, State::Missing, Requeue::Backoff),
        None => {}
    }
    match UNSETTLED.checked_sub(since(missing_since, now)).filter(|rest| !rest.is_zero()) {
        Some(rest) => Move::rest(record, State::Missing, Requeue::After(rest)),
        None => {
            // Asked at most once a minute.
            record.missing_since = Some(now);
            send(now, record, kind, groups, State::Missing)
        }
    }
}

/// Gives the interface exactly its own groups back.
pub fn give_back(now: Timestamp, record: Record, seen: Option<&Seen>, outcomes: &Outcomes) -> Move {
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
    let acknowledged = matches!(last, Some((Attempt { kind: AttemptKind::Restore, .. }, Outcome::Applied)));
    let unsettled =
        last_change(&record).and_then(|at| UNSETTLED.checked_sub(since(at, now))).filter(|rest| !rest.is_zero());
    // What lingers was read after an acknowledged restore: it is restored again only if it turns.
    let settled = acknowledged || unsettled.is_none() || record.state == State::Lingering;

    let Some(originals) = record.originals.clone() else {
        return match unsettled {
            _ if ours => Move::rest(record, State::RestoreHeld, Requeue::Resync),
            Some(rest) => Move::rest(record, State::Restoring, Requeue::After(rest)),
            None => ended(now, record, State::NotOurs),
        };
    };
    if settled && seen.groups == originals {
        return ended(now, record, State::Restored);
    }
    if settled && !ours {
        return ended(now, record, State::NotOurs);
    }
    match last {
        Some((Attempt { kind: AttemptKind::Restore, .. }, Outcome::Applied)) => {
            Move::rest(record, State::Restoring, Requeue::After(STALE_READ))
        }
        Some((_, Outcome::Refused | Outcome::NotFound)) => Move::rest(record, State::RestoreHeld, Requeue::Backoff),
        Some((_, Outcome::HeldBack)) => Move::rest(record, State::Restoring, Requeue::Backoff),
        _ => send(now, record, AttemptKind::Restore, originals, State::Restoring),
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
    match swaps.map(|attempt| MINDED_FOR.saturating_sub(since(attempt.at, now))).max() {
        Some(rest) => Move::rest(record, State::Lingering, Requeue::After(rest)),
        None => Move::rest(record, state, Requeue::Never),
    }
}
