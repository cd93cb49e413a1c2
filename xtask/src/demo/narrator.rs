//! The demo's voice on standard output: numbered steps, the commands with what they print, and the closing times.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use xtask::workspace;

use crate::commands::report::Report;

use super::stage::Stage;

#[derive(Default)]
pub struct Narrator {
    steps: usize,
    report: Report,
    stop: Arc<AtomicBool>,
}

impl Narrator {
    /// From now on Ctrl-C, or the system's signal to end, ends the story and not the demo at once: something is to be done after
    /// it. Commands that run at that moment get Ctrl-C themselves.
    pub fn stop_on_signals(&self) -> Result<()> {
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&self.stop))?;
        }
        Ok(())
    }

    /// A step that is taken also after such a signal.
    pub fn last_step(&mut self, sentence: &str, act: impl FnOnce(&Shell) -> Result<()>) -> Result<()> {
        self.stop.store(false, Ordering::Relaxed);
        self.step(sentence, act)
    }

    /// One step: its sentence, what it does, its time.
    pub fn step<T>(&mut self, sentence: &str, act: impl FnOnce(&Shell) -> Result<T>) -> Result<T> {
        ensure!(!self.stop.load(Ordering::Relaxed), "stopped by a signal");
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
    pub fn kubectl(&self, stage: &Stage, arguments: &[&str]) -> Result<()> {
        let mut kubectl = stage.kubectl();
        kubectl.args(arguments);
        self.run("kubectl", &[&stage.context()[..], arguments].concat(), kubectl).map(|_| ())
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
