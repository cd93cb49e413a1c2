//! The status is wiped, by `kubectl replace --subresource=status`.

use super::{ends_held_and_given_back, is_approved_and_given_back, is_tagged, records_from_tags, wipe_status};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::wait::until,
};
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

const ORIGINALS: [&[&str]; 2] = [&["web"], &["app", "db"]];

#[tokio::test]
async fn status_wiped_while_held() {
    let scene = Scene::contained(&ORIGINALS).await;
    is_tagged(&scene).await;
    wipe_status(&scene).await;
    ends_held_and_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn status_wiped_and_then_deleted() {
    let scene = Scene::contained(&ORIGINALS).await;
    is_tagged(&scene).await;
    // Suspended, so that the deletion comes before the next look makes the records again.
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    wipe_status(&scene).await;
    scene.desk.delete(CLAIM).await;
    scene.desk.says(CLAIM, "Ready", "False", "Suspended").await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "ReleaseHeld").await;
    records_from_tags(&scene, &claim, &ORIGINALS);
    warned_of_lost_records(&scene).await;
    is_approved_and_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn status_wiped_while_its_release_is_held() {
    let scene = Scene::contained(&ORIGINALS).await;
    is_tagged(&scene).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.desk.delete(CLAIM).await;
    scene.desk.says(CLAIM, "Ready", "False", "Suspended").await;
    wipe_status(&scene).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "ReleaseHeld").await;
    records_from_tags(&scene, &claim, &ORIGINALS);
    is_approved_and_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn status_wiped_and_tags_removed() {
    let scene = Scene::contained(&ORIGINALS).await;
    is_tagged(&scene).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    for interface in &scene.interfaces {
        let keys = scene.our_tags(interface).await;
        scene.account.ec2.untag(std::slice::from_ref(interface), &keys).await.expect("the owner may do that");
    }
    wipe_status(&scene).await;
    scene.desk.delete(CLAIM).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    crate::meant::is_held(&scene, "was lost").await;
    crate::meant::approve(&scene).await;
    // Nobody knows the originals any more: nothing but Retain lets it go, and no guess is made.
    scene.desk.says(CLAIM, "Ready", "False", "OriginalsUnknown").await;
    crate::meant::is_isolated(&scene).await;
    scene.desk.edit(CLAIM, json!({"spec": {"release": {"policy": "Retain"}}})).await;
    scene.desk.gone(CLAIM).await;
    crate::meant::is_isolated(&scene).await;
}

async fn warned_of_lost_records(scene: &Scene) {
    let events: Api<Event> = Api::namespaced(scene.desk.client.clone(), &scene.desk.namespace);
    until("the warning RecordsLost", async || {
        let events = events.list(&ListParams::default()).await.expect("events");
        let warning = events.items.into_iter().find(|event| event.reason.as_deref() == Some("RecordsLost"))?;
        scene.interfaces.iter().all(|id| warning.note.as_deref().is_some_and(|note| note.contains(id))).then_some(())
    })
    .await;
}
