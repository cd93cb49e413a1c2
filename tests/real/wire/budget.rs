//! Many changes at once in one account, on an emulator that throttles as AWS does.

use super::{
    account::{REGION, config, credentials},
    emulator::{codes_at, throttle_at},
};
use crate::support::own_stack::OwnStack;
use aws_sdk_ec2::Client;
use futures::future::join_all;
use quarantine_operator::{
    api::Reason,
    aws::{Ec2, Sessions},
    metrics::Snapshot,
    model::place::Place,
};
use serde_json::json;
use std::time::{Duration, Instant};

const ACCOUNT: &str = "444455558888";
const SWAP: &str = "ModifyNetworkInterfaceAttribute";

/// More than the burst that AWS takes at once, 100.
const SWAPS: usize = 150;

/// Until it is done; who is told to come back does so.
async fn swap(ec2: &Ec2, interface: &str, group: &str) {
    loop {
        let Err(problem) = ec2.set_groups(interface, &[group.to_owned()]).await else { return };
        assert_eq!(problem.reason, Reason::Throttled, "{problem}");
        tokio::time::sleep(problem.after.expect("nothing but the budget refuses it")).await;
    }
}

#[tokio::test]
async fn many_swaps_at_once_go_at_the_pace_of_aws_and_none_is_throttled() {
    // Its own: the emulator's throttles are for all accounts.
    let stack = OwnStack::with_emulator().await;
    let endpoint = stack.aws_endpoint().expect("it has an emulator");
    let config = config(&endpoint, credentials(ACCOUNT)).await;
    let (group, interfaces) = interfaces(&Client::new(&config)).await;
    let sessions = Sessions::new(config);
    let place = Place { account_id: ACCOUNT.to_owned(), region: REGION.to_owned(), role: None };
    let ec2 = sessions.ec2(&place).await.expect("the account opens");
    throttle_at(&endpoint, &json!({SWAP: {"burst": 100, "perSecond": 5}}));

    let began = Instant::now();
    join_all(interfaces.iter().map(|interface| swap(&ec2, interface, &group))).await;
    let took = began.elapsed();
    let codes = codes_at(&endpoint, SWAP);
    let throttled = codes.iter().filter(|code| *code == "RequestLimitExceeded").count();
    println!("{SWAPS} swaps in {took:?}, {} calls, {throttled} throttled", codes.len());
    assert_eq!((codes.len(), throttled), (SWAPS, 0), "{codes:?}");
    assert!(took >= Duration::from_millis(9_500), "50 beyond the burst come at 5 a second: {took:?}");
    let metrics = sessions.metrics().text(Snapshot::default());
    let labels = format!("service=\"ec2\",operation=\"{SWAP}\"");
    assert!(metrics.contains(&format!("quarantine_aws_call_seconds_count{{{labels}}} {SWAPS}\n")), "{metrics}");
    let waited = metrics.lines().find_map(|line| {
        line.strip_prefix(&format!("quarantine_aws_budget_wait_seconds_sum{{{labels}}} "))?.parse::<f64>().ok()
    });
    assert!(waited.is_some_and(|seconds| seconds > 50.0), "those beyond the burst wait some seconds each: {metrics}");
}

/// A group, and interfaces that don't carry it.
async fn interfaces(owner: &Client) -> (String, Vec<String>) {
    let vpc = owner.create_vpc().cidr_block("10.20.0.0/16").send().await.expect("a VPC is made");
    let vpc = vpc.vpc().and_then(|vpc| vpc.vpc_id()).expect("a VPC has an id").to_owned();
    let subnet = owner.create_subnet().vpc_id(&vpc).cidr_block("10.20.0.0/18").send().await.expect("a subnet is made");
    let subnet = subnet.subnet().and_then(|subnet| subnet.subnet_id()).expect("a subnet has an id").to_owned();
    let group = owner.create_security_group().vpc_id(&vpc).group_name("isolation").description("isolation");
    let group = group.send().await.expect("a group is made").group_id().expect("a group has an id").to_owned();
    let number = i32::try_from(SWAPS).expect("fits");
    let launched = owner.run_instances().image_id("ami-12c6146b").min_count(number).max_count(number);
    let launched = launched.subnet_id(&subnet).send().await.expect("they are launched");
    let ids = launched.instances().iter().flat_map(|instance| instance.network_interfaces());
    let ids = ids.filter_map(|interface| interface.network_interface_id().map(str::to_owned));
    (group, ids.collect())
}
