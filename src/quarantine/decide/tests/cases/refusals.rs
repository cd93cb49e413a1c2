//! Interfaces that AWS manages or refuses: the others are contained, the condition names them, nobody hammers.

use super::super::fixtures::{ISOLATION, Scene, interface, refused, scene};
use super::super::looked::{RESYNC, SOON, WAIT};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Reconciling, Stalled},
        InterfaceState, RECONCILE_ANNOTATION, Reason,
    },
    model::ec2::Interface,
    quarantine::world::{ActionKind, FinalizerStep},
};
use std::time::Duration;

fn one_refused() -> Scene {
    scene().with("eni-2", &["sg-db"]).refusing(ActionKind::Isolate, "eni-2", refused("OperationNotPermitted"))
}

#[test]
fn an_interface_that_aws_refuses_is_named_and_the_others_are_contained() {
    let mut scene = one_refused();
    let looked = scene.look();
    looked.says(Contained, False, Reason::InterfaceRefused, &["1/2", "eni-2", "OperationNotPermitted"]);
    looked.says(Stalled, True, Reason::InterfaceRefused, &[]);
    assert_eq!(scene.carried("eni-1"), [ISOLATION]);
    assert_eq!(scene.record("eni-2").state, InterfaceState::Refused);
}

#[test]
fn a_refused_interface_is_tried_again_within_five_minutes_and_not_at_every_look() {
    let mut scene = one_refused().looked();
    let mut tries = 0;
    for _ in 0..5 {
        scene = scene.later(60);
        let looked = scene.look();
        tries += looked.did(ActionKind::Isolate);
        assert_eq!(looked.notes, []);
        assert!(looked.pause().is_some_and(|pause| pause <= RESYNC), "{:?}", looked.pause());
    }
    assert_eq!(tries, 1);
    let mut granted = scene.willing().later(240);
    granted.look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn a_refused_interface_is_tried_at_once_when_a_person_asks() {
    let mut asked = one_refused().looked().willing().later(5).annotated(RECONCILE_ANNOTATION, "now");
    asked.look().says(Ready, True, Reason::Contained, &[]);
}

#[test]
fn an_interface_managed_by_aws_is_named_and_never_touched() {
    let managed = Interface { managed_by: Some("amazon-elb".to_owned()), ..interface("eni-2", "vpc-1", &["sg-db"]) };
    let mut scene = scene().with_interface(managed);
    let looked = scene.look();
    looked.says(
        Contained,
        False,
        Reason::InterfaceManagedByAws,
        &["1/2", "eni-2", "amazon-elb", "through that service"],
    );
    assert_eq!(looked.did(ActionKind::Isolate), 1);
    scene.look().is_quiet();
    let mut deleted = scene.later(90).deleted();
    assert_eq!(deleted.look().finalizer, FinalizerStep::Remove, "it carries its own groups still");
}

#[test]
fn a_swap_that_may_pass_is_tried_again_with_growing_pauses() {
    let mut throttled = scene().refusing(ActionKind::Isolate, "eni-1", refused("RequestLimitExceeded"));
    let looked = throttled.look();
    looked.says(Reconciling, True, Reason::Containing, &["eni-1", "RequestLimitExceeded"]);
    assert_eq!(looked.pause(), Some(SOON));
    let again = throttled.look();
    let attempt = (again.writes, again.notes.len(), again.did(ActionKind::Isolate));
    assert_eq!(attempt, (2, 0, 1), "recorded before it is sent, and once it is answered");
    throttled.willing().look().says(Ready, True, Reason::Contained, &[]);
}

#[test]
fn a_refused_interface_keeps_no_throttled_one_waiting() {
    let refusing = one_refused().with("eni-3", &["sg-app"]);
    let mut scene = refusing.refusing(ActionKind::Isolate, "eni-3", refused("RequestLimitExceeded")).looked().later(30);
    assert_eq!(scene.look().pause(), Some(SOON));
}

#[test]
fn a_restore_that_failed_and_may_pass_is_tried_again_soon_though_the_swap_was_just_now() {
    let both = scene().with("eni-2", &["sg-db"]).looked().later(5);
    let mut scene = both.refusing(ActionKind::Restore, "eni-2", refused("RequestLimitExceeded")).deleted();
    let looked = scene.look();
    assert_eq!((looked.did(ActionKind::Restore), looked.pause()), (2, Some(SOON)));
}

#[test]
fn a_claim_that_is_deleted_while_an_interface_is_refused_gets_the_others_back_and_waits_for_that_one() {
    let mut scene = scene()
        .with("eni-2", &["sg-db"])
        .looked()
        .later(90)
        .refusing(ActionKind::Restore, "eni-2", refused("UnauthorizedOperation"))
        .deleted();
    let looked = scene.look();
    assert_eq!(scene.carried("eni-1"), ["sg-web"]);
    looked.says(Stalled, True, Reason::AccessDenied, &["eni-2", "UnauthorizedOperation"]);
    assert_eq!(
        (looked.finalizer, looked.pause(), looked.told(Reason::AccessDenied)),
        (FinalizerStep::Keep, Some(WAIT), 1)
    );
    let again = scene.look();
    assert_eq!((again.did(ActionKind::Restore), again.writes, again.notes.len()), (1, 0, 0), "tried again, told once");
    assert_eq!(scene.willing().look().finalizer, FinalizerStep::Remove);
}

#[test]
fn a_refused_interface_that_was_never_changed_is_let_go_a_minute_after_the_last_attempt() {
    let mut scene = scene()
        .refusing(ActionKind::Isolate, "eni-1", refused("OperationNotPermitted"))
        .refusing(ActionKind::Restore, "eni-1", refused("OperationNotPermitted"))
        .looked()
        .deleted();
    assert_eq!(scene.look().pause(), Some(Duration::from_secs(61)));
    assert_eq!(scene.later(61).look().finalizer, FinalizerStep::Remove);
}
