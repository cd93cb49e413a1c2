//! Each state of a Quarantine and of a FindingSource, as GitOps tools read it.

use super::health::{Health, health};
use crate::{
    e2e::scene::{CLAIM, Scene},
    findings::stage::Queue,
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
        stack,
    },
};
use serde_json::json;

/// How the scene's Quarantine stands on the shared stack.
fn of(scene: &Scene) -> Health {
    health(stack().kubectl(), "quarantine", CLAIM, &scene.desk.namespace)
}

#[tokio::test]
async fn a_contained_quarantine_is_current_and_healthy() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.says(CLAIM, "Ready", "True", "Contained").await;
    of(&scene).is("Current", "Healthy", "Contained: ");
}

#[tokio::test]
async fn a_quarantine_that_waits_for_a_change_elsewhere_is_in_progress_and_progressing() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"securityGroup": {"id": "sg-0123456789abcdef0"}})).await;
    scene.claim(json!({})).await;
    scene.desk.says(CLAIM, "Ready", "False", "GroupNotFound").await;
    of(&scene).is("InProgress", "Progressing", "GroupNotFound: ");
}

#[tokio::test]
async fn a_quarantine_on_which_a_person_must_act_is_failed_and_degraded() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"regions": ["us-west-2"]})).await;
    scene.claim(json!({})).await;
    scene.desk.says(CLAIM, "Ready", "False", "RegionNotAllowed").await;
    of(&scene).is("Failed", "Degraded", "RegionNotAllowed: ");
}

#[tokio::test]
async fn a_dry_run_is_current_and_healthy_once_it_is_told() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene.claim(json!({"mode": "DryRun"})).await;
    scene.desk.says(CLAIM, "Ready", "True", "DryRun").await;
    of(&scene).is("Current", "Healthy", "DryRun: ");
}

#[tokio::test]
async fn a_suspended_quarantine_is_current_and_suspended() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene.claim(json!({"suspend": true})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    of(&scene).is("Current", "Suspended", "Suspended: ");
}

/// A release that waits for a person is no failure to either: only the alert QuarantineReleaseWaitsForApproval tells.
#[tokio::test]
async fn a_quarantine_whose_release_is_held_is_terminating_and_progressing() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"releaseApproval": "Always"})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    scene.desk.delete(CLAIM).await;
    scene.desk.says(CLAIM, "Ready", "False", "ReleaseHeld").await;
    of(&scene).is("Terminating", "Progressing", "Pending deletion");
}

#[tokio::test]
async fn objects_that_no_operator_has_looked_at_are_in_progress_and_progressing_and_a_class_is_in_force_at_once() {
    let ground = ground().await;
    let scene = Scene::on(Desk::open(client_of(&ground).await).await, &[&["web"]]).await;
    let namespace = scene.desk.namespace.clone();
    let health = |kind, name| health(ground.kubectl(), kind, name, &namespace);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    health("quarantine", CLAIM).is("InProgress", "Progressing", "hasn't looked at it yet");
    health("findingsource", &queue.source).is("InProgress", "Progressing", "hasn't looked at it yet");
    health("quarantineclass", &namespace).is("Current", "Healthy", "In force.");

    let mut operator = Process::start(&ground, OPERATOR_ACCOUNT);
    scene.desk.says(CLAIM, "Ready", "True", "Contained").await;
    queue.says("True", "Receiving").await;
    health("quarantine", CLAIM).is("Current", "Healthy", "Contained: ");
    health("findingsource", &queue.source).is("Current", "Healthy", "Receiving: ");
    health("quarantineclass", &namespace).is("Current", "Healthy", "In force.");
    operator.terminate();
    assert!(operator.ended().await.success());
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    health("quarantine", CLAIM).is("InProgress", "Progressing", "hasn't looked at it yet");

    drop(operator);
    let _operator = Process::start(&ground, OPERATOR_ACCOUNT);
    let gone = format!("{}-gone", queue.url);
    queue.read_by_source(json!({"queueUrl": gone})).await;
    queue.says("False", "QueueNotFound").await;
    health("findingsource", &queue.source).is("Failed", "Degraded", "QueueNotFound: ");
    queue.delete_source().await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    scene.delete_and_wait().await;
}
