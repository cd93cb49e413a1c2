//! The controller of FindingSources, and what they hear of Quarantines that went without ever having held anything.

use super::{
    fields,
    survive::survived,
    watches::{Changes, controller},
};
use crate::{
    api::{FindingSource, Quarantine},
    intake::{Intake, reconcile},
    metrics::Reconciled,
    quarantine::{Context, Error, releases::remember_at_sources},
};
use futures::{FutureExt, StreamExt, future::BoxFuture};
use kube::{ResourceExt, runtime::controller::Action};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc::UnboundedReceiver;

/// How it calls itself in metrics.
const NAME: &str = "findingsource";

const RETRY: Duration = Duration::from_secs(2);

/// Runs until `shutdown` ends, then lets the receivers finish what they have in hand.
pub async fn run(
    changes: Changes<FindingSource>,
    context: Arc<Context>,
    dismissed: UnboundedReceiver<Quarantine>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    // kube runs as many as there are sources.
    context.metrics.may_reconcile(NAME, 0);
    let sources = context.stores.sources.clone();
    let remembering = tokio::spawn(remember(context.clone(), dismissed));
    let intake = Arc::new(Intake::new(context));
    controller(changes, sources)
        .graceful_shutdown_on(shutdown)
        .run(one, after_error, intake.clone())
        .for_each(async |outcome| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "reconcile of a FindingSource");
            }
        })
        .await;
    intake.stop().await;
    remembering.abort();
}

fn one(source: Arc<FindingSource>, intake: Arc<Intake>) -> BoxFuture<'static, Result<Action, Error>> {
    async move {
        intake.context.stores.ready().await;
        if !intake.context.served.is_whole() {
            return Ok(Action::requeue(fields::LOOK_AGAIN));
        }
        let measured = intake.context.metrics.reconciling(NAME);
        let outcome = survived(reconcile(source, &intake)).await;
        measured.ended(result_of(&outcome));
        Ok(match outcome? {
            Some(pause) => Action::requeue(pause),
            None => Action::await_change(),
        })
    }
    .boxed()
}

/// As of Quarantines.
fn result_of(outcome: &Result<Option<Duration>, Error>) -> Reconciled {
    match outcome {
        Ok(None) => Reconciled::Success,
        Ok(Some(_)) => Reconciled::RequeueAfter,
        Err(error) if error.is_conflict() => Reconciled::Requeue,
        Err(_) => Reconciled::Error,
    }
}

fn after_error(source: Arc<FindingSource>, error: &Error, _: Arc<Intake>) -> Action {
    let source = source.name_any();
    if error.is_conflict() {
        tracing::debug!(source, %error, "somebody else wrote the source; it is read again");
    } else {
        tracing::warn!(source, %error, "the reconcile of the source failed and is tried again");
    }
    Action::requeue(RETRY)
}

/// A Quarantine that a person deletes instead of letting it act is an answer, too: what its source hears later of what
/// happened before makes no other one.
async fn remember(context: Arc<Context>, mut dismissed: UnboundedReceiver<Quarantine>) {
    while let Some(claim) = dismissed.recv().await {
        while let Err(error) = remember_at_sources(&context, &claim).await {
            tracing::warn!(name = claim.name_any(), %error, "a dismissed Quarantine can't be remembered yet");
            tokio::time::sleep(RETRY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;
    use kube::runtime::{reflector::store, watcher};
    use std::pin::pin;

    #[tokio::test]
    async fn a_panic_at_one_source_leaves_the_others_read() {
        let named = |name: &str| -> FindingSource {
            let source = serde_json::json!({
                "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": name},
                "spec": {"queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/findings",
                    "region": "eu-central-1", "template": {"namespace": "ir"}},
            });
            serde_json::from_value(source).expect("a source")
        };
        let (sources, mut writer) = store();
        let all = ["broken", "whole"].map(named);
        writer.apply_watcher_event(&watcher::Event::Init);
        for source in all.clone() {
            writer.apply_watcher_event(&watcher::Event::InitApply(source));
        }
        writer.apply_watcher_event(&watcher::Event::InitDone);
        let changes = stream::iter(all.map(Ok)).chain(stream::pending());
        let reconcile = async |source: Arc<FindingSource>, _| {
            survived(async {
                assert_ne!(source.name_any(), "broken", "what a bug may be");
                Ok(Action::await_change())
            })
            .await
        };
        let outcomes = controller(changes.boxed(), sources)
            .run(reconcile, |_, _, _| Action::await_change(), Arc::new(()))
            .filter_map(async |outcome| outcome.ok());
        let read = tokio::time::timeout(Duration::from_secs(25), pin!(outcomes).next()).await;
        assert_eq!(read.expect("it is read").expect("the stream goes on").0.name, "whole");
    }
}
