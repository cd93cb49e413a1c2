//! Good objects to be spoilt, and what must come of that. They are sent as plain JSON, as people send them, so that the
//! Rust types don't mend or refuse anything first.

use crate::support::{claims::Desk, client};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use quarantine_operator::api::{Quarantine, QuarantineClass};
use serde_json::{Value, json};

pub const INSTANCE: &str = "i-0123456789abcdef0";
pub const PRODUCT: &str = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";

/// A Quarantine of a class that nobody has made, so that an operator on the same API server leaves it alone.
pub fn quarantine(change: Value) -> Value {
    let instance = json!({"id": INSTANCE, "region": "eu-central-1"});
    object("Quarantine", json!({"target": {"instance": instance}, "className": "nobodys"}), change)
}

/// A Quarantine by finding.
pub fn by_finding(change: Value) -> Value {
    let finding = json!({"id": "finding-1", "region": "eu-central-1"});
    object("Quarantine", json!({"target": {"finding": finding}, "className": "nobodys"}), change)
}

/// A class whose isolation group has an id.
pub fn class(change: Value) -> Value {
    object("QuarantineClass", json!({"securityGroup": {"id": "sg-0123456789abcdef0"}}), change)
}

/// A class whose isolation group the operator makes.
pub fn managed(change: Value) -> Value {
    let ingress = json!([{"port": 22, "cidrs": ["10.0.0.0/8"]}]);
    object("QuarantineClass", json!({"securityGroup": {"managed": {"name": "isolation", "ingress": ingress}}}), change)
}

/// A class whose managed isolation group lets in exactly this.
pub fn ingress(rule: Value) -> Value {
    managed(json!({"securityGroup": {"managed": {"ingress": [rule]}}}))
}

fn object(kind: &str, mut spec: Value, change: Value) -> Value {
    merge(&mut spec, change);
    json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": kind, "metadata": {"name": "sample"}, "spec": spec})
}

/// A JSON merge patch (RFC 7386).
fn merge(into: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *into = patch;
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in patch {
        match value {
            Value::Null => drop(into.as_object_mut().and_then(|into| into.remove(&key))),
            value => merge(&mut into[key], value),
        }
    }
}

/// Where objects of this one's kind are written: classes nowhere in particular.
pub fn resource(client: &Client, namespace: &str, object: &Value) -> Api<DynamicObject> {
    match object["kind"].as_str() {
        Some("Quarantine") => Api::namespaced_with(client.clone(), namespace, &ApiResource::erase::<Quarantine>(&())),
        _ => Api::all_with(client.clone(), &ApiResource::erase::<QuarantineClass>(&())),
    }
}

/// The object as the API server stored it, under a name and in a namespace of its own.
pub async fn create(mut object: Value) -> (Api<DynamicObject>, DynamicObject) {
    let desk = Desk::open(client().await).await;
    object["metadata"]["name"] = json!(desk.namespace);
    let api = resource(&desk.client, &desk.namespace, &object);
    let created = api.create(&PostParams::default(), &dynamic(object)).await.expect("a good object is accepted");
    (api, created)
}

/// What the API server says to this object, without keeping it.
pub async fn try_to_create(object: Value) -> kube::Result<DynamicObject> {
    let api = resource(&client().await, "default", &object);
    api.create(&PostParams { dry_run: true, ..PostParams::default() }, &dynamic(object)).await
}

fn dynamic(object: Value) -> DynamicObject {
    serde_json::from_value(object).expect("an object with metadata")
}

pub async fn refused_at_creation(object: Value, field: &str, fix: &str) {
    refused(try_to_create(object).await, field, fix);
}

pub async fn refused_as_edit(object: Value, edit: Value, field: &str, fix: &str) {
    refused(try_to_edit(object, edit).await, field, fix);
}

pub async fn accepted_as_edit(object: Value, edit: Value) {
    try_to_edit(object, edit).await.expect("the edit is accepted");
}

async fn try_to_edit(object: Value, edit: Value) -> kube::Result<DynamicObject> {
    let (api, created) = create(object).await;
    api.patch(&created.name_any(), &PatchParams::default(), &Patch::Merge(json!({"spec": edit}))).await
}

/// Whether the API server refused it as invalid, for this field, and said how to put it right.
pub fn refused<K: Resource>(answer: kube::Result<K>, field: &str, fix: &str) {
    let refusal = match answer {
        Err(kube::Error::Api(refusal)) => refusal,
        Err(error) => panic!("the API server doesn't answer: {error}"),
        Ok(_) => panic!("it was accepted, though {field} is wrong: {fix}"),
    };
    assert_eq!(refusal.code, 422, "{}", refusal.message);
    let causes = refusal.details.expect("a refusal has details").causes;
    let named = causes.iter().any(|cause| cause.field == field && cause.message.contains(fix));
    assert!(named, "for {field} it must say {fix:?}, but it says: {causes:#?}");
}
