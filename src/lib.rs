//! An operator that cuts an EC2 instance off with its incident-response security group on every network interface, and
//! puts everything back exactly when the claim is deleted.
//!
//! The map of the crate, in the order in which a claim travels:
//!
//! | module | what happens there |
//! |---|---|
//! | [`api`] | the custom resources: types, validation rules, names; nothing that acts |
//! | [`intake`] | messages in a queue into claims: what is read, what counts, what is made of it |
//! | [`quarantine`] | the loop: observe, decide, record, act |
//! | [`model`] | the domain in plain types: ARNs, instances, findings; what both a queue and Security Hub bring is read here |
//! | [`aws`] | what the loop may ask of AWS, in the domain's words: sessions, EC2, one error table |
//! | [`check`] | what the operator needs and doesn't have; after a restore, records held against interfaces; before an uninstall, what is held; reads only |
//! | [`metrics`] | what is measured: the one place that names metrics |
//! | [`operate`] | what keeps the process running: leader election, controller wiring, probes, shutdown |
//!
//! Two binaries stand on it: the operator (`src/main.rs`), and the kubectl plugin (`src/plugin`), which uses [`api`]
//! and [`model`] alone.
//!
//! `docs/architecture.md` holds the rules that never break and the names of the tests that hold them.

#![forbid(unsafe_code)]

pub mod api;
pub mod aws;
pub mod check;
pub mod intake;
pub mod metrics;
pub mod model;
pub mod operate;
pub mod quarantine;
