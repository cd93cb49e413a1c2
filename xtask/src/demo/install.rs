//! Installing the operator in the demo: from deploy/base, or from the chart by helm. Its pods can't run here, so what its
//! Deployment would run is read from there, for the process that stands in for a pod.

use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;
use xtask::tools::{self, Tool};

use super::narrator::Shell;
use super::operator::NAME;
use super::stage::Stage;

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

    pub fn install(self, stage: &Stage, role_arn: &str, shell: &Shell) -> Result<()> {
        match self {
            Self::Kustomize => match stage.guest() {
                None => shell.kubectl(stage, &["apply", "-k", "deploy/base"])?,
                Some(guest) => {
                    let base = guest.write_base()?;
                    shell.remark("(deploy/base in a namespace of the demo's own, with its label, and without a pod)");
                    shell.kubectl(stage, &["apply", "-k", &base.to_string_lossy()])?;
                }
            },
            Self::Helm => {
                let (role, namespace) = (format!("aws.roleArn={role_arn}"), stage.namespaces.operator);
                let arguments =
                    ["install", NAME, CHART, "--namespace", namespace, "--create-namespace", "--set", &role];
                shell.run("helm", &arguments, helm(stage, &arguments)?)?;
            }
        }
        shell.kubectl(stage, &["wait", "--for=condition=Established", "--timeout=60s", "-f", "crds/"])
    }
}

/// helm as the administrator, with nothing of it outside of the stack's folder.
fn helm(stage: &Stage, arguments: &[&str]) -> Result<Command> {
    let mut helm = Command::new(tools::find(Tool::Helm)?.context("helm is gone")?);
    let kubeconfig = stage.kubeconfig().context("helm installs on a stack of the demo's own alone")?;
    helm.args(arguments).env("KUBECONFIG", kubeconfig);
    for home in ["CACHE", "CONFIG", "DATA"] {
        helm.env(format!("HELM_{home}_HOME"), stage.run_dir().join("helm"));
    }
    Ok(helm)
}

/// The arguments of the Deployment's container, but that nothing is served: its ports are for a pod's own address.
pub fn arguments(stage: &Stage) -> Result<Vec<String>> {
    let mut kubectl = stage.kubectl();
    kubectl.args(["get", "deployment", NAME, "--namespace", stage.namespaces.operator, "--output", "json"]);
    let deployment: Value = serde_json::from_str(&Shell.run_quietly("kubectl", kubectl)?)?;
    let arguments = deployment.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array);
    let arguments = arguments.context("the Deployment's container has arguments")?.iter();
    let served = |argument: &str| match argument.split_once("-bind-address=") {
        Some((what, _)) => format!("{what}-bind-address=0"),
        None => argument.to_owned(),
    };
    arguments.map(|argument| argument.as_str().map(served).context("an argument is text")).collect()
}
