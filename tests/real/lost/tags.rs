//! The second copy is edited, removed or forged while the first one stands in the status.

use super::{forge_originals, is_tagged};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::wait::until,
    wire::account::tags,
};
use quarantine_operator::model::Tags;

const ORIGINALS: [&[&str]; 2] = [&["web"], &["app", "db"]];

async fn ours(scene: &Scene) -> Tags {
    let mut tags = scene.account.read(&scene.interfaces[1]).await.tags;
    tags.retain(|key, _| key.starts_with("quarantine-operator.dev/"));
    tags
}

/// Held and tagged; what the tags of the second interface say.
async fn held() -> (Scene, Tags) {
    let scene = Scene::contained(&ORIGINALS).await;
    is_tagged(&scene).await;
    let tags = ours(&scene).await;
    (scene, tags)
}

/// The tags are as they were, and the release gives back what the status holds, without asking anybody.
async fn ends_right(scene: &Scene, before: &Tags) {
    until("the tags are put right", async || (ours(scene).await == *before).then_some(())).await;
    scene.delete_and_wait().await;
    crate::meant::is_given_back(scene, &ORIGINALS).await;
}

#[tokio::test]
async fn tags_edited_while_held() {
    let (scene, before) = held().await;
    forge_originals(&scene, &scene.interfaces[1], &scene.groups["web"]).await;
    ends_right(&scene, &before).await;
}

#[tokio::test]
async fn tags_removed_while_held() {
    let (scene, before) = held().await;
    let keys: Vec<String> = before.keys().cloned().collect();
    scene.account.ec2.untag(&[scene.interfaces[1].clone()], &keys).await.expect("the owner may do that");
    ends_right(&scene, &before).await;
}

#[tokio::test]
async fn tags_forged_while_held() {
    let (scene, before) = held().await;
    let forged = tags([
        ("quarantine-operator.dev/quarantine-uid", "00000000-0000-0000-0000-000000000000"),
        ("quarantine-operator.dev/cluster-uid", "11111111-1111-1111-1111-111111111111"),
        ("quarantine-operator.dev/original-groups-2", "sg-00000000000000000"),
    ]);
    scene.account.ec2.tag(&[scene.interfaces[1].clone()], &forged).await.expect("anyone can do that");
    ends_right(&scene, &before).await;
    let claim = scene.desk.claims.get_opt(CLAIM).await.expect("a read");
    assert_eq!(claim, None);
}

#[tokio::test]
async fn tags_forged_on_an_interface_that_nobody_holds_yet() {
    let scene = Scene::with(&ORIGINALS).await;
    let forged = tags([
        ("quarantine-operator.dev/quarantine-uid", "00000000-0000-0000-0000-000000000000"),
        ("quarantine-operator.dev/cluster-uid", &cluster_uid(&scene).await),
        ("quarantine-operator.dev/isolation-groups", &scene.isolation),
        ("quarantine-operator.dev/original-groups", &scene.isolation),
    ]);
    scene.account.ec2.tag(&scene.interfaces, &forged).await.expect("anyone can do that");
    scene.class(serde_json::json!({})).await;
    scene.claim(serde_json::json!({})).await;
    scene.desk.contained(CLAIM).await;
    scene.delete_and_wait().await;
    crate::meant::is_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn tags_forged_beyond_what_a_record_holds_when_the_status_is_lost() {
    let scene = Scene::contained(&[&["web"]]).await;
    is_tagged(&scene).await;
    scene.desk.edit(CLAIM, serde_json::json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    forge_originals(&scene, &scene.interfaces[0], &"x".repeat(200)).await;
    super::wipe_status(&scene).await;
    scene.desk.edit(CLAIM, serde_json::json!({"spec": {"suspend": false}})).await;
    let claim = scene.desk.contained(CLAIM).await;
    let record = &crate::support::claims::status(&claim).interfaces[0];
    assert_eq!(record.original_security_groups, None, "they tell nothing");
    crate::meant::is_isolated(&scene).await;
}

async fn cluster_uid(scene: &Scene) -> String {
    let namespaces: kube::Api<k8s_openapi::api::core::v1::Namespace> = kube::Api::all(scene.desk.client.clone());
    namespaces.get("kube-system").await.expect("a read").metadata.uid.expect("a uid")
}
