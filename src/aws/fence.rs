//! Whether anything may be changed in AWS: not by a replica that no longer leads.
//!
//! A lease alone keeps nobody from acting who doesn't know yet that it is lost. So each attempt of a changing call looks
//! here right before it is sent, when its credentials are there and it is signed. `settings` bounds how long it may take
//! then, so that none is under way any more when the next replica may begin. What is left: a process that is frozen
//! between its look and the sending sends when it is thawed.

use crate::api::Reason;
use crate::model::problem::{Disposition, Problem};
use aws_sdk_ec2::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use jiff::Timestamp;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What the log says at debug of each change that is sent, with the time of the look.
const SENT: &str = "this replica may act, and a change is sent";

/// Open while changes may be sent. Cheap to clone; all clones open and close together.
#[derive(Clone, Debug)]
pub struct Fence(Arc<Mutex<Gate>>);

#[derive(Clone, Copy, Debug)]
enum Gate {
    Open,
    OpenUntil(Instant),
    Closed,
}

impl Fence {
    /// Open for good: of an operator that has no other beside it.
    pub fn open() -> Self {
        Self::at(Gate::Open)
    }

    /// Closed until somebody opens it.
    pub fn closed() -> Self {
        Self::at(Gate::Closed)
    }

    fn at(gate: Gate) -> Self {
        Self(Arc::new(Mutex::new(gate)))
    }

    /// Opens it, or keeps it open, until then. Nobody need close it in time: a process that stands still couldn't.
    pub fn open_until(&self, then: Instant) {
        *self.gate() = Gate::OpenUntil(then);
    }

    pub fn close(&self) {
        *self.gate() = Gate::Closed;
    }

    pub fn is_open(&self) -> bool {
        match *self.gate() {
            Gate::Open => true,
            Gate::OpenUntil(then) => Instant::now() < then,
            Gate::Closed => false,
        }
    }

    /// A poisoned lock is as good as any: the gate is never half written.
    fn gate(&self) -> MutexGuard<'_, Gate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Intercept for Fence {
    fn name(&self) -> &'static str {
        "Fence"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // Before the look: a process may stand still right after it.
        let looked = Timestamp::now();
        if !self.is_open() {
            return Err(NotLeading.into());
        }
        tracing::debug!(%looked, "{SENT}");
        Ok(())
    }
}

/// The fence was closed.
#[derive(Debug, thiserror::Error)]
#[error("this replica no longer leads")]
pub struct NotLeading;

impl NotLeading {
    /// Nothing of the call was sent.
    pub fn problem(&self, operation: &str) -> Problem {
        let message = format!("{operation} was not sent: {self}. The one that leads goes on with it.");
        Problem::new(Disposition::Retry, Reason::NotLeading, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_fence_that_nobody_keeps_open_closes_by_itself() {
        let fence = Fence::closed();
        assert!(!fence.is_open());
        fence.open_until(Instant::now() + Duration::from_secs(60));
        assert!(fence.clone().is_open(), "clones open together");
        fence.open_until(Instant::now());
        assert!(!fence.is_open());
    }
}
