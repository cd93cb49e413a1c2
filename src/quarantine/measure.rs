//! What is counted of claims, once the API server has acknowledged it.

use super::{context::Context, world::World};
use crate::api::{Condition, ConditionStatus, ConditionType, Quarantine, QuarantineStatus, Reason};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use std::time::Duration;

/// A status was written in the place of the one that was decided from.
pub fn recorded(context: &Context, world: &World, written: &Quarantine) {
    let before = world.facts.claim.status.clone().unwrap_or_default();
    let Some(after) = &written.status else { return };
    let metrics = &context.metrics;
    if before.contained_at.is_none() && after.contained_at.is_some() {
        metrics.contained(since(written.creation_timestamp().map(|time| time.0), context.now_exactly()));
    }
    // A class that isn't there is no label: claims may name what they like.
    let class = after.class_name.clone().or_else(|| world.facts.class.found().map(ResourceExt::name_any));
    let class = class.unwrap_or_default();
    let corrections = u64::try_from(after.corrections - before.corrections).unwrap_or_default();
    if corrections > 0 {
        metrics.drift_corrected(&class, corrections);
    }
    if let Some(reason) = refusal(after).filter(|reason| refusal(&before) != Some(reason)) {
        metrics.refused(&class, reason);
    }
}

/// The claim's finalizer went.
pub fn released(context: &Context, claim: &Quarantine) {
    let deleted = claim.deleted_at();
    context.metrics.released(since(deleted, context.now_exactly()));
}

fn since(then: Option<Timestamp>, now: Timestamp) -> Duration {
    now.duration_since(then.unwrap_or(now)).max(SignedDuration::ZERO).unsigned_abs()
}

/// The reason with which policy refuses the claim, if it does.
fn refusal(status: &QuarantineStatus) -> Option<&str> {
    let refuses = |ready: &&Condition| {
        ready.status == ConditionStatus::False && Reason::REFUSALS.iter().any(|reason| reason.as_str() == ready.reason)
    };
    status.condition(ConditionType::Ready).filter(refuses).map(|condition| condition.reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn saying(ready: &str, reason: &str) -> QuarantineStatus {
        let condition = json!({"type": "Ready", "status": ready, "reason": reason, "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"});
        serde_json::from_value(json!({"conditions": [condition]})).unwrap()
    }

    #[test]
    fn what_policy_refuses_is_a_refusal_and_what_goes_wrong_is_none() {
        assert_eq!(refusal(&saying("False", "ProtectedByTag")), Some("ProtectedByTag"));
        assert_eq!(refusal(&saying("False", "Throttled")), None);
        assert_eq!(refusal(&saying("True", "Contained")), None);
        assert_eq!(refusal(&QuarantineStatus::default()), None);
    }
}
