//! Watches the Quarantines of a namespace beside the operator, and keeps when each one was first seen, and first seen
//! contained: `status.containedAt` has whole seconds only.

use crate::support::claims::{Desk, holds};
use futures::StreamExt;
use kube::{
    ResourceExt,
    runtime::{WatchStreamExt, utils::Backoff, watcher},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

#[derive(Clone, Default)]
pub struct Seen {
    pub made: HashMap<String, Instant>,
    pub contained: HashMap<String, Instant>,
}

/// Ends with the test.
pub struct Witness {
    seen: Arc<Mutex<Seen>>,
    watching: JoinHandle<()>,
}

impl Witness {
    pub fn of(desk: &Desk) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let kept = seen.clone();
        let claims = watcher(desk.claims.clone(), watcher::Config::default()).backoff(Soon).applied_objects();
        let watching = tokio::spawn(claims.for_each(move |claim| {
            if let Ok(claim) = claim {
                let (now, mut seen) = (Instant::now(), kept.lock().expect("nobody panics with it"));
                seen.made.entry(claim.name_any()).or_insert(now);
                if holds(&claim, "Contained") {
                    seen.contained.entry(claim.name_any()).or_insert(now);
                }
            }
            std::future::ready(())
        }));
        Self { seen, watching }
    }

    pub fn made(&self) -> usize {
        self.seen.lock().expect("nobody panics with it").made.len()
    }

    pub fn contained(&self) -> usize {
        self.seen.lock().expect("nobody panics with it").contained.len()
    }

    pub fn seen(&self) -> Seen {
        self.seen.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// After an API server that was away the usual pauses are longer than what is to be seen.
struct Soon;

impl Iterator for Soon {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(Duration::from_millis(200))
    }
}

impl Backoff for Soon {
    fn reset(&mut self) {}
}
