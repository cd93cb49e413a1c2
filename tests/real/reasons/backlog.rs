//! A source that has made more than can be held: it leaves the rest to its queue.

use crate::{
    e2e::scene::Scene,
    findings::stage::Queue,
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
    },
    wire::account::REGION,
};
use futures::future::join_all;
use jiff::Timestamp;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use quarantine_operator::api::SOURCE_LABEL;
use serde_json::json;

/// So many that wait, and nothing more is received (`src/intake/receive.rs`).
const BACKLOG: usize = 500;

async fn instances(scene: &Scene) -> Vec<String> {
    let count = i32::try_from(BACKLOG).expect("fits");
    let call = scene.account.owner.run_instances().image_id("ami-12c6146b").min_count(count).max_count(count);
    let call = call.subnet_id(&scene.subnet.id).security_group_ids(&scene.groups["web"]);
    let launched = call.send().await.expect("they are launched");
    launched.instances().iter().filter_map(|instance| instance.instance_id().map(str::to_owned)).collect()
}

#[tokio::test]
async fn with_500_quarantines_that_wait_for_room_nothing_more_is_received_until_they_are_fewer() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"]]).await;
    scene.class(json!({})).await;
    let queue = Queue::of(&scene).await;
    let waiting = instances(&scene).await.into_iter().map(async |id| {
        let claim = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": queue.claim_of(&id), "labels": {SOURCE_LABEL: queue.source}},
            "spec": {"className": scene.desk.namespace,
                "target": {"instance": {"id": id, "region": REGION, "accountId": scene.account.id}}},
        });
        let params = PatchParams::apply("tests");
        scene.desk.claims.patch(&queue.claim_of(&id), &params, &Patch::Apply(claim)).await.expect("accepted");
    });
    // Before the operator starts: what is received meanwhile would make the count another one.
    join_all(waiting).await;
    queue.read_by_source(json!({"maxActive": 0})).await;
    let before = scene.changes();
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    let told = queue.says("False", "BacklogFull").await;
    for word in ["500 Quarantines", "look whether it misfires", "delete those that aren't meant", "raise maxActive"] {
        assert!(told.message.contains(word), "{word}: {}", told.message);
    }
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    queue.says("False", "BacklogFull").await;
    assert_eq!(queue.left(&queue.url).await, (1, 0), "the queue keeps what comes");
    assert_eq!(scene.changes(), before, "rule 12: none is held");

    let all = scene.desk.claims.delete_collection(&DeleteParams::default(), &ListParams::default()).await;
    all.expect("the deletion is accepted");
    queue.says("True", "Receiving").await;
    scene.desk.says(&queue.claim_of(&scene.instance), "Ready", "False", "SourceLimitReached").await;
    queue.delete_source().await;
}
