//! Containment: drift, interfaces that come and go, an instance that is stopped, terminated or unknown, events.

use super::super::fixtures::{ISOLATION, groups, interface, scene};
use super::super::looked::{RESYNC, SOON};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, EvidenceAtRisk, Ready, Reconciling, Restorable, Stalled, TargetResolved},
        InterfaceState, RECONCILE_ANNOTATION, Reason,
    },
    model::{ec2::InstanceState, problem::Problem},
    quarantine::world::{ActionKind, FinalizerStep},
};

#[test]
fn interfaces_with_one_two_three_and_five_groups_are_isolated_and_come_back_exactly() {
    let own = [vec!["a"], vec!["a", "b"], vec!["c", "b", "a"], vec!["a", "b", "c", "d", "e"]];
    let mut all = own.iter().enumerate().fold(scene(), |scene, (n, own)| scene.with(&format!("eni-{n}"), own));
    let looked = all.look();
    looked.says(Contained, True, Reason::Contained, &["All 4 interfaces", ISOLATION, "already tracked"]);
    assert_eq!((looked.did(ActionKind::Isolate), looked.did(ActionKind::Tag), looked.rounds), (4, 4, 2));
    assert_eq!(looked.finalizer, FinalizerStep::Add);
    let mut all = all.deleted();
    assert_eq!(all.look().finalizer, FinalizerStep::Remove);
    for (n, own) in own.iter().enumerate() {
        assert_eq!(all.carried(&format!("eni-{n}")), groups(own));
    }
}

#[test]
fn the_record_is_made_before_the_swap_and_holds_when_it_was_tried() {
    let decision = scene().decide();
    let record = &decision.status.interfaces[0];
    assert_eq!(record.original_security_groups, Some(groups(&["sg-web"])));
    assert_eq!(record.changed_at.as_ref().map(|at| at.0), Some(scene().facts.now));
    assert_eq!((decision.finalizer, decision.actions.len()), (FinalizerStep::Add, 1));
}

#[test]
fn a_contained_claim_is_quiet() {
    let mut held = scene().looked();
    for _ in 0..3 {
        held = held.later(60);
        held.look().is_quiet();
    }
    assert_eq!(held.look().pause(), Some(RESYNC));
}

#[test]
fn an_event_tells_of_containment_once() {
    let mut held = scene();
    assert_eq!(held.look().told(Reason::Contained), 1);
    assert_eq!(held.later(60).look().told(Reason::Contained), 0);
}

#[test]
fn drift_is_put_right_counted_and_told_once_with_whom_to_ask() {
    let mut drifted = scene().looked().later(600).with("eni-1", &["sg-web"]).seen(|view| {
        view.instance.as_mut().expect("is there").tags.insert("karpenter.sh/nodepool".to_owned(), "blue".to_owned());
    });
    let looked = drifted.look();
    assert_eq!((looked.told(Reason::DriftCorrected), looked.status.corrections), (1, 1));
    let told = looked.notes.iter().find(|note| note.reason == Reason::DriftCorrected).expect("told");
    assert!(told.message.contains("sg-web") && told.message.contains("node pool blue"), "{}", told.message);
    looked.says(Contained, True, Reason::Contained, &[]);
    assert_eq!(drifted.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
}

#[test]
fn a_group_beside_the_isolation_group_is_drift() {
    let mut drifted = scene().looked().with("eni-1", &[ISOLATION, "sg-extra"]);
    drifted.look().says(Contained, True, Reason::Contained, &[]);
    assert_eq!(drifted.carried("eni-1"), [ISOLATION]);
    assert_eq!(drifted.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
}

#[test]
fn drift_that_a_crash_left_uncorrected_is_not_counted_twice() {
    let mut drifted = scene().looked().with("eni-1", &["sg-web"]);
    let stored = drifted.decide().status;
    drifted = drifted.told(|facts| facts.claim.status = Some(stored));
    let looked = drifted.look();
    assert_eq!((looked.told(Reason::DriftCorrected), looked.status.corrections), (0, 1));
}

#[test]
fn an_interface_that_is_attached_later_is_isolated_too() {
    let mut later = scene().looked().with("eni-2", &["sg-db", "sg-web"]);
    let looked = later.look();
    looked.says(Contained, True, Reason::Contained, &["All 2 interfaces"]);
    assert_eq!(looked.told(Reason::DriftCorrected), 0);
    assert_eq!(later.record("eni-2").original_security_groups, Some(groups(&["sg-db", "sg-web"])));
}

#[test]
fn an_interface_that_was_detached_stays_isolated_until_the_release() {
    let mut detached = scene().with("eni-2", &["sg-db"]).looked().seen(|view| {
        view.own.remove("eni-2");
    });
    let mut detached =
        detached.look().notes.is_empty().then_some(detached).expect("nothing to tell").with_interface(interface(
            "eni-2",
            "vpc-1",
            &["sg-db"],
        ));
    detached.view.own.remove("eni-2");
    assert_eq!(detached.look().did(ActionKind::Isolate), 1);
}

#[test]
fn an_instance_without_interfaces_is_never_contained() {
    let mut empty = scene().without("eni-1");
    empty.look().says(Contained, False, Reason::InstanceHasNoInterfaces, &["one that is attached will be"]);
    let mut detached = scene().looked().seen(|view| view.own.clear());
    detached.look().says(Contained, False, Reason::InstanceHasNoInterfaces, &[]);
    empty.with("eni-1", &["sg-web"]).look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn an_unknown_instance_stalls() {
    let mut unknown = scene().without("eni-1").seen(|view| view.instance = None);
    let looked = unknown.look();
    looked.says(Stalled, True, Reason::InstanceNotFound, &["check spec.target"]);
    looked.says(TargetResolved, False, Reason::InstanceNotFound, &[]);
    assert_eq!((looked.finalizer, looked.told(Reason::InstanceNotFound)), (FinalizerStep::Keep, 1));
    unknown.look().is_quiet();
}

#[test]
fn a_terminated_instance_stalls_and_its_interfaces_count_as_gone_after_a_minute() {
    let mut ended = scene()
        .looked()
        .without("eni-1")
        .seen(|view| view.instance.as_mut().expect("is there").state = InstanceState::Terminated);
    let looked = ended.look();
    looked.says(Stalled, True, Reason::InstanceTerminated, &["Delete this Quarantine"]);
    assert_eq!(ended.record("eni-1").state, InterfaceState::Missing);
    assert_eq!(looked.pause(), Some(RESYNC));
    let mut ended = ended.later(60);
    ended.look();
    assert_eq!(ended.record("eni-1").state, InterfaceState::Gone);
    ended.look().is_quiet();
}

#[test]
fn a_stopped_instance_is_contained_like_any_other() {
    // Stopped is Present: its interfaces can be changed.
    scene().seen(|view| view.instance.as_mut().expect("is there").state = InstanceState::Present).look().says(
        Ready,
        True,
        Reason::Contained,
        &[],
    );
}

#[test]
fn evidence_at_risk_names_the_owner_and_the_volumes_once() {
    let mut risky = scene().seen(|view| {
        let instance = view.instance.as_mut().expect("is there");
        instance.tags.insert("aws:autoscaling:groupName".to_owned(), "web-asg".to_owned());
        instance.volumes_deleted_on_termination = groups(&["vol-1"]);
    });
    let looked = risky.look();
    looked.says(EvidenceAtRisk, True, Reason::ManagedInstance, &["web-asg", "vol-1", "snapshots"]);
    assert_eq!(looked.told(Reason::ManagedInstance), 1);
    risky.look().is_quiet();
}

#[test]
fn unknown_branch_interfaces_are_not_called_contained() {
    let mut trunk = scene().seen(|view| view.branches_unknown = Some("No right to look them up.".to_owned()));
    trunk.look().says(Contained, False, Reason::BranchInterfacesUnknown, &["1/1", "No right"]);
    trunk.look().is_quiet();
}

#[test]
fn a_look_that_aws_does_not_answer_leaves_the_last_read_standing() {
    let mut blind = scene().looked().unseen(Problem::from_code("ec2:DescribeInstances", "RequestLimitExceeded", ""));
    let looked = blind.look();
    looked.says(Contained, True, Reason::Contained, &[]);
    looked.says(Ready, False, Reason::Throttled, &["RequestLimitExceeded"]);
    looked.says(Reconciling, True, Reason::Throttled, &[]);
    assert_eq!(looked.pause(), Some(SOON));
    blind.look().is_quiet();
    blind.seeing().look().says(Ready, True, Reason::Contained, &[]);
}

#[test]
fn a_look_that_aws_refuses_makes_containment_unknown() {
    let mut denied = scene().looked().unseen(Problem::from_code("ec2:DescribeInstances", "UnauthorizedOperation", ""));
    let looked = denied.look();
    looked.says(Contained, crate::api::ConditionStatus::Unknown, Reason::AccessDenied, &[]);
    looked.says(Stalled, True, Reason::AccessDenied, &["Allow ec2:DescribeInstances"]);
    denied.look().is_quiet();
}

#[test]
fn a_request_to_look_now_is_echoed() {
    let mut asked = scene().annotated(RECONCILE_ANNOTATION, "2026-01-01");
    assert_eq!(asked.look().status.last_handled_reconcile_at.as_deref(), Some("2026-01-01"));
    let mut long = asked.annotated(RECONCILE_ANNOTATION, &"x".repeat(300));
    assert!(
        long.look().status.last_handled_reconcile_at.is_some_and(|echo| echo.len() <= 256),
        "the status holds no more"
    );
    long.look().is_quiet();
}

#[test]
fn the_originals_are_said_to_be_stored() {
    scene().look().says(Restorable, True, Reason::OriginalsStored, &[]);
}

#[test]
fn the_order_in_which_aws_names_groups_changes_nothing() {
    let mut drifted =
        scene().with("eni-1", &["b", "a"]).looked().spec(|spec| spec.suspend = true).with("eni-1", &["b", "a"]);
    drifted.look();
    drifted.with("eni-1", &["a", "b"]).look().is_quiet();
}
