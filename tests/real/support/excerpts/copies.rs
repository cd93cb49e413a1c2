//! What `kubectl describe` says of an object as it was at one moment: of a copy, on an API server on which nothing acts.
//! The object itself has moved on by the time that kubectl reads it.

use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams},
};
use quarantine_operator::api::Condition;
use serde::Serialize;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};
use xtask::{Stack, StackOptions};

/// An object as a watch showed it.
pub struct Object {
    pub kind: String,
    pub reasons: Vec<String>,
    resource: ApiResource,
    whole: Value,
}

impl Object {
    pub fn of<K: Resource<DynamicType = ()> + Serialize>(object: &K, conditions: &[Condition]) -> Self {
        Self {
            kind: K::kind(&()).into_owned(),
            reasons: conditions.iter().map(|condition| condition.reason.clone()).collect(),
            resource: ApiResource::erase::<K>(&()),
            whole: serde_json::to_value(object).expect("an object is JSON"),
        }
    }
}

/// The API server that the copies are on, one for the whole process.
pub struct Copies {
    client: Client,
    kubeconfig: PathBuf,
    cache: PathBuf,
}

impl Copies {
    /// In the runtime of whoever uses it: a client lives and dies with that.
    pub async fn open() -> Self {
        static STACK: OnceLock<Stack> = OnceLock::new();
        let stack = STACK.get_or_init(|| {
            let started = Stack::start(StackOptions { emulator: false, ..StackOptions::default() });
            started.unwrap_or_else(|error| panic!("{error:#}"))
        });
        let client = crate::support::client_of(stack).await;
        crate::support::apply_crds(&client).await;
        Self { client, kubeconfig: stack.kubeconfig(), cache: stack.kubectl_cache() }
    }

    pub async fn describe(&self, object: &Object) -> kube::Result<String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("copy-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let copy = json!({
            "apiVersion": object.resource.api_version, "kind": object.kind, "metadata": {"name": name},
            "spec": object.whole["spec"],
        });
        let copy = serde_json::from_value(copy).map_err(kube::Error::SerdeError)?;
        let copies: Api<DynamicObject> = if object.whole["metadata"]["namespace"].is_null() {
            Api::all_with(self.client.clone(), &object.resource)
        } else {
            Api::default_namespaced_with(self.client.clone(), &object.resource)
        };
        copies.create(&PostParams::default(), &copy).await?;
        let status = Patch::Merge(json!({"status": object.whole["status"]}));
        copies.patch_status(&name, &PatchParams::default(), &status).await?;
        let mut command = Command::new("kubectl");
        command.args(["describe", &object.kind, &name]);
        command.env("KUBECONFIG", &self.kubeconfig).env("KUBECACHEDIR", &self.cache);
        let output = command.output().expect("kubectl runs");
        assert!(output.status.success(), "kubectl describe: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
