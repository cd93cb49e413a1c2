//! Calling the binary, and what it says.

use crate::{
    e2e::scene::Scene,
    support::{claims::Desk, stack},
    wire::account::REGION,
};
use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

pub const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-quarantine");

/// What a call ended with, and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it says text");
        let code = output.status.code().expect("it ends by itself");
        Self { code, out: text(output.stdout), err: text(output.stderr) }
    }

    /// Checks how it ended.
    pub fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    pub fn says(self, words: &[&str]) -> Self {
        let all = format!("{}{}", self.out, self.err);
        let missing: Vec<&&str> = words.iter().filter(|word| !all.contains(**word)).collect();
        assert!(missing.is_empty(), "{missing:?} in {self:?}");
        self
    }
}

/// The plugin with this kubeconfig, and without what the environment says about a region, a terminal's input or colours.
pub fn with(kubeconfig: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(PLUGIN);
    command.env("KUBECONFIG", kubeconfig).args(arguments).stdin(Stdio::null());
    for variable in
        ["AWS_REGION", "AWS_DEFAULT_REGION", "NO_COLOR", "KUBERNETES_SERVICE_HOST", "HTTPS_PROXY", "https_proxy"]
    {
        command.env_remove(variable);
    }
    command
}

/// As the administrator of the shared API server, in this namespace.
pub fn command(desk: &Desk, arguments: &[&str]) -> Command {
    let mut command = with(&stack().kubeconfig(), arguments);
    command.args(["-n", &desk.namespace]);
    command
}

pub fn plugin(desk: &Desk, arguments: &[&str]) -> Said {
    Said::of(command(desk, arguments).output().expect("it runs"))
}

/// Cuts the scene's instance off, as the scene's class allows it.
pub fn isolate(scene: &Scene, more: &[&str]) -> Said {
    let class = &scene.desk.namespace;
    let usual = [&scene.instance, "--region", REGION, "--account", &scene.account.id, "--class", class];
    plugin(&scene.desk, &[&usual, more].concat())
}
