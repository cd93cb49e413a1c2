//! What has to lie ready before a stack can start: Go tools and the emulator's Python environment. Finds it, says what
//! is missing, or prepares it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::emulator;
use crate::job::{Cancel, beside};
use crate::prerequisites::Prerequisite;
use crate::progress::Progress;
use crate::tools::{self, Tool};

/// The parts that a caller wants.
#[derive(Clone, Debug)]
pub struct Setup {
    pub tools: Vec<Tool>,
    pub emulator: bool,
}

impl Setup {
    /// What is not there yet, by name.
    pub fn missing(&self) -> Result<Vec<&'static str>> {
        let mut missing = Vec::new();
        for &tool in &self.tools {
            if tools::find(tool)?.is_none() {
                missing.push(tool.name());
            }
        }
        if self.emulator && emulator::find_python()?.is_none() {
            missing.push("the AWS emulator's Python environment");
        }
        Ok(missing)
    }

    /// The programs that this set-up needs a person to have installed. Go is asked for only if something must be built.
    pub fn prerequisites(&self) -> Result<Vec<Prerequisite>> {
        let mut wanted = Vec::new();
        for &tool in &self.tools {
            if tools::find(tool)?.is_none() && !wanted.contains(&Prerequisite::Go) {
                wanted.push(Prerequisite::Go);
            }
        }
        if self.emulator {
            wanted.push(Prerequisite::Python);
        }
        Ok(wanted)
    }

    /// Fails with what to run, if anything is missing.
    pub fn require(&self) -> Result<()> {
        let missing = self.missing()?;
        if !missing.is_empty() {
            bail!(
                "the local stack is not set up yet (missing: {}). Run `cargo xtask tools` once (it builds from source, \
                 which takes some minutes), or set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver",
                missing.join(", ")
            );
        }
        Ok(())
    }

    /// Prepares what is missing. Answers every part's name and where it lies.
    pub fn prepare(&self, progress: &Progress, cancel: &Cancel) -> Result<Vec<(&'static str, PathBuf)>> {
        let emulator = || self.emulator.then(|| prepare_emulator(progress, cancel)).transpose();
        // One tool after the other: each build uses all cores by itself.
        let tools = || self.tools.iter().map(|&tool| prepare_tool(tool, progress, cancel)).collect::<Result<Vec<_>>>();
        let (emulator, mut ready) = beside(cancel, emulator, tools)?;
        ready.extend(emulator);
        Ok(ready)
    }
}

fn prepare_emulator(progress: &Progress, cancel: &Cancel) -> Result<(&'static str, PathBuf)> {
    let python = match emulator::find_python()? {
        Some(python) => python,
        None => emulator::build_environment(progress, cancel).context("cannot install the AWS emulator")?,
    };
    Ok(("emulator", python))
}

fn prepare_tool(tool: Tool, progress: &Progress, cancel: &Cancel) -> Result<(&'static str, PathBuf)> {
    let binary = match tools::find(tool)? {
        Some(binary) => binary,
        None => tools::build(tool, progress, cancel).with_context(|| format!("cannot build {}", tool.name()))?,
    };
    Ok((tool.name(), binary))
}
