//! What else the API server does with these objects because of how their CRDs are made.

use super::sample::{INSTANCE, create, quarantine, refused_at_creation, resource, try_to_create};
use crate::support::{claims::Desk, client, wait::until};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};

#[tokio::test]
async fn an_unknown_field_is_refused_under_strict_validation() {
    let answer = apply(quarantine(json!({"untill": "Friday"})), PatchParams::apply("tests").validation_strict()).await;
    let Err(kube::Error::Api(refusal)) = answer else { panic!("it must be refused, but: {answer:?}") };
    assert!(refusal.message.contains(".spec.untill"), "the field is named: {}", refusal.message);
}

#[tokio::test]
async fn an_unknown_field_is_dropped_without_strict_validation() {
    let claim = try_to_create(quarantine(json!({"untill": "Friday"}))).await.expect("it is accepted");
    assert_eq!(claim.data["spec"].get("untill"), None);
}

#[tokio::test]
async fn a_null_is_as_if_the_field_were_left_out() {
    let mut claim = quarantine(json!({}));
    for field in ["className", "securityGroupId", "mode", "suspend", "findings", "release"] {
        claim["spec"][field] = Value::Null;
    }
    let claim = try_to_create(claim).await.expect("it is accepted");
    let least = try_to_create(quarantine(json!({"className": null}))).await.expect("it is accepted");
    assert_eq!(claim.data["spec"], least.data["spec"]);
}

#[tokio::test]
async fn a_null_is_no_target() {
    let mut claim = quarantine(json!({}));
    claim["spec"]["target"] = Value::Null;
    refused_at_creation(claim, "spec.target", "Required value").await;
}

#[tokio::test]
async fn a_null_is_no_instance() {
    let mut claim = quarantine(json!({}));
    claim["spec"]["target"]["instance"] = Value::Null;
    refused_at_creation(claim, "spec.target", "exactly one of instance and finding must be given").await;
}

#[tokio::test]
async fn a_status_in_the_object_is_not_taken() {
    let mut claim = quarantine(json!({}));
    claim["status"] = json!({"interfaceSummary": "9/9"});
    let (_, claim) = create(claim).await;
    assert_eq!(claim.data["status"].get("interfaceSummary"), None);
}

#[tokio::test]
async fn an_edit_of_the_object_leaves_the_status() {
    let (api, claim) = create(quarantine(json!({}))).await;
    let patch = Patch::Merge(json!({"status": {"interfaceSummary": "9/9"}}));
    let claim = api.patch(&claim.name_any(), &PatchParams::default(), &patch).await.expect("the edit is accepted");
    assert_eq!(claim.data["status"].get("interfaceSummary"), None);
}

#[tokio::test]
async fn an_edit_of_the_status_leaves_the_object() {
    let (api, claim) = create(quarantine(json!({}))).await;
    let patch = Patch::Merge(json!({"spec": {"suspend": true}, "status": {"corrections": 1}}));
    let claim = api.patch_status(&claim.name_any(), &PatchParams::default(), &patch).await.expect("it is accepted");
    assert_eq!(claim.data["spec"]["suspend"], false);
}

/// The records are given up already, so that an operator on the same API server does nothing about them.
#[tokio::test]
async fn records_applied_by_two_writers_stand_side_by_side() {
    let (api, claim) = create(quarantine(json!({"suspend": true}))).await;
    let apply = async |writer: &str, interface: &str| {
        let record = json!({
            "id": interface, "vpcId": "vpc-1", "state": "Retained", "recordedAt": "2026-01-01T00:00:00Z",
            "isolationGroups": ["sg-0"],
        });
        let patch = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "status": {"interfaces": [record]},
        });
        let applied = api.patch_status(&claim.name_any(), &PatchParams::apply(writer), &Patch::Apply(patch)).await;
        applied.expect("the record is accepted")
    };
    apply("one", "eni-1").await;
    let claim = apply("other", "eni-2").await;
    let records = claim.data["status"]["interfaces"].as_array().expect("records").iter();
    assert_eq!(records.map(|record| &record["id"]).collect::<Vec<_>>(), ["eni-1", "eni-2"]);
    let _ = api.delete(&claim.name_any(), &DeleteParams::default()).await;
}

#[tokio::test]
async fn findings_applied_by_two_writers_stand_side_by_side() {
    let (api, claim) = create(quarantine(json!({}))).await;
    let apply = async |writer: &str, finding: &str| {
        let finding = json!({"id": finding, "region": "eu-central-1", "productArn": super::sample::PRODUCT});
        let patch = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "spec": {"findings": [finding]},
        });
        let applied = api.patch(&claim.name_any(), &PatchParams::apply(writer), &Patch::Apply(patch)).await;
        applied.expect("the finding is accepted")
    };
    apply("one", "a").await;
    let claim = apply("other", "b").await;
    let findings = claim.data["spec"]["findings"].as_array().expect("findings").iter();
    assert_eq!(findings.map(|finding| &finding["id"]).collect::<Vec<_>>(), ["a", "b"]);
}

#[tokio::test]
async fn quarantines_are_selected_by_the_instance_that_was_resolved() {
    let desk = Desk::open(client().await).await;
    for (name, instance) in [("this", INSTANCE), ("that", "i-0fedcba9876543210")] {
        desk.claim(name, json!({"target": {"instance": {"id": instance, "region": "eu-central-1"}}, "suspend": true}))
            .await;
    }
    // An operator on the same API server may write a status of its own in between.
    until("the field selector finds the one of two", async || {
        for (name, instance) in [("this", INSTANCE), ("that", "i-0fedcba9876543210")] {
            let target = json!({"instanceId": instance, "accountId": "111122223333", "region": "eu-central-1"});
            let patch = Patch::Merge(json!({"status": {"target": target}}));
            desk.claims.patch_status(name, &PatchParams::default(), &patch).await.expect("a status is accepted");
        }
        let selector = ListParams::default().fields(&format!("status.target.instanceId={INSTANCE}"));
        let found = desk.claims.list(&selector).await.expect("the selector is known");
        (found.items.iter().map(ResourceExt::name_any).collect::<Vec<_>>() == ["this"]).then_some(())
    })
    .await;
}

async fn apply(object: Value, params: PatchParams) -> kube::Result<DynamicObject> {
    let api: Api<DynamicObject> = resource(&client().await, "default", &object);
    api.patch("sample", &PatchParams { dry_run: true, ..params }, &Patch::Apply(object)).await
}
