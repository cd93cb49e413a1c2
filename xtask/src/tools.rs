//! The Go tools of the stack: found in `KUBEBUILDER_ASSETS` or in the cache folder, else built from the versions that the
//! go.mod of their folder pins. A build that is cut off leaves no half binary, and two at once wait for each other.

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
    Kubeconform,
    Prometheus,
    Promtool,
    /// How Flux and Argo CD judge an object; ours, in tools/health.
    Health,
    Actionlint,
}

impl Tool {
    pub const ALL: [Self; 9] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::Helm,
        Self::Kubeconform,
        Self::Prometheus,
        Self::Promtool,
        Self::Health,
        Self::Actionlint,
    ];

    /// The file name of the binary.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::KubeApiserver => "kube-apiserver",
            Self::KubeControllerManager => "kube-controller-manager",
            Self::Helm => "helm",
            Self::Kubeconform => "kubeconform",
            Self::Prometheus => "prometheus",
            Self::Promtool => "promtool",
            Self::Health => "health",
            Self::Actionlint => "actionlint",
        }
    }

    fn package(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver => "k8s.io/kubernetes/cmd/kube-apiserver",
            Self::KubeControllerManager => "k8s.io/kubernetes/cmd/kube-controller-manager",
            Self::Helm => "helm.sh/helm/v4/cmd/helm",
            Self::Kubeconform => "github.com/yannh/kubeconform/cmd/kubeconform",
            Self::Prometheus => "github.com/prometheus/prometheus/cmd/prometheus",
            Self::Promtool => "github.com/prometheus/prometheus/cmd/promtool",
            Self::Health => ".",
            Self::Actionlint => "github.com/rhysd/actionlint/cmd/actionlint",
        }
    }

    /// The module whose version is told while it is built.
    fn module(self) -> &'static str {
        match self {
            Self::Etcd => "go.etcd.io/etcd/server/v3",
            Self::KubeApiserver | Self::KubeControllerManager => "k8s.io/kubernetes",
            Self::Helm => "helm.sh/helm/v4",
            Self::Kubeconform => "github.com/yannh/kubeconform",
            Self::Prometheus | Self::Promtool => "github.com/prometheus/prometheus",
            Self::Health => "sigs.k8s.io/cli-utils",
            Self::Actionlint => "github.com/rhysd/actionlint",
        }
    }

    /// The folder whose go.mod pins it. Tools of one folder share their dependencies, and are built anew together.
    fn sources(self) -> PathBuf {
        match self {
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager | Self::Helm => sources(),
            Self::Kubeconform => sources().join("kubeconform"),
            Self::Prometheus | Self::Promtool => sources().join("prometheus"),
            Self::Health => sources().join("health"),
            Self::Actionlint => sources().join("actionlint"),
        }
    }

    /// Build tags.
    fn tags(self) -> &'static str {
        match self {
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager | Self::Helm => "",
            Self::Kubeconform | Self::Health | Self::Actionlint => "",
            // Without service discovery, and so without the SDKs of every cloud: targets are named one by one.
            Self::Prometheus | Self::Promtool => "remove_all_sd",
        }
    }

    /// The cache folder of exactly these versions, and of the sources of ours that lie beside their go.mod.
    fn folder(self) -> Result<PathBuf> {
        let sources = self.sources();
        let mut files = vec![sources.join("go.mod"), sources.join("go.sum")];
        files.extend(go_files(&sources)?);
        let read = |file: &PathBuf| fs::read(file).with_context(|| format!("cannot read {}", file.display()));
        let key = workspace::hash_key(files.iter().map(read).collect::<Result<Vec<_>>>()?);
        let name = sources.file_name().unwrap_or_default().to_string_lossy();
        Ok(workspace::cache_dir()?.join(format!("{name}-{key}")))
    }
}

/// Where the binary lies, if it is there already.
pub fn find(tool: Tool) -> Result<Option<PathBuf>> {
    let assets = env::var_os("KUBEBUILDER_ASSETS").map(|folder| Path::new(&folder).join(tool.name()));
    let candidates = assets.into_iter().chain([tool.folder()?.join(tool.name())]);
    Ok(candidates.into_iter().find(|candidate| candidate.is_file()))
}

/// Builds a tool into the cache folder, unless another process does so first.
pub fn build(tool: Tool, progress: &Progress, cancel: &Cancel) -> Result<PathBuf> {
    let version = required_version(tool)?;
    let task = progress.start(format!("building {} {version} (once)", tool.name()));
    let folder = tool.folder()?;
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
    go.current_dir(tool.sources()).env("CGO_ENABLED", "0").env("GOWORK", "off");
    // Without DWARF a cold build takes two thirds of the time, and the servers run as fast. -v names each package.
    go.args(["build", "-v", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", &linker_flags]);
    go.args(["-tags", tool.tags(), "-o"]);
    go.arg(output).arg(tool.package());
    go
}

/// The folder of the control plane's go.mod.
pub fn sources() -> PathBuf {
    workspace::root().join("tools")
}

fn go_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "go"));
    files.sort();
    Ok(files)
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

fn required_version(tool: Tool) -> Result<String> {
    let path = tool.sources().join("go.mod");
    let go_mod = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let module = tool.module();
    find_requirement(&go_mod, module).with_context(|| format!("{} doesn't require {module}", path.display()))
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
        for tool in Tool::ALL {
            required_version(tool).unwrap();
        }
        wanted_go_version().unwrap();
    }
}
