//! The local stack: a real etcd and kube-apiserver, and an AWS emulator, for the demo and for the tests.
//! This file is the map; the project's commands are in `main.rs` and `commands/`.
//!
//! - [`stack`]: starts the parts together, hands out what a client needs, and stops them whatever happens
//! - [`control_plane`]: etcd, kube-apiserver, kube-controller-manager: their flags and when each is ready
//! - [`emulator`]: the AWS emulator
//! - [`guest`]: a cluster that is there, in which the demo is a guest
//! - [`python_environment`]: Python environments with pinned packages, for the emulator and for hadolint
//! - [`tools`]: finds the Go tools, wherever they lie, or builds them into the cache folder
//! - [`setup`]: what has to be there before a stack can start, and how it gets there
//! - [`prerequisites`]: programs that a person installs, named all at once
//! - [`process`]: children that never outlive this process
//! - [`job`]: one command run to its end, with its output in a log; several such side by side
//! - [`chart`], [`values`]: what is made of other files for installing
//! - [`without`]: the tests that are left out with a tool
//! - [`progress`]: what a person sees meanwhile
//! - [`kubeconfig`], [`http`], [`run_dir`], [`workspace`]: files, one GET, and folders
//!
//! Everything here blocks and knows no async runtime, so that any kind of test can call it.

// Not forbidden: `process` has the one exception. tests/supply_chain.rs holds that there is no other.
#![deny(unsafe_code)]

pub mod chart;
pub mod control_plane;
pub mod emulator;
pub mod guest;
pub mod http;
pub mod job;
pub mod kubeconfig;
pub mod prerequisites;
pub mod process;
pub mod progress;
pub mod python_environment;
pub mod run_dir;
pub mod setup;
pub mod stack;
pub mod tools;
pub mod values;
pub mod without;
pub mod workspace;

pub use stack::{Stack, StackOptions};
