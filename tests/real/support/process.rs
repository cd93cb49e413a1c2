//! The operator as its own process, and the API server that such processes have to themselves.

use super::{
    apply_crds, client_of,
    own_stack::{OwnStack, started},
    wait::until,
};
use crate::wire::{account::REGION, emulator::endpoint};
use jiff::Timestamp;
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use xtask::{
    Stack, StackOptions,
    emulator::{client_settings, without_aws_settings},
    process::Running,
};

pub const BINARY: &str = env!("CARGO_BIN_EXE_quarantine-operator");

/// The kernel chooses the ports: many operators run side by side.
pub const ENDPOINTS: [(&str, &str); 2] =
    [("QUARANTINE_METRICS_BIND_ADDRESS", "127.0.0.1:0"), ("QUARANTINE_HEALTH_PROBE_BIND_ADDRESS", "127.0.0.1:0")];

/// The API server of such tests. One of them at a time works on it.
pub async fn ground() -> MutexGuard<'static, Stack> {
    static GROUND: OnceCell<Mutex<Stack>> = OnceCell::const_new();
    let start = async || {
        let stack = started(StackOptions { emulator: false, ..StackOptions::default() }).await;
        apply_crds(&client_of(&stack).await).await;
        Mutex::new(stack)
    };
    GROUND.get_or_init(start).await.lock().await
}

/// An API server of one test's own, for one that breaks it.
pub async fn fresh_ground() -> OwnStack {
    fresh_ground_with(StackOptions::default()).await
}

pub async fn fresh_ground_with(options: StackOptions) -> OwnStack {
    let stack = OwnStack::bare(options).await;
    apply_crds(&client_of(&stack).await).await;
    stack
}

/// The program, with this stack's cluster and this account as its own.
pub fn program(stack: &Stack, account: &str) -> Command {
    let mut command = Command::new(BINARY);
    without_aws_settings(&mut command);
    command.env("KUBECONFIG", stack.kubeconfig()).envs(client_settings(&endpoint(), REGION));
    command.env("AWS_ACCESS_KEY_ID", account).envs(ENDPOINTS).env_remove("NODE_NAME");
    command
}

/// An operator process, ended with the test. Where the test fails, what the operator said is shown.
pub struct Process(Running, PathBuf);

impl Process {
    pub fn start(stack: &Stack, account: &str) -> Self {
        Self::start_with(stack, account, &[])
    }

    pub fn start_with(stack: &Stack, account: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_named(&format!("operator-of-{account}"), stack, account, settings)
    }

    /// With a log of that name.
    pub fn start_named(name: &str, stack: &Stack, account: &str, settings: &[(&str, &str)]) -> Self {
        Self::start_changed(name, stack, account, |command| {
            command.envs(settings.iter().copied());
        })
    }

    /// With a log of that name; `change` is made to its command line or environment.
    pub fn start_changed(name: &str, stack: &Stack, account: &str, change: impl FnOnce(&mut Command)) -> Self {
        let mut command = program(stack, account);
        command.args(["run", "--log-format", "json", "--log", "quarantine_operator=debug"]);
        command.env("QUARANTINE_RESYNC_SECONDS", "1");
        change(&mut command);
        Self::of(name, stack, command)
    }

    /// Whatever that command runs, with a log of that name.
    pub fn of(name: &str, stack: &Stack, command: Command) -> Self {
        let log = stack.run_dir().join(format!("{name}.log"));
        Self(Running::start("the operator", command, &log).expect("the operator starts"), log)
    }

    /// When it said that for the first time, in seconds of the epoch; waits until it does.
    pub async fn said_at(&self, words: &str) -> f64 {
        let line = until(&format!("the operator says {words}"), async || {
            let said = fs::read_to_string(self.log()).ok()?;
            // The last line may still be written.
            let mut lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            lines.find(|line| line["fields"]["message"].as_str().is_some_and(|message| message.contains(words)))
        })
        .await;
        let at: Timestamp = line["timestamp"].as_str().expect("a time").parse().expect("a time");
        at.as_microsecond() as f64 / 1e6
    }

    /// Waits until its log says that.
    pub async fn is_said(&self, words: &str) {
        until(&format!("the operator says {words}"), async || {
            fs::read_to_string(self.log()).ok()?.contains(words).then_some(())
        })
        .await;
    }

    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends it a signal, such as KILL.
    pub fn signal(&self, name: &str) {
        let told = Command::new("kill").args([format!("-{name}"), self.0.pid().to_string()]).status();
        assert!(told.expect("kill runs").success());
    }

    pub async fn ended(&mut self) -> ExitStatus {
        until("the operator ends", async || self.0.ended().expect("it is our child")).await
    }

    /// What it said so far. Operators of one account on one stack share it.
    pub fn log(&self) -> &Path {
        &self.1
    }

    /// Where the last operator of this log serves `what`, `metrics` or `probes`, once it does.
    pub async fn port_of(&self, what: &str) -> u16 {
        until(&format!("the operator tells where its {what} are"), async || {
            let said = fs::read_to_string(self.log()).unwrap_or_default();
            let lines = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let mut listening = lines.map(|line| line["fields"].clone());
            let told = listening.rfind(|said| said["message"] == "listening" && said["what"] == what)?;
            told["address"].as_str()?.rsplit(':').next()?.parse().ok()
        })
        .await
    }

    pub fn runs(&mut self) -> bool {
        self.0.ended().expect("it is our child").is_none()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ended = self.0.ended();
            eprintln!("the operator ended: {ended:?}; its log:\n{}", fs::read_to_string(&self.1).unwrap_or_default());
        }
        self.0.kill();
    }
}
