//! The aws command line as the account's administrator: what a person types, on the emulator. It reaches nothing else.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use xtask::emulator::{client_settings, without_aws_settings};

use super::narrator::Shell;
use super::stage::Stage;

pub struct Aws {
    endpoint: String,
    pub region: String,
    pub account: String,
}

impl Aws {
    /// Fails, before anything starts, with what has to be installed.
    pub fn require() -> Result<()> {
        let found = Command::new("aws").arg("--version").stdin(Stdio::null()).output();
        ensure!(
            found.is_ok_and(|answer| answer.status.success()),
            "the demo shows what it does with the aws command line, which has to be installed first: see \
             https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html (or pip install awscli)"
        );
        Ok(())
    }

    pub fn new(stage: &Stage, region: &str) -> Result<Self> {
        let mut aws = Self { endpoint: stage.aws_endpoint()?, region: region.to_owned(), account: String::new() };
        let identity = aws.ask(&["sts", "get-caller-identity"])?;
        aws.account = identity["Account"].as_str().context("AWS names no account")?.to_owned();
        Ok(aws)
    }

    /// Runs and shows a command, without what it prints.
    pub fn tell(&self, arguments: &[&str], shell: &Shell) -> Result<()> {
        shell.announce("aws", arguments);
        shell.run_quietly("aws", self.command(arguments)).map(|_| ())
    }

    /// Runs and shows a command with what it prints, which is answered.
    pub fn show(&self, arguments: &[&str], shell: &Shell) -> Result<String> {
        shell.run("aws", arguments, self.command(arguments))
    }

    /// What a command prints as JSON, without showing it.
    pub fn ask(&self, arguments: &[&str]) -> Result<Value> {
        let answer = Shell.run_quietly("aws", self.command(arguments))?;
        serde_json::from_str(&answer).with_context(|| format!("aws {} printed something else", arguments.join(" ")))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut aws = Command::new("aws");
        without_aws_settings(&mut aws);
        // Version 1 sends SQS calls to AWS whatever AWS_ENDPOINT_URL says; only the option holds for all.
        aws.args(["--endpoint-url", &self.endpoint]).args(arguments);
        aws.envs(client_settings(&self.endpoint, &self.region));
        aws.env("AWS_PAGER", "").env("AWS_DEFAULT_OUTPUT", "json");
        aws
    }
}
