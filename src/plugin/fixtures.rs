//! Quarantines for the tests of what is pure here.

use quarantine_operator::api::Quarantine;
use serde_json::{Value, json};

/// What the tests hold for the present.
pub fn now() -> jiff::Timestamp {
    "2026-11-24T12:10:00Z".parse().expect("a time")
}

/// A Quarantine in the making, as the API server would send it.
#[derive(Clone)]
pub struct Claim(Value);

impl Claim {
    /// Just created: nobody has looked at it.
    pub fn fresh() -> Self {
        Self(json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine",
            "metadata": {"name": "web-7", "namespace": "ir", "generation": 1, "uid": "u-1",
                "creationTimestamp": "2026-11-24T12:00:00Z"},
            "spec": {"target": {"instance": {"id": "i-0123456789abcdef0", "region": "eu-central-1"}}},
            "status": {"observedGeneration": -1},
        }))
    }

    /// Two interfaces, both isolated.
    pub fn contained() -> Self {
        let claim = Self::fresh().seen().spec(json!({"reason": "IR-2026-041"})).status(json!({
            "className": "incident-response", "interfaceSummary": "2/2", "containedAt": "2026-11-24T12:00:05Z",
            "target": {"instanceId": "i-0123456789abcdef0", "accountId": "111122223333", "region": "eu-central-1"},
        }));
        claim
            .interface("eni-1", json!({"originalSecurityGroups": ["sg-web", "sg-app"], "state": "Isolated"}))
            .interface("eni-2", json!({"originalSecurityGroups": ["sg-db"], "state": "Isolated"}))
            .condition("Ready", "True", "Contained", "All 2 interfaces carry only sg-0.")
            .condition("Contained", "True", "Contained", "All 2 interfaces carry only sg-0.")
    }

    pub fn spec(self, fields: Value) -> Self {
        self.merge("spec", fields)
    }

    pub fn status(self, fields: Value) -> Self {
        self.merge("status", fields)
    }

    pub fn metadata(self, fields: Value) -> Self {
        self.merge("metadata", fields)
    }

    pub fn generation(self, generation: i64) -> Self {
        self.metadata(json!({"generation": generation}))
    }

    pub fn annotation(self, name: &str, value: &str) -> Self {
        self.metadata(json!({"annotations": {name: value}}))
    }

    /// The operator has looked at it as it is.
    pub fn seen(self) -> Self {
        let generation = self.0["metadata"]["generation"].clone();
        self.status(json!({"observedGeneration": generation}))
    }

    /// In the place of the one of its type.
    pub fn condition(mut self, type_: &str, status: &str, reason: &str, message: &str) -> Self {
        let condition = json!({"type": type_, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-24T12:05:00Z"});
        let conditions = list(&mut self.0["status"], "conditions");
        conditions.retain(|known| known["type"] != type_);
        conditions.push(condition);
        self
    }

    pub fn interface(mut self, id: &str, fields: Value) -> Self {
        let mut record = json!({"id": id, "vpcId": "vpc-1", "isolationGroups": ["sg-0"],
            "recordedAt": "2026-11-24T12:00:01Z"});
        extend(&mut record, fields);
        list(&mut self.0["status"], "interfaces").push(record);
        self
    }

    pub fn build(&self) -> Quarantine {
        serde_json::from_value(self.0.clone()).expect("a Quarantine")
    }

    fn merge(mut self, part: &str, fields: Value) -> Self {
        extend(&mut self.0[part], fields);
        self
    }
}

/// The same, its deletion asked for: that counts as a generation.
pub fn deleted(claim: Claim) -> Claim {
    let generation = claim.0["metadata"]["generation"].as_i64().unwrap_or_default() + 1;
    claim.metadata(json!({"deletionTimestamp": "2026-11-24T12:09:00Z", "generation": generation}))
}

fn extend(into: &mut Value, fields: Value) {
    if let (Value::Object(into), Value::Object(fields)) = (into, fields) {
        into.extend(fields);
    }
}

fn list<'a>(object: &'a mut Value, name: &str) -> &'a mut Vec<Value> {
    let object = object.as_object_mut().expect("an object");
    object.entry(name).or_insert_with(|| json!([])).as_array_mut().expect("a list")
}
