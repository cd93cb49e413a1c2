//! The operator as its own process, with the rights of its own service account and no others: that account's tokens are
//! its way to the API server, and to the role in AWS. Its settings reach only the emulator, and hold no AWS key.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Error, Result, anyhow};
use xtask::emulator::{client_settings, without_aws_settings};
use xtask::process::{Running, last_lines};

use super::install::arguments;
use super::narrator::Shell;
use super::stage::Stage;

pub const NAME: &str = "quarantine-operator";
const LOG: &str = "quarantine-operator.log";

pub struct Operator {
    process: Running,
    log: PathBuf,
}

impl Operator {
    pub fn start(binary: &Path, stage: &Stage, region: &str, role_arn: &str, shell: &Shell) -> Result<Self> {
        let kubeconfig = stage.kubeconfig_for(&service_account(stage), &token(stage, &[], shell)?)?;
        let aws_token = stage.run_dir().join("aws-token");
        fs::write(&aws_token, token(stage, &["--audience", "sts.amazonaws.com"], shell)?)
            .with_context(|| format!("cannot write {}", aws_token.display()))?;

        shell.remark(&format!("$ AWS_ROLE_ARN={role_arn} AWS_WEB_IDENTITY_TOKEN_FILE=… quarantine-operator run"));
        let mut operator = Command::new(binary);
        without_aws_settings(&mut operator);
        operator.args(arguments(stage)?).env("POD_NAMESPACE", stage.namespaces.operator).env_remove("NODE_NAME");
        operator.env("KUBECONFIG", kubeconfig).envs(client_settings(&stage.aws_endpoint()?, region));
        if stage.guest().is_some() {
            // The emulator is reached without a proxy, and the cluster as kubectl reaches it.
            let own = env::var("NO_PROXY").or_else(|_| env::var("no_proxy")).unwrap_or_default();
            operator.env("NO_PROXY", format!("{own},127.0.0.1").trim_start_matches(','));
        }
        operator.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        operator.env("AWS_ROLE_ARN", role_arn).env("AWS_WEB_IDENTITY_TOKEN_FILE", aws_token);
        let log = stage.run_dir().join(LOG);
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

/// The operator's, as the API server names it.
pub fn service_account(stage: &Stage) -> String {
    format!("system:serviceaccount:{}:{NAME}", stage.namespaces.operator)
}

/// A token of the service account, which isn't shown.
fn token(stage: &Stage, audience: &[&str], shell: &Shell) -> Result<String> {
    let arguments = [&["create", "token", NAME, "-n", stage.namespaces.operator], audience].concat();
    shell.announce("kubectl", &[&stage.context()[..], &arguments].concat());
    let mut kubectl = stage.kubectl();
    kubectl.args(&arguments);
    Ok(shell.run_quietly("kubectl", kubectl)?.trim().to_owned())
}
