//! Changing calls: that they do exactly what was asked, and what AWS' refusals become.

use super::account::{Account, owned, tags};
use super::emulator::{calls, fail};
use quarantine_operator::{
    api::Reason,
    model::{
        ec2::{GroupRule, Peer},
        problem::{Disposition, Problem},
    },
};
use serde_json::json;

const UNKNOWN_GROUP: &str = "sg-00000000000000000";
const UNKNOWN_INTERFACE: &str = "eni-00000000000000000";

#[tokio::test]
async fn setting_groups_leaves_exactly_these() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (web, app, isolation) = (
        account.group(&subnet, "web").await,
        account.group(&subnet, "app").await,
        account.group(&subnet, "isolation").await,
    );
    let instance = account.instance(&subnet, &[&web]).await;
    let interface = account.interface(&subnet, &[&web, &app]).await;
    account.attach(&instance, &interface, 1).await;

    account.ec2.set_groups(&interface, std::slice::from_ref(&isolation)).await.unwrap();
    assert_eq!(account.read(&interface).await.groups, [isolation]);
    account.ec2.set_groups(&interface, &[web.clone(), app.clone()]).await.unwrap();
    assert_eq!(account.read(&interface).await.groups, [web, app]);
}

#[tokio::test]
async fn a_dry_run_says_yes_and_changes_nothing() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
    let interface = account.interface(&subnet, &[&web]).await;
    assert_eq!(account.ec2.may_set_groups(&interface, &[isolation]).await, Ok(()));
    assert_eq!(account.read(&interface).await.groups, [web]);
}

#[tokio::test]
async fn a_dry_run_without_the_right_names_the_right() {
    let account = Account::fresh().await;
    let refusal = json!({"code": "UnauthorizedOperation", "status": 403, "message": "You are not authorized."});
    fail(&account.id, "ModifyNetworkInterfaceAttribute", refusal);
    let problem = account.ec2.may_set_groups(UNKNOWN_INTERFACE, &owned([UNKNOWN_GROUP])).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::AccessDenied));
    assert!(problem.message.contains("Allow ec2:ModifyNetworkInterfaceAttribute"), "{problem}");
}

#[tokio::test]
async fn an_unknown_group_is_waited_for_and_the_interface_keeps_its_own() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let web = account.group(&subnet, "web").await;
    let interface = account.interface(&subnet, &[&web]).await;
    let problem = account.ec2.set_groups(&interface, &owned([UNKNOWN_GROUP])).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Wait, Reason::GroupNotFound));
    assert_eq!(account.read(&interface).await.groups, [web]);
}

#[tokio::test]
async fn another_vpcs_group_is_a_group_that_is_not_found() {
    let account = Account::fresh().await;
    let foreign = account.group(&account.subnet().await, "isolation").await;
    let interface = account.interface(&account.subnet().await, &[]).await;
    let problem = account.ec2.set_groups(&interface, &[foreign]).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Wait, Reason::GroupNotFound));
}

#[tokio::test]
async fn an_interface_that_is_gone_is_looked_for_again() {
    let account = Account::fresh().await;
    let group = account.group(&account.subnet().await, "isolation").await;
    let problem = account.ec2.set_groups(UNKNOWN_INTERFACE, &[group]).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Retry, Reason::VerifyingGone));
}

#[tokio::test]
async fn an_interface_that_aws_manages_refuses() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (group, interface) = (account.group(&subnet, "isolation").await, account.interface(&subnet, &[]).await);
    super::emulator::mark_interface(&interface, json!({"managed": "eks.amazonaws.com"}));
    let problem = account.ec2.set_groups(&interface, &[group]).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Stop, Reason::InterfaceRefused));
}

#[tokio::test]
async fn more_groups_than_the_quota_name_the_quota() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let interface = account.interface(&subnet, &[]).await;
    let mut groups = Vec::new();
    for number in 1..=6 {
        groups.push(account.group(&subnet, &format!("group-{number}")).await);
    }
    let problem = account.ec2.set_groups(&interface, &groups).await.unwrap_err();
    assert_eq!(outline(&problem), (Disposition::Wait, Reason::GroupLimitExceeded));
}

#[tokio::test]
async fn tags_are_put_on_all_resources_at_once_and_taken_off_by_key() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let interfaces = [account.interface(&subnet, &[]).await, account.interface(&subnet, &[]).await];
    account.ec2.tag(&interfaces, &tags([("ours", "sg-1,sg-2"), ("theirs", "kept")])).await.unwrap();
    assert_eq!(account.read(&interfaces[1]).await.tags, tags([("ours", "sg-1,sg-2"), ("theirs", "kept")]));
    account.ec2.untag(&interfaces, &owned(["ours", "never-there"])).await.unwrap();
    assert_eq!(account.read(&interfaces[0]).await.tags, tags([("theirs", "kept")]));
    assert_eq!(calls(&account.id, "CreateTags").len() + calls(&account.id, "DeleteTags").len(), 2);
}

#[tokio::test]
async fn untagging_no_keys_takes_no_tag_off() {
    let account = Account::fresh().await;
    let interface = [account.interface(&account.subnet().await, &[]).await];
    account.ec2.tag(&interface, &tags([("theirs", "kept")])).await.unwrap();
    account.ec2.untag(&interface, &[]).await.unwrap();
    assert_eq!(account.read(&interface[0]).await.tags, tags([("theirs", "kept")]));
}

#[tokio::test]
async fn a_group_is_made_with_its_tags_and_its_name_is_then_taken() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let make =
        || async { account.ec2.create_group(&subnet.vpc_id, "isolation", "Cut off", &tags([("by", "us")])).await };
    let id = make().await.unwrap();
    let group = account.ec2.groups(std::slice::from_ref(&id)).await.unwrap().remove(0);
    assert_eq!((group.id, group.name, group.vpc_id), (id, "isolation".to_owned(), subnet.vpc_id.clone()));
    assert_eq!(group.tags, tags([("by", "us")]));
    assert_eq!(outline(&make().await.unwrap_err()), (Disposition::Stop, Reason::GroupNameTaken));
}

#[tokio::test]
async fn rules_that_are_there_already_do_not_keep_the_others_out() {
    let account = Account::fresh().await;
    let group = account.group(&account.subnet().await, "isolation").await;
    let (ssh, rdp) = (rule(22, "10.0.0.0/8"), rule(3389, "fd00::/8"));
    account.ec2.authorize_ingress(&group, std::slice::from_ref(&ssh)).await.unwrap();
    account.ec2.authorize_ingress(&group, &[ssh.clone(), rdp.clone()]).await.unwrap();
    assert_eq!(ingress(&account, &group).await, [ssh, rdp]);
}

#[tokio::test]
async fn a_rule_that_is_there_already_is_no_error() {
    let account = Account::fresh().await;
    let group = account.group(&account.subnet().await, "isolation").await;
    for _ in 0..2 {
        account.ec2.authorize_ingress(&group, &[rule(22, "10.0.0.0/8")]).await.unwrap();
    }
    assert_eq!(ingress(&account, &group).await, [rule(22, "10.0.0.0/8")]);
}

#[tokio::test]
async fn rules_that_are_gone_already_do_not_keep_the_others_in() {
    let account = Account::fresh().await;
    let group = account.group(&account.subnet().await, "isolation").await;
    let (ssh, rdp, dns) = (rule(22, "10.0.0.0/8"), rule(3389, "fd00::/8"), rule(53, "10.0.0.0/8"));
    account.ec2.authorize_ingress(&group, &[ssh.clone(), rdp.clone()]).await.unwrap();
    account.ec2.revoke_ingress(&group, &[dns, rdp]).await.unwrap();
    assert_eq!(ingress(&account, &group).await, [ssh]);
}

#[tokio::test]
async fn a_new_groups_egress_can_be_taken_away_as_it_was_read() {
    let account = Account::fresh().await;
    let group = account.group(&account.subnet().await, "isolation").await;
    let read = || async { account.ec2.groups(std::slice::from_ref(&group)).await.unwrap().remove(0).egress };
    let egress = read().await;
    account.ec2.revoke_egress(&group, &egress).await.unwrap();
    assert_eq!(read().await, []);
    account.ec2.revoke_egress(&group, &egress).await.unwrap();
}

#[tokio::test]
async fn no_rules_are_no_calls() {
    let account = Account::fresh().await;
    account.ec2.authorize_ingress(UNKNOWN_GROUP, &[]).await.unwrap();
    account.ec2.revoke_egress(UNKNOWN_GROUP, &[]).await.unwrap();
    assert!(calls(&account.id, "AuthorizeSecurityGroupIngress").is_empty());
    assert!(calls(&account.id, "RevokeSecurityGroupEgress").is_empty());
}

async fn ingress(account: &Account, group: &str) -> Vec<GroupRule> {
    let mut rules = account.ec2.groups(&owned([group])).await.expect("a read").remove(0).ingress;
    rules.sort();
    rules
}

fn rule(port: i32, cidr: &str) -> GroupRule {
    GroupRule { protocol: "tcp".to_owned(), ports: Some((port, port)), peer: Peer::Cidr(cidr.to_owned()) }
}

fn outline(problem: &Problem) -> (Disposition, Reason) {
    (problem.disposition, problem.reason)
}
