//! The one table that turns an AWS error code into what is to be done about it, and the one type that carries it.
//!
//! Codes: "Error codes for the Amazon EC2 API" (Amazon EC2 API Reference), "Common errors" and "AssumeRole" (AWS STS
//! API Reference), "GetFindings", "BatchUpdateFindingsUnprocessedFinding" and "CreateActionTarget" (AWS Security Hub API
//! Reference), "ReceiveMessage" and "DeleteMessageBatch" (Amazon SQS API Reference). SDKs give SQS' codes as its query
//! protocol has them (header x-amzn-query-error), services that send none give the names of the errors' shapes; both are
//! here. An unknown code is a value, not a panic: it is retried and shown as AWS said it.

use crate::api::Reason;
use std::{fmt, time::Duration};

/// What is to be done about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// It passes by itself: try again, with backoff.
    Retry,
    /// It waits for a change elsewhere (a right granted, a group made): look again within five minutes.
    Wait,
    /// A person must act. It is still looked at again within five minutes: what they do may be in AWS.
    Stop,
}

/// Stands for a code where an answer came and can't be decoded.
const UNDECODABLE: &str = "AnswerUndecodable";

/// Something that stands in the way, in the form in which conditions show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub disposition: Disposition,
    pub reason: Reason,
    /// A sentence that says what is wrong and what to do next.
    pub message: String,
    /// The AWS error code, where AWS answered.
    pub code: Option<String>,
    /// When trying again is of use, where that is known.
    pub after: Option<Duration>,
}

impl Problem {
    pub fn new(disposition: Disposition, reason: Reason, message: impl Into<String>) -> Self {
        Self { disposition, reason, message: message.into(), code: None, after: None }
    }

    /// From an error answer of AWS to `operation` (service and operation as IAM names them, such as
    /// `ec2:DescribeInstances`).
    pub fn from_code(operation: &str, code: &str, said: &str) -> Self {
        let Row { disposition, reason, advice } = look_up(operation, code);
        let said = if said.is_empty() { code } else { said };
        let advice = if advice.is_empty() {
            String::new()
        } else {
            format!(" {}", advice.replace("{operation}", operation).replace("{action}", iam_action(operation)))
        };
        let said = said.trim_end_matches('.');
        Self {
            disposition,
            reason,
            message: format!("{operation}: {code}: {said}.{advice}"),
            code: Some(code.to_owned()),
            after: None,
        }
    }

    /// The call got no answer: it may have been applied, or not.
    pub fn no_answer(operation: &str, why: impl fmt::Display) -> Self {
        Self::new(
            Disposition::Retry,
            Reason::AwsUnavailable,
            format!("{operation} got no answer ({why}); what became of it is read again before anything else is done."),
        )
    }

    /// The call was answered, and the SDK can't decode what was.
    pub fn undecodable(operation: &str, why: impl fmt::Display) -> Self {
        Self { code: Some(UNDECODABLE.to_owned()), ..Self::no_answer(operation, why) }
    }

    pub fn is_undecodable(&self) -> bool {
        self.code.as_deref() == Some(UNDECODABLE)
    }

    /// Whether fresh credentials may help.
    pub fn is_expired_session(&self) -> bool {
        self.code.as_deref().is_some_and(|code| EXPIRED.contains(&code))
    }

    /// The same, of a call that was made with fresh credentials: it isn't the session that has expired.
    pub fn despite_fresh_credentials(self) -> Self {
        let message = self.message.replace(FRESH_ONES, "Fresh credentials are refused, too. ");
        Self { disposition: Disposition::Stop, message: format!("{}{CHECK_CLOCK}", message), ..self }
    }

    /// Whether AWS said no, or was never asked, because too much was or because it isn't trusted: then nothing was
    /// applied, and nothing of it arrives later.
    pub fn is_refusal(&self) -> bool {
        let never_sent = [Reason::Throttled, Reason::CertificateNotTrusted];
        never_sent.contains(&self.reason) || (self.code.is_some() && self.reason != Reason::AwsUnavailable)
    }
}

/// Of a session that has expired, but also of a request that was signed by a clock that is wrong.
const EXPIRED: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"];

const FRESH_ONES: &str = "It is tried again with fresh credentials.";

const CHECK_CLOCK: &str = "Check the clock of the operator's node and its credentials.";

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

impl std::error::Error for Problem {}

/// The calls to the newer Security Hub go by the actions of those to Security Hub CSPM ("GetFindingsV2",
/// "BatchUpdateFindingsV2", AWS Security Hub API Reference).
fn iam_action(operation: &str) -> &str {
    operation.strip_suffix("V2").unwrap_or(operation)
}

struct Row {
    disposition: Disposition,
    reason: Reason,
    advice: &'static str,
}

const fn row(disposition: Disposition, reason: Reason, advice: &'static str) -> Row {
    Row { disposition, reason, advice }
}

fn look_up(operation: &str, code: &str) -> Row {
    use Disposition::{Retry, Stop, Wait};
    match code {
        // A quota of things for what makes one, of calls for the others: one code for both.
        "LimitExceededException" if operation == "securityhub:CreateActionTarget" => row(
            Wait,
            Reason::CustomActionRefused,
            "Delete a custom action that nobody needs: an account has room for 50.",
        ),
        "RequestLimitExceeded"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestThrottled"
        | "EC2ThrottledException"
        | "LimitExceededException"
        | "KMS.ThrottlingException"
        | "KmsThrottled"
        | "SlowDown" => row(Retry, Reason::Throttled, "It is tried again more slowly."),
        "ServiceUnavailable"
        | "Unavailable"
        | "InternalError"
        | "InternalFailure"
        | "InternalServerError"
        | "InternalServerException"
        | "InternalException"
        | "RequestTimeout"
        | "RequestTimeoutException" => row(Retry, Reason::AwsUnavailable, "It is tried again."),
        code if EXPIRED.contains(&code) => row(Retry, Reason::CredentialsUnavailable, FRESH_ONES),
        "RequestTimeTooSkewed" | "SignatureDoesNotMatch" => row(Stop, Reason::CredentialsUnavailable, CHECK_CLOCK),
        "AuthFailure"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "MissingAuthenticationToken"
        | "InvalidAccessKeyId"
        | "OptInRequired" => row(
            Stop,
            Reason::AccessDenied,
            "Check that the operator's credentials are valid, that the region is enabled for the account, and that AWS lets them call {operation}.",
        ),
        // Also where the newer Security Hub is off: the API Reference names no other error.
        "AccessDeniedException" if iam_action(operation) != operation => row(
            Stop,
            Reason::AccessDenied,
            "Enable Security Hub in that account and region, and allow {action} on hubv2/* in the IAM policy of the role that is used there.",
        ),
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" | "Client.UnauthorizedOperation" => row(
            Stop,
            Reason::AccessDenied,
            "Allow {operation} in the IAM policy of the operator's role, and look for a deny in organisation policies.",
        ),
        "InvalidAccessException" => row(
            Stop,
            Reason::AccessDenied,
            "Enable Security Hub CSPM in that account and region, and allow {operation} in the IAM policy of the role that is used there.",
        ),
        "OperationNotPermitted" => row(
            Stop,
            Reason::InterfaceRefused,
            "AWS manages this resource and refuses changes to it: isolate it through the service that owns it.",
        ),
        "InvalidInstanceID.NotFound" => row(Stop, Reason::InstanceNotFound, "Check id, region and account."),
        "InvalidInstanceID.Malformed" => row(Stop, Reason::InstanceNotFound, "Check the id: it is no instance id."),
        "InvalidGroup.NotFound"
        | "InvalidSecurityGroupID.NotFound"
        | "InvalidGroupId.Malformed"
        | "InvalidSecurityGroupId.Malformed" => {
            row(Wait, Reason::GroupNotFound, "The security group doesn't exist or lies in another VPC.")
        }
        "InvalidVpcID.NotFound" => row(Retry, Reason::AwsRefused, "The VPC is looked for again."),
        "InvalidPrefixListID.NotFound" | "InvalidPrefixListId.NotFound" => row(
            Wait,
            Reason::GroupNotFound,
            "A rule of the isolation group names a prefix list that doesn't exist: correct the rule.",
        ),
        "RulesPerSecurityGroupLimitExceeded" | "SecurityGroupLimitExceeded" => row(
            Wait,
            Reason::GroupLimitExceeded,
            "Raise the quota in Service Quotas (Amazon VPC), or declare fewer ingress rules.",
        ),
        "InvalidNetworkInterfaceID.NotFound" => row(Retry, Reason::VerifyingGone, "It is looked for again."),
        "SecurityGroupsPerInterfaceLimitExceeded" => {
            row(Wait, Reason::GroupLimitExceeded, "Raise the quota 'Security groups per network interface'.")
        }
        "TagLimitExceeded" => row(Wait, Reason::TagsNotWritten, "Remove tags from the interface: 50 are allowed."),
        "IncorrectInstanceState" | "IncorrectState" | "ResourceBusy" => {
            row(Retry, Reason::AwsUnavailable, "The resource is changing: it is tried again.")
        }
        "FindingNotFound" => row(Wait, Reason::FindingNotFound, "Check the finding's id, product and region."),
        "ResourceNotFoundException" if operation == "securityhub:BatchUpdateFindingsV2" => {
            row(Wait, Reason::FindingNotFound, "Check the finding's id, product and account.")
        }
        "ConcurrentUpdateError" | "ConflictException" => row(Retry, Reason::FindingNotUpdated, "It is tried again."),
        "DuplicatedFindingIdentifier"
        | "FindingSizeExceeded"
        | "InvalidInput"
        | "ProductArnMissing"
        | "AccountMissing" => row(Stop, Reason::FindingNotUpdated, ""),
        "ResourceConflictException" | "ResourceNotFoundException" => {
            row(Retry, Reason::CustomActionRefused, "The custom action is looked for again.")
        }
        "AWS.SimpleQueueService.NonExistentQueue"
        | "QueueDoesNotExist"
        | "AWS.SimpleQueueService.QueueDeletedRecently"
        | "QueueDeletedRecently" => row(
            Stop,
            Reason::QueueNotFound,
            "Check the queue's URL, and that its region is the source's. If it is another account's, check that its policy names the operator's role.",
        ),
        "InvalidAddress" => row(Stop, Reason::QueueNotFound, "Check the queue's URL."),
        "KMS.AccessDeniedException" | "KmsAccessDenied" => row(
            Stop,
            Reason::QueueRefused,
            "Allow kms:Decrypt on the queue's key: in the key's policy, and in the IAM policy of the role that reads the queue.",
        ),
        "KMS.DisabledException"
        | "KmsDisabled"
        | "KMS.InvalidKeyUsageException"
        | "KmsInvalidKeyUsage"
        | "KMS.InvalidStateException"
        | "KmsInvalidState"
        | "KMS.NotFoundException"
        | "KmsNotFound"
        | "KMS.OptInRequired"
        | "KmsOptInRequired" => row(Stop, Reason::QueueRefused, "Check the KMS key that the queue is encrypted with."),
        "InvalidSecurity" => {
            row(Stop, Reason::QueueRefused, "The queue takes calls over HTTPS only: check the endpoint.")
        }
        "OverLimit" => row(
            Retry,
            Reason::QueueRefused,
            "As many messages as SQS allows are received and not deleted: look who else reads the queue. It is tried again.",
        ),
        "ReceiptHandleIsInvalid" | "MessageNotInflight" | "AWS.SimpleQueueService.MessageNotInflight" => {
            row(Retry, Reason::QueueRefused, "The message is received again.")
        }
        "DependencyViolation"
        | "InvalidParameterValue"
        | "InvalidParameterCombination"
        | "InvalidInstanceID"
        | "InvalidInputException"
        | "InvalidAttributeName"
        | "InvalidAttributeValue"
        | "UnsupportedOperation"
        | "AWS.SimpleQueueService.UnsupportedOperation"
        | "ValidationError"
        | "ValidationException" => row(Stop, Reason::AwsRefused, ""),
        "InvalidGroup.Duplicate" => row(Stop, Reason::GroupNameTaken, ""),
        _ => row(Retry, Reason::AwsRefused, "It is tried again."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_known_code_says_what_is_to_be_done() {
        use Disposition::{Retry, Stop, Wait};
        for (code, disposition, reason) in [
            ("RequestLimitExceeded", Retry, Reason::Throttled),
            ("ServiceUnavailable", Retry, Reason::AwsUnavailable),
            ("InternalError", Retry, Reason::AwsUnavailable),
            ("UnauthorizedOperation", Stop, Reason::AccessDenied),
            ("AuthFailure", Stop, Reason::AccessDenied),
            ("OperationNotPermitted", Stop, Reason::InterfaceRefused),
            ("InvalidInstanceID.NotFound", Stop, Reason::InstanceNotFound),
            ("InvalidInstanceID.Malformed", Stop, Reason::InstanceNotFound),
            ("InvalidGroup.NotFound", Wait, Reason::GroupNotFound),
            ("InvalidSecurityGroupID.NotFound", Wait, Reason::GroupNotFound),
            ("InvalidGroupId.Malformed", Wait, Reason::GroupNotFound),
            ("InvalidNetworkInterfaceID.NotFound", Retry, Reason::VerifyingGone),
            ("SecurityGroupsPerInterfaceLimitExceeded", Wait, Reason::GroupLimitExceeded),
            ("TagLimitExceeded", Wait, Reason::TagsNotWritten),
            ("IncorrectInstanceState", Retry, Reason::AwsUnavailable),
            ("IncorrectState", Retry, Reason::AwsUnavailable),
            ("InvalidParameterValue", Stop, Reason::AwsRefused),
            ("RequestExpired", Retry, Reason::CredentialsUnavailable),
            ("ExpiredToken", Retry, Reason::CredentialsUnavailable),
            ("ExpiredTokenException", Retry, Reason::CredentialsUnavailable),
            ("RequestTimeTooSkewed", Stop, Reason::CredentialsUnavailable),
            ("TooManyRequestsException", Retry, Reason::Throttled),
            ("LimitExceededException", Retry, Reason::Throttled),
            ("InternalException", Retry, Reason::AwsUnavailable),
            ("InvalidAccessException", Stop, Reason::AccessDenied),
            ("InvalidInputException", Stop, Reason::AwsRefused),
            ("FindingNotFound", Wait, Reason::FindingNotFound),
            ("ConcurrentUpdateError", Retry, Reason::FindingNotUpdated),
            ("InvalidInput", Stop, Reason::FindingNotUpdated),
            ("ResourceConflictException", Retry, Reason::CustomActionRefused),
            ("ResourceNotFoundException", Retry, Reason::CustomActionRefused),
            ("AWS.SimpleQueueService.NonExistentQueue", Stop, Reason::QueueNotFound),
            ("QueueDoesNotExist", Stop, Reason::QueueNotFound),
            ("InvalidAddress", Stop, Reason::QueueNotFound),
            ("KMS.AccessDeniedException", Stop, Reason::QueueRefused),
            ("KmsAccessDenied", Stop, Reason::QueueRefused),
            ("KMS.DisabledException", Stop, Reason::QueueRefused),
            ("OverLimit", Retry, Reason::QueueRefused),
            ("ReceiptHandleIsInvalid", Retry, Reason::QueueRefused),
            ("RequestThrottled", Retry, Reason::Throttled),
        ] {
            let problem = Problem::from_code("ec2:Describe", code, "");
            assert_eq!((problem.disposition, problem.reason), (disposition, reason), "{code}");
        }
    }

    #[test]
    fn an_unknown_code_is_retried_and_shown_as_aws_said_it() {
        let problem = Problem::from_code("ec2:CreateTags", "BrandNewCode", "Something new.");
        assert_eq!(problem.disposition, Disposition::Retry);
        assert_eq!(problem.message, "ec2:CreateTags: BrandNewCode: Something new. It is tried again.");
    }

    #[test]
    fn a_limit_is_one_of_custom_actions_where_one_is_made_and_else_one_of_calls() {
        let problem = |operation| Problem::from_code(operation, "LimitExceededException", "");
        let made = problem("securityhub:CreateActionTarget");
        assert_eq!((made.disposition, made.reason), (Disposition::Wait, Reason::CustomActionRefused));
        assert_eq!(problem("securityhub:GetFindings").reason, Reason::Throttled);
    }

    #[test]
    fn the_newer_security_hub_has_words_and_rights_of_its_own() {
        use Disposition::{Retry, Stop, Wait};
        for (code, disposition, reason) in [
            ("ResourceNotFoundException", Wait, Reason::FindingNotFound),
            ("ConflictException", Retry, Reason::FindingNotUpdated),
            ("InternalServerException", Retry, Reason::AwsUnavailable),
            ("ThrottlingException", Retry, Reason::Throttled),
            ("ValidationException", Stop, Reason::AwsRefused),
            ("AccessDeniedException", Stop, Reason::AccessDenied),
        ] {
            let problem = Problem::from_code("securityhub:BatchUpdateFindingsV2", code, "");
            assert_eq!((problem.disposition, problem.reason), (disposition, reason), "{code}");
        }
        let denied = Problem::from_code("securityhub:GetFindingsV2", "AccessDeniedException", "").message;
        assert!(denied.contains("allow securityhub:GetFindings on hubv2/*"), "{denied}");
    }

    #[test]
    fn a_refusal_names_the_permission_that_is_missing() {
        let problem = Problem::from_code("ec2:CreateTags", "UnauthorizedOperation", "You are not authorized.");
        assert!(problem.message.contains("Allow ec2:CreateTags in the IAM policy"), "{}", problem.message);
    }
}
