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
    /// For how long a received message stays hidden from others.
    pub visibility_seconds: u32,
    pub dead_letters: Option<DeadLetters>,
    /// Messages that can be received, approximately.
    pub waiting: i64,
    /// Messages that were received and not yet deleted, approximately.
    pub in_flight: i64,
}

/// Where the queue puts a message that was received too often: its redrive policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetters {
    /// The dead-letter queue.
    pub arn: String,
    /// A message that was received so often goes there instead of being received again.
    pub max_receives: u32,
}
