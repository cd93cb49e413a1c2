//! Instances that others depend on, named by findings that nobody pressed: a person says yes first.

use super::stage::Queue;
use crate::{
    e2e::scene::Scene,
    support::{claims::condition, wait::until},
    wire::hub::product,
};
use aws_sdk_ec2::types::AttributeBooleanValue;
use jiff::Timestamp;
use k8s_openapi::api::{core::v1::Node, events::v1::Event};
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::json;

/// A finding about the scene's instance comes by itself: nothing is changed, and why is said, until a person says yes.
async fn is_held_until_a_person_says_yes(scene: &Scene, because: &str) {
    let before = scene.changes();
    let queue = Queue::of(scene).await;
    queue.read_by_source(json!({"accept": {"imported": {"productArns": [product("aws/guardduty")]}}})).await;
    queue.send(&queue.imported("one", &scene.instance, Timestamp::now())).await;
    let name = queue.claim_of(&scene.instance);
    let claim = scene.desk.says(&name, "Ready", "True", "Suspended").await;
    assert!(claim.spec.suspend && claim.metadata.annotations.unwrap_or_default().is_empty());
    let reason = claim.spec.reason.unwrap_or_default();
    assert!(reason.starts_with("Suspended: ") && reason.contains(because) && reason.contains("A bot"), "{reason}");
    assert_eq!((scene.changes(), scene.carried(&scene.interfaces[0]).await), (before, scene.ids(&["web"])));
    let events: Api<Event> = Api::namespaced(scene.desk.client.clone(), &scene.desk.namespace);
    until("an event says so", async || {
        let all = events.list(&ListParams::default()).await.expect("a list").items;
        all.iter().any(|event| event.reason.as_deref() == Some("HeldForAPerson")).then_some(())
    })
    .await;
    scene.desk.edit(&name, json!({"spec": {"suspend": false}})).await;
    let claim = scene.desk.contained(&name).await;
    assert!(condition(&claim, "Contained").is_some());
}

#[tokio::test]
async fn a_router_that_nobody_pressed_is_touched_only_after_a_person_said_yes() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"allowRouters": true})).await;
    let off = AttributeBooleanValue::builder().value(false).build();
    let call = scene.account.owner.modify_instance_attribute().instance_id(&scene.instance).source_dest_check(off);
    call.send().await.expect("its owner may do that");
    is_held_until_a_person_says_yes(&scene, "routes for others").await;
}

#[tokio::test]
async fn a_node_of_the_cluster_that_nobody_pressed_is_touched_only_after_a_person_said_yes() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    let name = format!("node-{}", scene.desk.namespace);
    let provider_id = format!("aws:///eu-central-1a/{}", scene.instance);
    let node = json!({"metadata": {"name": name}, "spec": {"providerID": provider_id}});
    let nodes: Api<Node> = Api::all(scene.desk.client.clone());
    nodes.create(&PostParams::default(), &serde_json::from_value(node).expect("a node")).await.expect("accepted");
    is_held_until_a_person_says_yes(&scene, &name).await;
}
