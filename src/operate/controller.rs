//! The controller: which claims are reconciled when, how many at once, and how it ends.

use super::{
    backoff::{Backoff, jittered},
    client::patiently,
    fields, put_back, sources,
    survive::survived,
    watches,
};
use crate::{
    api::Quarantine,
    aws::Sessions,
    metrics::Reconciled,
    quarantine::{
        Context, Error, OwnNodes, OwnPod, in_time, reconcile,
        world::{Again, Pauses},
    },
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    runtime::{Config, controller::Action, reflector::ObjectRef},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, mpsc, oneshot, watch},
    task::JoinSet,
};

/// What a person may set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How often a held instance is looked at for drift.
    pub resync: Duration,
    /// How many reconciles run at once.
    pub concurrency: u16,
    /// The node that this replica runs on: its instance is refused as a target.
    pub node_name: Option<String>,
    /// Its pod, where there may be other replicas: their nodes' instances are refused as well.
    pub pod: Option<OwnPod>,
    /// The clock; tests move it.
    pub clock: fn() -> Timestamp,
}

impl Default for Settings {
    fn default() -> Self {
        Self { resync: Duration::from_secs(60), concurrency: 1_000, node_name: None, pod: None, clock: Timestamp::now }
    }
}

/// How it calls itself in metrics.
const NAME: &str = "quarantine";

/// Everything that waits for a change in AWS is looked at again within five minutes.
const WAIT: Duration = Duration::from_secs(300);

/// Why it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Asked,
    /// The cluster was put back to an older state: what is watched and stored is no longer true.
    PutBack,
    /// The FindingSources are no longer read, which is a bug.
    IntakeEnded,
    /// Another replica leads, or may: nothing more was begun, and what was under way is cut off.
    LeaseLost,
}

/// A running operator, before it runs.
pub struct Operator {
    context: Arc<Context>,
    watches: watches::Watches,
    woken: mpsc::UnboundedReceiver<ObjectRef<Quarantine>>,
    dismissed: mpsc::UnboundedReceiver<Quarantine>,
    settings: Settings,
    /// Ends with the operator.
    looking: JoinSet<()>,
}

struct Run {
    context: Arc<Context>,
    backoff: Backoff,
    settings: Settings,
    put_back: Notify,
    intake_ended: Notify,
}

impl Operator {
    /// Reads who this cluster is, and prepares the watches.
    ///
    /// Errors: the API server can't be reached, or doesn't let the namespace kube-system, the pods of the operator's
    /// replicas or their nodes be read.
    pub async fn new(client: Client, sessions: Sessions, settings: Settings) -> Result<Self, Error> {
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let cluster = patiently(|| in_time(namespaces.get_metadata("kube-system"))).await?;
        let cluster_uid = cluster.uid().unwrap_or_default();
        let own_nodes = OwnNodes::new(client.clone(), settings.node_name.clone(), settings.pod.clone());
        patiently(|| own_nodes.instances()).await?;
        let (wake, woken) = mpsc::unbounded_channel();
        let (dismiss, dismissed) = mpsc::unbounded_channel();
        let (watches, stores) = watches::start(&client, wake, dismiss);
        let context = Context::new(client, sessions, stores, cluster_uid, own_nodes, settings.clock);
        let known = fields::look(&context).await;
        let mut looking = JoinSet::new();
        looking.spawn(fields::keep_looking(context.clone(), known));
        Ok(Self { context, watches, woken, dismissed, settings, looking })
    }

    pub(super) fn context(&self) -> Arc<Context> {
        self.context.clone()
    }

    /// Runs until `shutdown` ends or the cluster is put back, then lets running reconciles finish.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + Sync + 'static) -> End {
        let Self { context, watches, woken, dismissed, settings, looking: _looking } = self;
        context.metrics.may_reconcile(NAME, settings.concurrency);
        let claims = context.stores.quarantines.clone();
        let (by_class, by_namespace) = (claims.clone(), claims.clone());
        let woken = futures::stream::unfold(woken, async |mut woken| woken.recv().await.map(|claim| (claim, woken)));
        let run = Arc::new(Run {
            context,
            backoff: Backoff::default(),
            settings: settings.clone(),
            put_back: Notify::new(),
            intake_ended: Notify::new(),
        });
        let watching = run.clone();
        let watch = tokio::spawn(async move {
            put_back::seen_by_revision(watching.context.client.clone()).await;
            watching.put_back.notify_one();
        });
        let (ends, ended) = oneshot::channel();
        let (stop, mut stopped) = watch::channel(());
        let reading = sources::run(watches.sources, run.context.clone(), dismissed, async move {
            // The sender goes when the claims' controller is told to end.
            let _ = stopped.changed().await;
        });
        let (reading, reads) = (tokio::spawn(reading), run.clone());
        let reading = tokio::spawn(async move {
            let outcome = reading.await;
            reads.intake_ended.notify_one();
            outcome
        });
        let shutdown = ending(run.clone(), shutdown, ends).inspect(move |()| drop(stop));
        tracing::info!(concurrency = settings.concurrency, resync = ?settings.resync, "watching Quarantines");

        watches::controller(watches.quarantines, claims)
            .with_config(Config::default().concurrency(settings.concurrency))
            .watches_stream(watches.classes, move |class| watches::of_class(&by_class, &class))
            .watches_stream(watches.namespaces, move |namespace| watches::of_namespace(&by_namespace, &namespace))
            .reconcile_on(woken)
            .graceful_shutdown_on(shutdown)
            .run(one, |claim, error, run| after_error(&claim, error, &run), run)
            .for_each(async |outcome| {
                if let Err(error) = outcome {
                    tracing::debug!(%error, "reconcile");
                }
            })
            .await;
        watch.abort();
        if let Ok(Err(error)) = reading.await {
            tracing::error!(%error, "reading the FindingSources ended badly");
        }
        tracing::info!("stopped");
        ended.await.unwrap_or(End::Asked)
    }
}

/// Waits for whichever end comes first, and tells which it is.
async fn ending(run: Arc<Run>, shutdown: impl Future<Output = ()>, ends: oneshot::Sender<End>) {
    let end = tokio::select! {
        () = shutdown => End::Asked,
        () = run.put_back.notified() => {
            tracing::error!("the cluster was put back to an older state: running reconciles finish, nothing new is begun");
            End::PutBack
        }
        () = run.intake_ended.notified() => {
            tracing::error!("the FindingSources are no longer read: running reconciles finish, nothing new is begun");
            End::IntakeEnded
        }
    };
    // Whoever waits for it goes only when the process does.
    let _ = ends.send(end);
}

/// One reconcile, and when the next one is due.
fn one(claim: Arc<Quarantine>, run: Arc<Run>) -> BoxFuture<'static, Result<Action, Error>> {
    async move {
        let reference = ObjectRef::from_obj(claim.as_ref());
        let measured = run.context.metrics.reconciling(NAME);
        if !run.context.served.is_whole() {
            measured.ended(Reconciled::RequeueAfter);
            return Ok(Action::requeue(jittered(fields::LOOK_AGAIN)));
        }
        let outcome = survived(reconcile(claim.clone(), &run.context)).await;
        if outcome.as_ref().is_err_and(Error::is_conflict)
            && put_back::seen_by_claim(run.context.client.clone(), &claim).await
        {
            run.put_back.notify_one();
        }
        measured.ended(result_of(&outcome));
        let again = outcome?;
        let growing = if again.grows() {
            run.backoff.pause(&reference)
        } else {
            run.backoff.reset(&reference);
            Duration::ZERO
        };
        let pauses = Pauses { growing, resync: jittered(run.settings.resync), wait: jittered(WAIT) };
        Ok(again.pause(pauses).map_or_else(Action::await_change, Action::requeue))
    }
    .boxed()
}

/// A conflict is no error: what somebody else wrote is read, and that is all.
fn result_of(outcome: &Result<Again, Error>) -> Reconciled {
    match outcome {
        Ok(Again::NEVER) => Reconciled::Success,
        Ok(again) if again.grows() => Reconciled::Requeue,
        Ok(_) => Reconciled::RequeueAfter,
        Err(error) if error.is_conflict() => Reconciled::Requeue,
        Err(_) => Reconciled::Error,
    }
}

fn after_error(claim: &Quarantine, error: &Error, run: &Run) -> Action {
    let (namespace, name) = (claim.namespace(), claim.name_any());
    if error.is_conflict() {
        tracing::debug!(namespace, name, %error, "somebody else wrote the claim; it is read again");
    } else {
        tracing::warn!(namespace, name, %error, "the reconcile failed and is tried again");
    }
    let claim = ObjectRef::from_obj(claim);
    let pause = if error.is_absence() { Backoff::pause_for_the_api_server } else { Backoff::pause };
    Action::requeue(pause(&run.backoff, &claim))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::runtime::{reflector::store, watcher};
    use std::pin::pin;

    #[tokio::test]
    async fn a_watch_that_keeps_failing_keeps_no_claim_from_being_seen() {
        let claim = serde_json::json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": "web-7", "namespace": "ir"},
            "spec": {"target": {"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1"}}},
        });
        let claim: Quarantine = serde_json::from_value(claim).expect("a claim");
        let (claims, mut writer) = store();
        for event in [watcher::Event::Init, watcher::Event::InitApply(claim.clone()), watcher::Event::InitDone] {
            writer.apply_watcher_event(&event);
        }
        // kube's own pauses would be 50 seconds together.
        let failures = (0..6).map(|_| Err(watcher::Error::NoResourceVersion));
        let changes = futures::stream::iter(failures.chain([Ok(claim)])).chain(futures::stream::pending());
        let seen = watches::controller(changes.boxed(), claims)
            .run(async |_, _| Ok::<_, Error>(Action::await_change()), |_, _, _| Action::await_change(), Arc::new(()))
            .filter_map(async |outcome| outcome.ok());
        let seen = tokio::time::timeout(Duration::from_secs(25), pin!(seen).next()).await;
        assert_eq!(seen.expect("it is seen soon").expect("the stream goes on").0.name, "web-7");
    }
}
