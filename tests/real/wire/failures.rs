//! Errors, late and lost answers: what each becomes, and how often the call was sent.

use super::account::{Account, config, credentials, owned, place};
use super::emulator::{calls, fail};
use quarantine_operator::api::Reason;
use quarantine_operator::{
    aws::Sessions,
    model::problem::{Disposition, Problem},
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::timeout;

const READ: &str = "DescribeNetworkInterfaces";
const CHANGE: &str = "ModifyNetworkInterfaceAttribute";

#[tokio::test]
async fn a_read_that_stays_throttled_is_sent_twice_and_then_left_to_the_backoff() {
    let account = Account::fresh().await;
    fail(&account.id, READ, json!({"code": "RequestLimitExceeded", "status": 503, "times": 9}));
    let problem = account.ec2.interfaces(&owned(["eni-00000000000000000"])).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::Throttled));
    assert_eq!(calls(&account.id, READ).len(), 2);
}

#[tokio::test]
async fn a_read_that_was_cut_off_once_is_sent_again_and_succeeds() {
    let account = Account::fresh().await;
    fail(&account.id, READ, json!({"kind": "drop"}));
    assert_eq!(account.ec2.interfaces(&owned(["eni-00000000000000000"])).await, Ok(vec![]));
    assert_eq!(calls(&account.id, READ).len(), 2);
}

#[tokio::test]
async fn a_change_whose_answer_is_lost_is_not_sent_again_though_it_was_made() {
    let change = change(json!({"kind": "drop", "when": "after"})).await;
    assert_eq!(outline(&change.problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!((change.made, change.sent), (true, 1));
}

#[tokio::test]
async fn a_change_that_is_cut_off_before_it_is_made_is_not_sent_again() {
    let change = change(json!({"kind": "drop"})).await;
    assert_eq!(outline(&change.problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!((change.made, change.sent), (false, 1));
}

#[tokio::test]
async fn a_change_that_is_throttled_is_not_sent_again() {
    let change = change(json!({"code": "RequestLimitExceeded", "status": 503})).await;
    assert_eq!(outline(&change.problem), (Disposition::Retry, Reason::Throttled));
    assert_eq!((change.made, change.sent), (false, 1));
}

#[tokio::test]
async fn a_change_that_fails_inside_aws_is_not_sent_again() {
    let change = change(json!({"code": "InternalError", "status": 500, "when": "after"})).await;
    assert_eq!(outline(&change.problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!((change.made, change.sent), (true, 1));
}

#[tokio::test]
async fn a_change_without_an_answer_ends_before_another_operator_may_lead() {
    let change = change(json!({"kind": "delay", "delayMs": 60_000})).await;
    assert_eq!(outline(&change.problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert_eq!((change.made, change.sent), (false, 0), "AWS hasn't answered yet");
}

#[tokio::test]
async fn a_refusal_reads_the_same_each_time_though_aws_encodes_it_afresh() {
    let account = Account::fresh().await;
    let mut messages = Vec::new();
    for encoded in ["kfxR3a", "9sbQ0z"] {
        let message = format!("You are not authorized. Encoded authorization failure message: {encoded}");
        fail(&account.id, CHANGE, json!({"code": "UnauthorizedOperation", "status": 403, "message": message}));
        messages.push(account.ec2.set_groups("eni-1", &owned(["sg-1"])).await.unwrap_err().message);
    }
    assert_eq!(messages[0], messages[1]);
    assert!(
        messages[0].contains("You are not authorized. Allow ec2:ModifyNetworkInterfaceAttribute"),
        "{}",
        messages[0]
    );
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at_is_aws_unavailable() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let sessions = Sessions::new(config(&format!("http://{nobody}"), credentials("500000000000")).await);
    let problem = sessions.ec2(&place("500000000000")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert!(problem.message.contains("Connection refused"), "{problem}");
}

/// leaseDuration − renewDeadline: what is left of a lost lease until the next operator acts.
const LEASE_MARGIN: Duration = Duration::from_secs(15 - 10);

/// How a swap of an interface's groups went.
struct Change {
    problem: Problem,
    /// Whether the groups are swapped now.
    made: bool,
    /// How often the call reached AWS and was answered or cut off.
    sent: usize,
}

/// Swaps an interface's groups while the call fails as `how` says.
async fn change(how: Value) -> Change {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
    let interface = account.interface(&subnet, &[&web]).await;
    fail(&account.id, CHANGE, how);
    let isolated = std::slice::from_ref(&isolation);
    // On a busy machine both may be late, but the call's own limit still comes first.
    let outcome = timeout(LEASE_MARGIN, account.ec2.set_groups(&interface, isolated)).await;
    let problem = outcome.expect("it ends before another operator may lead").expect_err("a refusal");
    let made = account.read(&interface).await.groups == isolated;
    Change { problem, made, sent: calls(&account.id, CHANGE).len() }
}

fn outline(problem: &Problem) -> (Disposition, Reason) {
    (problem.disposition, problem.reason)
}
