//! Missing: identity, roles, regions, rights and groups in AWS.

use super::Stage;
use crate::wire::{
    account::fresh_id,
    emulator::{change_trust, create_role, fail},
};
use serde_json::json;

async fn with_a_class() -> Stage {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    stage
}

fn denied() -> serde_json::Value {
    json!({"code": "UnauthorizedOperation", "status": 403, "message": "You are not authorized.", "times": -1})
}

#[tokio::test]
async fn without_credentials_the_identity_is_missing_and_nothing_else_in_aws_is_asked() {
    let stage = with_a_class().await;
    let said = stage.said_with(|command| {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    });
    said.misses_only(&["identity", "Give the operator AWS credentials"]);
    said.line(&["not asked", "once there is an identity"]);
}

#[tokio::test]
async fn a_region_that_is_not_set_is_named() {
    let stage = with_a_class().await;
    let said = stage.said_with(|command| {
        command.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    });
    said.misses_only(&["region", "AWS_REGION is not set"]);
}

#[tokio::test]
async fn a_role_that_can_not_be_assumed_is_named_and_the_other_accounts_are_asked_all_the_same() {
    let stage = Stage::open().await;
    let other = fresh_id();
    create_role(&other, "quarantine", "123456789012", "somebody-elses");
    stage.scene.class(json!({"accounts": [stage.scene.account.id, other], "regions": ["eu-central-1"]})).await;
    let said = stage.said();
    let line = said.misses_only(&[&format!("account {other}, eu-central-1"), "can't be assumed"]);
    assert!(line.contains("its trust policy names the operator's role and the class's externalId"), "{line}");
    said.line(&["ok", &stage.scene.account.id, "changes of eni-"]);
    change_trust(&other, "quarantine", "123456789012", "only-ours");
    let said = stage.said();
    assert_eq!(said.code, 0, "{}", said.text);
    said.line(&["not asked", &other, "No interface is there"]);
}

#[tokio::test]
async fn a_region_that_is_not_enabled_is_named() {
    let stage = with_a_class().await;
    let message = "AWS was not able to validate the provided access credentials";
    let how = json!({"code": "AuthFailure", "status": 401, "message": message, "times": -1});
    fail(&stage.scene.account.id, "DescribeInstances", how);
    stage.said().misses_only(&["eu-central-1", "that the region is enabled for the account"]);
}

#[tokio::test]
async fn a_right_to_read_and_a_right_to_change_that_iam_denies_are_named_each() {
    let stage = with_a_class().await;
    let account = &stage.scene.account.id;
    fail(account, "DescribeSecurityGroups", denied());
    fail(account, "CreateTags", denied());
    let said = stage.said();
    assert_eq!(said.code, 1, "{}", said.text);
    assert_eq!(said.text.matches("MISSING").count(), 2, "{}", said.text);
    said.line(&["MISSING", "ec2:DescribeSecurityGroups", "Allow ec2:DescribeSecurityGroups in the IAM policy"]);
    said.line(&["MISSING", "ec2:CreateTags", "Allow ec2:CreateTags in the IAM policy"]);
    said.line(&["ok", "changes of eni-", "ec2:ModifyNetworkInterfaceAttribute, ec2:DeleteTags"]);
    said.line(&["not asked", "isolation group"]);
}

#[tokio::test]
async fn the_rights_over_managed_groups_are_asked_for_where_a_class_has_them() {
    let stage = Stage::open().await;
    let managed = json!({"managed": {"name": "quarantine", "ingress": [{"port": 22, "cidrs": ["10.0.0.0/8"]}]}});
    stage.scene.class(json!({"regions": ["eu-central-1"], "securityGroup": managed})).await;
    let said = stage.said();
    assert_eq!(said.code, 0, "{}", said.text);
    said.line(&["ok", "changes of eni-", "ec2:CreateSecurityGroup"]);
    said.line(&["ok", "isolation group", "made in each VPC when it is first needed"]);
    fail(&stage.scene.account.id, "CreateSecurityGroup", denied());
    stage.said().misses_only(&["Allow ec2:CreateSecurityGroup in the IAM policy"]);
}

#[tokio::test]
async fn an_isolation_group_that_is_not_there_or_lets_everything_out_is_named() {
    let stage = Stage::open().await;
    let class = |group: serde_json::Value| json!({"regions": ["eu-central-1"], "securityGroup": group});
    stage.scene.class(class(json!({"id": "sg-0123456789abcdef0"}))).await;
    stage.said().misses_only(&["isolation group", "sg-0123456789abcdef0", "in none of the class's accounts"]);
    stage.scene.class(class(json!({"name": "nobody-made-it"}))).await;
    stage.said().misses_only(&["isolation group", "no VPC has a security group named nobody-made-it"]);
    stage.scene.class(class(json!({"id": stage.scene.groups["web"]}))).await;
    stage.said().misses_only(&["isolation group", &stage.scene.groups["web"], "lets everything out"]);
}

#[tokio::test]
async fn a_call_that_is_throttled_is_no_answer_and_ends_it_with_2() {
    let stage = with_a_class().await;
    let how = json!({"code": "RequestLimitExceeded", "status": 503, "message": "Slow down.", "times": -1});
    fail(&stage.scene.account.id, "DescribeNetworkInterfaces", how);
    let said = stage.said();
    assert_eq!(said.code, 2, "{}", said.text);
    said.line(&["NO ANSWER", "ec2:DescribeNetworkInterfaces"]);
}

#[tokio::test]
async fn security_hub_that_is_not_enabled_is_named() {
    let stage = Stage::open().await;
    let hub = json!({"accountId": stage.scene.account.id, "roleName": "quarantine", "externalId": "only-ours"});
    stage.scene.class(json!({"regions": ["eu-central-1"], "securityHub": hub})).await;
    stage.said().misses_only(&["Security Hub", "Enable Security Hub CSPM"]);
}
