//! What containment and release both ask of one interface. Pure.

use super::draft::{Draft, since};
use crate::{
    api::{InterfaceState, InterfaceStatus, Time},
    model::{ec2::Interface, problem::Problem},
    quarantine::world::{ActionKind, Again},
};
use jiff::{SignedDuration, Timestamp};
use std::{collections::BTreeSet, time::Duration};

/// Two reads at least this far apart must miss an interface before it counts as gone.
pub const GONE_AFTER: Duration = Duration::from_secs(60);

/// Whether the interface carries these groups and no other, in whatever order.
pub fn carries_exactly(seen: &Interface, groups: &[String]) -> bool {
    let carried: BTreeSet<&String> = seen.groups.iter().collect();
    carried == groups.iter().collect()
}

/// Whether it carries this group and no other.
pub fn carries_only(seen: &Interface, group: &str) -> bool {
    !seen.groups.is_empty() && seen.groups.iter().all(|carried| carried == group)
}

/// Whether it carries at least one of these groups.
pub fn carries_any(seen: &Interface, groups: &[String]) -> bool {
    seen.groups.iter().any(|group| groups.contains(group))
}

/// The groups that it carries, in an order that doesn't vary from read to read.
pub fn carried(seen: &Interface) -> String {
    seen.groups.iter().map(String::as_str).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

/// A read by interface id didn't find it. Twice, a minute apart, and it is gone; an instance that terminated is not
/// enough.
pub fn missing(draft: &mut Draft<'_>, record: &mut InterfaceStatus) {
    let missing_since = record.missing_since.get_or_insert(draft.time()).clone();
    let missed_for = since(&missing_since, draft.now());
    if missed_for >= GONE_AFTER {
        record.state = InterfaceState::Gone;
        record.message = Some("It no longer exists: two reads a minute apart didn't find it.".to_owned());
    } else {
        record.state = InterfaceState::Missing;
        record.message =
            Some("A read didn't find it; it counts as gone when a read a minute later doesn't either.".to_owned());
        draft.look_again(Again::after(GONE_AFTER - missed_for));
    }
}

/// How long a swap whose answer nobody heard may still arrive: its call's time-out, twice over. A restore that AWS has
/// acknowledged could be followed by it.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// No more attempts than these can be on their way.
const ATTEMPTS: usize = 16;

/// Notes, before it is sent, that a swap is on its way until its answer is heard.
pub fn about_to_change(draft: &Draft<'_>, record: &mut InterfaceStatus) {
    let mut at = draft.now();
    // An attempt of the same second is another one.
    while record.unanswered_at.iter().any(|sent| sent.0 == at) {
        at += SignedDuration::from_secs(1);
    }
    note_sent(record, at);
    record.changed_at = Some(Time(at));
}

fn note_sent(record: &mut InterfaceStatus, at: Timestamp) {
    if record.unanswered_at.len() >= ATTEMPTS {
        record.unanswered_at.remove(0);
    }
    record.unanswered_at.push(Time(at));
}

/// A finalizer without records: they were lost, and with them what they knew of swaps on their way. One may have been
/// sent just now.
pub fn suppose_sent(draft: &Draft<'_>, record: &mut InterfaceStatus) {
    let claim = &draft.facts.claim;
    let lost = claim.has_finalizer() && !claim.has_records();
    if lost && record.unanswered_at.iter().all(|sent| sent.0 != draft.now()) {
        note_sent(record, draft.now());
    }
}

/// An attempt that AWS has answered arrives no more, nor does one that was sent long ago.
pub fn hear(draft: &Draft<'_>, record: &mut InterfaceStatus) {
    let outcome = draft.outcomes.of(ActionKind::Isolate, &record.id);
    let heard = outcome.is_some_and(|outcome| outcome.as_ref().err().is_none_or(Problem::is_refusal));
    let answered = record.changed_at.clone().filter(|_| heard);
    let now = draft.now();
    record.unanswered_at.retain(|sent| Some(sent) != answered.as_ref() && since(sent, now) < ARRIVES_WITHIN);
}

/// The swaps whose answer nobody heard and that may still arrive.
pub fn on_their_way(record: &InterfaceStatus, now: Timestamp) -> impl Iterator<Item = &Time> {
    record.unanswered_at.iter().filter(move |sent| since(sent, now) < ARRIVES_WITHIN)
}

/// How long until nothing that was sent can arrive any more.
pub fn until_heard(record: &InterfaceStatus, now: Timestamp) -> Option<Duration> {
    on_their_way(record, now).map(|sent| ARRIVES_WITHIN - since(sent, now)).max()
}
