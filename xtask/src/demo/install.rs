//! Installing the operator in the demo: from deploy/base, or from the chart by helm. Its pods can't run here, so what its
//! Deployment would run is read from there, for the process that stands in for a pod.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::Stack;
use xtask::tools::{self, Tool};

use super::narrator::Shell;
use super::operator::{NAME, NAMESPACE};

const CHART: &str = "charts/quarantine-operator";

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Kustomize,
    Helm,
}

impl Way {
    /// What has to be there beside the stack.
    pub fn tools(self) -> Vec<Tool> {
        match self {
            Self::Kustomize => Vec::new(),
            Self::Helm => vec![Tool::Helm],
        }
    }

    pub fn install(self, stack: &Stack, role_arn: &str, shell: &Shell) -> Result<()> {
        match self {
            Self::Kustomize => shell.kubectl(stack, &["apply", "-k", "deploy/base"])?,
            Self::Helm => {
                let role = format!("aws.roleArn={role_arn}");
                let arguments =
                    ["install", NAME, CHART, "--namespace", NAMESPACE, "--create-namespace", "--set", &role];
                shell.run("helm", &arguments, helm(stack, &arguments)?)?;
            }
        }
        shell.kubectl(stack, &["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"])
    }
}

/// helm as the administrator, with nothing of it outside of the stack's folder.
fn helm(stack: &Stack, arguments: &[&str]) -> Result<Command> {
    let mut helm = Command::new(tools::find(Tool::Helm)?.context("helm is gone")?);
    helm.args(arguments).env("KUBECONFIG", stack.kubeconfig());
    for home in ["CACHE", "CONFIG", "DATA"] {
        helm.env(format!("HELM_{home}_HOME"), stack.run_dir().join("helm"));
    }
    Ok(helm)
}

/// The arguments of the Deployment's container, but that nothing is served: its ports are for a pod's own address.
pub fn arguments(stack: &Stack) -> Result<Vec<String>> {
    let mut kubectl = stack.kubectl();
    kubectl.args(["get", "deployment", NAME, "--namespace", NAMESPACE, "--output", "json"]);
    let deployment: Value = serde_json::from_str(&Shell.run_quietly("kubectl", kubectl)?)?;
    let arguments = deployment.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
    let arguments = arguments.context("the Deployment's container has arguments")?.iter();
    let served = |argument: &str| match argument.split_once("-bind-address=") {
        Some((what, _)) => format!("{what}-bind-address=0"),
        None => argument.to_owned(),
    };
    arguments.map(|argument| argument.as_str().map(served).context("an argument is text")).collect()
}
