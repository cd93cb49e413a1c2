//! Where the chart is installed: an API server of a test's own without CRDs, an account with an instance, helm, and the
//! operator's process as the installed Deployment describes it, with the token of its own service account.

use super::{CHART, NAMESPACE, RELEASE, arguments, command, output};
use crate::{
    e2e::scene::{CLAIM, Scene},
    findings::stage::{EXTERNAL_ID, ROLE},
    support::{
        claims::Desk,
        client_of,
        operator::OPERATOR_ACCOUNT,
        own_stack::OwnStack,
        process::{Process, program},
        wait::until,
    },
};
use serde_json::{Value, json};
use std::{fs, path::PathBuf, process::Command};
use xtask::{StackOptions, tools::Tool};

/// The node of every operator here, and the instance behind it.
pub const NODE: &str = "node-1";

pub struct Site {
    pub stack: OwnStack,
    pub scene: Scene,
}

impl Site {
    /// Nothing is installed yet. The instance has two interfaces of different groups.
    pub async fn open(options: StackOptions) -> Self {
        let stack = OwnStack::bare(options).await;
        let scene = Scene::on(Desk::open(client_of(&stack).await).await, &[&["web"], &["app", "db"]]).await;
        let site = Self { stack, scene };
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE},
            "spec": {"providerID": "aws:///eu-central-1a/i-00000000000000001"}});
        site.apply(&node);
        site
    }

    pub fn apply(&self, object: &Value) {
        let file = self.stack.run_dir().join("object.json");
        fs::write(&file, object.to_string()).expect("it is written");
        self.kubectl(&["apply", "-f", &file.to_string_lossy()]);
    }

    pub fn kubectl(&self, arguments: &[&str]) -> String {
        let mut kubectl = self.stack.kubectl();
        kubectl.args(arguments);
        output(kubectl).unwrap_or_else(|refusal| panic!("kubectl {arguments:?}: {refusal}"))
    }

    pub fn get(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.kubectl(&[&["get", "-o", "json"], arguments].concat())).expect("JSON")
    }

    /// helm in the operator's namespace, as the administrator, with nothing of it outside of the stack's folder.
    pub fn helm(&self, arguments: &[&str]) -> Command {
        let mut helm = command(Tool::Helm);
        helm.args(arguments).args(["--namespace", NAMESPACE]).env("KUBECONFIG", self.stack.kubeconfig());
        for home in ["CACHE", "CONFIG", "DATA"] {
            helm.env(format!("HELM_{home}_HOME"), self.stack.run_dir().join("helm"));
        }
        helm
    }

    /// The class of the scene, from the values.
    fn values(&self) -> PathBuf {
        let namespace = &self.scene.desk.namespace;
        let class = json!({
            "accounts": [self.scene.account.id], "assumeRole": {"roleName": ROLE, "externalId": EXTERNAL_ID},
            "securityGroup": {"id": self.scene.isolation},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        });
        let values = json!({"classes": {namespace: class}, "resyncSeconds": 1});
        let file = self.stack.run_dir().join("values.json");
        fs::write(&file, values.to_string()).expect("it is written");
        file
    }

    pub fn install(&self) {
        let values = format!("--values={}", self.values().display());
        let helm = self.helm(&["install", RELEASE, CHART, "--create-namespace", &values]);
        let said = output(helm).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(said.contains("STATUS: deployed"), "{said}");
    }

    /// With this service account's token, as its pods have it.
    pub fn kubeconfig_of(&self, account: &str) -> PathBuf {
        let token = self.kubectl(&["-n", NAMESPACE, "create", "token", account]);
        let user = format!("system:serviceaccount:{NAMESPACE}:{account}");
        self.stack.kubeconfig_for(&user, token.trim()).expect("it is written")
    }

    /// The operator as the Deployment runs it, but on ports that the kernel chooses, on loopback.
    pub fn operator(&self, pod: &str) -> Process {
        let deployment = self.get(&["-n", NAMESPACE, "deployment", RELEASE]);
        let spec = &deployment["spec"]["template"]["spec"];
        let container = &spec["containers"][0];
        let mut command = program(&self.stack, OPERATOR_ACCOUNT);
        command.args(arguments(container));
        command.env("KUBECONFIG", self.kubeconfig_of(spec["serviceAccountName"].as_str().expect("an account")));
        for variable in container["env"].as_array().expect("an environment") {
            let name = variable["name"].as_str().expect("a name");
            let value = match variable["valueFrom"]["fieldRef"]["fieldPath"].as_str() {
                Some("spec.nodeName") => NODE,
                Some("metadata.name") => pod,
                Some("metadata.namespace") => NAMESPACE,
                other => panic!("{name} comes from {other:?}"),
            };
            command.env(name, value);
        }
        Process::of(&format!("operator-{pod}"), &self.stack, command)
    }

    pub async fn contain(&self) {
        self.scene.claim(json!({})).await;
        self.scene.desk.contained(CLAIM).await;
        crate::meant::is_isolated(&self.scene).await;
    }

    pub async fn release(&self) {
        self.scene.delete_and_wait().await;
        self.is_given_back().await;
    }

    pub async fn is_given_back(&self) {
        crate::meant::is_given_back(&self.scene, &[&["web"], &["app", "db"]]).await;
    }

    /// Waits until somebody holds the lease.
    pub async fn is_led(&self) {
        until("a replica leads", async || {
            let leases = self.get(&["-n", NAMESPACE, "leases"]);
            let holder = leases["items"][0]["spec"]["holderIdentity"].as_str()?.to_owned();
            (!holder.is_empty()).then_some(())
        })
        .await;
    }
}
