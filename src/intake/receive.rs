//! One receiver of a queue: a long poll, the messages it brings side by side, those that are done deleted together.
//!
//! Each receive counts towards the dead letters, also one of a message of which nothing can be made just then. So nothing
//! is received before the API server was seen to take a Quarantine of this source, and what was received when it stops
//! doing so is held, hidden from other receivers, until it takes it.

use super::{
    handle::{Desk, Handled},
    plan::Understood,
    report::{Report, Trouble},
    source::place,
};
use crate::{
    api::{Cause, Counters, FindingSource, Reason},
    aws::Sqs,
    metrics::Metrics,
    model::{
        problem::{Disposition, Problem},
        queue::QueueMessage,
    },
    quarantine::{Context, Error, origin::is_made_by, waits_for_a_person, waits_for_room_of_source},
};
use futures::{FutureExt as _, future::join_all};
use jiff::SignedDuration;
use kube::{ResourceExt, runtime::reflector::ObjectRef};
use std::{
    convert::Infallible,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// Between two tries while something stands in the way.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What is in hand for longer is hidden from other receivers meanwhile, for so long each time.
const AT_HAND: Duration = Duration::from_secs(1);
const HOLD: Duration = Duration::from_secs(60);

/// How long a message is hidden that must wait for something, such as a release that waits for approval: four times as long
/// at each receive, so that it doesn't become a dead letter meanwhile. SQS hides for 12 hours at most, counted from the
/// receive ("ChangeMessageVisibility", Amazon SQS API Reference).
const FIRST_LATER: u32 = 30;
const LONGEST_LATER: u32 = 11 * 3_600;

/// So many Quarantines that wait for room or for a person, and nothing more is received: the queue keeps what comes better than etcd.
const BACKLOG: usize = 500;

/// A receiver, and what it is given.
#[derive(Clone)]
pub struct Receiver {
    pub context: Arc<Context>,
    pub source: Arc<FindingSource>,
    pub own_action: Option<String>,
    pub report: Arc<Report>,
    /// Ends the receiver when it turns true, or when its sender goes.
    pub stopped: watch::Receiver<bool>,
}

impl Receiver {
    /// Receives until it is stopped. What it has in hand then is finished, or comes again, as does what it panicked at.
    pub async fn run(self) {
        let source = self.source.name_any();
        begun_anew(&source, self.stopped.clone(), || self.clone().receive_on()).await;
    }

    async fn receive_on(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            if self.is_gone() {
                return;
            }
            // What it made would be stored without what keeps it suspended.
            if !self.context.served.is_whole() {
                if rest(&mut self.stopped, &mut pause).await {
                    return;
                }
                continue;
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
                    if rest(&mut self.stopped, &mut pause).await {
                        return;
                    }
                }
            }
        }
    }

    /// A source that is deleted tells nobody: whoever works for it looks.
    fn is_gone(&self) -> bool {
        let known = self.context.stores.sources.get(&ObjectRef::new(&self.source.name_any()));
        known.is_none_or(|known| known.uid() != self.source.uid() || known.is_deleting())
    }

    async fn receive(&self) -> Result<(Sqs, Vec<QueueMessage>), Trouble> {
        self.room()?;
        self.desk().may_create().await.map_err(|error| refused(&self.source, &error))?;
        let sqs = async {
            let place = place(&self.context, &self.source.spec).await?;
            self.context.sessions.sqs(&place).await
        };
        let sqs = sqs.await.map_err(Trouble::Queue)?;
        self.report.may_receive();
        let messages = sqs.receive(&self.source.spec.queue_url).await.map_err(Trouble::Queue)?;
        self.report.received();
        Ok((sqs, messages))
    }

    fn room(&self) -> Result<(), Trouble> {
        let waiting = |claim: &crate::api::Quarantine| {
            (waits_for_room_of_source(claim) || waits_for_a_person(claim)) && is_made_by(claim, &self.source)
        };
        let waiting = self.context.stores.quarantines.state_filter(waiting).len();
        if waiting < BACKLOG {
            return Ok(());
        }
        Err(Trouble::Backlog(Problem::new(
            Disposition::Wait,
            Reason::BacklogFull,
            format!(
                "{BACKLOG} Quarantines of this source wait for room or for a person (suspended, or a dry run), so nothing more is received: look whether it misfires, delete those that aren't meant, say yes to those that are, or raise maxActive."
            ),
        )))
    }

    /// Works on messages until each is done or left to the queue. The queue may hide them for less time than that takes.
    async fn work(&mut self, sqs: &Sqs, messages: Vec<QueueMessage>) {
        let (hand, stopped) = (Hand::of(&messages), self.stopped.clone());
        tokio::select! {
            () = self.work_on(sqs, messages, &hand, stopped) => {}
            never = self.keep_hidden(sqs, &hand) => match never {},
        }
    }

    /// One that the API server doesn't take now is held on to.
    async fn work_on(&self, sqs: &Sqs, messages: Vec<QueueMessage>, hand: &Hand, mut stopped: watch::Receiver<bool>) {
        let (mut open, mut pause) = (messages, FIRST_PAUSE);
        loop {
            let desk = self.desk();
            let handling = open.into_iter().map(async |message| {
                let mut counters = Counters { received: 1, ..Counters::default() };
                let handled = desk.handle(&message, &mut counters).await;
                if matches!(handled, Handled::Leave) {
                    hand.put_down(&message);
                }
                (message, handled, counters)
            });
            let (mut done, mut later, mut blocked) = (Vec::new(), Vec::new(), Vec::new());
            let source = self.source.name_any();
            let metrics = &self.context.metrics;
            for (message, handled, counters) in join_all(handling).await {
                match handled {
                    Handled::Delete(understood) => done.push(Done { message, _understood: understood }),
                    Handled::Leave => {}
                    Handled::Later => {
                        metrics.messages(&source, "later", 1);
                        later.push(message);
                    }
                    Handled::Blocked(error) => {
                        self.report.trouble(refused(&self.source, &error));
                        blocked.push(message);
                        continue;
                    }
                }
                measure(metrics, &source, counters);
                self.report.count(counters);
            }
            self.delete(sqs, done).await;
            for message in later {
                let seconds = later_in(message.receives);
                self.hide(sqs, &[message], seconds).await;
            }
            hand.holds_only(&blocked);
            open = blocked;
            if open.is_empty() || rest(&mut stopped, &mut pause).await {
                return;
            }
        }
    }

    async fn keep_hidden(&self, sqs: &Sqs, hand: &Hand) -> Infallible {
        tokio::time::sleep(AT_HAND).await;
        loop {
            self.hide(sqs, &hand.messages(), HOLD.as_secs() as u32).await;
            tokio::time::sleep(HOLD / 3).await;
        }
    }

    /// What isn't deleted comes again, and finds its Quarantine there.
    async fn delete(&self, sqs: &Sqs, done: Vec<Done>) {
        let done: Vec<QueueMessage> = done.into_iter().map(|done| done.message).collect();
        let source = self.source.name_any();
        let left = match sqs.delete(&self.source.spec.queue_url, &done).await {
            Ok(left) => left,
            Err(problem) => {
                return tracing::warn!(source, %problem, "messages that are done could not be deleted; they come again");
            }
        };
        if !left.is_empty() {
            tracing::warn!(source, ?left, "messages that are done could not be deleted; they come again");
        }
        let now = self.context.now_exactly();
        for sent_at in done.iter().filter(|message| !left.contains(&message.id)).filter_map(|message| message.sent_at) {
            let age = now.duration_since(sent_at).max(SignedDuration::ZERO).unsigned_abs();
            self.context.metrics.message_done(&source, age);
        }
    }

    async fn hide(&self, sqs: &Sqs, messages: &[QueueMessage], seconds: u32) {
        if let Err(problem) = sqs.keep(&self.source.spec.queue_url, messages, seconds).await {
            tracing::warn!(source = self.source.name_any(), %problem, "messages can't be hidden for longer; they come again");
        }
    }

    fn desk(&self) -> Desk<'_> {
        Desk { context: &self.context, source: &self.source, own_action: self.own_action.as_deref() }
    }
}

/// A message that may be deleted, with the proof that it was understood: there is no other way to delete one.
struct Done {
    message: QueueMessage,
    _understood: Understood,
}

/// What a receiver has received and is not done with. What it leaves to the queue is none of it.
struct Hand(Mutex<Vec<QueueMessage>>);

impl Hand {
    fn of(messages: &[QueueMessage]) -> Self {
        Self(Mutex::new(messages.to_vec()))
    }

    fn messages(&self) -> Vec<QueueMessage> {
        self.held().clone()
    }

    fn put_down(&self, message: &QueueMessage) {
        self.held().retain(|held| held.receipt != message.receipt);
    }

    fn holds_only(&self, messages: &[QueueMessage]) {
        *self.held() = messages.to_vec();
    }

    fn held(&self) -> MutexGuard<'_, Vec<QueueMessage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Receives until that ends by itself. A panic is the end of one try, not of the receiver.
async fn begun_anew<F>(source: &str, mut stopped: watch::Receiver<bool>, receive: impl Fn() -> F)
where
    F: Future<Output = ()>,
{
    let mut pause = FIRST_PAUSE;
    while AssertUnwindSafe(receive()).catch_unwind().await.is_err() {
        tracing::error!(
            source,
            "a receiver panicked, which is a bug; it begins anew, and what it had in hand comes again"
        );
        if rest(&mut stopped, &mut pause).await {
            return;
        }
    }
}

/// A pause, twice as long each time. True: it is to stop.
async fn rest(stopped: &mut watch::Receiver<bool>, pause: &mut Duration) -> bool {
    let rested = tokio::time::timeout(*pause, stopped.wait_for(|stopped| *stopped)).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
    rested.is_ok()
}

fn measure(metrics: &Metrics, source: &str, counters: Counters) {
    let Counters { received, created, joined, unwanted, mut unwanted_by, without_instance, echoes, unreadable } =
        counters;
    let outcomes = [
        ("received", received),
        ("created", created),
        ("joined", joined),
        ("ignored", unwanted),
        ("without_instance", without_instance),
        ("echo", echoes),
        ("unreadable", unreadable),
    ];
    for (outcome, many) in outcomes {
        metrics.messages(source, outcome, many);
    }
    for cause in Cause::ALL {
        metrics.ignored(source, cause.as_str(), *unwanted_by.of(*cause));
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

    #[tokio::test]
    async fn a_receiver_that_panics_begins_anew_until_it_is_to_stop() {
        let (stop, stopped) = watch::channel(false);
        let tries = std::sync::atomic::AtomicUsize::new(0);
        let count = || tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        begun_anew("hub", stopped.clone(), async || assert_ne!(count(), 0, "what a bug may be")).await;
        assert_eq!(count(), 2);
        stop.send_replace(true);
        begun_anew("hub", stopped, async || panic!("what a bug may be")).await;
    }

    #[test]
    fn a_message_that_waits_outlasts_a_weekend_before_ten_receives_make_it_a_dead_letter() {
        assert_eq!((1..=4).map(later_in).collect::<Vec<_>>(), [30, 120, 480, 1_920]);
        let all: u32 = (1..=10).map(later_in).sum();
        assert!(all > 48 * 3_600 && later_in(u32::MAX) == LONGEST_LATER, "{all} s");
    }
}
