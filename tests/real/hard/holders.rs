//! Several claims of one instance.

use crate::{
    e2e::scene::{CLAIM, Scene, close},
    support::{
        claims::{Desk, holds, status},
        client,
        wait::until,
    },
    wire::emulator::calls,
};
use k8s_openapi::api::admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use quarantine_operator::api::Quarantine;
use serde_json::json;

const SECOND: &str = "second";

fn swaps(scene: &Scene) -> usize {
    calls(&scene.account.id, "ModifyNetworkInterfaceAttribute").len()
}

/// Waits until the claim says that another one holds the instance.
async fn waits(desk: &Desk, name: &str) -> Quarantine {
    until(&format!("{name} waits"), async || {
        let claim = desk.claims.get_opt(name).await.expect("a read")?;
        claim.status.as_ref().is_some_and(|status| status.held_by.is_some()).then_some(claim)
    })
    .await
}

/// A namespace and a class of its own for the same instance, isolating with another group.
async fn elsewhere(scene: &Scene) -> (Desk, String) {
    let other = scene.account.group(&scene.subnet, "other-isolation").await;
    close(&scene.account, &other).await;
    let desk = Desk::open(client().await).await;
    let mut spec = scene.class(json!({})).await.spec;
    spec.security_group.id = Some(other.clone());
    let mut spec = serde_json::to_value(spec).expect("a spec");
    spec["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": desk.namespace}});
    desk.class(spec).await;
    (desk, other)
}

#[tokio::test]
async fn a_driver_that_is_deleted_hands_over_and_no_interface_is_ever_without_isolation() {
    let scene = Scene::contained(&[&["web"], &["db", "app"]]).await;
    scene.desk.claim(SECOND, scene.spec(json!({}))).await;
    assert!(holds(&waits(&scene.desk, SECOND).await, "Contained"), "by the first one, with the group of its own class");
    let before = swaps(&scene);
    scene.delete_and_wait().await;
    let second = scene.desk.contained(SECOND).await;
    assert_eq!(status(&second).interfaces.len(), 2);
    assert_eq!(swaps(&scene), before, "nothing was given back, nothing isolated anew");
    scene.desk.delete(SECOND).await;
    scene.desk.gone(SECOND).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    assert_eq!(scene.carried(&scene.interfaces[1]).await, scene.ids(&["app", "db"]));
    assert!(scene.our_tags(&scene.interfaces[0]).await.is_empty());
}

/// Nobody writes this claim's status while it stands.
struct Frozen {
    policies: Api<ValidatingAdmissionPolicy>,
    bindings: Api<ValidatingAdmissionPolicyBinding>,
    name: String,
}

impl Frozen {
    async fn status_of(desk: &Desk, claim: &str) -> Self {
        let name = format!("frozen-{}", desk.namespace);
        let (policies, bindings) = (Api::all(desk.client.clone()), Api::all(desk.client.clone()));
        let policy = json!({"metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["quarantine-operator.dev"], "apiVersions": ["*"],
                "operations": ["UPDATE"], "resources": ["quarantines/status"]}]},
            "matchConditions": [{"name": "this-one",
                "expression": format!("request.namespace == '{}' && request.name == '{claim}'", desk.namespace)}],
            "validations": [{"expression": "false", "message": "frozen by a test"}],
        }});
        let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
        let object = |value| serde_json::from_value(value).expect("a policy");
        policies.create(&PostParams::default(), &object(policy)).await.expect("it is accepted");
        let object = |value| serde_json::from_value(value).expect("a binding");
        bindings.create(&PostParams::default(), &object(binding)).await.expect("it is accepted");
        until("the policy is in force", async || {
            let read = desk.claims.get(claim).await.expect("a read");
            let trial = PostParams { dry_run: true, ..PostParams::default() };
            let refused = desk.claims.replace_status(claim, &trial, &read).await.err()?;
            refused.to_string().contains("frozen by a test").then_some(())
        })
        .await;
        Self { policies, bindings, name }
    }

    async fn thaw(self) {
        let asked = DeleteParams::default();
        self.bindings.delete(&self.name, &asked).await.expect("it goes");
        self.policies.delete(&self.name, &asked).await.expect("it goes");
    }
}

#[tokio::test]
async fn a_successor_that_is_deleted_between_its_finalizer_and_its_records_goes_and_the_driver_gives_back() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.claim(SECOND, scene.spec(json!({}))).await;
    waits(&scene.desk, SECOND).await;
    let frozen = Frozen::status_of(&scene.desk, SECOND).await;
    scene.desk.delete(CLAIM).await;
    until("the successor has its finalizer", async || {
        scene.desk.claims.get(SECOND).await.expect("a read").metadata.finalizers.filter(|all| !all.is_empty()).map(drop)
    })
    .await;
    let driver = scene.desk.claims.get(CLAIM).await.expect("it waits for its successor");
    assert_eq!(status(&driver).interfaces.len(), 1, "and still has the record");
    assert!(status(&scene.desk.claims.get(SECOND).await.expect("a read")).interfaces.is_empty());
    scene.desk.delete(SECOND).await;
    scene.desk.gone(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    frozen.thaw().await;
    scene.desk.gone(SECOND).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    assert!(scene.our_tags(&scene.interfaces[0]).await.is_empty());
}

#[tokio::test]
async fn both_deleted_at_once_give_the_instance_back_once() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.claim(SECOND, scene.spec(json!({}))).await;
    waits(&scene.desk, SECOND).await;
    let asked = DeleteParams::default();
    let (first, second) =
        tokio::join!(scene.desk.claims.delete(CLAIM, &asked), scene.desk.claims.delete(SECOND, &asked));
    assert!(first.is_ok() && second.is_ok());
    scene.desk.gone(CLAIM).await;
    scene.desk.gone(SECOND).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_driver_deleted_while_the_successor_is_suspended_dry_run_or_refused_gives_the_instance_back() {
    let refused = json!({"securityGroupId": "sg-0123456789abcdef0"});
    for spec in [json!({"suspend": true}), json!({"mode": "DryRun"}), refused] {
        let scene = Scene::contained(&[&["web"]]).await;
        scene.desk.claim(SECOND, scene.spec(spec)).await;
        until("the second one says something", async || {
            let second = scene.desk.claims.get(SECOND).await.expect("a read");
            (!status(&second).conditions.is_empty()).then_some(())
        })
        .await;
        scene.delete_and_wait().await;
        assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    }
}

#[tokio::test]
async fn an_older_claim_that_becomes_eligible_late_waits_and_takes_over_when_the_driver_goes() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    scene.claim(json!({"suspend": true})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.desk.claim(SECOND, scene.spec(json!({}))).await;
    scene.desk.contained(SECOND).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    waits(&scene.desk, CLAIM).await;
    let before = swaps(&scene);
    scene.desk.delete(SECOND).await;
    scene.desk.gone(SECOND).await;
    scene.desk.contained(CLAIM).await;
    assert_eq!(swaps(&scene), before);
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_third_one_that_the_store_has_hardly_seen_ends_with_the_instance_contained_and_the_right_originals() {
    let scene = Scene::contained(&[&["web"]]).await;
    let asked = DeleteParams::default();
    let third = scene.desk.try_claim("third", scene.spec(json!({})));
    let (third, first) = tokio::join!(third, scene.desk.claims.delete(CLAIM, &asked));
    assert!(third.is_ok() && first.is_ok());
    scene.desk.gone(CLAIM).await;
    let third = scene.desk.contained("third").await;
    assert_eq!(status(&third).interfaces[0].original_security_groups, Some(scene.ids(&["web"])));
    scene.desk.delete("third").await;
    scene.desk.gone("third").await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_successor_of_another_namespace_and_class_says_what_its_own_class_would_give_and_then_gives_it() {
    let scene = Scene::contained(&[&["web"]]).await;
    let (desk, other) = elsewhere(&scene).await;
    desk.claim(SECOND, scene.spec(json!({}))).await;
    waits(&desk, SECOND).await;
    desk.says(SECOND, "Contained", "False", "HeldByAnother").await;
    scene.delete_and_wait().await;
    let second = desk.contained(SECOND).await;
    assert_eq!(status(&second).interfaces[0].isolation_groups, [scene.isolation.clone(), other.clone()]);
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [other]);
    desk.delete(SECOND).await;
    desk.gone(SECOND).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_waiting_claim_whose_namespace_is_no_longer_selected_is_refused_and_the_driver_gives_back() {
    let scene = Scene::contained(&[&["web"]]).await;
    let (desk, _) = elsewhere(&scene).await;
    desk.claim(SECOND, scene.spec(json!({}))).await;
    waits(&desk, SECOND).await;
    desk.class(json!({"namespaceSelector": {"matchLabels": {"nobody": "has this"}}, "accounts": [scene.account.id],
        "assumeRole": scene.class(json!({})).await.spec.assume_role, "securityGroup": {"id": scene.isolation}}))
        .await;
    desk.says(SECOND, "Ready", "False", "NamespaceNotAllowed").await;
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}
