//! What the objects show, for one scrape: read off the stores, so that it is true after a restart too. Pure.

use crate::{
    api::{ConditionType, FindingSource, Quarantine, QuarantineClass, Reason},
    metrics::{
        Metrics, Snapshot,
        definitions::{
            HELD_INSTANCES, INTERFACES, LIMIT_INSTANCES, OBJECTS, OLDEST_HELD_RELEASE, OLDEST_UNCONTAINED,
            OLDEST_UNRELEASED, SOURCE_DEAD_LETTERS, SOURCE_QUEUE, SOURCE_READY,
        },
    },
    quarantine::Stores,
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What the stores show now, and what was last seen of the sources' queues. Nothing before the stores are listed: an
/// empty one says nothing.
pub fn shown(stores: &Stores, metrics: &Metrics, now: Timestamp) -> Snapshot {
    let mut snapshot = Snapshot::default();
    if stores.unlisted().is_empty() {
        let classes = Classes::of(&stores.classes.state());
        for class in classes.limits.keys() {
            metrics.know_class(class, Reason::REFUSALS.iter().map(|reason| reason.as_str()));
        }
        add_claims(&mut snapshot, &classes, &stores.quarantines.state(), now);
        add_sources(&mut snapshot, metrics, &stores.sources.state());
    }
    snapshot
}

/// The classes that there are.
struct Classes {
    limits: BTreeMap<String, i32>,
    /// The one of claims that name none, where exactly one is annotated so.
    default: Option<String>,
}

impl Classes {
    fn of(classes: &[Arc<QuarantineClass>]) -> Self {
        let limits = classes.iter().map(|class| (class.name_any(), class.spec.max_active)).collect();
        let mut defaults = classes.iter().filter(|class| class.is_default()).map(|class| class.name_any());
        let default = defaults.next().filter(|_| defaults.next().is_none());
        Self { limits, default }
    }

    /// The claim's class, or nothing: whoever may create a claim could else fill Prometheus with names.
    fn label(&self, claim: &Quarantine) -> String {
        let fixed = claim.admitted_class().cloned();
        let named = || match &claim.spec.class_name {
            Some(name) => self.limits.contains_key(name).then(|| name.clone()),
            None => self.default.clone(),
        };
        fixed.or_else(named).unwrap_or_default()
    }
}

fn add_claims(snapshot: &mut Snapshot, classes: &Classes, claims: &[Arc<Quarantine>], now: Timestamp) {
    let mut held: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (class, limit) in &classes.limits {
        let label = || [class.clone().into()];
        snapshot.add(&LIMIT_INSTANCES, label(), f64::from(*limit));
        for gauge in [&HELD_INSTANCES, &OLDEST_UNCONTAINED, &OLDEST_UNRELEASED, &OLDEST_HELD_RELEASE] {
            snapshot.add(gauge, label(), 0.0);
        }
    }
    for claim in claims {
        let class = classes.label(claim);
        let label = || class.clone().into();
        let status = claim.status.clone().unwrap_or_default();
        for condition in status.conditions {
            let says = format!("{:?}", condition.status);
            snapshot.add(&OBJECTS, [label(), condition.type_.into(), says.into(), condition.reason.into()], 1.0);
        }
        for record in &status.interfaces {
            snapshot.add(&INTERFACES, [label(), format!("{:?}", record.state).into()], 1.0);
        }
        if let Some(instance) = claim.instance_id().filter(|_| claim.has_records()) {
            held.entry(class.clone()).or_default().insert(instance);
        }
        let since = |then: Timestamp| now.duration_since(then).max(SignedDuration::ZERO).as_secs_f64();
        if let Some(deleted) = claim.deleted_at() {
            let gauge = if waits_for_approval(claim) { &OLDEST_HELD_RELEASE } else { &OLDEST_UNRELEASED };
            snapshot.raise(gauge, [label()], since(deleted));
        } else if waits_for_containment(claim) {
            let created = claim.creation_timestamp().map_or(now, |time| time.0);
            snapshot.raise(&OLDEST_UNCONTAINED, [label()], since(created));
        }
    }
    for (class, instances) in held {
        snapshot.add(&HELD_INSTANCES, [class.into()], instances.len() as f64);
    }
}

/// Whether it asks for its instance to be cut off, and that isn't so.
fn waits_for_containment(claim: &Quarantine) -> bool {
    claim.spec.acts() && !claim.is_true(ConditionType::Contained)
}

/// Whether its release waits for a person.
fn waits_for_approval(claim: &Quarantine) -> bool {
    claim.is_ready_for(Reason::ReleaseHeld)
}

fn add_sources(snapshot: &mut Snapshot, metrics: &Metrics, sources: &[Arc<FindingSource>]) {
    for source in sources {
        let name = source.name_any();
        if let Some(ready) = source.condition(ConditionType::Ready) {
            let value = if ready.is_true() { 1.0 } else { 0.0 };
            snapshot.add(&SOURCE_READY, [name.clone().into(), ready.reason.clone().into()], value);
        }
        let Some(depth) = metrics.queue_of(&name) else { continue };
        for (state, messages) in [("visible", depth.visible), ("in_flight", depth.in_flight)] {
            snapshot.add(&SOURCE_QUEUE, [name.clone().into(), state.into()], messages as f64);
        }
        if let Some(letters) = depth.dead_letters {
            snapshot.add(&SOURCE_DEAD_LETTERS, [name.into()], letters as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::DEFAULT_CLASS_ANNOTATION;
    use crate::metrics::QueueDepth;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;

    fn class(name: &str, max_active: i32, default: bool) -> Arc<QuarantineClass> {
        let class = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass",
            "metadata": {"name": name, "annotations": {DEFAULT_CLASS_ANNOTATION: default.to_string()}},
            "spec": {"securityGroup": {"id": "sg-1"}, "maxActive": max_active},
        });
        Arc::new(serde_json::from_value(class).unwrap())
    }

    /// So many seconds old.
    fn claim(instance: u32, age: i64, class: Option<&str>, more: Value) -> Arc<Quarantine> {
        let created = Timestamp::from_second(NOW - age).unwrap();
        let mut claim = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": format!("q{instance}-{age}"), "namespace": "ir", "creationTimestamp": created},
            "spec": {"target": {"instance": {"id": format!("i-{instance:017x}"), "region": "eu-central-1"}}, "className": class},
        });
        for (field, value) in more.as_object().unwrap() {
            match claim[field].as_object_mut() {
                Some(known) => known.extend(value.as_object().unwrap().clone()),
                None => claim[field] = value.clone(),
            }
        }
        Arc::new(serde_json::from_value(claim).unwrap())
    }

    fn held(contained: &str) -> Value {
        let condition = json!({"type": "Contained", "status": contained, "reason": "Contained", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let record = json!({"id": "eni-1", "vpcId": "vpc-1", "isolationGroups": ["sg-1"],
            "recordedAt": "2026-01-01T00:00:00Z", "state": "Isolated"});
        json!({"status": {"className": "ir", "conditions": [condition], "interfaces": [record]}})
    }

    fn shows(claims: &[Arc<Quarantine>]) -> Vec<String> {
        let mut snapshot = Snapshot::default();
        let classes = Classes::of(&[class("ir", 7, true), class("other", 3, false)]);
        add_claims(&mut snapshot, &classes, claims, Timestamp::from_second(NOW).unwrap());
        let text = Metrics::default().text(snapshot);
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }

    #[track_caller]
    fn assert_has(lines: &[String], line: &str) {
        assert!(lines.iter().any(|known| known == line), "{line} is missing in {lines:#?}");
    }

    #[test]
    fn a_class_without_claims_shows_zeros_and_its_limit() {
        let lines = shows(&[]);
        assert_has(&lines, "quarantine_limit_instances{class=\"ir\"} 7.0");
        assert_has(&lines, "quarantine_held_instances{class=\"other\"} 0.0");
        assert_has(&lines, "quarantine_oldest_uncontained_seconds{class=\"ir\"} 0.0");
    }

    #[test]
    fn several_claims_of_one_instance_hold_one_and_each_is_counted_by_its_conditions() {
        let lines = shows(&[
            claim(1, 9, None, held("True")),
            claim(1, 8, None, held("True")),
            claim(2, 7, None, held("False")),
        ]);
        assert_has(&lines, "quarantine_held_instances{class=\"ir\"} 2.0");
        assert_has(&lines, "quarantine_interfaces{class=\"ir\",state=\"Isolated\"} 3.0");
        let objects =
            "quarantine_objects{class=\"ir\",condition=\"Contained\",status=\"True\",reason=\"Contained\"} 2.0";
        assert_has(&lines, objects);
    }

    #[test]
    fn the_oldest_that_is_not_contained_counts_unless_it_is_not_meant_to_be() {
        let lines = shows(&[
            claim(1, 500, Some("ir"), held("True")),
            claim(2, 400, Some("ir"), json!({"spec": {"suspend": true}})),
            claim(3, 300, Some("ir"), json!({"spec": {"mode": "DryRun"}})),
            claim(4, 200, None, json!({})),
            claim(5, 100, Some("ir"), held("Unknown")),
            claim(
                6,
                900,
                Some("ir"),
                json!({"metadata": {"deletionTimestamp": Timestamp::from_second(NOW - 30).unwrap()}}),
            ),
        ]);
        assert_has(&lines, "quarantine_oldest_uncontained_seconds{class=\"ir\"} 200.0");
        assert_has(&lines, "quarantine_oldest_unreleased_seconds{class=\"ir\"} 30.0");
    }

    #[test]
    fn a_release_that_waits_for_a_person_is_told_apart_from_one_that_is_stuck() {
        let deleted = |ago| json!({"deletionTimestamp": Timestamp::from_second(NOW - ago).unwrap()});
        let waits = json!({"type": "Ready", "status": "False", "reason": "ReleaseHeld", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let lines = shows(&[
            claim(1, 900, Some("ir"), json!({"metadata": deleted(600), "status": {"conditions": [waits]}})),
            claim(2, 900, Some("ir"), json!({"metadata": deleted(40)})),
        ]);
        assert_has(&lines, "quarantine_oldest_held_release_seconds{class=\"ir\"} 600.0");
        assert_has(&lines, "quarantine_oldest_unreleased_seconds{class=\"ir\"} 40.0");
        assert_has(&lines, "quarantine_oldest_held_release_seconds{class=\"other\"} 0.0");
    }

    #[test]
    fn a_class_that_is_not_there_is_no_label() {
        let lines = shows(&[claim(1, 50, Some("made-up"), json!({}))]);
        assert!(!lines.iter().any(|line| line.contains("made-up")), "{lines:#?}");
        assert_has(&lines, "quarantine_oldest_uncontained_seconds{class=\"\"} 50.0");
    }

    #[test]
    fn a_source_is_shown_with_its_queue_for_as_long_as_it_is_there() {
        let metrics = Metrics::default();
        metrics.queue("hub", Some(QueueDepth { visible: 4, in_flight: 2, dead_letters: Some(1) }));
        metrics.queue("gone", Some(QueueDepth { visible: 9, in_flight: 9, dead_letters: None }));
        let source = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": "hub"},
            "spec": {"queueUrl": "", "region": "", "template": {"namespace": "ir"}},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "TemplateRefused", "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        });
        let mut snapshot = Snapshot::default();
        add_sources(&mut snapshot, &metrics, &[Arc::new(serde_json::from_value(source).unwrap())]);
        let text = metrics.text(snapshot);
        assert!(text.contains("quarantine_source_queue_messages{source=\"hub\",state=\"visible\"} 4.0"), "{text}");
        assert!(text.contains("quarantine_source_ready{source=\"hub\",reason=\"TemplateRefused\"} 0.0"), "{text}");
        assert!(
            text.contains("quarantine_source_dead_letters{source=\"hub\"} 1.0") && !text.contains("gone"),
            "{text}"
        );
    }
}
