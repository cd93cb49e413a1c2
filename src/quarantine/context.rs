//! What one reconcile is given: clients, stores, locks. No behaviour of its own.

mod served;

use super::{
    limits::Limits,
    locks::Locks,
    observe::{ClusterNodes, OwnNodes},
};
use crate::{
    api::{FindingSource, Quarantine, QuarantineClass},
    aws::Sessions,
    metrics::Metrics,
    model::text::{self, EVENT_NOTE},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, ObjectReference};
use kube::{
    Client,
    core::PartialObjectMeta,
    runtime::{
        events::{Event, Recorder, Reporter},
        reflector::Store,
    },
};
use served::Served;
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What every reconcile shares.
pub struct Context {
    pub client: Client,
    pub sessions: Sessions,
    pub stores: Stores,
    pub metrics: Metrics,
    /// The uid of the namespace kube-system.
    pub cluster_uid: String,
    /// What the operator itself runs on.
    pub own_nodes: OwnNodes,
    /// The nodes of the cluster that it runs in.
    pub(super) nodes: ClusterNodes,
    pub served: Served,
    reporter: Reporter,
    pub(super) locks: Locks,
    pub(super) limits: Limits,
    clock: fn() -> Timestamp,
}

/// What is watched. A store is a cache: it may be older than the last write.
pub struct Stores {
    pub quarantines: Store<Quarantine>,
    pub classes: Store<QuarantineClass>,
    pub namespaces: Store<PartialObjectMeta<Namespace>>,
    pub sources: Store<FindingSource>,
    listed: Vec<Listing>,
}

/// Whether a store is listed.
pub struct Listing {
    /// The resource, as in `quarantines`.
    pub of: &'static str,
    /// Turns true once the store holds what there was when its watch began.
    pub done: watch::Receiver<bool>,
}

impl Stores {
    pub fn new(
        quarantines: Store<Quarantine>,
        classes: Store<QuarantineClass>,
        namespaces: Store<PartialObjectMeta<Namespace>>,
        sources: Store<FindingSource>,
        listed: Vec<Listing>,
    ) -> Self {
        Self { quarantines, classes, namespaces, sources, listed }
    }

    /// Waits until each store holds what there was when its watch began: an empty store says nothing.
    ///
    /// Not by the stores' own waiting: a kube store wakes only the last of those who wait for it, and the controllers do
    /// so as well.
    pub async fn ready(&self) {
        for listing in &self.listed {
            // A sender goes only when the process does; the reconcile is dropped with it.
            let _ = listing.done.clone().wait_for(|done| *done).await;
        }
    }

    /// The resources whose stores don't hold yet what there is.
    pub fn unlisted(&self) -> Vec<&'static str> {
        self.listed.iter().filter(|listing| !*listing.done.borrow()).map(|listing| listing.of).collect()
    }
}

impl Context {
    /// The name under which the operator's events and writes appear.
    pub const CONTROLLER: &'static str = "quarantine-operator";

    pub fn new(
        client: Client,
        sessions: Sessions,
        stores: Stores,
        cluster_uid: String,
        own_nodes: OwnNodes,
        clock: fn() -> Timestamp,
    ) -> Arc<Self> {
        let reporter = Reporter { controller: Self::CONTROLLER.to_owned(), instance: std::env::var("POD_NAME").ok() };
        Arc::new(Self {
            reporter,
            client,
            metrics: sessions.metrics().clone(),
            sessions,
            stores,
            cluster_uid,
            own_nodes,
            nodes: ClusterNodes::default(),
            served: Served::default(),
            locks: Locks::default(),
            limits: Limits::default(),
            clock,
        })
    }

    /// Publishes an event about this object, its note as the API server takes it. The only way to do so.
    ///
    /// Each through a recorder of its own: a recorder makes one series of all events of one object and reason, which
    /// shows the first one's note for all of them.
    pub async fn publish(&self, event: Event, about: &ObjectReference) -> Result<(), Error> {
        let note = event.note.map(|note| text::bounded(&note, EVENT_NOTE));
        let recorder = Recorder::new(self.client.clone(), self.reporter.clone());
        in_time(recorder.publish(&Event { note, ..event }, about)).await
    }

    /// A look right before a write: resourceVersion fences what is written, but not what it was decided from.
    ///
    /// Errors: this replica no longer leads.
    pub fn may_write(&self) -> Result<(), Error> {
        if self.sessions.may_change() { Ok(()) } else { Err(Error::NotLeading) }
    }

    /// Now, in whole seconds, as the API server stores times.
    pub fn now(&self) -> Timestamp {
        let now = self.now_exactly();
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Now, for what is measured.
    pub fn now_exactly(&self) -> Timestamp {
        (self.clock)()
    }
}

/// How long one call to the API server may take.
const API_TIMEOUT: Duration = Duration::from_secs(10);

/// Waits for the API server, but not for ever.
pub async fn in_time<T>(call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(API_TIMEOUT, call).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::ApiServerSilent),
    }
}

/// What keeps a round from being recorded. AWS' errors are not among them: those are conditions.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or could not be reached.
    #[error("the API server: {}", in_its_words(.0))]
    Kubernetes(#[from] kube::Error),
    /// Somebody else wrote the claim since it was read, and nothing was done.
    #[error("the claim has changed since it was read")]
    Outdated,
    /// The API server did not answer in time.
    #[error("the API server did not answer within {} s", API_TIMEOUT.as_secs())]
    ApiServerSilent,
    /// Another replica may lead by now, and nothing was written.
    #[error("this replica no longer leads")]
    NotLeading,
    /// A bug: the reconcile ended in a panic.
    #[error("the reconcile panicked, which is a bug: {0}")]
    Panicked(String),
}

/// kube's own text of a refusal ends with the whole answer as a debugger shows it.
fn in_its_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.message.is_empty() => format!("{} ({})", status.reason, status.code),
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    }
}

impl Error {
    /// The API server said no: what was asked is not taken as it is, now or later.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Kubernetes(kube::Error::Api(status)) => (400..500).contains(&status.code) && status.code != 429,
            Self::Kubernetes(_) | Self::Outdated | Self::ApiServerSilent | Self::NotLeading | Self::Panicked(_) => {
                false
            }
        }
    }

    /// The API server can't be reached, or can't answer now: nothing is wrong with what was asked.
    pub fn is_absence(&self) -> bool {
        match self {
            Self::ApiServerSilent => true,
            Self::Kubernetes(kube::Error::Api(status)) => status.code == 429 || status.code >= 500,
            Self::Kubernetes(error) => matches!(error, kube::Error::HyperError(_) | kube::Error::Service(_)),
            Self::Outdated | Self::NotLeading | Self::Panicked(_) => false,
        }
    }

    /// Somebody else wrote the object in between: read it again at once.
    pub fn is_conflict(&self) -> bool {
        match self {
            Self::Outdated => true,
            Self::Kubernetes(kube::Error::Api(status)) => status.code == 409,
            Self::Kubernetes(_) | Self::ApiServerSilent | Self::NotLeading | Self::Panicked(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;
    use kube::core::Status;
    use kube::runtime::reflector::store;

    #[test]
    fn an_api_server_that_is_away_or_overloaded_is_absent_and_one_that_says_no_is_not() {
        let said = |code| Error::Kubernetes(kube::Error::Api(Box::new(Status { code, ..Status::default() })));
        for absent in [Error::ApiServerSilent, said(429), said(500), said(503), Error::from(unreachable())] {
            assert!(absent.is_absence(), "{absent:?}");
        }
        for present in [said(403), said(404), said(409), said(422), Error::Outdated, Error::NotLeading] {
            assert!(!present.is_absence(), "{present:?}");
        }
    }

    fn unreachable() -> kube::Error {
        kube::Error::Service("connection refused".into())
    }

    #[tokio::test]
    async fn every_reconcile_that_waits_for_the_stores_goes_on() {
        let (one, other) = (watch::Sender::new(false), watch::Sender::new(false));
        let listed = vec![
            Listing { of: "quarantines", done: one.subscribe() },
            Listing { of: "namespaces", done: other.subscribe() },
        ];
        let stores = Stores::new(store().0, store().0, store().0, store().0, listed);
        let mut waiting = Box::pin(join_all((0..3).map(|_| stores.ready())));
        one.send_replace(true);
        assert!(futures::poll!(waiting.as_mut()).is_pending(), "one of them is not listed yet");
        assert_eq!(stores.unlisted(), ["namespaces"]);
        other.send_replace(true);
        tokio::time::timeout(Duration::from_secs(10), waiting).await.expect("all of them are woken");
    }
}
