//! Interfaces that were isolated before any record of them was made.

use super::super::fixtures::{CLUSTER, ISOLATION, Scene, groups, scene};
use super::super::looked::WAIT;
use crate::{
    api::{
        ADOPT_ANNOTATION,
        ConditionStatus::{False, True, Unknown},
        ConditionType::{Contained, Ready, Restorable, Stalled},
        InterfaceState, InterfaceStatus, Reason, RecordSource, ReleasePolicy,
    },
    quarantine::{
        tags,
        world::{ActionKind, FinalizerStep},
    },
};
use std::time::Duration;

fn isolated() -> Scene {
    scene().with("eni-1", &[ISOLATION])
}

#[test]
fn it_is_watched_for_a_minute_before_its_originals_count_as_unknown() {
    let mut scene = isolated();
    let looked = scene.look();
    looked.says(Contained, True, Reason::Contained, &[]);
    looked.says(Restorable, Unknown, Reason::VerifyingOriginals, &["eni-1"]);
    assert_eq!((looked.did(ActionKind::Isolate), looked.pause()), (0, Some(Duration::from_secs(60))));
    let mut scene = scene.later(60);
    let looked = scene.look();
    looked.says(Restorable, False, Reason::OriginalsUnknown, &["eni-1", "Retain"]);
    looked.says(Ready, True, Reason::Contained, &[]);
    assert_eq!(looked.told(Reason::OriginalsUnknown), 1);
    assert_eq!(scene.record("eni-1").original_security_groups, None);
    scene.later(60).look().is_quiet();
}

#[test]
fn a_first_read_that_was_stale_gives_originals_after_all() {
    let mut scene = isolated().looked().later(5).with("eni-1", &["sg-web"]);
    let looked = scene.look();
    looked.says(Contained, True, Reason::Contained, &[]);
    looked.says(Restorable, True, Reason::OriginalsStored, &[]);
    assert_eq!((looked.status.corrections, looked.told(Reason::DriftCorrected)), (0, 0), "it was no drift");
    assert_eq!(scene.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
}

#[test]
fn a_first_read_that_was_stale_gives_originals_even_if_nobody_looked_within_the_minute() {
    let mut scene = isolated().looked().later(600).with("eni-1", &["sg-web"]);
    scene.look();
    assert_eq!(scene.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
}

#[test]
fn an_interface_that_a_read_missed_within_the_minute_does_not_lose_its_originals() {
    let mut scene = isolated().looked().later(5).without("eni-1").looked().later(5).with("eni-1", &["sg-web"]);
    scene.look();
    assert_eq!(scene.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
}

#[test]
fn once_they_count_as_unknown_drift_does_not_become_the_originals() {
    let mut scene = isolated().looked().later(60).looked().later(60).with("eni-1", &["sg-intruder"]);
    assert_eq!(scene.look().told(Reason::DriftCorrected), 1);
    assert_eq!(scene.record("eni-1").original_security_groups, None);
}

#[test]
fn deleted_it_waits_for_retain() {
    let mut scene = isolated().looked().later(60).looked().later(60).deleted();
    let looked = scene.look();
    looked.says(Stalled, True, Reason::OriginalsUnknown, &["release.policy: Retain"]);
    assert_eq!((looked.finalizer, looked.pause()), (FinalizerStep::Keep, Some(WAIT)));
    scene.look().is_quiet();
    let mut retained = scene.spec(|spec| spec.release.policy = ReleasePolicy::Retain);
    assert_eq!(retained.look().finalizer, FinalizerStep::Remove);
}

#[test]
fn groups_beside_the_isolation_group_are_the_originals() {
    let mut scene = scene().with("eni-1", &[ISOLATION, "sg-web"]);
    scene.look();
    assert_eq!(scene.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));
}

fn tagged_by(cluster: &str, originals: &[&str], isolation: &str, carried: &[&str]) -> Scene {
    let mut record: InterfaceStatus = scene().looked().record("eni-1");
    record.original_security_groups = (!originals.is_empty()).then(|| groups(originals));
    record.isolation_groups = groups(&[isolation]);
    scene().with("eni-1", carried).tagged("eni-1", tags::of_record(&record, "uid-of-another", cluster))
}

#[test]
fn tags_that_an_earlier_claim_left_tell_the_originals() {
    let mut scene = tagged_by(CLUSTER, &["sg-web", ISOLATION], ISOLATION, &[ISOLATION]);
    scene.look();
    let record = scene.record("eni-1");
    assert_eq!(
        (record.original_security_groups, record.recorded_from),
        (Some(groups(&["sg-web"])), RecordSource::Tags)
    );
}

#[test]
fn tags_on_an_interface_that_is_not_isolated_tell_nothing() {
    let mut scene = tagged_by(CLUSTER, &["sg-open"], ISOLATION, &["sg-web"]);
    scene.look();
    let record = scene.record("eni-1");
    assert_eq!(
        (record.original_security_groups, record.recorded_from),
        (Some(groups(&["sg-web"])), RecordSource::Interface)
    );
}

#[test]
fn forged_tags_that_name_what_is_no_group_tell_no_originals() {
    let long = "x".repeat(200);
    let many: Vec<String> = (0..17).map(|n| format!("sg-{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for originals in [&[long.as_str()][..], &["sg-web", "sg-1;reboot"], &many] {
        let mut scene = tagged_by(CLUSTER, originals, ISOLATION, &[ISOLATION]);
        scene.look().says(Contained, True, Reason::Contained, &[]);
        let record = scene.record("eni-1");
        assert_eq!((record.original_security_groups, record.recorded_from), (None, RecordSource::Interface));
    }
}

#[test]
fn forged_tags_that_call_its_own_groups_isolating_lose_none_of_them() {
    for originals in [&[][..], &["sg-open"]] {
        let mut scene = tagged_by(CLUSTER, originals, "sg-web", &["sg-web", "sg-db"]);
        scene.look();
        let record = scene.record("eni-1");
        assert_eq!(
            (record.original_security_groups, record.recorded_from),
            (Some(groups(&["sg-web", "sg-db"])), RecordSource::Tags)
        );
        assert_eq!(scene.carried("eni-1"), [ISOLATION], "and it is contained");
    }
}

#[test]
fn an_interface_that_another_cluster_holds_is_untouched_until_it_is_adopted() {
    let mut scene = tagged_by("another-cluster", &["sg-web"], ISOLATION, &[ISOLATION]);
    let looked = scene.look();
    looked.says(Stalled, True, Reason::HeldElsewhere, &["another-cluster", ADOPT_ANNOTATION]);
    assert_eq!((looked.actions.len(), looked.finalizer), (0, FinalizerStep::Keep));
    scene.look().is_quiet();
    let mut adopted = scene.annotated(ADOPT_ANNOTATION, "true");
    adopted.look().says(Contained, True, Reason::Contained, &[]);
    assert_eq!(adopted.record("eni-1").state, InterfaceState::Isolated);
}

#[test]
fn deleted_within_the_minute_it_is_not_called_somebody_elses_by_a_read_that_may_be_old() {
    let stale = isolated().looked().later(5).deleted().with("eni-1", &["sg-web"]).decide();
    assert_eq!((stale.finalizer, stale.pause()), (FinalizerStep::Keep, Some(Duration::from_secs(56))));
}
