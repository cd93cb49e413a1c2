//! Remembering releases: each FindingSource is told, before a claim goes, that its instance was given back. What a source
//! hears later of something that happened before makes nothing any more.

use super::context::{Context, Error, in_time};
use crate::api::{FindingSource, InterfaceState, Quarantine, QuarantineStatus, Time};
use jiff::{SignedDuration, Timestamp};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// How long a release is remembered: longer than an SQS queue keeps a message (14 days, "Amazon SQS message quotas").
const REMEMBERED: SignedDuration = SignedDuration::from_hours(15 * 24);

/// How many are remembered: fewer than the API server takes, because the copy that is counted may be behind.
const MOST: usize = 4_000;

/// Remembers the end of a claim that held something. One that passes its records on releases nothing.
pub async fn remember(context: &Context, claim: &Quarantine, status: &QuarantineStatus) -> Result<(), Error> {
    let passed_on = status.interfaces.iter().any(|record| record.state == InterfaceState::TakenOver);
    let instance = super::named_instance(claim).filter(|_| !passed_on);
    let Some(instance) = instance else { return Ok(()) };
    remember_at_sources(&context.client, &context.stores.sources.state(), instance, context.now()).await
}

/// Writes into each source's status when the instance was given back: one key of a map, so that nobody's write
/// conflicts with another's. What is old is forgotten on the way.
///
/// Errors: the API server couldn't be asked. A source that is gone needs to know nothing; one whose status the API
/// server refuses to change is logged, for a release must not hang on it.
pub async fn remember_at_sources(
    client: &Client,
    sources: &[Arc<FindingSource>],
    instance: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let api: Api<FindingSource> = Api::all(client.clone());
    for source in sources {
        let patch = json!({ "status": { "released": released(source, instance, now) } });
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

/// A merge patch: this instance's time, and null for what is too old to matter, or too much.
fn released(source: &FindingSource, instance: &str, now: Timestamp) -> Map<String, Value> {
    let mut known: Vec<(&String, Timestamp)> =
        source.status.iter().flat_map(|status| &status.released).map(|(instance, at)| (instance, at.0)).collect();
    known.sort_by_key(|(_, at)| *at);
    let surplus = known.len().saturating_sub(MOST);
    let forgotten =
        known.iter().enumerate().filter(|(n, (_, at))| *n < surplus || now.duration_since(*at) > REMEMBERED);
    let mut released: Map<String, Value> =
        forgotten.map(|(_, (instance, _))| ((*instance).clone(), Value::Null)).collect();
    released.insert(instance.to_owned(), json!(Time(now)));
    released
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_one_key_and_what_is_older_than_a_queues_memory_is_forgotten() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let ago = |hours: i64| Time(now - SignedDuration::from_hours(hours));
        let source: FindingSource = serde_json::from_value(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": "hub"},
            "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}},
            "status": {"released": {"i-old": ago(16 * 24), "i-young": ago(14 * 24)}},
        }))
        .unwrap();
        let patch = released(&source, "i-now", now);
        assert_eq!(Value::Object(patch), json!({"i-old": null, "i-now": Time(now)}));
    }

    #[test]
    fn of_too_many_the_oldest_are_forgotten() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let known = (0..MOST as i64 + 2).map(|n| (format!("i-{n}"), Time(now - SignedDuration::from_secs(n))));
        let mut source: FindingSource = serde_json::from_value(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": "hub"},
            "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}},
        }))
        .unwrap();
        source.status.get_or_insert_default().released = known.collect();
        let forgotten: Vec<String> =
            released(&source, "i-now", now).into_iter().filter(|(_, at)| at.is_null()).map(|(id, _)| id).collect();
        assert_eq!(forgotten, [format!("i-{}", MOST), format!("i-{}", MOST + 1)]);
    }
}
