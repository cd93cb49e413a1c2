//! Missing: queues, and what lets something be made of their messages.

use super::Stage;
use crate::findings::stage::{Queue, policy_of_queue};
use aws_sdk_sqs::types::QueueAttributeName;
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
async fn a_queue_that_event_bridge_cannot_write_to_is_named() {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    let queue = Queue::of(&stage.scene).await;
    stage.source(&queue.url, json!({})).await;
    stage.said().line(&["ok", "queue in", "EventBridge", "Nothing in its policy and encryption"]);

    queue.set(QueueAttributeName::KmsMasterKeyId, "alias/aws/sqs").await;
    stage.said().misses_only(&["queue in", "EventBridge", "alias/aws/sqs", "SqsManagedSseEnabled"]);
    queue.set(QueueAttributeName::KmsMasterKeyId, "arn:aws:kms:eu-central-1:111122223333:key/1234").await;
    let said = stage.said();
    assert_eq!(said.code, 0, "{}", said.text);
    said.line(&["ok", "EventBridge", "key/1234", "isn't asked"]);

    queue.set(QueueAttributeName::Policy, &policy_of_queue("sns.amazonaws.com")).await;
    stage.said().misses_only(&["queue in", "EventBridge", "Allow events.amazonaws.com sqs:SendMessage"]);
    queue.set(QueueAttributeName::Policy, "").await;
    stage.said().misses_only(&["queue in", "EventBridge", "Allow events.amazonaws.com sqs:SendMessage"]);
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
