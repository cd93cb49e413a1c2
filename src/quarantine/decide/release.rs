//! The way back: each interface gets exactly its own groups, and the finalizer goes when each is accounted for. Pure.
//!
//! For a minute after a swap attempt a restore is always sent, whatever a read shows, and only reads after its
//! acknowledgement count: the attempt may still be on its way, and the read may be older than it.

use super::{
    conditions::{Aspect, Progress, Verdict, before},
    draft::{Draft, since},
    interface, primary, second_copy,
};
use crate::{
    api::{
        ConditionStatus, ConditionType, InterfaceState, InterfaceStatus, MissingGroups, RELEASE_ANNOTATION, Reason,
        RecordSource, ReleaseApproval, ReleasePolicy, Time,
    },
    model::{
        ec2::Interface,
        problem::{Disposition, Problem},
        text,
    },
    quarantine::world::{Action, ActionKind, Again, View},
};
use std::time::Duration;

/// How long after a swap attempt a restore is sent whatever a read shows.
pub const UNSETTLED: Duration = Duration::from_secs(60);

const STALE_READ_PAUSE: Duration = Duration::from_secs(1);

const STILL_ARRIVING: &str =
    "An isolating call got no answer and may still arrive; its own groups are given back some seconds later.";

const CARRIES_NONE_OF_OURS: &str = "It carries none of our groups, and its original groups are not known; it is left as it is when a read a minute later shows the same.";

/// Why the release waits for a person, where it does.
pub fn held(draft: &Draft<'_>, view: &View) -> Option<Aspect> {
    if is_over(draft) || approved(draft) {
        return None;
    }
    let why = unusual(draft, view)?;
    Some(Aspect::new(
        false,
        Reason::ReleaseHeld,
        format!(
            "The release waits for a person, and the instance stays contained: {why}. To let it go, annotate this Quarantine with {RELEASE_ANNOTATION}: approved."
        ),
    ))
}

/// Whether each recorded interface is accounted for.
pub fn is_over(draft: &Draft<'_>) -> bool {
    draft.status.interfaces.iter().all(|record| record.state.is_final())
}

fn approved(draft: &Draft<'_>) -> bool {
    draft
        .facts
        .claim
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|all| all.get(RELEASE_ANNOTATION).is_some_and(|value| value == "approved"))
}

fn unusual(draft: &Draft<'_>, view: &View) -> Option<String> {
    let from_tags = || {
        let records = draft.status.interfaces.iter().filter(|record| !record.state.is_final());
        records.filter(|record| record.recorded_from == RecordSource::Tags).map(|record| record.id.as_str()).next()
    };
    let always = draft.status.release_approval == Some(ReleaseApproval::Always);
    if draft.facts.namespace.deleting {
        Some("its namespace is being deleted".to_owned())
    } else if draft.facts.crd_deleting {
        Some("the CustomResourceDefinition of Quarantine is being deleted".to_owned())
    } else if let Some(id) = from_tags() {
        Some(format!("the record of {id} was lost and comes from the tags on the interface, which others can write"))
    } else if let Some(id) = second_copy::differs(draft, view) {
        Some(format!("the tags on {id} name other original groups than the record in this status"))
    } else {
        always.then(|| "it was admitted under releaseApproval: Always".to_owned())
    }
}

/// Gives up every interface as it is: nothing in AWS is asked or changed.
pub fn retain_all(draft: &mut Draft<'_>) {
    let left = draft.status.interfaces.iter_mut().filter(|record| !record.state.is_final());
    left.for_each(|record| record.state = InterfaceState::Retained);
    let given_up = draft.status.interfaces.iter().filter(|record| record.state == InterfaceState::Retained);
    let given_up: Vec<String> = given_up
        .map(|record| {
            let originals = record.original_security_groups.as_ref();
            let originals = originals.map_or_else(|| "unknown".to_owned(), |groups| groups.join(", "));
            format!("{} (original groups: {originals})", record.id)
        })
        .collect();
    draft.warn(
        Reason::Retained,
        format!("Let go by release.policy Retain; these interfaces stay as they are: {}.", none_or(&given_up)),
    );
}

/// Brings every recorded interface back. True when each is accounted for and carries no tag of ours.
pub fn restore_all(draft: &mut Draft<'_>, view: &View) -> bool {
    let mut records = std::mem::take(&mut draft.status.interfaces);
    primary::take_originals(draft, view, &mut records);
    let awaited = primary::awaited(draft, view, &records);
    for record in records.iter_mut().filter(|record| !record.state.is_final()) {
        match view.interface(&record.id) {
            Some(seen) => match awaited.get(&record.id) {
                Some(rest) => wait_for_primary(draft, record, *rest),
                None => restore(draft, view, record, seen),
            },
            None => interface::missing(draft, record),
        }
    }
    let clean = second_copy::remove(draft, view, &records);
    let ended = records.iter().all(|record| record.state.is_final());
    draft.status.interfaces = records;
    ended && clean
}

fn wait_for_primary(draft: &mut Draft<'_>, record: &mut InterfaceStatus, rest: Duration) {
    draft.look_again(Again::after(rest));
    record.missing_since = None;
    record.state = InterfaceState::Restoring;
    record.message = Some(primary::WATCHED.to_owned());
}

fn restore(draft: &mut Draft<'_>, view: &View, record: &mut InterfaceStatus, seen: &Interface) {
    record.missing_since = None;
    interface::hear(draft, record);
    // A swap that this reconcile sent beside the restore, while the release was held, may be the later of the two.
    let swapped = draft.outcomes.of(ActionKind::Isolate, &record.id).is_some();
    let acknowledged = draft.outcomes.succeeded(ActionKind::Restore, &record.id) && !swapped;
    let unsettled = unsettled_for(draft, record);
    let settled = acknowledged || unsettled.is_none();
    let ours = interface::carries_any(seen, &record.isolation_groups);
    if !settled && let Some(rest) = unsettled {
        draft.look_again(Again::after(rest));
    }

    let Some(originals) = record.original_security_groups.clone() else {
        if ours {
            hold(
                record,
                "Its original groups are not known. Set release.policy: Retain to let it go as it is, and set its groups yourself.",
            );
            draft.look_again(Again::WAIT);
        } else if settled {
            left_alone(draft, record, seen);
        } else if record.state != InterfaceState::RestoreHeld {
            // An isolating call that was refused while the release was held matters no more.
            record.state = InterfaceState::Restoring;
            record.message = Some(CARRIES_NONE_OF_OURS.to_owned());
        }
        return;
    };
    if let Some(rest) = interface::until_heard(record, draft.now()) {
        draft.look_again(Again::after(rest));
        if record.state != InterfaceState::RestoreHeld {
            record.state = InterfaceState::Restoring;
            record.message = Some(STILL_ARRIVING.to_owned());
        }
        return;
    }
    let (wanted, missing) = still_there(&originals, view);
    if settled && interface::carries_exactly(seen, &wanted) {
        record.state = InterfaceState::Restored;
        record.message =
            (!missing.is_empty()).then(|| format!("Restored without {}: no such group any more.", missing.join(", ")));
        return;
    }
    if settled && !ours {
        left_alone(draft, record, seen);
        return;
    }
    let drop = draft.facts.claim.spec.release.missing_groups == MissingGroups::Drop;
    if !missing.is_empty() && (!drop || wanted.is_empty()) {
        let way_out = if drop {
            "none of its original groups is left, and an interface must carry one"
        } else {
            "set release.missingGroups: Drop to restore the others"
        };
        hold(
            record,
            &format!(
                "Original group {} no longer exists: make it again, {way_out}, or set release.policy: Retain.",
                missing.join(", ")
            ),
        );
        draft.look_again(Again::WAIT);
        return;
    }
    if acknowledged {
        draft.look_again(Again::after(STALE_READ_PAUSE));
        return;
    }
    if let Some(problem) = draft.outcomes.problem(ActionKind::Restore, &record.id).cloned() {
        draft.look_after(&problem);
        hold(record, &problem.message);
        return;
    }
    if record.state != InterfaceState::RestoreHeld {
        record.state = InterfaceState::Restoring;
        record.message = None;
    }
    draft.act(Action::Restore { interface_id: record.id.clone(), groups: wanted });
}

/// How long until a read can no longer be older than the last swap attempt. None: it can't be.
pub fn unsettled_for(draft: &Draft<'_>, record: &InterfaceStatus) -> Option<Duration> {
    let changed_for = last_change(record).map(|at| since(at, draft.now()));
    changed_for
        .filter(|changed_for| *changed_for <= UNSETTLED)
        .map(|changed_for| UNSETTLED + STALE_READ_PAUSE - changed_for)
}

/// When a swap was last tried. Of an interface that was isolated when its record was made nobody knows: it may have been
/// just before.
fn last_change(record: &InterfaceStatus) -> Option<&Time> {
    let isolated_before = record.recorded_from == RecordSource::Tags || record.original_security_groups.is_none();
    record.changed_at.as_ref().or_else(|| isolated_before.then_some(&record.recorded_at))
}

/// The originals that still exist, and those that don't.
fn still_there(originals: &[String], view: &View) -> (Vec<String>, Vec<String>) {
    match &view.originals_present {
        Some(present) => originals.iter().cloned().partition(|group| present.contains(group)),
        None => (originals.to_vec(), Vec::new()),
    }
}

fn hold(record: &mut InterfaceStatus, why: &str) {
    record.state = InterfaceState::RestoreHeld;
    record.message = Some(text::bounded(why, 1024));
}

/// It carries none of our groups any more: somebody else has changed it, and what they set stays.
fn left_alone(draft: &mut Draft<'_>, record: &mut InterfaceStatus, seen: &Interface) {
    let originals =
        record.original_security_groups.as_ref().map_or_else(|| "not known".to_owned(), |groups| groups.join(", "));
    let message = format!(
        "{} carried {} and none of our groups when it was released: somebody else changed it, so it was left as it is. Its original groups were: {originals}.",
        record.id,
        interface::carried(seen)
    );
    record.state = InterfaceState::NotOurs;
    record.message = Some(text::bounded(&message, 1024));
    draft.warn(Reason::InterfaceNotOurs, message);
}

/// Why the release isn't done yet. None: what stood in the way is being tried again, and stays told as it is until it is
/// known to be out of the way.
pub fn unfinished(draft: &Draft<'_>, view: &View) -> Option<Verdict> {
    let left: Vec<&InterfaceStatus> =
        draft.status.interfaces.iter().filter(|record| !record.state.is_final()).collect();
    let held: Vec<&&InterfaceStatus> =
        left.iter().filter(|record| record.state == InterfaceState::RestoreHeld).collect();
    let told: Vec<String> = left
        .iter()
        .filter_map(|record| record.message.as_ref().map(|message| format!("{}: {message}", record.id)))
        .collect();
    let unknown = held.iter().any(|record| record.original_security_groups.is_none());
    let missing = held
        .iter()
        .any(|record| !still_there(record.original_security_groups.as_deref().unwrap_or_default(), view).1.is_empty());
    let (progress, reason, message) = if unknown || missing {
        (
            Progress::Stalled,
            if unknown { Reason::OriginalsUnknown } else { Reason::OriginalGroupMissing },
            told.join(" "),
        )
    } else if !held.is_empty() {
        let refused = held.iter().filter_map(|record| draft.outcomes.problem(ActionKind::Restore, &record.id));
        match refused.max_by_key(|problem| problem.disposition) {
            Some(problem) => (problem.disposition.into(), problem.reason, told.join(" ")),
            None if is_told(draft) => return None,
            None => going_on(left.len()),
        }
    } else if left.is_empty() {
        let refused =
            draft.status.interfaces.iter().filter_map(|record| draft.outcomes.problem(ActionKind::Untag, &record.id));
        match refused.max_by_key(|problem| problem.disposition) {
            Some(problem) => {
                let message = format!(
                    "Every interface is accounted for; our tags can't be removed: {} Or set release.policy: Retain to leave them there.",
                    problem.message
                );
                (problem.disposition.into(), problem.reason, message)
            }
            None if is_told(draft) => return None,
            None => going_on(left.len()),
        }
    } else if left.iter().any(|record| record.state == InterfaceState::Missing) {
        (Progress::Working, Reason::VerifyingGone, told.join(" "))
    } else {
        let (progress, reason, message) = going_on(left.len());
        (progress, reason, format!("{message} {}", told.join(" ")).trim_end().to_owned())
    };
    Some(Verdict {
        progress,
        ready: Aspect::new(false, reason, message.clone()),
        target: None,
        contained: Some(Aspect::new(
            ConditionStatus::False,
            Reason::Releasing,
            "The interfaces are being given their own groups back.",
        )),
        restorable: None,
        evidence: None,
    })
}

/// A finalizer without records goes after two looks a minute apart that show nothing isolated but what other claims
/// hold: the records may have been lost right after a swap that the first look doesn't show yet.
pub fn before_letting_go_without_records(draft: &mut Draft<'_>) -> Option<Verdict> {
    let first = draft.status.records_missing_since.get_or_insert(Time(draft.facts.now)).clone();
    let rest = UNSETTLED.checked_sub(since(&first, draft.now())).filter(|rest| !rest.is_zero())?;
    draft.look_again(Again::after(rest));
    let message = "No interface is recorded, and none is isolated now that no other Quarantine holds; it goes when a look a minute later shows the same.";
    Some(Verdict::blocked(&Problem::new(Disposition::Retry, Reason::VerifyingGone, message)))
}

/// Whether the conditions speak of this release already.
fn is_told(draft: &Draft<'_>) -> bool {
    before(draft, ConditionType::Contained).is_some_and(|before| before.reason == Reason::Releasing.as_str())
}

fn going_on(left: usize) -> (Progress, Reason, String) {
    (
        Progress::Working,
        Reason::Releasing,
        format!("{} {} given back.", text::count(left, "interface"), if left == 1 { "is being" } else { "are being" }),
    )
}

/// What was given back, for the closing event.
pub fn tell_released(draft: &mut Draft<'_>) {
    let ended: Vec<String> = draft
        .status
        .interfaces
        .iter()
        .map(|record| match record.state {
            InterfaceState::Restored => format!(
                "{} carries {} again",
                record.id,
                record.original_security_groups.as_deref().unwrap_or_default().join(", ")
            ),
            InterfaceState::Gone => format!("{} no longer exists", record.id),
            InterfaceState::TakenOver => {
                format!("{}: {}", record.id, record.message.as_deref().unwrap_or_default().trim_end_matches('.'))
            }
            _ => format!("{} was left as it is", record.id),
        })
        .collect();
    draft.tell(Reason::Released, format!("Released: {}.", none_or(&ended)));
}

/// Whether the release gives everything up as it is.
pub fn retains(draft: &Draft<'_>) -> bool {
    draft.facts.claim.spec.release.policy == ReleasePolicy::Retain
}

fn none_or(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join("; ") }
}
