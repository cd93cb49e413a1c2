//! Missing: fields that a running operator has and the custom resources lack, as `helm upgrade` leaves them.

use super::{cluster::upgraded, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, fresh_ground},
        wait::until,
    },
};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use quarantine_operator::api::Quarantine;
use serde_json::json;
use xtask::http::get;

#[tokio::test]
async fn an_operator_whose_custom_resources_are_older_than_itself_says_so_and_does_nothing_until_they_are_upgraded() {
    let stack = fresh_ground().await;
    let client = client_of(&stack).await;
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let older = json!([{"op": "remove",
        "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/suspend"}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(older).expect("a patch"));
    crds.patch("quarantines.quarantine-operator.dev", &PatchParams::default(), &patch).await.expect("accepted");
    until("the API server publishes it", async || {
        said(&stack, |_| {}).text.contains("of another version").then_some(())
    })
    .await;

    let scene = Scene::on(Desk::open(client).await, &[&["web"]]).await;
    scene.class(json!({})).await;
    // As clients that compute no patch send it: server-side apply would be refused, with the field's name.
    let mut claim = json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
        "metadata": {"name": CLAIM}, "spec": scene.spec(json!({"suspend": true}))});
    claim["spec"]["className"] = json!(scene.desk.namespace);
    let claims: Api<DynamicObject> =
        Api::namespaced_with(scene.desk.client.clone(), &scene.desk.namespace, &ApiResource::erase::<Quarantine>(&()));
    let claim = serde_json::from_value(claim).expect("an object");
    let claim = claims.create(&PostParams::default(), &claim).await.expect("a Quarantine is accepted");
    assert_eq!(claim.data["spec"].get("suspend"), None, "the API server drops what a person wrote");
    let before = scene.changes();
    let operator = Process::start(&stack, OPERATOR_ACCOUNT);
    let drops = "the API server drops Quarantine.spec.suspend";
    operator.is_said(drops).await;
    let (probes, metrics) = (operator.port_of("probes").await, operator.port_of("metrics").await);
    until("it isn't ready, and says why", async || {
        let (code, said) = get(probes, "/readyz").expect("it answers");
        assert_eq!(code, 503, "{said}");
        (said.contains(drops) && said.contains("[+]watches ok")).then_some(())
    })
    .await;
    until("it has come to the Quarantine", async || {
        let (_, text) = get(metrics, "/metrics").expect("it answers");
        assert!(text.contains("\nquarantine_dropped_fields 1\n"), "{text}");
        text.contains("controller_runtime_reconcile_total{controller=\"quarantine\",result=\"requeue_after\"}")
            .then_some(())
    })
    .await;
    let claim = scene.desk.claims.get(CLAIM).await.expect("a read");
    assert_eq!((claim.metadata.finalizers, scene.changes()), (None, before), "nothing was done");

    upgraded(&stack);
    until("it is ready", async || (get(probes, "/readyz").expect("it answers").0 == 200).then_some(())).await;
    scene.desk.contained(CLAIM).await;
}
