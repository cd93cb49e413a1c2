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
//! | [`json`] | JSON as strict as it must be |
//! | [`text`] | what others wrote, made fit to be shown: cleaned, and bounded where something bounds it |

pub mod arn;
pub mod asff;
pub mod finding;
pub mod instance;
pub mod json;
pub mod ocsf;
pub mod text;

/// Tags, by key.
pub type Tags = std::collections::BTreeMap<String, String>;
