//! The Go tools of the stack: which there are, what each one is built from, and what that costs. Where a binary is found is in
//! `find`, how one is built in `build`.

mod build;
mod find;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::workspace;

pub use build::build;
pub(crate) use build::wait_for_lock;
pub use find::{Found, api_server_is_too_old, find, find_beside, misfits};

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

/// A folder with a go.mod. Its tools share their dependencies, and are built by one command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    Prometheus,
    ControlPlane,
    Health,
    Actionlint,
    Kubeconform,
}

/// Processor seconds of a cold build.
struct Cost {
    /// With nothing of its home built before.
    alone: u32,
    /// On top of a larger one of its home.
    added: u32,
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
            Self::Health => "quarantine-operator.dev/tools/health",
            Self::Actionlint => "github.com/rhysd/actionlint/cmd/actionlint",
        }
    }

    /// The module whose version is the tool's own.
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

    pub fn home(self) -> Home {
        match self {
            Self::Etcd | Self::KubeApiserver | Self::KubeControllerManager | Self::Helm => Home::ControlPlane,
            Self::Kubeconform => Home::Kubeconform,
            Self::Prometheus | Self::Promtool => Home::Prometheus,
            Self::Health => Home::Health,
            Self::Actionlint => Home::Actionlint,
        }
    }

    /// As measured on two cores, with an empty build cache.
    fn cost(self) -> Cost {
        let (alone, added) = match self {
            Self::Etcd => (44, 15),
            Self::KubeApiserver => (456, 60),
            Self::KubeControllerManager => (500, 160),
            Self::Helm => (226, 46),
            Self::Prometheus => (417, 99),
            Self::Promtool => (417, 99),
            Self::Health => (23, 23),
            Self::Actionlint => (6, 6),
            Self::Kubeconform => (3, 3),
        };
        Cost { alone, added }
    }

    /// The version that its go.mod pins, such as `v1.37.2`.
    pub fn version(self) -> Result<String> {
        let path = self.home().sources().join("go.mod");
        let go_mod = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let module = self.module();
        find_requirement(&go_mod, module).with_context(|| format!("{} doesn't require {module}", path.display()))
    }
}

impl Home {
    pub const ALL: [Self; 5] =
        [Self::Prometheus, Self::ControlPlane, Self::Health, Self::Actionlint, Self::Kubeconform];

    fn sources(self) -> PathBuf {
        match self {
            Self::ControlPlane => sources(),
            Self::Kubeconform => sources().join("kubeconform"),
            Self::Prometheus => sources().join("prometheus"),
            Self::Health => sources().join("health"),
            Self::Actionlint => sources().join("actionlint"),
        }
    }

    /// Build tags.
    fn tags(self) -> &'static str {
        match self {
            // Without service discovery, and so without the SDKs of every cloud: targets are named one by one.
            Self::Prometheus => "remove_all_sd",
            Self::ControlPlane | Self::Kubeconform | Self::Health | Self::Actionlint => "",
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

/// About how many processor seconds the tools of one home take that are built together.
pub fn cost(tools: &[Tool]) -> u32 {
    let added: u32 = tools.iter().map(|tool| tool.cost().added).sum();
    let largest = tools.iter().map(|tool| tool.cost()).max_by_key(|cost| cost.alone);
    largest.map_or(0, |largest| added - largest.added + largest.alone)
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

/// The Go version that go.mod asks for.
pub(crate) fn wanted_go_version() -> Option<String> {
    let go_mod = fs::read_to_string(sources().join("go.mod")).ok()?;
    go_mod.lines().find_map(|line| line.strip_prefix("go ")).map(|version| version.trim().to_owned())
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
            tool.version().unwrap();
        }
        wanted_go_version().unwrap();
    }

    #[test]
    fn tools_that_share_their_dependencies_cost_less_together() {
        let control_plane = [Tool::Etcd, Tool::KubeApiserver, Tool::KubeControllerManager, Tool::Helm];
        assert_eq!(cost(&control_plane), 500 + 15 + 60 + 46);
        assert_eq!(cost(&[Tool::Helm]), 226);
        assert_eq!(cost(&[]), 0);
    }
}
