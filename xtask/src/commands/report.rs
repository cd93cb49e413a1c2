//! How long each step took, and whether it went well: the table at the end of a command.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use xtask::progress::seconds;

#[derive(Default)]
pub struct Report {
    steps: Vec<Step>,
    notes: Vec<String>,
}

struct Step {
    name: String,
    time: Duration,
    failed: bool,
}

impl Report {
    /// Runs one step and keeps its time.
    pub fn time<T>(&mut self, name: &str, step: impl FnOnce() -> Result<T>) -> Result<T> {
        let started = Instant::now();
        let outcome = step();
        self.steps.push(Step { name: name.to_owned(), time: started.elapsed(), failed: outcome.is_err() });
        outcome
    }

    /// Runs one step, shows its error at once, and goes on: the closing table remembers.
    pub fn try_step(&mut self, name: &str, step: impl FnOnce() -> Result<()>) {
        eprintln!("\n== {name}");
        if let Err(error) = self.time(name, step) {
            eprintln!("error: {error:#}");
        }
    }

    /// Something to be said below the table.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// Prints the table, and what is to be said below it.
    pub fn print(&self) {
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or_default();
        eprintln!();
        for Step { name, time, failed } in &self.steps {
            eprintln!("  {name:width$}  {:>12}  {}", seconds(*time), if *failed { "FAILED" } else { "ok" });
        }
        for note in &self.notes {
            eprintln!("\n  {note}");
        }
    }

    /// Prints the table; an error names the steps that failed.
    pub fn close(&self) -> Result<()> {
        self.print();
        let failed: Vec<_> = self.steps.iter().filter(|step| step.failed).map(|step| step.name.as_str()).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}
