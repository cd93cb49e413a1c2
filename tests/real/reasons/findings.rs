//! Findings that name no instance to cut off, each for a reason of its own; and findings that nobody may tell.

use super::{is_untouched, needs_a_person, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    findings::stage::{finding, finding_id, hub_of, of_resources},
    support::claims::{condition, holds},
    wire::{
        account::REGION,
        emulator::calls,
        hub::{Hub, instance, product},
    },
};
use aws_sdk_securityhub::types::{AwsSecurityFindingIdentifier, WorkflowStatus, WorkflowUpdate};
use serde_json::{Value, json};

/// Imports a finding of this name about the scene's instance, changed so.
fn import(hub: &Hub, scene: &Scene, name: &str, change: Value) {
    let mut all = finding(hub, scene, name);
    let (Value::Object(known), Value::Object(change)) = (&mut all, change) else { panic!("findings are objects") };
    known.extend(change);
    hub.import([all]);
}

async fn suppress(hub: &Hub, scene: &Scene, name: &str) {
    let named = AwsSecurityFindingIdentifier::builder().id(finding_id(scene, name));
    let suppressed = WorkflowUpdate::builder().status(WorkflowStatus::Suppressed).build();
    let call =
        hub.owner.batch_update_findings().finding_identifiers(named.product_arn(product("aws/guardduty")).build());
    call.workflow(suppressed).send().await.expect("an analyst may do that");
}

#[tokio::test]
async fn rule_06_a_finding_that_names_no_instance_to_cut_off_says_why_and_touches_none() {
    const ELSEWHERE: &str = "i-0fedcba9876543210";
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    scene.class(json!({})).await;
    let account = scene.account.id.as_str();
    hub.import([finding(&hub, &scene, "twice")]);
    import(&hub, &scene, "twice", json!({"ProductArn": product("aws/inspector")}));
    import(&hub, &scene, "suppressed", json!({}));
    suppress(&hub, &scene, "suppressed").await;
    import(&hub, &scene, "archived", json!({"RecordState": "ARCHIVED"}));
    import(&hub, &scene, "sample", json!({"Sample": true}));
    let nobody = json!([{"Type": "AwsAccount", "Id": format!("AWS::::Account:{account}")}]);
    hub.import([of_resources(&hub, &scene, "nobody", nobody)]);
    hub.import([finding(&hub, &scene, "other")]);
    hub.import([of_resources(&hub, &scene, "foreign", json!([instance("999999999999", &scene.instance)]))]);
    let china =
        json!([{"Type": "AwsEc2Instance", "Id": format!("arn:aws-cn:ec2:cn-north-1:{account}:instance/{ELSEWHERE}")}]);
    hub.import([of_resources(&hub, &scene, "china", china)]);

    let (before, looks) = (scene.changes(), calls(account, "DescribeInstances").len());
    let chosen = json!({"instanceId": ELSEWHERE});
    let table: [(&str, Value, &str, &[&str]); 8] = [
        ("twice", json!({}), "FindingAmbiguous", &["aws/guardduty", "aws/inspector", "target.finding.productArn"]),
        ("suppressed", json!({}), "FindingSuppressed", &["Set its workflow status to NEW", "target.instance"]),
        ("archived", json!({}), "FindingArchived", &["is archived", "target.instance"]),
        ("sample", json!({}), "FindingIsSample", &["is a sample", "nothing happened"]),
        ("nobody", json!({}), "FindingNamesNoInstance", &["target.instance"]),
        ("other", chosen, "InstanceNotInFinding", &[ELSEWHERE, &scene.instance, "target.finding.instanceId"]),
        ("foreign", json!({}), "FindingAccountMismatch", &[account, "999999999999", "target.instance"]),
        ("china", json!({}), "PartitionNotAllowed", &[ELSEWHERE, "aws-cn", "run an operator there"]),
    ];
    for (name, more, reason, words) in table {
        let mut target = json!({"id": finding_id(&scene, name), "region": REGION});
        if let (Value::Object(target), Value::Object(more)) = (&mut target, more) {
            target.extend(more);
        }
        scene.desk.claim(CLAIM, json!({"target": {"finding": target}})).await;
        let claim = scene.desk.says(CLAIM, "Ready", "False", reason).await;
        said(&claim, "Ready", words);
        assert!(!holds(&claim, "TargetResolved") && !holds(&claim, "Contained"), "{reason}");
        needs_a_person(&claim, true);
        is_untouched(&scene, &claim, before).await;
        assert_eq!(calls(account, "DescribeInstances").len(), looks, "{reason}: EC2 isn't even asked");
        scene.delete_and_wait().await;
    }
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn findings_of_a_class_without_security_hub_are_not_told_and_the_instance_is_contained_all_the_same() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    scene.class(json!({})).await;
    let reference = json!({"id": finding_id(&scene, "one"), "region": REGION, "productArn": product("aws/guardduty")});
    scene.claim(json!({"findings": [reference]})).await;
    scene.desk.contained(CLAIM).await;
    let claim = scene.desk.says(CLAIM, "FindingUpdated", "False", "SecurityHubNotConfigured").await;
    said(&claim, "FindingUpdated", &[&scene.desk.namespace, "securityHub: {}"]);
    assert!(condition(&claim, "Stalled").is_none() && hub.read(&finding_id(&scene, "one"))["Note"].is_null());
    scene.class(hub_of(&scene)).await;
    scene.desk.says(CLAIM, "FindingUpdated", "True", "FindingUpdated").await;
}
