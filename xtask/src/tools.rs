//! The Go tools of the stack: found in `KUBEBUILDER_ASSETS` or in the cache folder, else built from the versions that
//! tools/go.mod pins. A build that is cut off leaves no half binary, and two at once wait for each other.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::job::{self, Cancel};
use crate::progress::{Progress, Task};
use crate::{run_dir, workspace};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    Helm,
}

impl Tool {
    /// The file name of the binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Helm => "helm",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Helm => "helm.sh/helm/v4/cmd/helm",
        }
    }

    fn module(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver | Self::KubeControllerManager => "k8s.io/kubernetes",
            Self::Helm => "helm.sh/helm/v4",
        }
    }
}

/// Where the binary lies, if it is there already.
pub fn find(tool: Tool) -> Result<Option<PathBuf>> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(|folder| Path::new(&folder).join(tool.name()));
    let candidates = assets.into_iter().chain([folder()?.join(tool.name())]);
    Ok(candidates.into_iter().find(|candidate| candidate.is_file()))
}

/// Builds a tool into the cache folder, unless another process does so first.
pub fn build(tool: Tool, progress: &Progress, cancel: &Cancel) -> Result<PathBuf> {
    let version = required_version(tool.module())?;
    let task = progress.start(format!("building {} {version} (once)", tool.name()));
    let folder = folder()?;
    let _lock = lock(&folder, &task)?;
    let built = folder.join(tool.name());
    if built.is_file() {
        task.done("by another process");
        return Ok(built);
    }
    let draft = tempfile::Builder::new().prefix(DRAFT).tempdir_in(&folder)?;
    let output = draft.path().join(tool.name());
    let log = run_dir::logs().join(format!("build-{}.log", tool.name()));
    job::run(&format!("go build of {}", tool.name()), go_build(tool, &version, &output), &log, &task, cancel)?;
    fs::rename(&output, &built).with_context(|| format!("cannot put {} in place", built.display()))?;
    task.done("done");
    Ok(built)
}

const DRAFT: &str = ".building-";

fn go_build(tool: Tool, version: &str, output: &Path) -> Command {
    let mut linker_flags = "-s -w".to_owned();
    if tool.module() == "k8s.io/kubernetes" {
        // A Kubernetes binary that wasn't told its version reports v0.0.0-master, which clients can't compare.
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        for (variable, value) in [("gitVersion", version), ("gitMajor", major), ("gitMinor", minor)] {
            linker_flags += &format!(" -X k8s.io/component-base/version.{variable}={value}");
        }
    }
    let mut go = Command::new("go");
    go.current_dir(sources()).env("CGO_ENABLED", "0").env("GOWORK", "off");
    // Without DWARF a cold build takes two thirds of the time, and the servers run as fast. -v names each package.
    go.args(["build", "-v", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", &linker_flags, "-o"]);
    go.arg(output).arg(tool.package());
    go
}

/// The folder of go.mod.
pub fn sources() -> PathBuf {
    workspace::root().join("tools")
}

/// The cache folder of exactly these versions.
fn folder() -> Result<PathBuf> {
    let read = |name| fs::read(sources().join(name)).with_context(|| format!("cannot read tools/{name}"));
    let key = workspace::hash_key([read("go.mod")?, read("go.sum")?]);
    Ok(workspace::cache_dir()?.join(format!("tools-{key}")))
}

/// Waits until no other process builds here, then clears away what a killed one left.
fn lock(folder: &Path, task: &Task) -> Result<File> {
    let lock = wait_for_lock(folder, task)?;
    for leftover in fs::read_dir(folder)?.flatten() {
        if leftover.file_name().to_string_lossy().starts_with(DRAFT) {
            fs::remove_dir_all(leftover.path())?;
        }
    }
    Ok(lock)
}

/// Holds a folder (made if need be) for this process alone. The kernel lets go of it when the process ends.
pub(crate) fn wait_for_lock(folder: &Path, task: &Task) -> Result<File> {
    let path = folder.join(".lock");
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let lock = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            task.say("waiting for another process that prepares the same");
            lock.lock()?;
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    Ok(lock)
}

/// The Go version that go.mod asks for.
pub(crate) fn wanted_go_version() -> Option<String> {
    let go_mod = fs::read_to_string(sources().join("go.mod")).ok()?;
    go_mod.lines().find_map(|line| line.strip_prefix("go ")).map(|version| version.trim().to_owned())
}

fn required_version(module: &str) -> Result<String> {
    let go_mod = fs::read_to_string(sources().join("go.mod")).context("cannot read tools/go.mod")?;
    find_requirement(&go_mod, module).with_context(|| format!("tools/go.mod doesn't require {module}"))
}

fn find_requirement(go_mod: &str, module: &str) -> Option<String> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        let version = (words.next()? == module).then(|| words.next())??;
        version.starts_with('v').then(|| version.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_from_either_form_of_require_and_not_from_a_replace_or_tool_line() {
        let go_mod = "go 1.26.0\n\nrequire k8s.io/kubernetes v1.37.2\n\nrequire (\n\tgo.etcd.io/etcd/server/v3 v3.7.3 // indirect\n)\n\
                      replace (\n\tk8s.io/api => k8s.io/api v0.37.2\n)\ntool (\n\thelm.sh/helm/v4\n)\n";
        assert_eq!(find_requirement(go_mod, "k8s.io/kubernetes").as_deref(), Some("v1.37.2"));
        assert_eq!(find_requirement(go_mod, "go.etcd.io/etcd/server/v3").as_deref(), Some("v3.7.3"));
        assert_eq!(find_requirement(go_mod, "k8s.io/api"), None);
        assert_eq!(find_requirement(go_mod, "helm.sh/helm/v4"), None);
    }

    #[test]
    fn go_mod_names_the_version_of_every_tool() {
        for tool in [Tool::Etcd, Tool::KubeApiserver, Tool::KubeControllerManager, Tool::Helm] {
            required_version(tool.module()).unwrap();
        }
        wanted_go_version().unwrap();
    }
}
