//! Everything that is rendered, shown to a real API server and to kubeconform: each field is known, and the pods keep to the
//! Pod Security Standard `restricted`. Nothing of it is stored, but for what it stands on.

use super::{EVERYTHING, all, command, named, objects, only, output, render, schemas};
use crate::support::{client, stack};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
    runtime::{conditions, wait::await_condition},
};
use serde_json::{Value, json};
use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::Stdio,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};
use xtask::tools::Tool;

/// A namespace that lets in only restricted pods.
fn namespace() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("install-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let manifest = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name,
        "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
    kubectl(&["create", "-f", "-"], &manifest.to_string()).expect("a namespace is made");
    name
}

fn kubectl(arguments: &[&str], input: &str) -> Result<String, String> {
    let mut kubectl = stack().kubectl();
    kubectl.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = kubectl.spawn().expect("kubectl runs");
    let mut stdin = running.stdin.take().expect("it was asked for");
    // Where kubectl ends before it has read all, its answer says why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = running.wait_with_output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn try_on(text: &str) -> Result<String, String> {
    kubectl(&["apply", "--dry-run=server", "--validate=strict", "-f", "-"], text)
}

/// The kinds of the Prometheus operator, as far as the chart uses them, by its API reference.
async fn monitoring(client: &Client) {
    let text = || json!({"type": "string"});
    let labels = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let endpoint = json!({"type": "object", "properties": {"port": text(), "interval": text()}});
    let monitor = json!({"selector": {"type": "object", "properties": {"matchLabels": labels}},
        "endpoints": {"type": "array", "items": endpoint}});
    let rule = json!({"type": "object", "required": ["expr"], "properties": {"alert": text(), "record": text(),
        "expr": text(), "for": text(), "keep_firing_for": text(), "labels": labels, "annotations": labels}});
    let group = json!({"type": "object", "required": ["name"], "properties": {"name": text(), "interval": text(),
        "rules": {"type": "array", "items": rule}}});
    let rules = json!({"groups": {"type": "array", "items": group}});
    for (kind, plural, spec) in
        [("ServiceMonitor", "servicemonitors", monitor), ("PrometheusRule", "prometheusrules", rules)]
    {
        let name = format!("{plural}.monitoring.coreos.com");
        let schema = json!({"type": "object", "properties": {"spec": {"type": "object", "properties": spec}}});
        let crd = json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {"group": "monitoring.coreos.com", "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
                "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}]},
        });
        let api: Api<CustomResourceDefinition> = Api::all(client.clone());
        api.patch(&name, &PatchParams::apply("tests").force(), &Patch::Apply(crd)).await.expect("it is accepted");
        let established = await_condition(api.clone(), &name, conditions::is_crd_established());
        tokio::time::timeout(Duration::from_secs(30), established).await.expect("in time").expect("established");
    }
}

#[tokio::test]
async fn the_api_server_takes_everything_that_is_rendered_and_knows_each_field() {
    monitoring(&client().await).await;
    let namespace = namespace();
    for values in [&[][..], &["--values", EVERYTHING]] {
        let rendered = render(&namespace, values).expect("it is rendered");
        let taken = try_on(&rendered).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert_eq!(taken.lines().count(), objects(&rendered).len(), "{taken}");
        assert!(!taken.contains("Warning"), "{taken}");
    }
}

#[tokio::test]
async fn a_field_that_is_misspelt_in_a_template_would_be_refused_by_both() {
    monitoring(&client().await).await;
    let namespace = namespace();
    let rendered = render(&namespace, &["--values", EVERYTHING]).expect("it is rendered");
    let misspelt = rendered.replace("  replicas: 3", "  replicaz: 3");
    assert_ne!(rendered, misspelt);
    let said = try_on(&misspelt).expect_err("the API server refuses it");
    assert!(said.contains("unknown field \"spec.replicaz\""), "{said}");
    let said = kubeconform("misspelt", &misspelt).expect_err("kubeconform refuses it");
    assert!(said.contains("replicaz"), "{said}");
}

#[tokio::test]
async fn kubeconform_finds_nothing_in_everything_that_is_rendered_nor_in_deploy() {
    monitoring(&client().await).await;
    let mut kustomize = std::process::Command::new("kubectl");
    kustomize.args(["kustomize", concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/overlays/eks-irsa")]);
    let everything = [
        render("default", &[]).expect("it is rendered"),
        render("default", &["--values", EVERYTHING]).expect("it is rendered"),
        output(kustomize).expect("it is built"),
    ];
    let said = kubeconform("rendered", &everything.join("\n---\n")).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert!(said.contains("Invalid: 0, Errors: 0, Skipped: 0"), "{said}");
}

/// Strict, against this API server's own schemas; a kind without one is an error.
fn kubeconform(name: &str, manifests: &str) -> Result<String, String> {
    let folder: PathBuf = stack().run_dir().join(format!("schemas-{name}"));
    fs::create_dir_all(&folder).expect("a folder can be made");
    let location = schemas::write(&folder);
    let file = folder.join("manifests.yaml");
    fs::write(&file, manifests).expect("it is written");
    let mut kubeconform = command(Tool::Kubeconform);
    kubeconform.args(["-strict", "-summary", "-schema-location"]).arg(location).arg(file);
    let said = output(kubeconform);
    // 60 MB.
    fs::remove_dir_all(folder).expect("it is ours");
    said
}

#[tokio::test]
async fn the_pods_of_operator_and_guard_are_let_in_where_only_restricted_ones_are() {
    client().await;
    let namespace = namespace();
    let rendered = render(&namespace, &[]).expect("it is rendered");
    let objects = objects(&rendered);
    for account in all(&objects, "ServiceAccount") {
        kubectl(&["create", "-f", "-"], &account.to_string()).expect("it is made");
    }
    for kind in ["Deployment", "Job"] {
        let template = &all(&objects, kind)[0]["spec"]["template"];
        let pod = |spec: Value| {
            let labels = &template["metadata"]["labels"];
            json!({"apiVersion": "v1", "kind": "Pod", "spec": spec,
                "metadata": {"name": "one", "namespace": namespace, "labels": labels}})
        };
        let create = |pod: Value| kubectl(&["create", "--dry-run=server", "-f", "-"], &pod.to_string());
        create(pod(template["spec"].clone())).unwrap_or_else(|refusal| panic!("{kind}: {refusal}"));

        // What is let in above isn't let in anyway.
        let mut careless = template["spec"].clone();
        careless["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
        let said = create(pod(careless)).expect_err("it is refused");
        assert!(said.contains("violates PodSecurity \"restricted"), "{said}");
    }
    let container = &only(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    named(&objects, "ServiceAccount", "quarantine-operator");
}
