//! Releases that need approval whatever is deleted: what was admitted so, and what the records alone don't tell.

use super::{approve, is_given_back, is_held};
use crate::e2e::scene::{CLAIM, Scene};
use kube::{Api, api::DeleteParams};
use quarantine_operator::api::{QuarantineClass, RecordSource};
use serde_json::json;

async fn admitted_under_always() -> Scene {
    let scene = Scene::with(&[&["web"], &["app", "db"]]).await;
    scene.class(json!({"releaseApproval": "Always"})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    scene
}

async fn held_then_approved(scene: &Scene, words: &str) {
    scene.desk.delete(CLAIM).await;
    is_held(scene, words).await;
    approve(scene).await;
    scene.desk.gone(CLAIM).await;
    is_given_back(scene, &[&["web"], &["app", "db"]]).await;
}

#[tokio::test]
async fn rule_13_release_approval_always_holds_every_release() {
    held_then_approved(&admitted_under_always().await, "releaseApproval: Always").await;
}

#[tokio::test]
async fn release_approval_always_binds_when_the_class_is_relaxed_after_admission() {
    let scene = admitted_under_always().await;
    scene.class(json!({"releaseApproval": "WhenUnusual"})).await;
    held_then_approved(&scene, "releaseApproval: Always").await;
}

#[tokio::test]
async fn release_approval_always_binds_when_the_class_is_deleted_after_admission() {
    let scene = admitted_under_always().await;
    let classes: Api<QuarantineClass> = Api::all(scene.desk.client.clone());
    classes.delete(&scene.desk.namespace, &DeleteParams::default()).await.expect("deleted");
    held_then_approved(&scene, "releaseApproval: Always").await;
}

#[tokio::test]
async fn release_approval_always_binds_only_what_was_admitted_under_it() {
    let scene = Scene::contained(&[&["web"], &["app", "db"]]).await;
    scene.class(json!({"releaseApproval": "Always"})).await;
    scene.delete_and_wait().await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;
}

#[tokio::test]
async fn approval_that_was_given_before_the_deletion_counts() {
    let scene = admitted_under_always().await;
    approve(&scene).await;
    scene.delete_and_wait().await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;
}

#[tokio::test]
async fn another_word_than_approved_approves_nothing() {
    let scene = admitted_under_always().await;
    scene.desk.delete(CLAIM).await;
    is_held(&scene, "releaseApproval: Always").await;
    let word = json!({"metadata": {"annotations": {
        "quarantine-operator.dev/release": "true", "reconcile.fluxcd.io/requestedAt": "after it"}}});
    scene.desk.edit(CLAIM, word).await;
    crate::support::wait::until("it was looked at", async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("still there");
        (claim.status?.last_handled_reconcile_at.as_deref() == Some("after it")).then_some(())
    })
    .await;
    is_held(&scene, "releaseApproval: Always").await;
}

#[tokio::test]
async fn rule_13_a_record_from_tags_only_is_held() {
    let scene = Scene::contained(&[&["web"], &["app", "db"]]).await;
    crate::lost::is_tagged(&scene).await;
    crate::lost::wipe_status(&scene).await;
    let claim = crate::lost::taken_over_from_tags(&scene).await;
    assert!(claim.status.expect("a status").interfaces.iter().all(|one| one.recorded_from == RecordSource::Tags));
    held_then_approved(&scene, "comes from the tags").await;
}

#[tokio::test]
async fn rule_13_tags_that_name_other_groups_than_the_status_are_held() {
    let scene = Scene::contained(&[&["web"], &["app", "db"]]).await;
    crate::lost::is_tagged(&scene).await;
    // While suspended nothing puts the tags right; nor does anything while it is being deleted.
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    crate::lost::forge_originals(&scene, &scene.interfaces[1], &scene.groups["web"]).await;
    scene.desk.delete(CLAIM).await;
    scene.desk.says(CLAIM, "Ready", "False", "Suspended").await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    is_held(&scene, "name other original groups than the record").await;
    let tags = scene.account.read(&scene.interfaces[1]).await.tags;
    assert_eq!(tags["quarantine-operator.dev/original-groups"], scene.groups["web"], "a person decides by them");
    approve(&scene).await;
    scene.desk.gone(CLAIM).await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;
}
