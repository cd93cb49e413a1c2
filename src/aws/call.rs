//! The one way to make a call: measured, logged at debug, its error translated. What is called is the caller's business.

use super::Problem;
use super::sdk_error::{SdkError, chain, problem_of};
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::operation::RequestId;
use std::error::Error as StdError;
use std::time::Instant;

/// Where and as whom calls are made; names them in the log and in errors.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Empty until it is known.
    pub account_id: String,
    pub region: String,
    /// The role whose credentials are used; the operator's own if absent.
    pub role_arn: Option<String>,
}

impl Session {
    /// Makes `call`; `operation` is named as in IAM policies (`ec2:DescribeInstances`).
    pub async fn call<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Problem>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let began = Instant::now();
        let outcome = call.await;
        let milliseconds = began.elapsed().as_millis() as u64;
        let Self { account_id: account, region, role_arn } = self;
        match outcome {
            Ok(answer) => {
                tracing::debug!(operation, account, region, milliseconds, "AWS answered");
                Ok(answer)
            }
            Err(error) => {
                // Not its Debug form: that holds the whole answer, which may be one with credentials in it.
                let (code, request_id, said, why) = (error.code(), error.request_id(), error.message(), chain(&error));
                tracing::debug!(operation, account, region, milliseconds, code, request_id, said, why, "AWS refused");
                Err(problem_of(operation, role_arn.as_deref(), &error))
            }
        }
    }
}
