//! What keeps the process running: leader election, watches, the controller, back-off, probes and metrics over HTTP, log
//! and traces, shutdown. Nothing here decides about a claim.

mod backoff;
mod client;
mod controller;
mod elect;
mod endpoints;
mod fields;
pub mod lease;
mod objects;
mod put_back;
mod replica;
mod serve;
mod sources;
mod stored;
mod survive;
pub mod telemetry;
mod watches;

pub use client::client;
pub use controller::{End, Operator, Settings};
pub use elect::{Candidate, Election};
pub use endpoints::Endpoints;
pub use replica::run;
