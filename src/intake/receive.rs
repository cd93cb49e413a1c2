//! One receiver of a queue: a long poll, the messages it brings side by side, those that are done deleted together.
//!
//! Each receive counts towards the dead letters, also one of a message of which nothing can be made just then. So nothing
//! is received before the API server was seen to take a Quarantine of this source, and what was received when it stops
//! doing so is held, hidden from other receivers, until it takes it.

use super::{
    handle::{Desk, Handled},
    report::{Report, Trouble},
    source::place,
};
use crate::{
    api::{Counters, FindingSource, Reason},
    aws::{Disposition, Problem, Sqs, queue::QueueMessage},
    quarantine::{Context, Error, source_of, waits_for_room_of_source},
};
use futures::future::join_all;
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Between two tries while something stands in the way.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// For how long a message is hidden from others each time that it is held on to.
const HOLD: Duration = Duration::from_secs(60);

/// How long a message is hidden that must wait for something, such as a release that waits for approval: four times as long
/// at each receive, so that it doesn't become a dead letter meanwhile. SQS hides for 12 hours at most, counted from the
/// receive ("ChangeMessageVisibility", Amazon SQS API Reference).
const FIRST_LATER: u32 = 30;
const LONGEST_LATER: u32 = 11 * 3_600;

/// So many Quarantines that wait for room, and nothing more is received: the queue keeps what comes better than etcd.
const BACKLOG: usize = 500;

/// A receiver, and what it is given.
pub struct Receiver {
    pub context: Arc<Context>,
    pub source: Arc<FindingSource>,
    pub own_action: Option<String>,
    pub report: Arc<Report>,
    /// Ends the receiver when it turns true, or when its sender goes.
    pub stopped: watch::Receiver<bool>,
}

impl Receiver {
    /// Receives until it is stopped. What it has in hand then is finished, or comes again.
    pub async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.is_gone() {
                return;
            }
            let mut stopped = self.stopped.clone();
            let received = tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => return,
                received = self.receive() => received,
            };
            if self.is_gone() {
                return;
            }
            match received {
                Ok((sqs, messages)) => {
                    pause = FIRST_PAUSE;
                    self.work(&sqs, messages).await;
                }
                Err(trouble) => {
                    self.report.trouble(trouble);
                    if self.rest(&mut pause).await {
                        return;
                    }
                }
            }
        }
    }

    /// A source that is deleted tells nobody: whoever works for it looks.
    fn is_gone(&self) -> bool {
        let known = self.context.stores.sources.get(&ObjectRef::new(&self.source.name_any()));
        known.is_none_or(|known| known.uid() != self.source.uid() || known.metadata.deletion_timestamp.is_some())
    }

    async fn receive(&self) -> Result<(Sqs, Vec<QueueMessage>), Trouble> {
        self.room()?;
        self.desk().may_create().await.map_err(|error| refused(&self.source, &error))?;
        let sqs = async {
            let place = place(&self.context, &self.source.spec).await?;
            self.context.sessions.sqs(&place).await
        };
        let sqs = sqs.await.map_err(Trouble::Queue)?;
        self.report.well();
        let messages = sqs.receive(&self.source.spec.queue_url).await.map_err(Trouble::Queue)?;
        Ok((sqs, messages))
    }

    fn room(&self) -> Result<(), Trouble> {
        let label = super::make::source_label(&self.source.name_any());
        let waiting = |claim: &crate::api::Quarantine| {
            waits_for_room_of_source(claim) && source_of(claim) == Some(label.as_str())
        };
        let waiting = self.context.stores.quarantines.state_filter(waiting).len();
        if waiting < BACKLOG {
            return Ok(());
        }
        Err(Trouble::Backlog(Problem::new(
            Disposition::Wait,
            Reason::BacklogFull,
            format!(
                "{BACKLOG} Quarantines of this source wait for room, so nothing more is received: look whether it misfires, delete those that aren't meant, or raise maxActive."
            ),
        )))
    }

    /// Works on messages until each is done or left to the queue. One that the API server doesn't take now is held.
    async fn work(&mut self, sqs: &Sqs, messages: Vec<QueueMessage>) {
        let (mut open, mut held_at, mut pause) = (messages, None::<Instant>, FIRST_PAUSE);
        while !open.is_empty() {
            let desk = self.desk();
            let handling = open.into_iter().map(async |message| {
                let mut counters = Counters { received: 1, ..Counters::default() };
                let handled = desk.handle(&message, &mut counters).await;
                (message, handled, counters)
            });
            let (mut done, mut later, mut blocked) = (Vec::new(), Vec::new(), Vec::new());
            for (message, handled, counters) in join_all(handling).await {
                match handled {
                    Handled::Delete => done.push(message),
                    Handled::Leave => {}
                    Handled::Later => later.push(message),
                    Handled::Blocked(error) => {
                        self.report.trouble(refused(&self.source, &error));
                        blocked.push(message);
                        continue;
                    }
                }
                self.report.count(counters);
            }
            self.delete(sqs, &done).await;
            for message in later {
                let seconds = later_in(message.receives);
                self.hide(sqs, &[message], seconds).await;
            }
            open = blocked;
            if open.is_empty() {
                return;
            }
            // At once: the queue may hide a message for less time than other receivers still wait for one.
            if held_at.is_none_or(|at| at.elapsed() > HOLD / 3) {
                held_at = Some(Instant::now());
                self.hide(sqs, &open, HOLD.as_secs() as u32).await;
            }
            if self.rest(&mut pause).await {
                return;
            }
        }
    }

    /// What isn't deleted comes again, and finds its Quarantine there.
    async fn delete(&self, sqs: &Sqs, done: &[QueueMessage]) {
        let source = self.source.name_any();
        match sqs.delete(&self.source.spec.queue_url, done).await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => tracing::warn!(source, ?left, "messages that are done could not be deleted; they come again"),
            Err(problem) => {
                tracing::warn!(source, %problem, "messages that are done could not be deleted; they come again")
            }
        }
    }

    async fn hide(&self, sqs: &Sqs, messages: &[QueueMessage], seconds: u32) {
        if let Err(problem) = sqs.keep(&self.source.spec.queue_url, messages, seconds).await {
            tracing::warn!(source = self.source.name_any(), %problem, "messages can't be hidden for longer; they come again");
        }
    }

    /// A pause, twice as long each time. True: it is to stop.
    async fn rest(&mut self, pause: &mut Duration) -> bool {
        let rested = tokio::time::timeout(*pause, self.stopped.wait_for(|stopped| *stopped)).await;
        *pause = (*pause * 2).min(LONGEST_PAUSE);
        rested.is_ok()
    }

    fn desk(&self) -> Desk<'_> {
        Desk { context: &self.context, source: &self.source, own_action: self.own_action.as_deref() }
    }
}

fn later_in(receives: u32) -> u32 {
    FIRST_LATER.saturating_mul(4_u32.saturating_pow(receives.saturating_sub(1))).min(LONGEST_LATER)
}

/// What the API server said of a Quarantine of this source.
fn refused(source: &FindingSource, error: &Error) -> Trouble {
    let namespace = &source.spec.template.namespace;
    let (disposition, advice) = match error {
        error if error.is_refusal() => (
            Disposition::Stop,
            "Check that the namespace exists, that the template fits, and that admission and RBAC let the operator create Quarantines there.",
        ),
        _ => (Disposition::Retry, "It is tried again."),
    };
    let message = format!("No Quarantine can be made in {namespace}, so nothing is received: {error}. {advice}");
    Trouble::Template(Problem::new(disposition, Reason::TemplateRefused, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_waits_outlasts_a_weekend_before_ten_receives_make_it_a_dead_letter() {
        assert_eq!((1..=4).map(later_in).collect::<Vec<_>>(), [30, 120, 480, 1_920]);
        let all: u32 = (1..=10).map(later_in).sum();
        assert!(all > 48 * 3_600 && later_in(u32::MAX) == LONGEST_LATER, "{all} s");
    }
}
