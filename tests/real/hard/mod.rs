//! What goes wrong in a real organisation: each case a test of its own, on real parts.

mod managed;
mod policy;
