//! The operator as its own process, with the token of its own service account.

use super::scene::Scene;
use anyhow::{Context as _, Result, ensure};
use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use xtask::{
    emulator::{client_settings, without_aws_settings},
    process::Running,
};

const LOG: &str = "quarantine-operator.log";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running operator. Dropping it stops it.
pub struct Operator(Running);

impl Operator {
    pub fn start(binary: &Path, scene: &Scene<'_>, resync: Duration) -> Result<Self> {
        let mut operator = Command::new(binary);
        without_aws_settings(&mut operator);
        operator.args(["run", "--metrics-bind-address=0", "--health-probe-bind-address=0"]);
        operator.env("KUBECONFIG", &scene.operators_kubeconfig);
        operator.env("QUARANTINE_RESYNC_SECONDS", resync.as_secs().to_string());
        operator.envs(client_settings(&scene.endpoint, super::scene::REGION));
        Ok(Self(Running::start("the operator", operator, &scene.stack.run_dir().join(LOG))?))
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.pid()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the kernel tells VmRSS")?;
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>().context("VmRSS is a number")?;
        Ok(kib * 1024)
    }
}

/// How long it takes from its start to the first call of its first reconcile, and its memory at rest after that. One
/// claim is held meanwhile.
pub async fn starts(binary: &Path, scene: &Scene<'_>, times: usize) -> Result<(Vec<Duration>, u64)> {
    let (mut starts, mut memory) = (Vec::new(), 0);
    for _ in 0..times {
        let mark = scene.logs.mark()?;
        let (began, deadline) = (SystemTime::now().duration_since(UNIX_EPOCH)?, Instant::now() + PATIENCE);
        let operator = Operator::start(binary, scene, Duration::from_secs(300))?;
        let first = loop {
            if let Some(call) = scene.logs.calls(mark)?.first() {
                break call.time;
            }
            ensure!(Instant::now() < deadline, "the operator calls nothing within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        starts.push(Duration::from_secs_f64(first - began.as_secs_f64()));
        scene.logs.quiet().await?;
        memory = operator.memory()?;
    }
    Ok((starts, memory))
}
