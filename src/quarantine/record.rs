//! The third step: store what was decided, before anything is done. The one place that writes a claim.
//!
//! The finalizer comes first, then the status, each fenced by resourceVersion; a status that doesn't differ isn't
//! written, but the claim is looked at again before anything is done. Only what was recorded can be acted on: [`Recorded`] is made here and nowhere else.

use super::{
    context::{Context, Error, in_time},
    measure,
    observe::claims,
    releases,
    world::{Action, Again, Decision, FinalizerStep, Hold, Note, World},
};
use crate::api::{AUTOMATIC_ANNOTATION, Quarantine};
use kube::{
    Resource, ResourceExt,
    api::{Patch, PatchParams, PostParams},
    runtime::events::{Event, EventType},
};
use serde_json::json;

/// A decision that the API server has acknowledged.
pub struct Recorded {
    claim: Quarantine,
    actions: Vec<Action>,
    again: Again,
}

impl Recorded {
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }

    pub fn again(&self) -> Again {
        self.again
    }

    pub fn claim(&self) -> &Quarantine {
        &self.claim
    }

    /// The claim as it was acknowledged.
    pub fn into_claim(self) -> Quarantine {
        self.claim
    }
}

/// Stores a decision.
///
/// Errors: a conflict when somebody else wrote the claim since it was read, NotLeading when another replica may lead by
/// now; nothing is acted on then.
#[tracing::instrument(level = "debug", skip_all)]
pub async fn record(context: &Context, world: &World, decision: Decision) -> Result<Recorded, Error> {
    let Decision { finalizer, status, hold, actions, notes, again } = decision;
    let read = &world.facts.claim;
    context.may_write()?;
    if let Some(hold) = hold {
        context.limits.give_back(read);
        let claim = suspend(context, read, hold).await?;
        tell(context, read, notes).await;
        return Ok(Recorded { claim, actions: Vec::new(), again });
    }
    if status.interfaces.is_empty() {
        context.limits.give_back(read);
    }
    if finalizer == FinalizerStep::Remove {
        releases::remember(context, read, &status).await?;
        let claim = let_go(context, read).await?;
        measure::released(context, read);
        tell(context, read, notes).await;
        return Ok(Recorded { claim, actions: Vec::new(), again: Again::NEVER });
    }
    let mut claim = match finalizer {
        FinalizerStep::Add => set_finalizers(context, read, read.finalizers_with_ours()).await?,
        FinalizerStep::Keep | FinalizerStep::Remove => read.clone(),
    };
    if claim.status.as_ref() != Some(&status) {
        claim.status = Some(status);
        claim = in_time(claims(context, read).replace_status(&read.name_any(), &PostParams::default(), &claim)).await?;
        measure::recorded(context, world, &claim);
    } else if finalizer == FinalizerStep::Keep && !actions.is_empty() {
        still_as_read(context, read).await?;
    }
    tell(context, read, notes).await;
    Ok(Recorded { claim, actions, again })
}

/// What isn't written isn't fenced by resourceVersion either: before anything is done, the claim must still be the one
/// that was decided from.
async fn still_as_read(context: &Context, read: &Quarantine) -> Result<(), Error> {
    let now = in_time(claims(context, read).get_metadata_opt(&read.name_any())).await?;
    match now.filter(|now| now.uid() == read.uid() && now.resource_version() == read.resource_version()) {
        Some(_) => Ok(()),
        None => Err(Error::Outdated),
    }
}

/// A person says yes by setting `suspend: false`: without the annotation the claim isn't suspended a second time.
async fn suspend(context: &Context, read: &Quarantine, hold: Hold) -> Result<Quarantine, Error> {
    let patch = json!({
        "metadata": {
            "resourceVersion": read.resource_version(), "annotations": { AUTOMATIC_ANNOTATION: null },
        },
        "spec": { "suspend": true, "reason": hold.reason },
    });
    in_time(claims(context, read).patch(&read.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await
}

async fn let_go(context: &Context, read: &Quarantine) -> Result<Quarantine, Error> {
    match set_finalizers(context, read, read.finalizers_without_ours()).await {
        // It went with its last finalizer before the answer came.
        Err(Error::Kubernetes(kube::Error::Api(status))) if status.code == 404 => Ok(read.clone()),
        outcome => outcome,
    }
}

async fn set_finalizers(context: &Context, read: &Quarantine, finalizers: Vec<String>) -> Result<Quarantine, Error> {
    let patch = json!({ "metadata": { "resourceVersion": read.resource_version(), "finalizers": finalizers } });
    in_time(claims(context, read).patch(&read.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await
}

/// A failing event never fails a reconcile.
async fn tell(context: &Context, claim: &Quarantine, notes: Vec<Note>) {
    for Note { warning, reason, message } in notes {
        let message = match claim.spec.reason.as_deref() {
            Some(why) if !why.is_empty() => format!("{message} Reason given: {why}"),
            _ => message,
        };
        let (namespace, name) = (claim.namespace(), claim.name_any());
        tracing::info!(namespace, name, %reason, "{message}");
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.as_str(),
            note: Some(message),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        if let Err(error) = context.publish(event, &claim.object_ref(&())).await {
            tracing::warn!(namespace, name, %reason, %error, "the event could not be published");
        }
    }
}
