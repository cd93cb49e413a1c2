//! Where and as whom AWS is asked. Plain data: sessions are opened elsewhere.

/// An account's region, and as whom to go there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    pub account_id: String,
    pub region: String,
    /// The role to assume; absent: the operator's own credentials.
    pub role: Option<Role>,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role {
    pub arn: String,
    /// What the role's trust policy asks for.
    pub external_id: Option<String>,
    /// Stands in CloudTrail beside each call: 2 to 64 characters of `[\w+=,.@-]` ("AssumeRole", AWS STS API Reference).
    pub session_name: String,
}

/// The session name where nobody gives one.
pub const SESSION_NAME: &str = "quarantine-operator";

impl Role {
    /// `arn:<partition>:iam::<account>:role/<name>`.
    pub fn named(partition: &str, account_id: &str, name: &str, external_id: Option<&String>) -> Self {
        Self {
            arn: format!("arn:{partition}:iam::{account_id}:role/{name}"),
            external_id: external_id.cloned(),
            session_name: SESSION_NAME.to_owned(),
        }
    }

    pub fn with_session_name(self, given: Option<&String>) -> Self {
        Self { session_name: given.cloned().unwrap_or(self.session_name), ..self }
    }
}
