//! The isolation group: by id, by name, managed; in the right VPC; and whether it isolates at all.

use super::super::fixtures::{ISOLATION, Scene, cidr, group, groups, interface, refused, rule, scene};
use super::super::looked::{RESYNC, SOON, WAIT};
use crate::{
    api::{
        ClassSecurityGroup,
        ConditionStatus::{False, True},
        ConditionType::{Contained, Ready, Reconciling, Stalled},
        IngressRule, ManagedSecurityGroup, Reason,
    },
    model::ec2::{Peer, SecurityGroup},
    quarantine::world::{Action, ActionKind, ClassSight},
};

fn named() -> ClassSecurityGroup {
    ClassSecurityGroup { name: Some("IncidentResponseSG".to_owned()), ..ClassSecurityGroup::default() }
}

fn managed() -> ClassSecurityGroup {
    let ssh = IngressRule { port: 22, cidrs: vec!["10.0.0.0/8".to_owned()], ..IngressRule::default() };
    let managed = ManagedSecurityGroup {
        name: "IncidentResponseSG".to_owned(),
        description: "cut off".to_owned(),
        ingress: vec![ssh],
    };
    ClassSecurityGroup { managed: Some(managed), ..ClassSecurityGroup::default() }
}

fn waits(mut scene: Scene, reason: Reason, words: &[&str]) {
    let looked = scene.look();
    looked.says(Ready, False, reason, words);
    looked.says(Reconciling, True, reason, words);
    assert_eq!(looked.did(ActionKind::Isolate), 0);
    assert!(matches!(looked.pause(), Some(WAIT) | Some(RESYNC)));
    scene.look().is_quiet();
}

#[test]
fn a_group_by_id_that_is_not_there_is_waited_for() {
    waits(scene().seen(|view| view.groups.clear()), Reason::GroupNotFound, &[ISOLATION, "create it"]);
}

#[test]
fn a_group_by_id_serves_its_own_vpc_and_those_it_is_associated_with() {
    let elsewhere = scene().seen(|view| view.groups[0].vpc_id = "vpc-9".to_owned());
    waits(elsewhere.clone(), Reason::GroupInOtherVpc, &["vpc-9", "vpc-1", "associate it"]);
    let mut associated = elsewhere.seen(|view| {
        view.associations.insert((ISOLATION.to_owned(), "vpc-1".to_owned()));
    });
    associated.look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn a_group_by_name_is_looked_for_in_each_vpc() {
    let two_vpcs = scene().group_from(named()).with_interface(interface("eni-2", "vpc-2", &["sg-db"]));
    let mut both =
        two_vpcs.clone().seen(|view| view.groups.push(group("sg-isolation-2", "IncidentResponseSG", "vpc-2")));
    both.look().says(Contained, True, Reason::Contained, &["All 2 interfaces"]);
    assert_eq!(both.carried("eni-1"), [ISOLATION]);
    assert_eq!(both.carried("eni-2"), ["sg-isolation-2"]);

    let mut one = two_vpcs;
    let looked = one.look();
    looked.says(Contained, False, Reason::GroupNotFound, &["1/2", "IncidentResponseSG", "vpc-2"]);
    assert_eq!(one.carried("eni-1"), [ISOLATION], "the other interface doesn't wait for it");
}

#[test]
fn a_name_that_several_groups_bear_is_ambiguous() {
    let several = scene().group_from(named()).seen(|view| {
        view.groups.push(group("sg-other", "IncidentResponseSG", "vpc-2"));
        view.associations.insert(("sg-other".to_owned(), "vpc-1".to_owned()));
    });
    waits(several, Reason::GroupNameAmbiguous, &[ISOLATION, "sg-other", "leave one"]);
}

fn unmade() -> Scene {
    scene().group_from(managed()).seen(|view| view.groups.clear())
}

#[test]
fn a_managed_group_is_made_and_put_in_line_before_it_is_used() {
    let mut made = unmade();
    let looked = made.look();
    let kinds: Vec<ActionKind> = looked.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, [ActionKind::MakeGroup, ActionKind::MendGroup, ActionKind::Isolate, ActionKind::Tag]);
    looked.says(Contained, True, Reason::Contained, &["sg-made-vpc-1"]);
}

#[test]
fn interfaces_of_one_vpc_share_one_managed_group() {
    let mut two = unmade().with("eni-2", &["sg-db"]);
    let looked = two.look();
    assert_eq!((looked.did(ActionKind::MakeGroup), looked.did(ActionKind::MendGroup)), (1, 1));
    looked.says(Contained, True, Reason::Contained, &["All 2"]);
}

#[test]
fn a_managed_group_is_not_used_while_its_egress_is_not_gone() {
    let mut stuck = unmade().refusing(ActionKind::MendGroup, "sg-made-vpc-1", refused("UnauthorizedOperation"));
    let looked = stuck.look();
    assert_eq!(looked.did(ActionKind::Isolate), 0);
    looked.says(Stalled, True, Reason::AccessDenied, &["UnauthorizedOperation"]);
    let mut granted = stuck.willing().later(300);
    granted.look().says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn a_managed_group_that_cannot_be_made_says_why() {
    let taken = crate::model::problem::Problem::new(
        crate::model::problem::Disposition::Stop,
        Reason::GroupNameTaken,
        "taken by another.",
    );
    let looked = unmade().refusing(ActionKind::MakeGroup, "vpc-1", taken).look();
    looked.says(Stalled, True, Reason::GroupNameTaken, &["taken by another"]);
    assert_eq!(looked.pause(), Some(RESYNC));
}

#[test]
fn rules_of_a_managed_group_in_force_follow_the_class() {
    let held = unmade().looked().class(|class| {
        class.security_group.managed.as_mut().expect("managed").ingress[0].port = 3389;
    });
    let mut held = held;
    let looked = held.look();
    assert_eq!(looked.did(ActionKind::MendGroup), 1);
    looked.says(Ready, True, Reason::Contained, &[]);
    held.look().is_quiet();
}

#[test]
fn rules_that_cannot_be_put_in_line_make_the_claim_not_ready_and_nothing_flaps() {
    let opened = |scene: Scene| scene.seen(|view| view.groups[0].ingress.clear());
    let mut held =
        opened(unmade().looked()).refusing(ActionKind::MendGroup, "sg-made-vpc-1", refused("UnauthorizedOperation"));
    let looked = held.look();
    looked.says(Ready, False, Reason::GroupNotReady, &["sg-made-vpc-1", "UnauthorizedOperation"]);
    looked.says(Contained, True, Reason::Contained, &[]);
    let again = held.look();
    assert_eq!((again.writes, again.notes.len()), (0, 0), "{:#?}", again.status);
    held.willing().look().says(Ready, True, Reason::Contained, &[]);
}

#[test]
fn a_managed_group_that_lets_out_is_mended_before_another_interface_gets_it_where_it_can_be() {
    let open = unmade().looked().seen(|view| view.groups[0].egress.push(cidr("0.0.0.0/0"))).with("eni-2", &["sg-db"]);
    let first = open.decide();
    assert!(first.actions.iter().all(|action| action.subjects() != ["eni-2"]), "{:?}", first.actions);
    open.clone().look().says(Contained, True, Reason::Contained, &["All 2 interfaces"]);
    let mut refused = open.refusing(ActionKind::MendGroup, "sg-made-vpc-1", refused("UnauthorizedOperation"));
    refused.look();
    assert_eq!(refused.carried("eni-2"), ["sg-made-vpc-1"]);
}

#[test]
fn a_managed_group_that_was_deleted_before_the_next_containment_is_made_again() {
    let mut gone = unmade().looked().seen(|view| view.groups.clear()).wiped().with("eni-1", &["sg-web"]);
    let looked = gone.look();
    assert_eq!(looked.did(ActionKind::MakeGroup), 1);
    looked.says(Contained, True, Reason::Contained, &["sg-made-again-vpc-1"]);
}

#[test]
fn a_managed_group_that_was_deleted_while_held_is_made_again_and_put_in_force() {
    let mut gone = unmade().looked().seen(|view| view.groups.clear()).with("eni-1", &["sg-web"]);
    let looked = gone.look();
    let kinds: Vec<ActionKind> = looked.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, [ActionKind::MakeGroup, ActionKind::MendGroup, ActionKind::Isolate, ActionKind::Tag]);
    assert_eq!(looked.told(Reason::GroupNotFound), 1);
    looked.says(Contained, True, Reason::Contained, &["sg-made-again-vpc-1"]);
    assert_eq!(gone.record("eni-1").isolation_groups, ["sg-made-vpc-1", "sg-made-again-vpc-1"]);
    gone.look().is_quiet();
    let mut released = gone.later(61).deleted();
    released.look();
    assert_eq!(released.carried("eni-1"), ["sg-web"]);
}

#[test]
fn a_managed_group_in_force_that_a_read_misses_is_left_in_force_where_the_interface_carries_it() {
    let mut missed = unmade().looked().seen(|view| view.groups.clear());
    let looked = missed.look();
    assert_eq!(looked.actions, []);
    looked.says(Contained, True, Reason::Contained, &["sg-made-vpc-1"]);
}

#[test]
fn what_stands_in_the_way_of_a_new_group_is_said_until_it_is_gone() {
    let taken = crate::model::problem::Problem::new(
        crate::model::problem::Disposition::Stop,
        Reason::GroupNameTaken,
        "taken by another.",
    );
    let gone = unmade().looked().seen(|view| view.groups.clear()).with("eni-1", &["sg-web"]);
    let mut gone = gone.refusing(ActionKind::MakeGroup, "vpc-1", taken);
    gone.look().says(Stalled, True, Reason::InterfaceRefused, &["taken by another"]);
    gone.look().says(Contained, False, Reason::InterfaceRefused, &["taken by another"]);
    gone.willing().look().says(Contained, True, Reason::Contained, &["sg-made-again-vpc-1"]);
}

#[test]
fn a_group_by_id_that_was_deleted_while_held_is_not_replaced() {
    let mut gone = scene().looked().seen(|view| view.groups.clear()).with("eni-1", &["sg-web"]);
    gone = gone.refusing(ActionKind::Isolate, "eni-1", refused("InvalidGroup.NotFound"));
    let looked = gone.look();
    assert_eq!((looked.did(ActionKind::MakeGroup), looked.did(ActionKind::Isolate)), (0, 1));
    looked.says(Contained, False, Reason::InterfaceRefused, &["InvalidGroup.NotFound"]);
}

#[test]
fn an_open_group_is_put_on_as_declared_and_is_not_called_containment() {
    let lists = ("pl-1".to_owned(), vec!["0.0.0.0/1".to_owned(), "128.0.0.0/1".to_owned()]);
    for open in [
        vec![cidr("0.0.0.0/0")],
        vec![cidr("::/0")],
        vec![cidr("0.0.0.0/1"), cidr("128.0.0.0/1")],
        vec![rule(Peer::PrefixList("pl-1".to_owned()))],
    ] {
        let with_open = |side: fn(&mut SecurityGroup) -> &mut Vec<crate::model::ec2::GroupRule>| {
            scene().seen(|view| {
                *side(&mut view.groups[0]) = open.clone();
                view.prefix_lists = [lists.clone()].into();
            })
        };
        for mut scene in [with_open(|group| &mut group.egress), with_open(|group| &mut group.ingress)] {
            let looked = scene.look();
            assert_eq!(scene.carried("eni-1"), [ISOLATION]);
            looked.says(Contained, False, Reason::IsolationGroupOpen, &[ISOLATION, "Remove that rule"]);
            looked.says(Stalled, True, Reason::IsolationGroupOpen, &[]);
            assert_eq!(looked.told(Reason::IsolationGroupOpen), 1);
            scene.look().is_quiet();
            scene.seen(|view| view.groups[0] = group(ISOLATION, "", "vpc-1")).look().says(
                Contained,
                True,
                Reason::Contained,
                &[],
            );
        }
    }
}

#[test]
fn a_group_that_lets_isolated_machines_talk_is_named_beside_containment() {
    let talking = scene().seen(|view| view.groups[0].ingress = vec![rule(Peer::Group(ISOLATION.to_owned()))]);
    talking.clone().look().says(Contained, True, Reason::Contained, &["talk to each other"]);
}

#[test]
fn a_group_that_is_too_new_for_a_swap_is_tried_again_soon() {
    let new = scene().refusing(ActionKind::Isolate, "eni-1", refused("InvalidGroup.NotFound"));
    let mut new = new;
    assert_eq!(new.look().pause(), Some(SOON));
    new.willing().later(1).look().says(Contained, True, Reason::Contained, &[]);
}

/// Deleted and its status lost, while its interface carried another class's managed group, which lets everything out.
fn lost_on_an_open_group_of_another_class() -> Scene {
    let unmended = SecurityGroup { egress: vec![cidr("0.0.0.0/0")], ..group("sg-theirs", "ForensicsSG", "vpc-1") };
    unmade()
        .told(|facts| {
            if let ClassSight::Found(class) = &mut facts.class {
                class.metadata.uid = Some("uid-of-class".to_owned());
            }
            facts.isolation_groups.insert("sg-theirs".to_owned());
            facts.namespace.deleting = true;
        })
        .looked()
        .seen(|view| view.groups.push(unmended))
        .later(90)
        .deleted()
        .wiped()
        .with("eni-1", &["sg-theirs"])
        .looked()
}

#[test]
fn an_open_group_of_another_class_that_was_found_when_records_were_lost_is_never_put_on_again() {
    let mut drifted = lost_on_an_open_group_of_another_class().with("eni-1", &["sg-theirs", "sg-web"]);
    assert_eq!(drifted.record("eni-1").isolation_groups, ["sg-theirs"]);
    let looked = drifted.look();
    assert_eq!((drifted.carried("eni-1"), looked.told(Reason::IsolationGroupOpen)), (groups(&["sg-made-vpc-1"]), 1));
    assert_eq!(
        drifted.record("eni-1").isolation_groups,
        ["sg-theirs", "sg-made-vpc-1"],
        "the release knows both as ours"
    );
    drifted.look().is_quiet();
}

#[test]
fn drift_from_an_open_group_of_another_class_waits_until_the_own_group_is_in_line() {
    let drifted = lost_on_an_open_group_of_another_class().with("eni-1", &["sg-theirs", "sg-web"]);
    let mut open = drifted.seen(|view| view.groups[0].egress.push(cidr("0.0.0.0/0")));
    let first = open.decide();
    assert!(first.actions.iter().all(|action| action.kind() == ActionKind::MendGroup), "{:?}", first.actions);
    open.look();
    assert_eq!(open.carried("eni-1"), ["sg-made-vpc-1"]);
}

#[test]
fn an_interface_that_carries_the_own_group_already_is_not_changed_when_that_takes_the_place_of_an_open_one() {
    let mut later = lost_on_an_open_group_of_another_class().with("eni-1", &["sg-made-vpc-1"]);
    let looked = later.look();
    assert_eq!(looked.actions, []);
    looked.says(Contained, True, Reason::Contained, &["sg-made-vpc-1"]);
}
