//! The leader killed or frozen, by turns, in the middle of containing twenty instances: the next one finishes, and the old
//! one, thawed, changes nothing any more.
//!
//! `REPLICAS_ROUNDS` and `REPLICAS_LEASE` make it longer, and the lease's times other ones.

use super::{
    figures::{self, Round, Strike},
    stage::{Replica, Stage, names, now},
};
use crate::{support::wait::until, wire::emulator::fail};
use serde_json::json;

const INSTANCES: usize = 20;
const SWAP: &str = "ModifyNetworkInterfaceAttribute";

/// Few reconciles at once, so that a strike meets claims in every state. Each has one change under way at most: of so many,
/// the freeze can come between the last look at the lease and the sending.
const AT_ONCE: usize = 6;

#[tokio::test]
async fn a_leader_killed_or_frozen_in_the_middle_is_succeeded_and_changes_nothing_after_its_time() {
    let rounds = std::env::var("REPLICAS_ROUNDS").map_or(4, |given| given.parse().expect("a number of rounds"));
    let stage = Stage::with(INSTANCES).await;
    // So that a leader is in the middle for seconds: on a busy machine the strike comes late.
    fail(&stage.account.id, SWAP, json!({"kind": "delay", "delayMs": 1_000, "times": -1}));
    let mut leader = start(&stage, 0);
    stage.led_by(&leader.name).await;
    let mut figures = Vec::new();
    for number in 1..=rounds {
        let standby = start(&stage, number);
        standby.stands_by().await;
        let strike = if number % 2 == 1 { Strike::Kill } else { Strike::Freeze };
        figures.push(round(&stage, number, strike, &mut leader, &standby).await);
        leader = standby;
    }
    figures::print(&stage.times, &figures);
}

fn start(stage: &Stage, number: usize) -> Replica {
    stage.replica_with(&format!("replica-{number}"), &[("QUARANTINE_CONCURRENCY", &AT_ONCE.to_string())])
}

async fn round(stage: &Stage, number: usize, strike: Strike, leader: &mut Replica, standby: &Replica) -> Round {
    let claims = names(INSTANCES, &format!("round-{number}"));
    let swaps = || stage.calls_of(&leader.name).iter().filter(|call| call["action"] == SWAP).count();
    let (before, some) = (swaps(), 1 + number * 3 % (INSTANCES / 2));
    stage.cut_off(&claims).await;
    until("the leader is in the middle of it", async || (swaps() >= before + some).then_some(())).await;
    leader.signal(strike.signal());
    let struck = now();
    assert!(swaps() < before + INSTANCES, "it was not in the middle of it any more");
    let its_time = stage.renewed().await + stage.times.renew_deadline as f64;

    let leads = stage.led_by(&standby.name).await;
    let acts =
        until("the next leader acts", async || stage.changes_of(&standby.name).into_iter().find(|at| *at >= leads));
    let acts = acts.await;
    let took = leads - struck;
    assert!(took < stage.times.longest_takeover().as_secs_f64(), "round {number}: the take-over took {took} s");
    if strike == Strike::Freeze {
        leader.signal("CONT");
    }
    let ended = leader.ended().await;
    assert_eq!(ended.code(), if strike == Strike::Freeze { Some(1) } else { None }, "{ended}");

    stage.contained(&claims).await;
    stage.delete(&claims).await;
    stage.released(&claims).await;
    let changes = stage.changes_of(&leader.name);
    let (late, looked) = (changes.iter().filter(|at| **at > its_time).count(), leader.looks().len());
    let in_time = leader.looks().into_iter().filter(|at| *at < its_time).count();
    assert_eq!(looked, in_time, "round {number}: it looked at the lease after {its_time}, and changed something");
    assert!(changes.len() <= looked, "round {number}: {} changes, and {looked} looks at the lease", changes.len());
    assert!(late <= AT_ONCE, "round {number}: {late} changes were sent between their look and the freeze");
    Round { strike, leads: took, acts: acts - struck, late }
}
