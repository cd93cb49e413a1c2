//! DryRun: resolve, check, ask, say; change nothing.

use super::super::fixtures::{Scene, interface, refused, scene};
use super::super::looked::{SOON, WAIT};
use crate::{
    api::{
        ClassSecurityGroup,
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Stalled},
        ManagedSecurityGroup, Mode, Reason,
    },
    model::ec2::Interface,
    quarantine::world::{ActionKind, FinalizerStep},
};

fn dry() -> Scene {
    scene().with("eni-2", &["sg-db"]).spec(|spec| spec.mode = Mode::DryRun)
}

#[test]
fn a_dry_run_asks_aws_about_each_interface_and_changes_nothing() {
    let mut dry = dry();
    let looked = dry.look();
    assert_eq!((looked.did(ActionKind::Probe), looked.actions.len()), (2, 2));
    assert_eq!(
        (looked.finalizer, looked.status.interfaces.len(), looked.pause()),
        (FinalizerStep::Keep, 0, Some(WAIT))
    );
    looked.says(Ready, True, Reason::DryRun, &["eni-1: sg-web → sg-isolation", "eni-2: sg-db"]);
    looked.says(Contained, False, Reason::DryRun, &[]);
    assert_eq!(looked.told(Reason::DryRun), 1);
    let again = dry.look();
    assert_eq!((again.writes, again.notes.len(), again.did(ActionKind::Probe)), (0, 0, 2));
    let mut deleted = dry.clone().deleted();
    assert_eq!(deleted.look().actions, [], "nothing was ever held");
    dry.spec(|spec| spec.mode = Mode::Enforce).look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn a_dry_run_tells_what_aws_would_refuse() {
    let looked = dry().refusing(ActionKind::Probe, "eni-2", refused("UnauthorizedOperation")).look();
    looked.says(Stalled, True, Reason::AccessDenied, &["eni-2", "would be refused"]);
    let managed = Interface { managed_by: Some("amazon-elb".to_owned()), ..interface("eni-2", "vpc-1", &["sg-db"]) };
    dry().with_interface(managed).look().says(Ready, False, Reason::InterfaceManagedByAws, &["amazon-elb"]);
}

#[test]
fn a_dry_run_that_is_held_back_is_no_refusal_and_what_was_answered_before_stays() {
    let throttled = || refused("RequestLimitExceeded");
    let mut first = dry().refusing(ActionKind::Probe, "eni-2", throttled());
    let looked = first.look();
    looked.says(Ready, False, Reason::Throttled, &[]);
    assert_eq!((looked.has(Stalled), looked.pause()), (false, Some(SOON)));
    let mut answered = dry().looked().refusing(ActionKind::Probe, "eni-2", throttled());
    let looked = answered.look();
    looked.says(Ready, True, Reason::DryRun, &["eni-2: sg-db"]);
    assert_eq!((looked.writes, looked.notes.len()), (0, 0));
}

#[test]
fn a_dry_run_of_an_unknown_instance_is_not_ready() {
    let looked = dry().without("eni-1").without("eni-2").seen(|view| view.instance = None).look();
    looked.says(Ready, False, Reason::InstanceNotFound, &["check spec.target"]);
}

#[test]
fn a_dry_run_makes_no_managed_group_and_does_not_wait_for_one() {
    let managed = ManagedSecurityGroup { name: "ir".to_owned(), description: "cut off".to_owned(), ingress: vec![] };
    let looked =
        dry().group_from(ClassSecurityGroup { managed: Some(managed), ..ClassSecurityGroup::default() }).look();
    assert_eq!(looked.actions, []);
    looked.says(Ready, True, Reason::DryRun, &["made or put in line first"]);
}

#[test]
fn a_claim_that_holds_records_is_no_dry_run_whatever_its_mode() {
    let mut held = scene().looked().spec(|spec| spec.mode = Mode::DryRun);
    assert_eq!(held.look().status.interfaces.len(), 1, "a record is never dropped");
}

#[test]
fn a_dry_run_that_aws_throttles_is_asked_again_soon() {
    let mut dry = scene().spec(|spec| spec.mode = Mode::DryRun);
    dry = dry.refusing(ActionKind::Probe, "eni-1", refused("RequestLimitExceeded"));
    assert_eq!(dry.look().pause(), Some(SOON));
    assert_eq!(dry.willing().look().pause(), Some(WAIT));
}
