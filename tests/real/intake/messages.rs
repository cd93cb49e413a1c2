//! What a burst consists of: a finding about each instance, some of them twice, and garbage between them.

use crate::findings::stage::Queue;
use jiff::Timestamp;
use serde_json::{Value, json};

/// How a burst is made up.
#[derive(Clone, Copy)]
pub struct Recipe {
    pub messages: usize,
    pub duplicates: usize,
    pub garbage: usize,
}

impl Recipe {
    /// Of so many messages 10 % are duplicates and 5 % garbage.
    pub const fn of(messages: usize) -> Self {
        Self { messages, duplicates: messages / 10, garbage: messages / 20 }
    }

    /// The same of so many as BURST_MESSAGES says.
    pub fn asked_for(otherwise: usize) -> Self {
        match std::env::var("BURST_MESSAGES") {
            Ok(messages) => Self::of(messages.parse().expect("BURST_MESSAGES is a number")),
            Err(_) => Self::of(otherwise),
        }
    }

    pub const fn instances(self) -> usize {
        self.messages - self.duplicates - self.garbage
    }
}

/// The bodies, in the order in which they are sent.
pub struct Messages {
    pub bodies: Vec<String>,
    /// Those of them that nobody can read, sorted.
    pub garbage: Vec<String>,
}

impl Messages {
    /// One about each instance, some of them twice, the garbage between them.
    pub fn of(queue: &Queue<'_>, recipe: Recipe, instances: &[String]) -> Self {
        assert_eq!(instances.len(), recipe.instances());
        let at = Timestamp::now();
        let good: Vec<String> = instances.iter().map(|id| queue.pressed(id, id, at)).collect();
        let mut garbage: Vec<String> = (0..recipe.garbage).map(|number| garbage(number, &good[number])).collect();
        // Backwards, so that some come at once with what they repeat, some long before or after it.
        let mut repeated: Vec<String> = good.iter().step_by(good.len() / recipe.duplicates).cloned().collect();
        repeated.truncate(recipe.duplicates);
        repeated.reverse();
        let bodies = mixed(&[&good, &repeated, &garbage]);
        assert_eq!(bodies.len(), recipe.messages);
        garbage.sort();
        Self { bodies, garbage }
    }
}

/// Each list keeps its order and is spread over the whole.
fn mixed(lists: &[&[String]]) -> Vec<String> {
    let mut placed: Vec<(usize, usize, &String)> = Vec::new();
    for (list, bodies) in lists.iter().enumerate() {
        // Twice the place in the middle of its share, in units that all lists have in common.
        let share = |number: usize| (2 * number + 1) * 1_000_000 / bodies.len().max(1);
        placed.extend(bodies.iter().enumerate().map(|(number, body)| (share(number), list, body)));
    }
    placed.sort();
    placed.into_iter().map(|(_, _, body)| body.clone()).collect()
}

/// What no version of the operator may take for a finding: each piece differs from all others.
fn garbage(number: usize, good: &str) -> String {
    match number % 5 {
        0 => format!("not an event of anybody, number {number}"),
        1 => good.chars().take(good.chars().count() / 2).collect(),
        2 => {
            // The finding without its envelope.
            let mut event: Value = serde_json::from_str(good).expect("an event is JSON");
            event["detail"]["number"] = json!(number);
            event["detail"].to_string()
        }
        3 => json!({"Type": "Notification", "MessageId": number, "Message": good}).to_string(),
        _ => {
            let mut event: Value = serde_json::from_str(good).expect("an event is JSON");
            event["detail"]["findings"][0]["AwsAccountId"] = json!(number);
            event.to_string()
        }
    }
}
