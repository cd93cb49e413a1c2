//! What no person chose and others depend on waits for a person, untouched.

use super::super::fixtures::{INSTANCE, Scene, scene};
use crate::{
    api::{AUTOMATIC_ANNOTATION, ConditionStatus::True, ConditionType::Contained, Reason},
    quarantine::world::NodeSight,
};

/// As a source makes it of a finding that nobody pressed.
fn automatic(mut scene: Scene) -> Scene {
    scene.facts.node.get_or_insert(NodeSight::Other);
    scene.facts.claim.spec.reason = Some("From Security Hub.".to_owned());
    scene.facts.claim.metadata.annotations = Some([(AUTOMATIC_ANNOTATION.to_owned(), "true".to_owned())].into());
    scene
}

/// The class lets routers be cut off, else policy refuses them.
fn allowing(scene: Scene) -> Scene {
    scene.class(|class| class.allow_routers = true)
}

fn router(scene: Scene) -> Scene {
    allowing(scene).seen(|view| view.interfaces[0].routes = true)
}

fn node(sight: NodeSight) -> Scene {
    let mut scene = scene();
    scene.facts.node = Some(sight);
    scene
}

/// Nothing was done, and why is said.
#[track_caller]
fn is_held(scene: &Scene, because: &str) {
    let decision = scene.decide();
    let reason = decision.hold.expect("it is suspended").reason;
    assert!(
        reason.starts_with("Suspended: ") && reason.contains(because) && reason.ends_with("From Security Hub."),
        "{reason}"
    );
    assert_eq!((decision.actions, decision.status.interfaces), (vec![], vec![]));
    let [said] = &decision.notes[..] else { panic!("{:?}", decision.notes) };
    assert!(
        said.warning && said.reason == Reason::HeldForAPerson && said.message.contains("Set suspend: false"),
        "{said:?}"
    );
}

#[test]
fn a_router_that_no_person_chose_is_held_for_one_before_anything_is_changed() {
    is_held(&automatic(router(scene())), &format!("{INSTANCE} routes for others"));
    is_held(
        &automatic(allowing(scene()).seen(|view| view.instance.iter_mut().for_each(|seen| seen.routes = true))),
        "routes for others",
    );
}

#[test]
fn a_node_of_the_operators_own_cluster_is_held_for_a_person_and_so_is_what_may_be_one() {
    is_held(
        &automatic(node(NodeSight::Node("ip-10-0-0-1".to_owned()))),
        "is the node ip-10-0-0-1 of the operator's own cluster",
    );
    is_held(&automatic(node(NodeSight::Unknown("it is forbidden".to_owned()))), "can't be known: it is forbidden");
}

#[test]
fn what_a_person_chose_or_is_held_already_or_nobody_depends_on_goes_on() {
    let contains = |mut scene: Scene| {
        scene.look().says(Contained, True, Reason::Contained, &[]);
    };
    contains(automatic(scene()));
    contains(router(node(NodeSight::Node("ip-10-0-0-1".to_owned()))));
    let mut held = automatic(scene()).looked();
    held.facts.node = Some(NodeSight::Node("ip-10-0-0-1".to_owned()));
    contains(router(held));
}
