//! Python environments with pinned packages, in the cache folder, keyed by their requirements and the Python version. What
//! is run in them is not known here.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::job::{self, Cancel};
use crate::progress::Progress;
use crate::tools::wait_for_lock;
use crate::{run_dir, workspace};

/// Written last, so that an environment that was cut off is not taken for a whole one.
const COMPLETE: &str = ".complete";

/// An environment, by the name of its folder and what is installed into it.
#[derive(Clone, Copy, Debug)]
pub struct PythonEnvironment {
    pub name: &'static str,
    /// As a person calls it.
    pub what: &'static str,
    /// With hashes, from the repository's root.
    pub requirements: &'static str,
}

impl PythonEnvironment {
    /// Its Python, if it is there already.
    pub fn find(&self) -> Result<Option<PathBuf>> {
        let folder = self.folder()?;
        Ok(folder.join(COMPLETE).is_file().then(|| python_of(&folder)))
    }

    /// Makes it, unless another process does so first, and answers its Python.
    pub fn build(&self, progress: &Progress, cancel: &Cancel) -> Result<PathBuf> {
        let Self { name, what, requirements } = *self;
        let task = progress.start(format!("installing {what} (once)"));
        let folder = self.folder()?;
        let _lock = wait_for_lock(&folder, &task)?;
        let python = python_of(&folder);
        if folder.join(COMPLETE).is_file() {
            task.done("by another process");
            return Ok(python);
        }
        let log = run_dir::logs().join(format!("build-{name}.log"));
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(folder.join("venv"));
        job::run("python3 -m venv", venv, &log, &task, cancel)?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--no-input", "--disable-pip-version-check", "--require-hashes", "-r"]);
        pip.arg(workspace::root().join(requirements));
        job::run(&format!("pip install of {requirements}"), pip, &log, &task, cancel)?;
        fs::write(folder.join(COMPLETE), "").with_context(|| format!("cannot mark {what} as complete"))?;
        task.done("done");
        Ok(python)
    }

    fn folder(&self) -> Result<PathBuf> {
        let Self { name, requirements, .. } = *self;
        let pins =
            fs::read(workspace::root().join(requirements)).with_context(|| format!("cannot read {requirements}"))?;
        let version = Command::new("python3").args(["-c", "import sys; print(sys.prefix, sys.version)"]).output();
        let version = version.context("cannot run python3: install it, with venv")?;
        ensure!(version.status.success(), "python3 does not run: {}", String::from_utf8_lossy(&version.stderr).trim());
        let key = workspace::hash_key([&pins, &version.stdout]);
        Ok(workspace::cache_dir()?.join(format!("{name}-{key}")))
    }
}

fn python_of(environment: &Path) -> PathBuf {
    environment.join("venv/bin/python")
}
