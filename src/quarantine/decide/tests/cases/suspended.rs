//! Suspended claims: nothing is done, the read is told as it is.

use super::super::fixtures::{ISOLATION, groups, scene};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Stalled},
        InterfaceState, Reason, ReleasePolicy,
    },
    quarantine::world::{ActionKind, FinalizerStep},
};

#[test]
fn a_fresh_suspended_claim_does_nothing_and_says_so() {
    let mut fresh = scene().spec(|spec| spec.suspend = true);
    let looked = fresh.look();
    looked.says(Ready, True, Reason::Suspended, &["suspend: false"]);
    looked.says(Contained, False, Reason::Suspended, &[]);
    assert_eq!((looked.actions.len(), looked.finalizer), (0, FinalizerStep::Keep));
    fresh.look().is_quiet();
    assert_eq!(fresh.deleted().look().pause(), None, "nothing is held");
}

#[test]
fn a_suspended_claim_keeps_what_is_in_place_and_does_not_correct() {
    let mut held = scene().looked().spec(|spec| spec.suspend = true);
    held.look().says(Contained, True, Reason::Contained, &[]);
    let mut drifted = held.with("eni-1", &["sg-web"]);
    let looked = drifted.look();
    looked.says(Contained, False, Reason::Suspended, &["Carries sg-web"]);
    assert_eq!(looked.actions, []);
    let mut resumed = drifted.spec(|spec| spec.suspend = false).refusing(
        ActionKind::Isolate,
        "eni-1",
        super::super::fixtures::refused("RequestLimitExceeded"),
    );
    assert!(!resumed.look().condition(Contained).message.contains("suspended"));
    resumed.willing().look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn an_interface_that_comes_while_suspended_is_not_called_contained() {
    let mut held = scene().looked().spec(|spec| spec.suspend = true).with("eni-2", &["sg-db"]);
    let looked = held.look();
    looked.says(Contained, False, Reason::Suspended, &["1/2", "eni-2"]);
    assert_eq!((looked.actions.len(), looked.status.interfaces.len()), (0, 1));
    held.look().is_quiet();
}

#[test]
fn a_suspended_claim_that_is_deleted_is_held_and_names_both_ways_out() {
    let mut held = scene().looked().spec(|spec| spec.suspend = true).deleted();
    let looked = held.look();
    looked.says(Stalled, True, Reason::Suspended, &["suspend: false", "release.policy: Retain"]);
    assert_eq!((looked.actions.len(), looked.finalizer), (0, FinalizerStep::Keep));
    held.look().is_quiet();
    let mut retained = held.clone().spec(|spec| spec.release.policy = ReleasePolicy::Retain);
    assert_eq!(retained.look().finalizer, FinalizerStep::Remove);
    assert_eq!(retained.carried("eni-1"), [ISOLATION]);
    let mut resumed = held.spec(|spec| spec.suspend = false);
    assert_eq!(resumed.look().finalizer, FinalizerStep::Remove);
    assert_eq!(resumed.carried("eni-1"), ["sg-web"]);
}

#[test]
fn a_first_read_that_was_stale_gives_originals_while_suspended_too() {
    let mut stale =
        scene().with("eni-1", &[ISOLATION]).looked().spec(|spec| spec.suspend = true).with("eni-1", &["sg-web"]);
    stale.look();
    assert_eq!(stale.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
    assert_eq!(stale.record("eni-1").state, InterfaceState::Isolating);
}

#[test]
fn a_record_without_an_isolation_group_is_no_panic() {
    let mut broken = scene().looked().spec(|spec| spec.suspend = true).told(|facts| {
        facts.claim.status.as_mut().expect("has a status").interfaces[0].isolation_groups.clear();
    });
    broken.look().says(Contained, False, Reason::Suspended, &[]);
}
