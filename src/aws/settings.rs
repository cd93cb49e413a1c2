//! How long a call to AWS may take and how often the SDK may try it. No other file sets either.
//!
//! The controller's own backoff rules, so the SDK tries little. Without these settings a call has no time-out at all
//! ("Configure client timeouts", AWS SDK for Rust Developer Guide).

use super::renewal::Renewal;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::time::Duration;

pub const CONNECT: Duration = Duration::from_secs(3);

/// A read is tried twice: a lost packet shouldn't cost a whole reconcile. Together with the SDK's pause of at most a
/// second between them, both attempts fit into the limit.
const READ_ATTEMPTS: u32 = 2;
const READ_ATTEMPT: Duration = Duration::from_secs(5);
const READ: Duration = Duration::from_secs(12);

/// A changing call is tried once: one that was cut off may have been applied, and that is read before anything else is
/// done. It must end before another replica may act: the times of the leader lease are held to that (`operate::lease`),
/// with the pause between the last look at the lease and the end of the call counted as the whole of this.
pub const LONGEST_CHANGE: Duration = Duration::from_secs(4);

/// For how long the kernel sends again what of a change nobody acknowledges (TCP_USER_TIMEOUT): it has ended before the
/// call is given up, so that nothing of it arrives later, also where the process stands still and gives nothing up.
pub const UNACKNOWLEDGED: Duration = Duration::from_secs(3);
const _: () = assert!(UNACKNOWLEDGED.as_millis() < LONGEST_CHANGE.as_millis());

/// All pages of a read that many wait for: none of them may wait for ever, whatever the pages say.
pub const ALL_PAGES: Duration = Duration::from_secs(60);

/// For how long SQS may wait for a message before it answers that there is none: the most that it takes ("Amazon SQS
/// short and long polling", Amazon SQS Developer Guide). What is late beyond that is late as a read is.
pub const LONG_POLL: Duration = Duration::from_secs(20);
const RECEIVE: Duration = LONG_POLL.saturating_add(READ_ATTEMPT);

/// The SDK's defaults as of a named version: an update of the SDK changes none of them.
pub fn behavior_version() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

/// `base` with our limits for reads, `renewal` as its cache of credentials, and our name in CloudTrail's userAgent.
pub fn apply(base: SdkConfig, renewal: &Renewal) -> SdkConfig {
    let app_name = base.app_name().cloned().unwrap_or_else(app_name);
    base.into_builder()
        .behavior_version(behavior_version())
        .retry_config(retries_of_reads())
        .timeout_config(timeouts_of_reads())
        .identity_cache(renewal.clone())
        .app_name(app_name)
        .build()
}

pub fn retries_of_reads() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(READ_ATTEMPTS)
}

pub fn timeouts_of_reads() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(READ_ATTEMPT)
        .operation_timeout(READ)
        .build()
}

/// `reads` with our limits for changes, over `http`.
pub fn of_changes(reads: &SdkConfig, http: SharedHttpClient) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(LONGEST_CHANGE)
        .operation_timeout(LONGEST_CHANGE)
        .build();
    let changes = reads.to_builder().retry_config(RetryConfig::disabled()).timeout_config(timeouts);
    changes.http_client(http).build()
}

/// For a receive, which is sent once as a change is: what an answer that was lost held stays hidden and counts as
/// received, so the caller looks whether it may go on before it receives again.
pub fn timeouts_of_receives() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(RECEIVE)
        .operation_timeout(RECEIVE)
        .build()
}

fn app_name() -> AppName {
    AppName::new(env!("CARGO_PKG_NAME")).expect("letters and a dash, under 50 characters, are a valid AppName")
}
