//! The fence: what of AWS a replica that doesn't lead may still ask, and that nothing it changes is sent.

use super::account::{Account, config, credentials, fresh_id, owned, place, tags};
use super::emulator::{all_calls, calls, endpoint};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, future};
use quarantine_operator::{
    api::Reason,
    aws::{Fence, Sessions},
    model::{
        ec2::{GroupRule, Peer},
        finding::{FindingChange, FindingKey},
        problem::{Disposition, Problem},
        queue::QueueMessage,
    },
};
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

const CHANGE: &str = "ModifyNetworkInterfaceAttribute";
const QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/000000000000/findings";

fn is_refused<T>(outcome: Result<T, Problem>, operation: &str) {
    let Err(problem) = outcome else { panic!("{operation} was sent") };
    assert_eq!(
        (problem.disposition, problem.reason),
        (Disposition::Retry, Reason::NotLeading),
        "{operation}: {problem}"
    );
    assert!(
        problem.message.starts_with(&format!("{operation} was not sent: this replica no longer leads")),
        "{problem}"
    );
}

#[tokio::test]
async fn behind_a_closed_fence_no_changing_call_is_sent_and_no_message_received() {
    let id = fresh_id();
    let sessions = Sessions::new(config(&endpoint(), credentials(&id)).await).behind(Fence::closed());
    let place = place(&id);
    let ec2 = sessions.ec2(&place).await.expect("it may be asked whose account it is");
    let (hub, sqs) = (sessions.security_hub(&place).await.expect("open"), sessions.sqs(&place).await.expect("open"));
    let (interface, group) = (owned(["eni-00000000000000000"]), owned(["sg-00000000000000000"]));
    let rules = [GroupRule { protocol: "-1".to_owned(), ports: None, peer: Peer::Cidr("10.0.0.0/8".to_owned()) }];

    is_refused(ec2.set_groups(&interface[0], &group).await, "ec2:ModifyNetworkInterfaceAttribute");
    is_refused(ec2.may_set_groups(&interface[0], &group).await, "ec2:ModifyNetworkInterfaceAttribute");
    is_refused(ec2.tag(&interface, &tags([("a", "b")])).await, "ec2:CreateTags");
    is_refused(ec2.untag(&interface, &owned(["a"])).await, "ec2:DeleteTags");
    is_refused(ec2.create_group("vpc-1", "a", "a", &tags([])).await, "ec2:CreateSecurityGroup");
    is_refused(ec2.authorize_ingress(&group[0], &rules).await, "ec2:AuthorizeSecurityGroupIngress");
    is_refused(ec2.revoke_ingress(&group[0], &rules).await, "ec2:RevokeSecurityGroupIngress");
    is_refused(ec2.revoke_egress(&group[0], &rules).await, "ec2:RevokeSecurityGroupEgress");
    let finding = [FindingKey { id: "a".to_owned(), product_arn: Some("b".to_owned()), account_id: None }];
    let change = FindingChange { note: Some("Contained.".to_owned()), ..FindingChange::default() };
    is_refused(hub.update(&finding, &change).await, "securityhub:BatchUpdateFindings");
    is_refused(hub.create_custom_action("a", "a", "a").await, "securityhub:CreateActionTarget");
    is_refused(hub.update_custom_action("a", "a", "a").await, "securityhub:UpdateActionTarget");
    is_refused(hub.delete_custom_action("a").await, "securityhub:DeleteActionTarget");
    let (id_of_message, receipt) = ("a".to_owned(), "a".to_owned());
    let message = [QueueMessage { id: id_of_message, receipt, body: String::new(), sent_at: None, receives: 1 }];
    is_refused(sqs.receive(QUEUE).await, "sqs:ReceiveMessage");
    is_refused(sqs.delete(QUEUE, &message).await, "sqs:DeleteMessage");
    is_refused(sqs.keep(QUEUE, &message, 30).await, "sqs:ChangeMessageVisibility");

    assert_eq!(ec2.interfaces(&interface).await, Ok(vec![]), "reads go on");
    let sent: Vec<serde_json::Value> = all_calls(&id).into_iter().map(|mut call| call["action"].take()).collect();
    assert_eq!(sent, ["GetCallerIdentity", "DescribeNetworkInterfaces"]);
}

#[tokio::test]
async fn an_open_fence_lets_changes_through_until_its_time_is_over() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
    let interface = account.interface(&subnet, &[&web]).await;
    let fence = Fence::closed();
    let sessions = Sessions::new(config(&endpoint(), credentials(&account.id)).await).behind(fence.clone());
    let ec2 = sessions.ec2(&place(&account.id)).await.expect("its own account opens");
    fence.open_until(Instant::now() + Duration::from_secs(60));
    assert_eq!(ec2.set_groups(&interface, &[isolation]).await, Ok(()));
    fence.open_until(Instant::now());
    is_refused(ec2.set_groups(&interface, &[web]).await, "ec2:ModifyNetworkInterfaceAttribute");
    assert_eq!(calls(&account.id, CHANGE).len(), 1);
}

/// Credentials that must be fetched anew for each call; while that goes on, the lease is lost.
#[derive(Debug)]
struct Slow {
    account: String,
    fence: Fence,
    fetched: Mutex<u32>,
}

impl ProvideCredentials for Slow {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let mut fetched = self.fetched.lock().expect("nobody panics with it");
        *fetched += 1;
        // The first ones are for the question whose account it is.
        if *fetched > 1 {
            self.fence.close();
        }
        future::ProvideCredentials::ready(Ok(Credentials::new(
            &self.account,
            "any",
            None,
            Some(SystemTime::now()),
            "test",
        )))
    }
}

#[tokio::test]
async fn a_call_that_waits_for_credentials_looks_again_when_it_has_them() {
    let (account, fence) = (fresh_id(), Fence::open());
    let slow = Slow { account: account.clone(), fence: fence.clone(), fetched: Mutex::default() };
    let sessions = Sessions::new(config(&endpoint(), slow).await).behind(fence.clone());
    let ec2 = sessions.ec2(&place(&account)).await.expect("its own account opens");
    assert!(fence.is_open(), "it was open when the call began");
    is_refused(ec2.set_groups("eni-1", &owned(["sg-1"])).await, "ec2:ModifyNetworkInterfaceAttribute");
    assert_eq!(calls(&account, CHANGE).len(), 0);
}
