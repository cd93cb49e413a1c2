//! What containment amounts to, in conditions and in words. Pure.

use super::{
    conditions::{Aspect, Progress, Verdict, before},
    containment::{self, Unrecorded, WATCH},
    draft::{Draft, since},
    group, group_rules, holders, interface, owners,
};
use crate::{
    api::{ConditionStatus, ConditionType, InterfaceState, InterfaceStatus, Mode, Reason, RecordSource},
    model::{
        ec2::InstanceState,
        problem::{Disposition, Problem},
        text,
    },
    quarantine::{
        tags,
        world::{ActionKind, View},
    },
};
use std::collections::BTreeSet;

/// What a swap of security groups does not do ("Amazon EC2 security group connection tracking", Amazon EC2 User Guide;
/// "Control traffic to your AWS resources using security groups", Amazon VPC User Guide).
const STILL_POSSIBLE: &str = "Connections that were already tracked go on, DNS to the VPC resolver and the instance metadata service still answer, \
    and credentials taken off the host stay valid: see the README, \"Limits\".";

/// Sums up the records as this read shows them.
pub fn of_containment(draft: &mut Draft<'_>, view: &View, unrecorded: &Unrecorded) -> Verdict {
    let counted: Vec<&InterfaceStatus> =
        draft.status.interfaces.iter().filter(|record| !is_elsewhere(record)).collect();
    let isolated = counted.iter().filter(|record| record.state == InterfaceState::Isolated).count();
    let all = counted.len() + unrecorded.len();
    draft.status.interface_summary = Some(format!("{isolated}/{all}"));

    let contained = containment(draft, view, unrecorded, isolated, all);
    if contained.aspect.status == ConditionStatus::True && draft.status.contained_at.is_none() {
        draft.status.contained_at = Some(draft.time());
    }
    let ready = Aspect { status: (contained.progress == Progress::Done).into(), ..contained.aspect.clone() };
    Verdict {
        progress: contained.progress,
        ready,
        target: Some(resolved(draft, view)),
        restorable: restorable(draft, view),
        evidence: view.instance.as_ref().map(owners::evidence),
        contained: Some(contained.aspect),
    }
}

/// The claim only asks: what would change, and whether AWS would allow it.
pub fn of_dry_run(draft: &Draft<'_>, view: &View, unrecorded: &Unrecorded) -> Verdict {
    let would: Vec<String> = draft
        .status
        .interfaces
        .iter()
        .map(|record| {
            let carried = view.interface(&record.id).map(interface::carried).unwrap_or_default();
            let onto = group::in_force(record).unwrap_or_default();
            match would_be_refused(draft, view, record) {
                None => format!("{}: {carried} → {onto}", record.id),
                Some(problem) => format!("{}: {carried} → {onto} would be refused: {}", record.id, problem.message),
            }
        })
        .chain(unrecorded.iter().map(|(id, problem)| match problem.reason {
            Reason::GroupNotReady => {
                format!("{id}: the class's managed security group, which is made or put in line first")
            }
            _ => format!("{id}: {}", problem.message),
        }))
        .collect();
    let asked = draft.status.interfaces.iter().find_map(|record| would_be_refused(draft, view, record));
    let ungrouped = unrecorded.values().find(|problem| problem.reason != Reason::GroupNotReady).cloned();
    let blocking = ended(draft, view).or(asked).or(ungrouped);
    let message = format!(
        "Nothing is changed. Enforce would set, by interface: {}. AWS' own dry run checks permissions only.",
        if would.is_empty() {
            "nothing, the instance has no network interface".to_owned()
        } else {
            as_one_sentence(&would)
        }
    );
    let (progress, ready) = match blocking {
        None => (Progress::Done, Aspect::new(true, Reason::DryRun, message.clone())),
        Some(problem) => {
            (problem.disposition.into(), Aspect::new(false, problem.reason, format!("{} {message}", problem.message)))
        }
    };
    Verdict {
        progress,
        ready,
        target: Some(resolved(draft, view)),
        contained: Some(Aspect::new(false, Reason::DryRun, message)),
        restorable: None,
        evidence: view.instance.as_ref().map(owners::evidence),
    }
}

/// Each may be sentences of their own.
fn as_one_sentence(parts: &[String]) -> String {
    parts.iter().map(|part| part.trim_end_matches('.')).collect::<Vec<_>>().join("; ")
}

fn would_be_refused(draft: &Draft<'_>, view: &View, record: &InterfaceStatus) -> Option<Problem> {
    let managed = view.interface(&record.id).and_then(containment::managed_by_aws);
    managed.or_else(|| draft.outcomes.problem(ActionKind::Probe, &record.id).cloned())
}

/// Nothing is done, and the read is told as it is.
pub fn of_suspension(draft: &mut Draft<'_>, view: &View, unrecorded: &Unrecorded) -> Verdict {
    let summed = of_containment(draft, view, unrecorded);
    let message = "Suspended: nothing is changed, and drift is not put right. Set suspend: false to go on.";
    let contained = summed.contained.map(|contained| match contained.status {
        ConditionStatus::True => contained,
        _ if draft.status.interfaces.is_empty() => Aspect::new(false, Reason::Suspended, message),
        _ => Aspect::new(false, Reason::Suspended, format!("{message} {}", contained.message)),
    });
    Verdict { progress: Progress::Done, ready: Aspect::new(true, Reason::Suspended, message), contained, ..summed }
}

/// It no longer exists, or another claim answers for it.
fn is_elsewhere(record: &InterfaceStatus) -> bool {
    matches!(record.state, InterfaceState::Gone | InterfaceState::TakenOver)
}

struct Containment {
    progress: Progress,
    aspect: Aspect,
}

fn containment(draft: &Draft<'_>, view: &View, unrecorded: &Unrecorded, isolated: usize, all: usize) -> Containment {
    let not = |progress, reason, message: String| Containment { progress, aspect: Aspect::new(false, reason, message) };
    if let Some(ended) = ended(draft, view) {
        let surviving = if isolated < all {
            unfinished(draft, view, unrecorded, isolated, all).aspect.message
        } else {
            String::new()
        };
        return not(
            ended.disposition.into(),
            ended.reason,
            format!("{} {surviving}", ended.message).trim_end().to_owned(),
        );
    }
    if isolated < all {
        return unfinished(draft, view, unrecorded, isolated, all);
    }
    if all == 0 || view.own.is_empty() {
        let instance = target_id(draft);
        return not(
            Progress::Working,
            Reason::InstanceHasNoInterfaces,
            format!(
                "{instance} has no network interface, so there is nothing to isolate; one that is attached will be."
            ),
        );
    }
    if let Some(why) = &view.branches_unknown {
        return not(
            Progress::Stalled,
            Reason::BranchInterfacesUnknown,
            format!(
                "{isolated}/{all} interfaces carry the isolation group, but the branch interfaces of a trunk can't be looked up: {why}"
            ),
        );
    }
    let leaks = group::leaks_in_force(&draft.status, view);
    let open: Vec<&str> = leaks.iter().filter(|(_, leaks)| leaks.open()).map(|(id, _)| id.as_str()).collect();
    if !open.is_empty() {
        return not(
            Progress::Stalled,
            Reason::IsolationGroupOpen,
            format!(
                "{isolated}/{all} interfaces carry the isolation group as declared, but {} does not isolate: it has a rule from or to everywhere (0.0.0.0/0 or ::/0). Remove that rule from the group.",
                open.join(", ")
            ),
        );
    }
    let talking: Vec<&str> =
        leaks.iter().filter(|(_, leaks)| leaks.among_isolated).map(|(id, _)| id.as_str()).collect();
    let talking = if talking.is_empty() {
        String::new()
    } else {
        format!(" {} has a rule that lets isolated machines talk to each other.", talking.join(", "))
    };
    let letting = group_rules::letting_groups(draft, view);
    let letting = match &letting[..] {
        [] => String::new(),
        rules => format!(" A rule lets members of another group through ({}).", rules.join("; ")),
    };
    Containment {
        progress: Progress::Done,
        aspect: Aspect::new(
            true,
            Reason::Contained,
            format!(
                "{} {} only {}.{talking}{letting} {STILL_POSSIBLE}",
                all_interfaces(all, &target_id(draft)),
                if all == 1 { "carries" } else { "carry" },
                groups_in_force(draft)
            ),
        ),
    }
}

fn unfinished(draft: &Draft<'_>, view: &View, unrecorded: &Unrecorded, isolated: usize, all: usize) -> Containment {
    let behind: Vec<&InterfaceStatus> = draft
        .status
        .interfaces
        .iter()
        .filter(|record| record.state != InterfaceState::Isolated && !is_elsewhere(record))
        .collect();
    let refused = |record: &&InterfaceStatus| record.state == InterfaceState::Refused;
    let first_problem = unrecorded.values().max_by_key(|problem| problem.disposition);
    let (progress, reason) = match first_problem {
        _ if behind.iter().any(refused) => (Progress::Stalled, refusal_reason(view, &behind)),
        Some(problem) => (problem.disposition.into(), problem.reason),
        None => (Progress::Working, Reason::Containing),
    };
    let why: Vec<String> = behind
        .iter()
        .filter_map(|record| record.message.as_ref().map(|message| format!("{}: {message}", record.id)))
        .chain(unrecorded.iter().map(|(id, problem)| format!("{id}: {}", problem.message)))
        .collect();
    let message = format!("{isolated}/{all} interfaces of {} are isolated. {}", target_id(draft), why.join(" "));
    Containment { progress, aspect: Aspect::new(false, reason, text::bounded(message.trim_end(), 4096)) }
}

/// Why an interface is refused: told from what a read shows, so that it is the same at every look.
fn refusal_reason(view: &View, behind: &[&InterfaceStatus]) -> Reason {
    let managed = |record: &&&InterfaceStatus| view.interface(&record.id).is_some_and(|seen| seen.managed_by.is_some());
    let refused: Vec<_> = behind.iter().filter(|record| record.state == InterfaceState::Refused).collect();
    if refused.iter().all(managed) { Reason::InterfaceManagedByAws } else { Reason::InterfaceRefused }
}

/// The instance is gone or going.
fn ended(draft: &Draft<'_>, view: &View) -> Option<Problem> {
    let id = target_id(draft);
    match &view.instance {
        None => Some(Problem::new(
            Disposition::Stop,
            Reason::InstanceNotFound,
            format!(
                "There is no instance {id} in this account and region: check spec.target, or delete this Quarantine if the instance was terminated."
            ),
        )),
        Some(instance) if instance.state == InstanceState::Terminated => Some(Problem::new(
            Disposition::Stop,
            Reason::InstanceTerminated,
            format!(
                "{id} is terminated: there is nothing left to contain. Delete this Quarantine; interfaces that survived are given their own groups back."
            ),
        )),
        Some(_) => None,
    }
}

fn resolved(draft: &Draft<'_>, view: &View) -> Aspect {
    match ended(draft, view) {
        Some(problem) if problem.reason == Reason::InstanceNotFound => Aspect::of_problem(false, &problem),
        _ => {
            let place =
                draft.status.target.as_ref().map(|target| {
                    format!("{} in {}, account {}.", target.instance_id, target.region, target.account_id)
                });
            Aspect::new(true, Reason::Resolved, place.unwrap_or_default())
        }
    }
}

/// The records, and beside them the second copy where it can't be put right.
fn restorable(draft: &Draft<'_>, view: &View) -> Option<Aspect> {
    let records = recorded(draft)?;
    let Some(tags) = untagged(draft, view, &records) else { return Some(records) };
    let reason = if records.status == ConditionStatus::True { Reason::TagsNotWritten } else { records.reason };
    Some(Aspect { reason, message: format!("{}{tags}", records.message), ..records })
}

fn recorded(draft: &Draft<'_>) -> Option<Aspect> {
    let records = &draft.status.interfaces;
    if records.is_empty() {
        return None;
    }
    // It takes a read after the minute to conclude.
    let (watched, unknown): (Vec<&InterfaceStatus>, Vec<&InterfaceStatus>) = records
        .iter()
        .filter(|record| record.original_security_groups.is_none() && !record.state.is_final())
        .partition(|record| since(&record.recorded_at, draft.now()) < WATCH || record.state == InterfaceState::Missing);
    if unknown.is_empty() && !watched.is_empty() {
        return Some(Aspect::new(
            ConditionStatus::Unknown,
            Reason::VerifyingOriginals,
            format!(
                "{} already isolated when first seen; watched for a minute before its originals count as unknown.",
                ids(&watched)
            ),
        ));
    }
    if !unknown.is_empty() {
        return Some(Aspect::new(
            false,
            Reason::OriginalsUnknown,
            format!(
                "{} already isolated when first seen, and nothing tells which groups it had. It stays isolated; when this Quarantine is deleted, it waits for release.policy: Retain, and the groups are yours to set.",
                ids(&unknown)
            ),
        ));
    }
    let borrowed: Vec<&str> = records
        .iter()
        .filter(|record| record.recorded_from == RecordSource::Primary)
        .map(|record| record.id.as_str())
        .collect();
    if !borrowed.is_empty() {
        let message = format!(
            "What every interface gets back is stored in this status. Attached after the isolation with the isolation group, and so without groups of {}: {}; those of the primary interface are put on.",
            if borrowed.len() == 1 { "its own" } else { "their own" },
            borrowed.join(", ")
        );
        return Some(Aspect::new(true, Reason::OriginalsOfPrimary, message));
    }
    Some(Aspect::new(
        true,
        Reason::OriginalsStored,
        "The original groups of every interface are stored in this status.",
    ))
}

const NO_SECOND_COPY: &str = " The second copy, as tags on the interface, can't be put right: ";

/// Why the second copy is not what it should be. What was told last time stays told while it is tried again.
fn untagged(draft: &Draft<'_>, view: &View, records: &Aspect) -> Option<String> {
    let problem = |record: &InterfaceStatus| {
        draft
            .outcomes
            .problem(ActionKind::Tag, &record.id)
            .or_else(|| draft.outcomes.problem(ActionKind::Untag, &record.id))
    };
    let problems: BTreeSet<&str> =
        draft.status.interfaces.iter().filter_map(problem).map(|problem| problem.message.as_str()).collect();
    if !problems.is_empty() {
        return Some(format!("{NO_SECOND_COPY}{}", problems.into_iter().collect::<Vec<_>>().join(" ")));
    }
    let told = before(draft, ConditionType::Restorable)?.message.strip_prefix(&records.message)?;
    let (uid, cluster) =
        (draft.facts.claim.metadata.uid.as_deref().unwrap_or_default(), &draft.facts.operator.cluster_uid);
    let still_wrong = draft.status.interfaces.iter().filter(|record| !record.state.is_final()).any(|record| {
        let wanted = tags::of_record(record, uid, cluster);
        !holders::is_driven_elsewhere(draft.facts, view, &record.id)
            && view.interface(&record.id).is_some_and(|seen| !tags::agree(&seen.tags, &wanted))
    });
    let tried_now = draft.outcomes.any(ActionKind::Tag) || draft.outcomes.any(ActionKind::Untag);
    (told.starts_with(NO_SECOND_COPY) && still_wrong && !tried_now).then(|| told.to_owned())
}

/// `The only interface of i-1`, `All 2 interfaces of i-1`.
fn all_interfaces(all: usize, instance: &str) -> String {
    if all == 1 { format!("The only interface of {instance}") } else { format!("All {all} interfaces of {instance}") }
}

fn groups_in_force(draft: &Draft<'_>) -> String {
    let groups: BTreeSet<&str> =
        draft.status.interfaces.iter().filter(|record| !is_elsewhere(record)).filter_map(group::in_force).collect();
    groups.into_iter().collect::<Vec<_>>().join(", ")
}

fn ids(records: &[&InterfaceStatus]) -> String {
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    format!("{} {}", ids.join(", "), if ids.len() == 1 { "was" } else { "were" })
}

fn target_id(draft: &Draft<'_>) -> String {
    draft.status.target.as_ref().map(|target| target.instance_id.clone()).unwrap_or_default()
}

/// Whether the claim only asks.
pub fn is_dry_run(draft: &Draft<'_>) -> bool {
    draft.facts.claim.spec.mode == Mode::DryRun
}
