//! What stands in a FindingSource's way, and what a person reads who pressed its custom action in vain.

use crate::{
    e2e::scene::Scene,
    findings::stage::{ACTION, Queue, finding_id, informed, of_resources, policy_of_queue},
    support::wait::until,
    wire::{
        emulator::{calls, fail, mend},
        hub::Hub,
    },
};
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{Api, api::ListParams};
use quarantine_operator::api::ConditionStatus;
use serde_json::{Value, json};

async fn scene() -> Scene {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene
}

/// Waits until the source isn't Ready for this reason. Its message holds these words, and says whether a person must act.
async fn stands(queue: &Queue<'_>, reason: &str, words: &[&str], stalled: bool) {
    let ready = queue.says("False", reason).await;
    for word in words {
        assert!(ready.message.contains(word), "{word}: {}", ready.message);
    }
    let progress = if stalled { "Stalled" } else { "Reconciling" };
    let said = queue.status().await.conditions.into_iter().find(|condition| condition.type_ == progress);
    let said = said.unwrap_or_else(|| panic!("{progress} is said"));
    assert_eq!((said.status, said.reason.as_str()), (ConditionStatus::True, reason));
}

/// Waits for an event of that reason on the source.
async fn event(queue: &Queue<'_>, reason: &str) -> String {
    let events: Api<Event> = Api::all(queue.scene.desk.client.clone());
    until(&format!("an event of {} says {reason}", queue.source), async || {
        let all = events.list(&ListParams::default()).await.expect("a list").items;
        let of_source = |event: &&Event| {
            event.regarding.as_ref().and_then(|regarding| regarding.name.as_ref()) == Some(&queue.source)
                && event.reason.as_deref() == Some(reason)
        };
        all.iter().find(of_source).and_then(|event| event.note.clone())
    })
    .await
}

/// The source is written anew each time, so that the queue is looked at now and not within a minute.
#[tokio::test]
async fn a_queue_that_event_bridge_cannot_write_to_is_told_while_what_is_in_it_is_received() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let look_again = async |seconds: u32| queue.read_by_source(json!({"maxEventAgeSeconds": seconds})).await;
    queue.set(QueueAttributeName::KmsMasterKeyId, "alias/aws/sqs").await;
    look_again(3_601).await;
    stands(&queue, "QueueNotWritable", &["alias/aws/sqs", "EventBridge may not use", "SqsManagedSseEnabled"], true)
        .await;
    queue.set(QueueAttributeName::KmsMasterKeyId, "").await;
    look_again(3_602).await;
    queue.says("True", "Receiving").await;
    queue.set(QueueAttributeName::Policy, &policy_of_queue("sns.amazonaws.com")).await;
    look_again(3_603).await;
    stands(&queue, "QueueNotWritable", &["Allow events.amazonaws.com sqs:SendMessage"], true).await;
    queue.send(&queue.pressed("sent-by-hand", &scene.instance, Timestamp::now())).await;
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    stands(&queue, "QueueNotWritable", &[], true).await;
    queue.set(QueueAttributeName::Policy, &policy_of_queue("events.amazonaws.com")).await;
    look_again(3_604).await;
    queue.says("True", "Receiving").await;
    queue.delete_source().await;
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_named_and_the_right_one_is_read() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({"queueUrl": format!("{}-of-nobody", queue.url)})).await;
    stands(&queue, "QueueNotFound", &["Check the queue's URL", "region", "policy"], true).await;
    queue.read_by_source(json!({})).await;
    queue.says("True", "Receiving").await;
}

#[tokio::test]
async fn a_queue_whose_key_lets_nobody_read_names_the_right_that_is_missing_and_loses_nothing() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let how = json!({"code": "KMS.AccessDeniedException", "message": "The ciphertext refers to a key that you may not use.",
        "times": -1});
    let fault = fail(&scene.account.id, "ReceiveMessage", how);
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    queue.read_by_source(json!({})).await;
    stands(&queue, "QueueRefused", &["sqs:ReceiveMessage", "Allow kms:Decrypt on the queue's key"], true).await;
    assert_eq!((queue.left(&queue.url).await, queue.claims().await.len()), ((1, 0), 0));
    mend(&fault);
    queue.says("True", "Receiving").await;
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
}

#[tokio::test]
async fn where_security_hub_has_no_room_for_a_custom_action_it_is_said_until_one_is_deleted() {
    let scene = scene().await;
    let hub = Hub::of(&scene.account.id).await;
    let name = |n: usize| format!("Other{n}");
    for n in 0..50 {
        let call = hub.owner.create_action_target().id(name(n)).name(name(n)).description("Something else");
        call.send().await.expect("there is room for 50");
    }
    let queue = Queue::of(&scene).await;
    let action = json!({"id": ACTION, "name": "Quarantine", "description": "Cuts it off"});
    queue.read_by_source(json!({"customAction": action})).await;
    stands(&queue, "CustomActionRefused", &["Delete a custom action", "room for 50"], false).await;
    assert_eq!(queue.status().await.custom_action_arn, None, "there is none yet");
    let one = queue.action().replace(ACTION, &name(0));
    hub.owner.delete_action_target().action_target_arn(one).send().await.expect("the owner may do that");
    queue.says("True", "Receiving").await;
    assert!(hub.hub.custom_action(&queue.action()).await.expect("a read").is_some());
}

#[tokio::test]
async fn a_person_who_presses_on_a_finding_without_an_instance_reads_on_the_finding_that_none_was_cut_off() {
    let scene = scene().await;
    let hub = Hub::of(&scene.account.id).await;
    let nobody = json!([{"Type": "AwsAccount", "Id": format!("AWS::::Account:{}", scene.account.id)}]);
    hub.import([of_resources(&hub, &scene, "nobody", nobody.clone())]);
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    let mut pressed: Value =
        serde_json::from_str(&queue.pressed("nobody", &scene.instance, Timestamp::now())).expect("an event is JSON");
    pressed["detail"]["findings"][0]["Resources"] = nobody;
    let before = scene.changes();
    queue.send(&pressed.to_string()).await;
    let said = event(&queue, "FindingIgnored").await;
    let id = finding_id(&scene, "nobody");
    assert!(said.contains(&id), "{said}");
    let note = until("the finding says so", async || hub.read(&id)["Note"]["Text"].as_str().map(str::to_owned)).await;
    assert!(note.contains("No instance was cut off for this finding"), "{note}");
    queue.is_empty().await;
    // A message comes again whose finding could not be told in time, and is counted again.
    until("it is counted, and told no more often", async || {
        let counted = queue.status().await.counters.without_instance;
        let told = calls(&scene.account.id, "BatchUpdateFindings").len();
        (told > 0 && i64::try_from(told).expect("few") <= counted).then_some(())
    })
    .await;
    assert_eq!((queue.claims().await.len(), scene.changes()), (0, before));
}

#[tokio::test]
async fn a_finding_of_an_instance_that_a_person_has_contained_already_joins_theirs_and_an_event_says_so() {
    let scene = scene().await;
    let queue = Queue::of(&scene).await;
    let name = queue.claim_of(&scene.instance);
    scene.desk.claim(&name, scene.spec(json!({}))).await;
    scene.desk.contained(&name).await;
    queue.read_by_source(json!({})).await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    let said = event(&queue, "FindingJoined").await;
    assert!(said.contains(&name) && said.contains("wasn't made by this source, and is joined"), "{said}");
    queue.is_empty().await;
    let claims = queue.claims().await;
    assert_eq!(claims.iter().map(informed).collect::<Vec<_>>(), [["one"]]);
}
