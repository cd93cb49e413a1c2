//! What keeps every interface of the instance isolated. Pure.
//!
//! One record per interface. A record is made before the interface is touched, holds what the interface carried, and is
//! never overwritten. Every swap is preceded by `changedAt` in the status, so that a release knows that one may be on its
//! way.

use super::{
    conditions::{self, Aspect},
    draft::{Draft, since},
    group, holders, interface, owners, primary, second_copy,
};
use crate::{
    api::{ADOPT_ANNOTATION, ConditionType, InterfaceState, InterfaceStatus, Reason, RecordSource},
    model::{
        ec2::Interface,
        problem::{Disposition, Problem},
        text,
    },
    quarantine::{
        tags,
        world::{Action, ActionKind, Again, Facts, View},
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How long an interface that was already isolated is watched before its originals count as unknown: EC2 reads are
/// eventually consistent, and the first one may be older than a release that has just happened.
pub const WATCH: Duration = Duration::from_secs(60);

/// How soon a change that AWS refused is tried again, unless somebody asks.
const REFUSED_PAUSE: Duration = Duration::from_secs(240);

/// How long the other interfaces go without a look at most, while a refused one waits.
const LOOK_PAUSE: Duration = Duration::from_secs(60);

/// How soon the interface is read again when a read doesn't show an acknowledged change yet.
const STALE_READ_PAUSE: Duration = Duration::from_secs(1);

/// Interfaces that have no record, and why.
pub type Unrecorded = BTreeMap<String, Problem>;

/// Makes the records of interfaces that have none.
pub fn record_new(draft: &mut Draft<'_>, view: &View) -> Unrecorded {
    let mut unrecorded = Unrecorded::new();
    let deleting = draft.facts.claim.is_deleting();
    for seen in view.own_interfaces() {
        if let Some(record) = draft.status.record(&seen.id) {
            if deleting && record.state == InterfaceState::TakenOver {
                unrecorded.insert(seen.id.clone(), kept_elsewhere(record));
            }
            continue;
        }
        let keeper = holders::keeper(draft.facts, &seen.id).filter(|_| deleting);
        let made = keeper
            .map_or(Ok(()), |keeper| Err(holders::kept_by(keeper)))
            .and_then(|()| refuse_elsewhere(draft, seen))
            .and_then(|()| group::for_vpc(draft, view, &seen.vpc_id))
            .and_then(|group| new_record(draft, view, seen, group));
        match made {
            Ok(mut record) => {
                interface::suppose_sent(draft, &mut record);
                draft.status.interfaces.push(record);
            }
            Err(problem) => {
                draft.look_after(&problem);
                unrecorded.insert(seen.id.clone(), problem);
            }
        }
    }
    unrecorded
}

/// Makes records again where they were lost and the interface is isolated, from what it and its tags tell. All interfaces
/// that are isolated and that no other claim gives back: those that another cluster holds, and those whose isolation
/// only tags tell, get no record.
pub fn record_lost(draft: &mut Draft<'_>, view: &View) -> Vec<String> {
    let mut isolated = Vec::new();
    let facts = draft.facts;
    for seen in view.own_interfaces().filter(|seen| !holders::is_given_back_by_another(facts, seen)) {
        let known = |group: &&String| view.group(group).is_some() || draft.facts.isolation_groups.contains(*group);
        let Some(group) = seen.groups.iter().find(known).cloned() else {
            if tags::read(&seen.tags).is_some_and(|told| interface::carries_any(seen, &told.isolation_groups)) {
                isolated.push(seen.id.clone());
            }
            continue;
        };
        isolated.push(seen.id.clone());
        if let Ok(mut record) = refuse_elsewhere(draft, seen).and_then(|()| new_record(draft, view, seen, group)) {
            interface::suppose_sent(draft, &mut record);
            // Whatever it was made from: its release waits for a person.
            draft.status.interfaces.push(InterfaceStatus { recorded_from: RecordSource::Tags, ..record });
        }
    }
    isolated
}

/// Makes the records of the other interfaces, too, where some were lost: the read may be older than their swap, or that
/// is still on its way.
pub fn record_rest(draft: &mut Draft<'_>, view: &View) {
    let found = draft.status.interfaces.len();
    record_new(draft, view);
    for record in draft.status.interfaces.iter_mut().skip(found) {
        record.recorded_from = RecordSource::Tags;
    }
    // Nothing is isolated here, so no group is made or mended either.
    draft.actions.clear();
}

/// Brings every recorded interface to its isolation group, and its tags in line.
///
/// While a release is held, what it had already given back stays so, and tags stay as they are: a person decides by
/// them.
pub fn isolate_all(draft: &mut Draft<'_>, view: &View) {
    let deleting = draft.facts.claim.is_deleting();
    let mut records = std::mem::take(&mut draft.status.interfaces);
    let facts = draft.facts;
    let left_alone = |record: &InterfaceStatus| {
        let own = view.own.contains(&record.id);
        (deleting && record.state.is_final())
            || !own
                && (record.state == InterfaceState::TakenOver || holders::is_driven_elsewhere(facts, view, &record.id))
    };
    for record in records.iter_mut().filter(|record| !left_alone(record)) {
        match view.interface(&record.id) {
            Some(seen) => isolate(draft, view, record, seen),
            // Taken over just now: nobody has looked for it by its id yet.
            None if !was_recorded(facts, &record.id) => draft.look_again(Again::after(STALE_READ_PAUSE)),
            None => interface::missing(draft, record),
        }
    }
    primary::take_originals(draft, view, &mut records);
    if !deleting {
        second_copy::write(draft, view, &records);
    }
    draft.status.interfaces = records;
}

fn was_recorded(facts: &Facts, id: &str) -> bool {
    facts.claim.records().iter().any(|record| record.id == id)
}

/// Notes what a read shows, and changes nothing in AWS: for a claim that may not act now.
pub fn watch_all(draft: &mut Draft<'_>, view: &View, still: &Aspect) -> Unrecorded {
    let deleting = draft.facts.claim.is_deleting();
    let mut records = std::mem::take(&mut draft.status.interfaces);
    let theirs =
        |record: &InterfaceStatus| record.state == InterfaceState::TakenOver || (deleting && record.state.is_final());
    for record in records.iter_mut().filter(|record| !theirs(record)) {
        match view.interface(&record.id) {
            Some(seen) => watch(draft, view, record, seen, &still.message),
            None => interface::missing(draft, record),
        }
    }
    let why =
        |seen: &Interface| format!("Carries {} and has no record yet. {}", interface::carried(seen), still.message);
    let unrecorded = view.own_interfaces().filter_map(|seen| {
        let problem = match records.iter().find(|record| record.id == seen.id) {
            None => Problem::new(Disposition::Stop, still.reason, why(seen)),
            Some(record) if record.state == InterfaceState::TakenOver => kept_elsewhere(record),
            Some(_) => return None,
        };
        Some((seen.id.clone(), problem))
    });
    let unrecorded = unrecorded.collect();
    draft.status.interfaces = records;
    unrecorded
}

/// It came back to the instance, and another claim has its record: this one doesn't say whether it is isolated.
fn kept_elsewhere(record: &InterfaceStatus) -> Problem {
    Problem::new(Disposition::Wait, Reason::HeldByAnother, record.message.clone().unwrap_or_default())
}

fn watch(draft: &Draft<'_>, view: &View, record: &mut InterfaceStatus, seen: &Interface, still: &str) {
    record.missing_since = None;
    learn_originals(draft, view, record, seen);
    if group::in_force(record).is_some_and(|in_force| interface::carries_only(seen, in_force)) {
        settle(record, InterfaceState::Isolated, None);
    } else {
        let why = format!("Carries {}. {still}", interface::carried(seen));
        settle(record, InterfaceState::Isolating, Some(why));
    }
}

fn refuse_elsewhere(draft: &Draft<'_>, seen: &Interface) -> Result<(), Problem> {
    let Some(evidence) = tags::read(&seen.tags) else { return Ok(()) };
    let adopted = draft
        .facts
        .claim
        .metadata
        .annotations
        .as_ref()
        .is_some_and(|all| all.get(ADOPT_ANNOTATION).is_some_and(|v| v == "true"));
    if evidence.cluster_uid == draft.facts.operator.cluster_uid || adopted {
        return Ok(());
    }
    Err(Problem::new(
        Disposition::Stop,
        Reason::HeldElsewhere,
        format!(
            "{} carries the tags of another cluster ({}), whose Quarantine {} holds it. Release it there; or, if that cluster is lost, annotate this Quarantine with {ADOPT_ANNOTATION}: \"true\".",
            seen.id, evidence.cluster_uid, evidence.quarantine_uid
        ),
    ))
}

fn new_record(draft: &Draft<'_>, view: &View, seen: &Interface, group: String) -> Result<InterfaceStatus, Problem> {
    let known = holders::known_record(draft.facts, &seen.id);
    if let Some(held) = known.filter(|known| !known.state.is_final()) {
        // It came from another instance, whose claim has its record still: that says what it carried.
        let mut record = InterfaceStatus { state: InterfaceState::Isolating, ..holders::taken(held) };
        group::put_in_force(&mut record, group);
        return Ok(record);
    }
    let isolating: BTreeSet<&String> = view
        .groups
        .iter()
        .map(|group| &group.id)
        .chain(draft.status.interfaces.iter().flat_map(|record| &record.isolation_groups))
        .chain(&draft.facts.isolation_groups)
        .chain([&group])
        .collect();
    let without_isolation = |groups: &[String]| -> Option<Vec<String>> {
        let own: Vec<String> = groups.iter().filter(|group| !isolating.contains(group)).cloned().collect();
        (!own.is_empty()).then_some(own)
    };

    let evidence = tags::read(&seen.tags);
    let touched = seen.groups.iter().any(|group| isolating.contains(group));
    let told = evidence.as_ref().and_then(|evidence| {
        without_isolation(evidence.original_groups.as_deref().filter(|told| tags::are_groups(told))?)
    });
    // Its own tags tell that a record was lost: what it carries since may be somebody else's doing.
    let own = |evidence: &tags::Evidence| Some(&evidence.quarantine_uid) == draft.facts.claim.metadata.uid.as_ref();
    let changed_since_lost = |told: &Vec<String>| !interface::carries_exactly(seen, told);
    let told = told.filter(|told| touched || (evidence.as_ref().is_some_and(own) && changed_since_lost(told)));
    // The read may be older than the restore of a claim that goes.
    let given_back = known.filter(|_| touched).and_then(|known| known.original_security_groups.clone());
    // Where only tags say that what it carries isolates, what it carries is kept: others can write tags. A person decides.
    let told_isolated =
        !touched && evidence.is_some_and(|evidence| interface::carries_any(seen, &evidence.isolation_groups));
    let from_tags = given_back.is_none() && (told.is_some() || told_isolated);
    let recorded_from = if from_tags { RecordSource::Tags } else { RecordSource::Interface };
    let originals = given_back.or(told).or_else(|| without_isolation(&seen.groups));
    Ok(InterfaceStatus {
        id: seen.id.clone(),
        vpc_id: seen.vpc_id.clone(),
        original_security_groups: originals,
        isolation_groups: vec![group],
        recorded_from,
        recorded_at: draft.time(),
        changed_at: None,
        unanswered_at: vec![],
        missing_since: None,
        state: InterfaceState::Isolating,
        message: None,
    })
}

/// The read that made the record was older than a release that had just happened: what a later one shows, before
/// anything was changed, are the interface's own groups. True where that is so.
fn learn_originals(draft: &Draft<'_>, view: &View, record: &mut InterfaceStatus, seen: &Interface) -> bool {
    let learning = is_watched(draft, record) && record.changed_at.is_none();
    let own = learning && !carries_isolation(draft, view, record, seen);
    if own {
        record.original_security_groups = Some(seen.groups.clone());
    }
    own
}

fn carries_isolation(draft: &Draft<'_>, view: &View, record: &InterfaceStatus, seen: &Interface) -> bool {
    let isolating = |group: &String| {
        record.isolation_groups.contains(group)
            || view.group(group).is_some()
            || draft.facts.isolation_groups.contains(group)
    };
    seen.groups.iter().any(isolating)
}

/// Whether it isn't concluded yet that the originals are unknown: the minute isn't over, or nobody has looked since.
fn is_watched(draft: &Draft<'_>, record: &InterfaceStatus) -> bool {
    let restorable = conditions::before(draft, ConditionType::Restorable);
    let concluded = restorable.is_some_and(|before| before.reason == Reason::OriginalsUnknown.as_str());
    record.original_security_groups.is_none() && (since(&record.recorded_at, draft.now()) < WATCH || !concluded)
}

fn isolate(draft: &mut Draft<'_>, view: &View, record: &mut InterfaceStatus, seen: &Interface) {
    record.missing_since = None;
    interface::hear(draft, record);
    let Some(mut in_force) = group::in_force(record).map(str::to_owned) else { return };
    if interface::carries_only(seen, &in_force) {
        let watched_for = since(&record.recorded_at, draft.now());
        if record.original_security_groups.is_none() && watched_for < WATCH {
            draft.look_again(Again::after(WATCH - watched_for));
        }
        settle(record, InterfaceState::Isolated, None);
        return;
    }
    let first_read_was_stale = learn_originals(draft, view, record, seen);
    let watched_for = since(&record.recorded_at, draft.now());
    if record.original_security_groups.is_none() && record.changed_at.is_none() && watched_for < WATCH {
        // It is isolated by another group; what it carries in truth may be its own groups, which no read shows yet.
        draft.look_again(Again::after(WATCH - watched_for));
        let why = format!("Carries {}, of another class; watched for a minute first.", interface::carried(seen));
        settle(record, InterfaceState::Isolating, Some(why));
        return;
    }
    if draft.outcomes.succeeded(ActionKind::Isolate, &record.id) {
        settle(record, InterfaceState::Isolating, None);
        draft.look_again(Again::after(STALE_READ_PAUSE));
        return;
    }
    match group::renew(draft, view, record) {
        None => {}
        // The read that made the record was older than the swap to it.
        Some(Ok(new)) if interface::carries_only(seen, &new) => return settle(record, InterfaceState::Isolated, None),
        Some(Ok(new)) => in_force = new,
        Some(Err(problem)) => return refuse(draft, record, problem),
    }
    if let Some(problem) = refusal(draft, view, record, seen) {
        return refuse(draft, record, problem);
    }
    if record.state == InterfaceState::Refused && !draft.asked_now() {
        let waited = record.changed_at.as_ref().map_or(REFUSED_PAUSE, |at| since(at, draft.now()));
        if waited < REFUSED_PAUSE {
            draft.look_again(Again::after((REFUSED_PAUSE - waited).min(LOOK_PAUSE)));
            return;
        }
    }
    if record.state == InterfaceState::Isolated && !first_read_was_stale {
        draft.status.corrections += 1;
        draft.warn(
            Reason::DriftCorrected,
            format!(
                "{} carried {} instead of the isolation group {in_force}; it is being put back. {}",
                record.id,
                interface::carried(seen),
                owners::suspects(view)
            ),
        );
    }
    interface::about_to_change(draft, record);
    match record.state {
        // What stood in the way last time stays in view until it is out of the way.
        InterfaceState::Refused => {}
        InterfaceState::Isolating if !was_suspended(draft) => {}
        _ => settle(record, InterfaceState::Isolating, None),
    }
    draft.act(Action::Isolate { interface_id: record.id.clone(), groups: vec![in_force] });
}

fn refuse(draft: &mut Draft<'_>, record: &mut InterfaceStatus, problem: Problem) {
    draft.look_after(&problem);
    let passes = problem.disposition == Disposition::Retry;
    settle(record, if passes { InterfaceState::Isolating } else { InterfaceState::Refused }, Some(problem.message));
}

fn was_suspended(draft: &Draft<'_>) -> bool {
    conditions::before(draft, ConditionType::Ready).is_some_and(|before| before.reason == Reason::Suspended.as_str())
}

/// Why this interface can't be isolated now, where this reconcile has learnt it or AWS says so beforehand.
fn refusal(draft: &Draft<'_>, view: &View, record: &InterfaceStatus, seen: &Interface) -> Option<Problem> {
    if let Some(managed) = managed_by_aws(seen) {
        return Some(managed);
    }
    let problem = draft.outcomes.problem(ActionKind::Isolate, &record.id).cloned()?;
    let group_is_new = problem.reason == Reason::GroupNotFound
        && group::in_force(record).is_some_and(|group| view.group(group).is_some());
    // For some seconds after its creation EC2 reads show a group that a swap doesn't find yet.
    Some(if group_is_new { Problem { disposition: Disposition::Retry, ..problem } } else { problem })
}

/// Why AWS refuses a change to this interface, where a read tells.
pub fn managed_by_aws(seen: &Interface) -> Option<Problem> {
    let owner = seen.managed_by.as_ref()?;
    let message =
        format!("{} is managed by {owner}, and AWS refuses changes to it: isolate it through that service.", seen.id);
    Some(Problem::new(Disposition::Stop, Reason::InterfaceManagedByAws, message))
}

fn settle(record: &mut InterfaceStatus, state: InterfaceState, message: Option<String>) {
    record.state = state;
    record.message = message.map(|message| text::bounded(&message, 1024));
}
