//! Messages that must neither be lost nor hold others up, though something stands in the way of just them.

use super::stage::{ACTION, EXTERNAL_ID, Queue, ROLE, finding, finding_id};
use crate::{
    e2e::scene::Scene,
    support::{
        claims::Desk,
        client_of,
        process::{Process, fresh_ground},
        wait::until,
    },
    wire::{
        account::fresh_id,
        emulator::{change_trust, fail, mend},
        hub::Hub,
    },
};
use jiff::Timestamp;
use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    events::v1::Event,
};
use kube::{
    Api,
    api::{DeleteParams, ListParams, PostParams},
};
use serde_json::json;

#[tokio::test]
async fn what_the_own_action_sent_is_not_taken_for_another_ones_while_the_operator_knows_no_account() {
    let stack = fresh_ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"]]).await;
    let operator = fresh_id();
    change_trust(&scene.account.id, ROLE, &operator, EXTERNAL_ID);
    Hub::of(&scene.account.id).await;
    scene.class(json!({})).await;
    let queue = Queue::of(&scene).await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    let action = json!({"id": ACTION, "name": "Quarantine", "description": "Cuts it off"});
    let template = json!({"namespace": scene.desk.namespace, "className": scene.desk.namespace});
    queue.read_by_source(json!({"customAction": action, "accept": {}, "template": template})).await;
    let nobody =
        fail(&operator, "GetCallerIdentity", json!({"code": "ServiceUnavailable", "status": 503, "times": -1}));
    let _process = Process::start(&stack, &operator);
    queue.says("False", "AwsUnavailable").await;
    assert_eq!(queue.left(&queue.url).await, (1, 0), "nothing is received");
    mend(&nobody);
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    queue.is_empty().await;
}

#[tokio::test]
async fn a_message_whose_quarantine_is_refused_holds_up_no_other_and_is_made_once_it_is_not() {
    let scene = Scene::with(&[&["web"]]).await;
    scene.class(json!({})).await;
    let hub = Hub::of(&scene.account.id).await;
    hub.import([finding(&hub, &scene, "two")]);
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    queue.says("True", "Receiving").await;
    let refused = scene.account.instance(&scene.subnet, &[&scene.groups["web"]]).await;
    let name = queue.claim_of(&refused);
    let policy = Refusal::of(&scene, &name).await;

    queue.send(&queue.pressed("two", &refused, Timestamp::now())).await;
    let events: Api<Event> = Api::all(scene.desk.client.clone());
    until("an event says so", async || {
        let all = events.list(&ListParams::default()).await.expect("a list").items;
        let says = |event: &Event| {
            event.regarding.as_ref().and_then(|regarding| regarding.name.as_ref()) == Some(&queue.source)
                && event.note.as_ref().is_some_and(|note| note.contains("refused by a test"))
        };
        all.iter().any(says).then_some(())
    })
    .await;
    until("the person who pressed reads it on the finding", async || {
        let note = hub.read(&finding_id(&scene, "two"))["Note"]["Text"].clone();
        note.as_str().is_some_and(|note| note.contains("refused by a test")).then_some(())
    })
    .await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    scene.desk.contained(&queue.claim_of(&scene.instance)).await;
    queue.says("True", "Receiving").await;
    assert_eq!(queue.left(&queue.url).await, (0, 1), "it is hidden, and not deleted");

    policy.lift().await;
    scene.desk.contained(&name).await;
    queue.is_empty().await;
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
}

/// Nobody creates a Quarantine of this name while it stands.
struct Refusal {
    policies: Api<ValidatingAdmissionPolicy>,
    bindings: Api<ValidatingAdmissionPolicyBinding>,
    name: String,
}

impl Refusal {
    async fn of(scene: &Scene, claim: &str) -> Self {
        let name = format!("refused-{}", scene.desk.namespace);
        let (policies, bindings) = (Api::all(scene.desk.client.clone()), Api::all(scene.desk.client.clone()));
        let policy = json!({"metadata": {"name": name}, "spec": {
            "matchConstraints": {"resourceRules": [{"apiGroups": ["quarantine-operator.dev"], "apiVersions": ["*"],
                "operations": ["CREATE"], "resources": ["quarantines"]}]},
            "matchConditions": [{"name": "this-one", "expression": format!("object.metadata.name == '{claim}'")}],
            "validations": [{"expression": "false", "message": "refused by a test"}],
        }});
        let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
        let object = |value| serde_json::from_value(value).expect("a policy");
        policies.create(&PostParams::default(), &object(policy)).await.expect("it is accepted");
        let object = |value| serde_json::from_value(value).expect("a binding");
        bindings.create(&PostParams::default(), &object(binding)).await.expect("it is accepted");
        let trial = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": claim},
            "spec": scene.spec(json!({})),
        });
        let trial = serde_json::from_value(trial).expect("a Quarantine");
        until("the policy is in force", async || {
            let dry_run = PostParams { dry_run: true, ..PostParams::default() };
            let said = scene.desk.claims.create(&dry_run, &trial).await.err()?;
            said.to_string().contains("refused by a test").then_some(())
        })
        .await;
        Self { policies, bindings, name }
    }

    async fn lift(self) {
        let asked = DeleteParams::default();
        self.bindings.delete(&self.name, &asked).await.expect("it goes");
        self.policies.delete(&self.name, &asked).await.expect("it goes");
    }
}
