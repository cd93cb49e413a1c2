//! The two loops as machines without I/O: `step(self, now, answer) -> (self, request)`. A driver carries the requests out: the operator
//! with its clients, the simulation and the model with theirs.
//!
//! A cache tells a loop that nothing is to be done. Before anything is written or sent, what counts is read live, or the API server
//! confirms the version from which it was decided.

mod containment;
mod quarantine;

pub use containment::ContainmentLoop;
pub use quarantine::QuarantineLoop;

use crate::{
    call::{Call, Outcome},
    decide::Decision,
    holders::Presence,
    interface::Requeue,
    look::Look,
    object::{Containment, Holder, Quarantine, Version},
};

/// What a machine wants done next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// Read the Containment: from the cache, or live from the API server.
    ReadContainment { live: bool },
    /// Read the Quarantine that this loop is about.
    ReadQuarantine { live: bool },
    /// Read the Quarantine of each of these holders, by namespace and name.
    ReadHolders { holders: Vec<Holder>, live: bool },
    /// Read the instance from EC2. `again`: a moment later, for the last read was doubted.
    Look { again: bool },
    /// Store what was decided in the Containment's status, if its version is still this one. Where nothing differs, nothing is
    /// written; but before calls the API server must confirm the version.
    Record { decision: Box<Decision>, version: Version },
    /// AWS gave no picture: say so in the conditions. Nothing else of the status changes.
    Report { version: Version },
    /// Write the Containment's holders and finalizer, if its version is still this one.
    WriteHolders { holders: Vec<Holder>, finalized: bool, version: Version },
    /// Create the Containment, with its finalizer.
    CreateContainment { holders: Vec<Holder> },
    /// Delete the Containment, if it is still this one in this version.
    DeleteContainment { uid: String, version: Version },
    /// Put our finalizer on the Quarantine or take it off, if its version is still this one.
    WriteFinalizer { uid: String, finalized: bool, version: Version },
    /// Send these calls.
    Act { calls: Vec<Call> },
    /// Nothing is left to be done now.
    Done(Requeue),
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// To a new machine.
    Begin,
    Containment(Option<Containment>),
    Quarantine(Option<Quarantine>),
    Holders(Vec<Presence>),
    /// None: AWS gave no picture.
    Looked(Option<Look>),
    Written(Result<Version, WriteFailure>),
    /// One for each call.
    Acted(Vec<Outcome>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteFailure {
    /// The object has another version, or is gone, or is there already.
    Conflict,
    /// It may have been written.
    Unanswered,
}
