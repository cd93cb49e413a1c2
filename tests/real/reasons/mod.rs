//! The reasons that no other test on real parts meets: what a person reads then, what it names as the next step, and
//! that the next step helps.

mod answers;
mod classes;
mod findings;
mod groups;
mod interfaces;
mod late;
mod sources;

use crate::{
    e2e::scene::{CLAIM, Scene},
    support::claims::{condition, holds},
};
use kube::api::{Patch, PatchParams};
use quarantine_operator::api::{Condition, Quarantine};
use serde_json::{Value, json};

/// What a claim's condition of that type says. It must hold each of these words.
fn said<'a>(claim: &'a Quarantine, type_: &str, words: &[&str]) -> &'a Condition {
    let said = condition(claim, type_).unwrap_or_else(|| panic!("{type_} is said"));
    for word in words {
        assert!(said.message.contains(word), "{word}: {}", said.message);
    }
    said
}

/// A person must act (Stalled), or it passes (Reconciling): one of both.
fn needs_a_person(claim: &Quarantine, does: bool) {
    assert_eq!((holds(claim, "Stalled"), holds(claim, "Reconciling")), (does, !does));
}

/// Neither the claim nor the account shows that anything was done since `before`.
async fn is_untouched(scene: &Scene, claim: &Quarantine, before: usize) {
    assert_eq!(claim.metadata.finalizers, None, "an object that never acted has no finalizer");
    assert_eq!(scene.changes(), before, "no changing call");
    assert_eq!(scene.our_tags(&scene.interfaces[0]).await, Vec::<String>::new());
}

/// A claim that names no class.
async fn claim_of_no_class(scene: &Scene, name: &str) {
    let claim = json!({
        "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": name},
        "spec": scene.spec(json!({})),
    });
    let params = PatchParams::apply("tests");
    scene.desk.claims.patch(name, &params, &Patch::Apply(claim)).await.expect("a Quarantine is accepted");
}

/// Has the claim looked at now: what a person does who has just changed something in AWS.
async fn look_now(scene: &Scene) {
    let asked = json!({"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": "mended"}}});
    scene.desk.edit(CLAIM, asked).await;
}

fn denied() -> Value {
    json!({"code": "UnauthorizedOperation", "status": 403, "message": "No.", "times": -1})
}
