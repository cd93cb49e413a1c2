//! Remembering releases: each FindingSource that could make the Quarantine anew is told, before a claim goes, when its
//! deletion was asked for. What a source hears later of something that happened before makes nothing any more; what
//! happened while the release ran is news.

use super::context::{Context, Error, in_time};
use crate::{
    api::{FindingSource, InterfaceState, Quarantine, QuarantineStatus, Time},
    intake::echo,
};
use jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};

/// Remembers the end of a claim that held something. One that passes its records on releases nothing.
pub async fn remember(context: &Context, claim: &Quarantine, status: &QuarantineStatus) -> Result<(), Error> {
    if status.interfaces.iter().any(|record| record.state == InterfaceState::TakenOver) {
        return Ok(());
    }
    remember_at_sources(context, claim).await
}

/// Writes the claim's end into the status of each source that it concerns: one key of a map, so that nobody's write
/// conflicts with another's. What is old is forgotten on the way.
///
/// Errors: the API server couldn't be asked. A source that is gone needs to know nothing; one whose status the API
/// server refuses to change is logged, for a release must not hang on it.
pub async fn remember_at_sources(context: &Context, claim: &Quarantine) -> Result<(), Error> {
    let Some(instance) = claim.instance_id() else { return Ok(()) };
    let now = context.now();
    // One that never acted goes at once, and its last sight tells no time.
    let at = claim.deleted_at().unwrap_or(now);
    let api: Api<FindingSource> = Api::all(context.client.clone());
    for source in context.stores.sources.state().iter().filter(|source| echo::concerns(source, claim)) {
        let patch = json!({ "status": { "released": released(source, instance, at, now) } });
        let written =
            in_time(api.patch_status(&source.name_any(), &PatchParams::default(), &Patch::Merge(patch))).await;
        match written {
            Ok(_) => {}
            Err(Error::Kubernetes(kube::Error::Api(refused))) if refused.code == 404 => {}
            Err(refused) if refused.is_refusal() => {
                tracing::error!(source = source.name_any(), instance, %refused, "the release can't be remembered: an old event may make a Quarantine of it again");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A merge patch: this instance's time, and null for what is forgotten.
fn released(source: &FindingSource, instance: &str, at: Timestamp, now: Timestamp) -> Map<String, Value> {
    let known = source.status.iter().flat_map(|status| &status.released);
    let known = known.map(|(instance, at)| (instance.clone(), at.0)).collect();
    let forgotten = echo::forgotten(&source.spec, &known, now);
    let mut released: Map<String, Value> = forgotten.into_iter().map(|instance| (instance, Value::Null)).collect();
    released.insert(instance.to_owned(), json!(Time(at)));
    released
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_release_is_one_key_and_what_no_longer_matters_is_forgotten() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ago = |minutes: i64| Time(now - SignedDuration::from_mins(minutes));
        let source: FindingSource = serde_json::from_value(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": "hub"},
            "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}},
            "status": {"released": {"i-old": ago(62), "i-young": ago(60)}},
        }))
        .unwrap();
        let patch = released(&source, "i-now", ago(1).0, now);
        assert_eq!(Value::Object(patch), json!({"i-old": null, "i-now": ago(1)}));
    }
}
