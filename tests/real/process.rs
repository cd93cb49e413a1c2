//! The operator as its own process, on an API server of its own: how it starts, what it survives, how it ends.

use crate::{
    support::{
        claims::{Desk, condition, holds, status},
        client_of,
        process::{BINARY, ENDPOINTS, Process, fresh_ground, ground},
        wait::until,
    },
    wire::{
        account::{Account, REGION},
        emulator::fail,
    },
};
use futures::{StreamExt, stream};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use quarantine_operator::api::Quarantine;
use serde_json::{Value, json};
use std::process::Command;

/// An instance in the operator's own account, with one interface, and the class for it.
async fn instance(desk: &Desk, account: &Account) -> (Value, String) {
    let subnet = account.subnet().await;
    let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
    crate::e2e::scene::close(account, &isolation).await;
    let instance = account.instance(&subnet, &[&web]).await;
    desk.class(json!({"securityGroup": {"id": isolation}})).await;
    let target = json!({"target": {"instance": {"id": instance, "region": REGION}}});
    (target, account.ec2.interfaces_attached_to(&instance).await.expect("a read").remove(0).id)
}

#[tokio::test]
async fn asked_to_stop_it_finishes_what_it_has_begun_and_ends_well() {
    let stack = ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    let (target, _) = instance(&desk, &account).await;
    fail(&account.id, "ModifyNetworkInterfaceAttribute", json!({"kind": "delay", "delayMs": 1500}));
    let mut operator = Process::start(&stack, &account.id);
    desk.claim("web-7", target).await;
    until("the swap is recorded, and so on its way", async || {
        let claim = desk.claims.get("web-7").await.expect("a read");
        claim.has_records().then_some(())
    })
    .await;
    operator.terminate();
    assert!(operator.ended().await.success());
    let claim = desk.claims.get("web-7").await.expect("a read");
    assert!(holds(&claim, "Contained"), "the reconcile under way was finished: {:?}", status(&claim).conditions);
}

#[tokio::test]
async fn an_object_that_can_not_be_read_stops_nobody() {
    // Its own: the CRD is changed.
    let stack = fresh_ground().await;
    let client = client_of(&stack).await;
    let (account, desk) = (Account::fresh().await, Desk::open(client.clone()).await);
    let (target, _) = instance(&desk, &account).await;

    // As after a downgrade: an object of a later version of the CRD.
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let lenient = json!([{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema/properties/spec",
        "value": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}]);
    let patch: Patch<()> = Patch::Json(serde_json::from_value(lenient).expect("a JSON patch"));
    crds.patch("quarantines.quarantine-operator.dev", &PatchParams::default(), &patch).await.expect("accepted");
    let raw: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), &desk.namespace, &ApiResource::erase::<Quarantine>(&()));
    let malformed: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
        "metadata": {"name": "malformed"}, "spec": {"target": "of another kind"},
    }))
    .expect("an object");
    until("the API server takes anything", async || raw.create(&PostParams::default(), &malformed).await.ok()).await;

    let _operator = Process::start(&stack, &account.id);
    desk.claim("web-7", target).await;
    desk.contained("web-7").await;
    desk.delete("web-7").await;
    desk.gone("web-7").await;
}

#[tokio::test]
async fn while_the_api_server_is_away_nothing_is_lost() {
    let mut stack = ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    let (target, interface) = instance(&desk, &account).await;
    let originals = account.read(&interface).await.groups;
    let mut operator = Process::start(&stack, &account.id);
    desk.claim("web-7", target).await;
    desk.contained("web-7").await;

    stack.stop_apiserver();
    account.ec2.set_groups(&interface, &originals).await.expect("the owner may do that");
    assert!(operator.runs(), "it goes on");
    stack.start_apiserver().unwrap_or_else(|error| panic!("{error:#}"));
    until("the drift is put right", async || (account.read(&interface).await.groups != originals).then_some(())).await;
    desk.delete("web-7").await;
    desk.gone("web-7").await;
    assert_eq!(account.read(&interface).await.groups, originals);
}

/// More than a list has on one page.
const MANY: usize = 700;

#[tokio::test]
async fn claims_that_are_made_while_its_watches_are_away_are_all_seen_however_many() {
    // Its own: the API server is started anew.
    let mut stack = fresh_ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    // No two of one instance: those would wait for each other.
    let claim = async |number: usize| {
        let target = json!({"instance": {"id": format!("i-{number:017x}"), "region": REGION}});
        desk.claim(&format!("web-{number}"), json!({"className": "nobody-made-it", "target": target})).await
    };
    let operator = Process::start(&stack, &account.id);
    claim(MANY).await;
    desk.says(&format!("web-{MANY}"), "Ready", "False", "ClassNotFound").await;

    operator.signal("STOP");
    // What it watched from is no longer known then: it has to list anew.
    stack.kill_apiserver();
    stack.start_apiserver().unwrap_or_else(|error| panic!("{error:#}"));
    stream::iter(0..MANY).for_each_concurrent(50, async |number| drop(claim(number).await)).await;
    operator.signal("CONT");
    until("the operator has said something of each", async || {
        let claims = desk.claims.list(&ListParams::default()).await.ok()?;
        claims.iter().all(|claim| condition(claim, "Ready").is_some()).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_instance_that_it_runs_on_is_refused_until_the_class_allows_it() {
    let stack = ground().await;
    let client = client_of(&stack).await;
    let (account, desk) = (Account::fresh().await, Desk::open(client.clone()).await);
    let (target, _) = instance(&desk, &account).await;
    let own = target["target"]["instance"]["id"].as_str().expect("an id");
    let node =
        json!({"metadata": {"name": desk.namespace}, "spec": {"providerID": format!("aws:///eu-central-1a/{own}")}});
    let nodes: Api<Node> = Api::all(client);
    nodes.create(&PostParams::default(), &serde_json::from_value(node).expect("a node")).await.expect("accepted");

    let _operator = Process::start_with(&stack, &account.id, &[("NODE_NAME", &desk.namespace)]);
    desk.claim("web-7", target.clone()).await;
    let claim = desk.says("web-7", "Ready", "False", "OperatorsOwnInstance").await;
    assert!(holds(&claim, "Stalled") && claim.metadata.finalizers.is_none());
    desk.class(json!({"allowSelf": true, "securityGroup": {"name": "isolation"}})).await;
    desk.contained("web-7").await;
    desk.delete("web-7").await;
    desk.gone("web-7").await;
}

#[test]
fn without_a_cluster_it_ends_with_what_to_do() {
    let mut command = Command::new(BINARY);
    command.arg("run").envs(ENDPOINTS).env("KUBECONFIG", "/nowhere/kubeconfig").env_remove("KUBERNETES_SERVICE_HOST");
    let output = command.output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("set KUBECONFIG, or run in a pod"), "{said}");
}

#[test]
fn a_setting_out_of_range_is_refused_with_its_range() {
    let output = Command::new(BINARY).args(["run", "--resync-seconds", "0"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("1..=300"), "{output:?}");
}

#[test]
fn times_of_a_lease_under_which_two_replicas_could_act_are_refused() {
    let times = ["--lease-duration-seconds=14", "--renew-deadline-seconds=10"];
    let output = Command::new(BINARY).args(["run", "--leader-elect"]).args(times).output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the lease's duration (14s) must be longer than the renew deadline (10s)"), "{said}");
}

#[test]
fn the_custom_resources_are_the_same_as_yaml_and_as_json() {
    let printed = |arguments: &[&str]| {
        let output = Command::new(BINARY).arg("crds").args(arguments).output().expect("it runs");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let yaml: Vec<Value> = serde_saphyr::from_multiple(&printed(&[])).expect("documents of YAML");
    let list: Value = serde_json::from_str(&printed(&["--output", "json"])).expect("JSON");
    assert_eq!((&list["kind"], list["items"].as_array().map(Vec::len)), (&"List".into(), Some(3)));
    assert_eq!(list["items"], Value::from(yaml));
}
