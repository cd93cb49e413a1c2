//! The one place that writes status conditions: a verdict in, conditions out. Pure.
//!
//! A condition's `lastTransitionTime` moves only with its status, and nothing in a message varies from look to look, so
//! that a converged claim causes no write.

use super::draft::Draft;
use crate::{
    api::{Condition, ConditionStatus, ConditionType, Reason},
    model::problem::{Disposition, Problem},
};

/// What one condition is to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Aspect {
    pub status: ConditionStatus,
    pub reason: Reason,
    pub message: String,
}

impl Aspect {
    pub fn new(status: impl Into<ConditionStatus>, reason: Reason, message: impl Into<String>) -> Self {
        Self { status: status.into(), reason, message: message.into() }
    }

    pub fn of_problem(status: impl Into<ConditionStatus>, problem: &Problem) -> Self {
        Self::new(status, problem.reason, problem.message.clone())
    }
}

/// How far the claim is from what it asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It is in place.
    Done,
    /// The operator goes on by itself.
    Working,
    /// A person must act.
    Stalled,
}

impl From<Disposition> for Progress {
    fn from(disposition: Disposition) -> Self {
        match disposition {
            Disposition::Retry | Disposition::Wait => Self::Working,
            Disposition::Stop => Self::Stalled,
        }
    }
}

/// What the conditions are to say. `None` leaves a condition as it was.
#[derive(Clone, Debug)]
pub struct Verdict {
    pub progress: Progress,
    pub ready: Aspect,
    pub target: Option<Aspect>,
    pub contained: Option<Aspect>,
    pub restorable: Option<Aspect>,
    pub evidence: Option<Aspect>,
}

impl Verdict {
    /// Nothing but this is said; every other condition stays as it was.
    pub fn of(progress: Progress, ready: Aspect) -> Self {
        Self { progress, ready, target: None, contained: None, restorable: None, evidence: None }
    }

    /// Something stands in the way of everything.
    pub fn blocked(problem: &Problem) -> Self {
        Self::of(problem.disposition.into(), Aspect::of_problem(false, problem))
    }
}

/// Writes the verdict into the status, and notes the transitions that a person cares about.
pub fn conclude(draft: &mut Draft<'_>, verdict: Verdict) {
    let Verdict { progress, ready, target, contained, restorable, evidence } = verdict;
    note_transitions(draft, &ready, contained.as_ref(), restorable.as_ref(), evidence.as_ref());

    let reconciling =
        (progress == Progress::Working).then(|| Aspect { status: ConditionStatus::True, ..ready.clone() });
    let stalled = (progress == Progress::Stalled).then(|| Aspect { status: ConditionStatus::True, ..ready.clone() });
    set_or_clear(draft, ConditionType::Reconciling, reconciling);
    set_or_clear(draft, ConditionType::Stalled, stalled);
    for (type_, aspect) in [
        (ConditionType::Ready, Some(ready)),
        (ConditionType::TargetResolved, target),
        (ConditionType::Contained, contained),
        (ConditionType::Restorable, restorable),
        (ConditionType::EvidenceAtRisk, evidence),
    ] {
        if let Some(aspect) = aspect {
            set(draft, type_, aspect);
        }
    }
    draft.status.conditions.sort_by_key(|condition| rank(&condition.type_));
}

/// What a condition said before this decision.
pub fn before<'a>(draft: &'a Draft<'_>, type_: ConditionType) -> Option<&'a Condition> {
    draft.facts.claim.condition(type_)
}

/// Sets or takes away one condition that no verdict speaks of.
pub fn say(draft: &mut Draft<'_>, type_: ConditionType, aspect: Option<Aspect>) {
    set_or_clear(draft, type_, aspect);
    draft.status.conditions.sort_by_key(|condition| rank(&condition.type_));
}

fn set_or_clear(draft: &mut Draft<'_>, type_: ConditionType, aspect: Option<Aspect>) {
    match aspect {
        Some(aspect) => set(draft, type_, aspect),
        None => draft.status.conditions.retain(|condition| !condition.is(type_)),
    }
}

fn set(draft: &mut Draft<'_>, type_: ConditionType, aspect: Aspect) {
    let Aspect { status, reason, message } = aspect;
    let condition = Condition {
        type_: type_.to_string(),
        status,
        reason: reason.as_str(),
        message,
        last_transition_time: draft.time(),
        observed_generation: draft.status.observed_generation,
    };
    condition.put(&mut draft.status.conditions);
}

/// Ready first, as people read.
fn rank(type_: &str) -> usize {
    use ConditionType::{
        Contained, EvidenceAtRisk, FindingUpdated, Ready, Reconciling, Restorable, Stalled, TargetResolved,
    };
    [Ready, Reconciling, Stalled, TargetResolved, Contained, Restorable, FindingUpdated, EvidenceAtRisk]
        .iter()
        .position(|known| known.to_string() == type_)
        .unwrap_or(usize::MAX)
}

fn note_transitions(
    draft: &mut Draft<'_>,
    ready: &Aspect,
    contained: Option<&Aspect>,
    restorable: Option<&Aspect>,
    evidence: Option<&Aspect>,
) {
    let said = |draft: &Draft<'_>, type_: ConditionType, aspect: &Aspect| {
        before(draft, type_)
            .is_some_and(|before| before.status == aspect.status && before.reason == aspect.reason.as_str())
    };
    let deleting = draft.facts.claim.is_deleting();
    if let Some(contained) = contained
        && contained.status == ConditionStatus::True
        && !deleting
        && before(draft, ConditionType::Contained).is_none_or(|before| before.status != ConditionStatus::True)
    {
        draft.tell(Reason::Contained, contained.message.clone());
    }
    if ready.status != ConditionStatus::True && !said(draft, ConditionType::Ready, ready) {
        match ready.reason {
            // Work in progress is no news.
            Reason::Containing
            | Reason::GroupNotReady
            | Reason::Resolving
            | Reason::Releasing
            | Reason::HandingOver
            | Reason::VerifyingGone => {}
            reason => draft.warn(reason, ready.message.clone()),
        }
    }
    if ready.status == ConditionStatus::True
        && matches!(ready.reason, Reason::DryRun | Reason::Suspended)
        && !said(draft, ConditionType::Ready, ready)
    {
        draft.tell(ready.reason, ready.message.clone());
    }
    for (type_, aspect, alarming) in [
        (ConditionType::Restorable, restorable, ConditionStatus::False),
        (ConditionType::EvidenceAtRisk, evidence, ConditionStatus::True),
    ] {
        if let Some(aspect) = aspect
            && aspect.status == alarming
            && !said(draft, type_, aspect)
        {
            draft.warn(aspect.reason, aspect.message.clone());
        }
    }
}
