//! What policy refuses, and that a refusal touches nothing.

use super::scene::{CLAIM, Scene};
use crate::support::claims::{condition, holds, status};
use serde_json::{Value, json};

/// Applies class and claim, waits for the refusal, and proves that nothing was touched.
async fn refused(scene: &Scene, class: Value, claim: Value, stalled: bool, reason: &str) {
    let before = scene.changes();
    scene.class(class).await;
    scene.claim(claim).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", reason).await;
    assert_eq!(holds(&claim, "Stalled"), stalled, "{reason}");
    assert_eq!(holds(&claim, "Reconciling"), !stalled, "{reason}");
    assert!(condition(&claim, "Contained").is_some_and(|said| said.reason == reason));
    assert_eq!(claim.metadata.finalizers, None, "an object that never acted has no finalizer");
    assert_eq!(scene.changes(), before, "rule 6: {reason} causes no changing call");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    scene.delete_and_wait().await;
}

#[tokio::test]
async fn rule_06_refused_means_untouched() {
    let scene = Scene::with(&[&["web"]]).await;
    let tags = crate::wire::account::tags([("tier", "bastion")]);
    scene.account.ec2.tag(std::slice::from_ref(&scene.instance), &tags).await.expect("the owner may do that");
    let group = json!({"securityGroupId": "sg-0123456789abcdef0"});
    let finding = json!({"target": {"finding": {"id": "f-1", "region": "eu-central-1"}}});
    for (class, claim, stalled, reason) in [
        (json!({"namespaceSelector": {"matchLabels": {"team": "other"}}}), json!({}), true, "NamespaceNotAllowed"),
        (json!({"accounts": ["999999999999"]}), json!({}), true, "AccountNotAllowed"),
        (json!({"regions": ["us-east-1"]}), json!({}), true, "RegionNotAllowed"),
        (json!({"protected": {"instanceIds": [scene.instance]}}), json!({}), true, "ProtectedInstance"),
        (json!({"protected": {"tags": [{"key": "tier", "value": "bastion"}]}}), json!({}), true, "ProtectedByTag"),
        (json!({"protected": {"tags": [{"key": "tier"}]}}), json!({}), true, "ProtectedByTag"),
        (json!({"maxActive": 0}), json!({}), false, "LimitReached"),
        (json!({}), group, true, "GroupNotAllowed"),
        (json!({}), finding, true, "AccountNotAllowed"),
        (json!({}), json!({"className": "there-is-none"}), true, "ClassNotFound"),
    ] {
        refused(&scene, class, claim, stalled, reason).await;
    }
}

#[tokio::test]
async fn a_claim_may_name_a_group_that_its_class_allows() {
    let scene = Scene::with(&[&["web"]]).await;
    let other = scene.account.group(&scene.subnet, "forensics").await;
    super::scene::close(&scene.account, &other).await;
    scene.class(json!({"allowedSecurityGroupIds": [other]})).await;
    scene.claim(json!({"securityGroupId": other})).await;
    scene.desk.contained(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [other]);
}

#[tokio::test]
async fn a_dry_run_says_what_would_change_and_changes_nothing_until_enforced() {
    let scene = Scene::with(&[&["web"]]).await;
    let before = scene.carried(&scene.interfaces[0]).await;
    scene.class(json!({})).await;
    scene.claim(json!({"mode": "DryRun"})).await;
    let claim = scene.desk.says(CLAIM, "Contained", "False", "DryRun").await;
    assert!(holds(&claim, "Ready") && claim.metadata.finalizers.is_none() && status(&claim).interfaces.is_empty());
    let message = &condition(&claim, "Contained").expect("said").message;
    assert!(message.contains(&scene.interfaces[0]) && message.contains(&scene.isolation), "{message}");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, before);
    assert_eq!(scene.our_tags(&scene.interfaces[0]).await, Vec::<String>::new());

    scene.desk.edit(CLAIM, json!({"spec": {"mode": "Enforce"}})).await;
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn a_dry_run_without_the_right_to_change_says_which_is_missing() {
    let scene = Scene::with(&[&["web"]]).await;
    let how = json!({"code": "UnauthorizedOperation", "status": 403, "message": "No.", "times": -1});
    crate::wire::emulator::fail(&scene.account.id, "ModifyNetworkInterfaceAttribute", how);
    scene.class(json!({})).await;
    scene.claim(json!({"mode": "DryRun"})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "AccessDenied").await;
    assert!(condition(&claim, "Ready").expect("said").message.contains("ec2:ModifyNetworkInterfaceAttribute"));
}

#[tokio::test]
async fn a_role_that_does_not_let_us_in_is_named() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"assumeRole": {"roleName": "quarantine", "externalId": "not-the-one"}})).await;
    scene.claim(json!({})).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "AssumeRoleFailed").await;
    assert!(holds(&claim, "Stalled"));
    assert!(condition(&claim, "Ready").expect("said").message.contains("role/quarantine"));
}

#[tokio::test]
async fn a_class_that_comes_later_is_waited_for_and_taken() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.claim(json!({})).await;
    scene.desk.says(CLAIM, "Ready", "False", "ClassNotFound").await;
    scene.class(json!({})).await;
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn what_is_held_is_released_under_what_it_was_admitted_with_though_its_class_is_gone() {
    let scene = Scene::contained(&[&["web"], &["app"]]).await;
    let classes: kube::Api<quarantine_operator::api::QuarantineClass> = kube::Api::all(scene.desk.client.clone());
    classes.delete(&scene.desk.namespace, &kube::api::DeleteParams::default()).await.expect("deleted");
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
    scene.desk.contained(CLAIM).await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[1]).await, scene.ids(&["app"]));
}

#[tokio::test]
async fn the_next_one_is_admitted_when_one_is_released() {
    let scene = Scene::with(&[&["web"]]).await;
    let next = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    scene.class(json!({"maxActive": 1})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    let target = json!({"instance": {"id": next, "region": "eu-central-1", "accountId": scene.account.id}});
    scene.desk.claim("next", scene.spec(json!({"target": target}))).await;
    let waiting = scene.desk.says("next", "Ready", "False", "LimitReached").await;
    assert!(holds(&waiting, "Reconciling") && waiting.metadata.finalizers.is_none());
    scene.delete_and_wait().await;
    scene.desk.contained("next").await;
}
