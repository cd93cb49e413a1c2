//! What the operator knows of a queue and its messages, in plain types: no SDK, no client. `aws::sqs` fills them; what a
//! message says is `intake`'s business.

use jiff::Timestamp;

/// A message, as one receive gave it. The same message can come again, with another receipt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueMessage {
    pub id: String,
    /// Names this receive of the message: what deletes it, or keeps it hidden from others.
    pub receipt: String,
    pub body: String,
    pub sent_at: Option<Timestamp>,
    /// How often it was received, this time included: ApproximateReceiveCount. The queue counts it towards the dead
    /// letters.
    pub receives: u32,
}

/// How a queue is set up, and how full it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSight {
    pub arn: String,
    /// For how long a received message stays hidden from others.
    pub visibility_seconds: u32,
    pub dead_letters: Option<DeadLetters>,
    /// Messages that can be received, approximately.
    pub waiting: i64,
    /// Messages that were received and not yet deleted, approximately.
    pub in_flight: i64,
    /// Who may do what with it, as JSON. Absent: whom the account's own policies let.
    pub policy: Option<String>,
    /// The KMS key that it is encrypted with: an id, an ARN or an alias. Absent: none, or one that SQS manages.
    pub key: Option<String>,
}

impl QueueSight {
    /// The URL of the dead-letter queue: it lies where the queue lies ("Using dead-letter queues in Amazon SQS", Amazon SQS
    /// Developer Guide), so the URLs differ in the name alone.
    pub fn dead_letters_url(&self, queue_url: &str) -> Option<String> {
        let name = self.dead_letters.as_ref()?.arn.rsplit(':').next()?;
        let (place, _) = queue_url.rsplit_once('/')?;
        Some(format!("{place}/{name}"))
    }
}

/// Where the queue puts a message that was received too often: its redrive policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The dead-letter queue.
    pub arn: String,
    /// A message that was received so often goes there instead of being received again.
    pub max_receives: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dead_letters_lie_where_the_queue_lies() {
        let dead_letters =
            DeadLetters { arn: "arn:aws:sqs:eu-central-1:111122223333:dead".to_owned(), max_receives: 10 };
        let mut sight = QueueSight {
            arn: "arn:aws:sqs:eu-central-1:111122223333:findings".to_owned(),
            visibility_seconds: 60,
            dead_letters: Some(dead_letters),
            waiting: 0,
            in_flight: 0,
            policy: None,
            key: None,
        };
        let url = "https://sqs.eu-central-1.amazonaws.com/111122223333/findings";
        let dead = "https://sqs.eu-central-1.amazonaws.com/111122223333/dead";
        assert_eq!(sight.dead_letters_url(url).as_deref(), Some(dead));
        sight.dead_letters = None;
        assert_eq!(sight.dead_letters_url(url), None);
    }
}
