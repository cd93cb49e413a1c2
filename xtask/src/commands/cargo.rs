//! How the commands call cargo: in the repository's root, with the cargo that runs this, and as a job with its output
//! in a log, or with its output passed through.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use xtask::job::{self, Cancel};
use xtask::process::spawn;
use xtask::progress::Progress;
use xtask::{run_dir, workspace};

const OPERATOR: [&str; 3] = ["build", "--bin", "quarantine-operator"];

pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root()).args(arguments);
    cargo
}

/// Runs a command whose output the person sees as it is.
pub fn pass_through(command: Command) -> Result<()> {
    let line = line_of(&command);
    eprintln!("$ {line}");
    let status = spawn(command)?.wait()?;
    ensure!(status.success(), "`{line}` failed ({status})");
    Ok(())
}

fn line_of(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    [program].into_iter().chain(arguments).collect::<Vec<_>>().join(" ")
}

/// Builds, with the last line of cargo's output on the progress.
pub fn build(what: &str, arguments: &[&str], progress: &Progress, cancel: &Cancel) -> Result<()> {
    let task = progress.start(format!("building {what}"));
    let log = run_dir::logs().join("build-cargo.log");
    job::run(&format!("cargo {}", arguments.join(" ")), cargo(arguments), &log, &task, cancel)?;
    task.done("done");
    Ok(())
}

/// Builds the operator and answers where cargo put it.
pub fn build_operator(progress: &Progress, cancel: &Cancel) -> Result<PathBuf> {
    build("the operator", &OPERATOR, progress, cancel)?;
    let fresh = cargo(&OPERATOR).args(["--quiet", "--message-format=json"]).output()?;
    let messages = String::from_utf8_lossy(&fresh.stdout);
    match messages.lines().filter_map(executable).next_back() {
        Some(executable) => Ok(executable),
        None => bail!("cargo built the operator, but doesn't say where: {}", String::from_utf8_lossy(&fresh.stderr)),
    }
}

fn executable(message: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    serde_json::from_str::<Message>(message).ok()?.executable
}

/// Runs the operator's own command line, such as `crds`.
pub fn run_operator(arguments: &[&str]) -> Result<()> {
    let mut command = cargo(&["run", "--quiet", "--bin", "quarantine-operator", "--"]);
    command.args(arguments);
    let status = spawn(command)?.wait()?;
    ensure!(status.success(), "quarantine-operator {} failed ({status})", arguments.join(" "));
    Ok(())
}

/// What the operator's own command line prints.
pub fn read_from_operator(arguments: &[&str]) -> Result<String> {
    let mut command = cargo(&["run", "--quiet", "--bin", "quarantine-operator", "--"]);
    let output = command.args(arguments).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "quarantine-operator {} failed ({})", arguments.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}
