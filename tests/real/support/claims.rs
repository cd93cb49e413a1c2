//! Namespaces, classes and Quarantines, as a person would write them; and what their status says.

use super::{operator, wait::until};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use quarantine_operator::api::{Condition, Quarantine, QuarantineClass, QuarantineStatus};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

/// A namespace of a test's own, and the Quarantines in it.
pub struct Desk {
    pub client: Client,
    pub namespace: String,
    pub claims: Api<Quarantine>,
}

impl Desk {
    /// A fresh namespace.
    pub async fn open(client: Client) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("ir-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let object = serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
        namespaces.create(&PostParams::default(), &object).await.expect("a namespace is made");
        Self { claims: Api::namespaced(client.clone(), &namespace), client, namespace }
    }

    /// A class that only this namespace may use, named after it; `spec` is merged over that.
    pub async fn class(&self, spec: Value) -> QuarantineClass {
        self.named_class(&self.namespace, spec).await
    }

    pub async fn named_class(&self, name: &str, spec: Value) -> QuarantineClass {
        let mut class = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "QuarantineClass", "metadata": {"name": name},
            "spec": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self.namespace}}},
        });
        merge(&mut class["spec"], spec);
        let classes: Api<QuarantineClass> = Api::all(self.client.clone());
        classes
            .patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(class))
            .await
            .expect("a class is accepted")
    }

    /// A Quarantine of this namespace's class; `spec` is merged over that.
    pub async fn claim(&self, name: &str, spec: Value) -> Quarantine {
        self.try_claim(name, spec).await.expect("a Quarantine is accepted")
    }

    pub async fn try_claim(&self, name: &str, spec: Value) -> kube::Result<Quarantine> {
        let mut claim = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "Quarantine", "metadata": {"name": name},
            "spec": {"className": self.namespace},
        });
        merge(&mut claim["spec"], spec);
        self.claims.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(claim)).await
    }

    pub async fn edit(&self, name: &str, patch: Value) -> Quarantine {
        self.claims.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.expect("the edit is accepted")
    }

    /// Asks for its deletion, and waits for nothing.
    pub async fn delete(&self, name: &str) {
        self.claims.delete(name, &DeleteParams::default()).await.expect("the deletion is accepted");
    }

    pub async fn gone(&self, name: &str) {
        until(&format!("{name} is gone"), async || {
            self.claims.get_opt(name).await.expect("a read").is_none().then_some(())
        })
        .await;
    }

    /// Waits until the condition has this status and reason.
    pub async fn says(&self, name: &str, type_: &str, status: &str, reason: &str) -> Quarantine {
        until(&format!("{name} says {type_}={status}/{reason}"), async || {
            let claim = self.claims.get_opt(name).await.expect("a read")?;
            let said = condition(&claim, type_)?;
            (format!("{:?}", said.status) == status && said.reason == reason).then_some(claim)
        })
        .await
    }

    pub async fn contained(&self, name: &str) -> Quarantine {
        self.says(name, "Contained", "True", "Contained").await
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        operator::is_over(std::mem::take(&mut self.namespace));
    }
}

/// The condition of that type.
pub fn condition<'a>(claim: &'a Quarantine, type_: &str) -> Option<&'a Condition> {
    claim.conditions().iter().find(|condition| condition.type_ == type_)
}

/// Whether a condition is there and true.
pub fn holds(claim: &Quarantine, type_: &str) -> bool {
    condition(claim, type_).is_some_and(Condition::is_true)
}

pub fn status(claim: &Quarantine) -> &QuarantineStatus {
    claim.status.as_ref().unwrap_or_else(|| panic!("{} has a status", claim.name_any()))
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
