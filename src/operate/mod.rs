//! What keeps the process running: watches, the controller, back-off, probes and metrics over HTTP, shutdown. Nothing here decides about a claim.

mod backoff;
mod controller;
mod endpoints;
mod objects;
mod own_node;
mod put_back;
mod serve;
mod sources;
mod watches;

pub use controller::{End, Operator, Settings};
pub use endpoints::Endpoints;
