//! Several claims of one instance: who waits, who takes over, who gives back.

use super::super::fixtures::{ISOLATION, Scene, group, groups, scene};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Reconciling},
        FINALIZER, InterfaceState, Mode, Reason,
    },
    quarantine::world::{ActionKind, FinalizerStep},
};

/// A claim that drives, and what another one sees that was created later.
fn driver() -> Scene {
    scene().called("first", "uid-0").looked().later(90)
}

/// Another claim of the instance as the driver left it.
fn second(driver: &Scene) -> Scene {
    beside(scene().called("second", "uid-2").seen(|view| view.interfaces = driver.view.interfaces.clone()), driver)
}

fn beside(scene: Scene, other: &Scene) -> Scene {
    scene.told(|facts| facts.holders = vec![other.holder()])
}

#[test]
fn the_successor_has_every_record_before_the_predecessor_lets_go() {
    let mut second = second(&driver());
    second.look().says(Contained, True, Reason::Contained, &["ir/first"]);

    let mut first = beside(driver().deleted(), &second);
    let waits = first.look();
    waits.says(Reconciling, True, Reason::HandingOver, &["ir/second", "suspend"]);
    assert_eq!((waits.finalizer, waits.actions.len()), (FinalizerStep::Keep, 0), "nothing is given back");

    let mut second = beside(second, &first);
    let takes = second.look();
    takes.says(Ready, True, Reason::Contained, &[]);
    assert_eq!((takes.finalizer, takes.did(ActionKind::Isolate)), (FinalizerStep::Add, 0), "it never was without");
    assert_eq!(second.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));

    let mut first = beside(first, &second);
    let goes = first.look();
    assert_eq!((goes.finalizer, goes.actions.len(), goes.told(Reason::Released)), (FinalizerStep::Remove, 0, 1));
    let mut last = second.told(|facts| facts.holders.clear()).later(90).deleted();
    assert_eq!((last.look().finalizer, last.carried("eni-1")), (FinalizerStep::Remove, groups(&["sg-web"])));
}

#[test]
fn a_successor_of_another_class_puts_its_own_group_in_force() {
    let mut waiting = second(&driver())
        .class(|class| class.security_group.id = Some("sg-other".to_owned()))
        .seen(|view| view.groups.push(group("sg-other", "Other", "vpc-1")));
    waiting.look().says(Contained, False, Reason::HeldByAnother, &["not what this class gives"]);
    let mut takes = beside(waiting, &driver().deleted());
    takes.look().says(Contained, True, Reason::Contained, &["sg-other"]);
    assert_eq!(takes.record("eni-1").isolation_groups, groups(&[ISOLATION, "sg-other"]));
    assert_eq!(
        (takes.carried("eni-1"), takes.record("eni-1").original_security_groups),
        (groups(&["sg-other"]), Some(groups(&["sg-web"])))
    );
}

#[test]
fn a_driver_that_is_deleted_while_the_other_is_suspended_dry_run_or_refused_gives_back() {
    let suspended = second(&driver()).spec(|spec| spec.suspend = true);
    let dry_run = second(&driver()).spec(|spec| spec.mode = Mode::DryRun);
    let refused = second(&driver()).looked().class(|class| class.namespace_selector = None);
    for other in [suspended, dry_run, refused] {
        let other = other.looked();
        let mut first = beside(driver().deleted(), &other);
        assert_eq!((first.look().finalizer, first.carried("eni-1")), (FinalizerStep::Remove, groups(&["sg-web"])));
    }
}

#[test]
fn of_two_that_are_deleted_at_once_the_older_gives_back_and_the_other_finds_it_done() {
    let heir = beside(second(&driver()).looked(), &driver().deleted()).looked().later(90).deleted();
    let mut first = beside(driver().deleted(), &heir);
    let mut second = beside(heir, &first);
    let waits = second.look();
    waits.says(Ready, False, Reason::HandingOver, &["ir/first", "given the instance back"]);
    assert_eq!((waits.finalizer, waits.actions.len()), (FinalizerStep::Keep, 0));
    assert_eq!((first.look().finalizer, first.carried("eni-1")), (FinalizerStep::Remove, groups(&["sg-web"])));
    let mut second = second.seen(|view| view.interfaces = first.view.interfaces.clone());
    second = second.told(|facts| facts.holders.clear());
    let found = second.look();
    assert_eq!((found.finalizer, found.did(ActionKind::Restore)), (FinalizerStep::Remove, 0));
}

#[test]
fn a_successor_that_is_deleted_between_its_finalizer_and_its_records_goes_and_touches_nothing() {
    let mut heir = second(&driver()).looked().deleted();
    heir = heir.told(|facts| facts.claim.metadata.finalizers = Some(vec![FINALIZER.to_owned()]));
    let looks = heir.look();
    looks.says(Reconciling, True, Reason::VerifyingGone, &["no other Quarantine holds"]);
    assert_eq!((looks.finalizer, looks.actions.len()), (FinalizerStep::Keep, 0), "its records may have been lost");
    let goes = heir.later(60).look();
    assert_eq!((goes.finalizer, goes.actions.len()), (FinalizerStep::Remove, 0));
}

#[test]
fn an_older_claim_that_becomes_eligible_late_waits_for_the_driver() {
    let driver = scene().called("young", "uid-9").later(60).looked();
    let mut older = beside(scene().called("old", "uid-1"), &driver);
    older.look().says(Ready, True, Reason::HeldByAnother, &["ir/young"]);
}

#[test]
fn with_no_records_the_oldest_eligible_drives() {
    let waits = second(&driver()).looked();
    let mut younger = beside(scene().called("third", "uid-3").later(10), &waits);
    assert_eq!(younger.look().status.held_by.map(|by| by.name), Some("second".to_owned()));
}

#[test]
fn an_interface_that_moves_to_another_held_instance_is_held_there_with_its_own_originals() {
    let elsewhere = "i-0fffffffffffffff0";
    let mut there = beside(scene().called("there", "uid-7"), &driver())
        .seen(|view| view.interfaces = driver().view.interfaces.clone())
        .told(|facts| facts.holders[0].instance_id = Some(elsewhere.to_owned()));
    there.look().says(Contained, True, Reason::Contained, &[]);
    assert_eq!(there.record("eni-1").original_security_groups, Some(groups(&["sg-web"])));

    let mut here = beside(driver(), &there).told(|facts| facts.holders[0].instance_id = Some(elsewhere.to_owned()));
    here = here.seen(|view| {
        view.own.clear();
        view.interfaces[0].instance_id = Some(elsewhere.to_owned());
    });
    let looked = here.look();
    assert_eq!((here.record("eni-1").state, looked.actions.len()), (InterfaceState::TakenOver, 0));
    let mut gone = here.deleted();
    assert_eq!((gone.look().finalizer, gone.carried("eni-1")), (FinalizerStep::Remove, groups(&[ISOLATION])));
}
