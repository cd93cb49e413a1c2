//! From a picture of the world to what is to be done. Pure: no clock, no client, no async.
//!
//! | room | question |
//! |---|---|
//! | [`admission`] | does policy let the claim act, and where? |
//! | [`automatic`] | must a person say yes first? |
//! | [`holders`] | does this claim drive the instance, or another one? |
//! | [`branches`] | which interfaces are the branches of its trunks? |
//! | [`group`] | which isolation group, and does it isolate? |
//! | [`group_rules`] | what did somebody write into it? |
//! | [`containment`] | what keeps every interface isolated? |
//! | [`primary`] | what does an interface get back that never had groups of its own? |
//! | [`release`] | what brings every interface back? |
//! | [`target`] | which instance does the claim's finding name? |
//! | [`findings`] | what are findings told? |
//! | [`about`] | which findings may be told? |
//! | [`second_copy`] | which tags stand on the interfaces beside the records? |
//! | [`owners`] | who else has a hand in the instance? |
//! | [`policy`] | what does the class of a held instance say otherwise now? |
//! | [`report`], [`conditions`] | what does the status say? |

pub mod about;
pub mod admission;
mod automatic;
pub mod branches;
mod conditions;
mod containment;
mod draft;
pub mod finding_change;
pub mod findings;
mod group;
mod group_rules;
pub mod holders;
mod interface;
mod owners;
mod policy;
mod primary;
mod release;
mod report;
mod second_copy;
pub mod target;
#[cfg(test)]
mod tests;

use super::world::{Action, ActionKind, Again, ClassSight, Decision, FinalizerStep, Sight, View, World};
use crate::{
    api::{ConditionStatus, ConditionType, FindingReference, InterfaceState, QuarantineStatus, Reason, ResolvedTarget},
    model::problem::{Disposition, Problem},
};
use conditions::{Aspect, Progress, Verdict, conclude};
use draft::Draft;
use std::time::Duration;

/// Decides what one round does.
///
/// The status in the decision is the next one, whole. Its records are stored before any of the actions is begun, so
/// that every action can be undone by whoever reads the status after a crash.
pub fn decide(world: &World) -> Decision {
    let mut draft = Draft::new(world);
    let claim = &world.facts.claim;
    let finalized = claim.has_finalizer();
    if !claim.is_deleting() {
        look_after(&mut draft, &world.sight);
        let step =
            if draft.status.interfaces.is_empty() || finalized { FinalizerStep::Keep } else { FinalizerStep::Add };
        findings::tell(&mut draft);
        return draft.finish(step);
    }
    if !finalized {
        return untouched(draft);
    }
    let step = release(&mut draft, &world.sight);
    let step = findings::tell_of_release(&mut draft, step);
    draft.finish(step)
}

/// The claim stands.
fn look_after(draft: &mut Draft<'_>, sight: &Sight) {
    match sight {
        Sight::Refused(problem) => refuse_before_looking(draft, problem),
        Sight::Resolved(target, finding) => resolve(draft, target, finding),
        Sight::Failed(target, problem) => not_seen(draft, target.as_ref(), problem),
        Sight::Seen(target, view) => hold(draft, target, view),
    }
}

/// An object that is going and that we never acted for.
fn untouched(draft: Draft<'_>) -> Decision {
    let status = draft.facts.claim.status.clone().unwrap_or_default();
    Decision { status, ..draft.finish(FinalizerStep::Keep) }
}

/// Fixes which instance the finding names; what is done with it is decided in the next reconcile, which is that
/// instance's.
fn resolve(draft: &mut Draft<'_>, target: &ResolvedTarget, finding: &FindingReference) {
    draft.status.target = Some(target.clone());
    draft.status.finding = Some(finding.clone());
    draft.look_again(Again::after(Duration::ZERO));
    let ResolvedTarget { instance_id, account_id, region, .. } = target;
    let named = Aspect::new(true, Reason::Resolved, format!("{instance_id} in {region}, account {account_id}."));
    let next = format!("Finding {} names {instance_id}, which is looked at next.", finding.id);
    let ready = Aspect::new(false, Reason::Resolving, next);
    conclude(draft, Verdict { target: Some(named), ..Verdict::of(Progress::Working, ready) });
}

fn refuse_before_looking(draft: &mut Draft<'_>, problem: &Problem) {
    draft.status.held_by = None;
    refuse(draft, problem);
}

/// Policy says no, or can't say yes yet.
fn refuse(draft: &mut Draft<'_>, problem: &Problem) {
    draft.look_after(problem);
    let contained = Aspect::of_problem(false, problem);
    conclude(draft, Verdict { contained: Some(contained), ..Verdict::blocked(problem) });
}

/// AWS gave no picture: what is held stays held, and the last read stands unless it takes more than time.
fn not_seen(draft: &mut Draft<'_>, target: Option<&ResolvedTarget>, problem: &Problem) {
    draft.look_after(problem);
    if draft.status.interfaces.is_empty() && target.is_some() {
        draft.status.target = target.cloned();
    }
    let passing =
        problem.disposition == Disposition::Retry && conditions::before(draft, ConditionType::Contained).is_some();
    let contained = (!passing).then(|| Aspect::of_problem(ConditionStatus::Unknown, problem));
    conclude(draft, Verdict { contained, ..Verdict::blocked(problem) });
}

/// The claim stands: contain the instance, or say what containing it would do.
fn hold(draft: &mut Draft<'_>, target: &ResolvedTarget, view: &View) {
    let held = !draft.status.interfaces.is_empty();
    draft.status.held_by = None;
    policy::tell_changes(draft, view);
    if draft.facts.claim.spec.suspend {
        if !held {
            draft.status.target = Some(target.clone());
        }
        let still = Aspect::new(false, Reason::Suspended, "Nothing is done while suspended.");
        let unrecorded = containment::watch_all(draft, view, &still);
        let verdict = report::of_suspension(draft, view, &unrecorded);
        draft.look_again(Again::RESYNC);
        return conclude(draft, verdict);
    }
    if !held && let Err(problem) = admit(draft, target, view) {
        return refuse(draft, &problem);
    }
    draft.status.target = Some(target.clone());
    if let Some(driver) = holders::driver(draft.facts).filter(|driver| !holders::inherits(draft.facts, driver)) {
        draft.status.held_by = Some(holders::held_by(driver));
        draft.look_again(Again::WAIT);
        let verdict = holders::waits(draft, view, driver);
        return conclude(draft, verdict);
    }
    if !held && report::is_dry_run(draft) {
        return dry_run(draft, view);
    }
    if !held && automatic::hold(draft, view) {
        return;
    }
    holders::take_over(draft);
    let verdict = contain(draft, view);
    draft.look_again(Again::RESYNC);
    conclude(draft, verdict);
}

fn contain(draft: &mut Draft<'_>, view: &View) -> Verdict {
    holders::give_over_moved(draft, view);
    holders::take_back_returned(draft, view);
    let unrecorded = containment::record_new(draft, view);
    let other_group = group::declare(draft, view);
    containment::isolate_all(draft, view);
    let unmended = group::keep_managed_rules(draft, view).or(other_group);
    group_rules::tell_added(draft, view);
    let verdict = report::of_containment(draft, view, &unrecorded);
    match unmended {
        Some((progress, ready)) if verdict.progress == Progress::Done => Verdict { progress, ready, ..verdict },
        _ => verdict,
    }
}

/// What is asked of policy until the first record, and then never again.
fn admit(draft: &mut Draft<'_>, target: &ResolvedTarget, view: &View) -> Result<(), Problem> {
    admission::allow_seen(draft.facts, view)?;
    admission::allow_one_more(draft.facts)?;
    fix_admission(draft, target)
}

/// What was admitted is fixed: it holds until the end, whatever happens to the class.
fn fix_admission(draft: &mut Draft<'_>, target: &ResolvedTarget) -> Result<(), Problem> {
    draft.status.admitted_group = Some(admission::declared_group(draft.facts)?);
    draft.status.release_approval = draft.facts.class.found().map(|class| class.spec.release_approval);
    draft.status.class_name = match &draft.facts.class {
        ClassSight::Found(class) => class.metadata.name.clone(),
        ClassSight::NotFound(_) | ClassSight::NoDefault | ClassSight::SeveralDefaults(_) => None,
    };
    draft.status.target = Some(target.clone());
    Ok(())
}

/// Makes the records in the mind only, and asks AWS whether each swap would be allowed.
fn dry_run(draft: &mut Draft<'_>, view: &View) {
    let unrecorded = containment::record_new(draft, view);
    draft.actions.clear();
    for record in &draft.status.interfaces {
        if draft.outcomes.of(ActionKind::Probe, &record.id).is_none() {
            draft
                .actions
                .push(Action::Probe { interface_id: record.id.clone(), groups: record.isolation_groups.clone() });
        }
    }
    let verdict = report::of_dry_run(draft, view, &unrecorded);
    let unanswered = unanswered(draft);
    draft.status.interfaces.clear();
    draft.again = Again::WAIT;
    // A managed group is made by what enforces: nobody waits for that here.
    let ungrouped = unrecorded.values().filter(|problem| problem.reason != Reason::GroupNotReady);
    ungrouped.for_each(|problem| draft.look_after(problem));
    if draft.actions.is_empty() && unanswered.is_none() {
        return conclude(draft, verdict);
    }
    // Conditions wait for AWS' answer; where to ask is told already.
    let before = draft.facts.claim.status.clone().unwrap_or_default();
    let decided = std::mem::take(&mut draft.status);
    let QuarantineStatus { target, class_name, admitted_group, release_approval, observed_generation, .. } = decided;
    draft.status =
        QuarantineStatus { target, class_name, admitted_group, release_approval, observed_generation, ..before };
    if let Some(problem) = unanswered {
        draft.look_after(&problem);
        let asked = conditions::before(draft, ConditionType::Ready)
            .is_some_and(|ready| ready.reason == Reason::DryRun.as_str());
        if !asked {
            conclude(draft, Verdict::blocked(&problem));
        }
    }
}

/// AWS couldn't be asked whether it would permit a swap: that is no refusal.
fn unanswered(draft: &Draft<'_>) -> Option<Problem> {
    let asked = draft.status.interfaces.iter();
    let mut problems = asked.filter_map(|record| draft.outcomes.problem(ActionKind::Probe, &record.id));
    problems.find(|problem| problem.disposition == Disposition::Retry).cloned()
}

fn release(draft: &mut Draft<'_>, sight: &Sight) -> FinalizerStep {
    if let Some(step) = pass_on(draft, sight) {
        return step;
    }
    if release::retains(draft) {
        release::retain_all(draft);
        return FinalizerStep::Remove;
    }
    if draft.facts.claim.spec.suspend {
        let message = "Deleted while suspended: the instance stays as it is. Set suspend: false to give it back, or release.policy: Retain to let it go as it is.";
        refuse_release(draft, &Problem::new(Disposition::Stop, Reason::Suspended, message));
        return FinalizerStep::Keep;
    }
    let (target, view) = match sight {
        Sight::Seen(target, view) => (target, view),
        Sight::Resolved(target, finding) => {
            resolve(draft, target, finding);
            return FinalizerStep::Keep;
        }
        Sight::Failed(_, problem) => {
            refuse_release(draft, problem);
            return FinalizerStep::Keep;
        }
        Sight::Refused(problem) => {
            let message = format!("{} Or set release.policy: Retain to let it go as it is.", problem.message);
            refuse_release(draft, &Problem { message, ..problem.clone() });
            return FinalizerStep::Keep;
        }
    };
    if draft.status.interfaces.is_empty()
        && let Some(step) = find_lost_records(draft, target, view).or_else(|| pass_on(draft, sight))
    {
        return step;
    }
    if release::held(draft, view).is_some() {
        let kept = contain(draft, view);
        // An interface that is gone by now needs nobody's approval.
        if let Some(held) = release::held(draft, view) {
            draft.look_again(Again::RESYNC);
            conclude(draft, Verdict { progress: Progress::Stalled, ready: held, ..kept });
            return FinalizerStep::Keep;
        }
        draft.actions.clear();
    }
    if release::restore_all(draft, view) {
        release::tell_released(draft);
        return FinalizerStep::Remove;
    }
    // What was refused last time stays in view while it is tried again.
    if let Some(verdict) = release::unfinished(draft, view) {
        conclude(draft, verdict);
    }
    FinalizerStep::Keep
}

/// Another claim that wants the instance held gets the records first. None: nobody does, or nothing is left to pass on.
fn pass_on(draft: &mut Draft<'_>, sight: &Sight) -> Option<FinalizerStep> {
    holders::hand_over(draft);
    if release::is_over(draft) {
        return let_go(draft, sight);
    }
    let other = holders::awaited(draft.facts)?;
    let Verdict { progress, ready, .. } = holders::waits_for_succession(other);
    let verdict = match sight {
        Sight::Seen(_, view) => {
            let unrecorded = containment::watch_all(draft, view, &ready);
            if release::is_over(draft) {
                return let_go(draft, sight);
            }
            Verdict { progress, ready, ..report::of_containment(draft, view, &unrecorded) }
        }
        Sight::Resolved(..) | Sight::Failed(..) | Sight::Refused(_) => Verdict::of(progress, ready),
    };
    draft.look_again(Again::RESYNC);
    conclude(draft, verdict);
    Some(FinalizerStep::Keep)
}

/// Every interface is accounted for, some of them with other claims. What was given back before loses our tags first.
/// None: nothing was passed on, and the release ends as any other.
fn let_go(draft: &mut Draft<'_>, sight: &Sight) -> Option<FinalizerStep> {
    let is_in = |states: &[InterfaceState]| draft.status.interfaces.iter().any(|record| states.contains(&record.state));
    if !is_in(&[InterfaceState::TakenOver]) {
        return None;
    }
    if is_in(&[InterfaceState::Restored, InterfaceState::NotOurs]) && !release::retains(draft) {
        match sight {
            Sight::Seen(_, view) => {
                let records = draft.status.interfaces.clone();
                if !second_copy::remove(draft, view, &records) {
                    if let Some(verdict) = release::unfinished(draft, view) {
                        conclude(draft, verdict);
                    }
                    return Some(FinalizerStep::Keep);
                }
            }
            Sight::Resolved(target, finding) => {
                resolve(draft, target, finding);
                return Some(FinalizerStep::Keep);
            }
            Sight::Failed(_, problem) | Sight::Refused(problem) => {
                refuse_release(draft, problem);
                return Some(FinalizerStep::Keep);
            }
        }
    }
    release::tell_released(draft);
    Some(FinalizerStep::Remove)
}

/// The release can't go on; containment stands as it was.
fn refuse_release(draft: &mut Draft<'_>, problem: &Problem) {
    draft.look_after(problem);
    conclude(draft, Verdict::blocked(problem));
}

/// A finalizer without records means lost records, not success: it goes only when no interface carries an isolation
/// group, or when the record of it is another claim's. None: there are records again, and the release goes on with them.
fn find_lost_records(draft: &mut Draft<'_>, target: &ResolvedTarget, view: &View) -> Option<FinalizerStep> {
    if let Err(problem) = fix_admission(draft, target) {
        refuse_release(draft, &problem);
        return Some(FinalizerStep::Keep);
    }
    let isolated = containment::record_lost(draft, view);
    if isolated.is_empty() {
        if let Some(waits) = release::before_letting_go_without_records(draft) {
            conclude(draft, waits);
            return Some(FinalizerStep::Keep);
        }
        release::tell_released(draft);
        return Some(FinalizerStep::Remove);
    }
    draft.status.records_missing_since = None;
    let message = format!(
        "The records of what was changed are lost, and {} still isolated. What the tags on the interfaces tell is taken over; see docs/operations.md, \"Lost records\". release.policy: Retain lets them go as they are.",
        if isolated.len() == 1 { format!("{} is", isolated[0]) } else { format!("{} are", isolated.join(", ")) }
    );
    if draft.status.interfaces.is_empty() {
        refuse_release(draft, &Problem::new(Disposition::Stop, Reason::RecordsLost, message));
        return Some(FinalizerStep::Keep);
    }
    draft.warn(Reason::RecordsLost, message);
    containment::record_rest(draft, view);
    None
}
