//! What is measured: one handle, cheap to clone, passed to whoever has something to count. No global state.
//!
//! | room | what happens there |
//! |---|---|
//! | [`definitions`] | the one place that names metrics |
//! | `series` | the values of one metric, by its labels |
//!
//! What can be read off the objects isn't counted here: [`Snapshot`] holds it for one scrape, so that it is true after a
//! restart, too.

pub mod definitions;
mod series;

pub use series::Snapshot;

use definitions::{
    ACTIVE_WORKERS, AWS_BUDGET_WAIT, AWS_CALL, AWS_CALLS, AWS_THROTTLES, BUILD_INFO, CONTAINMENT, DRIFT_CORRECTIONS,
    DROPPED_FIELDS, LEADER, MAX_CONCURRENT, RECONCILE, RECONCILE_ERRORS, RECONCILES, REFUSED, RELEASE, SOURCE_IGNORED,
    SOURCE_MESSAGE_AGE, SOURCE_MESSAGES,
};
use prometheus_client::{
    encoding::prometheus_text,
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use series::{Book, Series};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

pub use prometheus_text::CONTENT_TYPE;

/// An isolation is a matter of tenths of a second; minutes mean that something stands in the way.
const LIVES: [f64; 14] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];

/// One call, or some side by side: the longest time-out of a call is 25 s.
const CALLS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 25.0];

/// Most calls don't wait; who would wait for longer than some seconds is sent away, for up to minutes.
const WAITS: [f64; 9] = [0.001, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 120.0];

/// From a press of a button to what a queue keeps over a weekend.
const AGES: [f64; 14] =
    [0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 21_600.0, 86_400.0, 259_200.0];

/// The handle. Cheap to clone; all clones count together.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    containment: Histogram,
    release: Histogram,
    drift_corrections: Series<Counter>,
    refused: Series<Counter>,
    aws_calls: Series<Counter>,
    aws_call: Series<Histogram>,
    aws_throttles: Series<Counter>,
    aws_budget_wait: Series<Histogram>,
    source_messages: Series<Counter>,
    source_ignored: Series<Counter>,
    source_message_age: Series<Histogram>,
    reconciles: Series<Counter>,
    reconcile_errors: Series<Counter>,
    reconcile: Series<Histogram>,
    active_workers: Series<Gauge>,
    max_concurrent: Series<Gauge>,
    dropped_fields: Series<Gauge>,
    leader: Series<Gauge>,
    /// What was last seen of each source's queue.
    queues: Mutex<HashMap<String, QueueDepth>>,
}

impl Default for Inner {
    fn default() -> Self {
        let mut book = Book::default();
        let build: Series<Gauge> = book.series(&BUILD_INFO, Gauge::default);
        build.of([env!("CARGO_PKG_VERSION").into()]).set(1);
        Self {
            containment: book.histogram(&CONTAINMENT, || Histogram::new(LIVES)),
            release: book.histogram(&RELEASE, || Histogram::new(LIVES)),
            drift_corrections: book.series(&DRIFT_CORRECTIONS, Counter::default),
            refused: book.series(&REFUSED, Counter::default),
            aws_calls: book.series(&AWS_CALLS, Counter::default),
            aws_call: book.series(&AWS_CALL, || Histogram::new(CALLS)),
            aws_throttles: book.series(&AWS_THROTTLES, Counter::default),
            aws_budget_wait: book.series(&AWS_BUDGET_WAIT, || Histogram::new(WAITS)),
            source_messages: book.series(&SOURCE_MESSAGES, Counter::default),
            source_ignored: book.series(&SOURCE_IGNORED, Counter::default),
            source_message_age: book.series(&SOURCE_MESSAGE_AGE, || Histogram::new(AGES)),
            reconciles: book.series(&RECONCILES, Counter::default),
            reconcile_errors: book.series(&RECONCILE_ERRORS, Counter::default),
            reconcile: book.series(&RECONCILE, || Histogram::new(CALLS)),
            active_workers: book.series(&ACTIVE_WORKERS, Gauge::default),
            max_concurrent: book.series(&MAX_CONCURRENT, Gauge::default),
            dropped_fields: book.series(&DROPPED_FIELDS, Gauge::default),
            leader: book.series(&LEADER, Gauge::default),
            registry: book.registry(),
            queues: Mutex::default(),
        }
    }
}

/// How full a source's queue is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueDepth {
    pub visible: i64,
    pub in_flight: i64,
    /// None: there is no dead-letter queue, or it may not be looked at.
    pub dead_letters: Option<i64>,
}

/// What a reconcile comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reconciled {
    /// Nothing until something changes.
    Success,
    /// A look at a known time.
    RequeueAfter,
    /// Once more, with growing pauses.
    Requeue,
    Error,
}

impl Metrics {
    /// Everything, in Prometheus' text format ([`CONTENT_TYPE`]): what was counted, and what one look at the objects shows.
    pub fn text(&self, objects: Snapshot) -> String {
        let mut text = String::new();
        for registry in [&self.0.registry, &objects.into_registry()] {
            // Writing to a String can't fail.
            let _ = prometheus_text::encode(&mut text, registry);
        }
        text
    }

    /// A call to AWS ended; `operation` is named as in IAM policies (`ec2:DescribeInstances`), here and below.
    pub fn aws_called(&self, operation: &'static str, outcome: Outcome<'_>, took: Duration) {
        let (service, operation) = split(operation);
        let code = match outcome {
            Outcome::Ok => "OK".into(),
            Outcome::Code(code) => code.to_owned().into(),
            Outcome::NoAnswer => "NoAnswer".into(),
        };
        self.0.aws_calls.of([service.into(), operation.into(), code]).inc();
        self.0.aws_call.of([service.into(), operation.into()]).observe(took.as_secs_f64());
    }

    pub fn aws_throttled(&self, operation: &'static str) {
        let (service, operation) = split(operation);
        self.0.aws_throttles.of([service.into(), operation.into()]).inc();
    }

    /// A call was held back for so long.
    pub fn aws_waited(&self, operation: &'static str, waited: Duration) {
        let (service, operation) = split(operation);
        self.0.aws_budget_wait.of([service.into(), operation.into()]).observe(waited.as_secs_f64());
    }

    /// A Quarantine's first Contained=True, so long after its creation.
    pub fn contained(&self, after: Duration) {
        self.0.containment.observe(after.as_secs_f64());
    }

    /// A Quarantine's finalizer went, so long after its deletion.
    pub fn released(&self, after: Duration) {
        self.0.release.observe(after.as_secs_f64());
    }

    pub fn drift_corrected(&self, class: &str, interfaces: u64) {
        self.0.drift_corrections.of([class.to_owned().into()]).inc_by(interfaces);
    }

    pub fn refused(&self, class: &str, reason: &str) {
        self.0.refused.of([class.to_owned().into(), reason.to_owned().into()]).inc();
    }

    /// Shows the class's counters from 0 on: a counter that begins at 1 has not risen as far as Prometheus can tell.
    pub fn know_class(&self, class: &str, reasons: impl Iterator<Item = String>) {
        self.drift_corrected(class, 0);
        for reason in reasons {
            self.0.refused.of([class.to_owned().into(), reason.into()]);
        }
    }

    /// So many messages of the source, or instances that they name, came to this.
    pub fn messages(&self, source: &str, outcome: &'static str, many: i64) {
        let many = u64::try_from(many).unwrap_or_default();
        if many > 0 {
            self.0.source_messages.of([source.to_owned().into(), outcome.into()]).inc_by(many);
        }
    }

    /// So many findings of the source were not accepted, for this cause.
    pub fn ignored(&self, source: &str, cause: &'static str, many: i64) {
        let many = u64::try_from(many).unwrap_or_default();
        if many > 0 {
            self.0.source_ignored.of([source.to_owned().into(), cause.into()]).inc_by(many);
        }
    }

    /// A message was deleted from the queue, so long after it was sent.
    pub fn message_done(&self, source: &str, age: Duration) {
        self.0.source_message_age.of([source.to_owned().into()]).observe(age.as_secs_f64());
    }

    /// What was seen of the source's queue; none: it can't be seen now.
    pub fn queue(&self, source: &str, depth: Option<QueueDepth>) {
        match depth {
            Some(depth) => self.queues().insert(source.to_owned(), depth),
            None => self.queues().remove(source),
        };
    }

    /// What was last seen of the source's queue.
    pub fn queue_of(&self, source: &str) -> Option<QueueDepth> {
        self.queues().get(source).copied()
    }

    fn queues(&self) -> MutexGuard<'_, HashMap<String, QueueDepth>> {
        self.0.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A reconcile begins; it ends when what is answered is told so or dropped.
    pub fn reconciling(&self, controller: &'static str) -> Reconciling {
        let workers = self.0.active_workers.of([controller.into()]);
        workers.inc();
        Reconciling { metrics: self.clone(), controller, workers, began: Instant::now() }
    }

    /// How many reconciles of the controller may run at once; 0 is any number.
    pub fn may_reconcile(&self, controller: &'static str, at_once: u16) {
        self.0.max_concurrent.of([controller.into()]).set(at_once.into());
        self.0.reconcile_errors.of([controller.into()]);
    }

    /// How many fields of our custom resources the API server drops.
    pub fn drops_fields(&self, fields: usize) {
        self.0.dropped_fields.of([]).set(i64::try_from(fields).unwrap_or(i64::MAX));
    }

    /// Whether this process leads.
    pub fn leads(&self, leads: bool) {
        self.0.leader.of([env!("CARGO_PKG_NAME").into()]).set(leads.into());
    }
}

/// How a call to AWS ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'a> {
    Ok,
    /// AWS' error code.
    Code(&'a str),
    NoAnswer,
}

/// A reconcile under way.
#[must_use]
pub struct Reconciling {
    metrics: Metrics,
    controller: &'static str,
    workers: Gauge,
    began: Instant,
}

impl Reconciling {
    pub fn ended(self, result: Reconciled) {
        let inner = &self.metrics.0;
        let label = match result {
            Reconciled::Success => "success",
            Reconciled::RequeueAfter => "requeue_after",
            Reconciled::Requeue => "requeue",
            Reconciled::Error => "error",
        };
        inner.reconciles.of([self.controller.into(), label.into()]).inc();
        if result == Reconciled::Error {
            inner.reconcile_errors.of([self.controller.into()]).inc();
        }
        inner.reconcile.of([self.controller.into()]).observe(self.began.elapsed().as_secs_f64());
    }
}

impl Drop for Reconciling {
    fn drop(&mut self) {
        self.workers.dec();
    }
}

/// `ec2:DescribeInstances` in its two parts.
fn split(operation: &'static str) -> (&'static str, &'static str) {
    operation.split_once(':').unwrap_or(("", operation))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(metrics: &Metrics) -> Vec<String> {
        metrics.text(Snapshot::default()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn clones_count_together() {
        let metrics = Metrics::default();
        let took = Duration::from_millis(30);
        metrics.clone().aws_called("ec2:DescribeInstances", Outcome::Ok, took);
        metrics.aws_called("ec2:DescribeInstances", Outcome::Ok, took);
        let lines = lines(&metrics);
        let count =
            "quarantine_aws_calls_total{service=\"ec2\",operation=\"DescribeInstances\",code=\"OK\"} 2".to_owned();
        assert!(lines.contains(&count), "{lines:#?}");
        assert!(lines.contains(&"# TYPE quarantine_aws_calls_total counter".to_owned()), "{lines:#?}");
    }

    #[test]
    fn a_reconcile_that_is_dropped_works_no_more_and_has_no_result() {
        let metrics = Metrics::default();
        let under_way = metrics.reconciling("quarantine");
        assert!(lines(&metrics).contains(&"controller_runtime_active_workers{controller=\"quarantine\"} 1".to_owned()));
        drop(under_way);
        let lines = lines(&metrics);
        assert!(lines.contains(&"controller_runtime_active_workers{controller=\"quarantine\"} 0".to_owned()));
        assert!(!lines.iter().any(|line| line.starts_with("controller_runtime_reconcile_total")), "{lines:#?}");
    }

    #[test]
    fn what_a_class_may_come_to_is_shown_before_it_does() {
        let metrics = Metrics::default();
        metrics.know_class("ir", ["LimitReached".to_owned()].into_iter());
        let lines = lines(&metrics);
        assert!(lines.contains(&"quarantine_refused_total{class=\"ir\",reason=\"LimitReached\"} 0".to_owned()));
        assert!(lines.contains(&"quarantine_drift_corrections_total{class=\"ir\"} 0".to_owned()), "{lines:#?}");
    }
}
