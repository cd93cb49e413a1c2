//! The API server is away for longer than the leader may go on without it.

use super::stage::{Stage, names, now};

#[tokio::test]
async fn a_leader_that_can_not_renew_stops_and_ends_and_when_the_api_server_is_back_nothing_is_lost() {
    let mut stage = Stage::with(3).await;
    let claims = names(3, "web");
    let mut one = stage.replica("one");
    stage.led_by("one").await;
    stage.cut_off(&claims).await;
    stage.contained(&claims).await;

    stage.stack.stop_apiserver();
    let away = now();
    let (interface, originals) = stage.originals.first_key_value().expect("there are three");
    stage.account.ec2.set_groups(interface, originals).await.expect("the owner may do that");
    let ended = one.ended().await;
    assert_eq!(ended.code(), Some(1));
    let took = now() - away;
    assert!(took < stage.times.duration as f64, "it ended after {took} s, when another one could lead");
    let last = away + stage.times.renew_deadline as f64;
    assert!(stage.changes_of("one").into_iter().all(|at| at < last), "nothing was changed after its time");

    stage.stack.start_apiserver().unwrap_or_else(|error| panic!("{error:#}"));
    stage.delete(&claims[..1]).await;
    let _two = stage.replica("two");
    stage.led_by("two").await;
    stage.desk.gone(&claims[0]).await;
    for claim in &claims[1..] {
        stage.desk.contained(claim).await;
    }
    stage.delete(&claims[1..]).await;
    stage.released(&claims).await;
}
