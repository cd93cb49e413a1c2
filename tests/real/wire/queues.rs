//! Receiving, keeping and deleting messages, how a queue is seen, and what errors become.

use super::account::{REGION, config, credentials, fresh_id, place};
use super::emulator::{calls, endpoint, fail};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use jiff::Timestamp;
use quarantine_operator::{
    api::Reason,
    aws::{Sessions, Sqs},
    model::{
        problem::{Disposition, Problem},
        queue::{DeadLetters, QueueMessage, QueueSight},
    },
};
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const RECEIVE: &str = "ReceiveMessage";
const DELETE: &str = "DeleteMessageBatch";
const KEEP: &str = "ChangeMessageVisibilityBatch";

/// An account with a queue, seen as the person who owns it (`owner`) and as the operator (`sqs`).
struct Post {
    id: String,
    url: String,
    owner: Client,
    sqs: Sqs,
}

impl Post {
    async fn fresh() -> Self {
        Self::with([]).await
    }

    async fn with<const N: usize>(attributes: [(QueueAttributeName, &str); N]) -> Self {
        let id = fresh_id();
        let config = config(&endpoint(), credentials(&id)).await;
        let sqs = Sessions::new(config.clone()).sqs(&place(&id)).await.expect("its own account opens");
        let owner = Client::new(&config);
        let attributes = attributes.map(|(name, value)| (name, value.to_owned()));
        let call = owner.create_queue().queue_name("findings").set_attributes(Some(HashMap::from(attributes)));
        let url = call.send().await.expect("a queue is made").queue_url().expect("a queue has a URL").to_owned();
        Self { id, url, owner, sqs }
    }

    async fn send(&self, bodies: impl IntoIterator<Item = String>) {
        let entries: Vec<_> = bodies
            .into_iter()
            .enumerate()
            .map(|(place, body)| {
                SendMessageBatchRequestEntry::builder()
                    .id(place.to_string())
                    .message_body(body)
                    .build()
                    .expect("id and body are there")
            })
            .collect();
        for entries in entries.chunks(10) {
            let call = self.owner.send_message_batch().queue_url(&self.url).set_entries(Some(entries.to_vec()));
            assert_eq!(call.send().await.expect("messages are sent").failed(), []);
        }
    }

    /// So many messages, sent and received.
    async fn received(&self, count: usize) -> Vec<QueueMessage> {
        self.send((0..count).map(|number| format!("message {number}"))).await;
        let mut received = Vec::new();
        while received.len() < count {
            received.extend(self.sqs.receive(&self.url).await.expect("messages are received"));
        }
        received
    }

    async fn sight(&self) -> QueueSight {
        self.sqs.queue(&self.url).await.expect("the queue is read")
    }
}

#[tokio::test]
async fn a_message_tells_its_body_when_it_was_sent_and_how_often_it_was_received() {
    let post = Post::fresh().await;
    let before = Timestamp::now();
    post.send(["{\"a\": \"ä\"}".to_owned()]).await;
    let first = post.sqs.receive(&post.url).await.unwrap().remove(0);
    assert_eq!((first.body.as_str(), first.receives), ("{\"a\": \"ä\"}", 1));
    let sent_at = first.sent_at.expect("a time");
    assert!(sent_at.as_millisecond() >= before.as_millisecond() && sent_at <= Timestamp::now(), "{sent_at}");

    assert_eq!(post.sqs.keep(&post.url, std::slice::from_ref(&first), 0).await, Ok(vec![]));
    let again = post.sqs.receive(&post.url).await.unwrap().remove(0);
    assert_eq!((&again.id, again.receives), (&first.id, 2));
}

#[tokio::test]
async fn a_receive_gives_ten_messages_at_most() {
    let post = Post::fresh().await;
    post.send((0..12).map(|number| number.to_string())).await;
    assert_eq!(post.sqs.receive(&post.url).await.unwrap().len(), 10);
    assert_eq!(post.sqs.receive(&post.url).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_receive_waits_for_a_message_and_ends_when_one_comes() {
    let post = Post::fresh().await;
    const LATE: Duration = Duration::from_millis(2_000);
    fail(&post.id, "SendMessageBatch", json!({"kind": "delay", "delayMs": LATE.as_millis() as u64}));
    let began = Instant::now();
    let (received, ()) = tokio::join!(post.sqs.receive(&post.url), post.send(["late".to_owned()]));
    assert_eq!(received.unwrap().remove(0).body, "late");
    assert!(began.elapsed() >= LATE && began.elapsed() < Duration::from_secs(18), "{:?}", began.elapsed());
    assert_eq!(calls(&post.id, RECEIVE).len(), 1);
}

#[tokio::test]
async fn a_receive_from_an_empty_queue_waits_for_twenty_seconds_and_is_no_error() {
    let post = Post::fresh().await;
    let began = Instant::now();
    assert_eq!(post.sqs.receive(&post.url).await, Ok(vec![]));
    assert!(began.elapsed() >= Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(calls(&post.id, RECEIVE).len(), 1);
}

#[tokio::test]
async fn a_receive_whose_answer_is_lost_is_not_sent_again() {
    let post = Post::fresh().await;
    post.send(["once".to_owned()]).await;
    fail(&post.id, RECEIVE, json!({"kind": "drop", "when": "after"}));
    let problem = post.sqs.receive(&post.url).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!(calls(&post.id, RECEIVE).len(), 1);
    assert_eq!(post.sight().await.in_flight, 1);
}

#[tokio::test]
async fn deleted_messages_are_gone_also_more_than_a_call_takes() {
    let post = Post::fresh().await;
    let received = post.received(12).await;
    assert_eq!(post.sqs.delete(&post.url, &received).await, Ok(vec![]));
    let QueueSight { waiting, in_flight, .. } = post.sight().await;
    assert_eq!((waiting, in_flight), (0, 0));
    let sizes: Vec<_> =
        calls(&post.id, DELETE).iter().map(|call| call["params"]["Entries"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [10, 2]);
}

#[tokio::test]
async fn a_message_that_cannot_be_deleted_is_named_and_holds_up_none_of_the_others() {
    let post = Post::fresh().await;
    let mut received = post.received(2).await;
    received[0].receipt = "no-such-receipt".to_owned();
    assert_eq!(post.sqs.delete(&post.url, &received).await, Ok(vec![received[0].id.clone()]));
    let QueueSight { waiting, in_flight, .. } = post.sight().await;
    assert_eq!(waiting + in_flight, 1);
}

#[tokio::test]
async fn a_message_that_is_kept_stays_hidden_while_others_come_again() {
    let post = Post::with([(QueueAttributeName::VisibilityTimeout, "2")]).await;
    let received = post.received(2).await;
    assert_eq!(post.sqs.keep(&post.url, &received[..1], 600).await, Ok(vec![]));
    let again = post.sqs.receive(&post.url).await.unwrap();
    assert_eq!(again.iter().map(|message| &message.id).collect::<Vec<_>>(), [&received[1].id]);
    assert_eq!(post.sight().await.in_flight, 2);
}

#[tokio::test]
async fn a_message_that_cannot_be_kept_is_named_and_holds_up_none_of_the_others() {
    let post = Post::fresh().await;
    let received = post.received(12).await;
    post.sqs.delete(&post.url, &received[..1]).await.unwrap();
    assert_eq!(post.sqs.keep(&post.url, &received, 0).await, Ok(vec![received[0].id.clone()]));
    assert_eq!(post.sight().await.waiting, 11);
    assert_eq!(calls(&post.id, KEEP).len(), 2);
}

#[tokio::test]
async fn no_messages_are_no_calls() {
    let post = Post::fresh().await;
    assert_eq!(post.sqs.delete(&post.url, &[]).await, Ok(vec![]));
    assert_eq!(post.sqs.keep(&post.url, &[], 60).await, Ok(vec![]));
    assert!(calls(&post.id, DELETE).is_empty() && calls(&post.id, KEEP).is_empty());
}

#[tokio::test]
async fn a_queue_tells_how_it_is_set_up_and_how_full_it_is() {
    let post = Post::with([(QueueAttributeName::VisibilityTimeout, "120")]).await;
    let empty = QueueSight {
        arn: format!("arn:aws:sqs:{REGION}:{}:findings", post.id),
        visibility_seconds: 120,
        dead_letters: None,
        waiting: 0,
        in_flight: 0,
        policy: None,
        key: None,
    };
    assert_eq!(post.sight().await, empty);

    let dead = post.owner.create_queue().queue_name("dead").send().await.expect("a queue is made");
    let arn = post.owner.get_queue_attributes().queue_url(dead.queue_url().expect("a queue has a URL"));
    let arn = arn.attribute_names(QueueAttributeName::QueueArn).send().await.expect("it is read");
    let arn = arn.attributes().expect("attributes")[&QueueAttributeName::QueueArn].clone();
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 5}).to_string();
    let call = post.owner.set_queue_attributes().queue_url(&post.url);
    call.attributes(QueueAttributeName::RedrivePolicy, policy).send().await.expect("it is set");
    post.received(1).await;
    post.send((0..2).map(|number| number.to_string())).await;
    let dead_letters = Some(DeadLetters { arn, max_receives: 5 });
    assert_eq!(post.sight().await, QueueSight { dead_letters, waiting: 2, in_flight: 1, ..empty });
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_what_every_call_says() {
    let post = Post::fresh().await;
    let messages = post.received(1).await;
    let url = post.url.replace("findings", "elsewhere");
    for outcome in [
        post.sqs.receive(&url).await.map(drop),
        post.sqs.delete(&url, &messages).await.map(drop),
        post.sqs.keep(&url, &messages, 60).await.map(drop),
        post.sqs.queue(&url).await.map(drop),
    ] {
        let problem = outcome.unwrap_err();
        assert_eq!(outline(&problem), (Disposition::Stop, Reason::QueueNotFound), "{problem}");
        assert!(problem.message.contains("Check the queue's URL"), "{problem}");
    }
}

#[tokio::test]
async fn another_accounts_queue_that_lets_nobody_in_names_the_right_that_is_missing() {
    let (ours, theirs) = (Post::fresh().await, Post::fresh().await);
    theirs.send(["secret".to_owned()]).await;
    let problem = ours.sqs.receive(&theirs.url).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::AccessDenied), "{problem}");
    assert!(problem.message.contains("Allow sqs:ReceiveMessage"), "{problem}");
}

#[tokio::test]
async fn a_key_that_may_not_be_used_is_named_as_what_is_in_the_way() {
    let post = Post::fresh().await;
    fail(&post.id, RECEIVE, json!({"code": "KMS.AccessDeniedException", "status": 400}));
    let problem = post.sqs.receive(&post.url).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::QueueRefused));
    assert!(problem.message.contains("kms:Decrypt"), "{problem}");
}

#[tokio::test]
async fn a_throttled_receive_is_left_to_the_backoff() {
    let post = Post::fresh().await;
    fail(&post.id, RECEIVE, json!({"code": "RequestThrottled", "status": 400, "times": 9}));
    let problem = post.sqs.receive(&post.url).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::Throttled));
    assert_eq!(calls(&post.id, RECEIVE).len(), 1);
}

#[tokio::test]
async fn a_look_at_a_queue_that_was_cut_off_once_is_sent_again_and_succeeds() {
    let post = Post::fresh().await;
    fail(&post.id, "GetQueueAttributes", json!({"kind": "drop"}));
    assert_eq!(post.sight().await.waiting, 0);
    assert_eq!(calls(&post.id, "GetQueueAttributes").len(), 2);
}

#[tokio::test]
async fn a_delete_whose_answer_is_lost_is_not_sent_again_though_it_was_made() {
    let post = Post::fresh().await;
    let received = post.received(1).await;
    fail(&post.id, DELETE, json!({"kind": "drop", "when": "after"}));
    let problem = post.sqs.delete(&post.url, &received).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!(calls(&post.id, DELETE).len(), 1);
    let QueueSight { waiting, in_flight, .. } = post.sight().await;
    assert_eq!((waiting, in_flight), (0, 0));
}

fn outline(problem: &Problem) -> (Disposition, Reason) {
    (problem.disposition, problem.reason)
}
