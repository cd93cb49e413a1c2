//! Calls that are held back here so that AWS needn't refuse them: a bucket of tokens per account, region and operation,
//! shared by all clients of that account and region in this process. What others call in the account isn't known here, so
//! AWS may still refuse.
//!
//! Sources: "Request throttling for the Amazon EC2 API" (Amazon EC2 Developer Guide); "Quotas for Security Hub CSPM" (AWS
//! Security Hub User Guide).

use crate::api::Reason;
use crate::metrics::Metrics;
use crate::model::problem::{Disposition, Problem};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest that a read waits, or a call to Security Hub. Who would have to wait longer is told so at once, and when to
/// come back: a reconcile holds its instance's turn.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// The longest that a change waits: an interface's swap is recorded before it, and may be under way for ten seconds after
/// that (`quarantine::decide::interface`), this wait and the call's own 4 s (`settings`) included.
const LONGEST_WAIT_OF_CHANGES: Duration = Duration::from_secs(2);

/// How many calls AWS takes at once, and how many more each second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Allowance {
    burst: f64,
    per_second: f64,
    longest_wait: Duration,
}

impl Allowance {
    const fn of_reads(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second, longest_wait: LONGEST_WAIT }
    }

    const fn of_changes(burst: f64, per_second: f64) -> Self {
        Self { burst, per_second, longest_wait: LONGEST_WAIT_OF_CHANGES }
    }

    /// How long it takes until so many more may be called.
    fn time_of(&self, calls: f64) -> Duration {
        Duration::from_secs_f64(calls / self.per_second)
    }
}

/// None: no limit is known, and none is kept.
fn allowance(operation: &str) -> Option<Allowance> {
    let (service, action) = operation.split_once(':')?;
    Some(match (service, action) {
        ("securityhub", "GetFindings" | "GetFindingsV2") => Allowance::of_reads(6.0, 3.0),
        ("securityhub", _) => Allowance::of_reads(30.0, 10.0),
        ("ec2", "ModifyNetworkInterfaceAttribute") => Allowance::of_changes(100.0, 5.0),
        ("ec2", "CreateTags" | "DeleteTags") => Allowance::of_changes(100.0, 10.0),
        ("ec2", action) if action.starts_with("Describe") => Allowance::of_reads(100.0, 20.0),
        ("ec2", action) if action.contains("SecurityGroupIngress") || action.contains("SecurityGroupEgress") => {
            Allowance::of_changes(50.0, 5.0)
        }
        _ => return None,
    })
}

type Buckets = Mutex<HashMap<(String, String, &'static str), Arc<Bucket>>>;

/// The buckets of all accounts and regions.
#[derive(Clone, Debug, Default)]
pub struct Budgets {
    buckets: Arc<Buckets>,
    metrics: Metrics,
}

impl Budgets {
    pub fn new(metrics: Metrics) -> Self {
        Self { buckets: Arc::default(), metrics }
    }

    /// What may be called in this account and region.
    pub fn of(&self, account_id: &str, region: &str) -> Budget {
        let Self { buckets, metrics } = self.clone();
        Budget { buckets, metrics, account_id: account_id.to_owned(), region: region.to_owned() }
    }
}

/// What may be called in one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget {
    buckets: Arc<Buckets>,
    metrics: Metrics,
    account_id: String,
    region: String,
}

impl Budget {
    /// Waits until one more call of `operation` (as IAM names it) may be made, first come, first served. An asker that
    /// is dropped while it waits takes nothing.
    ///
    /// Errors: Retry/Throttled at once if the wait were longer than some seconds. It says when to come back: each who is
    /// sent away is given another time, at the pace at which AWS takes calls.
    pub async fn take(&self, operation: &'static str) -> Result<(), Problem> {
        let Some(bucket) = self.bucket(operation) else { return Ok(()) };
        let began = Instant::now();
        let taken = bucket.take().await;
        self.measured(operation, &bucket, taken, began)
    }

    /// The same for a call that comes after all others of its kind: it waits in no line, and takes only while more than half
    /// of the burst is left.
    ///
    /// Errors: Retry/Throttled at once otherwise. It says when to come back.
    pub async fn take_spare(&self, operation: &'static str) -> Result<(), Problem> {
        let Some(bucket) = self.bucket(operation) else { return Ok(()) };
        let began = Instant::now();
        let taken = bucket.take_spare(began);
        self.measured(operation, &bucket, taken, began)
    }

    /// None: no limit is kept.
    fn bucket(&self, operation: &'static str) -> Option<Arc<Bucket>> {
        let allowance = allowance(operation)?;
        // A poisoned lock is as good as any: no entry is ever half written.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.account_id.clone(), self.region.clone(), operation);
        Some(buckets.entry(key).or_insert_with(|| Arc::new(Bucket::new(allowance, Instant::now()))).clone())
    }

    fn measured(
        &self,
        operation: &'static str,
        bucket: &Bucket,
        taken: Result<(), TooLong>,
        began: Instant,
    ) -> Result<(), Problem> {
        match taken {
            Ok(()) => {
                self.metrics.aws_waited(operation, began.elapsed());
                Ok(())
            }
            Err(TooLong { come_back_in }) => {
                self.metrics.aws_waited(operation, come_back_in);
                Err(self.held_back(operation, bucket.allowance, come_back_in))
            }
        }
    }

    fn held_back(&self, operation: &str, allowance: Allowance, come_back_in: Duration) -> Problem {
        let message = format!(
            "{operation} is held back: AWS takes {} of them a second in account {} in {}, and too many wait for their \
             turn. It is tried again more slowly.",
            allowance.per_second, self.account_id, self.region
        );
        Problem { after: Some(come_back_in), ..Problem::new(Disposition::Retry, Reason::Throttled, message) }
    }
}

/// More wait already than get their turn in the time that the asker is ready to wait.
#[derive(Debug, PartialEq)]
struct TooLong {
    come_back_in: Duration,
}

#[derive(Debug)]
struct Bucket {
    allowance: Allowance,
    level: Mutex<Level>,
    line: Line,
}

impl Bucket {
    fn new(allowance: Allowance, now: Instant) -> Self {
        let level = Mutex::new(Level { tokens: allowance.burst, at: now, promised: now, promised_spare: now });
        Self { allowance, level, line: Line::default() }
    }

    async fn take(&self) -> Result<(), TooLong> {
        let _place = self.line.queue_up();
        if self.line.before_me() >= self.allowance.longest_wait.as_secs_f64() * self.allowance.per_second {
            return Err(TooLong { come_back_in: self.level().promise(self.allowance, Instant::now()) });
        }
        let _first = self.line.first.lock().await;
        loop {
            let wait = self.level().take(self.allowance, Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn take_spare(&self, now: Instant) -> Result<(), TooLong> {
        let waited_for = self.line.waiting.load(Ordering::Relaxed) > 0;
        self.level().take_spare(self.allowance, waited_for, now)
    }

    /// A poisoned lock is as good as any: the level is never half written.
    fn level(&self) -> MutexGuard<'_, Level> {
        self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Those who wait, in their order.
#[derive(Debug, Default)]
struct Line {
    waiting: AtomicUsize,
    /// Held by the first of them; tokio's lock serves the others in their order. A token is taken when it is there and not
    /// before, so that who is dropped takes none away.
    first: tokio::sync::Mutex<()>,
}

impl Line {
    fn queue_up(&self) -> Place<'_> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Place(&self.waiting)
    }

    /// How many wait, without the one who asks.
    fn before_me(&self) -> f64 {
        self.waiting.load(Ordering::Relaxed).saturating_sub(1) as f64
    }
}

/// A place in a line. Dropped, it is free.
struct Place<'a>(&'a AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
    /// When the last of those who were sent away is to come back.
    promised: Instant,
    /// The same of those who take what others leave.
    promised_spare: Instant,
}

impl Level {
    /// Zero: a token was there, and is taken. Else none is taken, and the next one comes after so long.
    fn take(&mut self, allowance: Allowance, now: Instant) -> Duration {
        self.refill(allowance, now);
        let missing = 1.0 - self.tokens;
        if missing > 0.0 {
            return allowance.time_of(missing).max(Duration::from_millis(1));
        }
        self.tokens -= 1.0;
        Duration::ZERO
    }

    /// Takes what others leave: one token while there are more than half of the burst, and nobody waits.
    fn take_spare(&mut self, allowance: Allowance, waited_for: bool, now: Instant) -> Result<(), TooLong> {
        self.refill(allowance, now);
        let missing = allowance.burst / 2.0 + 1.0 - self.tokens;
        if missing <= 0.0 && !waited_for {
            self.tokens -= 1.0;
            return Ok(());
        }
        let spare = now + allowance.time_of(missing.max(1.0));
        self.promised_spare = self.promised_spare.max(spare) + allowance.time_of(1.0);
        Err(TooLong { come_back_in: self.promised_spare - now })
    }

    fn refill(&mut self, allowance: Allowance, now: Instant) {
        let Allowance { burst, per_second, .. } = allowance;
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * per_second).min(burst);
        self.at = self.at.max(now);
    }

    /// When to come back: once those have gone who wait now, and after the last who was sent away.
    fn promise(&mut self, allowance: Allowance, now: Instant) -> Duration {
        self.promised = self.promised.max(now + allowance.longest_wait) + allowance.time_of(1.0);
        self.promised - now
    }
}

#[cfg(test)]
mod tests;
