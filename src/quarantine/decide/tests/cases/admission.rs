//! Policy: what refuses a claim, what the refusal says, and that nothing is touched.

use super::super::fixtures::{Scene, scene};
use super::super::looked::WAIT;
use crate::{
    api::{
        AssumeRole,
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Reconciling, Stalled},
        Reason, TagSelector,
    },
    quarantine::world::{ClassSight, FinalizerStep, Room},
};

/// Refused for good until a person acts, or waiting for a change elsewhere; untouched in both cases.
fn is_refused(mut scene: Scene, reason: Reason, stalled: bool, words: &[&str]) {
    let looked = scene.look();
    looked.says(Ready, False, reason, words);
    looked.says(Contained, False, reason, words);
    looked.says(if stalled { Stalled } else { Reconciling }, True, reason, words);
    assert!(!looked.has(if stalled { Reconciling } else { Stalled }));
    assert_eq!(looked.actions, []);
    assert_eq!(looked.finalizer, FinalizerStep::Keep);
    assert!(looked.status.interfaces.is_empty());
    assert_eq!(looked.pause(), Some(WAIT));
    assert_eq!(looked.told(reason), 1);
    scene.look().is_quiet();
    let gone = scene.deleted().decide();
    assert_eq!((gone.finalizer, gone.actions, gone.notes), (FinalizerStep::Keep, vec![], vec![]));
}

fn class_seen(sight: ClassSight) -> Scene {
    scene().told(|facts| facts.class = sight)
}

#[test]
fn a_class_that_is_not_there_is_named() {
    is_refused(
        class_seen(ClassSight::NotFound("blue".to_owned())),
        Reason::ClassNotFound,
        true,
        &["QuarantineClass blue", "create it"],
    );
}

#[test]
fn without_a_default_class_the_claim_waits_for_one() {
    is_refused(
        class_seen(ClassSight::NoDefault),
        Reason::NoDefaultClass,
        false,
        &["is-default-class", "spec.className"],
    );
}

#[test]
fn several_default_classes_are_all_named() {
    let several = ClassSight::SeveralDefaults(vec!["a".to_owned(), "b".to_owned()]);
    is_refused(class_seen(several), Reason::SeveralDefaultClasses, false, &["(a, b)", "on one"]);
}

#[test]
fn the_class_that_was_found_is_fixed_in_the_status() {
    let looked = scene().look();
    assert_eq!(looked.status.class_name.as_deref(), Some("incident-response"));
}

#[test]
fn a_class_without_a_namespace_selector_serves_no_namespace() {
    is_refused(
        scene().class(|class| class.namespace_selector = None),
        Reason::NamespaceNotAllowed,
        true,
        &["no namespaceSelector", "{}"],
    );
}

#[test]
fn a_namespace_that_the_class_does_not_select_is_refused() {
    let selective = scene().class(|class| {
        class.namespace_selector = serde_json::from_value(serde_json::json!({ "matchLabels": { "team": "ir" } })).ok();
    });
    is_refused(selective.clone(), Reason::NamespaceNotAllowed, true, &["label the namespace"]);
    let mut labelled = selective.told(|facts| {
        facts.namespace.labels.insert("team".to_owned(), "ir".to_owned());
    });
    labelled.look().says(Ready, True, Reason::Contained, &[]);
}

fn in_account(account: &str) -> Scene {
    scene().spec(|spec| spec.target.instance.as_mut().expect("names an instance").account_id = Some(account.to_owned()))
}

#[test]
fn an_account_that_the_class_does_not_name_is_refused() {
    is_refused(in_account("444455556666"), Reason::AccountNotAllowed, true, &["444455556666", "111122223333"]);
}

#[test]
fn another_account_needs_a_role_to_assume() {
    let allowed = in_account("444455556666").class(|class| class.accounts = vec!["444455556666".to_owned()]);
    is_refused(allowed.clone(), Reason::AccountNotAllowed, true, &["assumeRole.roleName"]);
    let mut with_role = allowed.class(|class| {
        class.assume_role = Some(AssumeRole { role_name: "ir".to_owned(), external_id: None, session_name: None });
    });
    let target = with_role.look().status.target.expect("resolved");
    assert_eq!(target.role_arn.as_deref(), Some("arn:aws:iam::444455556666:role/ir"));
}

#[test]
fn a_region_that_the_class_does_not_name_is_refused() {
    is_refused(
        scene().class(|class| class.regions = vec!["us-east-1".to_owned()]),
        Reason::RegionNotAllowed,
        true,
        &["eu-central-1", "us-east-1"],
    );
}

#[test]
fn a_protected_instance_is_refused() {
    let protected =
        scene().class(|class| class.protected.instance_ids = vec![super::super::fixtures::INSTANCE.to_owned()]);
    is_refused(protected, Reason::ProtectedInstance, true, &["use a class that doesn't"]);
}

#[test]
fn a_protecting_tag_is_refused_and_told_as_something_that_an_intruder_can_write() {
    let tagged = |value: Option<&str>| {
        let tag = TagSelector { key: "tier".to_owned(), value: value.map(str::to_owned) };
        scene().class(|class| class.protected.tags = vec![tag]).seen(|view| {
            view.instance.as_mut().expect("is there").tags.insert("tier".to_owned(), "core".to_owned());
        })
    };
    is_refused(tagged(None), Reason::ProtectedByTag, true, &["An intruder can write tags"]);
    is_refused(tagged(Some("core")), Reason::ProtectedByTag, true, &["tier=core"]);
    tagged(Some("edge")).look().says(Ready, True, Reason::Contained, &[]);
}

#[test]
fn the_operator_does_not_cut_itself_off_unless_the_class_lets_it() {
    let own = scene().told(|facts| facts.operator.instance_ids = [super::super::fixtures::INSTANCE.to_owned()].into());
    is_refused(own.clone(), Reason::OperatorsOwnInstance, true, &["allowSelf", "another node"]);
    own.class(|class| class.allow_self = true).look().says(Ready, True, Reason::Contained, &[]);
}

#[test]
fn a_router_is_not_cut_off_unless_the_class_lets_it() {
    let by_instance = scene().seen(|view| view.instance.as_mut().expect("is there").routes = true);
    let by_interface = scene().with("eni-2", &["sg-db"]).seen(|view| view.interfaces[1].routes = true);
    is_refused(by_instance.clone(), Reason::ProtectedRouter, true, &["source/destination check", "allowRouters"]);
    is_refused(by_interface.clone(), Reason::ProtectedRouter, true, &["eni-2", "NAT"]);
    for router in [by_instance, by_interface] {
        router.class(|class| class.allow_routers = true).look().says(Ready, True, Reason::Contained, &[]);
    }
}

#[test]
fn what_is_held_stays_held_when_it_begins_to_route() {
    let mut held = scene().looked().seen(|view| view.instance.as_mut().expect("is there").routes = true);
    let looked = held.look();
    looked.says(Contained, True, Reason::Contained, &[]);
    assert_eq!((looked.told(Reason::PolicyChanged), looked.actions.len()), (1, 0));
}

#[test]
fn a_group_that_the_class_does_not_allow_is_refused() {
    let other = scene().spec(|spec| spec.security_group_id = Some("sg-other".to_owned()));
    is_refused(other, Reason::GroupNotAllowed, true, &["sg-other", "allowedSecurityGroupIds"]);
}

#[test]
fn a_class_that_is_full_makes_the_claim_wait() {
    is_refused(scene().told(|facts| facts.room = Room::ClassFull), Reason::LimitReached, false, &["maxActive"]);
}

#[test]
fn what_is_held_stays_held_whatever_becomes_of_the_class() {
    let mut held = scene().looked().told(|facts| facts.class = ClassSight::NotFound("incident-response".to_owned()));
    assert_eq!(held.look().actions, [], "it is only told");
    let drifted = held.with("eni-1", &["sg-web"]).look();
    drifted.says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn a_claim_waits_while_another_one_holds_the_instance() {
    let other = scene().called("first", "uid-0").looked().holder();
    let mut waiting = scene().told(|facts| facts.holders = vec![other]);
    let looked = waiting.look();
    looked.says(Ready, True, Reason::HeldByAnother, &["ir/first"]);
    assert_eq!(looked.status.held_by.expect("is named").uid, "uid-0");
    let mut refused = waiting.class(|class| class.namespace_selector = None);
    assert_eq!(refused.look().status.held_by, None, "what it waits for is the policy now");
}
