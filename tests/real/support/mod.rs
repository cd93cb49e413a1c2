//! What the tests on real parts share: the stack, one operator on it, claims, and waiting with a deadline.

pub mod claims;
pub mod network;
pub mod operator;
pub mod own_stack;
pub mod process;
mod stack;
pub mod wait;

pub use operator::operator;
pub use stack::{apply_crds, client, client_from, client_of, stack};
