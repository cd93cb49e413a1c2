//! What the API server accepts: what it fills in, and what may be changed later.

use super::sample::{INSTANCE, PRODUCT, class, create, ingress, managed, quarantine, try_to_create};
use kube::{
    ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_target_is_all_that_a_quarantine_needs() {
    let (_, claim) = create(quarantine(json!({"className": null}))).await;
    let expected = json!({
        "target": {"instance": {"id": INSTANCE, "region": "eu-central-1"}},
        "mode": "Enforce",
        "suspend": false,
        "release": {"policy": "Restore", "missingGroups": "Hold"},
    });
    assert_eq!(claim.data["spec"], expected);
}

#[tokio::test]
async fn an_isolation_group_is_all_that_a_class_needs() {
    let (_, class) = create(class(json!({}))).await;
    let expected = json!({
        "securityGroup": {"id": "sg-0123456789abcdef0"},
        "protected": {},
        "allowSelf": false,
        "allowRouters": false,
        "maxActive": 100,
        "releaseApproval": "WhenUnusual",
    });
    assert_eq!(class.data["spec"], expected);
}

#[tokio::test]
async fn a_fresh_quarantine_reads_as_not_seen_yet() {
    let (_, claim) = create(quarantine(json!({}))).await;
    assert_eq!(claim.data["status"], json!({"observedGeneration": -1}));
}

#[tokio::test]
async fn half_a_release_is_completed() {
    let claim = try_to_create(quarantine(json!({"release": {"policy": "Retain"}}))).await.expect("it is accepted");
    assert_eq!(claim.data["spec"]["release"], json!({"policy": "Retain", "missingGroups": "Hold"}));
}

#[tokio::test]
async fn security_hub_is_told_by_status_and_note() {
    let class = try_to_create(class(json!({"securityHub": {}}))).await.expect("it is accepted");
    assert_eq!(class.data["spec"]["securityHub"], json!({"workflowStatus": "NOTIFIED", "note": true}));
}

#[tokio::test]
async fn an_ingress_rule_is_for_tcp() {
    let class = try_to_create(managed(json!({}))).await.expect("it is accepted");
    assert_eq!(class.data["spec"]["securityGroup"]["managed"]["ingress"][0]["protocol"], "tcp");
}

#[tokio::test]
async fn everything_that_the_design_names_can_be_written() {
    try_to_create(quarantine(full_claim())).await.expect("the Quarantine is accepted");
    try_to_create(class(full_class())).await.expect("the class is accepted");
}

#[tokio::test]
async fn every_partitions_regions_are_accepted() {
    let regions =
        ["us-east-1", "ap-southeast-7", "us-gov-west-1", "us-isob-east-1", "cn-northwest-1", "eusc-de-east-1"];
    try_to_create(class(json!({"regions": regions}))).await.expect("it is accepted");
}

/// The class is then shown as open, in the condition IsolationGroupOpen: whoever owns it may want that for a while.
#[tokio::test]
async fn a_class_may_let_everyone_in() {
    let rule = json!({"port": 22, "cidrs": ["0.0.0.0/0", "::/0"]});
    try_to_create(ingress(rule)).await.expect("it is accepted");
}

/// Two products may give two findings the same id.
#[tokio::test]
async fn findings_of_two_products_may_have_one_id() {
    let inspector = "arn:aws:securityhub:eu-central-1::product/aws/inspector";
    let findings = json!([finding("a", PRODUCT), finding("a", inspector)]);
    try_to_create(quarantine(json!({"findings": findings}))).await.expect("it is accepted");
}

accepted_later! { quarantine;
    a_dry_run_may_become_earnest: {"mode": "DryRun"}, then {"mode": "Enforce"};
    what_is_suspended_may_go_on: {"suspend": true}, then {"suspend": false};
    what_goes_on_may_be_suspended: {}, then {"suspend": true};
    findings_may_be_added: {"findings": [finding("a", PRODUCT)]}, then {"findings": [finding("a", PRODUCT), finding("b", PRODUCT)]};
    a_reason_may_be_given_later: {}, then {"reason": "GuardDuty: crypto mining"};
}

// A class may change altogether: what is held is kept under what it was admitted with. So it may also leave a made group,
// whose id stays in the class's status.
accepted_later! { managed;
    the_rules_of_a_made_group_may_change: {}, then {"securityGroup": {"managed": {"ingress": []}}};
    a_made_group_may_give_way_to_one_by_id: {}, then {"securityGroup": {"managed": null, "id": "sg-0123456789abcdef0"}};
}

accepted_later! { class;
    a_limit_may_be_lowered_to_none_at_all: {"maxActive": 5}, then {"maxActive": 0};
    a_group_by_id_may_give_way_to_one_by_name: {}, then {"securityGroup": {"id": null, "name": "isolation"}};
}

#[tokio::test]
async fn the_release_may_be_edited_while_the_quarantine_is_being_deleted() {
    let mut claim = quarantine(json!({}));
    claim["metadata"]["finalizers"] = json!(["quarantine-operator.dev/tests"]);
    let (api, claim) = create(claim).await;
    let name = claim.name_any();
    api.delete(&name, &DeleteParams::default()).await.expect("the deletion is accepted");
    let edit = json!({"spec": {"release": {"policy": "Retain", "missingGroups": "Drop"}, "suspend": true}});
    let edited = api.patch(&name, &PatchParams::default(), &Patch::Merge(edit)).await.expect("the edit is accepted");
    assert_eq!(edited.data["spec"]["release"], json!({"policy": "Retain", "missingGroups": "Drop"}));
    let let_go = json!({"metadata": {"finalizers": null}});
    api.patch(&name, &PatchParams::default(), &Patch::Merge(let_go)).await.expect("its finalizer is removed");
}

fn full_claim() -> Value {
    json!({
        "target": {"instance": {"accountId": "012345678901"}},
        "className": "incident-response",
        "securityGroupId": "sg-0123456789abcdef0",
        "reason": "GuardDuty: crypto mining\nTicket 4711",
        "mode": "DryRun",
        "suspend": true,
        "findings": [finding("arn:aws:guardduty:eu-central-1:111122223333:detector/1/finding/2", PRODUCT)],
        "release": {"policy": "Retain", "missingGroups": "Drop"},
    })
}

fn full_class() -> Value {
    json!({
        "securityGroup": {"id": null, "managed": {
            "name": "Incident response (isolation)",
            "description": "Made by quarantine-operator; ask [security]",
            "ingress": [
                {"port": 22, "cidrs": ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]},
                {"protocol": "udp", "port": 3389, "prefixListIds": ["pl-01234567"], "sourceSecurityGroupIds": ["sg-0123456789abcdef0"]},
            ],
        }},
        "allowedSecurityGroupIds": ["sg-0123456789abcdef0", "sg-01234567"],
        "accounts": ["111122223333", "012345678901"],
        "regions": ["eu-central-1"],
        "namespaceSelector": {
            "matchLabels": {"kubernetes.io/metadata.name": "incidents"},
            "matchExpressions": [{"key": "team", "operator": "In", "values": ["ir"]}, {"key": "frozen", "operator": "DoesNotExist"}],
        },
        "assumeRole": {"roleName": "security/quarantine", "externalId": "ir:2026/prod", "sessionName": "quarantine@prod"},
        "protected": {"instanceIds": [INSTANCE, "i-01234567"], "tags": [{"key": "aws:autoscaling:groupName"}, {"key": "tier", "value": ""}]},
        "allowSelf": true,
        "maxActive": 0,
        "releaseApproval": "Always",
        "securityHub": {"accountId": "111122223333", "region": "eu-central-1", "roleName": "hub", "workflowStatus": "UNCHANGED", "note": false},
    })
}

fn finding(id: &str, product_arn: &str) -> Value {
    json!({"id": id, "region": "eu-central-1", "productArn": product_arn})
}
