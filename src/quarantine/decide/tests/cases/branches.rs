//! Branch interfaces: only what is shown to hang on a trunk of the instance is part of the target.

use super::super::fixtures::{ISOLATION, Scene, groups, interface, scene};
use crate::{
    api::{
        ConditionStatus::{False, True},
        ConditionType::{Contained, Stalled},
        MOST_INTERFACES, Reason,
    },
    model::{
        Tags,
        ec2::{Interface, InterfaceKind, TRUNK_TAG},
    },
    quarantine::decide::branches::{Branches, of_trunks},
};

const TRUNK: &str = "eni-1";

fn trunk() -> Scene {
    let made = Tags::from([("eks:eni:owner".to_owned(), "eks-vpc-resource-controller".to_owned())]);
    scene().seen(|view| view.interfaces[0].kind = InterfaceKind::Trunk).tagged(TRUNK, made)
}

/// Of a pod with security groups of its own.
fn branch(id: &str) -> Interface {
    Interface {
        instance_id: None,
        kind: InterfaceKind::Branch,
        tags: Tags::from([(TRUNK_TAG.to_owned(), TRUNK.to_owned())]),
        ..interface(id, "vpc-1", &["sg-pods"])
    }
}

/// What a look makes of what it finds by the tag.
fn finding(scene: Scene, found: Vec<Interface>) -> Scene {
    let Branches { interfaces, unknown } = of_trunks(&scene.facts, &scene.view, found);
    scene.seen(|view| {
        view.own.extend(interfaces.iter().map(|branch| branch.id.clone()));
        view.interfaces.extend(interfaces);
        view.branches_unknown = unknown;
    })
}

#[test]
fn the_branches_of_a_trunk_are_isolated_and_given_back_with_it() {
    let mut scene = finding(trunk(), vec![branch("eni-2"), branch("eni-3")]);
    scene.look().says(Contained, True, Reason::Contained, &["All 3 interfaces"]);
    let mut released = scene.later(90).deleted();
    released.look();
    assert_eq!((released.carried("eni-2"), released.carried(TRUNK)), (groups(&["sg-pods"]), groups(&["sg-web"])));
}

#[test]
fn a_tag_alone_makes_no_interface_part_of_the_target() {
    let not_a_branch = Interface { kind: InterfaceKind::Other, ..branch("eni-2") };
    let of_another_instance = Interface { instance_id: Some("i-0fffffffffffffff0".to_owned()), ..branch("eni-3") };
    let in_another_vpc = Interface { vpc_id: "vpc-2".to_owned(), ..branch("eni-4") };
    let of_another_trunk =
        Interface { tags: Tags::from([(TRUNK_TAG.to_owned(), "eni-9".to_owned())]), ..branch("eni-5") };
    let forged = vec![not_a_branch, of_another_instance, in_another_vpc, of_another_trunk];
    let mut scene = finding(trunk(), forged);
    let looked = scene.look();
    looked.says(Contained, True, Reason::Contained, &["The only interface"]);
    assert_eq!(looked.status.interfaces.len(), 1);
}

#[test]
fn more_branches_than_fit_are_said_and_what_is_attached_comes_first() {
    let many = (0..300).map(|n| branch(&format!("eni-b{n:03}"))).collect();
    let mut scene = finding(trunk().with("eni-2", &["sg-db"]), many);
    let looked = scene.look();
    assert_eq!(looked.status.interfaces.len(), MOST_INTERFACES);
    looked.says(Contained, False, Reason::BranchInterfacesUnknown, &["46 branch interfaces more", "256/256"]);
    looked.says(Stalled, True, Reason::BranchInterfacesUnknown, &[]);
    assert_eq!([scene.carried(TRUNK), scene.carried("eni-2")], [groups(&[ISOLATION]), groups(&[ISOLATION])]);
    scene.look().is_quiet();
}

#[test]
fn one_branch_more_than_fits_is_one() {
    let many = (0..MOST_INTERFACES).map(|n| branch(&format!("eni-b{n:03}"))).collect();
    let words = ["1 branch interface more", "it is not isolated"];
    finding(trunk(), many).look().says(Contained, False, Reason::BranchInterfacesUnknown, &words);
}

#[test]
fn branches_that_have_records_stay_when_others_come() {
    let some = |from: usize| (from..from + 200).map(|n| branch(&format!("eni-b{n:03}"))).collect::<Vec<_>>();
    let held = finding(trunk(), some(100)).looked();
    let view = trunk().view;
    let both: Vec<Interface> = some(0).into_iter().take(100).chain(some(100)).collect();
    let again = finding(held.seen(|seen| *seen = view), both);
    let known = (100..300).filter(|n| again.view.own.contains(&format!("eni-b{n:03}"))).count();
    assert_eq!((known, again.view.own.len()), (200, MOST_INTERFACES));
}

#[test]
fn a_trunk_whose_branches_carry_no_tag_is_never_called_contained() {
    let not_of_eks = scene().seen(|view| view.interfaces[0].kind = InterfaceKind::Trunk);
    let mut scene = finding(not_of_eks, vec![]);
    let looked = scene.look();
    looked.says(Contained, False, Reason::BranchInterfacesUnknown, &[TRUNK, "Amazon ECS", "that made them"]);
    assert_eq!(scene.carried(TRUNK), [ISOLATION]);

    // The tag of EKS on it is no proof: others may tag it.
    let mut managed = trunk().with("eni-2", &["sg-db"]);
    managed = managed.seen(|view| view.interfaces[0].managed_by = Some("amazon-ecs".to_owned()));
    let mut managed = finding(managed, vec![]);
    assert!(managed.view.branches_unknown.is_some());
    managed.look().says(Contained, False, Reason::InterfaceManagedByAws, &["amazon-ecs", "1/2"]);
}
