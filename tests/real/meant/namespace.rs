//! A namespace is deleted, with the controller that makes namespaces go.

use super::{approve, is_given_back, is_held, is_isolated};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{Desk, holds},
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, fresh_ground_with},
        wait::until,
    },
};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::DeleteParams};
use serde_json::json;
use xtask::StackOptions;

#[tokio::test]
async fn rule_13_a_deleted_namespace_waits_for_approval_and_then_goes() {
    let stack = fresh_ground_with(StackOptions { controller_manager: true, ..StackOptions::default() }).await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"], &["app", "db"]]).await;
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    scene.class(json!({})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;

    let namespaces: Api<Namespace> = Api::all(scene.desk.client.clone());
    namespaces.delete(&scene.desk.namespace, &DeleteParams::default()).await.expect("the deletion is accepted");
    is_held(&scene, "its namespace is being deleted").await;
    let blocked = until("the namespace says what it waits for", async || {
        let namespace = namespaces.get(&scene.desk.namespace).await.expect("it is still there");
        let conditions = namespace.status.and_then(|status| status.conditions).unwrap_or_default();
        conditions.into_iter().find(|one| one.type_ == "NamespaceFinalizersRemaining" && one.status == "True")
    })
    .await;
    assert!(blocked.message.unwrap_or_default().contains("quarantine-operator.dev/restore"));
    // Still the same after as many looks as it takes to put something right.
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
    let claim = scene.desk.contained(CLAIM).await;
    assert!(holds(&claim, "Stalled"));
    is_isolated(&scene).await;

    approve(&scene).await;
    scene.desk.gone(CLAIM).await;
    until("the namespace is gone", async || {
        namespaces.get_opt(&scene.desk.namespace).await.expect("a read").is_none().then_some(())
    })
    .await;
    is_given_back(&scene, &[&["web"], &["app", "db"]]).await;
}
