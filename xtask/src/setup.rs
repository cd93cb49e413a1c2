//! What has to lie ready before a stack can start: Go tools and the emulator's Python environment. Finds it, says what
//! is missing and how long that takes, or prepares it.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

use crate::emulator;
use crate::job::{self, Cancel, Job, lanes};
use crate::prerequisites::Prerequisite;
use crate::progress::Progress;
use crate::tools::{self, Home, Tool};

/// Processor seconds of making the emulator's environment; most of its time is the download.
const EMULATOR_COST: u32 = 60;
const EMULATOR: &str = "the AWS emulator's Python environment";

/// The parts that a caller wants.
#[derive(Clone, Debug)]
pub struct Setup {
    pub tools: Vec<Tool>,
    pub emulator: bool,
}

/// What the caller builds beside the set-up, such as the operator.
pub struct Beside<'a> {
    /// As a person knows it.
    pub what: &'static str,
    /// About how many processor seconds it takes; none where it was built before.
    pub cost: Option<u32>,
    pub build: Box<dyn FnOnce() -> Result<()> + Send + 'a>,
}

impl Setup {
    /// What is not there yet, by name.
    pub fn missing(&self) -> Result<Vec<&'static str>> {
        let tools: Vec<&str> = self.to_build()?.iter().flat_map(|(_, tools)| tools).map(|tool| tool.name()).collect();
        let emulator = (self.emulator && emulator::find_python()?.is_none()).then_some(EMULATOR);
        Ok(tools.into_iter().chain(emulator).collect())
    }

    /// The tools that are to be built, by the folder that pins them: those of one folder are built together.
    fn to_build(&self) -> Result<Vec<(Home, Vec<Tool>)>> {
        let mut homes = Vec::new();
        for home in Home::ALL {
            let mut missing = Vec::new();
            for &tool in self.tools.iter().filter(|tool| tool.home() == home) {
                if tools::find_beside(tool, &self.tools)?.is_none() {
                    missing.push(tool);
                }
            }
            if !missing.is_empty() {
                homes.push((home, missing));
            }
        }
        Ok(homes)
    }

    /// The programs that this set-up needs a person to have installed. Go is asked for only if something must be built.
    pub fn prerequisites(&self) -> Result<Vec<Prerequisite>> {
        let go = (!self.to_build()?.is_empty()).then_some(Prerequisite::Go);
        let python = self.emulator.then_some(Prerequisite::Python);
        Ok(go.into_iter().chain(python).collect())
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

    /// Prepares what is missing, and says before it begins what that is and about how long it takes. Answers every part's name
    /// and where it lies.
    pub fn prepare(&self, progress: &Progress, cancel: &Cancel) -> Result<Vec<(&'static str, PathBuf)>> {
        self.prepare_beside(None, progress, cancel)
    }

    /// The same, beside something else that is built.
    pub fn prepare_beside(
        &self,
        beside: Option<Beside<'_>>,
        progress: &Progress,
        cancel: &Cancel,
    ) -> Result<Vec<(&'static str, PathBuf)>> {
        let to_build = self.to_build()?;
        let emulator = self.emulator && emulator::find_python()?.is_none();
        for line in self.plan(&to_build, emulator, beside.as_ref(), lanes())? {
            progress.tell(&line);
        }
        let mut jobs = Vec::new();
        for (home, tools) in &to_build {
            jobs.push(Job::new(tools::cost(tools), move || tools::build(*home, tools, progress, cancel)));
        }
        if emulator {
            let install = || emulator::build_environment(progress, cancel).map(drop);
            jobs.push(Job::new(EMULATOR_COST, move || install().context("cannot install the AWS emulator")));
        }
        if let Some(Beside { cost, build, .. }) = beside {
            // Also where it was built before it begins first: cargo alone knows how much it has to do.
            jobs.push(Job::new(cost.unwrap_or(u32::MAX), build));
        }
        job::side_by_side(jobs, lanes(), cancel)?;
        self.ready()
    }

    fn ready(&self) -> Result<Vec<(&'static str, PathBuf)>> {
        let mut ready = Vec::new();
        for &tool in &self.tools {
            let found = tools::find_beside(tool, &self.tools)?;
            ready.push((tool.name(), found.with_context(|| format!("{} is gone", tool.name()))?.path));
        }
        if self.emulator {
            ready.push(("emulator", emulator::find_python()?.context("the AWS emulator's environment is gone")?));
        }
        Ok(ready)
    }

    /// What is said before anything is built: nothing where nothing is, and nothing comes from elsewhere.
    fn plan(
        &self,
        to_build: &[(Home, Vec<Tool>)],
        emulator: bool,
        beside: Option<&Beside<'_>>,
        cores: usize,
    ) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        for &tool in &self.tools {
            let to_build = to_build.iter().any(|(_, tools)| tools.contains(&tool));
            lines.extend(
                tools::misfits(tool, &self.tools, to_build).into_iter().map(|misfit| format!("Not used: {misfit}.")),
            );
            if let Some(found) = tools::find_beside(tool, &self.tools)?.filter(tools::Found::is_from_elsewhere) {
                lines.push(format!("{} is used as it is there: {found}", tool.name()));
            }
        }
        let mut builds: Vec<(String, u32)> = Vec::new();
        for (_, tools) in to_build {
            let mut names = Vec::new();
            for &tool in tools {
                names.push(format!("{} {}", tool.name(), tool.version()?));
            }
            builds.push((names.join(", "), tools::cost(tools)));
        }
        if emulator {
            builds.push((EMULATOR.to_owned(), EMULATOR_COST));
        }
        if let Some((what, cost)) = beside.and_then(|beside| Some((beside.what, beside.cost?))) {
            builds.push((what.to_owned(), cost));
        }
        if !builds.is_empty() {
            let total = builds.iter().map(|(_, cost)| cost).sum();
            builds.sort_by_key(|(_, cost)| std::cmp::Reverse(*cost));
            lines.push(format!("To be built or installed once, in {}:", about(total, cores)));
            lines.extend(builds.into_iter().map(|(what, _)| format!("  - {what}")));
        }
        Ok(lines)
    }
}

/// How long so many processor seconds take.
fn about(seconds: u32, cores: usize) -> String {
    let cores = u32::try_from(cores).unwrap_or(1).max(1);
    match (seconds / cores).div_ceil(60) {
        0 | 1 => format!("about a minute on {cores} cores with nothing else to do, and what is downloaded"),
        minutes => format!("about {minutes} minutes on {cores} cores with nothing else to do, and what is downloaded"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_before_it_begins_what_is_built_and_how_long_that_takes() {
        let setup = Setup { tools: vec![Tool::KubeApiserver, Tool::Etcd], emulator: true };
        let to_build = [(Home::ControlPlane, vec![Tool::KubeApiserver, Tool::Etcd])];
        let operator = Beside { what: "the operator", cost: Some(1300), build: Box::new(|| Ok(())) };
        let lines = setup.plan(&to_build, true, Some(&operator), 2).unwrap();
        let (apiserver, etcd) = (Tool::KubeApiserver.version().unwrap(), Tool::Etcd.version().unwrap());
        let built = lines.iter().skip_while(|line| !line.starts_with("To be built"));
        assert_eq!(
            built.collect::<Vec<_>>(),
            [
                "To be built or installed once, in about 16 minutes on 2 cores with nothing else to do, and what is downloaded:",
                "  - the operator",
                &format!("  - kube-apiserver {apiserver}, etcd {etcd}"),
                "  - the AWS emulator's Python environment",
            ]
        );
    }

    #[test]
    fn it_says_nothing_of_what_was_built_before() {
        let setup = Setup { tools: Vec::new(), emulator: true };
        let operator = Beside { what: "the operator", cost: None, build: Box::new(|| Ok(())) };
        assert_eq!(setup.plan(&[], false, Some(&operator), 2).unwrap(), Vec::<String>::new());
    }
}
