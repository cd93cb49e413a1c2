//! Containing an instance and keeping it contained.

use super::scene::{CLAIM, Scene};
use crate::{
    support::{
        claims::{condition, holds, status},
        wait::until,
    },
    wire::emulator::{fail, mark_interface, mend},
};
use serde_json::json;

#[tokio::test]
async fn interfaces_with_one_two_three_and_five_groups_are_isolated_and_given_back_exactly() {
    let originals: [&[&str]; 4] = [&["a"], &["a", "b"], &["b", "c", "d"], &["a", "b", "c", "d", "e"]];
    let scene = Scene::with(&originals).await;
    scene.class(json!({})).await;
    scene.claim(json!({"reason": "IR-1"})).await;

    let claim = scene.desk.contained(CLAIM).await;
    assert_eq!(status(&claim).interface_summary.as_deref(), Some("4/4"));
    assert!(holds(&claim, "Ready") && holds(&claim, "Restorable") && holds(&claim, "TargetResolved"));
    for interface in &scene.interfaces {
        assert_eq!(scene.carried(interface).await, [scene.isolation.as_str()]);
    }

    scene.delete_and_wait().await;
    for (interface, names) in scene.interfaces.iter().zip(originals) {
        assert_eq!(scene.carried(interface).await, scene.ids(names));
        assert_eq!(scene.our_tags(interface).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn the_originals_stand_in_the_status_and_on_the_interface() {
    let scene = Scene::contained(&[&["web", "app"], &["db"]]).await;
    let claim = scene.desk.contained(CLAIM).await;
    for (interface, names) in scene.interfaces.iter().zip([&["web", "app"][..], &["db"]]) {
        let record = status(&claim).interfaces.iter().find(|record| record.id == *interface).expect("a record");
        let mut originals = record.original_security_groups.clone().expect("originals");
        originals.sort();
        assert_eq!(originals, scene.ids(names));
        until("the tags are there", async || {
            let tags = scene.account.read(interface).await.tags;
            let mut told: Vec<String> =
                tags.get("quarantine-operator.dev/original-groups")?.split(' ').map(str::to_owned).collect();
            told.sort();
            (told == originals && tags["quarantine-operator.dev/quarantine-uid"] == claim.metadata.uid.clone()?)
                .then_some(())
        })
        .await;
        let reason = scene.account.read(interface).await.tags.into_values().find(|value| value.contains("IR-"));
        assert_eq!(reason, None, "the reason never reaches the instance");
    }
}

#[tokio::test]
async fn drift_is_put_right_and_counted() {
    let scene = Scene::contained(&[&["web", "app"], &["db"]]).await;
    let interface = &scene.interfaces[0];
    scene.set(interface, &scene.ids(&["web", "app"])).await;
    scene.carries(interface, std::slice::from_ref(&scene.isolation)).await;
    let claim = until("the correction is counted", async || {
        let claim = scene.desk.contained(CLAIM).await;
        (status(&claim).corrections == 1).then_some(claim)
    })
    .await;
    let record = status(&claim).interfaces.iter().find(|record| record.id == *interface).expect("a record");
    let mut originals = record.original_security_groups.clone().expect("originals");
    originals.sort();
    assert_eq!(originals, scene.ids(&["web", "app"]), "rule 2: the record is not overwritten");

    let mut beside = scene.ids(&["web"]);
    beside.push(scene.isolation.clone());
    scene.set(interface, &beside).await;
    scene.carries(interface, std::slice::from_ref(&scene.isolation)).await;
}

#[tokio::test]
async fn an_interface_that_is_attached_later_is_isolated_too() {
    let scene = Scene::contained(&[&["web"]]).await;
    let late = scene.account.interface(&scene.subnet, &[&scene.groups["web"]]).await;
    scene.account.attach(&scene.instance, &late, 1).await;
    scene.carries(&late, std::slice::from_ref(&scene.isolation)).await;
    until("2/2", async || {
        let claim = scene.desk.contained(CLAIM).await;
        (status(&claim).interface_summary.as_deref() == Some("2/2")).then_some(())
    })
    .await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&late).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn rule_08_one_bad_interface_stops_nobody() {
    let scene = Scene::with(&[&["web"], &["app"], &["db"]]).await;
    let bad = scene.interfaces[1].clone();
    let how = json!({"code": "OperationNotPermitted", "status": 403, "message": "Not this one.", "times": -1,
        "match": {"NetworkInterfaceId": bad}});
    let fault = fail(&scene.account.id, "ModifyNetworkInterfaceAttribute", how);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;

    let claim = scene.desk.says(CLAIM, "Contained", "False", "InterfaceRefused").await;
    let message = &condition(&claim, "Contained").expect("said").message;
    assert!(message.contains(&bad) && message.contains("Not this one"), "{message}");
    assert!(holds(&claim, "Stalled"));
    for good in [&scene.interfaces[0], &scene.interfaces[2]] {
        scene.carries(good, std::slice::from_ref(&scene.isolation)).await;
    }

    mend(&fault);
    scene.desk.edit(CLAIM, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "now"}}})).await;
    let claim = scene.desk.contained(CLAIM).await;
    assert_eq!(status(&claim).last_handled_reconcile_at.as_deref(), Some("now"));
    assert!(!holds(&claim, "Stalled"));
}

#[tokio::test]
async fn an_interface_that_aws_manages_is_named_and_left() {
    let scene = Scene::with(&[&["web"], &["app"]]).await;
    mark_interface(&scene.interfaces[1], json!({"managed": "eks.amazonaws.com"}));
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "InterfaceManagedByAws").await;
    let message = &condition(&claim, "Contained").expect("said").message;
    assert!(message.contains(&scene.interfaces[1]) && message.contains("eks.amazonaws.com"), "{message}");
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
}

#[tokio::test]
async fn rule_10_quiet_at_rest() {
    let scene = Scene::contained(&[&["web"], &["app"]]).await;
    for interface in &scene.interfaces {
        until("tagged", async || (!scene.our_tags(interface).await.is_empty()).then_some(())).await;
    }
    let looks = || crate::wire::emulator::calls(&scene.account.id, "DescribeSecurityGroups").len();
    let (before, changes, seen) = (scene.desk.contained(CLAIM).await, scene.changes(), looks());
    until("five more looks", async || (looks() >= seen + 5).then_some(())).await;
    let after = scene.desk.contained(CLAIM).await;
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    assert_eq!(scene.changes(), changes);
}

#[tokio::test]
async fn a_throttled_swap_is_tried_again_until_it_succeeds() {
    let scene = Scene::with(&[&["web"], &["app"]]).await;
    let how = json!({"code": "RequestLimitExceeded", "status": 503, "message": "Slow down.", "times": 3});
    fail(&scene.account.id, "ModifyNetworkInterfaceAttribute", how);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn a_missing_right_to_tag_is_said_and_holds_nothing_up() {
    let scene = Scene::with(&[&["web"]]).await;
    let how = json!({"code": "UnauthorizedOperation", "status": 403, "message": "No.", "times": -1});
    fail(&scene.account.id, "CreateTags", how);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Restorable", "True", "TagsNotWritten").await;
    assert!(condition(&claim, "Restorable").expect("said").message.contains("ec2:CreateTags"));
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_stopped_instance_is_contained_and_a_terminated_one_is_named() {
    let scene = Scene::with(&[&["web"]]).await;
    let owner = &scene.account.owner;
    owner.stop_instances().instance_ids(&scene.instance).send().await.expect("it stops");
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    owner.terminate_instances().instance_ids(&scene.instance).send().await.expect("it ends");
    let claim = scene.desk.says(CLAIM, "Contained", "False", "InstanceTerminated").await;
    assert!(holds(&claim, "Stalled"));
}

#[tokio::test]
async fn an_unknown_instance_is_named() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    let target =
        json!({"instance": {"id": "i-00000000000000000", "region": "eu-central-1", "accountId": scene.account.id}});
    scene.claim(json!({"target": target})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "InstanceNotFound").await;
    assert!(holds(&claim, "Stalled") && claim.metadata.finalizers.is_none());
}

#[tokio::test]
async fn evidence_at_risk_names_the_owner_and_the_volumes() {
    let scene = Scene::with(&[&["web"]]).await;
    let tags = crate::wire::account::tags([("karpenter.sh/nodepool", "batch")]);
    scene.account.ec2.tag(std::slice::from_ref(&scene.instance), &tags).await.expect("the owner may do that");
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "EvidenceAtRisk", "True", "ManagedInstance").await;
    let message = &condition(&claim, "EvidenceAtRisk").expect("said").message;
    assert!(message.contains("the Karpenter node pool batch") && message.contains("vol-"), "{message}");
}

#[tokio::test]
async fn rule_11_already_isolated_no_record() {
    let scene = Scene::with(&[&["web"]]).await;
    let interface = &scene.interfaces[0];
    scene.set(interface, std::slice::from_ref(&scene.isolation)).await;
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.contained(CLAIM).await;
    let record = &status(&claim).interfaces[0];
    assert_eq!(record.original_security_groups, None, "the isolation group never becomes an original");
    assert!(condition(&claim, "Restorable").is_some_and(|said| said.reason == "VerifyingOriginals"));

    scene.desk.delete(CLAIM).await;
    scene.desk.says(CLAIM, "Ready", "False", "OriginalsUnknown").await;
    scene.desk.edit(CLAIM, json!({"spec": {"release": {"policy": "Retain"}}})).await;
    scene.desk.gone(CLAIM).await;
    assert_eq!(scene.carried(interface).await, [scene.isolation.as_str()]);
}
