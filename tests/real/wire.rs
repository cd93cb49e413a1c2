//! `src/aws` over real HTTP against the AWS emulator: what each call sends, what its answer becomes, and what happens
//! when the answer is an error, late, or lost. Each test has an AWS account of its own, so that they run side by side.
//!
//! Not here: what moto answers otherwise than AWS (tools/aws-emulator/README.md), and what the loop makes of it.

pub mod account;
mod budget;
mod changes;
pub mod emulator;
mod failures;
mod fence;
mod findings;
pub mod hub;
mod hub_changes;
pub mod hub_v2;
mod late;
mod pages;
mod queues;
mod reads;
mod sessions;
