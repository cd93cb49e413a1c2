//! Values that are made on demand and kept: one attempt serves all who ask while it runs, a success is kept for good, a
//! failure is told to those who waited and then forgotten.
//!
//! What a `OnceCell` lacks: with it, a hundred askers of an unreachable region would wait for a hundred time-outs, one
//! after the other.

use crate::model::problem::Problem;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

type Attempt<V> = Shared<BoxFuture<'static, Result<V, Problem>>>;

/// Values by key. Bounded only by the keys that succeed.
pub struct Kept<K, V: Clone> {
    attempts: Mutex<HashMap<K, Attempt<V>>>,
}

impl<K, V: Clone> Default for Kept<K, V> {
    fn default() -> Self {
        Self { attempts: Mutex::default() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone + Send + Sync + 'static> Kept<K, V> {
    /// The value kept for `key`, the outcome of an attempt under way, or that of `make`. An asker that is dropped
    /// leaves the attempt to the others.
    pub async fn get<F>(&self, key: &K, make: impl FnOnce() -> F) -> Result<V, Problem>
    where
        F: Future<Output = Result<V, Problem>> + Send + 'static,
    {
        let attempt = self.attempts().entry(key.clone()).or_insert_with(|| make().boxed().shared()).clone();
        let outcome = attempt.clone().await;
        if outcome.is_err() {
            self.forget(key, &attempt);
        }
        outcome
    }

    /// Unless another attempt has taken its place already.
    fn forget(&self, key: &K, failed: &Attempt<V>) {
        let mut attempts = self.attempts();
        if attempts.get(key).is_some_and(|present| present.ptr_eq(failed)) {
            attempts.remove(key);
        }
    }

    /// A poisoned lock is as good as any: no entry is ever half written.
    fn attempts(&self) -> MutexGuard<'_, HashMap<K, Attempt<V>>> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn a_hundred_askers_of_one_key_share_one_attempt_and_its_failure() {
        let (kept, attempts, gate) =
            (Kept::<u8, u8>::default(), Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let ask = || {
            let (attempts, gate) = (attempts.clone(), gate.clone());
            kept.get(&1, || async move {
                attempts.fetch_add(1, Ordering::SeqCst);
                gate.acquire().await.expect("the gate is never closed").forget();
                Err(Problem::no_answer("ec2:Describe", "cut"))
            })
        };
        let all = futures::future::join_all((0..100).map(|_| ask()));
        let (outcomes, ()) = futures::future::join(all, async { gate.add_permits(100) }).await;
        assert!(outcomes.iter().all(Result::is_err));
        assert_eq!(attempts.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_failure_is_forgotten_and_a_success_is_kept() {
        let kept = Kept::<u8, u8>::default();
        assert!(kept.get(&1, || async { Err(Problem::no_answer("ec2:Describe", "cut")) }).await.is_err());
        assert_eq!(kept.get(&1, || async { Ok(7) }).await, Ok(7));
        assert_eq!(kept.get(&1, || async { Ok(8) }).await, Ok(7));
    }
}
