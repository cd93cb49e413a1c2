//! What a burst took: printed for people, asserted by nobody.

use super::{stage::Burst, witness::Seen};
use crate::wire::emulator::calls;
use serde_json::Value;
use std::{
    collections::{BTreeMap, HashMap},
    io::Write as _,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// What the operator asks SQS. The queue's attributes are read by the tests, too.
const SQS: [&str; 3] = ["ReceiveMessage", "DeleteMessageBatch", "ChangeMessageVisibilityBatch"];

/// When a burst begins, by both clocks.
#[derive(Clone, Copy)]
pub struct Begin {
    pub at: Instant,
    pub epoch: f64,
}

impl Begin {
    pub fn now() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
        Self { at: Instant::now(), epoch }
    }
}

/// Prints them. `taken`: when the queue took each body.
pub fn print(what: &str, burst: &Burst<'_>, begin: Begin, taken: &HashMap<String, Instant>) {
    let Seen { made, contained } = burst.witness.seen();
    let of_claim: BTreeMap<String, Instant> = burst
        .ground
        .instances()
        .iter()
        .filter_map(|id| {
            let finding = format!("finding/{id}");
            let first = burst.messages.bodies.iter().find(|body| body.contains(&finding))?;
            Some((burst.queue.claim_of(id), *taken.get(first)?))
        })
        .collect();
    let took = |seen: &HashMap<String, Instant>| {
        let mut took: Vec<Duration> =
            of_claim.iter().filter_map(|(name, sent)| Some(seen.get(name)?.saturating_duration_since(*sent))).collect();
        took.sort();
        (quantile(&took, 50), quantile(&took, 99))
    };
    let account = &burst.ground.scene.account.id;
    let log: Vec<(&str, Vec<Value>)> = SQS.into_iter().map(|action| (action, calls(account, action))).collect();
    let deletes = log.iter().find(|(action, _)| *action == "DeleteMessageBatch").map(|(_, calls)| calls);
    let last_delete = deletes.and_then(|calls| calls.last()?["time"].as_f64()).unwrap_or(begin.epoch) - begin.epoch;
    let last_contained = contained.values().max().map(|at| at.saturating_duration_since(begin.at)).unwrap_or_default();
    let counts: Vec<String> = log.iter().map(|(action, calls)| format!("{action} {}", calls.len())).collect();
    let ((made_50, made_99), (contained_50, contained_99)) = (took(&made), took(&contained));
    let lines = format!(
        "{what}: {} messages, {} Quarantines, {} dead letters\n\
         {what}: the last good message was deleted after {last_delete:.1} s, the last instance was contained after {:.1} s\n\
         {what}: message to Quarantine: median {made_50:.2} s, p99 {made_99:.2} s\n\
         {what}: message to Contained: median {contained_50:.2} s, p99 {contained_99:.2} s\n\
         {what}: {}\n",
        burst.messages.bodies.len(),
        made.len(),
        burst.messages.garbage.len(),
        last_contained.as_secs_f64(),
        counts.join(", "),
    );
    // Not print!, which the test harness keeps to itself: the figure is wanted of a run that passes.
    let _ = std::io::stdout().write_all(lines.as_bytes());
}

/// In seconds.
fn quantile(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map(Duration::as_secs_f64).unwrap_or_default()
}
