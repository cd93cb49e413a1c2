//! The demo's voice on standard output: numbered steps, the commands with what they print, and the closing times.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use xtask::{Stack, workspace};

use crate::commands::report::Report;

#[derive(Default)]
pub struct Narrator {
    steps: usize,
    report: Report,
}

impl Narrator {
    /// One step: its sentence, what it does, its time.
    pub fn step<T>(&mut self, sentence: &str, act: impl FnOnce(&Shell) -> Result<T>) -> Result<T> {
        self.steps += 1;
        let name = format!("{}. {sentence}", self.steps);
        println!("\n{name}");
        self.report.time(&name, || act(&Shell))
    }

    /// Prints the time that each step took. Whether the demo went well is told by its steps' errors.
    pub fn close(&self) {
        self.report.print();
    }
}

/// Runs commands as a person would, and shows them with what they print.
pub struct Shell;

impl Shell {
    pub fn remark(&self, text: &str) {
        println!("   {text}");
    }

    pub fn show(&self, table: &str) {
        println!("\n{}", indent(table));
    }

    /// kubectl as the administrator, in the repository's root.
    pub fn kubectl(&self, stack: &Stack, arguments: &[&str]) -> Result<()> {
        let mut kubectl = stack.kubectl();
        kubectl.args(arguments);
        self.run("kubectl", arguments, kubectl).map(|_| ())
    }

    /// Runs a command and shows it, under the name a person knows it by. Answers what it printed on standard output.
    pub fn run(&self, name: &str, arguments: &[&str], command: Command) -> Result<String> {
        self.announce(name, arguments);
        let output = self.run_quietly(name, command)?;
        print!("{}", indent(&output));
        Ok(output)
    }

    /// Shows a command as it could be typed.
    pub fn announce(&self, name: &str, arguments: &[&str]) {
        println!("   $ {}", command_line(name, arguments));
    }

    /// Runs a command of which a person need not see anything, unless it fails.
    pub fn run_quietly(&self, name: &str, mut command: Command) -> Result<String> {
        let output = command.current_dir(workspace::root()).stdin(Stdio::null()).output();
        let output = output.with_context(|| format!("cannot run {name}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name} failed ({})\n{}", output.status, complaint.trim_end());
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("     {line}\n")).collect()
}

/// The command as it could be typed: what a shell would take apart is quoted.
fn command_line(name: &str, arguments: &[&str]) -> String {
    let plain =
        |argument: &str| argument.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_=./:,@".contains(letter));
    let quoted = arguments.iter().map(|argument| match plain(argument) {
        true => (*argument).to_owned(),
        false => format!("'{argument}'"),
    });
    [name.to_owned()].into_iter().chain(quoted).collect::<Vec<_>>().join(" ")
}
