//! The SDK's types to the plain ones, and the few that go the other way. Nothing is left out in silence: an answer that
//! lacks what identifies a thing is a problem, not a smaller answer.

pub mod ec2;
pub mod finding;
pub mod ocsf;
pub mod queue;

use crate::api::Reason;
use crate::model::problem::{Disposition, Problem};

pub fn required(what: &str, value: Option<&str>) -> Result<String, Problem> {
    value.map(str::to_owned).ok_or_else(|| missing(what))
}

pub fn missing(what: &str) -> Problem {
    let message = format!("AWS answered without {what}. It is asked again.");
    Problem::new(Disposition::Retry, Reason::AwsRefused, message)
}
