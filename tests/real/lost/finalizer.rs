//! The finalizer is taken off by hand.

use super::{backed_up, check, clear, is_tagged, lose_the_object, taken_over_from_tags};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
        wait::until,
    },
};
use serde_json::json;

const ORIGINALS: [&[&str]; 2] = [&["web"], &["app", "db"]];

#[tokio::test]
async fn finalizer_stripped_while_held() {
    let scene = Scene::contained(&ORIGINALS).await;
    strip_and_wait(&scene).await;
    scene.delete_and_wait().await;
    crate::meant::is_given_back(&scene, &ORIGINALS).await;
}

#[tokio::test]
async fn finalizer_stripped_while_suspended() {
    let scene = Scene::contained(&ORIGINALS).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    strip_and_wait(&scene).await;
}

#[tokio::test]
async fn finalizer_stripped_while_held_is_put_back_at_once() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &ORIGINALS).await;
    // Longer than anything here waits: only the change itself can wake the operator.
    let _operator = Process::start_with(&stack, OPERATOR_ACCOUNT, &[("QUARANTINE_RESYNC_SECONDS", "300")]);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    // The last that it does before it rests.
    is_tagged(&scene).await;
    strip_and_wait(&scene).await;
    scene.delete_and_wait().await;
}

async fn strip_and_wait(scene: &Scene) {
    scene.desk.edit(CLAIM, json!({"metadata": {"finalizers": null}})).await;
    until("the finalizer is back", async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("still there");
        claim.has_finalizer().then_some(())
    })
    .await;
}

#[tokio::test]
async fn finalizer_stripped_and_object_deleted() {
    let stack = ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    clear(&desk).await;
    let scene = Scene::on(desk, &ORIGINALS).await;
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    scene.class(json!({"regions": ["eu-central-1"]})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    let lost = lose_the_object(&scene).await;

    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 1, "{said}");
    for (interface, names) in scene.interfaces.iter().zip(ORIGINALS) {
        let line = said.lines().find(|line| line.contains(interface)).expect("each interface is listed");
        assert!(names.iter().all(|name| line.contains(&scene.groups[*name])), "with its originals: {line}");
        assert!(line.contains(&format!("Create a Quarantine for {}", scene.instance)), "and what to do: {line}");
    }

    // A new one for the instance takes the records over, and then nothing is left over.
    scene.desk.claim(CLAIM, backed_up(&lost)).await;
    taken_over_from_tags(&scene).await;
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 0, "{said}");
    super::ends_held_and_given_back(&scene, &ORIGINALS).await;
}
