//! What kubectl shows of these objects, and that it has nothing to complain about.

use super::sample::INSTANCE;
use crate::support::{claims::Desk, client, stack, wait::until};
use kube::api::{Patch, PatchParams};
use serde_json::json;
use std::path::Path;

const CRDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crds");
const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/samples");

#[tokio::test]
async fn a_quarantine_shows_what_it_holds_and_why() {
    let desk = Desk::open(client().await).await;
    desk.claim("web-1", json!({"target": {"instance": {"id": INSTANCE, "region": "eu-central-1"}}, "suspend": true}))
        .await;
    let condition = |type_: &str, status: &str, reason: &str, message: &str| {
        json!({"type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let status = json!({
        "target": {"instanceId": INSTANCE, "accountId": "111122223333", "region": "eu-central-1"},
        "className": "incident-response",
        "interfaceSummary": "2/3",
        "conditions": [
            condition("Contained", "False", "PartlyContained", "eni-3 is not isolated"),
            condition("Ready", "Unknown", "AccessDenied", "Grant it."),
        ],
    });
    let columns = "NAME INSTANCE CONTAINED READY INTERFACES CLASS REASON AGE MESSAGE";
    let row = format!("web-1 {INSTANCE} False Unknown 2/3 incident-response AccessDenied");
    // An operator on the same API server may write a status of its own in between.
    until("kubectl shows this status", async || {
        let patch = Patch::Merge(json!({"status": status}));
        desk.claims.patch_status("web-1", &PatchParams::default(), &patch).await.expect("a status is accepted");
        let shown = kubectl(&["get", "quarantines", "--namespace", &desk.namespace, "--output", "wide"]);
        let lines: Vec<String> =
            shown.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines[0], columns);
        (lines[1].starts_with(&row) && lines[1].ends_with("Grant it.")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_class_shows_its_group_and_its_limit() {
    let desk = Desk::open(client().await).await;
    desk.class(json!({"securityGroup": {"name": "isolation"}, "maxActive": 7})).await;
    let shown = kubectl(&["get", "qtnclass", &desk.namespace]);
    assert!(shown.starts_with("NAME"), "{shown}");
    let headings: Vec<_> = shown.lines().next().into_iter().flat_map(str::split_whitespace).collect();
    assert_eq!(headings, ["NAME", "DEFAULT", "GROUP", "GROUP-NAME", "MANAGED", "MAX-ACTIVE", "AGE"]);
    let cells: Vec<_> = shown.lines().skip(1).flat_map(str::split_whitespace).collect();
    assert_eq!(cells[..3], [desk.namespace.as_str(), "isolation", "7"]);
}

#[tokio::test]
async fn the_default_class_is_marked() {
    let desk = Desk::open(client().await).await;
    let manifest = json!({
        "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass",
        // Not "true": it must not become the default of the other tests.
        "metadata": {"name": desk.namespace, "annotations": {"quarantine-operator.dev/is-default-class": "marked"}},
        "spec": {"securityGroup": {"name": "isolation"}},
    });
    let api = super::sample::resource(&desk.client, "", &manifest);
    let params = PatchParams::apply("tests");
    api.patch(&desk.namespace, &params, &Patch::Apply(manifest)).await.expect("the class is accepted");
    let shown = kubectl(&["get", "quarantineclasses", &desk.namespace, "--no-headers"]);
    assert_eq!(shown.split_whitespace().nth(1), Some("marked"));
}

#[tokio::test]
async fn a_quarantine_answers_to_its_short_name() {
    shows("qtn").await;
}

#[tokio::test]
async fn a_quarantine_is_in_the_category_security() {
    shows("security").await;
}

#[tokio::test]
async fn the_committed_definitions_are_applied_without_a_warning() {
    let _ready = client().await;
    let (_, complaints) = run(&["apply", "--dry-run=server", "--server-side", "--force-conflicts", "--filename", CRDS]);
    assert_eq!(complaints, "");
}

#[tokio::test]
async fn the_samples_are_applied_without_a_warning() {
    let _ready = client().await;
    // The others lie in it, and a dry run makes none.
    kubectl(&["apply", "--filename", &format!("{SAMPLES}/namespace.yaml")]);
    let (applied, complaints) = run(&["apply", "--dry-run=server", "--output", "name", "--filename", SAMPLES]);
    assert_eq!(complaints, "");
    let files = Path::new(SAMPLES).read_dir().expect("the samples are there").count();
    assert_eq!(applied.lines().count(), files, "{applied}");
}

#[tokio::test]
async fn the_definitions_fit_into_kubectls_annotation() {
    for file in Path::new(CRDS).read_dir().expect("the definitions are there") {
        let file = file.expect("a file").path();
        let object = std::fs::read_to_string(&file).expect("it can be read").len();
        assert!(object < 200 * 1024, "{}: kubectl apply keeps a copy of at most 256 KiB on the object", file.display());
    }
}

#[tokio::test]
async fn a_field_is_explained_in_whole_sentences() {
    let _ready = client().await;
    // The API server describes a kind a moment after it serves it.
    let explained = until("kubectl can explain it", async || {
        let output = stack().kubectl().args(["explain", "qtn.spec.mode"]).output().expect("kubectl runs");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    })
    .await;
    let text = explained.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("it changes nothing. Moves only from DryRun to Enforce."), "{explained}");
}

async fn shows(kind: &str) {
    let desk = Desk::open(client().await).await;
    desk.claim("web-1", json!({"target": {"instance": {"id": INSTANCE, "region": "eu-central-1"}}})).await;
    let shown = kubectl(&["get", kind, "--namespace", &desk.namespace, "--output", "name"]);
    assert!(shown.contains("quarantine.quarantine-operator.dev/web-1"), "{shown}");
}

fn kubectl(arguments: &[&str]) -> String {
    run(arguments).0
}

/// What it writes to standard output and to standard error.
fn run(arguments: &[&str]) -> (String, String) {
    let output = stack().kubectl().args(arguments).output().expect("kubectl runs");
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "kubectl {}: {complaints}", arguments.join(" "));
    (String::from_utf8_lossy(&output.stdout).into_owned(), complaints)
}
