//! The newer Security Hub beside the older one: imported findings of either make one Quarantine, In Progress is the press
//! where a source takes it, and both are told the outcome in their own way.

use super::stage::{Queue, finding_id, hub_of};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::wait::until,
    wire::{
        account::REGION,
        hub::{self, Hub},
        hub_v2::{self, HubV2},
    },
};
use jiff::{SignedDuration, Timestamp};
use quarantine_operator::model::finding::{Finding, InProgress, Workflow};
use serde_json::{Value, json};

/// The event of a finding as the newer hub has it now.
fn event(account: &str, finding: &Value) -> String {
    json!({
        "version": "0", "id": "6b0f4c1a-0000-0000-0000-000000000000", "account": account, "region": REGION,
        "source": "aws.securityhub", "detail-type": "Findings Imported V2", "time": Timestamp::now().to_string(),
        "resources": [], "detail": {"findings": [finding]},
    })
    .to_string()
}

/// That of the older one.
fn older_event(account: &str, finding: &Value) -> String {
    let mut event: Value = serde_json::from_str(&event(account, finding)).expect("JSON");
    event["detail-type"] = "Security Hub Findings - Imported".into();
    event.to_string()
}

fn reference(scene: &Scene) -> Value {
    json!({"id": finding_id(scene, "one"), "region": REGION, "productArn": hub_v2::product()})
}

/// Waits until the finding's comment holds these words.
async fn commented(hub: &HubV2, id: &str, words: &[&str]) -> Finding {
    until(&format!("the finding's comment holds {words:?}"), async || {
        let finding = hub.read(id).await;
        let note = finding.note.as_ref()?.text.clone();
        words.iter().all(|word| note.contains(word)).then_some(finding)
    })
    .await
}

#[tokio::test]
async fn a_finding_of_the_newer_hub_is_told_that_its_instance_is_contained_and_then_released() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = HubV2::of(&scene.account.id).await;
    let id = finding_id(&scene, "one");
    hub.import([hub.finding(&id, &scene.instance)]);
    scene.class(hub_of(&scene)).await;
    scene.claim(json!({"findings": [reference(&scene)], "reason": "IR-2026-041"})).await;
    scene.desk.says(CLAIM, "FindingUpdated", "True", "FindingUpdated").await;
    let told = commented(&hub, &id, &["contained", &scene.instance, "IR-2026-041"]).await;
    assert_eq!((told.workflow, told.in_progress), (Workflow::Notified, InProgress::AsLeft));
    scene.delete_and_wait().await;
    let told = commented(&hub, &id, &["released", CLAIM]).await;
    assert_eq!(told.in_progress, InProgress::AsLeft);
}

#[tokio::test]
async fn somebody_elses_comment_stays_and_holds_no_release_up() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = HubV2::of(&scene.account.id).await;
    let id = finding_id(&scene, "one");
    hub.import([hub.finding(&id, &scene.instance)]);
    hub.take_up(&id, Some("I take it.")).await;
    scene.class(hub_of(&scene)).await;
    scene.claim(json!({"findings": [reference(&scene)]})).await;
    scene.desk.contained(CLAIM).await;
    scene.desk.says(CLAIM, "FindingUpdated", "False", "FindingHasComment").await;
    let began = std::time::Instant::now();
    scene.delete_and_wait().await;
    assert!(began.elapsed().as_secs() < 25, "it didn't wait for a finding that can't be told");
    assert_eq!(hub.read(&id).await.note.map(|note| note.text).as_deref(), Some("I take it."));
}

#[tokio::test]
async fn a_quarantine_names_a_finding_that_only_the_newer_hub_has() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = HubV2::of(&scene.account.id).await;
    let id = finding_id(&scene, "one");
    hub.import([hub.finding(&id, &scene.instance)]);
    scene.class(hub_of(&scene)).await;
    let by_id = json!({"id": id, "region": REGION});
    let by_product = json!({"id": id, "region": REGION, "productArn": hub_v2::product()});
    for (name, finding) in [("by-product", by_product), ("by-id", by_id)] {
        scene.desk.claim(name, json!({"target": {"finding": finding}})).await;
        let found = until(&format!("{name} has found it"), async || {
            scene.desk.claims.get(name).await.expect("a read").status.and_then(|status| status.finding)
        })
        .await;
        assert_eq!(found.product_arn, hub_v2::product(), "{name}");
    }
    scene.desk.contained("by-product").await;
    commented(&hub, &id, &["contained"]).await;
}

#[tokio::test]
async fn whichever_hub_tells_first_there_is_one_quarantine_and_both_are_told() {
    let scene = Scene::with(&[&["web"]]).await;
    let (older, newer) = (Hub::of(&scene.account.id).await, HubV2::of(&scene.account.id).await);
    let id = finding_id(&scene, "one");
    let mut in_asff = older.finding(&id);
    in_asff["Resources"] = json!([hub::instance(&scene.account.id, &scene.instance)]);
    in_asff["UpdatedAt"] = Timestamp::now().to_string().into();
    let mut in_ocsf = newer.finding(&id, &scene.instance);
    in_ocsf["time"] = Timestamp::now().as_millisecond().into();
    older.import([in_asff]);
    newer.import([in_ocsf.clone()]);
    scene.class(hub_of(&scene)).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({"accept": {"imported": {"productArns": [hub::product("aws/guardduty")]}}})).await;
    let name = queue.claim_of(&scene.instance);
    queue.send(&event(&scene.account.id, &in_ocsf)).await;
    scene.desk.contained(&name).await;
    queue.send(&older_event(&scene.account.id, &older.read(&id))).await;
    until("both findings are listed", async || {
        (scene.desk.claims.get(&name).await.expect("a read").spec.findings.len() == 2).then_some(())
    })
    .await;
    commented(&newer, &id, &["contained"]).await;
    until("the older hub is told, too", async || {
        older.read(&id)["Note"]["Text"].as_str()?.contains("contained").then_some(())
    })
    .await;
    assert_eq!(queue.claims().await.len(), 1);
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
}

#[tokio::test]
async fn in_progress_cuts_the_instance_off_and_what_the_operator_writes_does_not_do_so_again() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = HubV2::of(&scene.account.id).await;
    let id = finding_id(&scene, "one");
    let mut given = hub.finding(&id, &scene.instance);
    given["time"] = (Timestamp::now() - SignedDuration::from_mins(5)).as_millisecond().into();
    hub.import([given.clone()]);
    scene.class(hub_of(&scene)).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({"accept": {"inProgress": {"productArns": [hub_v2::product()]}}})).await;
    let name = queue.claim_of(&scene.instance);
    queue.send(&event(&scene.account.id, &given)).await;
    until("New is no press", async || (queue.status().await.counters.unwanted == 1).then_some(())).await;
    assert_eq!(queue.claims().await.len(), 0);

    hub.take_up(&id, None).await;
    given["status_id"] = 2.into();
    queue.send(&event(&scene.account.id, &given)).await;
    scene.desk.contained(&name).await;
    let told = commented(&hub, &id, &["contained"]).await;
    given["comment"] = told.note.expect("it has a comment").text.into();
    queue.send(&event(&scene.account.id, &given)).await;
    until("what we wrote is no press", async || (queue.status().await.counters.unwanted == 2).then_some(())).await;

    scene.desk.delete(&name).await;
    scene.desk.gone(&name).await;
    let told = commented(&hub, &id, &["released"]).await;
    given["comment"] = told.note.expect("it has a comment").text.into();
    queue.send(&event(&scene.account.id, &given)).await;
    until("nor is the end", async || (queue.status().await.counters.unwanted == 3).then_some(())).await;
    assert_eq!(queue.claims().await.len(), 0);

    hub.take_up(&id, Some("It is back.")).await;
    given["comment"] = "It is back.".into();
    queue.send(&event(&scene.account.id, &given)).await;
    scene.desk.says(&name, "Ready", "True", "Suspended").await;
    let reason = scene.desk.claims.get(&name).await.expect("a read").spec.reason.unwrap_or_default();
    assert!(reason.contains("given back before"), "{reason}");
}
