//! The SDK's errors to problems: what AWS answered goes through the table in `model::problem`, what it didn't answer is told
//! apart here.
//!
//! Messages become conditions, so that they must read the same at each attempt: no request ids, no encoded texts.

use super::fence::NotLeading;
use crate::api::Reason;
use crate::model::problem::{Disposition, Problem};
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_ec2::error::ProvideErrorMetadata;
pub use aws_sdk_ec2::error::SdkError;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_sdk_sts::operation::assume_role_with_web_identity::AssumeRoleWithWebIdentityError;
use rustls::CertificateError;
use std::error::Error as StdError;
use std::iter::successors;

const ASSUME_ROLE: &str = "sts:AssumeRole";
const TAG_SESSION: &str = "sts:TagSession";

/// What `error` of `operation` (as IAM names it) means. `role_arn`: the role that was to be assumed for the call.
pub fn problem_of<E>(operation: &str, role_arn: Option<&str>, error: &SdkError<E>) -> Problem
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            answered(operation, role_arn, status, error.code(), error.message().unwrap_or_default())
        }
        SdkError::ResponseError(answer) => {
            let status = answer.raw().status();
            let why = format!("HTTP status {}, {}", status.as_u16(), chain(error));
            if status.is_success() { Problem::undecodable(operation, why) } else { Problem::no_answer(operation, why) }
        }
        SdkError::ConstructionFailure(_) => not_sent(operation, &chain(error)),
        _ => match causes(error).find_map(|cause| cause.downcast_ref::<NotLeading>()) {
            Some(not_leading) => not_leading.problem(operation),
            None => untrusted(operation, error)
                .or_else(|| without_credentials(operation, role_arn, error))
                .unwrap_or_else(|| Problem::no_answer(operation, chain(error))),
        },
    }
}

fn answered(operation: &str, role_arn: Option<&str>, status: u16, code: Option<&str>, said: &str) -> Problem {
    match (code, role_arn) {
        // AWS' errors have other statuses: the SDK calls an answer so that it can't decode.
        (None, _) if (200..300).contains(&status) => {
            Problem::undecodable(operation, format!("HTTP status {status}, an answer that can't be decoded"))
        }
        (None, _) => Problem::no_answer(operation, format!("HTTP status {status}, not an answer of AWS")),
        (Some(code @ ("AccessDenied" | "ValidationError" | "RegionDisabledException")), Some(role))
            if operation == ASSUME_ROLE =>
        {
            role_refused(role, code, said)
        }
        (Some(code), _) => Problem::from_code(operation, code, steady(said)),
    }
}

/// "AssumeRole" and "How to use an external ID", AWS STS API Reference and IAM User Guide. AWS doesn't tell a missing
/// role from one that doesn't trust us. Transitive session tags need a right of their own: "Pass session tags in AWS STS",
/// IAM User Guide.
fn role_refused(role: &str, code: &str, said: &str) -> Problem {
    let said = steady(said).trim_end_matches('.');
    let advice = if said.contains(TAG_SESSION) {
        format!(
            "The operator's session has tags that go along, as EKS Pod Identity makes them: allow {TAG_SESSION} on it in \
             the operator's policy, and {TAG_SESSION} by the operator's role in its trust policy, beside {ASSUME_ROLE}."
        )
    } else {
        format!(
            "Check that it exists, that its trust policy names the operator's role and the class's externalId, and that \
             the operator's role may call {ASSUME_ROLE} on it."
        )
    };
    let message = format!("The role {role} can't be assumed: {code}: {said}. {advice}");
    Problem { code: Some(code.to_owned()), ..Problem::new(Disposition::Stop, Reason::AssumeRoleFailed, message) }
}

/// The problem of a certificate that isn't trusted, be it AWS' or a proxy's, at this call or at one for its credentials.
fn untrusted(operation: &str, error: &(dyn StdError + 'static)) -> Option<Problem> {
    let refused = every_cause(error).find_map(|cause| match cause.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(why) => Some(why),
        _ => None,
    })?;
    // In words of our own: the library's hold the time.
    let why = match refused {
        CertificateError::UnknownIssuer => "no authority that is trusted here has signed it",
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "it is for another name",
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => "by the clock here, this isn't its time",
        CertificateError::Revoked => "it was revoked",
        _ => "it can't be verified",
    };
    let message = format!(
        "{operation} was not sent: the certificate that was shown isn't trusted: {why}. Where a proxy opens connections, or \
         the endpoint is one of your own, mount a file with its authority's certificate and with those that AWS uses, and \
         name it in SSL_CERT_FILE (AWS_CA_BUNDLE isn't read)."
    );
    Some(Problem::new(Disposition::Stop, Reason::CertificateNotTrusted, message))
}

/// The problem of an error that happened while credentials were fetched; none if it happened later.
fn without_credentials(operation: &str, role_arn: Option<&str>, error: &(dyn StdError + 'static)) -> Option<Problem> {
    let causes = || causes(error).skip(1);
    if let Some(refused) = causes().find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleError, HttpResponse>>()) {
        return Some(problem_of(ASSUME_ROLE, role_arn, refused));
    }
    if let Some(refused) =
        causes().find_map(|cause| cause.downcast_ref::<SdkError<AssumeRoleWithWebIdentityError, HttpResponse>>())
    {
        return Some(problem_of("sts:AssumeRoleWithWebIdentity", None, refused));
    }
    match causes().find_map(|cause| cause.downcast_ref::<CredentialsError>())? {
        CredentialsError::CredentialsNotLoaded(_) | CredentialsError::InvalidConfiguration(_) => {
            Some(not_sent(operation, &chain(error)))
        }
        _ => Some(Problem::new(
            Disposition::Retry,
            Reason::CredentialsUnavailable,
            format!(
                "{operation} was not sent: credentials can't be had just now ({}). It is tried again.",
                chain(error)
            ),
        )),
    }
}

fn not_sent(operation: &str, why: &str) -> Problem {
    Problem::new(
        Disposition::Stop,
        Reason::CredentialsUnavailable,
        format!(
            "{operation} was not sent ({why}). Give the operator AWS credentials and a region: EKS Pod Identity or a role \
             for its service account, and AWS_REGION."
        ),
    )
}

/// What AWS said without the part that differs from call to call ("DecodeAuthorizationMessage", AWS STS API Reference).
/// The whole of it is in the log at debug.
fn steady(said: &str) -> &str {
    said.split("Encoded authorization failure message").next().unwrap_or(said).trim_end()
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |&cause| cause.source())
}

/// As `causes`, with what an error of input and output wraps, which it doesn't name as its source.
fn every_cause<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    successors(Some(error), |&cause| match cause.downcast_ref::<std::io::Error>() {
        Some(wrapping) => wrapping.get_ref().map(|wrapped| wrapped as &(dyn StdError + 'static)),
        None => cause.source(),
    })
}

/// The error and its causes on one line. Neighbours that say the same are said once.
pub fn chain(error: &(dyn StdError + 'static)) -> String {
    let on_one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts: Vec<String> = causes(error).map(|cause| on_one_line(cause.to_string())).collect();
    parts.dedup();
    parts.join(": ")
}
