//! What goes wrong in a real organisation: each case a test of its own, on real parts.

mod holders;
mod limits;
mod managed;
mod moving;
mod policy;
