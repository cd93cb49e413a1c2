//! Claims that name no class, on an API server where no other test's class is the default.

use super::{claim_of_no_class, is_untouched, needs_a_person, said};
use crate::{
    e2e::scene::{CLAIM, Scene},
    support::{
        claims::{Desk, status},
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
    },
};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use quarantine_operator::api::QuarantineClass;
use serde_json::{Value, json};

async fn mark_default(scene: &Scene, class: &str, value: Value) {
    let patch = json!({"metadata": {"annotations": {"quarantine-operator.dev/is-default-class": value}}});
    let classes: Api<QuarantineClass> = Api::all(scene.desk.client.clone());
    classes.patch(class, &PatchParams::default(), &Patch::Merge(patch)).await.expect("accepted");
}

#[tokio::test]
async fn without_exactly_one_default_class_a_claim_of_no_class_waits_and_names_the_annotation() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"]]).await;
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    let annotation = "quarantine-operator.dev/is-default-class";
    let before = scene.changes();
    claim_of_no_class(&scene, CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "NoDefaultClass").await;
    said(&claim, "Ready", &[annotation, "annotate one", "spec.className"]);
    needs_a_person(&claim, false);
    is_untouched(&scene, &claim, before).await;
    scene.delete_and_wait().await;

    let (first, second) = (scene.desk.namespace.clone(), format!("{}-second", scene.desk.namespace));
    scene.class(json!({})).await;
    scene.desk.named_class(&second, json!({"securityGroup": {"id": scene.isolation}})).await;
    mark_default(&scene, &first, json!("true")).await;
    mark_default(&scene, &second, json!("true")).await;
    claim_of_no_class(&scene, CLAIM).await;
    let claim = scene.desk.says(CLAIM, "Ready", "False", "SeveralDefaultClasses").await;
    said(&claim, "Ready", &[&first, &second, annotation, "on one"]);
    needs_a_person(&claim, false);
    is_untouched(&scene, &claim, before).await;

    mark_default(&scene, &second, Value::Null).await;
    let claim = scene.desk.contained(CLAIM).await;
    assert_eq!(status(&claim).class_name.as_ref(), Some(&first));
    mark_default(&scene, &first, Value::Null).await;
    scene.delete_and_wait().await;
}
