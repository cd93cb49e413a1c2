//! What findings are told of the outcome. Pure: which ones, what, and whether they know it already.
//!
//! Telling comes last in a reconcile, when nothing else is left to do, and what comes of it is a condition of its own:
//! it holds up neither containing nor, for longer than [`PATIENCE`], the release.

use super::{
    about::about,
    admission,
    conditions::{self, Aspect, before},
    draft::{Draft, since},
    report, target,
};
use crate::{
    api::{
        ConditionStatus, ConditionType, FindingReference, FindingStatus, InstanceTarget, InterfaceState,
        QuarantineClass, Reason, ReleasePolicy, SecurityHub, Time, WorkflowStatus,
    },
    model::{finding::Workflow, place::Place, problem::Problem, text},
    quarantine::world::{Action, ActionKind, Addressee, Again, FinalizerStep, Saying},
};
use std::{collections::BTreeMap, time::Duration};

/// How long a release waits for findings that can't be told.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How soon a release tries again to tell them.
const RETRY: Duration = Duration::from_secs(5);

/// So long not contained, and it counts as failed.
const FAILED_AFTER: Duration = Duration::from_secs(300);

/// A note's Text has at most 512 characters ("NoteUpdate", AWS Security Hub API Reference).
const NOTE_ROOM: usize = 512;

/// The outcome, as findings are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Contained,
    Partly,
    Refused,
    Waiting,
    Failed,
    Released,
    Retained,
    TakenOver,
}

/// Tells the findings of a claim that stands, where they don't know yet.
pub fn tell(draft: &mut Draft<'_>) {
    let Some(telling) = Telling::of(draft) else { return };
    let outcome = outcome(draft);
    telling.go_on(draft, outcome);
}

/// Tells the findings of a claim that goes. The finalizer stays until they know, or until [`PATIENCE`] ends.
pub fn tell_of_release(draft: &mut Draft<'_>, step: FinalizerStep) -> FinalizerStep {
    if step != FinalizerStep::Remove {
        tell(draft);
        return step;
    }
    let Some(telling) = Telling::of(draft) else { return step };
    let at = draft.status.released_at.get_or_insert(Time(draft.facts.now)).clone();
    let outcome = end(draft);
    if telling.go_on(draft, Some(outcome)) {
        return step;
    }
    let rest = PATIENCE.checked_sub(since(&at, draft.now())).filter(|rest| !rest.is_zero());
    if draft.actions.is_empty() && rest.is_none() {
        let untold: Vec<&str> = draft.status.findings.iter().filter_map(|finding| finding.message.as_deref()).collect();
        let message = format!(
            "Given back, but its findings couldn't be told within {} s: {}",
            PATIENCE.as_secs(),
            untold.join(" ")
        );
        draft.warn(Reason::FindingNotUpdated, message);
        return step;
    }
    // The closing event is for the end.
    draft.notes.retain(|note| !matches!(note.reason, Reason::Released | Reason::Retained));
    draft.again = Again::after(rest.unwrap_or_default().min(RETRY));
    FinalizerStep::Keep
}

/// Who is to be told, and as whose class says.
struct Telling<'a> {
    class: &'a QuarantineClass,
    hub: &'a SecurityHub,
    addressed: Vec<FindingReference>,
    about: Option<InstanceTarget>,
}

impl<'a> Telling<'a> {
    /// None: there is nobody to tell, or policy doesn't let them be told. The second is said.
    fn of(draft: &mut Draft<'a>) -> Option<Self> {
        let facts = draft.facts;
        let about = about(draft);
        let addressed = addressed(draft, about.is_some());
        draft.status.findings.retain(|told| addressed.iter().any(|finding| is_of(told, finding)));
        if addressed.is_empty() {
            conditions::say(draft, ConditionType::FindingUpdated, None);
            return None;
        }
        if report::is_dry_run(draft) {
            let message = "A dry run writes nothing on findings: set mode: Enforce to have them told.";
            conditions::say(draft, ConditionType::FindingUpdated, Some(Aspect::new(false, Reason::DryRun, message)));
            return None;
        }
        let class = facts.class.found()?;
        let Some(hub) = &class.spec.security_hub else {
            let message = format!(
                "QuarantineClass {} has no securityHub, so no finding is told the outcome: add it to the class (securityHub: {{}} will do).",
                admission::name(class)
            );
            let not = Aspect::new(false, Reason::SecurityHubNotConfigured, message);
            conditions::say(draft, ConditionType::FindingUpdated, Some(not));
            return None;
        };
        let held = !draft.status.interfaces.is_empty();
        (held || admission::allow_namespace(facts, class).is_ok()).then_some(Self { class, hub, addressed, about })
    }

    /// Goes on telling. True when nobody is left to be told. A release asks no more about findings that aren't about its
    /// instance.
    fn go_on(&self, draft: &mut Draft<'_>, outcome: Option<Outcome>) -> bool {
        let Some(saying) = outcome.and_then(|outcome| self.saying(draft, outcome)) else { return true };
        let deleting = draft.facts.claim.is_deleting();
        let mut at: BTreeMap<Place, Vec<Addressee>> = BTreeMap::new();
        for finding in &self.addressed {
            let addressee = Addressee::new(finding, &saying.word);
            let heard = draft.outcomes.of(ActionKind::Tell, &addressee.key).cloned();
            let place = target::hub(draft.facts, self.class, &finding.id, &finding.region);
            let now = draft.time();
            let told = entry(draft, finding);
            match (heard, place) {
                _ if told.told.as_ref() == Some(&saying.word) || (deleting && is_not_about(told)) => {}
                (Some(Ok(())), _) => {
                    told.told = Some(saying.word.clone());
                    told.told_at = Some(now);
                    told.reason = None;
                    told.message = None;
                }
                // Nothing to try again, until there is something else to say.
                (Some(Err(problem)), _) if problem.reason == Reason::FindingHasComment => {
                    told.told = Some(saying.word.clone());
                    told.told_at = None;
                    told.reason = Some(problem.reason.as_str());
                    told.message = Some(why_not(&problem));
                }
                (Some(Err(problem)), _) | (None, Err(problem)) => {
                    told.reason = Some(problem.reason.as_str());
                    told.message = Some(why_not(&problem));
                }
                (None, Ok(place)) => at.entry(place).or_default().push(addressee),
            }
        }
        // What a success settles is no reason to wait: after it there may be no further round.
        if draft.actions.iter().all(Action::is_settled_by_success) {
            for (place, findings) in at {
                draft.act(Action::Tell { place, findings, saying: saying.clone() });
            }
        }
        self.conclude(draft);
        let knows = |told: &FindingStatus| told.told.as_ref() == Some(&saying.word) || (deleting && is_not_about(told));
        draft.status.findings.iter().all(knows)
    }

    /// None: the class doesn't want this outcome told.
    fn saying(&self, draft: &Draft<'_>, outcome: Outcome) -> Option<Saying> {
        let workflow = match (outcome, self.hub.workflow_status) {
            (Outcome::Contained, WorkflowStatus::Notified) => Some(Workflow::Notified),
            (Outcome::Contained, WorkflowStatus::Resolved) => Some(Workflow::Resolved),
            _ => None,
        };
        let note = self.hub.note.then(|| text::bounded(&note(draft, outcome), NOTE_ROOM));
        (note.is_some() || workflow.is_some()).then(|| Saying {
            word: word(draft, outcome),
            note,
            workflow,
            about: self.about.clone(),
        })
    }

    fn conclude(&self, draft: &mut Draft<'_>) {
        let failing: Vec<String> = draft
            .status
            .findings
            .iter()
            .filter_map(|told| told.message.as_ref().map(|message| format!("{}: {message}", told.id)))
            .collect();
        if !failing.is_empty() {
            let message = format!(
                "{} of {} can't be told: {}",
                failing.len(),
                text::count(self.addressed.len(), "finding"),
                failing.join(" ")
            );
            let findings = &draft.status.findings;
            let mut failed = findings.iter().filter(|told| told.message.is_some());
            let reason = if findings.iter().any(is_not_about) {
                Reason::FindingNotAboutInstance
            } else if failed.all(|told| told.reason == Some(Reason::FindingHasComment.as_str())) {
                Reason::FindingHasComment
            } else {
                Reason::FindingNotUpdated
            };
            let not = Aspect::new(false, reason, text::bounded(&message, 4096));
            if before(draft, ConditionType::FindingUpdated).is_none_or(|before| before.status != ConditionStatus::False)
            {
                draft.warn(reason, not.message.clone());
            }
            conditions::say(draft, ConditionType::FindingUpdated, Some(not));
            return;
        }
        let told: Vec<&str> = draft.status.findings.iter().filter_map(|told| told.told.as_deref()).collect();
        if told.len() == self.addressed.len() && told.iter().all(|word| *word == told[0]) {
            let message = match told.len() {
                1 => format!("The finding was told: {}.", told[0]),
                all => format!("All {all} findings were told: {}.", told[0]),
            };
            let all = Aspect::new(true, Reason::FindingUpdated, message);
            conditions::say(draft, ConditionType::FindingUpdated, Some(all));
        }
    }
}

/// The target's finding and, where the instance is known, those that the spec lists, each once.
fn addressed(draft: &Draft<'_>, known: bool) -> Vec<FindingReference> {
    let of_target = draft.status.finding.clone();
    let of_target = of_target.or_else(|| target::identified(draft.facts).ok().map(|(finding, _)| finding));
    let mut addressed: Vec<FindingReference> = Vec::new();
    let listed = draft.facts.claim.spec.findings.iter().filter(|_| known).cloned();
    for finding in of_target.into_iter().chain(listed) {
        if !addressed.contains(&finding) {
            addressed.push(finding);
        }
    }
    addressed
}

fn is_of(told: &FindingStatus, finding: &FindingReference) -> bool {
    told.id == finding.id && told.region == finding.region && told.product_arn == finding.product_arn
}

fn entry<'a>(draft: &'a mut Draft<'_>, finding: &FindingReference) -> &'a mut FindingStatus {
    let findings = &mut draft.status.findings;
    let at = findings.iter().position(|told| is_of(told, finding)).unwrap_or_else(|| {
        let FindingReference { id, region, product_arn } = finding.clone();
        findings.push(FindingStatus {
            id,
            region,
            product_arn,
            told: None,
            told_at: None,
            reason: None,
            message: None,
        });
        findings.len() - 1
    });
    &mut findings[at]
}

fn is_not_about(told: &FindingStatus) -> bool {
    told.reason.as_ref().is_some_and(|reason| *reason == Reason::FindingNotAboutInstance.as_str())
}

fn why_not(problem: &Problem) -> String {
    text::bounded(&problem.message, 1024)
}

/// How a claim that stands fares, or one whose release waits. None: that isn't settled yet.
fn outcome(draft: &mut Draft<'_>) -> Option<Outcome> {
    let said = |draft: &Draft<'_>, type_: ConditionType| {
        draft.status.condition(type_).map(|condition| (condition.status, condition.reason.clone()))
    };
    let (_, reason) = said(draft, ConditionType::Ready)?;
    let waiting = [
        Reason::LimitReached,
        Reason::SourceLimitReached,
        Reason::HeldByAnother,
        Reason::NoDefaultClass,
        Reason::SeveralDefaultClasses,
        Reason::Suspended,
        Reason::DryRun,
        Reason::ReleaseHeld,
    ];
    let deleting = draft.facts.claim.is_deleting();
    if deleting {
        return (reason == Reason::ReleaseHeld.as_str()).then_some(Outcome::Waiting);
    }
    if draft.status.is_true(ConditionType::Contained) {
        return Some(Outcome::Contained);
    }
    if waiting.iter().any(|waits| waits.as_str() == reason) {
        return Some(Outcome::Waiting);
    }
    let some = draft.status.interfaces.iter().any(|record| record.state == InterfaceState::Isolated);
    if said(draft, ConditionType::Stalled).is_some() {
        return Some(if some { Outcome::Partly } else { Outcome::Refused });
    }
    let began = draft.facts.claim.metadata.creation_timestamp.clone();
    let lost = before(draft, ConditionType::Contained).map(|condition| condition.last_transition_time.clone());
    let tried_for = since(&lost.or(began)?, draft.now());
    if tried_for < FAILED_AFTER {
        draft.look_again(Again::after(FAILED_AFTER - tried_for));
        return None;
    }
    Some(if some { Outcome::Partly } else { Outcome::Failed })
}

/// How a claim ends.
fn end(draft: &Draft<'_>) -> Outcome {
    let taken_over = draft.status.interfaces.iter().any(|record| record.state == InterfaceState::TakenOver);
    match draft.facts.claim.spec.release.policy {
        _ if taken_over => Outcome::TakenOver,
        ReleasePolicy::Retain => Outcome::Retained,
        ReleasePolicy::Restore => Outcome::Released,
    }
}

/// Told again when this changes. Messages aren't part of it: they may say the same in other words.
fn word(draft: &Draft<'_>, outcome: Outcome) -> String {
    match outcome {
        Outcome::Refused | Outcome::Waiting => format!("{outcome:?}/{}", ready(draft).0),
        _ => format!("{outcome:?}"),
    }
}

/// In a sentence, with whose doing it is first: what is too long loses its end.
fn note(draft: &Draft<'_>, outcome: Outcome) -> String {
    let claim = &draft.facts.claim;
    let name = format!(
        "Quarantine {}/{}",
        claim.metadata.namespace.as_deref().unwrap_or_default(),
        claim.metadata.name.as_deref().unwrap_or_default()
    );
    let instance = draft.status.target.as_ref().map_or("the instance", |target| target.instance_id.as_str());
    let (reason, message) = ready(draft);
    let said = match outcome {
        Outcome::Contained => format!("{instance} is contained by {name}. {message}"),
        Outcome::Partly => format!("{instance} is contained in part only, by {name}. {message}"),
        Outcome::Refused => format!("{instance} is not contained: {name} is refused ({reason}). {message}"),
        Outcome::Waiting => format!("{name} waits ({reason}). {message}"),
        Outcome::Failed => format!("{instance} is not contained yet: {name} tries on. {message}"),
        Outcome::Released => format!("{instance} is released: {name} is deleted, and every interface accounted for."),
        Outcome::Retained => {
            format!("{name} is deleted and {instance} left as it is, isolated (release.policy Retain).")
        }
        Outcome::TakenOver => format!("{name} is deleted; another Quarantine holds {instance}."),
    };
    match claim.spec.reason.as_deref() {
        Some(why) if !why.is_empty() => format!("{} Reason given: {why}", text::bounded(&said, NOTE_ROOM * 3 / 4)),
        _ => said,
    }
}

fn ready<'a>(draft: &'a Draft<'_>) -> (&'a str, &'a str) {
    let ready = draft.status.condition(ConditionType::Ready);
    ready.map_or(("", ""), |ready| (ready.reason.as_str(), ready.message.as_str()))
}
