//! What a source says in events: each thing that it is about has its own. An event that only counts others shows the note
//! of the first of them.

use crate::{e2e::scene::Scene, findings::stage::Queue, support::wait::until};
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use serde_json::json;

async fn scene() -> Scene {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene
}

/// Waits until one of the source's events of this reason shows these words.
pub(super) async fn shown(queue: &Queue<'_>, reason: &str, words: &str) {
    let events: Api<Event> = Api::all(queue.scene.desk.client.clone());
    until(&format!("an event shows {words:?}"), async || {
        let all = events.list(&ListParams::default()).await.expect("a list").items;
        let shows = |event: &Event| {
            let regarding = event.regarding.as_ref().and_then(|regarding| regarding.name.as_ref());
            regarding == Some(&queue.source)
                && event.reason.as_deref() == Some(reason)
                && event.note.as_ref().is_some_and(|note| note.contains(words))
        };
        all.iter().any(shows).then_some(())
    })
    .await;
}

#[tokio::test]
async fn each_message_that_cannot_be_read_is_shown_in_an_event_of_its_own() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let garbage: Vec<String> = (0..3).map(|number| format!("not event {number} of anybody")).collect();
    queue.read_by_source(json!({})).await;
    for garbage in &garbage {
        queue.send(garbage).await;
        // One after the other: events at one moment know nothing of each other.
        shown(&queue, "MessageUnreadable", garbage).await;
    }
}

#[tokio::test]
async fn each_quarantine_that_a_source_makes_is_named_in_an_event_of_its_own() {
    let scene = scene().await;
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    let instances = [scene.instance.clone(), other];
    for instance in &instances {
        queue.send(&queue.pressed(instance, instance, Timestamp::now())).await;
        shown(&queue, "QuarantineCreated", &queue.claim_of(instance)).await;
    }
}
