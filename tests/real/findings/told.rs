//! What findings are told, as Security Hub shows it.

use super::stage::{finding, finding_id, hub_of, of_resources};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{claims::condition, wait::until},
    wire::{
        account::REGION,
        emulator::{fail, mend},
        hub::{Hub, instance, product},
    },
};
use aws_sdk_securityhub::types::{AwsSecurityFindingIdentifier, NoteUpdate};
use serde_json::json;

/// An instance that is contained, and one finding that is to be told.
async fn informing(scene: &Scene, hub: &Hub) {
    hub.import([finding(hub, scene, "one")]);
    scene.class(hub_of(scene)).await;
    scene.claim(json!({"findings": [reference(scene)], "reason": "IR-2026-041"})).await;
}

fn reference(scene: &Scene) -> serde_json::Value {
    json!({"id": finding_id(scene, "one"), "region": REGION, "productArn": product("aws/guardduty")})
}

/// Waits until the finding's note holds these words.
async fn noted(scene: &Scene, hub: &Hub, words: &[&str]) -> String {
    until(&format!("the finding's note holds {words:?}"), async || {
        let note = hub.read(&finding_id(scene, "one"))["Note"]["Text"].as_str()?.to_owned();
        words.iter().all(|word| note.contains(word)).then_some(note)
    })
    .await
}

#[tokio::test]
async fn a_finding_is_told_that_its_instance_is_contained_and_then_that_it_is_released() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    informing(&scene, &hub).await;
    scene.desk.says(CLAIM, "FindingUpdated", "True", "FindingUpdated").await;
    let note = noted(&scene, &hub, &["contained", &scene.instance, CLAIM, "IR-2026-041"]).await;
    assert!(note.chars().count() <= 512, "{note}");
    assert_eq!(hub.read(&finding_id(&scene, "one"))["Workflow"]["Status"], "NOTIFIED");
    scene.delete_and_wait().await;
    noted(&scene, &hub, &["released", CLAIM]).await;
}

#[tokio::test]
async fn a_refusal_is_told_too_and_the_workflow_status_stays() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    let mut class = hub_of(&scene);
    class["protected"] = json!({"instanceIds": [scene.instance]});
    scene.class(class).await;
    scene.claim(json!({"findings": [reference(&scene)]})).await;
    noted(&scene, &hub, &["not contained", "ProtectedInstance"]).await;
    assert_ne!(hub.read(&finding_id(&scene, "one"))["Workflow"]["Status"], "NOTIFIED");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn somebody_elses_note_stays_and_the_outcome_stands_in_a_field_beside_theirs() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    let named =
        AwsSecurityFindingIdentifier::builder().id(finding_id(&scene, "one")).product_arn(product("aws/guardduty"));
    let note = NoteUpdate::builder().text("ours to solve").updated_by("analyst").build();
    let call = hub.owner.batch_update_findings().finding_identifiers(named.build()).note(note);
    call.user_defined_fields("ticket", "42").send().await.expect("an analyst may do that");
    scene.class(hub_of(&scene)).await;
    scene.claim(json!({"findings": [reference(&scene)]})).await;
    scene.desk.says(CLAIM, "FindingUpdated", "True", "FindingUpdated").await;
    let read = hub.read(&finding_id(&scene, "one"));
    assert_eq!(read["Note"]["Text"], "ours to solve");
    let fields = &read["UserDefinedFields"];
    assert_eq!(fields["ticket"], "42");
    let told = fields["quarantine-operator.dev/outcome"].as_str().unwrap_or_default();
    assert!(told.contains("contained"), "{fields}");
}

#[tokio::test]
async fn findings_that_cannot_be_told_hold_up_neither_containing_nor_the_release() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    let denied = fail(&scene.account.id, "BatchUpdateFindings", json!({"code": "AccessDeniedException", "times": -1}));
    informing(&scene, &hub).await;
    scene.desk.contained(CLAIM).await;
    scene.desk.says(CLAIM, "FindingUpdated", "False", "FindingNotUpdated").await;
    scene.desk.says(CLAIM, "Ready", "True", "Contained").await;
    scene.desk.delete(CLAIM).await;
    scene.carries(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.desk.gone(CLAIM).await;
    mend(&denied);
}

#[tokio::test]
async fn a_finding_about_another_machine_is_left_alone_and_the_instance_is_contained_all_the_same() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    let other = instance(&scene.account.id, "i-0fedcba9876543210");
    hub.import([of_resources(&hub, &scene, "one", json!([other]))]);
    let mut class = hub_of(&scene);
    class["securityHub"]["workflowStatus"] = json!("RESOLVED");
    scene.class(class).await;
    scene.claim(json!({"findings": [reference(&scene)], "reason": "nothing to see here"})).await;
    let claim = scene.desk.says(CLAIM, "FindingUpdated", "False", "FindingNotAboutInstance").await;
    let told = condition(&claim, "FindingUpdated").expect("it is there");
    assert!(told.message.contains("i-0fedcba9876543210") && told.message.contains(&scene.instance), "{}", told.message);
    scene.desk.contained(CLAIM).await;
    scene.delete_and_wait().await;
    let read = hub.read(&finding_id(&scene, "one"));
    assert!(read["Note"].is_null() && read["Workflow"]["Status"] != "RESOLVED", "{read}");
}

#[tokio::test]
async fn a_dry_run_writes_nothing_on_its_finding() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    scene.class(hub_of(&scene)).await;
    scene.claim(json!({"findings": [reference(&scene)], "mode": "DryRun"})).await;
    scene.desk.says(CLAIM, "Ready", "True", "DryRun").await;
    scene.desk.says(CLAIM, "FindingUpdated", "False", "DryRun").await;
    assert!(hub.read(&finding_id(&scene, "one"))["Note"].is_null());
    scene.desk.edit(CLAIM, json!({"spec": {"mode": "Enforce"}})).await;
    noted(&scene, &hub, &["contained", CLAIM]).await;
}
