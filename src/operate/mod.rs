//! What keeps the process running: leader election, watches, the controller, back-off, shutdown. Nothing here decides about
//! a claim.

mod backoff;
mod controller;
mod elect;
pub mod lease;
mod own_node;
mod put_back;
mod replica;
mod sources;
mod watches;

pub use controller::{End, Operator, Settings};
pub use elect::{Candidate, Election};
pub use replica::run;
