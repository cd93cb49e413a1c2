//! An instance is contained, disturbed, and given back, other claims are refused, messages come: what the metrics show.

use super::exposition::Exposition;
use crate::{
    e2e::scene::{CLAIM, Scene},
    findings::stage::Queue,
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
        wait::until,
    },
    wire::emulator::fail,
};
use jiff::Timestamp;
use serde_json::json;

#[tokio::test]
async fn the_metrics_fit_what_was_done() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"], &["db"]]).await;
    let class = scene.desk.namespace.clone();
    scene.class(json!({"maxActive": 7, "regions": [crate::wire::account::REGION]})).await;
    let queue = Queue::of(&scene).await;
    queue.has_a_dead_letter().await;
    // The other end of the world: the source's own claims don't stand in the way.
    queue.read_by_source(json!({"accept": {"customActionArns": []}})).await;
    fail(
        &scene.account.id,
        "ModifyNetworkInterfaceAttribute",
        json!({"code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503}),
    );
    let operator = Process::start(&stack, OPERATOR_ACCOUNT);

    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
    scene.desk.contained(CLAIM).await;
    let mut elsewhere = scene.spec(json!({}));
    elsewhere["target"]["instance"]["region"] = json!("us-west-2");
    scene.desk.claim("elsewhere", elsewhere).await;
    scene.desk.says("elsewhere", "Ready", "False", "RegionNotAllowed").await;
    scene.desk.claim("made-up", scene.spec(json!({"className": "made-up-by-anybody"}))).await;
    scene.desk.says("made-up", "Ready", "False", "ClassNotFound").await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    queue.send("not an event of anybody").await;
    until("both messages were received", async || {
        let counters = queue.status().await.counters;
        (counters.unwanted >= 1 && counters.unreadable >= 1).then_some(())
    })
    .await;

    let class_is = |metric: &str| format!("{metric}{{class=\"{class}\"}}");
    let held = until("the store shows what was written last", async || {
        let shown = Exposition::of(&operator).await;
        let isolated = format!("quarantine_interfaces{{class=\"{class}\",state=\"Isolated\"}}");
        (shown.value(&isolated) == Some(2.0)).then_some(shown)
    })
    .await;
    held.shows(&class_is("quarantine_held_instances"), 1.0);
    held.shows(&class_is("quarantine_limit_instances"), 7.0);
    held.shows(
        &format!(
            "quarantine_objects{{class=\"{class}\",condition=\"Contained\",status=\"True\",reason=\"Contained\"}}"
        ),
        1.0,
    );
    held.shows(&class_is("quarantine_oldest_unreleased_seconds"), 0.0);
    held.shows(&class_is("quarantine_oldest_held_release_seconds"), 0.0);
    held.shows("quarantine_containment_seconds_count", 1.0);
    held.shows("quarantine_release_seconds_count", 0.0);
    held.shows(&class_is("quarantine_drift_corrections_total"), 1.0);
    held.shows(&format!("quarantine_refused_total{{class=\"{class}\",reason=\"RegionNotAllowed\"}}"), 1.0);
    held.shows(&format!("quarantine_refused_total{{class=\"{class}\",reason=\"LimitReached\"}}"), 0.0);
    held.shows("quarantine_refused_total{class=\"\",reason=\"ClassNotFound\"}", 1.0);
    let swaps = "service=\"ec2\",operation=\"ModifyNetworkInterfaceAttribute\"";
    held.shows(&format!("quarantine_aws_calls_total{{{swaps},code=\"RequestLimitExceeded\"}}"), 1.0);
    held.shows(&format!("quarantine_aws_calls_total{{{swaps},code=\"OK\"}}"), 3.0);
    held.shows(&format!("quarantine_aws_throttles_total{{{swaps}}}"), 1.0);
    held.shows(&format!("quarantine_aws_call_seconds_count{{{swaps}}}"), 4.0);
    held.shows(&format!("quarantine_aws_budget_wait_seconds_count{{{swaps}}}"), 4.0);
    held.shows_at_least("quarantine_aws_calls_total{service=\"sts\",operation=\"GetCallerIdentity\",code=\"OK\"}", 2.0);
    let source = &queue.source;
    held.shows(&format!("quarantine_source_messages_total{{source=\"{source}\",outcome=\"ignored\"}}"), 1.0);
    held.shows(&format!("quarantine_source_ignored_total{{source=\"{source}\",cause=\"custom_action\"}}"), 1.0);
    held.shows_at_least(
        &format!("quarantine_source_messages_total{{source=\"{source}\",outcome=\"unreadable\"}}"),
        1.0,
    );
    held.shows(&format!("quarantine_source_message_age_seconds_count{{source=\"{source}\"}}"), 1.0);
    held.shows_at_least(&format!("quarantine_source_queue_messages{{source=\"{source}\""), 0.0);
    held.shows(&format!("quarantine_source_ready{{source=\"{source}\",reason=\"Receiving\"}}"), 1.0);
    held.shows(&format!("quarantine_source_dead_letters{{source=\"{source}\"}}"), 1.0);
    held.shows("controller_runtime_max_concurrent_reconciles{controller=\"quarantine\"}", 1_000.0);
    held.shows("controller_runtime_reconcile_errors_total{controller=\"quarantine\"}", 0.0);
    held.shows_at_least("controller_runtime_reconcile_total{controller=\"quarantine\",result=\"requeue_after\"}", 2.0);
    held.shows_at_least("controller_runtime_reconcile_total{controller=\"quarantine\",result=\"requeue\"}", 1.0);
    held.shows_at_least("controller_runtime_active_workers{controller=\"findingsource\"}", 0.0);
    let reconciles: f64 = held.beginning("controller_runtime_reconcile_total{controller=\"quarantine\"").sum();
    held.shows("controller_runtime_reconcile_time_seconds_count{controller=\"quarantine\"}", reconciles);
    held.shows(&format!("quarantine_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1.0);
    let first = held.value("quarantine_containment_seconds_sum").expect("it is there");
    assert!(first > 0.0 && first < 180.0, "{first}");
    // Two claims ask for what policy refuses, and so aren't contained.
    assert!(held.value(&class_is("quarantine_oldest_uncontained_seconds")).is_some_and(|age| age > 0.0));
    held.shows("leader_election_master_status{name=\"quarantine-operator\"}", 1.0);
    held.has_all_but(&[]);
    held.names_none_of(&[&scene.instance, &scene.interfaces[0], "made-up", CLAIM, "elsewhere", &scene.account.id]);

    scene.delete_and_wait().await;
    let released = until("the store shows that it is gone", async || {
        let shown = Exposition::of(&operator).await;
        (shown.value(&class_is("quarantine_held_instances")) == Some(0.0)).then_some(shown)
    })
    .await;
    released.shows("quarantine_release_seconds_count", 1.0);
    released.shows("quarantine_containment_seconds_count", 1.0);
    assert_eq!(released.beginning("quarantine_interfaces").sum::<f64>(), 0.0);
    queue.delete_source().await;
    until("a source that is gone has no queue", async || {
        let shown = Exposition::of(&operator).await;
        (shown.beginning("quarantine_source_queue_messages").count() == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_read_off_the_objects_is_true_after_a_restart() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"]]).await;
    scene.class(json!({})).await;
    let mut operator = Process::start(&stack, OPERATOR_ACCOUNT);
    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    operator.terminate();
    assert!(operator.ended().await.success());
    drop(operator);

    let ended = std::fs::read_to_string(stack.run_dir().join(format!("operator-of-{OPERATOR_ACCOUNT}.log")));
    let before = ended.expect("it wrote a log").matches("\"listening\"").count();
    let operator = Process::start(&stack, OPERATOR_ACCOUNT);
    until("the next one listens", async || {
        let said = std::fs::read_to_string(operator.log()).unwrap_or_default();
        (said.matches("\"listening\"").count() == before + 2).then_some(())
    })
    .await;
    let held = format!("quarantine_held_instances{{class=\"{}\"}}", scene.desk.namespace);
    let shown = until("it has listed what there is", async || {
        let shown = Exposition::of(&operator).await;
        shown.value(&held).is_some().then_some(shown)
    })
    .await;
    shown.shows(&held, 1.0);
    shown.shows("quarantine_containment_seconds_count", 0.0);
    scene.delete_and_wait().await;
}
