//! SQS' types to `model::queue`. What a message says is not looked at.

use super::{missing, required};
use crate::model::problem::Problem;
use crate::model::queue::{DeadLetters, QueueMessage, QueueSight};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::HashMap;

/// From ReceiveMessage.
pub fn message(given: &Message) -> Result<QueueMessage, Problem> {
    let attribute = |name| given.attributes().and_then(|attributes| attributes.get(&name)).map(String::as_str);
    let sent = attribute(MessageSystemAttributeName::SentTimestamp).and_then(|text| text.parse().ok());
    let receives = attribute(MessageSystemAttributeName::ApproximateReceiveCount);
    Ok(QueueMessage {
        id: required("a message's id", given.message_id())?,
        receipt: required("a message's receipt handle", given.receipt_handle())?,
        body: given.body().unwrap_or_default().to_owned(),
        sent_at: sent.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok()),
        receives: number("a message's ApproximateReceiveCount", receives)?,
    })
}

/// From GetQueueAttributes.
pub fn sight(given: &HashMap<QueueAttributeName, String>) -> Result<QueueSight, Problem> {
    let attribute = |name| given.get(&name).map(String::as_str);
    Ok(QueueSight {
        arn: required("a queue's ARN", attribute(QueueAttributeName::QueueArn))?,
        visibility_seconds: number("a queue's VisibilityTimeout", attribute(QueueAttributeName::VisibilityTimeout))?,
        dead_letters: attribute(QueueAttributeName::RedrivePolicy).map(dead_letters).transpose()?,
        waiting: number(
            "a queue's ApproximateNumberOfMessages",
            attribute(QueueAttributeName::ApproximateNumberOfMessages),
        )?,
        in_flight: number(
            "a queue's ApproximateNumberOfMessagesNotVisible",
            attribute(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
        )?,
        // Where nothing is set, SQS leaves them out, or empty.
        policy: given.get(&QueueAttributeName::Policy).filter(|policy| !policy.is_empty()).cloned(),
        key: given.get(&QueueAttributeName::KmsMasterKeyId).filter(|key| !key.is_empty()).cloned(),
    })
}

/// A redrive policy is JSON; its maxReceiveCount is a number or, as some tools write it, a string ("SetQueueAttributes",
/// Amazon SQS API Reference).
fn dead_letters(policy: &str) -> Result<DeadLetters, Problem> {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let max_receives = match &policy["maxReceiveCount"] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    Ok(DeadLetters {
        arn: required("the ARN of a dead-letter queue", policy["deadLetterTargetArn"].as_str())?,
        max_receives: number("a redrive policy's maxReceiveCount", max_receives.as_deref())?,
    })
}

fn number<N: std::str::FromStr>(what: &str, text: Option<&str>) -> Result<N, Problem> {
    text.and_then(|text| text.parse().ok()).ok_or_else(|| missing(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redrive_policy_tells_its_count_as_a_number_or_a_string() {
        for count in ["5", "\"5\""] {
            let policy = format!(r#"{{"deadLetterTargetArn":"arn:aws:sqs:r:1:dead","maxReceiveCount":{count}}}"#);
            let expected = DeadLetters { arn: "arn:aws:sqs:r:1:dead".to_owned(), max_receives: 5 };
            assert_eq!(dead_letters(&policy), Ok(expected));
        }
    }

    #[test]
    fn a_message_without_its_receive_count_is_a_problem_and_not_a_first_receive() {
        let problem = message(&Message::builder().message_id("1").receipt_handle("r").build()).unwrap_err();
        assert!(problem.message.contains("ApproximateReceiveCount"), "{problem}");
    }

    #[test]
    fn a_message_tells_when_it_was_sent_and_how_often_it_came() {
        let given = Message::builder()
            .message_id("1")
            .receipt_handle("r")
            .attributes(MessageSystemAttributeName::SentTimestamp, "1700000000123")
            .attributes(MessageSystemAttributeName::ApproximateReceiveCount, "3");
        let message = message(&given.build()).unwrap();
        assert_eq!(message.sent_at, Some(Timestamp::from_millisecond(1_700_000_000_123).unwrap()));
        assert_eq!(message.receives, 3);
    }
}
