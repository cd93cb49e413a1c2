//! What is asked of the objects, one word for each question: whoever asks needs to know neither where in the object the
//! answer stands nor what its absence means.

use super::{
    DEFAULT_CLASS_ANNOTATION, FINALIZER, SOURCE_FINALIZER,
    class::{ManagedGroup, QuarantineClass},
    condition::{Condition, ConditionStatus, ConditionType, Reason},
    finding_source::{FindingSource, QuarantineTemplate},
    quarantine::{Mode, Quarantine, QuarantineSpec},
    status::{InterfaceStatus, QuarantineStatus, ResolvedTarget},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt as _;

impl Quarantine {
    /// Whether somebody has deleted it, and it goes once everything is given back.
    pub fn is_deleting(&self) -> bool {
        self.deleted_at().is_some()
    }

    pub fn deleted_at(&self) -> Option<Timestamp> {
        self.metadata.deletion_timestamp.as_ref().map(|time| time.0)
    }

    pub fn has_finalizer(&self) -> bool {
        has_ours(&self.metadata, FINALIZER)
    }

    /// Its finalizers, ours among them.
    pub fn finalizers_with_ours(&self) -> Vec<String> {
        with_ours(&self.metadata, FINALIZER)
    }

    /// Its finalizers but ours.
    pub fn finalizers_without_ours(&self) -> Vec<String> {
        others(&self.metadata, FINALIZER)
    }

    /// Whether it asks for its instance to be cut off.
    pub fn is_wanted(&self) -> bool {
        self.spec.acts() && !self.is_deleting()
    }

    pub fn records(&self) -> &[InterfaceStatus] {
        self.status.as_ref().map_or(&[], |status| &status.interfaces)
    }

    pub fn record(&self, id: &str) -> Option<&InterfaceStatus> {
        self.records().iter().find(|record| record.id == id)
    }

    /// Whether it holds the way back of anything.
    pub fn has_records(&self) -> bool {
        !self.records().is_empty()
    }

    /// The instance that was found.
    pub fn resolved(&self) -> Option<&ResolvedTarget> {
        self.status.as_ref()?.target.as_ref()
    }

    /// The instance that it names, resolved or declared.
    pub fn instance_id(&self) -> Option<&str> {
        let declared = || self.spec.target.instance.as_ref().map(|instance| instance.id.as_str());
        self.resolved().map(|target| target.instance_id.as_str()).or_else(declared)
    }

    /// The class whose policy was applied.
    pub fn admitted_class(&self) -> Option<&String> {
        self.status.as_ref()?.class_name.as_ref()
    }

    /// The class whose policy was applied, else the one that it names.
    pub fn class_name(&self) -> Option<&String> {
        self.admitted_class().or(self.spec.class_name.as_ref())
    }

    pub fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map_or(&[], |status| &status.conditions)
    }

    pub fn condition(&self, type_: ConditionType) -> Option<&Condition> {
        of_type(self.conditions(), type_)
    }

    /// Whether the condition is there and true.
    pub fn is_true(&self, type_: ConditionType) -> bool {
        self.condition(type_).is_some_and(Condition::is_true)
    }

    /// Whether this is why Ready stands as it stands.
    pub fn is_ready_for(&self, reason: Reason) -> bool {
        self.condition(ConditionType::Ready).is_some_and(|ready| ready.reason == reason.as_str())
    }
}

impl QuarantineSpec {
    /// Whether it isn't only to say what would change, nor to stop.
    pub fn acts(&self) -> bool {
        self.mode == Mode::Enforce && !self.suspend
    }
}

impl QuarantineStatus {
    pub fn record(&self, id: &str) -> Option<&InterfaceStatus> {
        self.interfaces.iter().find(|record| record.id == id)
    }

    pub fn condition(&self, type_: ConditionType) -> Option<&Condition> {
        of_type(&self.conditions, type_)
    }

    /// Whether the condition is there and true.
    pub fn is_true(&self, type_: ConditionType) -> bool {
        self.condition(type_).is_some_and(Condition::is_true)
    }
}

impl QuarantineClass {
    /// Whether it is the class of Quarantines that name none.
    pub fn is_default(&self) -> bool {
        self.annotations().get(DEFAULT_CLASS_ANNOTATION).is_some_and(|value| value == "true")
    }

    /// The security groups that the operator made for it.
    pub fn managed_groups(&self) -> &[ManagedGroup] {
        self.status.as_ref().map_or(&[], |status| &status.managed_groups)
    }
}

impl FindingSource {
    pub fn is_deleting(&self) -> bool {
        self.metadata.deletion_timestamp.is_some()
    }

    pub fn has_finalizer(&self) -> bool {
        has_ours(&self.metadata, SOURCE_FINALIZER)
    }

    /// Its finalizers, ours among them.
    pub fn finalizers_with_ours(&self) -> Vec<String> {
        with_ours(&self.metadata, SOURCE_FINALIZER)
    }

    /// Its finalizers but ours.
    pub fn finalizers_without_ours(&self) -> Vec<String> {
        others(&self.metadata, SOURCE_FINALIZER)
    }

    pub fn condition(&self, type_: ConditionType) -> Option<&Condition> {
        of_type(&self.status.as_ref()?.conditions, type_)
    }
}

impl QuarantineTemplate {
    /// Whether what is made of it isn't only to say what would change, nor to wait for a person.
    pub fn acts(&self) -> bool {
        self.mode == Mode::Enforce && !self.suspend
    }
}

impl Condition {
    /// Whether this is the condition of that type.
    pub fn is(&self, type_: ConditionType) -> bool {
        self.type_ == type_.to_string()
    }

    pub fn is_true(&self) -> bool {
        self.status == ConditionStatus::True
    }
}

fn of_type(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.is(type_))
}

fn has_ours(metadata: &ObjectMeta, ours: &str) -> bool {
    metadata.finalizers.iter().flatten().any(|finalizer| finalizer == ours)
}

fn with_ours(metadata: &ObjectMeta, ours: &str) -> Vec<String> {
    let mut all = others(metadata, ours);
    all.push(ours.to_owned());
    all
}

fn others(metadata: &ObjectMeta, ours: &str) -> Vec<String> {
    metadata.finalizers.iter().flatten().filter(|finalizer| *finalizer != ours).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn claim(metadata: Value, spec: Value, status: Value) -> Quarantine {
        let mut spec = spec;
        spec["target"] = json!({"instance": {"id": "i-declared", "region": "eu-central-1"}});
        let object = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": metadata, "spec": spec,
            "status": status,
        });
        serde_json::from_value(object).unwrap()
    }

    fn source(finalizers: &[&str]) -> FindingSource {
        let mut source = FindingSource::new(
            "hub",
            serde_json::from_value(json!({
                "queueUrl": "https://sqs.eu-central-1.amazonaws.com/111122223333/findings", "region": "eu-central-1",
                "template": {"namespace": "ir"},
            }))
            .unwrap(),
        );
        source.metadata.finalizers = Some(finalizers.iter().map(|&finalizer| finalizer.to_owned()).collect());
        source
    }

    #[test]
    fn an_object_that_nobody_has_looked_at_answers_every_question() {
        let fresh = claim(json!({}), json!({"className": "ir"}), Value::Null);
        assert!(!fresh.is_deleting() && !fresh.has_finalizer() && !fresh.has_records() && fresh.is_wanted());
        assert_eq!((fresh.resolved(), fresh.condition(ConditionType::Ready)), (None, None));
        assert!(!fresh.is_true(ConditionType::Ready) && !fresh.is_ready_for(Reason::Contained));
        assert_eq!(fresh.instance_id(), Some("i-declared"));
        assert_eq!((fresh.admitted_class(), fresh.class_name().map(String::as_str)), (None, Some("ir")));
    }

    #[test]
    fn what_was_found_and_admitted_comes_before_what_was_asked_for() {
        let status = json!({
            "className": "admitted",
            "target": {"instanceId": "i-found", "accountId": "111122223333", "region": "eu-central-1"},
        });
        let looked_at = claim(json!({}), json!({"className": "asked"}), status);
        assert_eq!(looked_at.instance_id(), Some("i-found"));
        assert_eq!(looked_at.class_name().map(String::as_str), Some("admitted"));
    }

    #[test]
    fn a_claim_that_is_suspended_a_dry_run_or_deleted_wants_nothing() {
        let deleted = json!({"deletionTimestamp": "2026-03-02T09:15:29Z"});
        for (metadata, spec, acts) in [
            (json!({}), json!({"suspend": true}), false),
            (json!({}), json!({"mode": "DryRun"}), false),
            (deleted, json!({}), true),
        ] {
            let claim = claim(metadata, spec, Value::Null);
            assert_eq!((claim.is_wanted(), claim.spec.acts()), (false, acts), "{:?}", claim.spec);
        }
    }

    #[test]
    fn a_condition_is_true_only_where_it_says_so() {
        let said = |status: &str| {
            let ready = json!({
                "type": "Ready", "status": status, "reason": "ReleaseHeld", "message": "",
                "lastTransitionTime": "2026-03-02T09:15:29Z",
            });
            claim(json!({}), json!({}), json!({"conditions": [ready]}))
        };
        for (status, holds) in [("True", true), ("False", false), ("Unknown", false)] {
            let claim = said(status);
            assert_eq!(claim.is_true(ConditionType::Ready), holds, "{status}");
            assert!(!claim.is_true(ConditionType::Contained));
            assert!(claim.is_ready_for(Reason::ReleaseHeld) && !claim.is_ready_for(Reason::Contained));
        }
    }

    #[test]
    fn each_kind_has_a_finalizer_of_its_own_and_leaves_those_of_others() {
        let theirs = "example.com/other";
        let claim = claim(json!({"finalizers": [theirs, SOURCE_FINALIZER]}), json!({}), Value::Null);
        assert!(!claim.has_finalizer());
        assert_eq!(claim.finalizers_with_ours(), [theirs, SOURCE_FINALIZER, FINALIZER]);
        let source = source(&[theirs, FINALIZER, SOURCE_FINALIZER]);
        assert!(source.has_finalizer());
        assert_eq!(source.finalizers_without_ours(), [theirs, FINALIZER]);
        assert_eq!(source.finalizers_with_ours(), [theirs, FINALIZER, SOURCE_FINALIZER]);
    }
}
