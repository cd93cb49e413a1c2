//! The CustomResourceDefinition of Quarantine is deleted.

use super::{approve, is_given_back, is_held, is_isolated};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        apply_crds,
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        own_stack::OwnStack,
        process::{Process, fresh_ground},
        wait::until,
    },
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, api::DeleteParams};
use serde_json::json;

const CRD: &str = "quarantines.quarantine-operator.dev";

#[tokio::test]
async fn rule_13_a_deleted_crd_waits_for_approval_and_then_goes() {
    let (_stack, _operator, scene, crds) = deleted().await;
    approve(&scene).await;
    gone(&crds).await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;

    // The same operator goes on when the CRD is there again.
    apply_crds(&scene.desk.client).await;
    until("a new claim is accepted", async || scene.desk.try_claim(CLAIM, scene.spec(json!({}))).await.ok()).await;
    scene.desk.contained(CLAIM).await;
    scene.delete_and_wait().await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;
}

#[tokio::test]
async fn a_deleted_crd_goes_with_everything_isolated_under_policy_retain() {
    let (_stack, _operator, scene, crds) = deleted().await;
    let before = scene.changes();
    scene.desk.edit(CLAIM, json!({"spec": {"release": {"policy": "Retain"}}})).await;
    gone(&crds).await;
    is_isolated(&scene).await;
    assert_eq!(scene.changes(), before);
}

/// A contained instance, whose release is held because the CRD is being deleted.
async fn deleted() -> (OwnStack, Process, Scene, Api<CustomResourceDefinition>) {
    let stack = fresh_ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"], &["app", "db"]]).await;
    let operator = Process::start(&stack, OPERATOR_ACCOUNT);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    let crds: Api<CustomResourceDefinition> = Api::all(scene.desk.client.clone());
    crds.delete(CRD, &DeleteParams::default()).await.expect("the deletion is accepted");
    is_held(&scene, "the CustomResourceDefinition of Quarantine is being deleted").await;
    assert!(crds.get(CRD).await.expect("it waits").metadata.deletion_timestamp.is_some());
    (stack, operator, scene, crds)
}

async fn gone(crds: &Api<CustomResourceDefinition>) {
    until("the CRD is gone", async || crds.get_opt(CRD).await.expect("a read").is_none().then_some(())).await;
}
