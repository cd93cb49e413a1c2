//! The examples of deploy/flux and deploy/argocd: that no prune gives an instance back, and that the commands of the pages do what they
//! say.

use super::health::{get, root, script};
use crate::support::process::fresh_ground;
use serde_json::{Value, json};
use std::{
    fs,
    process::{Command, Output},
};
use xtask::Stack;

const KINDS: [&str; 3] = ["Quarantine", "QuarantineClass", "FindingSource"];

/// Every object of a file.
fn objects(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[track_caller]
fn object(file: &str, kind: &str, name: &str) -> Value {
    let found = objects(file).into_iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("{file} has the {kind} {name}"))
}

#[test]
fn flux_prunes_nothing_and_brings_crds_up_to_date() {
    for name in ["quarantine-policy", "quarantine-holds"] {
        let kustomization = object("deploy/flux/kustomizations.yaml", "Kustomization", name);
        assert_eq!(kustomization["spec"]["prune"], false, "{name}");
        assert_eq!(kustomization["spec"]["deletionPolicy"], "Orphan", "{name}");
    }
    let release = object("deploy/flux/operator.yaml", "HelmRelease", "quarantine-operator");
    assert_eq!(release["spec"]["install"]["crds"], "CreateReplace");
    assert_eq!(release["spec"]["upgrade"]["crds"], "CreateReplace");
    let chart = release["spec"]["chart"]["spec"]["chart"].as_str().expect("a chart");
    assert!(root().join(chart).is_dir(), "{chart} is in this repository");
}

#[test]
fn argo_cd_prunes_nothing_and_deletes_nothing_with_an_application() {
    for name in ["operator", "holds"] {
        let file = format!("deploy/argocd/{name}.yaml");
        let application = object(&file, "Application", &format!("quarantine-{name}"));
        assert_eq!(application["spec"]["syncPolicy"]["automated"]["prune"], false, "{file}");
        assert_eq!(
            application["metadata"]["finalizers"],
            Value::Null,
            "{file}: it would delete what the application has"
        );
    }
}

/// Runs the first command below this line of the page, as it stands there, from the root of the repository.
fn run_from_page(stack: &Stack, page: &str, after: &str) -> Output {
    let text = fs::read_to_string(root().join(page)).expect("there is a page");
    let (_, below) = text.split_once(after).unwrap_or_else(|| panic!("{page} says: {after}"));
    let block = below.lines().skip_while(|line| !line.starts_with("    "));
    let command: Vec<&str> = block.take_while(|line| line.starts_with("    ")).collect();
    let mut shell = Command::new("sh");
    shell.args(["-ec", &command.join("\n")]).env("KUBECONFIG", stack.kubeconfig()).current_dir(root());
    shell.output().expect("sh runs")
}

#[tokio::test]
async fn the_command_of_the_page_puts_the_scripts_into_argocd_cm_and_leaves_what_else_is_there() {
    let stack = fresh_ground().await;
    let apply = |object: Value| {
        let file = stack.run_dir().join("object.json");
        fs::write(&file, object.to_string()).expect("it is written");
        let applied = stack.kubectl().arg("apply").arg("-f").arg(&file).output().expect("kubectl runs");
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
    };
    apply(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}));
    apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd",
        "labels": {"app.kubernetes.io/part-of": "argocd"}}, "data": {"url": "https://argocd.example.com"}}));
    let said = run_from_page(&stack, "docs/argo-cd.md", "Health scripts, into Argo CD's configuration:");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));

    let map: Value =
        serde_json::from_str(&get(stack.kubectl(), &["configmap", "argocd-cm", "-n", "argocd"])).expect("JSON");
    assert_eq!(map["data"]["url"], "https://argocd.example.com");
    assert_eq!(map["metadata"]["labels"]["app.kubernetes.io/part-of"], "argocd");
    for kind in KINDS {
        let held = map["data"][format!("resource.customizations.health.quarantine-operator.dev_{kind}")].as_str();
        let file = fs::read_to_string(script(&kind.to_lowercase())).expect("there is a script");
        assert_eq!(held, Some(file.as_str()), "{kind}");
    }
}

/// Argo CD keeps what carries this: "No Resource Deletion" in its "Sync Options".
#[tokio::test]
async fn the_command_of_the_page_keeps_the_crds_from_a_cascade() {
    let stack = fresh_ground().await;
    let said = run_from_page(&stack, "docs/argo-cd.md", "annotate the CRDs before the cascade:");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let crds: Value = serde_json::from_str(&get(stack.kubectl(), &["crd"])).expect("JSON");
    let crds = crds["items"].as_array().expect("a list");
    let kept = crds.iter().filter(|crd| crd["spec"]["group"] == "quarantine-operator.dev");
    let kept: Vec<&Value> =
        kept.map(|crd| &crd["metadata"]["annotations"]["argocd.argoproj.io/sync-options"]).collect();
    assert_eq!(kept, vec!["Delete=false"; KINDS.len()]);
}

#[test]
fn the_component_adds_the_scripts_to_an_argocd_cm_that_lies_in_git() {
    let folder = root().join("target/gitops-component");
    fs::create_dir_all(&folder).expect("a folder is made");
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": {"url": "https://argocd.example.com"}});
    fs::write(folder.join("argocd-cm.yaml"), map.to_string()).expect("it is written");
    let kustomization = json!({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
        "resources": ["argocd-cm.yaml"], "components": ["../../deploy/argocd"]});
    fs::write(folder.join("kustomization.yaml"), kustomization.to_string()).expect("it is written");
    let built = Command::new("kubectl").arg("kustomize").arg(&folder).output().expect("kubectl runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let map: Value = serde_saphyr::from_slice(&built.stdout).expect("it is YAML");
    assert_eq!(map["metadata"]["name"], "argocd-cm");
    assert_eq!(map["data"]["url"], "https://argocd.example.com");
    assert_eq!(map["data"].as_object().map(serde_json::Map::len), Some(1 + KINDS.len()));
}
