//! Where a tool's binary lies, before anything is built: in `KUBEBUILDER_ASSETS`, in our cache folder, in setup-envtest's own
//! store, or on PATH, in this order. What somebody else has put there is used where its version fits; ours always does, for its
//! folder is named after its sources.
//!
//! A version fits that has the pinned one's major version, and at least the minor one that our objects or tests need. Tools that
//! are built in seconds, and whose very version counts, are never taken from elsewhere: kubeconform, actionlint and our own.

use std::collections::HashMap;
use std::env;
use std::ffi::OsStr;
use std::fmt::{Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::Tool;
use crate::process::POLL;

/// A binary that says its version does so at once; what doesn't is none that we know.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// Major, minor, patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

/// A binary that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub path: PathBuf,
    /// None for one of our own, whose version is the pinned one.
    version: Option<Version>,
}

/// What a binary's version has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// Only what is built from the pinned version.
    Built,
    /// This one or a later one, of the pinned major version.
    From(Version),
    /// The pinned minor version.
    Minor,
}

impl Fit {
    fn of(tool: Tool, beside: &[Tool]) -> Self {
        match tool {
            // A controller manager must not be newer than its API server ("Version Skew Policy" of Kubernetes), so where both
            // are wanted, both have one minor version.
            Tool::KubeControllerManager => Self::Minor,
            Tool::KubeApiserver if beside.contains(&Tool::KubeControllerManager) => Self::Minor,
            // selectableFields of our CRDs, and the chart's kubeVersion.
            Tool::KubeApiserver => Self::From(Version([1, 32, 0])),
            // Debian 12's; kube-apiserver 1.37 runs on it.
            Tool::Etcd => Self::From(Version([3, 4, 23])),
            // What the chart is tested with.
            Tool::Helm => Self::From(Version([4, 3, 0])),
            // Debian 12's promtool checks and tests our rules.
            Tool::Prometheus | Tool::Promtool => Self::From(Version([2, 42, 0])),
            Tool::Kubeconform | Tool::Health | Tool::Actionlint => Self::Built,
        }
    }

    fn admits(self, version: Version, pinned: Version) -> bool {
        let Version([major, minor, _]) = version;
        match self {
            Self::Built => false,
            Self::From(least) => version >= least && major <= pinned.0[0],
            Self::Minor => [major, minor] == pinned.0[..2],
        }
    }

    fn wanted(self, pinned: Version) -> String {
        match self {
            Self::Built => format!("exactly {pinned}"),
            Self::From(least) => format!("{least} or newer, below {}", pinned.0[0] + 1),
            Self::Minor => format!("{}.{}", pinned.0[0], pinned.0[1]),
        }
    }
}

/// The least version that an API server must have, where this one, as `/version` tells it, is older.
pub fn api_server_is_too_old(version: &str) -> Option<String> {
    match (Fit::of(Tool::KubeApiserver, &[]), Version::read(version)) {
        (Fit::From(least), Some(version)) if version < least => Some(least.to_string()),
        _ => None,
    }
}

/// Where the binary lies, if it is there already.
pub fn find(tool: Tool) -> Result<Option<PathBuf>> {
    Ok(find_beside(tool, &[])?.map(|found| found.path))
}

/// The same, of a version that goes with the tools that are used beside it.
pub fn find_beside(tool: Tool, beside: &[Tool]) -> Result<Option<Found>> {
    let places = Places::here();
    if let Some(explicit) = places.assets(tool).and_then(|path| fitting(tool, beside, path)) {
        return Ok(Some(explicit));
    }
    let ours = tool.home().folder()?.join(tool.name());
    if ours.is_file() {
        return Ok(Some(Found { path: ours, version: None }));
    }
    Ok(places.elsewhere(tool).into_iter().find_map(|path| fitting(tool, beside, path)))
}

/// Binaries of that name whose version doesn't fit, each as a sentence for the person who may have expected them to be used: all
/// of them where the tool is to be built, otherwise what was named on purpose.
pub fn misfits(tool: Tool, beside: &[Tool], to_build: bool) -> Vec<String> {
    let fit = Fit::of(tool, beside);
    let Some(pinned) = pinned(tool).filter(|_| fit != Fit::Built) else { return Vec::new() };
    let places = Places::here();
    let elsewhere = if to_build { places.elsewhere(tool) } else { Vec::new() };
    let candidates = places.assets(tool).into_iter().chain(elsewhere);
    let misfit = |path: PathBuf| match version_of(tool, &path) {
        Some(version) if fit.admits(version, pinned) => None,
        Some(version) => Some(format!("{} is {version}, and {} is needed", path.display(), fit.wanted(pinned))),
        None => Some(format!("{} doesn't say its version", path.display())),
    };
    candidates.filter_map(misfit).collect()
}

fn fitting(tool: Tool, beside: &[Tool], path: PathBuf) -> Option<Found> {
    let fit = Fit::of(tool, beside);
    if fit == Fit::Built {
        return None;
    }
    let version = version_of(tool, &path)?;
    fit.admits(version, pinned(tool)?).then_some(Found { path, version: Some(version) })
}

fn pinned(tool: Tool) -> Option<Version> {
    Version::read(&tool.version().ok()?).map(|version| match tool {
        // Its modules count from 0: v0.316.0 is Prometheus 3.16.
        Tool::Prometheus | Tool::Promtool => Version([version.0[1] / 100, version.0[1] % 100, version.0[2]]),
        _ => version,
    })
}

/// The folders in which people and other programs keep such binaries.
struct Places {
    assets: Option<PathBuf>,
    store: Option<PathBuf>,
    path: Vec<PathBuf>,
}

impl Places {
    fn here() -> Self {
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        // As setup-envtest's DefaultStoreDir has it on Linux.
        let data = absolute("XDG_DATA_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/share")));
        Self {
            assets: absolute("KUBEBUILDER_ASSETS"),
            store: data.map(|data| data.join("kubebuilder-envtest/k8s")),
            path: env::var_os("PATH").iter().flat_map(env::split_paths).filter(|folder| folder.is_absolute()).collect(),
        }
    }

    fn assets(&self, tool: Tool) -> Option<PathBuf> {
        self.assets.as_ref().map(|folder| folder.join(tool.name())).filter(|path| path.is_file())
    }

    /// setup-envtest's, the newest first, then those on PATH.
    fn elsewhere(&self, tool: Tool) -> Vec<PathBuf> {
        let kept = self.store.as_deref().map(kept_by_envtest).unwrap_or_default();
        let folders = kept.into_iter().chain(self.path.iter().cloned());
        folders.map(|folder| folder.join(tool.name())).filter(|path| path.is_file()).collect()
    }
}

/// The folders `<version>-<os>-<architecture>` of setup-envtest's store that are for this machine.
fn kept_by_envtest(store: &Path) -> Vec<PathBuf> {
    let architecture = match env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let here = format!("-{}-{architecture}", env::consts::OS);
    let version = |name: &OsStr| Version::read(name.to_str()?.strip_suffix(&here)?);
    let entries = fs::read_dir(store).into_iter().flatten().flatten();
    let mut kept: Vec<(Version, PathBuf)> =
        entries.filter_map(|entry| Some((version(&entry.file_name())?, entry.path()))).collect();
    kept.sort();
    kept.into_iter().rev().map(|(_, folder)| folder).collect()
}

/// What a binary says of itself; asked once in a process.
fn version_of(tool: Tool, path: &Path) -> Option<Version> {
    static ASKED: Mutex<Option<HashMap<PathBuf, Option<Version>>>> = Mutex::new(None);
    // A poisoned lock means that another thread has panicked over it: then it is asked once more.
    let mut asked = ASKED.lock().ok()?;
    *asked.get_or_insert_default().entry(path.to_owned()).or_insert_with(|| ask(tool, path))
}

fn ask(tool: Tool, path: &Path) -> Option<Version> {
    let arguments: &[&str] = if tool == Tool::Helm { &["version", "--short"] } else { &["--version"] };
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let deadline = Instant::now() + ANSWERS_WITHIN;
    // A few lines: they fit into the pipe.
    while child.try_wait().ok()?.is_none() {
        if Instant::now() >= deadline {
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        thread::sleep(POLL);
    }
    let output = child.wait_with_output().ok()?;
    output.status.success().then(|| Version::read(&String::from_utf8_lossy(&output.stdout)))?
}

impl Version {
    /// The first version in a text, such as `Kubernetes v1.37.2` or `promtool, version 2.42.0+ds (branch: …)`.
    fn read(text: &str) -> Option<Self> {
        text.split_whitespace().find_map(|word| {
            let word = word.trim_start_matches('v');
            let word = word.split(['-', '+', ',']).next().unwrap_or_default();
            let numbers: Vec<u32> = word.split('.').map(|number| number.parse().ok()).collect::<Option<_>>()?;
            match numbers[..] {
                [major, minor] => Some(Self([major, minor, 0])),
                [major, minor, patch] => Some(Self([major, minor, patch])),
                _ => None,
            }
        })
    }
}

impl Display for Version {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        let Self([major, minor, patch]) = self;
        write!(formatter, "{major}.{minor}.{patch}")
    }
}

impl Display for Found {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Some(version) => write!(formatter, "{version} in {}", self.path.display()),
            None => write!(formatter, "{}", self.path.display()),
        }
    }
}

impl Found {
    /// Whether somebody else has put it there.
    pub fn is_from_elsewhere(&self) -> bool {
        self.version.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: Version = Version([1, 37, 2]);

    /// A program that says it is of that version.
    fn program(folder: &Path, tool: Tool, says: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(tool.name());
        // Written by another process: a program that anybody still has open for writing can't be run, and a child that another
        // test starts just then would have.
        let mut write = Command::new("sh");
        write
            .args(["-c", "printf '#!/bin/sh\\necho \"%s\"\\n' \"$1\" > \"$2\" && chmod 755 \"$2\"", "write", says])
            .arg(&path);
        assert!(write.status().unwrap().success());
        path
    }

    #[test]
    fn versions_are_read_as_each_program_says_its_own() {
        for (said, version) in [
            (
                "etcd Version: 3.4.23\nGit SHA: Not provided (use ./build instead of go build)\nGo Version: go1.19.8",
                [3, 4, 23],
            ),
            ("Kubernetes v1.35.0", [1, 35, 0]),
            ("v4.3.1+gabc", [4, 3, 1]),
            ("promtool, version 2.42.0+ds (branch: debian/sid, revision: 2.42.0)", [2, 42, 0]),
            ("1.36.0-rc.1", [1, 36, 0]),
        ] {
            assert_eq!(Version::read(said), Some(Version(version)), "{said}");
        }
        assert_eq!(Version::read("no version here"), None);
    }

    #[test]
    fn an_api_server_fits_that_knows_what_our_crds_use_and_with_a_controller_manager_only_of_its_minor_version() {
        let alone = Fit::of(Tool::KubeApiserver, &[]);
        let managed = Fit::of(Tool::KubeApiserver, &[Tool::KubeControllerManager]);
        for (version, fits_alone, fits_managed) in [
            ([1, 31, 9], false, false),
            ([1, 32, 0], true, false),
            ([1, 37, 0], true, true),
            ([1, 38, 0], true, false),
            ([2, 0, 0], false, false),
        ] {
            assert_eq!(alone.admits(Version(version), PINNED), fits_alone, "{version:?}");
            assert_eq!(managed.admits(Version(version), PINNED), fits_managed, "{version:?}");
        }
        assert_eq!(Fit::of(Tool::KubeControllerManager, &[]), Fit::Minor);
    }

    #[test]
    fn a_cluster_s_api_server_may_be_newer_than_ours_but_not_too_old() {
        assert_eq!(api_server_is_too_old("v1.31.9-eks-113cf36").as_deref(), Some("1.32.0"));
        for new_enough in ["v1.32.0", "v1.33.5-eks-113cf36", "v1.99.0+k3s1"] {
            assert_eq!(api_server_is_too_old(new_enough), None);
        }
    }

    #[test]
    fn the_least_api_server_is_the_one_that_the_chart_asks_for() {
        let chart = fs::read_to_string(crate::workspace::root().join("charts/quarantine-operator/Chart.yaml")).unwrap();
        let Fit::From(Version([major, minor, patch])) = Fit::of(Tool::KubeApiserver, &[]) else {
            panic!("a least one")
        };
        assert!(chart.contains(&format!("kubeVersion: \">={major}.{minor}.{patch}-0\"")), "{chart}");
    }

    #[test]
    fn prometheus_is_known_by_its_own_version_and_not_by_its_module_s() {
        assert!(pinned(Tool::Promtool).unwrap() >= Version([3, 0, 0]));
    }

    #[test]
    fn of_what_setup_envtest_keeps_the_newest_for_this_machine_comes_first_and_path_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("k8s");
        let suffix = match env::consts::ARCH {
            "aarch64" => "linux-arm64",
            _ => "linux-amd64",
        };
        let kept =
            |version: &str| program(&store.join(format!("{version}-{suffix}")), Tool::Etcd, "etcd Version: 3.6.4");
        let (old, new) = (kept("1.9.0"), kept("1.35.0"));
        program(&store.join("1.36.0-linux-s390x"), Tool::Etcd, "of another machine");
        let on_path = program(&folder.path().join("bin"), Tool::Etcd, "etcd Version: 3.4.23");
        let path = vec![folder.path().join("nowhere"), folder.path().join("bin")];
        let places = Places { assets: None, store: Some(store), path };
        assert_eq!(places.elsewhere(Tool::Etcd), [new, old, on_path]);
    }

    #[test]
    fn a_binary_is_used_where_its_version_fits_and_otherwise_not() {
        let folder = tempfile::tempdir().unwrap();
        let old = program(&folder.path().join("old"), Tool::Etcd, "etcd Version: 3.4.22");
        let good = program(&folder.path().join("good"), Tool::Etcd, "etcd Version: 3.4.23");
        let silent = program(&folder.path().join("silent"), Tool::Etcd, "hello");
        assert_eq!(fitting(Tool::Etcd, &[], old), None);
        assert_eq!(fitting(Tool::Etcd, &[], silent), None);
        let found = fitting(Tool::Etcd, &[], good.clone()).unwrap();
        assert_eq!(found.to_string(), format!("3.4.23 in {}", good.display()));
        let kubeconform = program(&folder.path().join("good"), Tool::Kubeconform, "v0.8.0");
        assert_eq!(fitting(Tool::Kubeconform, &[], kubeconform), None);
    }
}
