//! Policy after admission: held stays held, corrected after drift, and releasable, whatever becomes of the class; what it
//! says otherwise now is told.

use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{holds, status},
        wait::until,
    },
    wire::{
        account::tags,
        emulator::{calls, create_role, delete_role},
    },
};
use k8s_openapi::api::{core::v1::Namespace, events::v1::Event};
use kube::{
    Api,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use quarantine_operator::api::{Quarantine, QuarantineClass};
use serde_json::{Value, json};

/// Waits until the status says that policy changed, in these words.
async fn changed(scene: &Scene, words: &[&str]) -> Quarantine {
    until(&format!("status.policyChanged holds {words:?}"), async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("a read");
        let told = status(&claim).policy_changed.as_ref()?;
        words.iter().all(|word| told.contains(word)).then_some(claim)
    })
    .await
}

async fn unchanged(scene: &Scene) {
    until("status.policyChanged is gone", async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("a read");
        status(&claim).policy_changed.is_none().then_some(())
    })
    .await;
}

/// Waits for the event PolicyChanged of that type with that word.
async fn told(scene: &Scene, type_: &str, word: &str) {
    let events: Api<Event> = Api::namespaced(scene.desk.client.clone(), &scene.desk.namespace);
    until(&format!("a {type_} event PolicyChanged with {word:?}"), async || {
        let events = events.list(&ListParams::default()).await.expect("a read").items;
        let of_policy = events.iter().filter(|event| event.reason.as_deref() == Some("PolicyChanged"));
        of_policy
            .filter(|event| event.type_.as_deref() == Some(type_))
            .any(|event| event.note.as_ref().is_some_and(|note| note.contains(word)))
            .then_some(())
    })
    .await;
}

/// Somebody puts the workload's group back, and the operator the admitted isolation group.
async fn is_corrected(scene: &Scene) {
    let before = status(&scene.desk.claims.get(CLAIM).await.expect("a read")).corrections;
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    until("the drift is counted and put right", async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("a read");
        (status(&claim).corrections > before && holds(&claim, "Ready")).then_some(())
    })
    .await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, [scene.isolation.as_str()]);
}

async fn is_released(scene: &Scene) {
    scene.delete_and_wait().await;
    assert_eq!(scene.carried(&scene.interfaces[0]).await, scene.ids(&["web"]));
}

fn classes(scene: &Scene) -> Api<QuarantineClass> {
    Api::all(scene.desk.client.clone())
}

async fn mark_default(scene: &Scene, class: &str, value: Value) {
    let patch = json!({"metadata": {"annotations": {"quarantine-operator.dev/is-default-class": value}}});
    classes(scene).patch(class, &PatchParams::default(), &Patch::Merge(patch)).await.expect("accepted");
}

#[tokio::test]
async fn a_class_deleted_while_held_is_told_and_what_is_held_stays_held_and_releasable() {
    let scene = Scene::contained(&[&["web"]]).await;
    classes(&scene).delete(&scene.desk.namespace, &DeleteParams::default()).await.expect("deleted");
    let claim = changed(&scene, &["stays held as it was admitted", "no QuarantineClass", &scene.desk.namespace]).await;
    assert!(holds(&claim, "Ready") && holds(&claim, "Contained"), "it is told, and changes nothing else");
    told(&scene, "Warning", "no QuarantineClass").await;
    is_corrected(&scene).await;

    scene.class(json!({})).await;
    unchanged(&scene).await;
    told(&scene, "Normal", "the same again").await;

    classes(&scene).delete(&scene.desk.namespace, &DeleteParams::default()).await.expect("deleted");
    changed(&scene, &["no QuarantineClass"]).await;
    is_released(&scene).await;
}

#[tokio::test]
async fn when_the_default_class_becomes_another_one_what_is_held_stays_under_its_own() {
    let scene = Scene::with(&[&["web"]]).await;
    let (first, second) = (scene.desk.namespace.clone(), format!("{}-second", scene.desk.namespace));
    let class = scene.class(json!({})).await;
    mark_default(&scene, &first, json!("true")).await;
    let claim = json!({
        "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": CLAIM},
        "spec": scene.spec(json!({})),
    });
    let params = PatchParams::apply("tests");
    let claim = scene.desk.claims.patch(CLAIM, &params, &Patch::Apply(claim)).await.expect("accepted");
    assert_eq!(claim.spec.class_name, None);
    scene.desk.contained(CLAIM).await;

    let other = scene.account.group(&scene.subnet, "other").await;
    let mut spec = serde_json::to_value(&class.spec).expect("a spec");
    spec["securityGroup"] = json!({"id": other});
    scene.desk.named_class(&second, spec).await;
    mark_default(&scene, &second, json!("true")).await;
    mark_default(&scene, &first, Value::Null).await;
    is_corrected(&scene).await;
    let claim = scene.desk.contained(CLAIM).await;
    assert_eq!(status(&claim).class_name.as_ref(), Some(&first));
    assert_eq!(status(&claim).policy_changed, None, "its own class says the same");
    is_released(&scene).await;
    mark_default(&scene, &second, Value::Null).await;
}

#[tokio::test]
async fn a_class_narrowed_while_held_is_told_and_what_is_held_stays_held_and_releasable() {
    let scene = Scene::contained(&[&["web"]]).await;
    let account = scene.account.id.clone();
    for (spec, words) in [
        (json!({"accounts": ["999999999999"]}), ["may not be used in account", account.as_str()]),
        (json!({"regions": ["us-east-1"]}), ["may not be used in region", "eu-central-1"]),
        (
            json!({"namespaceSelector": {"matchLabels": {"team": "other"}}}),
            ["namespaceSelector", "doesn't select this namespace"],
        ),
        (json!({"protected": {"instanceIds": [scene.instance]}}), ["protects", scene.instance.as_str()]),
        (json!({"releaseApproval": "Always"}), ["releaseApproval: Always now", "WhenUnusual was admitted"]),
        (
            json!({"securityGroup": {"id": "sg-0123456789abcdef0"}}),
            ["sg-0123456789abcdef0 now", scene.isolation.as_str()],
        ),
    ] {
        scene.class(spec).await;
        changed(&scene, &words).await;
        is_corrected(&scene).await;
    }
    told(&scene, "Warning", "may not be used in account").await;
    is_released(&scene).await;
}

#[tokio::test]
async fn a_namespace_relabelled_while_held_is_told_until_it_fits_again() {
    let scene = Scene::with(&[&["web"]]).await;
    let namespaces: Api<Namespace> = Api::all(scene.desk.client.clone());
    let label = async |team: Value| {
        let patch = json!({"metadata": {"labels": {"team": team}}});
        let params = PatchParams::default();
        namespaces.patch(&scene.desk.namespace, &params, &Patch::Merge(patch)).await.expect("accepted");
    };
    label(json!(scene.desk.namespace)).await;
    scene.class(json!({"namespaceSelector": {"matchLabels": {"team": scene.desk.namespace}}})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    label(Value::Null).await;
    changed(&scene, &["doesn't select this namespace"]).await;
    is_corrected(&scene).await;
    label(json!(scene.desk.namespace)).await;
    unchanged(&scene).await;
    label(Value::Null).await;
    changed(&scene, &["doesn't select this namespace"]).await;
    is_released(&scene).await;
}

#[tokio::test]
async fn a_protecting_tag_added_while_held_is_told_and_what_is_held_stays_held_and_releasable() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({"protected": {"tags": [{"key": "tier", "value": "bastion"}]}})).await;
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    let instance = std::slice::from_ref(&scene.instance);
    scene.account.ec2.tag(instance, &tags([("tier", "bastion")])).await.expect("anyone with CreateTags may");
    changed(&scene, &["tier=bastion", "An intruder can write tags"]).await;
    told(&scene, "Warning", "tier=bastion").await;
    is_corrected(&scene).await;
    scene.account.ec2.untag(instance, &["tier".to_owned()]).await.expect("the owner may do that");
    unchanged(&scene).await;
    scene.class(json!({"protected": {"tags": [{"key": "Name"}]}})).await;
    scene.account.ec2.tag(instance, &tags([("Name", "web-7")])).await.expect("the owner may do that");
    changed(&scene, &["the tag Name"]).await;
    is_released(&scene).await;
}

#[tokio::test]
async fn a_lower_limit_evicts_nobody_and_is_no_change_of_policy() {
    let scene = Scene::contained(&[&["web"]]).await;
    scene.class(json!({"maxActive": 0})).await;
    is_corrected(&scene).await;
    assert_eq!(status(&scene.desk.contained(CLAIM).await).policy_changed, None);
    is_released(&scene).await;
}

#[tokio::test]
async fn rule_10_quiet_at_rest_though_policy_changed() {
    let scene = Scene::contained(&[&["web"]]).await;
    until("tagged", async || (!scene.our_tags(&scene.interfaces[0]).await.is_empty()).then_some(())).await;
    scene.class(json!({"regions": ["us-east-1"], "protected": {"instanceIds": [scene.instance]}})).await;
    let before = changed(&scene, &["may not be used in region", "protects"]).await;
    let looks = || calls(&scene.account.id, "DescribeSecurityGroups").len();
    let (changes, seen) = (scene.changes(), looks());
    until("five more looks", async || (looks() >= seen + 5).then_some(())).await;
    let after = scene.desk.claims.get(CLAIM).await.expect("a read");
    assert_eq!(after.metadata.resource_version, before.metadata.resource_version);
    assert_eq!(scene.changes(), changes);
}

/// The class names this role from now on.
async fn role_renamed(scene: &Scene, role: &str) {
    scene.class(json!({"assumeRole": {"roleName": role, "externalId": "only-ours"}})).await;
}

async fn reached_through(scene: &Scene, role: &str) {
    let arn = format!("arn:aws:iam::{}:role/{role}", scene.account.id);
    until(&format!("it is reached through {arn}"), async || {
        let claim = scene.desk.claims.get(CLAIM).await.expect("a read");
        (status(&claim).target.as_ref()?.role_arn.as_ref() == Some(&arn)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_renamed_role_that_exists_is_used_for_what_is_held() {
    let scene = Scene::contained(&[&["web"]]).await;
    create_role(&scene.account.id, "renamed", crate::support::operator::OPERATOR_ACCOUNT, "only-ours");
    role_renamed(&scene, "renamed").await;
    reached_through(&scene, "renamed").await;
    is_corrected(&scene).await;
    assert_eq!(status(&scene.desk.contained(CLAIM).await).policy_changed, None);
    is_released(&scene).await;
}

#[tokio::test]
async fn a_renamed_role_that_does_not_exist_yet_leaves_the_recorded_one_in_use_and_is_told() {
    let scene = Scene::contained(&[&["web"]]).await;
    role_renamed(&scene, "renamed").await;
    let claim = changed(&scene, &["role/renamed can't be assumed", "reached through before"]).await;
    assert!(holds(&claim, "Ready") && holds(&claim, "Contained"));
    is_corrected(&scene).await;
    reached_through(&scene, "quarantine").await;

    create_role(&scene.account.id, "renamed", crate::support::operator::OPERATOR_ACCOUNT, "only-ours");
    reached_through(&scene, "renamed").await;
    unchanged(&scene).await;
    role_renamed(&scene, "renamed-again").await;
    changed(&scene, &["role/renamed-again can't be assumed"]).await;
    is_released(&scene).await;
}

#[tokio::test]
async fn a_renamed_role_is_used_though_the_recorded_one_is_gone() {
    let scene = Scene::contained(&[&["web"]]).await;
    create_role(&scene.account.id, "renamed", crate::support::operator::OPERATOR_ACCOUNT, "only-ours");
    delete_role(&scene.account.id, "quarantine");
    role_renamed(&scene, "renamed").await;
    reached_through(&scene, "renamed").await;
    is_corrected(&scene).await;
    is_released(&scene).await;
}
