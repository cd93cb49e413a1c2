//! The object comes back from a backup without its status: into its own cluster, and into another one.

use super::{backed_up, ends_held_and_given_back, lose_the_object};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{Desk, condition, holds},
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
    },
};
use quarantine_operator::api::FINALIZER;
use serde_json::json;

const ORIGINALS: [&[&str]; 2] = [&["web"], &["app", "db"]];

#[tokio::test]
async fn restored_from_a_backup_without_status_into_the_same_cluster() {
    let scene = Scene::contained(&ORIGINALS).await;
    let lost = lose_the_object(&scene).await;
    let restored = scene.desk.claim(CLAIM, backed_up(&lost)).await;
    assert_ne!(restored.metadata.uid, lost.metadata.uid, "a restored object is a new one");
    ends_held_and_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn restored_from_a_backup_without_status_but_with_its_finalizer() {
    let scene = Scene::contained(&ORIGINALS).await;
    let lost = lose_the_object(&scene).await;
    let mut restored = json!({
        "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
        "metadata": {"name": CLAIM, "finalizers": [FINALIZER]}, "spec": backed_up(&lost),
    });
    restored["spec"]["className"] = json!(scene.desk.namespace);
    let restored = serde_json::from_value(restored).expect("a Quarantine");
    scene.desk.claims.create(&Default::default(), &restored).await.expect("accepted");
    ends_held_and_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn restored_from_a_backup_into_another_cluster() {
    let mut scene = Scene::contained(&ORIGINALS).await;
    let lost = lose_the_object(&scene).await;

    let stack = ground().await;
    scene.desk = Desk::open(client_of(&stack).await).await;
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    scene.class(json!({})).await;
    let before = scene.changes();
    let spec = json!({"target": backed_up(&lost)["target"]});
    scene.desk.claim(CLAIM, spec).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "HeldElsewhere").await;
    let message = &condition(&claim, "Ready").expect("said").message;
    assert!(message.contains("quarantine-operator.dev/adopt: \"true\""), "{message}");
    assert!(message.contains(lost.metadata.uid.as_deref().expect("a uid")), "it names the holder: {message}");
    assert!(holds(&claim, "Stalled") && claim.metadata.finalizers.is_none());
    assert_eq!(scene.changes(), before, "untouched");

    scene.desk.edit(CLAIM, json!({"metadata": {"annotations": {"quarantine-operator.dev/adopt": "true"}}})).await;
    ends_held_and_given_back(&scene, &ORIGINALS).await;
}
