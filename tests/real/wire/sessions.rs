//! Where and as whom: the operator's own account, roles in others, and whose credentials are refused.

use super::account::{REGION, config, credentials, fresh_id, place};
use super::emulator::{calls, change_trust, create_role, endpoint, fail};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use futures::future::join_all;
use quarantine_operator::{
    api::Reason,
    aws::Sessions,
    model::{
        finding::FindingKey,
        place::{Place, Role},
        problem::{Disposition, Problem},
    },
};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ROLE: &str = "quarantine-target";
const EXTERNAL_ID: &str = "from-the-class";

/// The operator in its own account, and another account with a role that lets it in.
struct Pair {
    own: String,
    target: String,
    role_arn: String,
    sessions: Sessions,
}

impl Pair {
    async fn fresh() -> Self {
        let (own, target) = (fresh_id(), fresh_id());
        let role_arn = create_role(&target, ROLE, &own, EXTERNAL_ID);
        let sessions = Sessions::new(config(&endpoint(), credentials(&own)).await);
        Self { own, target, role_arn, sessions }
    }

    fn place(&self, region: &str, external_id: &str) -> Place {
        let role = Role {
            arn: self.role_arn.clone(),
            external_id: Some(external_id.to_owned()),
            session_name: "quarantine-operator".to_owned(),
        };
        Place { account_id: self.target.clone(), region: region.to_owned(), role: Some(role) }
    }
}

#[tokio::test]
async fn the_operators_own_identity_is_asked_for_once() {
    let own = fresh_id();
    let sessions = Sessions::new(config(&endpoint(), credentials(&own)).await);
    let identity = sessions.own_identity().await.unwrap();
    assert_eq!((identity.account_id.as_str(), identity.partition.as_str()), (own.as_str(), "aws"));
    assert_eq!(sessions.own_identity().await.unwrap(), identity);
    assert_eq!(calls(&own, "GetCallerIdentity").len(), 1);
}

#[tokio::test]
async fn another_account_without_a_role_is_the_wrong_account() {
    let (own, other) = (fresh_id(), fresh_id());
    let sessions = Sessions::new(config(&endpoint(), credentials(&own)).await);
    let problem = sessions.ec2(&place(&other)).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::WrongAccount));
    assert!(problem.message.contains(&own) && problem.message.contains(&other), "{problem}");
    assert!(problem.message.contains("assumeRole.roleName"), "{problem}");
}

#[tokio::test]
async fn an_expired_session_is_tried_once_more_with_fresh_credentials_before_a_clock_is_blamed() {
    const CALL: &str = "DescribeSecurityGroups";
    for code in ["RequestExpired", "ExpiredToken", "ExpiredTokenException"] {
        let id = fresh_id();
        let fetched = Arc::new(AtomicUsize::new(0));
        let provider = Counted { account: id.clone(), fetched: fetched.clone() };
        let sessions = Sessions::new(config(&endpoint(), provider).await);
        let ec2 = sessions.ec2(&place(&id)).await.unwrap();
        let fetched = || fetched.load(Ordering::SeqCst);
        let refuse = |times| fail(&id, CALL, json!({"code": code, "status": 400, "times": times}));
        assert_eq!(fetched(), 1);
        refuse(1);
        let once = ec2.groups_named("any").await.unwrap_err();
        assert_eq!(outline(&once), (Disposition::Retry, Reason::CredentialsUnavailable), "{once}");
        ec2.groups_named("any").await.expect("the fresh credentials are taken");
        assert_eq!(fetched(), 2, "{code}");
        refuse(3);
        assert_eq!(ec2.groups_named("any").await.unwrap_err(), once);
        let twice = ec2.groups_named("any").await.unwrap_err();
        assert_eq!(outline(&twice), (Disposition::Stop, Reason::CredentialsUnavailable), "{twice}");
        assert!(twice.message.contains("Check the clock of the operator's node"), "{twice}");
        assert_eq!(ec2.groups_named("any").await.unwrap_err(), twice, "it reads the same at each look");
        assert_eq!(fetched(), 3, "{code}");
    }
}

/// Gives an account's credentials, and counts how often.
#[derive(Debug)]
struct Counted {
    account: String,
    fetched: Arc<AtomicUsize>,
}

impl ProvideCredentials for Counted {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.fetched.fetch_add(1, Ordering::SeqCst);
        future::ProvideCredentials::ready(Ok(credentials(&self.account)))
    }
}

#[tokio::test]
async fn a_role_with_its_external_id_leads_into_its_account() {
    let pair = Pair::fresh().await;
    let ec2 = pair.sessions.ec2(&pair.place(REGION, EXTERNAL_ID)).await.unwrap();
    ec2.groups_named("isolation").await.unwrap();
    assert_eq!(calls(&pair.target, "DescribeSecurityGroups").len(), 1);
    assert!(calls(&pair.own, "DescribeSecurityGroups").is_empty());
}

#[tokio::test]
async fn a_wrong_external_id_names_the_role_and_what_to_check() {
    let pair = Pair::fresh().await;
    let problem = pair.sessions.ec2(&pair.place(REGION, "wrong")).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::AssumeRoleFailed));
    assert_eq!(problem.code.as_deref(), Some("AccessDenied"));
    for part in [pair.role_arn.as_str(), "trust policy", "externalId"] {
        assert!(problem.message.contains(part), "{problem}");
    }
}

#[tokio::test]
async fn a_role_of_another_account_than_asked_for_is_the_wrong_account() {
    let pair = Pair::fresh().await;
    let asked = Place { account_id: fresh_id(), ..pair.place(REGION, EXTERNAL_ID) };
    let problem = pair.sessions.ec2(&asked).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::WrongAccount));
    assert!(problem.message.contains(&pair.role_arn), "{problem}");
}

#[tokio::test]
async fn a_refusal_is_not_kept_once_the_trust_policy_is_right() {
    let pair = Pair::fresh().await;
    let place = pair.place(REGION, "changed");
    pair.sessions.ec2(&place).await.unwrap_err();
    change_trust(&pair.target, ROLE, &pair.own, "changed");
    pair.sessions.ec2(&place).await.unwrap();
}

#[tokio::test]
async fn two_regions_share_one_assume_role_call() {
    let pair = Pair::fresh().await;
    for region in [REGION, "us-west-2"] {
        let ec2 = pair.sessions.ec2(&pair.place(region, EXTERNAL_ID)).await.unwrap();
        ec2.groups_named("isolation").await.unwrap();
    }
    assert_eq!(calls(&pair.own, "AssumeRole").len(), 1);
    let regions: Vec<_> =
        calls(&pair.target, "DescribeSecurityGroups").iter().map(|call| call["region"].clone()).collect();
    assert_eq!(regions, [json!(REGION), json!("us-west-2")]);
}

#[tokio::test]
async fn many_askers_at_once_open_a_place_once() {
    let pair = Pair::fresh().await;
    let place = pair.place(REGION, EXTERNAL_ID);
    let opened = join_all((0..50).map(|_| pair.sessions.ec2(&place))).await;
    assert!(opened.iter().all(Result::is_ok));
    assert_eq!(calls(&pair.own, "AssumeRole").len(), 1);
    assert_eq!(calls(&pair.target, "GetCallerIdentity").len(), 1);
}

#[tokio::test]
async fn the_services_of_a_place_share_its_role_and_its_check() {
    let pair = Pair::fresh().await;
    let place = pair.place(REGION, EXTERNAL_ID);
    let (ec2, hub, sqs) =
        tokio::join!(pair.sessions.ec2(&place), pair.sessions.security_hub(&place), pair.sessions.sqs(&place));
    ec2.unwrap().groups_named("isolation").await.unwrap();
    let key = FindingKey { id: "finding-1".to_owned(), product_arn: None, account_id: None };
    let not_enabled = hub.unwrap().findings(key).await.unwrap_err();
    let no_queue = sqs.unwrap().queue(&format!("{}/{}/findings", endpoint(), pair.target)).await.unwrap_err();
    assert_eq!((not_enabled.reason, no_queue.reason), (Reason::AccessDenied, Reason::QueueNotFound));
    for action in ["DescribeSecurityGroups", "GetFindings", "GetQueueAttributes"] {
        assert_eq!((calls(&pair.target, action).len(), calls(&pair.own, action).len()), (1, 0), "{action}");
    }
    assert_eq!(calls(&pair.own, "AssumeRole").len(), 1);
    assert_eq!(calls(&pair.target, "GetCallerIdentity").len(), 1);
}

#[tokio::test]
async fn no_service_answers_for_the_wrong_account() {
    let (own, other) = (fresh_id(), fresh_id());
    let sessions = Sessions::new(config(&endpoint(), credentials(&own)).await);
    for refused in [sessions.security_hub(&place(&other)).await.err(), sessions.sqs(&place(&other)).await.err()] {
        assert_eq!(outline(&refused.unwrap()), (Disposition::Stop, Reason::WrongAccount));
    }
}

#[tokio::test]
async fn an_assume_role_call_that_is_cut_off_is_tried_again_later() {
    let pair = Pair::fresh().await;
    fail(&pair.own, "AssumeRole", json!({"kind": "drop", "times": 2}));
    let problem = pair.sessions.ec2(&pair.place(REGION, EXTERNAL_ID)).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::AwsUnavailable));
    assert!(problem.message.contains("sts:AssumeRole got no answer"), "{problem}");
    pair.sessions.ec2(&pair.place(REGION, EXTERNAL_ID)).await.unwrap();
}

#[tokio::test]
async fn no_credentials_say_where_to_get_some() {
    let sessions = Sessions::new(config(&endpoint(), NoCredentials).await);
    let problem = sessions.own_identity().await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::CredentialsUnavailable));
    assert!(problem.message.contains("EKS Pod Identity"), "{problem}");
}

#[tokio::test]
async fn no_credentials_to_assume_a_role_with_are_not_the_roles_fault() {
    let pair = Pair::fresh().await;
    let sessions = Sessions::new(config(&endpoint(), NoCredentials).await);
    let problem = sessions.ec2(&pair.place(REGION, EXTERNAL_ID)).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::CredentialsUnavailable));
    assert!(problem.message.starts_with("sts:AssumeRole was not sent"), "{problem}");
}

/// A chain of credential providers that found nothing.
#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("no provider in the chain had any")))
    }
}

fn outline(problem: &Problem) -> (Disposition, Reason) {
    (problem.disposition, problem.reason)
}
