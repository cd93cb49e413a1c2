//! How many instances a class holds, and a source of claims: counted over the store and over what this process granted,
//! in one critical section, so that no schedule of creations holds more than `maxActive`. Room goes to the oldest that
//! wait for it.

use super::{origin::Origins, world::Room};
use crate::api::{ConditionType, DEFAULT_SOURCE_MAX_ACTIVE, Quarantine, QuarantineClass, Reason};
use jiff::Timestamp;
use kube::ResourceExt;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
};

/// What this process granted and the store may not show yet, by the claim's uid.
#[derive(Default)]
pub struct Limits(Mutex<HashMap<String, Grant>>);

struct Grant {
    instance: String,
    class: String,
    source: Option<String>,
}

impl Limits {
    /// Whether the claim's instance may be held under `class`, and through the source that made the claim, given the
    /// claims that the store knows. A grant stands until it is given back, the store shows that the claim holds, or the
    /// claim is gone.
    pub fn grant(
        &self,
        class: &QuarantineClass,
        origins: &Origins,
        claim: &Quarantine,
        known: &[Arc<Quarantine>],
    ) -> Room {
        let (Some(instance), Some(uid)) = (claim.instance_id(), claim.uid()) else { return Room::Free };
        let mut granted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting: HashSet<String> =
            known.iter().filter(|other| !other.has_records()).filter_map(|other| other.uid()).collect();
        granted.retain(|uid, _| waiting.contains(uid));

        let name = class.name_any();
        let of_class = Pool {
            limit: class.spec.max_active,
            granted: granted
                .values()
                .filter(|grant| grant.class == name)
                .map(|grant| grant.instance.as_str())
                .collect(),
            is_of: &|other| other.admitted_class() == Some(&name),
            waits: &|other| {
                is_for(other, class) && (other.condition(ConditionType::Ready).is_none() || waits_for_room(other))
            },
        };
        if !of_class.has_room(instance, claim, known) {
            return Room::ClassFull;
        }
        let through = origins.made(claim);
        if let Some(through) = through {
            let ours = |grant: &&Grant| grant.source.as_deref() == Some(through);
            let of_source = Pool {
                // A source that is gone leaves its claims as bounded as one that says nothing.
                limit: origins.source(through).map_or(DEFAULT_SOURCE_MAX_ACTIVE, |source| source.spec.max_active),
                granted: granted.values().filter(ours).map(|grant| grant.instance.as_str()).collect(),
                is_of: &|other| origins.made(other) == Some(through),
                waits: &|other| {
                    origins.made(other) == Some(through)
                        && (other.condition(ConditionType::Ready).is_none() || waits_for_room_of_source(other))
                },
            };
            if !of_source.has_room(instance, claim, known) {
                return Room::SourceFull { source: through.to_owned(), max_active: of_source.limit };
            }
        }
        let source = through.map(str::to_owned);
        granted.insert(uid, Grant { instance: instance.to_owned(), class: name, source });
        Room::Free
    }

    /// Takes back a grant that wasn't used.
    pub fn give_back(&self, claim: &Quarantine) {
        if let Some(uid) = claim.uid() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&uid);
        }
    }
}

/// What is bounded together.
struct Pool<'a> {
    limit: i32,
    /// The instances that were granted already.
    granted: HashSet<&'a str>,
    /// Whether what this claim holds counts here.
    is_of: &'a dyn Fn(&Quarantine) -> bool,
    /// Whether the claim waits for room here, as far as anybody knows: it may be the first time that it is seen.
    waits: &'a dyn Fn(&Quarantine) -> bool,
}

impl Pool<'_> {
    fn has_room(&self, instance: &str, claim: &Quarantine, known: &[Arc<Quarantine>]) -> bool {
        let holding = known.iter().filter(|other| other.has_records() && (self.is_of)(other));
        let held: HashSet<&str> =
            holding.filter_map(|other| other.instance_id()).chain(self.granted.iter().copied()).collect();
        let before: HashSet<&str> = known
            .iter()
            .filter(|other| is_older(other, claim) && other.is_wanted() && !other.has_records() && (self.waits)(other))
            .filter_map(|other| other.instance_id())
            .filter(|older| !held.contains(older) && *older != instance)
            .collect();
        held.contains(instance) || held.len() + before.len() < usize::try_from(self.limit).unwrap_or_default()
    }
}

/// Whether the claim is of the class, or will be once it is looked at.
fn is_for(claim: &Quarantine, class: &QuarantineClass) -> bool {
    claim.spec.class_name.as_ref().map_or(class.is_default(), |name| *name == class.name_any())
}

/// Whether the claim was last refused because its class holds as many as it may.
pub fn waits_for_room(claim: &Quarantine) -> bool {
    claim.is_ready_for(Reason::LimitReached)
}

/// Whether it holds nothing and waits for a person to say yes.
pub fn waits_for_a_person(claim: &Quarantine) -> bool {
    !claim.spec.acts() && !claim.has_records() && !claim.is_deleting()
}

/// Whether the claim was last refused because as many are held through its source as may be.
pub fn waits_for_room_of_source(claim: &Quarantine) -> bool {
    claim.is_ready_for(Reason::SourceLimitReached)
}

fn is_older(one: &Quarantine, other: &Quarantine) -> bool {
    age(one) < age(other)
}

/// By creation, then by uid, so that every reader comes to the same answer.
pub fn age(claim: &Quarantine) -> (Option<Timestamp>, Option<String>) {
    (claim.creation_timestamp().map(|time| time.0), claim.uid())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::SOURCE_LABEL;
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

    fn may(limits: &Limits, class: &QuarantineClass, claim: &Quarantine, known: &[Arc<Quarantine>]) -> bool {
        limits.grant(class, &Origins::of(&[]), claim, known) == Room::Free
    }

    #[test]
    fn rule_12_no_schedule_grants_more_than_the_limit_though_the_store_lags() {
        let (limits, class) = (Limits::default(), class(2));
        let known = [waiting("a", 1), waiting("b", 2), waiting("c", 3)];
        let granted: Vec<bool> = known.iter().map(|claim| may(&limits, &class, claim, &known)).collect();
        assert_eq!(granted, [true, true, false]);
        let later = [holding("a", 1), waiting("b", 2), waiting("c", 3)];
        assert!(!may(&limits, &class, &later[2], &later), "one is held, one granted");
        let released = [waiting("b", 2), waiting("c", 3)];
        assert!(may(&limits, &class, &released[1], &released));
    }

    #[test]
    fn several_claims_of_one_instance_count_once() {
        let (limits, class) = (Limits::default(), class(1));
        let known = [waiting("a", 1), waiting("b", 1), waiting("c", 2)];
        assert!(may(&limits, &class, &known[0], &known) && may(&limits, &class, &known[1], &known));
        limits.give_back(&known[1]);
        assert!(!may(&limits, &class, &known[2], &known), "the first one's grant still stands");
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
        assert!(!may(&limits, &class, &younger, &known), "the older one comes first, though it wasn't looked at yet");
        let known = [saying(older.clone(), Reason::LimitReached), younger.clone()];
        assert!(!may(&limits, &class, &younger, &known));
        let known = [saying(older, Reason::ProtectedInstance), younger.clone()];
        assert!(may(&limits, &class, &younger, &known), "what is refused takes nobody's room");
    }

    #[test]
    fn a_grant_that_was_not_used_makes_room() {
        let (limits, class) = (Limits::default(), class(1));
        let known = [waiting("a", 1), waiting("b", 2)];
        assert!(may(&limits, &class, &known[0], &known));
        limits.give_back(&known[0]);
        assert!(may(&limits, &class, &known[1], &known));
    }

    fn source(max_active: i32) -> Origins {
        let source = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": "hub"},
            "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}, "maxActive": max_active},
        });
        Origins::of(&[Arc::new(serde_json::from_value(source).unwrap())])
    }

    /// As the source makes it, without the label, which whoever may edit it can take off.
    fn through_source(claim: Arc<Quarantine>) -> Arc<Quarantine> {
        let mut claim = claim.as_ref().clone();
        claim.metadata.namespace = Some("ir".to_owned());
        claim.metadata.name = claim.instance_id().map(|instance| format!("hub-{instance}"));
        Arc::new(claim)
    }

    fn labelled(claim: Arc<Quarantine>) -> Arc<Quarantine> {
        let mut claim = claim.as_ref().clone();
        claim.metadata.labels.get_or_insert_default().insert(SOURCE_LABEL.to_owned(), "hub".to_owned());
        Arc::new(claim)
    }

    #[test]
    fn rule_12_no_schedule_grants_more_than_the_limit_of_the_source() {
        let (limits, class, source) = (Limits::default(), class(100), source(2));
        let known = [1, 2, 3].map(|n| created(through_source(waiting(&format!("u{n}"), n)), n.into()));
        let rooms: Vec<Room> = known.iter().map(|claim| limits.grant(&class, &source, claim, &known)).collect();
        let full = |max_active| Room::SourceFull { source: "hub".to_owned(), max_active };
        assert_eq!(rooms, [Room::Free, Room::Free, full(2)]);
        let by_hand = created(waiting("by-hand", 9), 9);
        assert!(may(&limits, &class, &by_hand, &known), "it is nobody else's limit");
        let limits = Limits::default();
        let many = (1..=DEFAULT_SOURCE_MAX_ACTIVE as u32 + 1)
            .map(|n| created(labelled(waiting(&format!("u{n}"), n)), n.into()));
        let many: Vec<Arc<Quarantine>> = many.collect();
        let last = many.iter().map(|claim| limits.grant(&class, &Origins::of(&[]), claim, &many)).next_back();
        assert_eq!(last, Some(full(DEFAULT_SOURCE_MAX_ACTIVE)), "the source is gone");
    }

    #[test]
    fn claims_that_wait_for_their_source_stand_in_no_responders_way() {
        let (limits, class, source) = (Limits::default(), class(2), source(0));
        let flood = [1, 2, 3].map(|n| created(through_source(waiting(&format!("u{n}"), n)), n.into()));
        let mut known = flood.map(|claim| saying(claim, Reason::SourceLimitReached)).to_vec();
        let by_hand = created(waiting("by-hand", 9), 9);
        known.push(by_hand.clone());
        assert!(may(&limits, &class, &by_hand, &known));
        assert_ne!(limits.grant(&class, &source, &known[0], &known), Room::Free);
    }
}
