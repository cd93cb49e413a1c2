//! What a look at a Quarantine means to somebody who waits. Pure.

use quarantine_operator::{
    api::{Condition, ConditionType, Mode, Quarantine, RELEASE_ANNOTATION, Reason},
    model::text,
};

/// A condition's message is this long at most.
const MOST: usize = 8_192;

/// How a Quarantine stands on the way to an end.
#[derive(Debug, PartialEq, Eq)]
pub enum Stand {
    /// The end.
    Reached,
    /// The operator goes on by itself; this is what it is at.
    OnTheWay(String),
    /// Nothing goes on before a person acts.
    Stuck(String),
}

const UNSEEN: &str = "the operator hasn't looked at it yet";

/// On the way in: contained, or, of a dry run, told.
pub fn containment(claim: &Quarantine) -> Stand {
    if claim.is_deleting() {
        return Stand::Stuck("it is being released".to_owned());
    }
    if !is_seen(claim) {
        return Stand::OnTheWay(UNSEEN.to_owned());
    }
    let told = claim.spec.mode == Mode::DryRun && claim.is_true(ConditionType::Ready);
    if told || claim.spec.mode == Mode::Enforce && claim.is_true(ConditionType::Contained) {
        return Stand::Reached;
    }
    if claim.spec.suspend && claim.is_true(ConditionType::Ready) {
        return Stand::Stuck("it is suspended".to_owned());
    }
    under_way(claim)
}

/// On the way out: the end is that it is gone, so one that is there is never there yet.
pub fn release(claim: &Quarantine) -> Stand {
    if !claim.is_deleting() {
        return Stand::Stuck("nobody has deleted it: it stays contained".to_owned());
    }
    // An approval changes no generation: what was concluded before it says "held" until the next look.
    if !is_seen(claim) || is_held(claim) && is_approved(claim) {
        return Stand::OnTheWay(UNSEEN.to_owned());
    }
    under_way(claim)
}

fn under_way(claim: &Quarantine) -> Stand {
    let said = claim.condition(ConditionType::Ready).map_or_else(|| UNSEEN.to_owned(), sentence);
    if claim.is_true(ConditionType::Stalled) { Stand::Stuck(said) } else { Stand::OnTheWay(said) }
}

/// Whether its release waits for a person's approval.
pub fn is_held(claim: &Quarantine) -> bool {
    claim.is_deleting() && claim.is_ready_for(Reason::ReleaseHeld)
}

/// Whether it keeps its instance cut off while another one of that instance is released: what policy refuses doesn't.
pub fn wants_it_held(claim: &Quarantine) -> bool {
    claim.is_wanted() && (claim.is_true(ConditionType::Ready) || claim.is_true(ConditionType::Contained))
}

pub fn is_approved(claim: &Quarantine) -> bool {
    let annotations = claim.metadata.annotations.as_ref();
    annotations.is_some_and(|all| all.get(RELEASE_ANNOTATION).is_some_and(|value| value == "approved"))
}

/// Whether the status speaks of the spec as it is, and of the deletion if there is one: that counts as a generation.
fn is_seen(claim: &Quarantine) -> bool {
    let status = claim.status.as_ref();
    status.is_some_and(|status| Some(status.observed_generation) >= claim.metadata.generation)
}

pub fn sentence(condition: &Condition) -> String {
    format!("{}: {}", text::plain(&condition.reason, MOST), text::plain(&condition.message, MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{Claim, deleted};
    use serde_json::json;

    fn on_the_way(said: &str) -> Stand {
        Stand::OnTheWay(said.to_owned())
    }

    fn stuck(said: &str) -> Stand {
        Stand::Stuck(said.to_owned())
    }

    #[test]
    fn contained_is_the_end_only_if_the_spec_as_it_is_was_looked_at() {
        let claim = Claim::contained();
        assert_eq!(containment(&claim.build()), Stand::Reached);
        assert_eq!(containment(&claim.clone().generation(2).build()), on_the_way(UNSEEN));
        let unseen = Claim::fresh();
        assert_eq!(containment(&unseen.build()), on_the_way(UNSEEN));
    }

    #[test]
    fn a_dry_run_ends_when_it_is_told_and_never_contains() {
        let told = Claim::fresh().spec(json!({"mode": "DryRun"})).seen();
        let told =
            told.condition("Ready", "True", "DryRun", "Would.").condition("Contained", "False", "DryRun", "Would.");
        assert_eq!(containment(&told.build()), Stand::Reached);
        // As it stands between its enforcement and the next look.
        assert_eq!(containment(&told.spec(json!({"mode": "Enforce"})).generation(2).build()), on_the_way(UNSEEN));
    }

    #[test]
    fn what_only_a_person_can_change_ends_the_waiting_and_what_passes_does_not() {
        let claim = Claim::fresh().seen().condition("Ready", "False", "ClassNotFound", "Make it.");
        assert_eq!(containment(&claim.build()), on_the_way("ClassNotFound: Make it."));
        let stalled = claim.condition("Stalled", "True", "ClassNotFound", "Make it.");
        assert_eq!(containment(&stalled.build()), stuck("ClassNotFound: Make it."));
        assert_eq!(containment(&deleted(Claim::contained()).build()), stuck("it is being released"));
    }

    #[test]
    fn a_held_release_is_stuck_until_it_is_approved() {
        let held = deleted(Claim::contained()).seen();
        let held =
            held.condition("Ready", "False", "ReleaseHeld", "Why.").condition("Stalled", "True", "ReleaseHeld", "Why.");
        assert_eq!(release(&held.build()), stuck("ReleaseHeld: Why."));
        assert!(is_held(&held.build()));
        let approved = held.annotation("quarantine-operator.dev/release", "approved");
        assert_eq!(release(&approved.build()), on_the_way(UNSEEN));
    }

    #[test]
    fn only_one_that_acts_keeps_an_instance_cut_off() {
        let holds = |claim: Claim| wants_it_held(&claim.build());
        assert!(holds(Claim::contained()));
        assert!(!holds(Claim::contained().spec(json!({"suspend": true}))));
        assert!(!holds(Claim::contained().spec(json!({"mode": "DryRun"}))));
        assert!(!holds(deleted(Claim::contained())));
        assert!(!holds(Claim::fresh().seen().condition("Ready", "False", "NamespaceNotAllowed", "No.")));
    }

    #[test]
    fn what_was_stuck_before_its_deletion_is_looked_at_anew() {
        let refused = Claim::contained().condition("Stalled", "True", "InterfaceRefused", "No.");
        assert_eq!(release(&deleted(refused).build()), on_the_way(UNSEEN));
        assert!(matches!(release(&Claim::contained().build()), Stand::Stuck(_)), "nothing is on its way");
    }

    #[test]
    fn a_message_is_one_line_that_can_not_drive_the_terminal() {
        let claim = Claim::fresh().seen().condition("Ready", "False", "AwsRefused", "no\u{1b}[2J\nway");
        assert_eq!(containment(&claim.build()), on_the_way("AwsRefused: no [2J way"));
    }
}
