//! One case each: a scene, a look, what was done and what is said.

mod admission;
mod already_isolated;
mod automatic;
mod containment;
mod dry_run;
mod finding_targets;
mod findings;
mod groups;
mod holders;
mod newer_hub;
mod passing_on;
mod policy;
mod refusals;
mod release;
mod suspended;
mod tags;
mod unusual_release;
