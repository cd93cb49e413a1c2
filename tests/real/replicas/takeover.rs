//! A standby takes over: within the lease's time after the leader's death, at once after its orderly end.

use super::stage::{Replica, Stage, calls_of, names};
use crate::{
    e2e::scene::Scene,
    findings::stage::Queue,
    support::{claims::Desk, client_of, operator::OPERATOR_ACCOUNT, wait::until},
    wire::emulator::fail,
};
use serde_json::json;
use xtask::http::get;

/// Before that moment it asked nothing of AWS at all.
fn is_silent_before(stage: &Stage, replica: &Replica, moment: f64) {
    let early: Vec<_> =
        stage.calls_of(&replica.name).into_iter().filter(|call| call["time"].as_f64() < Some(moment)).collect();
    assert!(early.is_empty(), "{} led from {moment} on: {early:?}", replica.name);
}

#[tokio::test]
async fn a_standby_takes_over_in_the_leases_time_after_a_death_and_at_once_after_an_orderly_end() {
    let stage = Stage::with(2).await;
    let claims = names(2, "web");
    let one = stage.replica("one");
    stage.led_by("one").await;
    let two = stage.replica("two");
    two.stands_by().await;
    stage.cut_off(&claims).await;
    stage.contained(&claims).await;

    one.signal("KILL");
    let over = stage.times.over(stage.renewed().await);
    let leads = stage.led_by("two").await;
    assert!(leads >= over, "the lease was one's until {over}, and two's from {leads} on");
    is_silent_before(&stage, &two, leads);
    stage.delete(&claims[..1]).await;
    stage.desk.gone(&claims[0]).await;

    let three = stage.replica("three");
    three.stands_by().await;
    let mut two = two;
    two.terminate();
    let leads = stage.led_by("three").await;
    assert!(two.ended().await.success());
    // One that had to wait for the lease to run out would have waited for longer.
    let took = leads - two.said_at("the lease is given back").await;
    assert!(took < (stage.times.duration - stage.times.retry_period) as f64, "{took} s");
    is_silent_before(&stage, &three, leads);
    assert!(stage.changes_of("two").into_iter().all(|at| at < leads), "nothing was under way when the lease was free");
    stage.delete(&claims[1..]).await;
    stage.released(&claims).await;
    let transitions = stage.lease().await.and_then(|lease| lease.lease_transitions);
    assert_eq!(transitions, Some(2));
}

#[tokio::test]
async fn a_standby_that_is_asked_to_stop_ends_well_and_leaves_the_lease_alone() {
    let stage = Stage::with(0).await;
    let mut one = stage.replica("one");
    stage.led_by("one").await;
    let mut two = stage.replica("two");
    two.stands_by().await;
    two.terminate();
    assert!(two.ended().await.success());
    assert!(one.runs());
    stage.led_by("one").await;
}

#[tokio::test]
async fn a_standby_is_ready_to_stand_by_and_metrics_tell_which_one_leads() {
    let stage = Stage::with(0).await;
    let one = stage.replica("one");
    stage.led_by("one").await;
    let two = stage.replica("two");
    two.stands_by().await;
    for (replica, leads) in [(&one, 1), (&two, 0)] {
        let (probes, metrics) = (replica.port_of("probes").await, replica.port_of("metrics").await);
        until(&format!("{} is ready", replica.name), async || {
            let (code, said) = get(probes, "/readyz").expect("it answers");
            (code == 200 && said.contains("[+]watches ok")).then_some(())
        })
        .await;
        let (_, shown) = get(metrics, "/metrics").expect("it answers");
        let line = format!("leader_election_master_status{{name=\"quarantine-operator\"}} {leads}\n");
        assert!(shown.contains(&line), "{}: {shown}", replica.name);
    }
}

/// EC2 answers no look at the instance for longer than a replica may take to end. The look itself is given up after twelve
/// seconds and made again: on a busy machine the one that was under way may end before the draining does, and then the next
/// replica is asked.
#[tokio::test]
async fn one_that_is_asked_to_stop_ends_within_ten_seconds_and_keeps_the_lease_for_what_is_cut_off() {
    let stage = Stage::with(1).await;
    fail(&stage.account.id, "DescribeInstances", json!({"kind": "delay", "delayMs": 60_000, "times": -1}));
    stage.cut_off(&names(1, "web")).await;
    for name in ["one", "two", "three", "four", "five"] {
        let mut replica = stage.replica(name);
        stage.led_by(name).await;
        let looks = || stage.count_of(name, "DescribeNetworkInterfaces");
        let before = looks();
        until("a look has just begun", async || (looks() > before).then_some(())).await;
        replica.terminate();
        assert!(replica.ended().await.success());
        let said = std::fs::read_to_string(replica.log()).expect("it has a log");
        if said.contains("the lease is given back") {
            continue;
        }
        let asked = replica.said_at("asked to stop").await;
        let took = replica.said_at("is cut off").await - asked;
        assert!(took < 10.0, "it took {took} s");
        let holder = stage.lease().await.and_then(|lease| lease.holder_identity).unwrap_or_default();
        assert!(holder.starts_with(&format!("{name}_")), "the lease runs out: {holder}");
        return;
    }
    panic!("none of five was cut off");
}

#[tokio::test]
async fn nothing_is_received_while_a_replica_does_not_lead() {
    let stage = Stage::with(0).await;
    let scene = Scene::on(Desk::open(client_of(&stage.stack).await).await, &[&["web"]]).await;
    scene.class(json!({})).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    let replica = |name| stage.replica_with(name, &[("AWS_ACCESS_KEY_ID", OPERATOR_ACCOUNT)]);
    let mut one = replica("one");
    let leads = stage.led_by("one").await;
    let two = replica("two");
    two.stands_by().await;

    queue.send(&queue.pressed("first", &scene.instance, jiff::Timestamp::now())).await;
    let claim = queue.claim_of(&scene.instance);
    scene.desk.contained(&claim).await;
    queue.is_empty().await;
    let receives = |replica: &str| -> Vec<f64> {
        let calls = calls_of(&scene.account.id, replica).into_iter().filter(|call| call["action"] == "ReceiveMessage");
        calls.map(|call| call["time"].as_f64().expect("a time")).collect()
    };
    assert!(!receives("one").is_empty() && receives("one").iter().all(|at| *at >= leads));
    assert_eq!(receives("two"), Vec::<f64>::new());

    one.terminate();
    let leads = stage.led_by("two").await;
    assert!(one.ended().await.success());
    queue.send(&queue.pressed("second", &scene.instance, jiff::Timestamp::now())).await;
    queue.is_empty().await;
    assert!(!receives("two").is_empty() && receives("two").iter().all(|at| *at >= leads));
}
