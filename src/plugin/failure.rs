//! Why a command ends without having done what was asked: what to say, and which exit code. Pure.

use kube::{
    Error,
    core::{Status, response::StatusSummary},
};
use quarantine_operator::model::text;
use std::fmt;

/// Long enough for the API server's longest answers, which list each wrong field.
const MOST: usize = 4_096;

#[derive(Debug)]
pub enum Failure {
    /// Something or somebody says no.
    Refused(String),
    /// What was said on the command line isn't enough; nothing was sent.
    Usage(String),
    /// The time to wait has passed.
    TimedOut(String),
    /// Ctrl-C while waiting.
    Interrupted(String),
}

impl Failure {
    /// Those that shells and `timeout` use, beside 1 and 2.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) => 1,
            Self::Usage(_) => 2,
            Self::TimedOut(_) => 124,
            Self::Interrupted(_) => 130,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(said) | Self::Usage(said) | Self::TimedOut(said) | Self::Interrupted(said)) = self;
        f.write_str(&text::lines(said))
    }
}

/// What the API server, or the way there, says to a call; `doing` is what the call was to do.
pub fn of(doing: &str, error: &Error) -> Failure {
    Failure::Refused(match error {
        Error::Api(status) => answered(doing, status),
        Error::Auth(_) => format!("can't {doing}: the kubeconfig's credentials can't be had: {}", chain(error)),
        Error::SerdeError(_) => format!(
            "can't {doing}: the answer can't be read: {}. Is this plugin older than the operator's custom resources?",
            chain(error)
        ),
        _ => format!("can't {doing}: the API server can't be reached: {}", chain(error)),
    })
}

/// Whether the API server answered with this code.
pub fn is(error: &Error, code: u16) -> bool {
    matches!(error, Error::Api(status) if status.code == code)
}

/// Whether there is no such object: not whether the API server knows no such kind.
pub fn is_no_object(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404 && status.reason == "NotFound")
}

fn answered(doing: &str, status: &Status) -> String {
    let said = text::plain(&status.message, MOST);
    match status.code {
        401 => format!(
            "can't {doing}: the API server doesn't know who you are: {said}. Log in anew, or see to the kubeconfig."
        ),
        403 => format!("can't {doing}: {said}"),
        404 if status.reason != "NotFound" => format!(
            "can't {doing}: this cluster has no Quarantines: its custom resources aren't installed, see docs/operations.md, \"Install\""
        ),
        422 if !causes(status).is_empty() => format!("can't {doing}:\n{}", causes(status)),
        _ if status.status == Some(StatusSummary::Failure) || !said.is_empty() => format!("can't {doing}: {said}"),
        code => format!("can't {doing}: the API server answers {code}"),
    }
}

/// A line for each wrong field. Those that only follow from another one say nothing that helps.
fn causes(status: &Status) -> String {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    let told = causes.filter(|cause| !cause.message.contains("some validation rules were not checked"));
    let lines = told.map(|cause| {
        let message = text::plain(&cause.message, MOST);
        if cause.field.is_empty() { format!("  {message}") } else { format!("  {}: {message}", cause.field) }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The error and what it comes from; a part that its successor repeats is left out.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let said = text::plain(&error.to_string(), MOST);
        if !parts.last().is_some_and(|last| last.contains(&said)) {
            parts.push(said);
        }
        next = error.source();
    }
    parts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn said(code: u16, rest: Value) -> String {
        let mut status = json!({"status": "Failure", "code": code, "message": "No."});
        status.as_object_mut().expect("an object").extend(rest.as_object().expect("an object").clone());
        let status: Status = serde_json::from_value(status).expect("a status");
        of("create it", &Error::Api(Box::new(status))).to_string()
    }

    #[test]
    fn each_wrong_field_has_a_line_with_the_rules_own_words() {
        let causes = json!([
            {"field": "spec.target.instance.region", "message": "Invalid value: must be an AWS region", "reason": "FieldValueInvalid"},
            {"field": "<nil>", "message": "Invalid value: null: some validation rules were not checked because the object was invalid"},
        ]);
        assert_eq!(
            said(422, json!({"reason": "Invalid", "details": {"causes": causes}})),
            "can't create it:\n  spec.target.instance.region: Invalid value: must be an AWS region"
        );
    }

    #[test]
    fn a_kind_that_nobody_knows_is_told_from_an_object_that_is_not_there() {
        assert!(said(404, json!({"reason": "Failed to parse error data"})).contains("aren't installed"));
        let no_namespace = json!({"reason": "NotFound", "message": "namespaces \"ir\" not found"});
        assert_eq!(said(404, no_namespace), "can't create it: namespaces \"ir\" not found");
    }

    #[test]
    fn what_the_server_says_can_not_drive_the_terminal() {
        assert_eq!(said(403, json!({"message": "no\u{1b}[2J\nway"})), "can't create it: no [2J way");
    }
}
