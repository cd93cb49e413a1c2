//! The second copy of a record, as tags on the interface.

use super::super::fixtures::{CLUSTER, UID, refused, scene};
use crate::{
    api::{
        ConditionStatus::True,
        ConditionType::{Ready, Restorable},
        Reason,
    },
    quarantine::{
        tags,
        world::{Action, ActionKind},
    },
};

#[test]
fn tags_are_written_after_the_swap_once_for_each_distinct_record() {
    let mut scene = scene().with("eni-2", &["sg-web"]).with("eni-3", &["sg-db"]);
    let looked = scene.look();
    let kinds: Vec<ActionKind> = looked.actions.iter().map(Action::kind).collect();
    assert_eq!(
        kinds,
        [ActionKind::Isolate, ActionKind::Isolate, ActionKind::Isolate, ActionKind::Tag, ActionKind::Tag]
    );
    for id in ["eni-1", "eni-2", "eni-3"] {
        let present = &scene.view.interface(id).expect("seen").tags;
        assert!(tags::agree(present, &tags::of_record(&scene.record(id), UID, CLUSTER)));
    }
    scene.look().is_quiet();
}

#[test]
fn tags_that_cannot_be_written_show_in_restorable_and_nothing_flaps() {
    let mut scene = scene().refusing(ActionKind::Tag, "eni-1", refused("UnauthorizedOperation"));
    let looked = scene.look();
    looked.says(Restorable, True, Reason::TagsNotWritten, &["UnauthorizedOperation"]);
    looked.says(Ready, True, Reason::Contained, &[]);
    let again = scene.look();
    assert_eq!((again.did(ActionKind::Tag), again.writes, again.notes.len()), (1, 0, 0));
    scene.willing().look();
}

#[test]
fn tags_that_cannot_be_put_right_do_not_flap_either() {
    let edited = |mut scene: super::super::fixtures::Scene| {
        let mut present = scene.view.interface("eni-1").expect("seen").tags.clone();
        present.insert("quarantine-operator.dev/original-groups".to_owned(), "sg-open".to_owned());
        scene = scene.tagged("eni-1", present);
        scene
    };
    let mut scene = edited(scene().looked()).refusing(ActionKind::Tag, "eni-1", refused("UnauthorizedOperation"));
    scene.look().says(Restorable, True, Reason::TagsNotWritten, &[]);
    assert_eq!(scene.look().writes, 0);
}

#[test]
fn restorable_is_told_as_before_once_the_tags_are_written() {
    let mut scene = scene().refusing(ActionKind::Tag, "eni-1", refused("UnauthorizedOperation")).looked().willing();
    scene.look();
    scene.look().says(Restorable, True, Reason::OriginalsStored, &[]);
}

#[test]
fn a_stray_tag_under_our_prefix_is_removed_and_does_not_cause_a_write_at_each_look() {
    let mut scene = scene().looked();
    let mut present = scene.view.interface("eni-1").expect("seen").tags.clone();
    present.insert("quarantine-operator.dev/original-groups-2".to_owned(), "sg-stray".to_owned());
    scene = scene.tagged("eni-1", present);
    let looked = scene.look();
    assert_eq!((looked.did(ActionKind::Untag), looked.did(ActionKind::Tag)), (1, 0));
    scene.look().is_quiet();
}

#[test]
fn tags_of_other_people_are_never_touched() {
    let mut scene = scene().tagged("eni-1", [("team".to_owned(), "web".to_owned())].into()).looked().deleted();
    scene.look();
    assert_eq!(scene.view.interface("eni-1").expect("seen").tags, [("team".to_owned(), "web".to_owned())].into());
}
