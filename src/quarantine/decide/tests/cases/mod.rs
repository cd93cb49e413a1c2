//! One case each: a scene, a look, what was done and what is said.

mod admission;
mod already_isolated;
mod attached_later;
mod automatic;
mod branches;
mod containment;
mod dry_run;
mod finding_targets;
mod findings;
mod group_rules;
mod groups;
mod holders;
mod newer_hub;
mod owners;
mod passing_on;
mod policy;
mod refusals;
mod release;
mod suspended;
mod tags;
mod unusual_release;
