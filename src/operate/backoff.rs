//! Growing pauses, per claim.

use crate::api::Quarantine;
use kube::runtime::reflector::ObjectRef;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, PoisonError},
    time::Duration,
};

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(300);
const API_SERVER_AWAY: Duration = Duration::from_secs(10);

/// How often in a row each claim has failed.
#[derive(Default)]
pub struct Backoff(Mutex<HashMap<ObjectRef<Quarantine>, u32>>);

impl Backoff {
    /// The pause before the next try: twice as long each time, with jitter, at most five minutes.
    pub fn pause(&self, claim: &ObjectRef<Quarantine>) -> Duration {
        self.pause_within(claim, LONGEST)
    }

    /// While the API server is away: at most ten seconds, since at its return all who waited have work to do.
    pub fn pause_for_the_api_server(&self, claim: &ObjectRef<Quarantine>) -> Duration {
        self.pause_within(claim, API_SERVER_AWAY)
    }

    fn pause_within(&self, claim: &ObjectRef<Quarantine>, longest: Duration) -> Duration {
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(claim.clone()).or_default();
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(*count)).min(longest);
        *count = count.saturating_add(1).min(16);
        jittered(pause)
    }

    /// The claim went well, or is gone: the next pause is a short one again.
    pub fn reset(&self, claim: &ObjectRef<Quarantine>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(claim);
    }
}

/// Up to a tenth shorter, so that many claims don't come back at the same moment.
pub fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 1_000;
    // At most 999, so it fits.
    pause.mul_f64(1.0 - f64::from(u32::try_from(random).unwrap_or_default()) / 10_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_start_anew_after_a_success() {
        let (backoff, claim) = (Backoff::default(), ObjectRef::<Quarantine>::new("web").within("ir"));
        let pauses: Vec<Duration> = (0..14).map(|_| backoff.pause(&claim)).collect();
        for pair in pauses[..9].windows(2) {
            assert!(pair[1] > pair[0].mul_f64(1.7), "{pauses:?}");
        }
        assert!(pauses.iter().all(|pause| *pause <= LONGEST) && pauses[13] > LONGEST.mul_f64(0.8), "{pauses:?}");
        backoff.reset(&claim);
        assert!(backoff.pause(&claim) <= FIRST);
    }

    #[test]
    fn whoever_waits_for_the_api_server_comes_back_within_ten_seconds() {
        let (backoff, claim) = (Backoff::default(), ObjectRef::<Quarantine>::new("web").within("ir"));
        let pauses: Vec<Duration> = (0..14).map(|_| backoff.pause_for_the_api_server(&claim)).collect();
        assert!(pauses[0] <= FIRST && pauses[3] > FIRST * 7, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_secs(10)), "{pauses:?}");
    }
}
