//! The one way to make a call: counted, timed, logged and traced at debug, its error translated. What is called is the
//! caller's business.

use super::budget::Budget;
use super::fence::Fence;
use super::renewal::{Expired, Renewal};
use super::sdk_error::{SdkError, chain, problem_of};
use crate::api::Reason;
use crate::metrics::{Metrics, Outcome};
use crate::model::problem::Problem;
use aws_config::SdkConfig;
use aws_sdk_ec2::error::ProvideErrorMetadata;
use aws_sdk_ec2::operation::RequestId;
use std::error::Error as StdError;
use std::time::Instant;
use tracing::{Instrument as _, debug_span, field::Empty};

/// What the services' clients are made from.
pub struct Clients {
    pub reads: SdkConfig,
    pub changes: SdkConfig,
    /// What each attempt of a change looks at.
    pub fence: Fence,
}

/// Where and as whom calls are made; names them in the log and in errors.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Empty until it is known.
    pub account_id: String,
    pub region: String,
    /// The role whose credentials are used; the operator's own if absent.
    pub role_arn: Option<String>,
    pub metrics: Metrics,
    pub renewal: Renewal,
}

/// A session whose calls keep to AWS' rates.
#[derive(Clone, Debug)]
pub struct Paced {
    pub session: Session,
    pub budget: Budget,
}

impl Paced {
    /// Makes `call` as soon as AWS takes one more. It isn't sent, and its time-outs don't begin, before.
    pub async fn call<T, E>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, SdkError<E>>>,
    ) -> Result<T, Problem>
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        self.budget.take(operation).instrument(debug_span!("wait for AWS' rate", operation)).await?;
        self.session.call(operation, call).await
    }
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
        let Self { account_id: account, region, role_arn, metrics, renewal } = self;
        // The attributes are named as in OpenTelemetry's semantic conventions for AWS SDK clients.
        let span = debug_span!(
            "AWS", otel.name = operation, otel.kind = "client", otel.status_code = Empty, rpc.system.name = "aws-api",
            rpc.method = operation, cloud.account.id = account, cloud.region = region, aws.request_id = Empty,
            error.type = Empty
        );
        let began = Instant::now();
        let outcome = call.instrument(span.clone()).await;
        let took = began.elapsed();
        let milliseconds = took.as_millis() as u64;
        match outcome {
            Ok(answer) => {
                tracing::debug!(operation, account, region, milliseconds, "AWS answered");
                metrics.aws_called(operation, Outcome::Ok, took);
                renewal.succeeded(role_arn.as_deref(), operation);
                Ok(answer)
            }
            Err(error) => {
                // Not its Debug form: that holds the whole answer, which may be one with credentials in it.
                let (code, request_id, said, why) = (error.code(), error.request_id(), error.message(), chain(&error));
                tracing::debug!(operation, account, region, milliseconds, code, request_id, said, why, "AWS refused");
                span.record("otel.status_code", "ERROR").record("error.type", code.unwrap_or("no answer"));
                span.record("aws.request_id", request_id);
                metrics.aws_called(operation, code.map_or(Outcome::NoAnswer, Outcome::Code), took);
                let problem = problem_of(operation, role_arn.as_deref(), &error);
                if problem.reason == Reason::Throttled {
                    metrics.aws_throttled(operation);
                }
                let expired =
                    problem.is_expired_session().then(|| renewal.expired(role_arn.as_deref(), operation, began));
                Err(if expired == Some(Expired::InVain) { problem.despite_fresh_credentials() } else { problem })
            }
        }
    }
}
