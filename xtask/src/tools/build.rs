//! Building Go tools from the versions that the go.mod of their home pins, into the cache folder. A build that is cut off leaves
//! no half binary, and two at once wait for each other.

use std::fs::{self, File, TryLockError};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Home, Tool};
use crate::job::{self, Cancel};
use crate::progress::{Progress, Task};
use crate::run_dir;

const DRAFT: &str = ".building-";

/// Builds tools of one home by one command, so that what they share is compiled once and one is linked while another is still
/// compiled. Tools that another process builds meanwhile are taken from there.
pub fn build(home: Home, tools: &[Tool], progress: &Progress, cancel: &Cancel) -> Result<()> {
    let names = names(tools)?;
    let task = progress.start(format!("building {names} (once)"));
    let folder = home.folder()?;
    let _lock = lock(&folder, &task)?;
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| !folder.join(tool.name()).is_file()).collect();
    if missing.is_empty() {
        task.done("by another process");
        return Ok(());
    }
    let draft = tempfile::Builder::new().prefix(DRAFT).tempdir_in(&folder)?;
    let log = run_dir::logs().join(format!("build-{}.log", tools.first().map_or("go", |tool| tool.name())));
    job::run(&format!("go build of {names}"), go_build(home, &missing, draft.path())?, &log, &task, cancel)?;
    for tool in missing {
        let built = folder.join(tool.name());
        let output = draft.path().join(output_name(tool));
        fs::rename(output, &built).with_context(|| format!("cannot put {} in place", built.display()))?;
    }
    task.done("done");
    Ok(())
}

/// As a person reads them: `etcd v3.7.3, kube-apiserver v1.37.2`.
fn names(tools: &[Tool]) -> Result<String> {
    let name = |tool: &Tool| Ok(format!("{} {}", tool.name(), tool.version()?));
    Ok(tools.iter().map(name).collect::<Result<Vec<_>>>()?.join(", "))
}

/// What cargo compiles in a row, Go can't shorten; what Go compiles fits into cargo's pauses. So Go steps back.
const STEP_BACK: &str = "5";

fn go_build(home: Home, tools: &[Tool], folder: &Path) -> Result<Command> {
    let mut linker_flags = "-s -w".to_owned();
    if let Some(kubernetes) = tools.iter().find(|tool| tool.module() == "k8s.io/kubernetes") {
        // A Kubernetes binary that wasn't told its version reports v0.0.0-master, which clients can't compare.
        let version = kubernetes.version()?;
        let mut numbers = version.trim_start_matches('v').split('.');
        let (major, minor) = (numbers.next().unwrap_or_default(), numbers.next().unwrap_or_default());
        for (variable, value) in [("gitVersion", version.as_str()), ("gitMajor", major), ("gitMinor", minor)] {
            linker_flags += &format!(" -X k8s.io/component-base/version.{variable}={value}");
        }
    }
    let mut go = Command::new("nice");
    go.args(["-n", STEP_BACK, "go"]).current_dir(home.sources()).env("CGO_ENABLED", "0").env("GOWORK", "off");
    // Without DWARF a cold build takes two thirds of the time, and the servers run as fast. -v names each package.
    go.args(["build", "-v", "-trimpath", "-gcflags=all=-dwarf=false", "-ldflags", &linker_flags]);
    go.args(["-tags", home.tags(), "-o"]);
    // With the slash it is a folder also for a single package.
    go.arg(format!("{}/", folder.display()));
    go.args(tools.iter().map(|tool| tool.package()));
    Ok(go)
}

/// How go calls the binary: by the package's last element that isn't a major version.
fn output_name(tool: Tool) -> &'static str {
    let is_version = |element: &&str| element.strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
    tool.package().rsplit('/').find(|element| !is_version(element)).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tools_of_one_home_are_built_by_one_command() {
        let tools = [Tool::Etcd, Tool::KubeApiserver];
        let command = go_build(Home::ControlPlane, &tools, Path::new("/draft")).unwrap();
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect();
        assert!(arguments.ends_with(&[
            "/draft/".to_owned(),
            tools[0].package().to_owned(),
            tools[1].package().to_owned()
        ]));
        let version = Tool::KubeApiserver.version().unwrap();
        assert!(
            arguments.iter().any(|flags| flags.contains(&format!("version.gitVersion={version}"))),
            "{arguments:?}"
        );
    }

    #[test]
    fn a_binary_is_put_in_place_under_the_tool_s_own_name_whatever_go_calls_it() {
        assert_eq!(output_name(Tool::Etcd), "server");
        for tool in Tool::ALL.into_iter().filter(|tool| *tool != Tool::Etcd) {
            assert_eq!(output_name(tool), tool.name());
        }
    }
}
