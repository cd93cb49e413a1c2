//! When to look again. Plain data: no clock.

use crate::model::problem::{Disposition, Problem};
use std::time::Duration;

/// When to look again, unless something wakes the claim before: the soonest of what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Again {
    backoff: bool,
    resync: bool,
    wait: bool,
    after: Option<Duration>,
}

/// How long each kind of pause is.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    pub growing: Duration,
    pub resync: Duration,
    pub wait: Duration,
}

impl Again {
    /// Nothing is left to do.
    pub const NEVER: Self = Self { backoff: false, resync: false, wait: false, after: None };
    /// Everything is as it should be: look for drift at the usual pace.
    pub const RESYNC: Self = Self { resync: true, ..Self::NEVER };
    /// Something waits for a change in AWS: within five minutes.
    pub const WAIT: Self = Self { wait: true, ..Self::NEVER };
    /// Something failed that passes by itself: with growing pauses, which other wishes cut short.
    pub const BACKOFF: Self = Self { backoff: true, ..Self::NEVER };

    /// At a known time.
    pub const fn after(pause: Duration) -> Self {
        Self { after: Some(pause), ..Self::NEVER }
    }

    /// The sooner of two. Which that is depends on how far a growing pause has grown, so that both are kept.
    pub fn sooner(self, other: Self) -> Self {
        Self {
            backoff: self.backoff || other.backoff,
            resync: self.resync || other.resync,
            wait: self.wait || other.wait,
            after: self.after.into_iter().chain(other.after).min(),
        }
    }

    /// Whether something failed that passes by itself: the next such pause is a longer one.
    pub fn grows(self) -> bool {
        self.backoff
    }

    /// The pause until then. None: nothing is left to do.
    pub fn pause(self, pauses: Pauses) -> Option<Duration> {
        let Self { backoff, resync, wait, after } = self;
        let Pauses { growing, resync: usual, wait: longest } = pauses;
        let asked = [backoff.then_some(growing), resync.then_some(usual), wait.then_some(longest), after];
        asked.into_iter().flatten().min()
    }
}

impl Problem {
    /// When it may have gone.
    pub fn again(&self) -> Again {
        match self.disposition {
            Disposition::Retry => self.after.map_or(Again::BACKOFF, Again::after),
            Disposition::Wait | Disposition::Stop => Again::WAIT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const GROWN: Duration = Duration::from_secs(300);

    fn pause(again: Again, growing: Duration) -> Option<Duration> {
        let (resync, wait) = (Duration::from_secs(60), Duration::from_secs(300));
        again.pause(Pauses { growing, resync, wait })
    }

    #[test]
    fn what_failed_and_passes_is_tried_again_soon_whatever_else_is_waited_for() {
        let fixed =
            [Again::after(Duration::from_secs(1)), Again::after(GROWN), Again::RESYNC, Again::WAIT, Again::NEVER];
        for other in fixed {
            for both in [Again::BACKOFF.sooner(other), other.sooner(Again::BACKOFF)] {
                assert_eq!((pause(both, FIRST), both.grows()), (Some(FIRST), true), "{other:?}");
            }
        }
    }

    #[test]
    fn a_pause_that_has_grown_keeps_nothing_waiting_that_was_due_before() {
        for (other, due) in [(Again::after(Duration::from_secs(1)), 1), (Again::RESYNC, 60), (Again::NEVER, 300)] {
            assert_eq!(pause(Again::BACKOFF.sooner(other), GROWN), Some(Duration::from_secs(due)), "{other:?}");
        }
    }

    #[test]
    fn a_known_time_that_is_far_off_keeps_no_look_for_drift_waiting() {
        let far = Again::after(GROWN);
        assert_eq!(pause(far.sooner(Again::RESYNC), FIRST), Some(Duration::from_secs(60)));
        assert_eq!(pause(far.sooner(Again::after(FIRST)), GROWN), Some(FIRST));
        assert_eq!(pause(Again::NEVER, FIRST), None);
    }
}
