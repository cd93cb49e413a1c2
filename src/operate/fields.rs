//! Looks whether the API server stores all that this version writes, at the start and from time to time: CRDs are applied by
//! hand or by another tool, and an older release of a chart may put older ones back.

use crate::{
    api,
    check::needs::{cluster, published},
    quarantine::{Context, Error},
};
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

const LOOK: Duration = Duration::from_secs(60);

/// While something is dropped, or isn't known: a person may be at it.
pub const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Looks for as long as it is polled.
pub async fn keep_looking(context: Arc<Context>, mut known: bool) {
    loop {
        sleep(if known && context.served.is_whole() { LOOK } else { LOOK_AGAIN }).await;
        known = look(&context).await;
    }
}

/// One look, and whether it has told anything. Who may not look goes by what people see to.
pub async fn look(context: &Context) -> bool {
    let document = match published(&context.client).await {
        Ok(document) => document,
        Err(error @ Error::Kubernetes(kube::Error::Api(_))) if error.is_refusal() => {
            tracing::warn!(%error, "whether the custom resources are this version's can't be seen: let the operator read /openapi/v3");
            return true;
        }
        Err(error) => {
            tracing::debug!(%error, "the custom resources can't be looked at now");
            return false;
        }
    };
    let dropped: Vec<String> = api::crds().iter().flat_map(|crd| cluster::dropped(crd, document.as_ref())).collect();
    context.metrics.drops_fields(dropped.len());
    if context.served.is_seen_to_drop(dropped) {
        match context.served.lack() {
            Some(lack) => {
                tracing::error!("{lack}. Nothing is done until this version's are applied: {}", cluster::UPGRADE)
            }
            None => tracing::info!("the custom resources are this version's now, and work goes on"),
        }
    }
    true
}
