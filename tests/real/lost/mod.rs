//! Records that are lost, forged, or older than what was done; and the check that finds what is left behind.
//!
//! | room | what is lost there |
//! |---|---|
//! | `status` | the status, wiped by hand |
//! | `finalizer` | the finalizer, taken off by hand |
//! | `backup` | the object, restored without its status; the cluster |
//! | `tags` | the second copy, edited, removed or forged |
//! | `etcd` | what was written since a snapshot of etcd |
//! | `check` | nothing: what `check --after-restore` says and how it ends |

mod backup;
mod check;
mod etcd;
mod finalizer;
mod status;
mod tags;

use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{Desk, condition, holds, status as status_of},
        process::program,
        stack,
        wait::until,
    },
    wire::account::tags as tags_of,
};
use kube::{Api, ResourceExt, api::DeleteParams};
use quarantine_operator::api::{Quarantine, QuarantineClass, RecordSource};
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Output, Stdio},
};
use xtask::Stack;

/// Waits until each interface carries the second copy of its record.
pub async fn is_tagged(scene: &Scene) {
    for interface in &scene.interfaces {
        until(&format!("{interface} is tagged"), async || (!scene.our_tags(interface).await.is_empty()).then_some(()))
            .await;
    }
}

/// Names another group as the only original one in the tags of an interface.
pub async fn forge_originals(scene: &Scene, interface: &str, group: &str) {
    let forged = tags_of([("quarantine-operator.dev/original-groups", group)]);
    scene.account.ec2.tag(&[interface.to_owned()], &forged).await.expect("anyone with ec2:CreateTags can do that");
}

/// Wipes the status on the shared stack as a person does who replaces it by one from a file that has none.
pub async fn wipe_status(scene: &Scene) {
    replace_status(scene, stack().kubectl()).await;
}

async fn replace_status(scene: &Scene, kubectl: Command) {
    let mut kubectl = kubectl;
    let mut object = serde_json::to_value(scene.desk.claims.get(CLAIM).await.expect("a read")).expect("JSON");
    let wiped = object.as_object_mut().expect("an object");
    wiped.remove("status");
    wiped["metadata"].as_object_mut().expect("metadata").remove("resourceVersion");
    kubectl.args(["replace", "--subresource=status", "-f", "-"]);
    let mut replacing =
        kubectl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubectl runs");
    let mut input = replacing.stdin.take().expect("it was asked for");
    input.write_all(object.to_string().as_bytes()).expect("kubectl reads");
    drop(input);
    let output = replacing.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Waits until the instance is contained by records that were made again from the tags: exactly the originals.
pub async fn taken_over_from_tags(scene: &Scene) -> Quarantine {
    until("the records are made again from the tags", async || {
        let claim = scene.desk.claims.get_opt(CLAIM).await.expect("a read")?;
        let records = &claim.status.as_ref()?.interfaces;
        let all = records.len() == scene.interfaces.len();
        (all && holds(&claim, "Contained") && holds(&claim, "Restorable")).then_some(claim.clone())
    })
    .await
}

/// From there on: the records hold these groups, the release waits for approval, and then gives them back.
async fn ends_held_and_given_back(scene: &Scene, originals: &[&[&str]]) {
    let claim = taken_over_from_tags(scene).await;
    records_from_tags(scene, &claim, originals);
    crate::meant::is_isolated(scene).await;
    scene.desk.delete(CLAIM).await;
    is_approved_and_given_back(scene, originals).await;
}

fn records_from_tags(scene: &Scene, claim: &Quarantine, originals: &[&[&str]]) {
    for (interface, names) in scene.interfaces.iter().zip(originals) {
        let record = status_of(claim).interfaces.iter().find(|record| record.id == *interface).expect("a record");
        let mut told = record.original_security_groups.clone().expect("originals");
        told.sort();
        assert_eq!((told, record.recorded_from), (scene.ids(names), RecordSource::Tags));
    }
}

async fn is_approved_and_given_back(scene: &Scene, originals: &[&[&str]]) {
    crate::meant::is_held(scene, "was lost and comes from the tags").await;
    crate::meant::approve(scene).await;
    scene.desk.gone(CLAIM).await;
    crate::meant::is_given_back(scene, originals).await;
}

/// Loses the object with its records, at once and for good: deleted while nothing is released, its finalizer taken off.
async fn lose_the_object(scene: &Scene) -> Quarantine {
    is_tagged(scene).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.desk.delete(CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "Suspended").await;
    assert_eq!(condition(&claim, "Contained").expect("said").reason, "Contained");
    scene.desk.edit(CLAIM, json!({"metadata": {"finalizers": null}})).await;
    scene.desk.gone(CLAIM).await;
    crate::meant::is_isolated(scene).await;
    is_tagged(scene).await;
    claim
}

/// An object as a backup without status holds it: what a person wrote, and nothing of its life.
fn backed_up(claim: &Quarantine) -> Value {
    let mut spec = serde_json::to_value(&claim.spec).expect("JSON");
    spec.as_object_mut().expect("an object").remove("suspend");
    spec
}

/// Takes everything of earlier tests away, so that a check of the whole cluster sees this test's things alone. No
/// operator may run.
pub async fn clear(desk: &Desk) {
    let client = &desk.client;
    let claims: Api<Quarantine> = Api::all(client.clone());
    for claim in claims.list(&Default::default()).await.expect("a list") {
        let namespace = claim.namespace().expect("namespaced");
        let one: Api<Quarantine> = Api::namespaced(client.clone(), &namespace);
        let patch = kube::api::Patch::Merge(json!({"metadata": {"finalizers": null}}));
        one.patch(&claim.name_any(), &Default::default(), &patch).await.expect("accepted");
        let _ = one.delete(&claim.name_any(), &DeleteParams::default()).await;
    }
    let classes: Api<QuarantineClass> = Api::all(client.clone());
    for class in classes.list(&Default::default()).await.expect("a list") {
        classes.delete(&class.name_any(), &DeleteParams::default()).await.expect("deleted");
    }
}

/// `check --after-restore` on this stack, as this account: its exit code and what it said.
fn check(stack: &Stack, account: &str, more: &[&str]) -> (i32, String) {
    let Output { status, stdout, stderr } =
        program(stack, account).args(["check", "--after-restore"]).args(more).output().expect("it runs");
    let said = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    (status.code().expect("it ends by itself"), said)
}
