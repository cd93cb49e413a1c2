//! `check`: each thing that the operator needs is made missing in turn, and is named with what to do.
//!
//! | file | what is missing there |
//! |---|---|
//! | `nothing` | nothing |
//! | `cluster` | the API server, the custom resources, the right time |
//! | `older` | fields that a running operator has and the custom resources lack |
//! | `rights` | rights in the cluster |
//! | `policy` | classes and namespaces that fit |
//! | `aws` | identity, roles, regions, rights, groups |
//! | `sources` | queues and what is made of their messages |
//! | `tls` | an authority that is trusted |

mod aws;
mod cluster;
mod nothing;
mod older;
mod policy;
mod rights;
mod sources;
mod tls;

use crate::{
    e2e::scene::Scene,
    lost::clear,
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        process::{ground, program},
    },
};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use quarantine_operator::api::FindingSource;
use serde_json::{Value, json};
use std::process::{Command, Output};
use tokio::sync::MutexGuard;
use xtask::Stack;

/// An account with an instance, and an API server without objects, to itself. No operator runs.
pub struct Stage {
    pub stack: MutexGuard<'static, Stack>,
    pub scene: Scene,
}

impl Stage {
    pub async fn open() -> Self {
        let stack = ground().await;
        let desk = Desk::open(client_of(&stack).await).await;
        clear(&desk).await;
        let sources: Api<FindingSource> = Api::all(desk.client.clone());
        for source in sources.list(&Default::default()).await.expect("a list") {
            sources.delete(&source.name_any(), &DeleteParams::default()).await.expect("deleted");
        }
        Self { scene: Scene::on(desk, &[&["web"]]).await, stack }
    }

    /// What `check` says of it as it is.
    pub fn said(&self) -> Said {
        self.said_with(|_| {})
    }

    pub fn said_with(&self, change: impl FnOnce(&mut Command)) -> Said {
        said(&self.stack, change)
    }

    /// A source of that queue, whose template fits the scene's class; `spec` is merged over that.
    pub async fn source(&self, queue_url: &str, spec: Value) {
        let namespace = &self.scene.desk.namespace;
        let mut all = json!({
            "queueUrl": queue_url, "region": "eu-central-1",
            "assumeRole": {"roleName": "quarantine", "externalId": "only-ours"},
            "accept": {"customActionArns": [
                format!("arn:aws:securityhub:eu-central-1:{}:action/custom/Quarantine", self.scene.account.id)]},
            "template": {"namespace": namespace, "className": namespace},
        });
        if let (Value::Object(all), Value::Object(spec)) = (&mut all, spec) {
            all.extend(spec);
        }
        let source = json!({"apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource",
            "metadata": {"name": "hub"}, "spec": all});
        let sources: Api<FindingSource> = Api::all(self.scene.desk.client.clone());
        let apply = PatchParams::apply("tests").force();
        sources.patch("hub", &apply, &Patch::Apply(source)).await.expect("a source is accepted");
    }
}

/// How `check` ended, and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub text: String,
}

/// `check` on this stack, as the operator's account; `change` is made to its command line or environment.
pub fn said(stack: &Stack, change: impl FnOnce(&mut Command)) -> Said {
    let mut command = program(stack, OPERATOR_ACCOUNT);
    command.arg("check").env_remove("POD_NAMESPACE");
    change(&mut command);
    let Output { status, stdout, stderr } = command.output().expect("it runs");
    let text = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    Said { code: status.code().expect("it ends by itself"), text }
}

impl Said {
    /// The one line with all these words.
    pub fn line(&self, words: &[&str]) -> &str {
        let mut lines = self.text.lines().filter(|line| words.iter().all(|word| line.contains(word)));
        let line = lines.next().unwrap_or_else(|| panic!("no line with {words:?}:\n{}", self.text));
        assert_eq!(lines.next(), None, "one line with {words:?}:\n{}", self.text);
        line
    }

    /// This is missing, and nothing else is.
    pub fn misses_only(&self, words: &[&str]) -> &str {
        assert_eq!(self.code, 1, "{}", self.text);
        assert_eq!(self.text.matches("MISSING").count(), 1, "{}", self.text);
        let line = self.line(&["MISSING"]);
        assert!(words.iter().all(|word| line.contains(word)), "{words:?}: {line}");
        line
    }
}
