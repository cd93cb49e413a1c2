//! What keeps the process running: watches, the controller, back-off, shutdown. Nothing here decides about a claim.

mod backoff;
mod controller;
mod own_node;
mod put_back;
mod sources;
mod watches;

pub use controller::{End, Operator, Settings};
