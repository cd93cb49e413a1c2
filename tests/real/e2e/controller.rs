//! The operator as a process: events, malformed objects, SIGTERM.

use super::scene::{CLAIM, Scene};
use crate::support::claims::status;
use crate::support::wait::until;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use quarantine_operator::api::InterfaceState;
use serde_json::json;

async fn events(scene: &Scene) -> Vec<(String, String)> {
    let events: Api<Event> = Api::namespaced(scene.desk.client.clone(), &scene.desk.namespace);
    let list = events.list(&ListParams::default()).await.expect("events");
    list.items.into_iter().map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default())).collect()
}

#[tokio::test]
async fn each_transition_is_one_event_and_carries_the_responders_reason() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene.claim(json!({"reason": "IR-2026-041"})).await;
    scene.desk.contained(CLAIM).await;
    until("the event Contained", async || {
        events(&scene).await.iter().any(|(reason, _)| reason == "Contained").then_some(())
    })
    .await;
    let other = scene.account.group(&scene.subnet, "other").await;
    for (corrections, group) in [(1, &scene.groups["web"]), (2, &other)] {
        scene.set(&scene.interfaces[0], std::slice::from_ref(group)).await;
        until("the event DriftCorrected with this drift's own words", async || {
            let seen = events(&scene).await;
            seen.iter().any(|(reason, note)| reason == "DriftCorrected" && note.contains(group)).then_some(())
        })
        .await;
        // What drifts before the correction is read back is no further drift: the same correction is sent once more.
        until("the correction is read back", async || {
            let claim = scene.desk.contained(CLAIM).await;
            let status = status(&claim);
            let isolated = status.interfaces.iter().all(|record| record.state == InterfaceState::Isolated);
            (isolated && status.corrections == corrections).then_some(())
        })
        .await;
    }
    scene.delete_and_wait().await;
    let seen = until("the event Released", async || {
        let seen = events(&scene).await;
        seen.iter().any(|(reason, _)| reason == "Released").then_some(seen)
    })
    .await;
    for (reason, times) in [("Contained", 3), ("DriftCorrected", 2), ("Released", 1)] {
        assert_eq!(seen.iter().filter(|(known, _)| known == reason).count(), times, "{reason}: {seen:?}");
    }
    assert!(seen.iter().all(|(_, note)| note.contains("IR-2026-041")), "{seen:?}");
}
