//! What comes of a change that the client gives up on while the network loses every packet. Nothing of it may arrive once
//! the network is back: what is done about it meanwhile would be undone.

use super::account::{Account, config, credentials, owned, place};
use super::emulator::{calls, endpoint};
use crate::support::{network::alone, wait::until};
use aws_sdk_ec2::config::SharedHttpClient;
use futures::future::join;
use quarantine_operator::api::Reason;
use quarantine_operator::{
    aws::{Ec2, Sessions},
    model::problem::Problem,
};
use std::sync::mpsc;
use std::time::Duration;

const NAME: &str = "wire::late::nothing_of_a_change_arrives_once_it_was_given_up_whatever_the_network_lost_of_it";

#[test]
fn nothing_of_a_change_arrives_once_it_was_given_up_whatever_the_network_lost_of_it() {
    alone(NAME, async |network| {
        let account = Account::fresh().await;
        let subnet = account.subnet().await;
        let (web, isolation) = (account.group(&subnet, "web").await, account.group(&subnet, "isolation").await);
        let (mut interfaces, isolated) = (Vec::new(), [isolation]);
        for _ in 0..3 {
            interfaces.push(account.interface(&subnet, &[&web]).await);
        }
        let [ours, standing, bare] = <[String; 3]>::try_from(interfaces).expect("three");

        // Each with a connection already, on which the change goes out.
        let of_the_sdk = ec2(&account.id, Some(aws_smithy_http_client::Builder::new().build_http())).await;
        warm_up(&account.ec2, &ours, &web).await;
        warm_up(&of_the_sdk, &bare, &web).await;
        assert_eq!(network.unacknowledged(), 0);
        let (go, gone) = mpsc::channel();
        let (warm, wake) = (tokio::sync::oneshot::channel(), mpsc::channel());
        let stands = stands_still(&account.id, (&standing, &web, &isolated[0]), (warm.0, gone, wake.1));
        warm.1.await.expect("it is warm");

        network.lose();
        go.send(()).expect("it listens");
        until("a change is under way", async || (network.unacknowledged() > 0).then_some(())).await;
        let (given_up, given_up_by_the_sdk) =
            join(account.ec2.set_groups(&ours, &isolated), of_the_sdk.set_groups(&bare, &isolated)).await;
        for outcome in [given_up, given_up_by_the_sdk] {
            assert_eq!(outcome.map_err(|problem: Problem| problem.reason), Err(Reason::AwsUnavailable));
        }
        assert_eq!(network.unacknowledged(), 1, "only the SDK's own connection keeps what it was given");
        network.mend();

        let carries = async |interface: &str| account.read(interface).await.groups;
        until("what the SDK's own client gave up arrives", async || (carries(&bare).await == isolated).then_some(()))
            .await;
        assert_eq!(network.unacknowledged(), 0);
        for interface in [&ours, &standing] {
            assert_eq!(carries(interface).await, std::slice::from_ref(&web));
        }
        assert_eq!(
            calls(&account.id, "ModifyNetworkInterfaceAttribute").len(),
            4,
            "three that are warm, one that is late"
        );
        wake.0.send(()).expect("it stands still");
        assert!(stands.join().expect("no panic").is_err());
        assert_eq!(carries(&standing).await, [web]);
    });
}

async fn ec2(account: &str, http: Option<SharedHttpClient>) -> Ec2 {
    let mut config = config(&endpoint(), credentials(account)).await.into_builder();
    config.set_http_client(http);
    Sessions::new(config.build()).ec2(&place(account)).await.expect("its own account opens")
}

async fn warm_up(ec2: &Ec2, interface: &str, group: &str) {
    ec2.set_groups(interface, &owned([group])).await.expect("the groups are set");
}

/// An operator that stands still from when its change is sent until it is woken, as a frozen process does. It gives up
/// nothing meanwhile.
fn stands_still(
    account: &str,
    (interface, group, isolation): (&str, &str, &str),
    (warm, go, wake): (tokio::sync::oneshot::Sender<()>, mpsc::Receiver<()>, mpsc::Receiver<()>),
) -> std::thread::JoinHandle<Result<(), Problem>> {
    let (account, interface) = (account.to_owned(), interface.to_owned());
    let (group, isolation) = (group.to_owned(), isolation.to_owned());
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        runtime.block_on(async {
            let ec2 = ec2(&account, None).await;
            warm_up(&ec2, &interface, &group).await;
            warm.send(()).expect("somebody waits");
            go.recv().expect("it is told to go");
            let isolated = owned([&isolation]);
            let frozen = async {
                // The one thread turns to this only when the request is written.
                tokio::time::sleep(Duration::from_millis(200)).await;
                wake.recv().expect("it is woken");
            };
            join(ec2.set_groups(&interface, &isolated), frozen).await.0
        })
    })
}
