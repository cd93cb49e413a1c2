//! Giving an instance back.

use super::scene::{CLAIM, Scene};
use crate::{
    support::claims::{condition, holds, status},
    wire::emulator::{fail, mend},
};
use kube::ResourceExt;
use serde_json::json;

#[tokio::test]
async fn rule_03_exact_return_leaves_what_somebody_else_has_set() {
    let scene = Scene::contained(&[&["web"], &["app"]]).await;
    // While suspended nothing puts this right; the release then finds none of our groups.
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.set(&scene.interfaces[0], &scene.ids(&["app"])).await;
    age_the_records(&scene).await;
    scene.desk.delete(CLAIM).await;
    scene.desk.says(CLAIM, "Ready", "False", "Suspended").await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    scene.desk.gone(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["app"]), "left as it was found");
    assert_eq!(scene.carried(&scene.interfaces[1]).await, scene.ids(&["app"]), "its own");
    let events: kube::Api<k8s_openapi::api::events::v1::Event> =
        kube::Api::namespaced(scene.desk.client.clone(), &scene.desk.namespace);
    let events = events.list(&kube::api::ListParams::default()).await.expect("events");
    let warned =
        events.items.iter().find(|event| event.reason.as_deref() == Some("InterfaceNotOurs")).expect("a warning");
    assert!(warned.note.as_deref().unwrap_or_default().contains(&scene.groups["web"]), "it names the originals");
}

/// As if the swap had been made two minutes ago: for a minute after it a restore is always sent.
async fn age_the_records(scene: &Scene) {
    let mut claim = scene.desk.claims.get(CLAIM).await.expect("a read");
    let mut status = claim.status.take().expect("a status");
    for record in &mut status.interfaces {
        let swapped = record.changed_at.as_mut().expect("it was swapped");
        swapped.0 -= jiff::SignedDuration::from_secs(120);
    }
    let patch = json!({"status": {"interfaces": status.interfaces}});
    let params = kube::api::PatchParams::default();
    scene.desk.claims.patch_status(CLAIM, &params, &kube::api::Patch::Merge(patch)).await.expect("written");
}

#[tokio::test]
async fn rule_04_no_silent_letting_go() {
    let scene = Scene::contained(&[&["web"], &["app"]]).await;
    let how = json!({"code": "UnauthorizedOperation", "status": 403, "message": "No.", "times": -1,
        "match": {"NetworkInterfaceId": scene.interfaces[1]}});
    let fault = fail(&scene.account.id, "ModifyNetworkInterfaceAttribute", how);
    scene.desk.delete(CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "AccessDenied").await;
    assert!(holds(&claim, "Stalled") && !claim.finalizers().is_empty());
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]), "the other one is given back");
    assert_eq!(scene.carried(&scene.interfaces[1]).await, [scene.isolation.as_str()]);
    mend(&fault);
    scene.desk.edit(CLAIM, json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "granted"}}})).await;
    scene.desk.gone(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[1]).await, scene.ids(&["app"]));
}

#[tokio::test]
async fn retain_lets_go_and_leaves_everything_isolated() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.edit(CLAIM, json!({"spec": {"release": {"policy": "Retain"}}})).await;
    let before = scene.changes();
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    assert_eq!(scene.changes(), before);
}

#[tokio::test]
async fn a_missing_original_group_holds_until_it_is_dropped() {
    let scene = Scene::contained(&[&["web", "app"]]).await;
    let (owner, app) = (&scene.account.owner, &scene.groups["app"]);
    owner.delete_security_group().group_id(app).send().await.expect("nothing uses it any more");
    scene.desk.delete(CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "OriginalGroupMissing").await;
    assert!(condition(&claim, "Ready").expect("said").message.contains(app), "it names the group");
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
    scene.desk.edit(CLAIM, json!({"spec": {"release": {"missingGroups": "Drop"}}})).await;
    scene.desk.gone(CLAIM).await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

#[tokio::test]
async fn a_suspended_claim_puts_nothing_right_and_says_so() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": true}})).await;
    scene.desk.says(CLAIM, "Ready", "True", "Suspended").await;
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.desk.says(CLAIM, "Contained", "False", "Suspended").await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
    scene.desk.edit(CLAIM, json!({"spec": {"suspend": false}})).await;
    scene.desk.contained(CLAIM).await;
}

#[tokio::test]
async fn a_second_claim_waits_and_takes_over_when_the_first_is_deleted() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.desk.claim("second", scene.spec(json!({}))).await;
    let second = scene.desk.says("second", "Ready", "True", "HeldByAnother").await;
    assert!(holds(&second, "Contained"), "by the other one, with the group of this one's class");
    assert_eq!(status(&second).held_by.as_ref().map(|by| by.name.as_str()), Some(CLAIM));
    scene.delete_and_wait().await;
    scene.desk.contained("second").await;
    scene.desk.delete("second").await;
    scene.desk.gone("second").await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}
