//! Rules that somebody writes into an isolation group: told by name, and in nobody's way.

use super::super::fixtures::{ISOLATION, Scene, cidr, scene};
use super::super::looked::Looked;
use crate::{
    api::{
        ClassSecurityGroup,
        ConditionStatus::True,
        ConditionType::{Contained, Ready},
        IngressRule, MOST_RULES, ManagedSecurityGroup, Reason,
    },
    model::ec2::{GroupRule, Peer},
    quarantine::world::{Action, ActionKind},
};

/// As the AWS Load Balancer Controller writes it.
const DESCRIPTION: &str = "elbv2.k8s.aws/targetGroupBinding=shared";

fn of_load_balancer() -> GroupRule {
    GroupRule { protocol: "tcp".to_owned(), ports: Some((30_000, 32_767)), peer: Peer::Group("sg-alb".to_owned()) }
}

/// A controller writes its rule into the group that was seen first.
fn written(scene: Scene) -> Scene {
    scene.seen(|view| {
        view.groups[0].ingress.push(of_load_balancer());
        view.groups[0].descriptions.insert(of_load_balancer(), DESCRIPTION.to_owned());
    })
}

fn managed() -> Scene {
    let ssh = IngressRule { port: 22, cidrs: vec!["10.0.0.0/8".to_owned()], ..IngressRule::default() };
    let declared = ManagedSecurityGroup {
        name: "IncidentResponseSG".to_owned(),
        description: "cut off".to_owned(),
        ingress: vec![ssh],
    };
    let source = ClassSecurityGroup { managed: Some(declared), ..ClassSecurityGroup::default() };
    scene().group_from(source).seen(|view| view.groups.clear())
}

fn is_told(looked: &Looked, words: &[&str]) {
    let told: Vec<_> = looked.notes.iter().filter(|note| note.reason == Reason::GroupRuleAdded).collect();
    let [note] = told[..] else { panic!("{:?}", looked.notes) };
    assert!(note.warning);
    for word in ["ingress tcp 30000-32767 from sg-alb", DESCRIPTION].iter().chain(words) {
        assert!(note.message.contains(word), "{word:?} is not in {:?}", note.message);
    }
}

#[test]
fn a_rule_that_is_written_into_a_group_in_force_is_told_once_with_its_description() {
    let mut held = written(scene().looked());
    let looked = held.look();
    is_told(&looked, &[ISOLATION, "take it out"]);
    assert_eq!(looked.actions, [], "the group isn't ours to change");
    looked.says(Contained, True, Reason::Contained, &["another group", "sg-alb", DESCRIPTION]);
    held.look().is_quiet();
}

#[test]
fn what_the_group_had_when_it_was_put_on_is_no_news_but_another_group_that_it_lets_in_is_said() {
    let mut held = written(scene());
    let looked = held.look();
    assert_eq!(looked.told(Reason::GroupRuleAdded), 0);
    looked.says(Contained, True, Reason::Contained, &["another group", "sg-alb"]);
    held.look().is_quiet();
}

#[test]
fn a_network_that_is_let_in_is_told_too_and_one_that_is_taken_out_is_not() {
    let mut held = scene().looked().seen(|view| view.groups[0].ingress.push(cidr("192.0.2.0/24")));
    let looked = held.look();
    let told = looked.notes.iter().find(|note| note.reason == Reason::GroupRuleAdded).expect("it is told");
    assert!(told.message.contains("ingress all from 192.0.2.0/24"), "{}", told.message);
    let mut tidied = held.seen(|view| view.groups[0].ingress.clear());
    assert_eq!(tidied.look().notes, []);
}

#[test]
fn a_managed_group_loses_what_its_class_does_not_declare_and_that_is_told() {
    let mut held = written(managed().looked());
    let looked = held.look();
    is_told(&looked, &["sg-made-vpc-1", "taken out again"]);
    assert_eq!(looked.did(ActionKind::MendGroup), 1);
    looked.says(Ready, True, Reason::Contained, &[]);
    assert!(held.view.groups[0].ingress.iter().all(|rule| *rule != of_load_balancer()));
    held.look().is_quiet();
}

#[test]
fn a_surplus_rule_keeps_no_new_instance_waiting() {
    let made = managed().looked();
    let mut other = written(made.wiped().with("eni-1", &["sg-web"]));
    let first = other.decide();
    let kinds: Vec<ActionKind> = first.actions.iter().map(Action::kind).collect();
    assert_eq!(kinds, [ActionKind::Isolate, ActionKind::MendGroup], "isolated first, mended after");
    let looked = other.look();
    is_told(&looked, &[]);
    looked.says(Contained, True, Reason::Contained, &[]);
}

#[test]
fn a_group_with_more_rules_than_are_remembered_tells_no_tales() {
    let many = (0..MOST_RULES + 20).map(|n| cidr(&format!("10.0.{n}.0/24"))).collect();
    let mut held = scene().seen(|view| view.groups[0].ingress = many).looked();
    assert_eq!(held.look().told(Reason::GroupRuleAdded), 0);
}
