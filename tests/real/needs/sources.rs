//! Missing: queues, and what lets something be made of their messages.

use super::Stage;
use crate::findings::stage::Queue;
use serde_json::json;

#[tokio::test]
async fn a_queue_that_is_not_there_is_named() {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    let queue = Queue::of(&stage.scene).await;
    stage.source(&format!("{}-not", queue.url), json!({})).await;
    stage.said().misses_only(&["queue in", &stage.scene.account.id, "Check the queue's URL"]);
    stage.source(&queue.url, json!({})).await;
    let said = stage.said();
    assert_eq!(said.code, 0, "{}", said.text);
}

#[tokio::test]
async fn a_template_whose_namespace_or_class_is_not_there_is_named() {
    let stage = Stage::open().await;
    let scene = &stage.scene;
    scene.class(json!({"regions": ["eu-central-1"]})).await;
    let queue = Queue::of(scene).await;
    stage.source(&queue.url, json!({"template": {"namespace": "nowhere", "className": scene.desk.namespace}})).await;
    stage.said().misses_only(&["template", "There is no namespace nowhere"]);
    stage.source(&queue.url, json!({"template": {"namespace": scene.desk.namespace, "className": "no-class"}})).await;
    stage.said().misses_only(&["template", "There is no QuarantineClass no-class"]);
    stage.source(&queue.url, json!({"template": {"namespace": "default", "className": scene.desk.namespace}})).await;
    stage.said().misses_only(&["template", "doesn't select namespace default"]);
}
