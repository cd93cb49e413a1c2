//! One command run to its end, its output in a log, its last line on the progress; and two such at once, where the
//! failure of one ends the other.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write, pipe};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::process::{POLL, last_lines, spawn};
use crate::progress::Task;

/// Tells jobs that run at the same time that the others need not go on.
#[derive(Debug, Default)]
pub struct Cancel(AtomicBool);

impl Cancel {
    /// Answers whether this was the first call: who cancels first has the error worth telling.
    fn cancel(&self) -> bool {
        !self.0.swap(true, Ordering::Relaxed)
    }

    fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs `command` to its end. Its output goes to `log`, which starts empty; a failure shows the log's last lines.
pub fn run(what: &str, mut command: Command, log: &Path, task: &Task, cancel: &Cancel) -> Result<()> {
    if let Some(folder) = log.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let mut copy = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let (output, input) = pipe()?;
    command.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input);
    let mut child = spawn(command)?;
    thread::scope(|scope| {
        scope.spawn(|| {
            for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                // A log that can't be written must not stop the job that fills it.
                let _ = copy.write_all(&line).and_then(|()| copy.write_all(b"\n"));
                task.say(String::from_utf8_lossy(&line).trim());
            }
        });
        wait(what, &mut child, cancel)
    })
    .map_err(|error| anyhow!("{error}\n{}", last_lines(log)))
}

fn wait(what: &str, child: &mut Child, cancel: &Cancel) -> Result<()> {
    loop {
        if let Some(status) = child.try_wait()? {
            if status.success() {
                return Ok(());
            }
            bail!("{what} failed ({status})");
        }
        if cancel.is_cancelled() {
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            child.wait()?;
            bail!("{what} was stopped, because something beside it failed");
        }
        thread::sleep(POLL);
    }
}

/// Runs two jobs side by side. The first failure cancels the other and is the one returned.
pub fn beside<A, B>(
    cancel: &Cancel,
    left: impl FnOnce() -> Result<A> + Send,
    right: impl FnOnce() -> Result<B>,
) -> Result<(A, B)>
where
    A: Send,
{
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| {
            let outcome = left();
            let failed_first = outcome.is_err() && cancel.cancel();
            (outcome, failed_first)
        });
        let right = right();
        if right.is_err() {
            cancel.cancel();
        }
        (left.join(), right)
    });
    let (left, left_failed_first) = left.unwrap_or_else(|panic| resume_unwind(panic));
    if left_failed_first {
        return Ok((left?, right?));
    }
    let right = right?;
    Ok((left?, right))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::progress::Progress;

    fn run_shell(script: &str, cancel: &Cancel) -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run("the script", command, &folder.path().join("job.log"), &Progress::new().start("script"), cancel)
    }

    #[test]
    fn a_failure_names_the_command_and_shows_the_end_of_its_output() {
        let error =
            format!("{:#}", run_shell("echo to stdout; echo to stderr >&2; exit 7", &Cancel::default()).unwrap_err());
        assert!(error.contains("the script failed (exit status: 7)"), "{error}");
        assert!(error.contains("| to stdout") && error.contains("| to stderr"), "{error}");
    }

    #[test]
    fn the_failure_of_one_job_ends_the_other_and_is_the_one_returned() {
        let started = Instant::now();
        for the_left_one_fails in [true, false] {
            let cancel = Cancel::default();
            let fails = || run_shell("echo broken; exit 1", &cancel);
            let lasts = || run_shell("exec sleep 60", &cancel);
            let outcome =
                if the_left_one_fails { beside(&cancel, fails, lasts) } else { beside(&cancel, lasts, fails) };
            assert!(format!("{:#}", outcome.unwrap_err()).contains("| broken"));
        }
        assert!(started.elapsed() < Duration::from_secs(30));
    }
}
