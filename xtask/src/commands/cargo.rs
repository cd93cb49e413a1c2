//! How the commands call cargo: in the repository's root, with the cargo that runs this, and as a job with its output
//! in a log, or with its output passed through.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use xtask::job::{self, Cancel};
use xtask::process::spawn;
use xtask::progress::Progress;
use xtask::{run_dir, workspace};

/// With the whole workspace, whose features are then the tests' too: without it, kube and the operator are compiled once for the
/// demo and once more for the tests.
const OPERATOR: [&str; 4] = ["build", "--workspace", "--bin", "quarantine-operator"];

/// Processor seconds of building the operator, and the tests, with all that they depend on.
pub const OPERATOR_COST: u32 = 1300;
pub const TESTS_COST: u32 = 2000;

/// What a build costs where the dependencies aren't built yet: the AWS SDK is by far the largest.
pub fn cold(cost: u32) -> Option<u32> {
    let built = fs::read_dir(workspace::target_dir().join("debug/deps")).into_iter().flatten().flatten();
    let is_sdk = |name: &str| name.starts_with("libaws_sdk_ec2-") && name.ends_with(".rlib");
    let mut built = built.map(|file| file.file_name().to_string_lossy().into_owned());
    (!built.any(|name| is_sdk(&name))).then_some(cost)
}

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
    built_operator()
}

/// Builds it, saying nothing unless that fails, and answers where cargo put it.
fn built_operator() -> Result<PathBuf> {
    let mut build = cargo(&OPERATOR);
    build.args(["--quiet", "--message-format=json-render-diagnostics"]).stderr(Stdio::inherit());
    let fresh = build.output()?;
    ensure!(fresh.status.success(), "the operator can't be built ({})", fresh.status);
    let messages = String::from_utf8_lossy(&fresh.stdout);
    match messages.lines().filter_map(executable).next_back() {
        Some(executable) => Ok(executable),
        None => bail!("cargo built the operator, but doesn't say where"),
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
    let status = spawn(operator(arguments)?)?.wait()?;
    ensure!(status.success(), "quarantine-operator {} failed ({status})", arguments.join(" "));
    Ok(())
}

/// What the operator's own command line prints.
pub fn read_from_operator(arguments: &[&str]) -> Result<String> {
    let output = operator(arguments)?.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "quarantine-operator {} failed ({})", arguments.join(" "), output.status);
    Ok(String::from_utf8(output.stdout)?)
}

fn operator(arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(built_operator()?);
    command.current_dir(workspace::root()).args(arguments);
    Ok(command)
}
