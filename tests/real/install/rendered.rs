//! What the chart makes of values, and which values it refuses.

use super::{
    CHART, EVERYTHING, NAMESPACE, all, arguments, command, named, objects, objects_with, only, output, render,
};
use crate::support::process::BINARY;
use serde_json::{Value, json};
use std::process::Command;
use xtask::tools::Tool;

fn everything() -> Vec<Value> {
    objects(&render(NAMESPACE, &["--values", EVERYTHING]).expect("it is rendered"))
}

fn container(deployment: &Value) -> &Value {
    &deployment["spec"]["template"]["spec"]["containers"][0]
}

fn refusal(values: &[&str]) -> String {
    let arguments: Vec<&str> = values.iter().flat_map(|value| ["--set", value]).collect();
    render(NAMESPACE, &arguments).expect_err("it is refused")
}

#[test]
fn helm_lint_has_nothing_to_say_against_the_chart() {
    for values in [&[][..], &["--values", EVERYTHING]] {
        let mut helm = command(Tool::Helm);
        helm.args(["lint", "--strict", CHART]).args(values);
        output(helm).expect("lint passes");
    }
}

#[test]
fn a_misspelt_value_is_refused_and_named_wherever_it_stands() {
    for (value, name) in [
        ("replica=3", "replica"),
        ("image.repo=a", "repo"),
        ("metrics.serviceMonitor.enable=true", "enable"),
        ("podDisruptionBudget.minAvailable=1", "minAvailable"),
    ] {
        let said = refusal(&[value]);
        assert!(said.contains(&format!("additional properties '{name}' not allowed")), "{value}: {said}");
    }
}

#[test]
fn a_value_that_can_not_be_meant_is_refused() {
    for (value, word) in [
        ("replicas=two", "replicas"),
        ("resyncSeconds=301", "resyncSeconds"),
        ("aws.roleArn=quarantine", "roleArn"),
        ("image.digest=latest", "digest"),
        ("image.repository=", "repository"),
    ] {
        let said = refusal(&[value]);
        assert!(said.contains(word), "{value}: {said}");
    }
}

#[test]
fn values_that_can_not_go_together_are_refused_with_what_to_do() {
    let said = refusal(&["leaderElection.enabled=false"]);
    assert!(said.contains("Set replicas to 1, or turn leaderElection on"), "{said}");
    let said = refusal(&["defaultClass=nobody"]);
    assert!(said.contains("defaultClass names nobody, which is not among classes"), "{said}");
    let said = refusal(&["metrics.enabled=false", "metrics.serviceMonitor.enabled=true"]);
    assert!(said.contains("needs metrics.enabled"), "{said}");
}

#[test]
fn an_older_kubernetes_is_refused() {
    let said = render(NAMESPACE, &["--kube-version", "1.31.0"]).expect_err("it is refused");
    assert!(said.contains(">=1.32.0-0"), "{said}");
    render(NAMESPACE, &["--kube-version", "1.32.0-eks-1"]).expect("a provider's version is taken");
}

#[test]
fn by_default_two_replicas_stand_by_for_each_other_and_may_not_be_away_at_once() {
    let objects = objects_with(&[]);
    let deployment = only(&objects, "Deployment");
    assert_eq!(deployment["spec"]["replicas"], 2);
    let arguments = container(deployment)["args"].as_array().expect("arguments");
    assert!(arguments.contains(&json!("--leader-elect=true")), "{arguments:?}");
    assert_eq!(only(&objects, "PodDisruptionBudget")["spec"]["maxUnavailable"], 1);
    let spread = &deployment["spec"]["template"]["spec"]["topologySpreadConstraints"];
    assert_eq!(spread.as_array().map(Vec::len), Some(2));
    let environment = container(deployment)["env"].as_array().expect("an environment");
    let names: Vec<&str> = environment.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, ["NODE_NAME", "POD_NAME", "POD_NAMESPACE"]);
}

#[test]
fn a_single_replica_has_no_budget_and_without_a_lease_the_old_one_ends_first() {
    let objects = objects_with(&["replicas=1", "leaderElection.enabled=false"]);
    assert_eq!(all(&objects, "PodDisruptionBudget"), Vec::<&Value>::new());
    assert_eq!(all(&objects, "Role"), Vec::<&Value>::new(), "nobody needs the lease");
    assert_eq!(only(&objects, "Deployment")["spec"]["strategy"]["type"], "Recreate");
}

#[test]
fn the_role_in_aws_stands_on_the_service_account_and_the_region_in_the_environment() {
    let arn = "arn:aws-cn:iam::111122223333:role/path/quarantine-operator";
    let objects = objects_with(&[&format!("aws.roleArn={arn}"), "aws.region=cn-north-1"]);
    let account = only(&objects, "ServiceAccount");
    assert_eq!(account["metadata"]["annotations"]["eks.amazonaws.com/role-arn"], arn);
    let environment = container(only(&objects, "Deployment"))["env"].as_array().expect("an environment");
    assert!(environment.contains(&json!({"name": "AWS_REGION", "value": "cn-north-1"})), "{environment:?}");
}

#[test]
fn traces_go_where_they_are_asked_to_and_the_network_policy_lets_them() {
    let objects = everything();
    let arguments = container(only(&objects, "Deployment"))["args"].as_array().expect("arguments").clone();
    for wanted in ["--otlp-endpoint=http://collector.observability:4318", "--traces=quarantine_operator=debug"] {
        assert!(arguments.contains(&json!(wanted)), "{arguments:?}");
    }
    let egress = only(&objects, "NetworkPolicy")["spec"]["egress"].as_array().expect("rules").clone();
    assert!(egress.contains(&json!({"ports": [{"port": 4318, "protocol": "TCP"}]})), "{egress:?}");
    let unasked = container(only(&objects_with(&[]), "Deployment"))["args"].to_string();
    assert!(!unasked.contains("otlp") && !unasked.contains("--traces"), "{unasked}");
}

#[test]
fn the_program_knows_each_argument_that_the_chart_gives_it() {
    for values in [&[][..], &["--values", EVERYTHING], &["--set", "replicas=1,leaderElection.enabled=false"]] {
        let objects = objects(&render(NAMESPACE, values).expect("it is rendered"));
        let mut program = Command::new(BINARY);
        program.args(arguments(container(only(&objects, "Deployment"))));
        program.env("KUBECONFIG", "/nowhere/kubeconfig").env_remove("KUBERNETES_SERVICE_HOST");
        program.env("AWS_EC2_METADATA_DISABLED", "true");
        let output = program.output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        // An argument that it doesn't know would be 2.
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains("no cluster is configured"), "{said}");
    }
}

#[test]
fn each_alert_leads_to_its_runbook_where_the_repository_is_read() {
    let of = |objects: &[Value]| -> Vec<String> {
        let groups = only(objects, "PrometheusRule")["spec"]["groups"].as_array().expect("groups").clone();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().expect("rules"));
        rules.map(|rule| rule["annotations"]["runbook_url"].as_str().expect("a runbook").to_owned()).collect()
    };
    let (whole, bare) = (of(&everything()), of(&objects_with(&["metrics.prometheusRule.enabled=true"])));
    assert!(bare.len() > 10, "{bare:?}");
    let prefixed = |url: &String| format!("https://git.example.com/quarantine-operator/blob/v0.1.0/{url}");
    assert_eq!(whole, bare.iter().map(prefixed).collect::<Vec<_>>());
    assert!(bare.iter().all(|url| url.starts_with("docs/runbooks.md#")), "{bare:?}");
}

#[test]
fn a_digest_goes_before_a_tag() {
    let digest = format!("sha256:{}", "0".repeat(64));
    for (values, image) in [
        (vec!["image.tag=v9"], "quarantine-operator:v9".to_owned()),
        (vec!["image.tag=v9", "image.repository=r.example.com/q"], "r.example.com/q:v9".to_owned()),
    ] {
        assert_eq!(container(only(&objects_with(&values), "Deployment"))["image"], image);
    }
    let with = objects_with(&["image.tag=v9", &format!("image.digest={digest}")]);
    assert_eq!(container(only(&with, "Deployment"))["image"], format!("quarantine-operator@{digest}"));
}

#[test]
fn each_switch_takes_its_objects_away() {
    let kinds = |objects: &[Value]| -> Vec<String> {
        let mut kinds: Vec<String> = objects
            .iter()
            .map(|object| {
                let hook = if object["metadata"]["annotations"]["helm.sh/hook"].is_null() { "" } else { "hook " };
                format!("{hook}{} {}", object["kind"].as_str().unwrap_or(""), object["metadata"]["name"])
            })
            .collect();
        kinds.sort();
        kinds
    };
    let whole = kinds(&everything());
    for (switch, gone) in [
        ("serviceAccount.create", 1),
        ("rbac.create", 4),
        ("rbac.userRoles", 2),
        ("rbac.aggregateToView", 1),
        ("releasePolicy.enabled", 4),
        ("uninstallGuard.enabled", 4),
        ("metrics.serviceMonitor.enabled", 1),
        ("metrics.prometheusRule.enabled", 1),
        ("metrics.dashboard.enabled", 1),
        ("networkPolicy.enabled", 1),
        ("podDisruptionBudget.enabled", 1),
    ] {
        let without = render(NAMESPACE, &["--values", EVERYTHING, "--set", &format!("{switch}=false")]);
        let without = kinds(&objects(&without.expect("it is rendered")));
        assert!(without.iter().all(|one| whole.contains(one)), "{switch}: {without:?}");
        assert_eq!(whole.len() - without.len(), gone, "{switch} leaves {without:?} of {whole:?}");
    }
}

#[test]
fn without_metrics_nothing_is_served_and_nobody_is_let_in() {
    let objects = objects_with(&["metrics.enabled=false"]);
    let arguments = container(only(&objects, "Deployment"))["args"].as_array().expect("arguments").clone();
    assert!(arguments.contains(&json!("--metrics-bind-address=0")), "{arguments:?}");
    assert_eq!(all(&objects, "Service"), Vec::<&Value>::new());
    let ingress = only(&objects, "NetworkPolicy")["spec"]["ingress"].clone();
    assert_eq!(ingress.as_array().map(Vec::len), Some(1), "the probes: {ingress}");
}

#[test]
fn classes_and_sources_of_the_values_become_objects_and_one_class_is_the_default() {
    let objects = everything();
    let (class, other) =
        (named(&objects, "QuarantineClass", "incident-response"), named(&objects, "QuarantineClass", "by-id"));
    let annotation = "quarantine-operator.dev/is-default-class";
    assert_eq!(class["metadata"]["annotations"][annotation], "true");
    assert_eq!(other["metadata"].get("annotations"), None);
    assert_eq!(other["spec"], json!({"securityGroup": {"id": "sg-0123456789abcdef0"}}));
    assert_eq!(only(&objects, "FindingSource")["spec"]["customAction"]["id"], "Quarantine");
}

#[test]
fn nobody_but_the_operator_may_write_a_status_and_edit_and_admin_get_nothing_unasked() {
    let objects = objects_with(&[]);
    let writes = |role: &&Value| {
        let rules = role["rules"].as_array().expect("a role has rules");
        let of_status =
            |resource: &Value| resource.as_str().is_some_and(|name| name.ends_with("/status") || name == "*");
        rules.iter().any(|rule| rule["resources"].as_array().is_some_and(|names| names.iter().any(of_status)))
    };
    let writers = all(&objects, "ClusterRole").into_iter().chain(all(&objects, "Role")).filter(writes);
    let writers: Vec<&Value> = writers.map(|role| &role["metadata"]["name"]).collect();
    assert_eq!(writers, ["quarantine-operator"]);
    let labels = |objects: &[Value], role: &str| named(objects, "ClusterRole", role)["metadata"]["labels"].clone();
    let aggregated = |objects: &[Value], role: &str| -> Vec<String> {
        let labels = labels(objects, role);
        let names = labels.as_object().expect("labels").keys();
        names
            .filter_map(|name| name.strip_prefix("rbac.authorization.k8s.io/aggregate-to-").map(str::to_owned))
            .collect()
    };
    assert_eq!(aggregated(&objects, "quarantine-viewer"), ["view"]);
    assert_eq!(aggregated(&objects, "quarantine-responder"), Vec::<String>::new());
    assert_eq!(aggregated(&objects, "quarantine-releaser"), Vec::<String>::new());
    let asked = objects_with(&["rbac.aggregateToEdit=true", "rbac.aggregateToAdmin=true"]);
    assert_eq!(aggregated(&asked, "quarantine-responder"), ["admin", "edit"]);
    assert_eq!(aggregated(&asked, "quarantine-releaser"), ["admin"]);
}

#[test]
fn no_pod_gets_a_token_that_does_not_ask_for_it() {
    let objects = objects_with(&[]);
    let accounts = all(&objects, "ServiceAccount");
    assert_eq!(accounts.len(), 2, "the operator's and the guard's");
    assert!(accounts.iter().all(|account| account["automountServiceAccountToken"] == false));
    for kind in ["Deployment", "Job"] {
        let pod = &all(&objects, kind)[0]["spec"]["template"]["spec"];
        assert_eq!(pod["automountServiceAccountToken"], true, "{kind}");
    }
}

#[test]
fn the_package_holds_the_crds_of_this_version_and_nothing_that_is_not_installed() {
    let folder = tempfile_folder();
    let mut helm = command(Tool::Helm);
    helm.args(["package", CHART, "--destination"]).arg(&folder);
    output(helm).expect("it is packed");
    let mut tar = Command::new("tar");
    tar.arg("-tzf").arg(folder.join("quarantine-operator-0.1.0.tgz"));
    let files = output(tar).expect("it can be listed");
    let crds: Vec<&str> = files.lines().filter(|file| file.contains("/crds/")).collect();
    assert_eq!(crds.len(), 3, "{files}");
    assert!(files.contains("quarantine-operator/files/alerts.yaml") && files.contains("values.schema.json"), "{files}");
    std::fs::remove_dir_all(folder).expect("it is ours");
}

fn tempfile_folder() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("quarantine-operator-chart-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder can be made");
    folder
}
