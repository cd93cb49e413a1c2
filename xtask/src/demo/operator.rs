//! The operator as its own process: with the token of its own service account, so that its RBAC rules are proven too,
//! and with AWS settings that reach only the emulator.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Error, Result, anyhow};
use xtask::Stack;
use xtask::emulator::{client_settings, without_aws_settings};
use xtask::process::{Running, last_lines};

use super::narrator::Shell;
use super::scene::Scene;

const NAMESPACE: &str = "quarantine-system";
const SERVICE_ACCOUNT: &str = "quarantine-operator";
const LOG: &str = "quarantine-operator.log";

pub struct Operator {
    process: Running,
    log: PathBuf,
}

impl Operator {
    pub fn start(binary: &Path, stack: &Stack, scene: &Scene<'_>, shell: &Shell) -> Result<Self> {
        let create_token = ["create", "token", SERVICE_ACCOUNT, "-n", NAMESPACE];
        shell.remark(&format!("$ kubectl {}", create_token.join(" ")));
        let mut kubectl = stack.kubectl();
        kubectl.args(create_token);
        let token = shell.run_quietly("kubectl", kubectl)?;
        let user = format!("system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}");
        let kubeconfig = stack.kubeconfig_for(&user, token.trim())?;

        shell.remark("$ quarantine-operator run");
        let mut operator = Command::new(binary);
        without_aws_settings(&mut operator);
        operator.arg("run").env("KUBECONFIG", kubeconfig);
        operator.envs(client_settings(&stack.aws_endpoint()?, &scene.region));
        let log = stack.run_dir().join(LOG);
        Ok(Self { process: Running::start("the operator", operator, &log)?, log })
    }

    /// Adds to a failure of the story what the operator has said.
    pub fn explain(&mut self, error: Error) -> Error {
        match self.process.check() {
            Err(ended) => anyhow!("{error:#}\n{ended:#}"),
            Ok(()) => anyhow!("{error:#}\nthe operator still runs; {}", last_lines(&self.log)),
        }
    }
}
