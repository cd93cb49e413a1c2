//! The operator as people use it: apply, look, disturb, delete. One operator for all of these tests, each with an AWS
//! account of its own, reached through a role with an external id, and a namespace and a class of its own.

mod admission;
mod containment;
mod controller;
mod groups;
mod release;
pub mod scene;
