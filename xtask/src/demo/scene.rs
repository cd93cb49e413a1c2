//! The instance that the demo plays with, on the emulator: made, looked at and tampered with through ordinary EC2
//! calls by the emulator's scenario module, so that what the demo sees doesn't come from the operator.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::groups::{self, Groups, Interface};
use super::narrator::Shell;
use super::stage::Stage;

const SCENARIO: &str = "aws_emulator.scenario";
const LOOK_EVERY: Duration = Duration::from_millis(100);

pub struct Scene<'a> {
    stage: &'a Stage,
    pub region: String,
    pub instance_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    region: String,
    vpc_id: String,
    instance_id: String,
}

#[derive(Deserialize)]
struct Shown {
    interfaces: Vec<Interface>,
}

impl<'a> Scene<'a> {
    pub fn set(stage: &'a Stage, region: &str, shell: &Shell) -> Result<Self> {
        let answer = scenario(stage, region, &["two-interfaces"], shell)?;
        let made: Made = serde_json::from_str(&answer).context("the scenario answered something else")?;
        shell.remark(&format!("{} in {}, {}", made.instance_id, made.vpc_id, made.region));
        Ok(Self { stage, region: made.region, instance_id: made.instance_id })
    }

    /// The groups of each interface, as EC2 tells them now.
    pub fn groups(&self) -> Result<Groups> {
        let arguments = ["show", "--instance-id", &self.instance_id];
        let answer = scenario(self.stage, &self.region, &arguments, &Shell)?;
        let shown: Shown = serde_json::from_str(&answer).context("the scenario answered something else")?;
        Ok(shown.interfaces.into_iter().collect())
    }

    /// Puts the original groups of the first interface back, as some other automation would.
    pub fn drift(&self, originals: &Groups, shell: &Shell) -> Result<()> {
        let (interface, ids) = originals.first().context("the instance has no interface")?;
        shell.remark(&format!("{interface} gets {ids}"));
        scenario(self.stage, &self.region, &["drift", "--interface-id", interface, "--groups", &ids], shell)?;
        Ok(())
    }

    pub fn wait_for(&self, wanted: &Groups, within: Duration) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            let now = self.groups()?;
            if now == *wanted {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("after {} s it is still:\n{}", within.as_secs(), groups::table(&[("now", &now)]));
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// What the emulator's scenario module answers to a command.
pub fn scenario(stage: &Stage, region: &str, arguments: &[&str], shell: &Shell) -> Result<String> {
    let emulator = stage.emulator()?;
    let mut command: Command = emulator.python(SCENARIO);
    command.args(arguments).args(["--endpoint-url", &emulator.endpoint(), "--region", region]);
    shell.run_quietly(SCENARIO, command)
}
