//! Candidates for one lease on the API server: of a race, of a lease that people change or delete, of one given back.

use crate::support::{claims::Desk, client, wait::until};
use futures::future::join_all;
use k8s_openapi::api::coordination::v1::Lease;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use quarantine_operator::{
    aws::Fence,
    operate::{Candidate, Election, lease::Times},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    future::pending,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

const LEASE: &str = "quarantine-operator";

/// A namespace with the lease, or room for one.
struct Place {
    desk: Desk,
    leases: Api<Lease>,
}

impl Place {
    async fn fresh() -> Self {
        let desk = Desk::open(client().await).await;
        Self { leases: Api::namespaced(desk.client.clone(), &desk.namespace), desk }
    }

    fn candidate(&self) -> (Candidate, Fence) {
        let seconds = |seconds| Duration::from_secs(seconds);
        let times = Times::new(seconds(60), seconds(30), seconds(1), seconds(4)).expect("they fit together");
        let election = Election { namespace: Some(self.desk.namespace.clone()), name: LEASE.to_owned(), times };
        let fence = Fence::closed();
        (Candidate::new(self.desk.client.clone(), &election, fence.clone()), fence)
    }

    async fn holder(&self) -> Option<String> {
        self.leases.get_opt(LEASE).await.expect("a read")?.spec?.holder_identity
    }
}

#[tokio::test]
async fn of_ten_candidates_each_leads_in_its_turn_and_never_two_at_once() {
    let place = Place::fresh().await;
    let leading = AtomicU32::new(0);
    let turns = (0..10).map(async |_| {
        let (candidate, fence) = place.candidate();
        let leader = candidate.lead().await;
        assert_eq!(leading.fetch_add(1, Ordering::SeqCst), 0, "somebody else leads");
        let holder = place.holder().await;
        assert!(fence.is_open());
        leading.fetch_sub(1, Ordering::SeqCst);
        leader.give_back().await;
        holder.expect("the leader holds it")
    });
    let holders: BTreeSet<String> = join_all(turns).await.into_iter().collect();
    assert_eq!(holders.len(), 10, "each has a name of its own");
}

#[tokio::test]
async fn a_lease_that_is_deleted_by_hand_is_its_holders_again() {
    let place = Place::fresh().await;
    let (candidate, fence) = place.candidate();
    let leader = candidate.lead().await;
    let holder = place.holder().await;
    let keeping = tokio::spawn(leader.keep(pending()));
    place.leases.delete(LEASE, &DeleteParams::default()).await.expect("it is deleted");
    until("the lease is there again", async || place.holder().await.filter(|now| Some(now) == holder.as_ref())).await;
    assert!(fence.is_open() && !keeping.is_finished());
    keeping.abort();
}

#[tokio::test]
async fn a_leader_whose_lease_another_one_has_stops_at_once() {
    let place = Place::fresh().await;
    let (candidate, fence) = place.candidate();
    let leads = candidate.leads();
    let leader = candidate.lead().await;
    assert!(fence.is_open() && *leads.borrow());
    let taken = Patch::Merge(json!({"spec": {"holderIdentity": "another"}}));
    place.leases.patch(LEASE, &PatchParams::default(), &taken).await.expect("it is taken");
    assert!(leader.keep(pending()).await.is_none());
    assert!(!fence.is_open() && !*leads.borrow());
    assert_eq!(place.holder().await.as_deref(), Some("another"));
}

#[tokio::test]
async fn a_lease_that_is_given_back_is_anothers_without_waiting() {
    let place = Place::fresh().await;
    let ((one, fence), (two, _)) = (place.candidate(), place.candidate());
    let leader = one.lead().await;
    let waiting = tokio::spawn(two.lead());
    leader.give_back().await;
    assert!(!fence.is_open());
    // Within the patience of a test, which is less than two of the lease's minutes and a half.
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("at once").expect("no panic");
}
