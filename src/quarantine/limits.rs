//! How many instances a class holds: counted over the store and over what this process granted, in one critical section,
//! so that no schedule of creations holds more than `maxActive`. Room goes to the oldest that wait for it.

use super::decide::holders::named_instance;
use crate::api::{ConditionType, DEFAULT_CLASS_ANNOTATION, Mode, Quarantine, QuarantineClass, Reason};
use jiff::Timestamp;
use kube::ResourceExt;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

/// What this process granted and the store may not show yet.
#[derive(Default)]
pub struct Limits(Mutex<HashMap<Class, Grants>>);

type Class = String;

/// The instance that each claim was granted, by the claim's uid.
type Grants = HashMap<String, String>;

impl Limits {
    /// Whether the claim's instance may be held under `class`, given the claims that the store knows. A grant stands
    /// until it is given back, the store shows that the claim holds, or the claim is gone.
    pub fn grant(&self, class: &QuarantineClass, claim: &Quarantine, known: &[Arc<Quarantine>]) -> bool {
        let (Some(instance), Some(uid)) = (named_instance(claim), claim.uid()) else { return true };
        let name = class.name_any();
        let mut granted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let granted = granted.entry(name.clone()).or_default();

        let waiting: HashSet<String> =
            known.iter().filter(|other| !holds(other)).filter_map(|other| other.uid()).collect();
        granted.retain(|uid, _| waiting.contains(uid));

        let of_class =
            |other: &&Arc<Quarantine>| other.status.as_ref().is_some_and(|s| s.class_name.as_ref() == Some(&name));
        let holding =
            known.iter().filter(of_class).filter(|other| holds(other)).filter_map(|other| named_instance(other));
        let held: HashSet<&str> = holding.chain(granted.values().map(String::as_str)).collect();
        let before: HashSet<&str> = known
            .iter()
            .filter(|other| is_older(other, claim) && contends(other, class))
            .filter_map(|other| named_instance(other))
            .filter(|older| !held.contains(older) && *older != instance)
            .collect();
        let limit = usize::try_from(class.spec.max_active).unwrap_or_default();
        let room = held.contains(instance) || held.len() + before.len() < limit;
        if room {
            granted.insert(uid, instance.to_owned());
        }
        room
    }

    /// Takes back a grant that wasn't used.
    pub fn give_back(&self, class: &QuarantineClass, claim: &Quarantine) {
        let mut granted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(granted), Some(uid)) = (granted.get_mut(&class.name_any()), claim.uid()) {
            granted.remove(&uid);
        }
    }
}

/// Whether the claim waits for room in the class, as far as anybody knows: it may be the first time that it is seen.
fn contends(claim: &Quarantine, class: &QuarantineClass) -> bool {
    let default = class.annotations().get(DEFAULT_CLASS_ANNOTATION).is_some_and(|value| value == "true");
    let of_class = claim.spec.class_name.as_ref().map_or(default, |name| *name == class.name_any());
    let wanted = claim.spec.mode == Mode::Enforce && !claim.spec.suspend && claim.metadata.deletion_timestamp.is_none();
    of_class && wanted && !holds(claim) && (ready_reason(claim).is_none() || waits_for_room(claim))
}

/// Whether the claim was last refused because its class holds as many as it may.
pub fn waits_for_room(claim: &Quarantine) -> bool {
    ready_reason(claim).is_some_and(|reason| *reason == Reason::LimitReached.as_str())
}

fn ready_reason(claim: &Quarantine) -> Option<&String> {
    let conditions = claim.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().find(|condition| condition.is(ConditionType::Ready)).map(|ready| &ready.reason)
}

fn is_older(one: &Quarantine, other: &Quarantine) -> bool {
    age(one) < age(other)
}

/// By creation, then by uid, so that every reader comes to the same answer.
pub fn age(claim: &Quarantine) -> (Option<Timestamp>, Option<String>) {
    (claim.creation_timestamp().map(|time| time.0), claim.uid())
}

/// Whether the claim holds records.
pub fn holds(claim: &Quarantine) -> bool {
    claim.status.as_ref().is_some_and(|status| !status.interfaces.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn class(max_active: i32) -> QuarantineClass {
        let class = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass", "metadata": {"name": "ir"},
            "spec": {"securityGroup": {"id": "sg-1"}, "maxActive": max_active},
        });
        serde_json::from_value(class).unwrap()
    }

    /// A claim on the n-th instance, waiting.
    fn waiting(uid: &str, instance: u32) -> Arc<Quarantine> {
        let claim = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": uid, "uid": uid},
            "spec": {"target": {"instance": {"id": format!("i-{instance:017x}"), "region": "eu-central-1"}}},
        });
        Arc::new(serde_json::from_value(claim).unwrap())
    }

    fn holding(uid: &str, instance: u32) -> Arc<Quarantine> {
        let mut claim = waiting(uid, instance).as_ref().clone();
        let record = json!({"id": "eni-1", "vpcId": "vpc-1", "isolationGroups": ["sg-1"],
            "recordedAt": "2026-01-01T00:00:00Z", "state": "Isolated"});
        claim.status = Some(serde_json::from_value(json!({"className": "ir", "interfaces": [record]})).unwrap());
        Arc::new(claim)
    }

    #[test]
    fn rule_12_no_schedule_grants_more_than_the_limit_though_the_store_lags() {
        let (limits, class) = (Limits::default(), class(2));
        let known = [waiting("a", 1), waiting("b", 2), waiting("c", 3)];
        let granted: Vec<bool> = known.iter().map(|claim| limits.grant(&class, claim, &known)).collect();
        assert_eq!(granted, [true, true, false]);
        let later = [holding("a", 1), waiting("b", 2), waiting("c", 3)];
        assert!(!limits.grant(&class, &later[2], &later), "one is held, one granted");
        let released = [waiting("b", 2), waiting("c", 3)];
        assert!(limits.grant(&class, &released[1], &released));
    }

    #[test]
    fn several_claims_of_one_instance_count_once() {
        let (limits, class) = (Limits::default(), class(1));
        let known = [waiting("a", 1), waiting("b", 1), waiting("c", 2)];
        assert!(limits.grant(&class, &known[0], &known) && limits.grant(&class, &known[1], &known));
        limits.give_back(&class, &known[1]);
        assert!(!limits.grant(&class, &known[2], &known), "the first one's grant still stands");
    }

    /// The same, created so many seconds later.
    fn created(claim: Arc<Quarantine>, second: i64) -> Arc<Quarantine> {
        let mut claim = claim.as_ref().clone();
        claim.spec.class_name = Some("ir".to_owned());
        claim.metadata.creation_timestamp = Some(crate::api::Time(Timestamp::from_second(second).unwrap()));
        Arc::new(claim)
    }

    fn saying(claim: Arc<Quarantine>, reason: Reason) -> Arc<Quarantine> {
        let mut claim = claim.as_ref().clone();
        let ready = json!({"type": "Ready", "status": "False", "reason": reason.as_str(), "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"});
        claim.status = Some(serde_json::from_value(json!({"conditions": [ready]})).unwrap());
        Arc::new(claim)
    }

    #[test]
    fn room_goes_to_the_oldest_that_wait_for_it() {
        let (limits, class) = (Limits::default(), class(1));
        let (older, younger) = (created(waiting("a", 1), 10), created(waiting("b", 2), 20));
        let known = [older.clone(), younger.clone()];
        assert!(!limits.grant(&class, &younger, &known), "the older one comes first, though it wasn't looked at yet");
        let known = [saying(older.clone(), Reason::LimitReached), younger.clone()];
        assert!(!limits.grant(&class, &younger, &known));
        let known = [saying(older, Reason::ProtectedInstance), younger.clone()];
        assert!(limits.grant(&class, &younger, &known), "what is refused takes nobody's room");
    }

    #[test]
    fn a_grant_that_was_not_used_makes_room() {
        let (limits, class) = (Limits::default(), class(1));
        let known = [waiting("a", 1), waiting("b", 2)];
        assert!(limits.grant(&class, &known[0], &known));
        limits.give_back(&class, &known[0]);
        assert!(limits.grant(&class, &known[1], &known));
    }
}
