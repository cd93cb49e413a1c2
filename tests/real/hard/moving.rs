//! Interfaces that move, and instances that end or are replaced.

use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{Desk, holds},
        wait::until,
    },
    wire::{account::tags, emulator::mark_interface},
};
use quarantine_operator::api::InterfaceState;
use serde_json::{Value, json};

const SECOND: &str = "second";

/// Takes the interface off its instance, as its owner would.
async fn detach(scene: &Scene, interface: &str) {
    let read = scene.account.owner.describe_network_interfaces().network_interface_ids(interface).send().await;
    let read = read.expect("a read");
    let attachment = read.network_interfaces()[0].attachment().and_then(|attachment| attachment.attachment_id());
    let call = scene.account.owner.detach_network_interface().attachment_id(attachment.expect("it is attached"));
    call.force(true).send().await.expect("it is detached");
}

async fn state(desk: &Desk, name: &str, interface: &str) -> Option<InterfaceState> {
    let claim = desk.claims.get_opt(name).await.expect("a read")?;
    claim.status.as_ref()?.interfaces.iter().find(|record| record.id == interface).map(|record| record.state)
}

fn on(instance: &str, spec: Value) -> Value {
    let mut spec = spec;
    spec["target"]["instance"]["id"] = json!(instance);
    spec
}

#[tokio::test]
async fn an_interface_attached_to_another_held_instance_is_held_there_with_its_own_originals() {
    let scene = Scene::contained(&[&["web"], &["db"]]).await;
    let moved = scene.interfaces[1].clone();
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    scene.desk.claim(SECOND, on(&other, scene.spec(json!({})))).await;
    scene.desk.contained(SECOND).await;
    detach(&scene, &moved).await;
    scene.account.attach(&other, &moved, 1).await;
    until("the second one holds it", async || {
        (state(&scene.desk, SECOND, &moved).await == Some(InterfaceState::Isolated)).then_some(())
    })
    .await;
    until("the first one knows", async || {
        (state(&scene.desk, CLAIM, &moved).await == Some(InterfaceState::TakenOver)).then_some(())
    })
    .await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&moved).await, [scene.isolation.as_str()], "the second one keeps it");
    scene.desk.delete(SECOND).await;
    scene.desk.gone(SECOND).await;
    assert_eq!(scene.carried(&moved).await, scene.ids(&["db"]));
}

#[tokio::test]
async fn an_interface_attached_to_an_instance_that_nobody_holds_stays_isolated_until_the_release() {
    let scene = Scene::contained(&[&["web"], &["db"]]).await;
    let moved = scene.interfaces[1].clone();
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    detach(&scene, &moved).await;
    scene.account.attach(&other, &moved, 1).await;
    scene.set(&moved, &scene.ids(&["db"])).await;
    scene.carries(&moved, std::slice::from_ref(&scene.isolation)).await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&moved).await, scene.ids(&["db"]));
}

#[tokio::test]
async fn an_interface_that_is_detached_and_deleted_while_held_is_gone_a_minute_later_and_the_release_waits_for_nobody()
{
    let scene = Scene::contained(&[&["web"], &["db"]]).await;
    let lost = scene.interfaces[1].clone();
    detach(&scene, &lost).await;
    let deleted = scene.account.owner.delete_network_interface().network_interface_id(&lost).send().await;
    deleted.expect("it is deleted");
    until("it counts as gone", async || {
        (state(&scene.desk, CLAIM, &lost).await == Some(InterfaceState::Gone)).then_some(())
    })
    .await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn an_instance_terminated_while_held_leaves_an_interface_that_is_kept_isolated_and_given_back() {
    let scene = Scene::contained(&[&["web"], &["db"]]).await;
    let survivor = scene.interfaces[1].clone();
    detach(&scene, &survivor).await;
    let ended = scene.account.owner.terminate_instances().instance_ids(&scene.instance).send().await;
    ended.expect("it ends");
    let claim = scene.desk.says(CLAIM, "Ready", "False", "InstanceTerminated").await;
    assert!(holds(&claim, "Stalled"));
    scene.set(&survivor, &scene.ids(&["db"])).await;
    scene.carries(&survivor, std::slice::from_ref(&scene.isolation)).await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&survivor).await, scene.ids(&["db"]));
}

#[tokio::test]
async fn an_instance_replaced_under_auto_scaling_is_named_and_its_replacement_is_left_alone() {
    let scene = Scene::with(&[&["web"]]).await;
    let group = tags([("eks:nodegroup-name", "batch")]);
    scene.account.ec2.tag(std::slice::from_ref(&scene.instance), &group).await.expect("the owner may do that");
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.says(CLAIM, "EvidenceAtRisk", "True", "ManagedInstance").await;
    scene.desk.contained(CLAIM).await;
    let ended = scene.account.owner.terminate_instances().instance_ids(&scene.instance).send().await;
    ended.expect("it ends");
    let replacement = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    scene.account.ec2.tag(std::slice::from_ref(&replacement), &group).await.expect("the owner may do that");
    scene.desk.says(CLAIM, "Ready", "False", "InstanceTerminated").await;
    scene.delete_and_wait().await;
    let interface = scene.account.ec2.interfaces_attached_to(&replacement).await.expect("a read").remove(0);
    assert_eq!(interface.groups, scene.ids(&["web"]), "it is another instance");
    assert!(interface.tags.is_empty());
}

#[tokio::test]
async fn the_branch_interfaces_of_a_trunk_are_isolated_and_given_back_with_it() {
    let scene = Scene::with(&[&["web"]]).await;
    let (trunk, pods) = (scene.interfaces[0].clone(), scene.account.group(&scene.subnet, "pods").await);
    let branch = scene.account.interface(&scene.subnet, &[&pods]).await;
    let decoy = scene.account.interface(&scene.subnet, &[&pods]).await;
    mark_interface(&trunk, json!({"interfaceType": "trunk"}));
    mark_interface(&branch, json!({"interfaceType": "branch"}));
    let of_trunk = tags([("vpcresources.k8s.aws/trunk-eni-id", &trunk)]);
    scene.account.ec2.tag(&[branch.clone(), decoy.clone()], &of_trunk).await.expect("the owner may do that");
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    assert_eq!(scene.carried(&branch).await, [scene.isolation.as_str()]);
    assert_eq!(scene.carried(&decoy).await, [pods.as_str()], "a tag alone makes it no branch");
    scene.delete_and_wait().await;
    assert_eq!((scene.carried(&branch).await, scene.carried(&trunk).await), (vec![pods], scene.ids(&["web"])));
}
