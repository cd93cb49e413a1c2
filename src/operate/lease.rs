//! The rules of the leader lease, which are those of client-go's leader election. Pure: what a replica saw, when by its own
//! clock, and what it may do then.
//!
//! The times that stand in a lease are its holder's, and clocks differ: nothing is concluded from them. A lease has run
//! out when this replica has seen it unchanged for as long as its holder said.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use std::time::{Duration, Instant};

/// How long what takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    duration: Duration,
    renew_deadline: Duration,
    retry_period: Duration,
}

impl Times {
    /// Between two tries: client-go's jitter takes up to so much longer, and at least one must fit into the deadline.
    const JITTER: f64 = 1.2;

    /// `longest_change`: for how long a call that changes something may go on after the last look at the lease.
    ///
    /// Errors: what doesn't fit together, with the numbers.
    pub fn new(
        duration: Duration,
        renew_deadline: Duration,
        retry_period: Duration,
        longest_change: Duration,
    ) -> Result<Self, String> {
        if duration <= renew_deadline + longest_change {
            return Err(format!(
                "the lease's duration ({duration:?}) must be longer than the renew deadline ({renew_deadline:?}) and the {longest_change:?} that a change in AWS may take together: else two replicas could change things at once"
            ));
        }
        if renew_deadline <= retry_period.mul_f64(Self::JITTER) {
            return Err(format!(
                "the renew deadline ({renew_deadline:?}) must be longer than {} retry periods ({retry_period:?}): else one failed try loses the lease",
                Self::JITTER
            ));
        }
        if retry_period.is_zero() {
            return Err("the retry period must not be zero".to_owned());
        }
        Ok(Self { duration, renew_deadline, retry_period })
    }

    /// How long a holder may go on that hasn't renewed.
    pub fn renew_deadline(&self) -> Duration {
        self.renew_deadline
    }

    pub fn retry_period(&self) -> Duration {
        self.retry_period
    }
}

/// What is to be done about the lease.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// It is to be written so, over what was read.
    Write(LeaseSpec),
    /// It is `holder`'s, who has that long from now.
    Wait { holder: String, left: Duration },
}

/// One replica's view of the lease.
#[derive(Debug)]
pub struct View {
    identity: String,
    times: Times,
    /// The lease as it was last seen with a holder, and since when it has been seen so.
    seen: Option<(LeaseSpec, Instant)>,
}

impl View {
    pub fn new(identity: String, times: Times) -> Self {
        Self { identity, times, seen: None }
    }

    /// The lease was read, or isn't there; `now` is after the read, and `date` what is written as the time.
    pub fn judge(&mut self, read: Option<&LeaseSpec>, now: Instant, date: Timestamp) -> Step {
        // A lease that somebody deleted may have a holder who hasn't noticed: it runs out like any other.
        if let Some(read) = read
            && self.seen.as_ref().is_none_or(|(seen, _)| seen != read)
        {
            self.seen = Some((read.clone(), now));
        }
        match &self.seen {
            Some((seen, since)) if self.is_anothers(seen) => {
                let left = self.promised_by(seen).saturating_sub(now.saturating_duration_since(*since));
                if left.is_zero() {
                    Step::Write(self.taken(read, date))
                } else {
                    Step::Wait { holder: seen.holder_identity.clone().unwrap_or_default(), left }
                }
            }
            _ => Step::Write(self.taken(read, date)),
        }
    }

    fn is_anothers(&self, spec: &LeaseSpec) -> bool {
        spec.holder_identity.as_ref().is_some_and(|holder| !holder.is_empty() && *holder != self.identity)
    }

    /// What the holder said, who may run with other settings; one that said nothing gets ours.
    fn promised_by(&self, spec: &LeaseSpec) -> Duration {
        let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
        seconds.filter(|seconds| *seconds > 0).map_or(self.times.duration, Duration::from_secs)
    }

    /// The lease as this replica's, which keeps since when it was that already.
    fn taken(&self, before: Option<&LeaseSpec>, date: Timestamp) -> LeaseSpec {
        let ours = before.filter(|spec| spec.holder_identity.as_ref() == Some(&self.identity));
        let transitions = before.and_then(|spec| spec.lease_transitions).unwrap_or_default();
        let taken_from_another = before.is_some() && ours.is_none();
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(self.times.duration.as_secs()).ok(),
            acquire_time: ours.and_then(|spec| spec.acquire_time.clone()).or(Some(MicroTime(in_micros(date)))),
            renew_time: Some(MicroTime(in_micros(date))),
            lease_transitions: Some(transitions.saturating_add(i32::from(taken_from_another))),
            ..LeaseSpec::default()
        }
    }

    /// The lease as nobody's, where it is this replica's: whoever waits need wait no longer.
    pub fn given_back(&self, read: &LeaseSpec, date: Timestamp) -> Option<LeaseSpec> {
        let ours = read.holder_identity.as_ref() == Some(&self.identity);
        ours.then(|| LeaseSpec {
            holder_identity: Some(String::new()),
            lease_duration_seconds: Some(1),
            renew_time: Some(MicroTime(in_micros(date))),
            ..read.clone()
        })
    }
}

/// A lease has microseconds: what is written is then what is read.
fn in_micros(date: Timestamp) -> Timestamp {
    let nanoseconds = i64::from(date.subsec_nanosecond() % 1_000);
    date.checked_sub(SignedDuration::from_nanos(nanoseconds)).unwrap_or(date)
}

#[cfg(test)]
mod tests;
