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
const AT_ONCE: usize = 4;

/// Of the rounds, so many may come too late on a busy machine: the leader is done already when it is struck.
const TOO_LATE: usize = 4;

#[tokio::test]
async fn a_leader_killed_or_frozen_in_the_middle_is_succeeded_and_changes_nothing_after_its_time() {
    let rounds = std::env::var("REPLICAS_ROUNDS").map_or(4, |given| given.parse().expect("a number of rounds"));
    let stage = Stage::with(INSTANCES).await;
    // So that a leader is in the middle for seconds: on a busy machine the strike comes late.
    fail(&stage.account.id, SWAP, json!({"kind": "delay", "delayMs": 1_000, "times": -1}));
    let mut leader = start(&stage, 0);
    stage.led_by(&leader.name).await;
    let mut figures = Vec::new();
    for number in 1..=rounds + TOO_LATE {
        if figures.len() == rounds {
            break;
        }
        let standby = start(&stage, number);
        standby.stands_by().await;
        let strike = if figures.len() % 2 == 0 { Strike::Kill } else { Strike::Freeze };
        figures.extend(round(&stage, number, strike, &mut leader, &standby).await);
        leader = standby;
    }
    assert_eq!(figures.len(), rounds, "the leader was in the middle of it too rarely");
    figures::print(&stage.times, &figures);
}

fn start(stage: &Stage, number: usize) -> Replica {
    stage.replica_with(&format!("replica-{number}"), &[("QUARANTINE_CONCURRENCY", &AT_ONCE.to_string())])
}

/// What it showed, unless the strike came too late.
async fn round(stage: &Stage, number: usize, strike: Strike, leader: &mut Replica, standby: &Replica) -> Option<Round> {
    let claims = names(INSTANCES, &format!("round-{number}"));
    let swaps = || stage.count_of(&leader.name, SWAP);
    let (before, some) = (swaps(), 1 + number * 3 % (INSTANCES / 2));
    stage.cut_off(&claims).await;
    until("the leader is in the middle of it", async || (swaps() >= before + some).then_some(())).await;
    leader.signal(strike.signal());
    let struck = now();
    let in_the_middle = swaps() < before + INSTANCES;
    let renewed = stage.renewed().await;
    let its_time = renewed + stage.times.renew_deadline as f64;

    let leads = stage.led_by(&standby.name).await;
    assert!(leads >= stage.times.over(renewed), "round {number}: renewed at {renewed}, and taken over at {leads}");
    let acts = until("the next leader acts", async || match in_the_middle {
        true => stage.changes_of(&standby.name).into_iter().find(|at| *at >= leads),
        false => Some(leads),
    });
    let acts = acts.await;
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
    in_the_middle.then_some(Round { strike, leads: leads - struck, acts: acts - struck, late })
}
