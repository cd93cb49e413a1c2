//! What the plugin is refused: by itself, by the API server, by the operator.

use super::run::{Said, isolate, plugin, with};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{claims::Desk, client, own_stack::OwnStack, stack},
    wire::account::REGION,
};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{
    Api,
    api::{ListParams, PostParams},
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};
use xtask::StackOptions;

const INSTANCE: &str = "i-0123456789abcdef0";

async fn desk() -> Desk {
    Desk::open(client().await).await
}

async fn has_none(desk: &Desk) {
    assert_eq!(desk.claims.list(&ListParams::default()).await.expect("a list").items.len(), 0);
}

/// The kubeconfig of a service account that was granted nothing.
async fn nobody(desk: &Desk) -> PathBuf {
    let accounts: Api<ServiceAccount> = Api::namespaced(desk.client.clone(), &desk.namespace);
    let account = serde_json::from_value(json!({"metadata": {"name": "nobody"}})).expect("an account");
    accounts.create(&PostParams::default(), &account).await.expect("it is made");
    let request = serde_json::from_value(json!({"spec": {"audiences": []}})).expect("a request");
    let made = accounts.create_token_request("nobody", &PostParams::default(), &request).await.expect("a token");
    stack().kubeconfig_for(&format!("nobody-{}", desk.namespace), &made.status.expect("a token").token)
}

/// A kubeconfig that names another server.
fn to_server(desk: &Desk, server: &str) -> PathBuf {
    let kubeconfig = stack().kubeconfig_for(&format!("elsewhere-{}", desk.namespace), "any");
    let text = fs::read_to_string(&kubeconfig).expect("it was written");
    let mut config: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    config["clusters"][0]["cluster"]["server"] = json!(server);
    fs::write(&kubeconfig, config.to_string()).expect("it is written");
    kubeconfig
}

fn as_nobody(desk: &Desk, kubeconfig: &Path, arguments: &[&str]) -> Said {
    let output = with(kubeconfig, arguments).args(["-n", &desk.namespace]).output();
    Said::of(output.expect("it runs"))
}

#[tokio::test]
async fn a_class_that_does_not_exist_ends_the_waiting_with_its_reason() {
    let desk = Scene::with(&[&["web"]]).await.desk;
    let said = plugin(&desk, &[INSTANCE, "--region", REGION, "--class", "there-is-none", "--wait"]).ended(1);
    said.says(&["ClassNotFound", "there-is-none", "isn't contained"]);
}

#[tokio::test]
async fn a_namespace_that_the_class_does_not_allow_is_told() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"namespaceSelector": {"matchLabels": {"team": "other"}}})).await;
    isolate(&scene, &["--wait"]).ended(1).says(&["NamespaceNotAllowed", &scene.desk.namespace]);
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[test]
fn a_bad_instance_id_is_refused_before_anything_is_sent() {
    let nowhere = Path::new("/nowhere/kubeconfig");
    for wrong in ["i-xyz", "i-0123456789ABCDEF0", "web-7"] {
        let output = with(nowhere, &[wrong, "--region", REGION]).output();
        Said::of(output.expect("it runs")).ended(2).says(&["no EC2 instance id", wrong]);
    }
}

#[tokio::test]
async fn what_the_api_server_refuses_is_told_field_by_field_in_its_own_words() {
    let desk = desk().await;
    let said =
        plugin(&desk, &[INSTANCE, "--region", "eu-central-1a", "--account", "1", "--class", "No Class"]).ended(1);
    let said = said.says(&["spec.target.instance.region", "not an Availability Zone", "spec.className", "12 digits"]);
    assert!(!said.err.contains("some validation rules were not checked"), "{said:?}");
    has_none(&desk).await;
}

#[tokio::test]
async fn who_may_nothing_is_told_which_right_is_missing() {
    let desk = desk().await;
    let kubeconfig = nobody(&desk).await;
    let user = format!("system:serviceaccount:{}:nobody", desk.namespace);
    for (arguments, verb) in [
        (&[INSTANCE, "--region", REGION][..], "cannot create"),
        (&["list"], "cannot list"),
        (&["list", "-A"], "cannot list"),
        (&["status", CLAIM], "cannot get"),
        (&["status", INSTANCE], "cannot list"),
        (&["release", CLAIM, "--yes"], "cannot get"),
        (&["approve", CLAIM], "cannot get"),
        (&["enforce", CLAIM], "cannot get"),
    ] {
        as_nobody(&desk, &kubeconfig, arguments).ended(1).says(&[verb, &user, "quarantine-operator.dev"]);
    }
    has_none(&desk).await;
}

#[tokio::test]
async fn whom_one_impersonates_has_the_rights_that_count() {
    let desk = desk().await;
    let said = plugin(&desk, &["list", "--as", "somebody", "--as-group", "system:authenticated"]).ended(1);
    said.says(&["User \"somebody\" cannot list"]);
    plugin(&desk, &["list", "--as", "somebody", "--as-group", "system:masters"]).ended(0).says(&["No Quarantines"]);
}

#[tokio::test]
async fn a_token_that_nobody_knows_is_called_so() {
    let desk = desk().await;
    let kubeconfig = stack().kubeconfig_for(&format!("stranger-{}", desk.namespace), "not-a-token");
    as_nobody(&desk, &kubeconfig, &["list"]).ended(1).says(&["doesn't know who you are"]);
}

#[tokio::test]
async fn what_is_not_there_is_called_so_with_where_to_look() {
    let desk = desk().await;
    for command in ["status", "release", "approve", "enforce"] {
        let said = plugin(&desk, &[command, CLAIM]).ended(1);
        said.says(&["no Quarantine named web-7 in namespace", &desk.namespace, "list -A"]);
        plugin(&desk, &[command, INSTANCE]).ended(1).says(&["no Quarantine of i-0123456789abcdef0"]);
    }
    plugin(&desk, &["status", "-A", "i-00000000"]).ended(1).says(&["in any namespace"]);
}

#[tokio::test]
async fn a_namespace_that_does_not_exist_is_named() {
    let _ready = desk().await;
    let output = with(&stack().kubeconfig(), &[INSTANCE, "--region", REGION, "-n", "there-is-none"]).output();
    Said::of(output.expect("it runs")).ended(1).says(&["namespaces \"there-is-none\" not found"]);
}

#[test]
fn without_a_cluster_it_says_what_to_set() {
    let output = with(Path::new("/nowhere/kubeconfig"), &["list"]).output();
    Said::of(output.expect("it runs")).ended(1).says(&["no cluster", "/nowhere/kubeconfig", "KUBECONFIG"]);
    let output = with(Path::new("/nowhere/kubeconfig"), &["list", "--kubeconfig", "/elsewhere"]).output();
    Said::of(output.expect("it runs")).ended(1).says(&["no cluster", "/elsewhere"]);
}

#[tokio::test]
async fn a_context_that_the_kubeconfig_does_not_have_is_named() {
    let desk = desk().await;
    plugin(&desk, &["list", "--context", "stack"]).ended(0);
    plugin(&desk, &["list", "--context", "prod"]).ended(1).says(&["no cluster", "prod"]);
}

#[tokio::test]
async fn a_proxy_is_asked_unless_no_proxy_holds_the_api_server() {
    let desk = desk().await;
    let kubeconfig = to_server(&desk, "https://kubernetes.example.com:6443");
    let listed = |kubeconfig: &Path, no_proxy: &str| {
        let mut command = with(kubeconfig, &["list", "-n", &desk.namespace]);
        // Port 1 is nobody's: who asks this proxy is refused at once.
        command.env("HTTPS_PROXY", "http://127.0.0.1:1").env("NO_PROXY", no_proxy);
        Said::of(command.output().expect("it runs"))
    };
    listed(&kubeconfig, "other.example.com").ended(1).says(&["can't be reached", "Connection refused"]);
    let direct = listed(&kubeconfig, "example.com").ended(1).says(&["can't be reached"]);
    assert!(!direct.err.contains("Connection refused"), "it asks for the name itself: {direct:?}");
    listed(&stack().kubeconfig(), "other.example.com").ended(0);
}

#[tokio::test]
async fn an_api_server_that_does_not_answer_is_not_waited_for() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let server = format!("https://{}", silent.local_addr().expect("an address"));
    let desk = desk().await;
    let kubeconfig = to_server(&desk, &server);
    let said = as_nobody(&desk, &kubeconfig, &["list", "--request-timeout", "1s"]).ended(1);
    said.says(&["can't list the Quarantines"]);

    drop(silent);
    as_nobody(&desk, &kubeconfig, &["list"]).ended(1).says(&["can't be reached", "Connection refused"]);
}

#[tokio::test]
async fn a_cluster_without_the_custom_resources_is_told_from_one_without_the_object() {
    let bare = OwnStack::bare(StackOptions::default()).await;
    for arguments in [&["list"][..], &["status", CLAIM], &[INSTANCE, "--region", REGION]] {
        let output = with(&bare.kubeconfig(), arguments).args(["-n", "default"]).output();
        Said::of(output.expect("it runs")).ended(1).says(&["custom resources aren't installed"]);
    }
}
