//! Rule 13, release is meant: releases that a person has to approve, each way into one and each way out.

mod approval;
mod crd;
mod late;
mod namespace;
mod suspended;

use crate::{
    e2e::scene::{CLAIM, Scene},
    support::claims::{condition, holds},
};
use quarantine_operator::api::Quarantine;
use serde_json::json;

/// Waits until the release is held, with these words, and checks that nothing was given back.
pub async fn is_held(scene: &Scene, words: &str) -> Quarantine {
    let claim = scene.desk.says(CLAIM, "Ready", "False", "ReleaseHeld").await;
    let message = &condition(&claim, "Ready").expect("said").message;
    assert!(message.contains(words) && message.contains("quarantine-operator.dev/release: approved"), "{message}");
    assert!(holds(&claim, "Stalled") && holds(&claim, "Contained"), "{:?}", claim.status);
    assert!(claim.has_finalizer());
    is_isolated(scene).await;
    claim
}

pub async fn is_isolated(scene: &Scene) {
    for interface in &scene.interfaces {
        assert_eq!(scene.carried(interface).await, [scene.isolation.as_str()]);
    }
}

pub async fn approve(scene: &Scene) {
    let approval = json!({"metadata": {"annotations": {"quarantine-operator.dev/release": "approved"}}});
    scene.desk.edit(CLAIM, approval).await;
}

/// Each interface carries the groups of these names again, and no tag of ours.
pub async fn is_given_back(scene: &Scene, originals: &[&[&str]]) {
    for (interface, names) in scene.interfaces.iter().zip(originals) {
        assert_eq!(scene.carried(interface).await, scene.ids(names));
        assert_eq!(scene.our_tags(interface).await, Vec::<String>::new());
    }
}
