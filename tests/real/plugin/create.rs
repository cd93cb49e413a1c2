//! `kubectl quarantine i-…`, `finding` and `enforce`.

use super::run::{command, isolate, plugin};
use crate::{
    e2e::scene::{CLAIM, Scene},
    findings::stage::{finding, finding_id, hub_of},
    support::claims::{Desk, condition, status},
    wire::{account::REGION, hub::Hub},
};
use kube::{ResourceExt, api::ListParams};
use quarantine_operator::api::Quarantine;
use serde_json::{Value, json};

async fn scene() -> Scene {
    let scene = Scene::with(&[&["web"], &["app", "db"]]).await;
    scene.class(json!({})).await;
    scene
}

async fn all(desk: &Desk) -> Vec<Quarantine> {
    desk.claims.list(&ListParams::default()).await.expect("a list").items
}

#[tokio::test]
async fn an_instance_is_cut_off_and_what_was_and_is_is_shown() {
    let scene = scene().await;
    let said = isolate(&scene, &["--reason", "IR-2026-041", "--wait"]).ended(0);
    let name = format!("{}/{}", scene.desk.namespace, scene.instance);
    let was = format!("was  {}", scene.groups["web"]);
    let is = format!("is   {}", scene.isolation);
    let said =
        said.says(&[&format!("Quarantine {name} created"), &format!("{name}  Contained"), &was, &is, "IR-2026-041"]);
    assert!(!said.out.contains('\u{1b}'), "no colour where nobody sees it: {said:?}");
    for interface in &scene.interfaces {
        assert_eq!(scene.carried(interface).await, [scene.isolation.as_str()]);
    }
}

#[tokio::test]
async fn a_second_call_makes_no_second_quarantine_and_waits_for_the_first() {
    let scene = scene().await;
    isolate(&scene, &[]).ended(0).says(&["created", "kubectl quarantine status", &scene.desk.namespace]);
    isolate(&scene, &["--wait"]).ended(0).says(&["already there", "Contained"]);
    assert_eq!(all(&scene.desk).await.len(), 1);
}

#[tokio::test]
async fn a_quarantine_of_another_name_is_found_and_named() {
    let scene = scene().await;
    scene.claim(json!({})).await;
    isolate(&scene, &[]).ended(0).says(&[&format!("{}/{CLAIM} is already there", scene.desk.namespace)]);
    let other = [&scene.instance[..], "--region", REGION, "--class", "other"];
    plugin(&scene.desk, &other).ended(1).says(&["no second Quarantine was made", "is of class"]);
    assert_eq!(all(&scene.desk).await.len(), 1);
}

#[tokio::test]
async fn an_arn_tells_region_and_account_and_the_object_is_printed_as_asked_for() {
    let desk = Scene::with(&[&["web"]]).await.desk;
    let arn = |id: &str| format!("arn:aws:ec2:eu-central-1:111122223333:instance/{id}");
    let said = plugin(&desk, &[&arn("i-0123456789abcdef0"), "-o", "json"]).ended(0);
    let object: Value = serde_json::from_str(&said.out).expect("nothing but JSON");
    let target =
        json!({"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1", "accountId": "111122223333"}});
    assert_eq!(object["spec"]["target"], target);
    assert_eq!((&object["kind"], &object["metadata"]["managedFields"]), (&json!("Quarantine"), &Value::Null));
    let said = plugin(&desk, &[&arn("i-0123456789abcdef1"), "-o", "name"]).ended(0);
    assert_eq!(said.out, "quarantine.quarantine-operator.dev/i-0123456789abcdef1\n");
    let said = plugin(&desk, &[&arn("i-0123456789abcdef2"), "-o", "yaml"]).ended(0);
    said.says(&["kind: Quarantine", "id: i-0123456789abcdef2"]);
    plugin(&desk, &[&arn("i-0123456789abcdef3"), "--region", "us-east-1"]).ended(2).says(&["contradicts the ARN"]);
}

#[tokio::test]
async fn the_region_is_the_environments_or_the_only_one_of_the_class_or_asked_for() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"regions": ["eu-west-1", "eu-west-2"]})).await;
    let arguments = |id| [id, "--class", &scene.desk.namespace, "-o", "name"];
    plugin(&scene.desk, &arguments("i-01234560")).ended(2).says(&["which region?", "--region", "AWS_REGION"]);
    assert_eq!(all(&scene.desk).await.len(), 0);
    scene.class(json!({"regions": ["eu-west-1"]})).await;
    plugin(&scene.desk, &arguments("i-01234561")).ended(0);
    let mut told = command(&scene.desk, &arguments("i-01234562"));
    assert!(told.env("AWS_REGION", "us-east-1").output().expect("it runs").status.success());
    let regions = all(&scene.desk)
        .await
        .into_iter()
        .map(|claim| (claim.name_any(), claim.spec.target.instance.expect("an instance").region));
    let wanted = [("i-01234561", "eu-west-1"), ("i-01234562", "us-east-1")];
    assert_eq!(regions.collect::<Vec<_>>(), wanted.map(|(id, region)| (id.to_owned(), region.to_owned())));
}

#[tokio::test]
async fn a_dry_run_tells_what_would_change_and_is_enforced_on_demand() {
    let scene = scene().await;
    let before = scene.carried(&scene.interfaces[1]).await;
    let said = isolate(&scene, &["--dry-run", "--wait"]).ended(0);
    said.says(&["created as a dry run", "dry run: nothing is changed", "DryRun", &scene.isolation]);
    assert_eq!(scene.carried(&scene.interfaces[1]).await, before);
    let name = &scene.instance;
    isolate(&scene, &[]).ended(1).says(&["is a dry run", &format!("kubectl quarantine enforce {name}")]);
    plugin(&scene.desk, &["enforce", name, "--wait"]).ended(0).says(&["is enforced", "Contained"]);
    assert_eq!(scene.carried(&scene.interfaces[1]).await, [scene.isolation.as_str()]);
    plugin(&scene.desk, &["enforce", name]).ended(0).says(&["is enforced already"]);
}

#[tokio::test]
async fn what_is_suspended_acts_once_it_is_enforced() {
    let scene = scene().await;
    scene.claim(json!({"suspend": true})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    isolate(&scene, &[]).ended(1).says(&["is suspended", "kubectl quarantine enforce"]);
    plugin(&scene.desk, &["enforce", CLAIM, "--wait"]).ended(0).says(&["Contained"]);
    let claim = scene.desk.contained(CLAIM).await;
    assert!(claim.spec.acts());
}

#[tokio::test]
async fn a_finding_is_followed_to_its_instance() {
    let scene = Scene::with(&[&["web"]]).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "one")]);
    scene.class(hub_of(&scene)).await;
    let id = finding_id(&scene, "one");
    let arguments = ["finding", &id, "--region", REGION, "--class", &scene.desk.namespace];
    let said = plugin(&scene.desk, &[&arguments[..], &["--wait"]].concat()).ended(0);
    said.says(&["Contained", &scene.instance, &id]);
    plugin(&scene.desk, &arguments).ended(0).says(&["already there"]);
    let claims = all(&scene.desk).await;
    assert!(claims.len() == 1 && claims[0].name_any().starts_with("finding-"), "{claims:?}");
    assert_eq!(status(&claims[0]).target.as_ref().map(|target| &target.instance_id), Some(&scene.instance));
    assert!(condition(&claims[0], "Contained").is_some());
}
