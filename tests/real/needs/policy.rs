//! Missing: classes and namespaces that fit.

use super::Stage;
use serde_json::json;

#[tokio::test]
async fn a_cluster_without_a_class_and_one_with_two_default_classes_are_told_so() {
    let stage = Stage::open().await;
    stage.said().misses_only(&["QuarantineClasses", "There is none", "deploy/samples/quarantineclass.yaml"]);

    for name in ["one", "other"] {
        let group = json!({"id": stage.scene.isolation});
        let role = json!({"roleName": "quarantine", "externalId": "only-ours"});
        let spec = json!({"accounts": [stage.scene.account.id], "assumeRole": role, "securityGroup": group});
        stage.scene.desk.named_class(name, spec).await;
        let mut annotate = stage.stack.kubectl();
        annotate.args(["annotate", "qtnclass", name, "quarantine-operator.dev/is-default-class=true"]);
        assert!(annotate.output().expect("kubectl runs").status.success());
    }
    stage.said().misses_only(&["default class", "(one, other)", "quarantine-operator.dev/is-default-class"]);
}

#[tokio::test]
async fn a_class_that_selects_no_namespace_is_named() {
    let stage = Stage::open().await;
    let nowhere = json!({"matchLabels": {"team": "nobody"}});
    stage.scene.class(json!({"regions": ["eu-central-1"], "namespaceSelector": nowhere})).await;
    stage.said().misses_only(&["namespaces", "selects no namespace that is there"]);
}
