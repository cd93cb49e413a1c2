//! From a pod's session into a member account: the tags that EKS Pod Identity gives it go along, which needs rights of
//! their own on both sides, and lets the member tell the operator's pod from others.

use super::site::{
    EXTERNAL_ID, FOR_MEMBERS, MEMBER, MEMBER_ROLE, OPERATOR, Site, assume, cluster_of, made, session_of_pod,
};
use crate::wire::{
    account::{REGION, credentials, fresh_id},
    emulator::{associate, create_role, enforce_policies},
};
use quarantine_operator::{
    api::Reason,
    aws::Sessions,
    model::{
        place::{Place, Role},
        problem::{Disposition, Problem},
    },
};
use serde_json::json;

/// The template without that statement.
fn without(template: &str, sid: &str) -> String {
    let is_named = |line: &&str| line.split("Sid: ").nth(1).is_some_and(|rest| rest.split(',').next() == Some(sid));
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = template.lines().collect();
    let first = lines.iter().position(is_named).expect("it has that statement");
    let deeper = lines[first + 1..].iter().take_while(|line| indent(line) > indent(lines[first])).count();
    [&lines[..first], &lines[first + 1 + deeper..]].concat().join("\n")
}

/// A member account that was made from this template, and the ARN of the role in it.
async fn member(site: &Site, template: &str, parameters: &[(&str, &str)]) -> (String, String) {
    let id = fresh_id();
    let mut all = vec![("OperatorRoleArn", site.outputs["OperatorRoleArn"].as_str()), ("ExternalId", EXTERNAL_ID)];
    all.extend(parameters);
    let outputs = made(&id, MEMBER_ROLE, template, &all).await;
    enforce_policies(&id);
    (id, outputs["MemberRoleArn"].clone())
}

/// What the operator comes to say of the member.
async fn opened(site: &Site, account: &str) -> Result<(), Problem> {
    let sessions = Sessions::new(site.as_role().await);
    let role = Some(Role::named("aws", account, MEMBER_ROLE, Some(&EXTERNAL_ID.to_owned())));
    let place = Place { account_id: account.to_owned(), region: REGION.to_owned(), role };
    sessions.ec2(&place).await?.groups_named("any").await.map(drop)
}

#[tokio::test]
async fn without_the_right_to_pass_tags_on_either_side_the_operator_gets_into_no_member_and_says_what_is_missing() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let (id, _) = member(&site, MEMBER, &[]).await;
    assert_eq!(opened(&site, &id).await, Ok(()), "with both statements it gets in");

    let (closed, _) = member(&site, &without(MEMBER, "OperatorTags"), &[]).await;
    let by_trust = opened(&site, &closed).await.expect_err("the member's trust doesn't allow it");
    let unable = Site::install_from(&without(OPERATOR, "TagMemberSessions"), &fresh_id(), &FOR_MEMBERS).await;
    let (id, _) = member(&unable, MEMBER, &[]).await;
    let by_policy = opened(&unable, &id).await.expect_err("the operator's policy doesn't allow it");
    for problem in [by_trust, by_policy] {
        assert_eq!((problem.disposition, problem.reason), (Disposition::Stop, Reason::AssumeRoleFailed));
        let both = "allow sts:TagSession on it in the operator's policy, and sts:TagSession by the operator's role in \
                    its trust policy, beside sts:AssumeRole.";
        assert!(problem.message.contains("is not authorized to perform: sts:TagSession"), "{problem}");
        assert!(problem.message.ends_with(both), "{problem}");
    }
}

#[tokio::test]
async fn the_right_to_pass_tags_alone_opens_no_member() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let (_, role) = member(&site, &without(MEMBER, "Operator"), &[]).await;
    assert_eq!(assume(site.role.clone(), &role, Some(EXTERNAL_ID)).await.err().as_deref(), Some("AccessDenied"));
}

#[tokio::test]
async fn a_member_may_ask_for_the_service_account_of_the_pod() {
    let site = Site::install(&fresh_id(), &FOR_MEMBERS).await;
    let asking = async |namespace, name| {
        let parameters = [("ServiceAccountNamespace", namespace), ("ServiceAccountName", name)];
        let (_, role) = member(&site, MEMBER, &parameters).await;
        assume(site.role.clone(), &role, Some(EXTERNAL_ID)).await.err()
    };
    assert_eq!(asking("quarantine-system", "quarantine-operator").await, None);
    for (namespace, name) in [("elsewhere", "quarantine-operator"), ("quarantine-system", "another")] {
        assert_eq!(asking(namespace, name).await.as_deref(), Some("AccessDenied"), "{namespace}/{name}");
    }
}

/// A role of a cluster's account that Pod Identity gives to pods.
async fn role_of_pods(account: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": ["sts:AssumeRole", "sts:TagSession"]}]});
    let template = json!({
        "Resources": {"Pod": {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": trust}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Pod", "Arn"]}}},
    });
    made(account, "pods", &template.to_string(), &[]).await["Arn"].clone()
}

#[tokio::test]
async fn from_a_cluster_of_another_account_the_tags_come_along_through_the_operators_role() {
    let cluster = fresh_id();
    let pod_role = role_of_pods(&cluster).await;
    let id = fresh_id();
    let parameters = [&[("Trust", "Role"), ("TrustedRoleArn", pod_role.as_str())], &FOR_MEMBERS[..]].concat();
    let outputs = made(&id, "quarantine-operator", OPERATOR, &parameters).await;
    enforce_policies(&id);
    let operator = &outputs["OperatorRoleArn"];
    let pod = session_of_pod(&associate(&pod_role, &cluster_of(&cluster), "quarantine-system", "quarantine-operator"));
    let session = assume(pod, operator, None).await.expect("the template lets that role in, tags and all");

    let asking = [("ServiceAccountNamespace", "quarantine-system"), ("ServiceAccountName", "quarantine-operator")];
    let parameters = [&[("OperatorRoleArn", operator.as_str()), ("ExternalId", EXTERNAL_ID)], &asking[..]].concat();
    let member = made(&fresh_id(), MEMBER_ROLE, MEMBER, &parameters).await;
    assert_eq!(assume(session, &member["MemberRoleArn"], Some(EXTERNAL_ID)).await.err(), None);
}

#[tokio::test]
async fn a_session_without_tags_gets_into_a_member_that_asks_for_none() {
    let cluster = fresh_id();
    let node = create_role(&cluster, "node", &cluster, EXTERNAL_ID);
    let id = fresh_id();
    let parameters = [&[("Trust", "Role"), ("TrustedRoleArn", node.as_str())], &FOR_MEMBERS[..]].concat();
    let outputs = made(&id, "quarantine-operator", &without(OPERATOR, "TagMemberSessions"), &parameters).await;
    enforce_policies(&id);
    let operator = &outputs["OperatorRoleArn"];
    let node = assume(credentials(&cluster), &node, Some(EXTERNAL_ID)).await.expect("the cluster's own role");
    let session = assume(node, operator, None).await.expect("the template lets that role in");
    let role = async |asking: &[(&str, &str)]| {
        let parameters = [&[("OperatorRoleArn", operator.as_str()), ("ExternalId", EXTERNAL_ID)], asking].concat();
        made(&fresh_id(), MEMBER_ROLE, MEMBER, &parameters).await["MemberRoleArn"].clone()
    };
    assert_eq!(assume(session.clone(), &role(&[]).await, Some(EXTERNAL_ID)).await.err(), None);
    let asking = role(&[("ServiceAccountName", "quarantine-operator")]).await;
    assert_eq!(assume(session, &asking, Some(EXTERNAL_ID)).await.err().as_deref(), Some("AccessDenied"));
}
