//! The commands of the runbooks: each kubectl command that asks the API server alone is run, as it stands there.

use super::rules::root;
use crate::support::{client_of, process::fresh_ground};
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use std::{fs, process::Command};
use xtask::Stack;

/// What the page says of itself: these names stand for what is in question.
fn scenery() -> Vec<Value> {
    let ours = |kind: &str, name: &str, spec: Value| {
        let metadata = json!({"name": name});
        json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec})
    };
    let target = json!({"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1"}});
    let mut claim = ours("Quarantine", "web-7", json!({"className": "incident-response", "target": target}));
    claim["metadata"]["namespace"] = json!("incident-response");
    let url = "https://sqs.eu-central-1.amazonaws.com/111122223333/findings";
    let action = "arn:aws:securityhub:eu-central-1:111122223333:action/custom/Quarantine";
    let source = json!({"queueUrl": url, "region": "eu-central-1", "accept": {"customActionArns": [action]},
        "template": {"namespace": "incident-response"}});
    vec![
        ours("QuarantineClass", "incident-response", json!({"securityGroup": {"id": "sg-0123456789abcdef0"}})),
        claim,
        ours("FindingSource", "security-hub", source),
        json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "quarantine-operator", "namespace": "quarantine-system"}}),
    ]
}

/// Every command of the page: indented, over several lines where they end in a backslash, or between backticks.
fn commands(page: &str) -> Vec<String> {
    let joined = page.replace("\\\n", " ");
    let (indented, prose): (Vec<&str>, Vec<&str>) = joined.lines().partition(|line| line.starts_with("    "));
    let prose = prose.join("\n");
    let between = prose.split('`').skip(1).step_by(2);
    indented.into_iter().chain(between).map(|text| text.trim().replace('\n', " ")).collect()
}

/// Those that need no more than the API server, without what shows less of what they print.
fn runnable(page: &str) -> Vec<String> {
    let elsewhere = [" logs ", " exec ", "kubectl quarantine "];
    let commands = commands(page).into_iter().filter(|command| command.starts_with("kubectl "));
    let commands = commands.filter(|command| !elsewhere.iter().any(|word| command.contains(word)));
    commands.map(|command| command.split(" | ").next().unwrap_or_default().to_owned()).collect()
}

fn run(stack: &Stack, command: &str) {
    let mut shell = Command::new("sh");
    shell.args(["-ec", command]).env("KUBECONFIG", stack.kubeconfig()).current_dir(root());
    let said = shell.output().expect("sh runs");
    assert!(said.status.success(), "{command}: {}", String::from_utf8_lossy(&said.stderr));
}

#[tokio::test]
async fn each_command_of_the_runbooks_works_as_it_stands() {
    let stack = fresh_ground().await;
    let namespaces: Api<Namespace> = Api::all(client_of(&stack).await);
    let namespace = serde_json::from_value(json!({"metadata": {"name": "incident-response"}})).expect("a namespace");
    namespaces.create(&PostParams::default(), &namespace).await.expect("it is made");
    run(&stack, "kubectl apply --server-side --force-conflicts -k deploy/base");
    let file = stack.run_dir().join("scenery.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": scenery()});
    fs::write(&file, list.to_string()).expect("it is written");
    run(&stack, &format!("kubectl apply -f {}", file.display()));

    let page = fs::read_to_string(root().join("docs/runbooks.md")).expect("there are runbooks");
    let commands = runnable(&page);
    assert!(commands.len() > 25, "only these are found: {commands:#?}");
    for command in &commands {
        run(&stack, command);
    }
}

#[test]
fn commands_are_found_in_lines_and_in_sentences() {
    let page = "Say `kubectl get\nqtn` or\n\n    kubectl a \\\n      b | grep c\n    aws x\n    kubectl -n d logs e\n";
    assert_eq!(runnable(page), ["kubectl a        b", "kubectl get qtn"]);
}
