//! Missing: rights in the cluster.

use super::{Said, Stage};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};
use xtask::{Stack, workspace};

const NAMESPACE: &str = "quarantine-system";
const ACCOUNT: &str = "quarantine-operator";

fn output(mut command: Command) -> String {
    let output = command.output().expect("kubectl runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// The rights as they are delivered; `change` is made to the rules of every role.
fn grant(stack: &Stack, change: impl Fn(&mut Vec<Value>)) {
    let mut namespace = stack.kubectl();
    namespace.args(["apply", "-f"]).arg(workspace::root().join("deploy/base/namespace.yaml"));
    output(namespace);
    let text = std::fs::read_to_string(workspace::root().join("deploy/base/operator.yaml")).expect("the manifest");
    let mut manifests: Vec<Value> = serde_saphyr::from_multiple(&text).expect("manifests are YAML");
    for manifest in &mut manifests {
        if let Some(rules) = manifest["rules"].as_array_mut() {
            change(rules);
        }
    }
    let all = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
    let mut apply = stack.kubectl();
    apply.args(["apply", "-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut applying = apply.spawn().expect("kubectl runs");
    let mut input = applying.stdin.take().expect("it was asked for");
    input.write_all(all.as_bytes()).expect("kubectl reads");
    drop(input);
    assert!(applying.wait().expect("it ends").success());
}

/// What `check` says to the operator's service account.
fn said_to_the_operator(stage: &Stage, arguments: &[&str]) -> Said {
    let mut token = stage.stack.kubectl();
    token.args(["-n", NAMESPACE, "create", "token", ACCOUNT]);
    let user = format!("system:serviceaccount:{NAMESPACE}:{ACCOUNT}");
    let kubeconfig = stage.stack.kubeconfig_for(&user, output(token).trim()).expect("it is written");
    stage.said_with(|command| {
        command.env("KUBECONFIG", kubeconfig).env("POD_NAMESPACE", NAMESPACE).args(arguments);
    })
}

async fn with_a_class() -> Stage {
    let stage = Stage::open().await;
    stage.scene.class(json!({"regions": ["eu-central-1"]})).await;
    stage
}

#[tokio::test]
async fn with_the_rights_that_are_delivered_and_no_others_nothing_is_missing_the_lease_included() {
    let stage = with_a_class().await;
    grant(&stage.stack, |_| {});
    let said = said_to_the_operator(&stage, &["--leader-elect"]);
    assert_eq!(said.code, 0, "{}", said.text);
    said.line(&["ok", "rights on leases.coordination.k8s.io in namespace", NAMESPACE, "get, update"]);
}

#[tokio::test]
async fn a_verb_that_rbac_does_not_grant_is_named_with_its_resource() {
    let stage = with_a_class().await;
    grant(&stage.stack, |rules| {
        for rule in rules.iter_mut().filter(|rule| rule["resources"] == json!(["quarantines"])) {
            rule["verbs"] = json!(["get", "list", "watch", "create"]);
        }
    });
    let said = said_to_the_operator(&stage, &[]);
    said.misses_only(&["rights on quarantines.quarantine-operator.dev", "identity patch them", "Apply the roles"]);
    grant(&stage.stack, |_| {});
}

#[tokio::test]
async fn what_can_not_be_read_for_want_of_a_right_is_not_asked_about_and_the_right_is_named() {
    let stage = with_a_class().await;
    grant(&stage.stack, |rules| rules.retain(|rule| rule["resources"] != json!(["quarantineclasses"])));
    let said = said_to_the_operator(&stage, &[]);
    said.misses_only(&["rights on quarantineclasses.quarantine-operator.dev", "get, list, watch them"]);
    said.line(&["not asked", "quarantineclasses"]);
    grant(&stage.stack, |_| {});
}

#[tokio::test]
async fn the_rights_of_leader_election_are_asked_for_only_where_it_is_wanted() {
    let stage = with_a_class().await;
    grant(&stage.stack, |_| {});
    let elsewhere = ["--leader-elect", "--lease-name", "another-one"];
    said_to_the_operator(&stage, &elsewhere).misses_only(&[
        "leases.coordination.k8s.io",
        NAMESPACE,
        "get, update them",
    ]);
    let said = said_to_the_operator(&stage, &[]);
    assert_eq!(said.code, 0, "{}", said.text);
    assert!(!said.text.contains("leases"), "{}", said.text);
}
