//! maxActive, under a rush of claims and a crash in the middle.

use crate::{
    e2e::scene::close,
    support::{
        claims::{Desk, condition, holds},
        client_of,
        process::{Process, fresh_ground},
        wait::until,
    },
    wire::account::{Account, REGION, Subnet},
};
use aws_sdk_ec2::types::Filter;
use futures::future::join_all;
use kube::{ResourceExt, api::ListParams};
use quarantine_operator::api::Quarantine;
use serde_json::json;
use std::collections::BTreeSet;

const CLAIMS: usize = 300;
const LIMIT: usize = 100;

/// So many instances with one interface each.
async fn instances(account: &Account, subnet: &Subnet, group: &str) -> Vec<String> {
    let count = i32::try_from(CLAIMS).expect("fits");
    let call = account.owner.run_instances().image_id("ami-12c6146b").min_count(count).max_count(count);
    let launched = call.subnet_id(&subnet.id).security_group_ids(group).send().await.expect("they are launched");
    launched.instances().iter().filter_map(|instance| instance.instance_id().map(str::to_owned)).collect()
}

/// How many interfaces carry the group, as EC2 has it.
async fn held(account: &Account, group: &str) -> usize {
    let carrying = Filter::builder().name("group-id").values(group).build();
    let mut pages = account.owner.describe_network_interfaces().filters(carrying).into_paginator().send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        count += page.expect("a read").network_interfaces().len();
    }
    count
}

async fn claims(desk: &Desk) -> Vec<Quarantine> {
    let mut claims = desk.claims.list(&ListParams::default()).await.expect("a list").items;
    claims.sort_by_key(|claim| (claim.creation_timestamp().map(|time| time.0), claim.uid()));
    claims
}

fn says(claim: &Quarantine, reason: &str) -> bool {
    condition(claim, "Ready").is_some_and(|ready| ready.reason == reason)
}

/// Waits until `count` are contained and every other one says why not; at no look are more held than the limit.
async fn settled(desk: &Desk, account: &Account, group: &str, count: usize) -> Vec<Quarantine> {
    until(&format!("{count} are contained, and the others wait"), async || {
        let now = held(account, group).await;
        assert!(now <= LIMIT, "{now} are held");
        let claims = claims(desk).await;
        let contained = claims.iter().filter(|claim| holds(claim, "Contained")).count();
        let waiting = claims.iter().filter(|claim| says(claim, "LimitReached")).count();
        (contained == count && contained + waiting == claims.len()).then_some(claims)
    })
    .await
}

#[tokio::test]
async fn of_300_claims_at_once_with_a_limit_of_100_never_more_are_held_and_the_oldest_come_first() {
    let stack = fresh_ground().await;
    let (account, desk) = (Account::fresh().await, Desk::open(client_of(&stack).await).await);
    let subnet = account.subnet().await;
    let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
    close(&account, &isolation).await;
    let instances = instances(&account, &subnet, &web).await;
    desk.class(json!({"securityGroup": {"id": isolation}, "maxActive": LIMIT})).await;

    let operator = Process::start(&stack, &account.id);
    let target = |id: &String| json!({"target": {"instance": {"id": id, "region": REGION}}});
    let created = instances.iter().enumerate().map(|(n, id)| (format!("claim-{n:03}"), target(id)));
    join_all(created.map(async |(name, spec)| desk.claim(&name, spec).await)).await;
    until("some are held", async || (held(&account, &isolation).await > LIMIT / 4).then_some(())).await;
    drop(operator);
    let _next = Process::start(&stack, &account.id);

    let all = settled(&desk, &account, &isolation, LIMIT).await;
    assert_eq!(held(&account, &isolation).await, LIMIT);
    let seconds = |claim: &Quarantine| claim.creation_timestamp().map(|time| time.0);
    let last_held = all.iter().filter(|claim| holds(claim, "Contained")).map(seconds).max();
    let first_waiting = all.iter().filter(|claim| says(claim, "LimitReached")).map(seconds).min();
    assert!(last_held <= first_waiting, "the oldest are held, by the second: {last_held:?} and {first_waiting:?}");

    let before: BTreeSet<String> =
        all.iter().filter(|claim| holds(claim, "Contained")).map(ResourceExt::name_any).collect();
    let next = all.iter().find(|claim| says(claim, "LimitReached")).map(ResourceExt::name_any).expect("one waits");
    let released = before.first().expect("one is held");
    desk.delete(released).await;
    desk.gone(released).await;
    desk.contained(&next).await;
    settled(&desk, &account, &isolation, LIMIT).await;
}
