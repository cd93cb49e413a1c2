//! Calls that are held back here so that AWS needn't refuse them: a bucket of tokens per account, region and operation,
//! shared by all clients of that account and region in this process. What others call in the account isn't known here, so
//! AWS may still refuse.
//!
//! Sources: "Request throttling for the Amazon EC2 API" (Amazon EC2 Developer Guide); "Quotas for Security Hub CSPM" (AWS
//! Security Hub User Guide).

use super::problem::{Disposition, Problem};
use crate::api::Reason;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest that anybody waits. Who would have to wait longer is told so at once: the controller's own backoff is
/// the better place to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How many calls AWS takes at once, and how many more each second.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Allowance {
    burst: f64,
    per_second: f64,
}

/// None: no limit is known, and none is kept.
fn allowance(operation: &str) -> Option<Allowance> {
    let (service, action) = operation.split_once(':')?;
    let (burst, per_second) = match (service, action) {
        ("securityhub", "GetFindings") => (6.0, 3.0),
        ("securityhub", _) => (30.0, 10.0),
        ("ec2", "ModifyNetworkInterfaceAttribute") => (100.0, 5.0),
        ("ec2", "CreateTags" | "DeleteTags") => (100.0, 10.0),
        ("ec2", action) if action.starts_with("Describe") => (100.0, 20.0),
        ("ec2", action) if action.contains("SecurityGroupIngress") || action.contains("SecurityGroupEgress") => {
            (50.0, 5.0)
        }
        _ => return None,
    };
    Some(Allowance { burst, per_second })
}

type Buckets = Mutex<HashMap<(String, String, &'static str), Arc<Bucket>>>;

/// The buckets of all accounts and regions.
#[derive(Clone, Debug, Default)]
pub struct Budgets(Arc<Buckets>);

impl Budgets {
    /// What may be called in this account and region.
    pub fn of(&self, account_id: &str, region: &str) -> Budget {
        Budget { buckets: self.0.clone(), account_id: account_id.to_owned(), region: region.to_owned() }
    }
}

/// What may be called in one account and region. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Budget {
    buckets: Arc<Buckets>,
    account_id: String,
    region: String,
}

impl Budget {
    /// Waits until one more call of `operation` (as IAM names it) may be made, first come, first served. An asker that
    /// is dropped while it waits takes nothing.
    ///
    /// Errors: Retry/Throttled at once if the wait were longer than five seconds.
    pub async fn take(&self, operation: &'static str) -> Result<(), Problem> {
        let Some(allowance) = allowance(operation) else { return Ok(()) };
        let bucket = {
            // A poisoned lock is as good as any: no entry is ever half written.
            let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (self.account_id.clone(), self.region.clone(), operation);
            buckets.entry(key).or_insert_with(|| Arc::new(Bucket::new(allowance, Instant::now()))).clone()
        };
        bucket.take(LONGEST_WAIT).await.map_err(|TooLong| {
            Problem::new(
                Disposition::Retry,
                Reason::Throttled,
                format!(
                    "{operation} is held back: AWS takes {} of them a second in account {} in {}, and too many wait for \
                     their turn. It is tried again more slowly.",
                    allowance.per_second, self.account_id, self.region
                ),
            )
        })
    }
}

/// More wait already than get their turn in the time that the asker is ready to wait.
#[derive(Debug, PartialEq)]
struct TooLong;

#[derive(Debug)]
struct Bucket {
    allowance: Allowance,
    waiting: AtomicUsize,
    /// Held by the first of those who wait; tokio's lock serves the others in their order. A token is taken when it is
    /// there and not before, so that who is dropped takes none away.
    level: tokio::sync::Mutex<Level>,
}

impl Bucket {
    fn new(allowance: Allowance, now: Instant) -> Self {
        let level = Level { tokens: allowance.burst, at: now };
        Self { allowance, waiting: AtomicUsize::default(), level: tokio::sync::Mutex::new(level) }
    }

    async fn take(&self, longest: Duration) -> Result<(), TooLong> {
        let _waiting = self.queue_up(longest)?;
        let mut level = self.level.lock().await;
        loop {
            let wait = level.take(self.allowance, Instant::now());
            if wait.is_zero() {
                return Ok(());
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn queue_up(&self, longest: Duration) -> Result<Waiting<'_>, TooLong> {
        let waiting = Waiting(&self.waiting);
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        if before as f64 >= longest.as_secs_f64() * self.allowance.per_second { Err(TooLong) } else { Ok(waiting) }
    }
}

/// A place in the queue. Dropped, it is free.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Level {
    /// Zero: a token was there and is taken. Else none is taken, and the next one comes after so long.
    fn take(&mut self, allowance: Allowance, now: Instant) -> Duration {
        let Allowance { burst, per_second } = allowance;
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + since * per_second).min(burst);
        self.at = self.at.max(now);
        if self.tokens < 1.0 {
            return Duration::from_secs_f64((1.0 - self.tokens) / per_second).max(Duration::from_millis(1));
        }
        self.tokens -= 1.0;
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::poll;
    use proptest::prelude::*;
    use std::pin::pin;

    const GET_FINDINGS: Allowance = Allowance { burst: 6.0, per_second: 3.0 };
    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn after_the_burst_a_call_comes_every_third_of_a_second() {
        let start = Instant::now();
        let mut level = Level { tokens: 6.0, at: start };
        let mut taken = Vec::new();
        let mut now = start;
        while taken.len() < 9 {
            match level.take(GET_FINDINGS, now) {
                Duration::ZERO => taken.push((now - start).as_millis()),
                wait => now += wait,
            }
        }
        assert_eq!(taken[..6], [0; 6]);
        assert!(taken[6..].iter().zip([333, 667, 1000]).all(|(taken, due)| taken.abs_diff(due) <= 2), "{taken:?}");
    }

    #[test]
    fn a_full_bucket_grows_no_fuller() {
        let now = Instant::now();
        let mut level = Level { tokens: 6.0, at: now };
        assert_eq!((0..9).filter(|_| level.take(GET_FINDINGS, now + HOUR).is_zero()).count(), 6);
    }

    #[tokio::test]
    async fn an_asker_that_is_dropped_while_it_waits_takes_no_token_and_holds_nobody_up() {
        let bucket = Bucket::new(Allowance { burst: 1.0, per_second: 100.0 }, Instant::now());
        bucket.take(SECOND).await.unwrap();
        let mut second = Box::pin(bucket.take(SECOND));
        let mut third = Box::pin(bucket.take(SECOND));
        assert!(poll!(second.as_mut()).is_pending() && poll!(third.as_mut()).is_pending());
        drop(second);
        third.await.unwrap();
        assert_eq!(bucket.waiting.load(Ordering::Relaxed), 0);
        assert!(bucket.level.lock().await.tokens < 1.0);
    }

    #[tokio::test]
    async fn who_waits_goes_on_when_its_turn_comes_and_in_the_order_of_asking() {
        let bucket = Bucket::new(Allowance { burst: 1.0, per_second: 100.0 }, Instant::now());
        let began = Instant::now();
        let order = Mutex::new(Vec::new());
        let ask = async |number: usize| {
            bucket.take(SECOND).await.unwrap();
            order.lock().unwrap().push(number);
        };
        futures::future::join_all((0..6).map(ask)).await;
        assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4, 5]);
        assert!(began.elapsed() >= Duration::from_millis(49), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn clients_of_one_account_and_region_share_a_budget_and_others_have_their_own() {
        let budgets = Budgets::default();
        let spent = budgets.of("1", "eu-central-1");
        for _ in 0..6 {
            spent.take("securityhub:GetFindings").await.unwrap();
        }
        let is_free = async |account: &str, region: &str, operation| {
            poll!(pin!(budgets.of(account, region).take(operation))).is_ready()
        };
        assert!(!is_free("1", "eu-central-1", "securityhub:GetFindings").await);
        assert!(is_free("1", "eu-central-1", "securityhub:BatchUpdateFindings").await);
        assert!(is_free("1", "us-west-2", "securityhub:GetFindings").await);
        assert!(is_free("2", "eu-central-1", "securityhub:GetFindings").await);
        assert!(is_free("1", "eu-central-1", "sqs:ReceiveMessage").await);
    }

    #[tokio::test]
    async fn who_would_wait_too_long_is_throttled_at_once_and_told_where() {
        let budget = Budgets::default().of("111122223333", "eu-central-1");
        // Six at once, and three in each of five seconds wait.
        let mut turns: Vec<_> = (0..21).map(|_| Box::pin(budget.take("securityhub:GetFindings"))).collect();
        for turn in &mut turns {
            let _ = poll!(turn.as_mut());
        }
        let problem = budget.take("securityhub:GetFindings").await.unwrap_err();
        assert_eq!((problem.disposition, problem.reason), (Disposition::Retry, Reason::Throttled));
        assert!(problem.message.contains("account 111122223333 in eu-central-1"), "{problem}");
    }

    proptest! {
        #[test]
        fn no_history_makes_more_calls_in_any_span_than_aws_takes(
            pauses in prop::collection::vec(0_u64..700, 1..80)
        ) {
            let start = Instant::now();
            let mut level = Level { tokens: 6.0, at: start };
            let mut now = start;
            let mut calls = Vec::new();
            for pause in pauses {
                now += Duration::from_millis(pause);
                if level.take(GET_FINDINGS, now).is_zero() {
                    calls.push(now);
                }
            }
            for (first, &from) in calls.iter().enumerate() {
                for (last, &to) in calls.iter().enumerate().skip(first) {
                    let allowed = 6.0 + 3.0 * to.duration_since(from).as_secs_f64();
                    prop_assert!((last - first + 1) as f64 <= allowed + 0.001);
                }
            }
        }
    }
}
