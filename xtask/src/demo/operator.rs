//! The operator as its own process, with the rights of its own service account and no others: that account's tokens are
//! its way to the API server, and to the role in AWS. Its settings reach only the emulator, and hold no AWS key.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow};
use xtask::Stack;
use xtask::emulator::{client_settings, without_aws_settings};
use xtask::process::{Running, last_lines};

use super::install::arguments;
use super::narrator::Shell;

pub const SERVICE_ACCOUNT: &str = "system:serviceaccount:quarantine-system:quarantine-operator";
pub const NAMESPACE: &str = "quarantine-system";
pub const NAME: &str = "quarantine-operator";
const LOG: &str = "quarantine-operator.log";

pub struct Operator {
    process: Running,
    log: PathBuf,
}

impl Operator {
    pub fn start(binary: &Path, stack: &Stack, region: &str, role_arn: &str, shell: &Shell) -> Result<Self> {
        let kubeconfig = stack.kubeconfig_for(SERVICE_ACCOUNT, &token(stack, &[], shell)?)?;
        let aws_token = stack.run_dir().join("aws-token");
        fs::write(&aws_token, token(stack, &["--audience", "sts.amazonaws.com"], shell)?)
            .with_context(|| format!("cannot write {}", aws_token.display()))?;

        shell.remark(&format!("$ AWS_ROLE_ARN={role_arn} AWS_WEB_IDENTITY_TOKEN_FILE=… quarantine-operator run"));
        let mut operator = Command::new(binary);
        without_aws_settings(&mut operator);
        operator.args(arguments(stack)?).env("POD_NAMESPACE", NAMESPACE).env_remove("NODE_NAME");
        operator.env("KUBECONFIG", kubeconfig).envs(client_settings(&stack.aws_endpoint()?, region));
        operator.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        operator.env("AWS_ROLE_ARN", role_arn).env("AWS_WEB_IDENTITY_TOKEN_FILE", aws_token);
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

/// A token of the service account, which isn't shown.
fn token(stack: &Stack, audience: &[&str], shell: &Shell) -> Result<String> {
    let arguments = [&["create", "token", NAME, "-n", NAMESPACE], audience].concat();
    shell.announce("kubectl", &arguments);
    let mut kubectl = stack.kubectl();
    kubectl.args(&arguments);
    Ok(shell.run_quietly("kubectl", kubectl)?.trim().to_owned())
}
