//! Releases that wait for a person: containment is kept until they approve.

use super::super::fixtures::{CLUSTER, ISOLATION, Scene, UID, groups, refused, scene};
use super::super::looked::RESYNC;
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Stalled},
        InterfaceState, RELEASE_ANNOTATION, Reason, RecordSource, ReleaseApproval,
    },
    quarantine::{
        tags,
        world::{ActionKind, FinalizerStep},
    },
};
use std::time::Duration;

fn held() -> Scene {
    scene().with("eni-2", &["sg-a", "sg-b"]).looked().later(90)
}

/// Held with these words, contained meanwhile, drift put right, and given back once it is approved.
fn waits_for_a_person(mut scene: Scene, words: &[&str]) {
    let looked = scene.look();
    looked.says(Stalled, True, Reason::ReleaseHeld, words);
    looked.says(Ready, False, Reason::ReleaseHeld, &["release: approved"]);
    looked.says(Contained, True, Reason::Contained, &[]);
    assert_eq!(
        (looked.finalizer, looked.told(Reason::ReleaseHeld), looked.pause()),
        (FinalizerStep::Keep, 1, Some(RESYNC))
    );
    scene.look().is_quiet();
    let mut drifted = scene.with("eni-1", &["sg-theirs"]);
    drifted.look().says(Contained, True, Reason::Contained, &[]);
    let mut approved = drifted.later(90).annotated(RELEASE_ANNOTATION, "approved");
    assert_eq!(approved.look().finalizer, FinalizerStep::Remove);
    assert_eq!(
        (approved.carried("eni-1"), approved.carried("eni-2")),
        (groups(&["sg-web"]), groups(&["sg-a", "sg-b"]))
    );
}

#[test]
fn a_namespace_that_is_being_deleted_releases_nothing() {
    waits_for_a_person(held().deleted().told(|facts| facts.namespace.deleting = true), &["its namespace"]);
}

#[test]
fn a_crd_that_is_being_deleted_releases_nothing() {
    waits_for_a_person(held().deleted().told(|facts| facts.crd_deleting = true), &["CustomResourceDefinition"]);
}

#[test]
fn a_class_may_ask_for_approval_of_every_release() {
    let asked = |scene: Scene| scene.class(|class| class.release_approval = ReleaseApproval::Always);
    let admitted = asked(scene().with("eni-2", &["sg-a", "sg-b"])).looked().later(90);
    waits_for_a_person(admitted.clone().deleted(), &["Always"]);
    let relaxed = admitted.class(|class| class.release_approval = ReleaseApproval::WhenUnusual);
    waits_for_a_person(relaxed.deleted(), &["Always"]);
    assert_eq!(asked(held()).deleted().look().finalizer, FinalizerStep::Remove, "it was admitted without");
}

#[test]
fn tags_that_name_other_groups_than_the_record_hold_the_release_and_stay_as_they_are() {
    let forged = |scene: Scene| {
        let mut record = scene.record("eni-1");
        record.original_security_groups = Some(groups(&["sg-open"]));
        scene.tagged("eni-1", tags::of_record(&record, UID, CLUSTER))
    };
    waits_for_a_person(forged(held()).deleted(), &["eni-1", "other original groups"]);
    let mut held = forged(held()).deleted();
    held.look();
    let told = tags::read(&held.view.interface("eni-1").expect("seen").tags).expect("tagged");
    assert_eq!(told.original_groups, Some(groups(&["sg-open"])), "a person decides by them");
}

#[test]
fn tags_that_are_gone_or_incomplete_hold_nothing() {
    let mut scene = held().tagged("eni-1", Default::default()).deleted();
    assert_eq!(scene.look().finalizer, FinalizerStep::Remove);
}

#[test]
fn lost_records_come_back_from_the_tags_and_wait_for_a_person() {
    let mut lost = held().wiped();
    let looked = lost.look();
    looked.says(Contained, True, Reason::Contained, &[]);
    assert_eq!(lost.record("eni-2").original_security_groups, Some(groups(&["sg-a", "sg-b"])));
    assert_eq!(lost.record("eni-2").recorded_from, RecordSource::Tags);
    waits_for_a_person(lost.deleted(), &["was lost", "tags"]);
}

#[test]
fn records_lost_while_being_deleted_come_back_from_the_tags_and_wait_for_a_person() {
    let mut lost = held().deleted().wiped();
    let looked = lost.look();
    assert_eq!(looked.told(Reason::RecordsLost), 1);
    assert!(looked.status.target.is_some() && looked.status.admitted_group.is_some(), "what is needed for the restore");
    waits_for_a_person(held().deleted().wiped(), &["was lost"]);
}

#[test]
fn records_lost_with_their_tags_are_never_released_as_if_they_were_known() {
    let mut lost = held().deleted().wiped().tagged("eni-1", Default::default()).tagged("eni-2", Default::default());
    lost.look().says(Stalled, True, Reason::ReleaseHeld, &["was lost"]);
    let mut approved = lost.annotated(RELEASE_ANNOTATION, "approved");
    approved.look().says(Stalled, True, Reason::OriginalsUnknown, &["Retain"]);
    assert_eq!(approved.carried("eni-1"), [ISOLATION]);
}

#[test]
fn lost_records_of_a_managed_group_that_is_out_of_line_are_not_taken_for_none() {
    let lost = held().deleted().wiped().seen(|view| view.groups[0].vpc_id = "vpc-9".to_owned());
    assert_eq!(lost.clone().look().finalizer, FinalizerStep::Keep);
}

#[test]
fn what_another_claim_holds_is_not_taken_for_lost_records() {
    let other = held().called("other", "uid-2").holder();
    let mut scene = held().deleted().wiped().told(|facts| facts.holders = vec![other]);
    scene.look();
    let mut scene = scene.later(60);
    let looked = scene.look();
    assert_eq!(
        (looked.finalizer, looked.actions.len(), scene.carried("eni-1")),
        (FinalizerStep::Remove, 0, groups(&[ISOLATION]))
    );
}

#[test]
fn records_lost_of_an_interface_that_no_other_claim_holds_come_back_though_another_one_is_held() {
    let mut other = scene().called("other", "uid-2").looked().holder();
    other.instance_id = Some("i-0fffffffffffffff0".to_owned());
    let mut lost = held().deleted().wiped().told(|facts| facts.holders = vec![other]);
    let looked = lost.look();
    looked.says(Stalled, True, Reason::ReleaseHeld, &["eni-2", "was lost"]);
    assert_eq!(lost.record("eni-2").original_security_groups, Some(groups(&["sg-a", "sg-b"])));
    assert!(lost.facts.claim.records().iter().all(|record| record.id != "eni-1"));
}

#[test]
fn a_held_release_whose_interfaces_are_gone_waits_for_nobody() {
    let mut scene = held().deleted().told(|facts| facts.namespace.deleting = true).without("eni-1").without("eni-2");
    scene.look().says(Stalled, True, Reason::ReleaseHeld, &[]);
    assert_eq!(scene.later(60).look().finalizer, FinalizerStep::Remove);
}

#[test]
fn what_was_given_back_already_stays_so_when_the_rest_is_held() {
    let mut scene = held().group_gone("sg-b").deleted();
    scene.look();
    let mut scene = scene.told(|facts| facts.namespace.deleting = true);
    let looked = scene.look();
    looked.says(Stalled, True, Reason::ReleaseHeld, &[]);
    assert_eq!((looked.did(ActionKind::Isolate), scene.carried("eni-1")), (0, groups(&["sg-web"])));
    looked.says(Contained, False, Reason::Containing, &["1/2"]);
}

#[test]
fn a_record_made_again_from_tags_does_not_trust_a_read_right_afterwards() {
    let mut lost = scene().looked().wiped().looked().later(10).annotated(RELEASE_ANNOTATION, "approved").deleted();
    let stale = lost.clone().with("eni-1", &["sg-web"]).decide();
    assert_eq!((stale.finalizer, stale.actions.len()), (FinalizerStep::Keep, 1), "the read may be older than the swap");
    assert_eq!(lost.look().finalizer, FinalizerStep::Remove);
}

#[test]
fn records_lost_of_an_interface_that_a_claim_which_goes_does_not_know_isolated_come_back() {
    let mut other = held().called("other", "uid-0").holder();
    other.deleting = true;
    other.records.iter_mut().for_each(|record| record.isolation_groups = groups(&["sg-other"]));
    let mut lost = held().deleted().wiped().told(|facts| facts.holders = vec![other]);
    lost.look();
    assert_eq!(
        lost.record("eni-1").isolation_groups,
        groups(&["sg-other", ISOLATION]),
        "it would call it somebody else's"
    );
}

#[test]
fn a_record_made_again_waits_ten_seconds_before_it_is_given_back() {
    let approved = |scene: Scene| scene.annotated(RELEASE_ANNOTATION, "approved").deleted();
    let lost = approved(held().wiped().looked());
    let waits = lost.decide();
    assert_eq!(
        (waits.finalizer, waits.actions.len(), waits.pause()),
        (FinalizerStep::Keep, 0, Some(Duration::from_secs(10))),
        "a swap whose answer nobody heard may have been in the record that was lost"
    );
    assert_eq!(lost.later(10).look().finalizer, FinalizerStep::Remove);
    let lost_while_released = approved(held()).wiped();
    assert_eq!(lost_while_released.clone().look().finalizer, FinalizerStep::Keep);
    assert_eq!(lost_while_released.looked().later(10).look().finalizer, FinalizerStep::Remove);
}

#[test]
fn groups_that_somebody_set_while_the_record_was_lost_do_not_become_the_originals() {
    let mut lost = held().wiped().with("eni-2", &["sg-theirs"]);
    lost.look().says(Contained, True, Reason::Contained, &[]);
    let record = lost.record("eni-2");
    assert_eq!(
        (record.original_security_groups, record.recorded_from),
        (Some(groups(&["sg-a", "sg-b"])), RecordSource::Tags)
    );
    waits_for_a_person(lost.deleted(), &["was lost"]);
}

#[test]
fn groups_that_the_tags_of_the_lost_record_name_are_the_originals_without_asking() {
    let mut lost = held().wiped().with("eni-1", &["sg-web"]).with("eni-2", &["sg-b", "sg-a"]);
    lost.look();
    assert_eq!(lost.record("eni-2").recorded_from, RecordSource::Interface);
    assert_eq!(lost.later(90).deleted().look().finalizer, FinalizerStep::Remove);
}

#[test]
fn where_one_record_is_lost_an_interface_that_a_read_shows_with_its_own_groups_is_given_back_too() {
    let lost = held().deleted().wiped().annotated(RELEASE_ANNOTATION, "approved");
    let mut stale = lost.clone().with("eni-2", &["sg-a", "sg-b"]);
    assert_eq!(stale.look().finalizer, FinalizerStep::Keep);
    let mut later = stale.later(10).with("eni-2", &[ISOLATION]);
    assert_eq!(later.look().finalizer, FinalizerStep::Remove);
    assert_eq!((later.carried("eni-1"), later.carried("eni-2")), (groups(&["sg-web"]), groups(&["sg-a", "sg-b"])));
}

#[test]
fn where_forged_tags_held_the_release_a_refused_isolating_call_is_not_left_standing_once_they_are_gone() {
    let refusing = |scene: Scene| scene.refusing(ActionKind::Isolate, "eni-1", refused("OperationNotPermitted"));
    let unknown = scene().with("eni-1", &[ISOLATION]).looked().later(60).looked();
    let mut forged = unknown.record("eni-1");
    forged.original_security_groups = Some(groups(&["sg-open"]));
    let forged = tags::of_record(&forged, UID, CLUSTER);
    let mut held = refusing(unknown.tagged("eni-1", forged).deleted().later(60).with("eni-1", &["sg-theirs"]));
    held.look().says(Ready, False, Reason::ReleaseHeld, &[]);
    assert_eq!(held.record("eni-1").state, InterfaceState::Refused);
    let mut released = held.tagged("eni-1", Default::default());
    released.look().says(Ready, False, Reason::Releasing, &["eni-1", "none of our groups"]);
    assert_eq!(released.record("eni-1").state, InterfaceState::Restoring);
    let mut later = released.later(61);
    assert_eq!(later.look().finalizer, FinalizerStep::Remove);
    assert_eq!(later.carried("eni-1"), ["sg-theirs"], "nobody knows what it had");
}
