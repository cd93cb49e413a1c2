//! Least privilege in the cluster: the rules of the chart's ClusterRole and Role against the calls that the operator makes,
//! by the API server's audit log, in both directions.

use super::{NAMESPACE, RELEASE, all, named, objects_with, site::Site};
use crate::{
    e2e::scene::CLAIM,
    findings::stage::{ACTION, Queue},
    support::{claims::condition, wait::until},
    wire::{
        account::REGION,
        hub::{Hub, product},
    },
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{collections::BTreeSet, fs};
use xtask::StackOptions;

/// Rules that no call here needs, and why they are there all the same.
const NOT_CALLED: [(&str, &str); 0] = [];

/// group/resource verb
type Calls = BTreeSet<String>;

fn granted() -> Calls {
    let objects = objects_with(&[]);
    let roles = [named(&objects, "ClusterRole", RELEASE), all(&objects, "Role")[0]];
    let rules = roles.into_iter().flat_map(|role| role["rules"].as_array().expect("rules"));
    let texts = |rule: &Value, field: &str| -> Vec<String> {
        let texts = rule[field].as_array().expect("a list").iter();
        texts.map(|text| text.as_str().expect("text").to_owned()).collect()
    };
    let mut granted = Calls::new();
    for rule in rules {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                granted.extend(texts(rule, "verbs").iter().map(|verb| format!("{group}/{resource} {verb}")));
            }
        }
    }
    granted
}

/// What the operator's account asked for, and which of it was refused.
fn called(site: &Site) -> (Calls, Calls) {
    let user = format!("system:serviceaccount:{NAMESPACE}:{RELEASE}");
    let log = fs::read_to_string(site.stack.audit_log()).expect("the audit log is kept");
    let (mut called, mut refused) = (Calls::new(), Calls::new());
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).expect("the audit log is JSON");
        let object = &entry["objectRef"];
        if entry["user"]["username"] != user.as_str() || object["resource"].is_null() {
            continue;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let subresource = match object["subresource"].as_str() {
            Some(subresource) => format!("/{subresource}"),
            None => String::new(),
        };
        let (group, resource, verb) = (text(&object["apiGroup"]), text(&object["resource"]), text(&entry["verb"]));
        let call = format!("{group}/{resource}{subresource} {verb}");
        if entry["responseStatus"]["code"] == 403 {
            refused.insert(call.clone());
        }
        called.insert(call);
    }
    (called, refused)
}

#[tokio::test]
async fn the_roles_grant_each_call_that_the_operator_makes_and_no_other() {
    let site = Site::open(StackOptions { audit_log: true, ..StackOptions::default() }).await;
    site.install();
    let mut operator = site.operator("one");
    site.is_led().await;
    let scene = &site.scene;

    // Containment, drift, release.
    site.contain().await;
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
    site.release().await;

    // A managed group.
    let managed = json!({"accounts": [scene.account.id], "securityGroup": {"managed": {"name": "IncidentResponseSG"}},
        "assumeRole": {"roleName": crate::findings::stage::ROLE, "externalId": crate::findings::stage::EXTERNAL_ID}});
    scene.desk.named_class("managed", managed).await;
    scene.claim(json!({"className": "managed"})).await;
    scene.desk.contained(CLAIM).await;
    site.scene.delete_and_wait().await;

    // A source with a custom action that goes with it, a finding, one that joins, the release, and one that nobody pressed.
    Hub::of(&scene.account.id).await;
    let queue = Queue::of(scene).await;
    let action = json!({"id": ACTION, "name": ACTION, "description": "Cuts it off", "deletionPolicy": "Delete"});
    let imported = json!({"productArns": [product("aws/guardduty")]});
    queue.read_by_source(json!({"customAction": action, "accept": {"imported": imported}})).await;
    queue.says("True", "Receiving").await;
    let name = queue.claim_of(&scene.instance);
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    scene.desk.contained(&name).await;
    queue.send(&queue.pressed("two", &scene.instance, Timestamp::now())).await;
    queue.is_empty().await;
    scene.desk.delete(&name).await;
    scene.desk.gone(&name).await;
    let other = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    queue.send(&queue.imported("three", &other, Timestamp::now())).await;
    scene.desk.contained(&queue.claim_of(&other)).await;
    scene.desk.delete(&queue.claim_of(&other)).await;
    scene.desk.gone(&queue.claim_of(&other)).await;
    queue.delete_source().await;

    // A claim by finding that can't be found says so; it needs no further right.
    let finding = json!({"target": {"finding": {"id": "nobody-knows-it", "region": REGION}}});
    scene.desk.claim("by-finding", finding).await;
    until("it says why", async || {
        let claim = scene.desk.claims.get("by-finding").await.expect("a read");
        condition(&claim, "Ready").map(drop)
    })
    .await;

    operator.terminate();
    assert!(operator.ended().await.success());
    let (called, refused) = called(&site);
    assert_eq!(refused, Calls::new(), "refused");
    let granted = granted();
    let missing: Vec<&String> = called.difference(&granted).collect();
    assert_eq!(missing, Vec::<&String>::new(), "called, but not granted");
    let reasons: Calls = NOT_CALLED.iter().map(|(call, _)| (*call).to_owned()).collect();
    let surplus: Calls = granted.difference(&called).cloned().collect();
    assert_eq!(surplus, reasons, "granted, but not called");
}
