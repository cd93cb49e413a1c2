//! The domain in plain types: no SDK, no client, no cluster. Whoever reads a finding, from a queue or from Security Hub, reads it
//! here, so that both see the same.
//!
//! | module | what happens there |
//! |---|---|
//! | [`arn`] | the one parser of ARNs, and the forms of regions, accounts and partitions |
//! | [`instance`] | the form of an instance's id; the instances among a finding's resources |
//! | [`finding`] | what is known of a finding, and what is written on one |
//! | [`asff`] | a finding of Security Hub CSPM, whoever gave it |
//! | [`ocsf`] | a finding of the newer Security Hub, whoever gave it; its comment, signed |
//! | [`ec2`] | instances, interfaces, groups and their rules |
//! | [`place`] | an account's region, and the role to go there with |
//! | [`queue`] | queues and their messages |
//! | [`problem`] | the one table from an AWS error code to what is to be done |
//! | [`json`] | JSON as strict as it must be |
//! | [`text`] | what others wrote, made fit to be shown: cleaned, and bounded where something bounds it |

pub mod arn;
pub mod asff;
pub mod ec2;
pub mod finding;
pub mod instance;
pub mod json;
pub mod ocsf;
pub mod place;
pub mod problem;
pub mod queue;
pub mod text;

/// Tags, by key.
pub type Tags = std::collections::BTreeMap<String, String>;
