//! What is made of events of the newer Security Hub, beside those of the older one.

use super::{
    fixtures::{event, filter, now, pressed_by_status, with},
    planning::{exists, goes, is_suspended, made, plan_with, planned, released},
};
use crate::intake::{Approval, InstanceFacts, Step};
use serde_json::json;

#[test]
fn whichever_hub_tells_first_makes_the_quarantine_and_the_other_joins_it() {
    let (older, newer) = (event("imported"), event("ocsf-imported-v2"));
    let first = made(planned(&older, InstanceFacts::default()));
    let second = made(planned(&newer, InstanceFacts::default()));
    assert_eq!((&first.metadata.name, &first.spec.target), (&second.metadata.name, &second.spec.target));
    let known = exists(|existing| existing.findings = first.spec.findings.clone());
    let steps = goes(planned(&newer, known));
    let [Step::Join { add, said: None, .. }] = &steps[..] else { panic!("{steps:?}") };
    assert_eq!(*add, second.spec.findings, "each hub has its finding, and is told");
    let both = exists(|existing| existing.findings = [first.spec.findings.clone(), add.clone()].concat());
    let steps = goes(planned(&newer, both));
    assert!(matches!(&steps[..], [Step::Join { add, .. }] if add.is_empty()), "{steps:?}");
}

#[test]
fn an_event_of_our_own_writing_in_the_newer_hub_is_an_echo_after_the_release() {
    let told = with("ocsf-imported-v2", "comment", json!("i-1 is released. [quarantine-operator]"));
    let steps = goes(planned(&told, released("2026-03-02T09:12:00Z")));
    assert!(matches!(&steps[..], [Step::Echo { .. }]), "{steps:?}");
}

#[test]
fn a_press_by_status_makes_a_quarantine_and_after_a_release_asks_a_person() {
    let pressed = with("ocsf-imported-v2", "status_id", json!(2));
    let spec = pressed_by_status(filter());
    assert!(!made(plan_with(&spec, &pressed, &InstanceFacts::default(), now())).spec.suspend);
    let long_ago = released("2025-12-01T00:00:00Z");
    is_suspended(
        plan_with(&spec, &pressed, &long_ago, now()),
        "the event doesn't tell whether the status was set since",
    );
    let later = released("2026-03-02T09:16:00Z");
    let steps = goes(plan_with(&spec, &pressed, &later, now()));
    assert!(matches!(&steps[..], [Step::Echo { .. }]), "{steps:?}");
    let suspended = exists(|existing| existing.approval = Some(Approval::Resume));
    let steps = goes(plan_with(&spec, &pressed, &suspended, now()));
    let [Step::Join { said: Some(said), .. }] = &steps[..] else { panic!("{steps:?}") };
    assert!(said.contains("A finding's status In Progress asks") && said.contains("set suspend: false"), "{said}");
}
