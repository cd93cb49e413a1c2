//! A release of Helm: installed, upgraded, uninstalled.
//!
//! Here are no kubelet and no Job controller. Where helm waits for its hook, the test runs the Job's own command with the
//! token of the Job's own service account, and writes its outcome into the Job's status as the controller would.

use super::{
    CHART, NAMESPACE, RELEASE, output,
    site::{NODE, Site},
};
use crate::{
    e2e::scene::CLAIM,
    support::{
        claims::{condition, status},
        operator::OPERATOR_ACCOUNT,
        process::program,
        wait::until,
    },
};
use serde_json::{Value, json};
use std::{fs, process::Output, thread};
use xtask::StackOptions;

const GUARD: &str = "quarantine-operator-uninstall-guard";

async fn installed() -> Site {
    let site = Site::open(StackOptions::default()).await;
    site.install();
    site
}

#[tokio::test]
async fn installed_by_helm_the_operator_works_with_the_token_of_its_own_account_and_knows_its_node() {
    let site = installed().await;
    let mut operator = site.operator("one");
    site.contain().await;
    let spec = json!({"target": {"instance": {"id": "i-00000000000000001", "region": "eu-central-1",
        "accountId": site.scene.account.id}}});
    site.scene.desk.claim("own", spec).await;
    let refused = site.scene.desk.says("own", "Ready", "False", "OperatorsOwnInstance").await;
    let message = &condition(&refused, "Ready").expect("said").message;
    assert!(message.contains("i-00000000000000001"), "{NODE}: {message}");
    site.release().await;
    operator.terminate();
    assert!(operator.ended().await.success());
}

#[tokio::test]
async fn the_instance_behind_a_replica_that_stands_by_is_not_cut_off_either() {
    let site = installed().await;
    let other = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-2"},
        "spec": {"providerID": "aws:///eu-central-1a/i-00000000000000002"}});
    site.apply(&other);
    let template = site.get(&["-n", NAMESPACE, "deployment", RELEASE])["spec"]["template"].clone();
    for (pod, node) in [("one", NODE), ("two", "node-2")] {
        let mut spec = template["spec"].clone();
        spec["nodeName"] = json!(node);
        let metadata = json!({"name": pod, "namespace": NAMESPACE, "labels": template["metadata"]["labels"]});
        site.apply(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}));
    }
    let mut operator = site.operator("one");
    let spec = json!({"target": {"instance": {"id": "i-00000000000000002", "region": "eu-central-1",
        "accountId": site.scene.account.id}}});
    site.scene.desk.claim("other", spec).await;
    let refused = site.scene.desk.says("other", "Ready", "False", "OperatorsOwnInstance").await;
    let message = &condition(&refused, "Ready").expect("said").message;
    assert!(message.contains("i-00000000000000002"), "{message}");
    operator.terminate();
    assert!(operator.ended().await.success());
}

#[tokio::test]
async fn an_upgrade_keeps_what_is_held_and_the_next_version_goes_on_with_it() {
    let site = installed().await;
    let mut before = site.operator("before");
    site.contain().await;
    let records = status(&site.scene.desk.contained(CLAIM).await).interfaces.clone();

    let crds = site.stack.run_dir().join("crds.yaml");
    let printed = program(&site.stack, OPERATOR_ACCOUNT).arg("crds").output().expect("it runs");
    fs::write(&crds, printed.stdout).expect("it is written");
    let applied = site.kubectl(&["apply", "--server-side", "-f", &crds.to_string_lossy()]);
    assert_eq!(applied.lines().filter(|line| line.ends_with("serverside-applied")).count(), 3, "{applied}");
    let upgrade = ["upgrade", RELEASE, CHART, "--reset-then-reuse-values", "--set", "replicas=3,log.filter=debug"];
    let said = output(site.helm(&upgrade)).unwrap_or_else(|refusal| panic!("{refusal}"));
    assert!(said.contains("REVISION: 2"), "{said}");
    assert_eq!(site.get(&["-n", NAMESPACE, "deployment", RELEASE])["spec"]["replicas"], 3);
    let after = site.operator("after");
    after.is_said("standing by").await;
    before.terminate();
    assert!(before.ended().await.success());

    site.scene.set(&site.scene.interfaces[0], &site.scene.ids(&["web"])).await;
    site.scene.carries(&site.scene.interfaces[0], std::slice::from_ref(&site.scene.isolation)).await;
    let originals = |records: &[quarantine_operator::api::InterfaceStatus]| -> Vec<_> {
        records.iter().map(|record| (record.id.clone(), record.original_security_groups.clone())).collect()
    };
    assert_eq!(originals(&status(&site.scene.desk.contained(CLAIM).await).interfaces), originals(&records));
    site.release().await;
}

#[tokio::test]
async fn an_uninstall_fails_while_an_instance_is_held_says_which_and_goes_through_once_it_is_released() {
    let site = installed().await;
    let _operator = site.operator("one");
    site.contain().await;

    let (guard, helm) = uninstall(&site).await;
    let said = String::from_utf8_lossy(&guard.stdout);
    assert_eq!(guard.status.code(), Some(1), "{guard:?}");
    let held = format!("{}/{CLAIM}: {}", site.scene.desk.namespace, site.scene.instance);
    assert!(said.contains(&held) && site.scene.interfaces.iter().all(|id| said.contains(id)), "{said}");
    assert!(said.contains("uninstallGuard.enabled=false"), "the way out: {said}");
    let refusal = helm.expect_err("helm says no");
    assert!(refusal.contains(GUARD), "{refusal}");
    site.get(&["-n", NAMESPACE, "deployment", RELEASE]);
    site.get(&["clusterrole", RELEASE]);
    site.get(&["validatingadmissionpolicy", "quarantine-operator-release"]);
    crate::meant::is_isolated(&site.scene).await;

    site.release().await;
    let (guard, helm) = uninstall(&site).await;
    assert_eq!(guard.status.code(), Some(0), "{guard:?}");
    helm.expect("helm uninstalls");
    for kind in ["deployment,serviceaccount,role,job,networkpolicy", "clusterrole,clusterrolebinding"] {
        let labelled = ["-n", NAMESPACE, kind, "-l", "app.kubernetes.io/instance=quarantine-operator"];
        assert_eq!(site.get(&labelled)["items"], json!([]), "{kind}");
    }
    assert_eq!(site.get(&["crd"])["items"].as_array().map(Vec::len), Some(3), "the CRDs stay");
}

#[tokio::test]
async fn what_an_uninstall_without_hooks_leaves_cut_off_the_next_install_gives_back() {
    let site = installed().await;
    let mut operator = site.operator("one");
    site.contain().await;
    operator.terminate();
    assert!(operator.ended().await.success());
    output(site.helm(&["uninstall", RELEASE, "--no-hooks"])).unwrap_or_else(|refusal| panic!("{refusal}"));
    crate::meant::is_isolated(&site.scene).await;

    site.install();
    let _operator = site.operator("two");
    site.release().await;
}

/// `helm uninstall`, whose hook ends as its own command does. What that command and helm said.
async fn uninstall(site: &Site) -> (Output, Result<String, String>) {
    let helm = site.helm(&["uninstall", RELEASE, "--timeout", "120s"]);
    let uninstalling = thread::spawn(move || output(helm));
    let job = until("helm makes the Job", async || {
        let jobs = site.get(&["-n", NAMESPACE, "jobs"]);
        // One that failed before is deleted first.
        jobs["items"].as_array()?.iter().find(|job| job["status"] == json!({})).cloned()
    })
    .await;
    assert_eq!(job["metadata"]["name"], GUARD);
    assert_eq!(
        (&job["spec"]["backoffLimit"], &job["spec"]["template"]["spec"]["restartPolicy"]),
        (&json!(0), &json!("Never"))
    );
    let pod = &job["spec"]["template"]["spec"];
    let arguments = pod["containers"][0]["args"].as_array().expect("arguments").iter();
    let mut command = program(&site.stack, OPERATOR_ACCOUNT);
    command.args(arguments.map(|argument| argument.as_str().expect("text")));
    command.env("KUBECONFIG", site.kubeconfig_of(pod["serviceAccountName"].as_str().expect("an account")));
    // A pod takes longer to start than the API server takes to hear of a binding.
    let as_guard = format!("--as=system:serviceaccount:{NAMESPACE}:{GUARD}");
    until("the guard's binding is in force", async || {
        let mut kubectl = site.stack.kubectl();
        kubectl.args(["auth", "can-i", "list", "findingsources", "-A", &as_guard]);
        output(kubectl).ok()
    })
    .await;
    let guard = command.output().expect("it runs");
    let status = outcome(guard.status.success()).to_string();
    site.kubectl(&["-n", NAMESPACE, "patch", "job", GUARD, "--subresource=status", "--type=merge", "-p", &status]);
    let helm = uninstalling.join().expect("no panic");
    (guard, helm)
}

/// As the Job controller writes it.
fn outcome(success: bool) -> Value {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |type_: &str, reason: &str| {
        json!({"type": type_, "status": "True", "reason": reason, "message": reason, "lastTransitionTime": now,
            "lastProbeTime": now})
    };
    let status = if success {
        json!({"startTime": now, "completionTime": now, "succeeded": 1, "ready": 0, "conditions":
            [condition("SuccessCriteriaMet", "CompletionsReached"), condition("Complete", "CompletionsReached")]})
    } else {
        json!({"startTime": now, "failed": 1, "ready": 0, "conditions":
            [condition("FailureTarget", "BackoffLimitExceeded"), condition("Failed", "BackoffLimitExceeded")]})
    };
    json!({"status": status})
}
