//! An operator whose lease nobody renews, and that goes on as if it didn't know: it changes nothing any more.

use super::stage::{LEASE, Stage, names};
use crate::{
    support::wait::until,
    wire::{
        account::{config, credentials},
        emulator::{all_calls, endpoint},
    },
};
use quarantine_operator::{
    aws::{Fence, Sessions},
    operate::{Candidate, Election, Operator, Settings, lease::Times},
};
use std::{future::pending, time::Duration};
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_whose_time_is_over_looks_and_neither_records_nor_changes_anything() {
    let stage = Stage::with(2).await;
    let claims = names(2, "web");
    let fence = Fence::closed();
    let times =
        Times::new(Duration::from_secs(25), Duration::from_secs(20), Duration::from_secs(2), Duration::from_secs(4));
    let election = Election {
        namespace: Some(stage.desk.namespace.clone()),
        name: LEASE.to_owned(),
        times: times.expect("they fit together"),
    };
    let candidate = Candidate::new(stage.desk.client.clone(), &election, fence.clone());
    let sessions = Sessions::new(config(&endpoint(), credentials(&stage.account.id)).await).behind(fence.clone());
    let settings = Settings { resync: Duration::from_secs(1), ..Settings::default() };
    let operator = Operator::new(stage.desk.client.clone(), sessions, settings).await.expect("the API server answers");

    let (let_go, gone) = oneshot::channel::<()>();
    let keeping = tokio::spawn(candidate.lead().await.keep(async { drop(gone.await) }));
    let running = tokio::spawn(operator.run(pending()));
    let (first, second) = claims.split_at(1);
    stage.cut_off(first).await;
    stage.desk.contained(&first[0]).await;
    // Held from here on, and no longer renewed.
    drop(let_go);
    let _leader = keeping.await.expect("no panic").expect("it is held");
    until("its time is over", async || (!fence.is_open()).then_some(())).await;

    let log = || all_calls(&stage.account.id);
    let changes = || log().iter().filter(|call| call["changing"] == true).count();
    let looks = || log().iter().filter(|call| call["action"] == "DescribeInstances").count();
    let (changed, looked) = (changes(), looks());
    stage.claim(&stage.instances[1], &second[0]).await;
    stage.delete(first).await;
    until("it has looked at both, more than once", async || (looks() > looked + 4).then_some(())).await;
    assert_eq!(changes(), changed);
    let fresh = stage.desk.claims.get(&second[0]).await.expect("a read");
    assert_eq!(fresh.metadata.finalizers, None, "nothing was recorded");
    let held = stage.desk.claims.get_opt(&first[0]).await.expect("a read").and_then(|claim| claim.metadata.finalizers);
    assert!(held.is_some_and(|finalizers| !finalizers.is_empty()), "nothing was let go");
    running.abort();
}
