//! The calls to SQS, one function each, with the credentials of one account. What a message says, and when one may be
//! deleted, is decided elsewhere.
//!
//! Every call is sent once: a receive whose answer is lost counts towards the dead letters like any other, and what was
//! not deleted or kept comes again.

use super::call::{Clients, Session};
use super::convert::{missing, queue as convert};
use super::settings;
use crate::model::problem::Problem;
use crate::model::queue::{QueueMessage, QueueSight};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    MessageSystemAttributeName, QueueAttributeName,
};

/// What one call takes or gives ("ReceiveMessage" and "DeleteMessageBatch", Amazon SQS API Reference).
const MESSAGES: usize = 10;

const RECEIVE: &str = "sqs:ReceiveMessage";
/// The batches have no IAM actions of their own ("Actions, resources, and condition keys for Amazon SQS", Service
/// Authorization Reference).
const DELETE: &str = "sqs:DeleteMessage";
const KEEP: &str = "sqs:ChangeMessageVisibility";
const ATTRIBUTES: &str = "sqs:GetQueueAttributes";

/// SQS in one region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sqs {
    session: Session,
    reads: Client,
    receives: Client,
    changes: Client,
}

impl Sqs {
    pub(super) fn new(clients: &Clients, session: Session) -> Self {
        let changes = aws_sdk_sqs::config::Builder::from(&clients.changes).interceptor(clients.fence.clone());
        let receives = changes.clone().timeout_config(settings::timeouts_of_receives());
        Self {
            session,
            reads: Client::new(&clients.reads),
            receives: Client::from_conf(receives.build()),
            changes: Client::from_conf(changes.build()),
        }
    }

    /// Up to ten messages, as soon as there is one, or none after 20 seconds. They stay hidden from others for as long as
    /// the queue says. An asker that is dropped may leave messages hidden until then.
    pub async fn receive(&self, queue_url: &str) -> Result<Vec<QueueMessage>, Problem> {
        let call = self.receives.receive_message().queue_url(queue_url);
        let call = call.max_number_of_messages(MESSAGES as i32).wait_time_seconds(settings::LONG_POLL.as_secs() as i32);
        let call = call
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = self.session.call(RECEIVE, call.send()).await?;
        answer.messages().iter().map(convert::message).collect()
    }

    /// Deletes these messages, and answers the ids of those that were not: they come again. No messages: no call.
    ///
    /// Errors: as a call went; of more than ten messages, those before them may be deleted.
    pub async fn delete(&self, queue_url: &str, messages: &[QueueMessage]) -> Result<Vec<String>, Problem> {
        let mut left = Vec::new();
        for messages in messages.chunks(MESSAGES) {
            let entries = messages.iter().enumerate().map(|(place, message)| {
                let entry = DeleteMessageBatchRequestEntry::builder().id(place.to_string());
                entry.receipt_handle(&message.receipt).build().map_err(|_| missing("a receipt handle"))
            });
            let call = self.changes.delete_message_batch().queue_url(queue_url);
            let call = call.set_entries(Some(entries.collect::<Result<_, _>>()?));
            let answer = self.session.call(DELETE, call.send()).await?;
            left.extend(failed(DELETE, messages, answer.failed()));
        }
        Ok(left)
    }

    /// Keeps these messages hidden from others for so many seconds from now, 0 gives them back at once, and answers the
    /// ids of those for which that was refused. No messages: no call.
    ///
    /// Errors: as a call went; of more than ten messages, those before them may be kept.
    pub async fn keep(&self, queue_url: &str, messages: &[QueueMessage], seconds: u32) -> Result<Vec<String>, Problem> {
        let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
        let mut refused = Vec::new();
        for messages in messages.chunks(MESSAGES) {
            let entries = messages.iter().enumerate().map(|(place, message)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(place.to_string());
                let entry = entry.receipt_handle(&message.receipt).visibility_timeout(seconds);
                entry.build().map_err(|_| missing("a receipt handle"))
            });
            let call = self.changes.change_message_visibility_batch().queue_url(queue_url);
            let call = call.set_entries(Some(entries.collect::<Result<_, _>>()?));
            let answer = self.session.call(KEEP, call.send()).await?;
            refused.extend(failed(KEEP, messages, answer.failed()));
        }
        Ok(refused)
    }

    /// How the queue is set up, and about how full it is.
    ///
    /// Errors: Stop/QueueNotFound if there is none of that URL.
    pub async fn queue(&self, queue_url: &str) -> Result<QueueSight, Problem> {
        let call = self.reads.get_queue_attributes().queue_url(queue_url);
        let call = call.set_attribute_names(Some(vec![
            QueueAttributeName::VisibilityTimeout,
            QueueAttributeName::RedrivePolicy,
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
            QueueAttributeName::QueueArn,
            QueueAttributeName::Policy,
            QueueAttributeName::KmsMasterKeyId,
        ]));
        let answer = self.session.call(ATTRIBUTES, call.send()).await?;
        convert::sight(answer.attributes().ok_or_else(|| missing("a queue's attributes"))?)
    }
}

/// The ids of the messages that a batch failed for. Its entries are named by their place: a message can be in it twice.
fn failed(operation: &str, messages: &[QueueMessage], failed: &[BatchResultErrorEntry]) -> Vec<String> {
    let message = |entry: &BatchResultErrorEntry| messages.get(entry.id().parse::<usize>().ok()?);
    failed
        .iter()
        .filter_map(|entry| {
            let id = &message(entry)?.id;
            tracing::debug!(operation, id, code = entry.code(), said = entry.message(), "AWS refused a message");
            Some(id.clone())
        })
        .collect()
}
