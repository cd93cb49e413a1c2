//! The API server away: nothing is received, what was received is held, and then all goes on.

use super::{
    figures::{self, Begin},
    messages::Recipe,
    stage::{Burst, Ground, gives_up_after},
};
use crate::{
    e2e::scene::Scene,
    findings::stage::{Queue, informed},
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{Process, ground},
        wait::until,
    },
    wire::emulator::calls,
};
use jiff::Timestamp;
use serde_json::json;
use std::time::Duration;

/// BURST_MESSAGES=1000 makes it as large as the burst that nothing disturbs.
const MESSAGES: usize = 160;
const MAX_RECEIVES: u32 = 5;
const AWAY: Duration = Duration::from_secs(120);

/// Each may have seen the API server well just before it went.
const RECEIVERS: usize = 4;

/// By then what was left to the queue is shown again, and a call on its way has begun.
const SETTLED: Duration = Duration::from_secs(10);

/// Messages as the queue counts them.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Look {
    waiting: i64,
    in_flight: i64,
    dead: i64,
}

#[tokio::test]
async fn while_the_api_server_is_away_for_two_minutes_nothing_is_received_and_then_everything_ends_well() {
    let recipe = Recipe::asked_for(MESSAGES);
    let ground = Ground::with(recipe.instances()).await;
    let burst = Burst::on(&ground, recipe, MAX_RECEIVES).await;
    let mut operator = ground.operator();
    burst.queue.says("True", "Receiving").await;
    let (before, meanwhile) = burst.messages.bodies.split_at(recipe.messages * 2 / 3);

    let begin = Begin::now();
    let mut taken = burst.send_some(before).await;
    burst.made(recipe.instances() / 6).await;
    ground.kill_apiserver();
    let stopped = Begin::now();
    taken.extend(burst.send_some(meanwhile).await);
    let mut settled = None;
    while stopped.at.elapsed() < AWAY {
        let ((waiting, in_flight), (dead, _)) =
            (burst.queue.left(&burst.queue.url).await, burst.queue.left(&burst.queue.dead_letters).await);
        let look = Look { waiting, in_flight, dead };
        if stopped.at.elapsed() > SETTLED {
            let first = *settled.get_or_insert(look);
            assert_eq!(look, first, "{:?} after the API server went", stopped.at.elapsed());
        }
        assert!(operator.runs(), "it goes on");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let back = Begin::now();
    ground.start_apiserver();

    let receives = calls(&ground.scene.account.id, "ReceiveMessage");
    let began = receives.iter().filter_map(|call| call["time"].as_f64());
    let meanwhile: Vec<f64> =
        began.filter(|began| (stopped.epoch..back.epoch).contains(began)).map(|began| began - stopped.epoch).collect();
    assert!(meanwhile.len() <= RECEIVERS, "received {meanwhile:?} s after the API server went");
    assert!(meanwhile.iter().all(|began| *began < SETTLED.as_secs_f64()), "{meanwhile:?}");

    burst.ends_well().await;
    figures::print("burst with the API server away for 120 s", &burst, begin, &taken);
}

#[tokio::test]
async fn what_was_received_when_the_api_server_went_is_held_and_not_received_again() {
    let mut stack = ground().await;
    let desk = Desk::open(client_of(&stack).await).await;
    let scene = Scene::on(desk, &[&["web"]]).await;
    scene.class(json!({})).await;
    let queue = Queue::of(&scene).await;
    queue.read_by_source(json!({})).await;
    let _operator = Process::start(&stack, OPERATOR_ACCOUNT);
    queue.send(&queue.pressed("first", &scene.instance, Timestamp::now())).await;
    let name = queue.claim_of(&scene.instance);
    scene.desk.contained(&name).await;
    queue.is_empty().await;
    // The others wait for a message, for up to 20 seconds. A second one to whom it is shown makes it a dead letter.
    gives_up_after(&queue, 1).await;
    stack.kill_apiserver();
    queue.send(&queue.pressed("second", &scene.instance, Timestamp::now())).await;
    until("it is received", async || (queue.left(&queue.url).await == (0, 1)).then_some(())).await;
    let account = &scene.account.id;
    until("no receiver waits any more", async || (calls(account, "ReceiveMessage").len() >= RECEIVERS).then_some(()))
        .await;
    assert_eq!(queue.left(&queue.url).await, (0, 1));
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));

    stack.start_apiserver().unwrap_or_else(|error| panic!("{error:#}"));
    queue.is_empty().await;
    assert_eq!(queue.left(&queue.dead_letters).await, (0, 0));
    assert_eq!(informed(&queue.claims().await[0]), ["first", "second"]);
    queue.delete_source().await;
}
