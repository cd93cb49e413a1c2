//! `kubectl quarantine list` and `status`.

use super::run::plugin;
use crate::e2e::scene::{CLAIM, Scene};
use kube::api::ListParams;
use serde_json::{Value, json};

async fn two() -> Scene {
    let scene = Scene::contained(&[&["web"], &["app"]]).await;
    let target = json!({"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1"}});
    scene.desk.claim("other", json!({"target": target, "className": "there-is-none"})).await;
    scene.desk.says("other", "Ready", "False", "ClassNotFound").await;
    scene
}

fn rows(table: &str) -> Vec<Vec<&str>> {
    table.lines().map(|line| line.split_whitespace().collect()).collect()
}

#[tokio::test]
async fn a_list_has_a_line_for_each_with_what_it_holds_and_why() {
    let scene = two().await;
    let said = plugin(&scene.desk, &["list"]).ended(0);
    let rows = rows(&said.out);
    assert_eq!(rows[0], ["NAME", "INSTANCE", "CONTAINED", "INTERFACES", "CLASS", "REASON", "AGE"]);
    assert_eq!(rows[1][..5], ["other", "i-0123456789abcdef0", "False", "-", "there-is-none"]);
    assert_eq!(rows[2][..6], [CLAIM, &scene.instance, "True", "2/2", &scene.desk.namespace, "Contained"]);
    assert_eq!(rows.len(), 3);

    let wide = plugin(&scene.desk, &["ls", "-o", "wide"]).ended(0);
    wide.says(&["REGION", "ACCOUNT", "MESSAGE", "eu-central-1", &scene.account.id, "carry only"]);
    let names = plugin(&scene.desk, &["list", "-o", "name"]).ended(0);
    assert_eq!(names.out, "quarantine.quarantine-operator.dev/other\nquarantine.quarantine-operator.dev/web-7\n");
    let everywhere = plugin(&scene.desk, &["list", "-A"]).ended(0);
    assert!(everywhere.out.starts_with("NAMESPACE"), "{everywhere:?}");
    assert!(everywhere.out.lines().any(|line| line.starts_with(&scene.desk.namespace) && line.contains(CLAIM)));
}

#[tokio::test]
async fn a_list_as_json_is_what_the_api_server_has() {
    let scene = two().await;
    let said = plugin(&scene.desk, &["list", "-o", "json"]).ended(0);
    let list: Value = serde_json::from_str(&said.out).expect("nothing but JSON");
    assert_eq!((&list["kind"], &list["apiVersion"]), (&json!("List"), &json!("v1")));
    let mut stored = scene.desk.claims.list(&ListParams::default()).await.expect("a list").items;
    stored.iter_mut().for_each(|claim| claim.metadata.managed_fields = None);
    assert_eq!(list["items"], serde_json::to_value(&stored).expect("JSON"));
    let yaml = plugin(&scene.desk, &["list", "-o", "yaml"]).ended(0);
    yaml.says(&["kind: List", "kind: Quarantine", "name: web-7", "name: other"]);
}

#[tokio::test]
async fn nothing_to_list_is_said_beside_the_output() {
    let scene = Scene::with(&[&["web"]]).await;
    let said = plugin(&scene.desk, &["list"]).ended(0).says(&["No Quarantines in namespace"]);
    assert_eq!(said.out, "");
}

#[tokio::test]
async fn a_status_shows_each_interface_with_what_was_and_what_is() {
    let scene = two().await;
    for name in [CLAIM, &scene.instance] {
        let said = plugin(&scene.desk, &["status", name]).ended(0);
        let web = format!("was  {}", scene.groups["web"]);
        let app = format!("was  {}", scene.groups["app"]);
        let is = format!("is   {}", scene.isolation);
        let next = format!("next: kubectl quarantine release {CLAIM} -n {}", scene.desk.namespace);
        said.says(&["Ready=True  Contained", "interfaces  2/2", &scene.interfaces[0], &web, &app, &is, &next]);
    }
    plugin(&scene.desk, &["status", "-A", &scene.instance]).ended(0).says(&[&scene.desk.namespace, CLAIM]);
}

#[tokio::test]
async fn a_status_as_json_or_yaml_is_the_object() {
    let scene = two().await;
    let said = plugin(&scene.desk, &["status", &scene.instance, "-o", "json"]).ended(0);
    let object: Value = serde_json::from_str(&said.out).expect("nothing but JSON");
    assert_eq!((&object["kind"], &object["metadata"]["name"]), (&json!("Quarantine"), &json!(CLAIM)));
    let records = object["status"]["interfaces"].as_array().expect("records");
    let first = records.iter().find(|record| record["id"] == scene.interfaces[0].as_str()).expect("it is recorded");
    assert_eq!(first["originalSecurityGroups"], json!([scene.groups["web"]]));
    plugin(&scene.desk, &["status", CLAIM, "-o", "yaml"]).ended(0).says(&["kind: Quarantine", "interfaceSummary: 2/2"]);
    let name = plugin(&scene.desk, &["status", CLAIM, "-o", "name"]).ended(0);
    assert_eq!(name.out, "quarantine.quarantine-operator.dev/web-7\n");
}
