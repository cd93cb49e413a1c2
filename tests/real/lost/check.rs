//! How `check --after-restore` ends, and what it says. That it finds what the cases leave behind, they show themselves.

use super::{check, clear, is_tagged};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{BINARY, Process, ground},
    },
    wire::emulator::fail,
};
use serde_json::json;
use std::process::Command;
use tokio::sync::MutexGuard;
use xtask::Stack;

/// Alone on the stack: an instance that is contained, and no operator any more.
async fn contained() -> (MutexGuard<'static, Stack>, Scene) {
    let stack = ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    clear(&desk).await;
    let scene = Scene::on(desk, &[&["web"], &["app"]]).await;
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    scene.class(json!({"regions": ["eu-central-1"]})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    is_tagged(&scene).await;
    (stack, scene)
}

#[tokio::test]
async fn check_ends_with_0_when_records_and_interfaces_fit_together_and_changes_nothing() {
    let (stack, scene) = contained().await;
    let (claim, changes) = (scene.desk.contained(CLAIM).await, scene.changes());
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&format!("account {}, eu-central-1", scene.account.id)), "where it looked: {said}");
    assert!(said.contains(&format!("account {OPERATOR_ACCOUNT}, eu-central-1")), "and its own: {said}");
    let after = scene.desk.contained(CLAIM).await;
    assert_eq!((after.metadata.resource_version, scene.changes()), (claim.metadata.resource_version, changes));
}

#[tokio::test]
async fn check_ends_with_1_and_names_a_recorded_interface_that_is_not_isolated() {
    let (stack, scene) = contained().await;
    scene.set(&scene.interfaces[1], &scene.ids(&["app"])).await;
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 1, "{said}");
    let line = said.lines().find(|line| line.contains(&scene.interfaces[1])).expect("it is listed");
    let words = [&scene.instance, &format!("{}/{CLAIM}", scene.desk.namespace), &scene.groups["app"], &scene.isolation];
    assert!(words.iter().all(|word| line.contains(*word)), "{line}");
    assert!(!said.contains(&scene.interfaces[0]), "the other one is well: {said}");
}

#[tokio::test]
async fn check_ends_with_1_and_names_a_tagged_interface_of_torn_tags() {
    let (stack, scene) = contained().await;
    scene.desk.edit(CLAIM, json!({"metadata": {"finalizers": null}})).await;
    scene.desk.delete(CLAIM).await;
    scene.desk.gone(CLAIM).await;
    let gone = ["quarantine-operator.dev/cluster-uid", "quarantine-operator.dev/quarantine-uid"].map(str::to_owned);
    scene.account.ec2.untag(&[scene.interfaces[0].clone()], &gone).await.expect("the owner may do that");
    scene.set(&scene.interfaces[1], &scene.ids(&["app"])).await;
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 1, "{said}");
    let line = |id: &str| said.lines().find(|line| line.contains(id)).expect("it is listed");
    assert!(line(&scene.interfaces[0]).contains(&scene.groups["web"]), "{said}");
    assert!(line(&scene.interfaces[1]).contains("only the tags are left"), "{said}");
}

#[tokio::test]
async fn check_ends_with_2_when_a_place_can_not_be_asked_and_still_says_what_it_found() {
    let (stack, scene) = contained().await;
    let unreachable = json!({"accounts": ["999999999999"], "regions": ["eu-central-1"],
        "securityGroup": {"name": "isolation"}, "assumeRole": {"roleName": "nobody-made-it"}});
    scene.desk.named_class("of-another-account", unreachable).await;
    scene.set(&scene.interfaces[1], &scene.ids(&["app"])).await;
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 2, "{said}");
    let line = said.lines().find(|line| line.contains("999999999999")).expect("the place is named");
    assert!(line.contains("nobody-made-it"), "and why: {line}");
    assert!(said.contains(&scene.interfaces[1]), "{said}");
}

#[tokio::test]
async fn check_ends_with_2_when_a_read_is_refused() {
    let (stack, scene) = contained().await;
    let how = json!({"code": "UnauthorizedOperation", "status": 403, "message": "No.", "times": -1});
    fail(&scene.account.id, "DescribeNetworkInterfaces", how);
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("ec2:DescribeNetworkInterfaces"), "{said}");
}

#[tokio::test]
async fn check_looks_in_further_regions_on_demand() {
    let stack = ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    clear(&desk).await;
    let (code, said) = check(&stack, OPERATOR_ACCOUNT, &["--region", "us-east-1", "--region", "us-west-2"]);
    assert_eq!(code, 0, "{said}");
    for region in ["eu-central-1", "us-east-1", "us-west-2"] {
        assert!(said.contains(&format!("account {OPERATOR_ACCOUNT}, {region}")), "{said}");
    }
}

#[test]
fn check_without_a_cluster_ends_with_2_and_what_to_do() {
    let mut command = Command::new(BINARY);
    command.args(["check", "--after-restore"]).env("KUBECONFIG", "/nowhere/kubeconfig");
    let output = command.env_remove("KUBERNETES_SERVICE_HOST").output().expect("it ends");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("set KUBECONFIG, or run in a pod"), "{said}");
}

#[test]
fn regions_to_look_in_belong_to_a_restore() {
    let output = Command::new(BINARY).args(["check", "--region", "us-east-1"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--after-restore"), "{output:?}");
}
