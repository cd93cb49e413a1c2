//! A real Prometheus scrapes a real operator: what the dashboard and the alert rules ask is answered.

use super::{
    dashboard::{expressions, panels},
    names::named,
    prometheus::Prometheus,
    rules::{alerts, text},
};
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
use std::collections::BTreeSet;

/// Panels that show nothing while nothing of their kind happens twice.
const MAY_BE_EMPTY: [&str; 1] = ["Calls that did not succeed"];

#[tokio::test]
async fn a_prometheus_that_scrapes_the_operator_answers_what_the_dashboard_and_the_alert_rules_ask() {
    let stack = ground().await;
    let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"], &["db"]]).await;
    let class = scene.desk.namespace.clone();
    scene.class(json!({"regions": [crate::wire::account::REGION]})).await;
    let queue = Queue::of(&scene).await;
    queue.has_a_dead_letter().await;
    queue.read_by_source(json!({"accept": {"customActionArns": []}})).await;
    let throttled = json!({"code": "RequestLimitExceeded", "message": "Request limit exceeded.", "status": 503});
    fail(&scene.account.id, "ModifyNetworkInterfaceAttribute", throttled);
    // A log of its own: another operator's would tell another one's port.
    let operator = Process::start_named("operator-that-is-scraped", &stack, OPERATOR_ACCOUNT, &[]);
    let prometheus = Prometheus::scraping(operator.port_of("metrics").await, stack.run_dir()).await;
    // What rises later is then seen to rise.
    let from_zero = format!("quarantine_drift_corrections_total{{class=\"{class}\"}} == 0");
    prometheus.shows(&from_zero).await;
    prometheus.shows("quarantine_containment_seconds_count == 0").await;
    prometheus.shows("up == 1").await;

    scene.claim(json!({})).await;
    scene.desk.contained(CLAIM).await;
    scene.set(&scene.interfaces[0], &scene.ids(&["web"])).await;
    scene.carries(&scene.interfaces[0], std::slice::from_ref(&scene.isolation)).await;
    let mut elsewhere = scene.spec(json!({}));
    elsewhere["target"]["instance"]["region"] = json!("us-west-2");
    scene.desk.claim("elsewhere", elsewhere).await;
    scene.desk.says("elsewhere", "Ready", "False", "RegionNotAllowed").await;
    queue.send(&queue.pressed("one", &scene.instance, Timestamp::now())).await;
    until("the message was received", async || (queue.status().await.counters.unwanted >= 1).then_some(())).await;
    prometheus.shows("increase(quarantine_containment_seconds_count[5m]) > 0").await;
    prometheus.shows("increase(quarantine_drift_corrections_total[5m]) > 0").await;
    prometheus.shows("increase(quarantine_refused_total[5m]) > 0").await;
    prometheus.shows("quarantine_source_message_age_seconds_count > 0").await;

    let mut empty = BTreeSet::new();
    for panel in panels() {
        for expression in expressions(&panel) {
            if prometheus.ask(&expression).is_empty() {
                empty.insert(text(&panel, "title").to_owned());
            }
        }
    }
    assert!(empty.iter().all(|title| MAY_BE_EMPTY.contains(&title.as_str())), "{empty:?} show nothing");
    let median = panels().into_iter().find(|panel| panel["title"] == "Containment, median").expect("it is there");
    let took = prometheus.ask(&expressions(&median)[0])[0];
    assert!(took > 0.0 && took < 180.0, "the containment took {took} s");

    for rule in alerts() {
        let expression = text(&rule, "expr");
        prometheus.ask(expression);
        for metric in named(expression).metrics {
            assert!(!prometheus.ask(&metric).is_empty(), "{metric}, of {}, is scraped", text(&rule, "alert"));
        }
    }
    prometheus.shows("ALERTS{alertname=\"QuarantineDeadLetters\",alertstate=\"pending\"}").await;
    let quiet = "ALERTS{alertname=~\"QuarantineNoLeader|QuarantineTwoLeaders|QuarantineOperatorAbsent\"}";
    assert!(prometheus.ask(quiet).is_empty(), "one operator runs, and leads");
    scene.delete_and_wait().await;
    queue.delete_source().await;
}
