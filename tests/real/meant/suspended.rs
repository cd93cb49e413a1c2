//! Deleted while suspended: held, and each way out.

use super::{is_given_back, is_isolated};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::claims::{condition, holds},
};
use serde_json::json;

async fn suspended_and_deleted() -> Scene {
    let scene = Scene::contained(&[&["web"], &["app", "db"]]).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.desk.delete(CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "Suspended").await;
    let message = &condition(&claim, "Ready").expect("said").message;
    assert!(message.contains("suspend: false") && message.contains("release.policy: Retain"), "{message}");
    assert!(holds(&claim, "Stalled"));
    is_isolated(&scene).await;
    scene
}

#[tokio::test]
async fn suspended_and_deleted_it_is_given_back_when_it_is_no_longer_suspended() {
    let scene = suspended_and_deleted().await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    scene.desk.gone(CLAIM).await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;
}

#[tokio::test]
async fn suspended_and_deleted_it_goes_as_it_is_with_policy_retain() {
    let scene = suspended_and_deleted().await;
    let before = scene.changes();
    scene.desk.edit(CLAIM, json!({"spec": {"release": {"policy": "Retain"}}})).await;
    scene.desk.gone(CLAIM).await;
    is_isolated(&scene).await;
    assert_eq!(scene.changes(), before);
}
