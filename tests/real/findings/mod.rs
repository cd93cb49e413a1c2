//! From a finding to a contained instance and back to the finding, and from a queue to Quarantines: on a real API server,
//! Security Hub and SQS over HTTP.

mod automatic;
mod newer_hub;
mod sources;
pub mod stage;
mod targets;
mod template;
mod told;
mod unlost;
