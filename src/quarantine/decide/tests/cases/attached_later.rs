//! Interfaces that are attached after the isolation, and carry the isolation group already: the VPC CNI gives each the
//! groups of the primary interface.

use super::super::fixtures::{ISOLATION, Scene, groups, interface, scene};
use crate::{
    api::{
        ConditionStatus::{False, True, Unknown},
        ConditionType::{Contained, Restorable},
        Reason,
    },
    model::ec2::Interface,
    quarantine::world::{ActionKind, FinalizerStep},
};

fn contained() -> Scene {
    scene().seen(|view| view.interfaces[0].primary = true).looked().later(100)
}

fn attached() -> Scene {
    contained().with("eni-9", &[ISOLATION])
}

#[test]
fn it_gets_the_originals_of_the_primary_interface_and_that_is_said_once() {
    let mut scene = attached();
    scene.look().says(Restorable, Unknown, Reason::VerifyingOriginals, &["eni-9"]);
    let mut scene = scene.later(60);
    let looked = scene.look();
    looked.says(Restorable, True, Reason::OriginalsOfPrimary, &["eni-9"]);
    assert_eq!(looked.told(Reason::OriginalsOfPrimary), 1);
    assert_eq!(scene.record("eni-9").original_security_groups, Some(groups(&["sg-web"])));
    scene.look().is_quiet();
    let mut released = scene.later(60).deleted();
    assert_eq!(released.look().finalizer, FinalizerStep::Remove);
    assert_eq!((released.carried("eni-1"), released.carried("eni-9")), (groups(&["sg-web"]), groups(&["sg-web"])));
}

#[test]
fn a_release_within_the_minute_waits_for_its_end_and_for_nobody() {
    let mut scene = attached().looked().later(20).deleted();
    let looked = scene.look();
    assert_eq!((looked.finalizer, scene.carried("eni-9")), (FinalizerStep::Keep, groups(&[ISOLATION])));
    assert_eq!(looked.pause(), Some(std::time::Duration::from_secs(40)));
    let mut scene = scene.later(40);
    let looked = scene.look();
    assert_eq!((looked.finalizer, looked.told(Reason::OriginalsOfPrimary)), (FinalizerStep::Remove, 1));
    assert_eq!(scene.carried("eni-9"), groups(&["sg-web"]));
}

#[test]
fn one_whose_first_read_was_stale_keeps_its_own_groups() {
    let mut scene = attached().looked().later(10).with("eni-9", &["sg-own"]);
    scene.look().says(Contained, True, Reason::Contained, &[]);
    assert_eq!(scene.record("eni-9").original_security_groups, Some(groups(&["sg-own"])));
}

#[test]
fn one_that_is_there_from_the_beginning_or_in_another_vpc_or_beside_an_unknown_primary_asks_a_person() {
    let from_the_beginning = scene().with("eni-9", &[ISOLATION]).seen(|view| view.interfaces[0].primary = true);
    let in_another_vpc = contained().with_interface(interface("eni-9", "vpc-2", &[ISOLATION])).seen(|view| {
        view.associations.insert((ISOLATION.to_owned(), "vpc-2".to_owned()));
    });
    let primary = Interface { primary: true, ..interface("eni-1", "vpc-1", &[ISOLATION]) };
    let unknown = scene().with_interface(primary).looked().later(100).with("eni-9", &[ISOLATION]);
    for scene in [from_the_beginning, in_another_vpc, unknown] {
        let mut scene = scene.looked().later(60);
        let looked = scene.look();
        looked.says(Restorable, False, Reason::OriginalsUnknown, &["eni-9", "Retain"]);
        assert_eq!((looked.did(ActionKind::Isolate), scene.record("eni-9").original_security_groups), (0, None));
    }
}
