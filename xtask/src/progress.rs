//! What a person sees while something long runs: one line per task. On a terminal it turns, with the time that has
//! passed and the last thing the task said; elsewhere (CI, a file) plain lines, not more than one every half minute.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const PLAIN_INTERVAL: Duration = Duration::from_secs(30);
const TURN: Duration = Duration::from_millis(120);

/// The place where tasks show themselves, side by side.
#[derive(Clone)]
pub struct Progress {
    lines: Option<MultiProgress>,
}

/// One task's line. Dropped without [`Task::done`] it just goes away: the error that follows says the rest.
pub struct Task {
    name: String,
    started: Instant,
    line: Option<ProgressBar>,
    said: Mutex<Instant>,
}

impl Progress {
    pub fn new() -> Self {
        Self { lines: stderr().is_terminal().then(MultiProgress::new) }
    }

    /// A line that stays.
    pub fn tell(&self, line: &str) {
        match &self.lines {
            Some(lines) => lines.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    pub fn start(&self, name: impl Into<String>) -> Task {
        let name = name.into();
        let line = self.lines.as_ref().map(|lines| {
            let line = lines.add(ProgressBar::new_spinner().with_prefix(name.clone()));
            // The template is a constant, and a wrong one would only cost its looks.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} [{elapsed}] {wide_msg:.dim}") {
                line.set_style(style);
            }
            line.enable_steady_tick(TURN);
            line
        });
        if line.is_none() {
            eprintln!("{name} ...");
        }
        let now = Instant::now();
        Task { name, started: now, line, said: Mutex::new(now) }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Task {
    pub fn say(&self, message: &str) {
        if let Some(line) = &self.line {
            line.set_message(message.to_owned());
            return;
        }
        let Ok(mut said) = self.said.lock() else { return };
        if said.elapsed() >= PLAIN_INTERVAL {
            *said = Instant::now();
            eprintln!("{} [{}] {message}", self.name, seconds(self.started.elapsed()));
        }
    }

    pub fn done(self, outcome: impl Display) {
        let closing = format!("✓ {} {outcome} [{}]", self.name, seconds(self.started.elapsed()));
        match &self.line {
            Some(line) => line.suspend(|| eprintln!("{closing}")),
            None => eprintln!("{closing}"),
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if let Some(line) = &self.line {
            line.finish_and_clear();
        }
    }
}

/// A duration as a person reads it: `0.4 s`, `38 s`, `4 min 12 s`.
pub fn seconds(duration: Duration) -> String {
    match duration.as_secs() {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{} s", duration.as_secs()),
        long => format!("{} min {:02} s", long / 60, long % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_like_a_person_says_them() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(38)), "38 s");
        assert_eq!(seconds(Duration::from_secs(252)), "4 min 12 s");
    }
}
