//! The tests on real parts: an etcd and a kube-apiserver, and the AWS emulator over HTTP. One binary, because each one
//! links the whole AWS SDK.
//!
//! | module | what is proved there |
//! |---|---|
//! | `alerts` | the alert rules and the dashboard, by promtool and by a Prometheus that scrapes an operator |
//! | `api` | what the API server refuses, and with which words |
//! | `wire` | what `src/aws` says and understands |
//! | `e2e` | the operator as people use it: apply, look, delete |
//! | `findings` | findings as targets, what they are told, sources of Quarantines |
//! | `install` | the chart and deploy/, with the real helm and kustomize |
//! | `intake` | bursts of findings, through deaths of the operator and an API server that is away |
//! | `gitops` | how kstatus and Argo CD read objects in each state, and the examples for Flux and Argo CD |
//! | `hard` | what goes wrong in a real organisation |
//! | `meant` | releases that wait for a person |
//! | `lost` | records lost, forged or older than what was done; `check --after-restore` |
//! | `metrics` | what /metrics, /livez and /readyz say of an operator, and when |
//! | `needs` | `check`: what the operator needs, made missing in turn |
//! | `plugin` | the kubectl plugin, as it is built |
//! | `process` | the operator as its own process: start, survival, end |
//! | `reasons` | the reasons that no other test meets |
//! | `recovery` | the operator cut off at every single call |
//! | `replicas` | several of them, of which one leads |
//! | `traces` | what an operator tells a collector, and what comes of one that is away |
//!
//! The parts must lie ready: `cargo xtask tools` builds them. Without them every test here fails and says so.

#![forbid(unsafe_code)]

mod alerts;
mod api;
mod e2e;
mod findings;
mod gitops;
mod hard;
mod install;
mod intake;
mod lost;
mod meant;
mod metrics;
mod needs;
mod plugin;
mod process;
mod reasons;
mod recovery;
mod replicas;
mod support;
mod traces;
mod wire;
