//! Child processes that never outlive this one, with their output in a log file.
//!
//! An orderly end is [`Running::stop`], which `Drop` calls too: SIGTERM, a bounded wait, SIGKILL. For every other end
//! (SIGKILL, Ctrl-C, `exit`, a static that is never dropped) Linux kills the children: each asks for SIGKILL on its
//! parent's death (PR_SET_PDEATHSIG). That signal comes when the *thread* that started the child ends, and a test's
//! thread ends early; so one thread, which lives as long as the process, starts them all. Other systems have no such
//! signal: there, only the orderly end stops the children.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// How often a condition is looked at while waiting for it.
pub const POLL: Duration = Duration::from_millis(25);
const PATIENCE_AFTER_SIGTERM: Duration = Duration::from_secs(5);
const LAST_LINES: usize = 15;
const LAST_BYTES: u64 = 16 * 1024;

type Order = (Command, Sender<io::Result<Child>>);

static KEEPER: LazyLock<Result<Sender<Order>, String>> = LazyLock::new(|| {
    let (orders, inbox) = channel::<Order>();
    let keep = move || {
        for (mut command, answer) in inbox {
            let spawned = command.spawn();
            if let Err(unclaimed) = answer.send(spawned)
                && let Ok(mut child) = unclaimed.0
            {
                let _ = child.kill();
            }
        }
    };
    let keeper = thread::Builder::new().name("process-keeper".to_owned()).spawn(keep);
    keeper.map(|_| orders).map_err(|error| error.to_string())
});

/// Starts a command as a child that dies with this process.
pub fn spawn(mut command: Command) -> Result<Child> {
    let program = command.get_program().to_string_lossy().into_owned();
    die_with_this_process(&mut command);
    let (answer, answered) = channel();
    let keeper = KEEPER.as_ref().map_err(|error| anyhow::anyhow!("no thread to start processes from: {error}"))?;
    keeper.send((command, answer)).ok().context("the thread that starts processes has ended")?;
    let child = answered.recv().context("the thread that starts processes has ended")?;
    child.with_context(|| format!("cannot start {program}"))
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with_this_process(command: &mut Command) {
    use rustix::process::{getpid, getppid, set_parent_process_death_signal};

    let parent = getpid();
    // SAFETY: between fork and exec this makes two system calls and nothing else; it neither allocates nor locks.
    unsafe {
        command.pre_exec(move || {
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have died before the signal was asked for.
            if getppid() == Some(parent) { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_this_process(_: &mut Command) {}

/// A server of the stack. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts a server whose output is appended to `log`. It gets a process group of its own, so that Ctrl-C at the
    /// terminal reaches this process alone, which then stops its children in order.
    pub fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let open = || OpenOptions::new().create(true).append(true).open(log);
        let output = open().with_context(|| format!("cannot write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).process_group(0);
        Ok(Self { name: name.to_owned(), child: spawn(command)?, log: log.to_owned() })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot ask after {}", self.name))
    }

    /// Fails with the last lines of the log if the process has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.ended()? {
            Some(status) => bail!("{} has ended ({status})\n{}", self.name, last_lines(&self.log)),
            None => Ok(()),
        }
    }

    /// Waits until `ready` answers true. An end of the process before that, or the deadline, is an error that shows
    /// the last lines of the log.
    pub fn wait_until_ready(&mut self, within: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.ended()? {
                bail!("{} ended before it was ready ({status})\n{}", self.name, last_lines(&self.log));
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!("{} was not ready within {} s\n{}", self.name, within.as_secs(), last_lines(&self.log));
            }
            thread::sleep(POLL);
        }
    }

    /// SIGTERM, a bounded wait, SIGKILL. Returns when the process is gone.
    pub fn stop(&mut self) {
        self.stop_within(PATIENCE_AFTER_SIGTERM);
    }

    fn stop_within(&mut self, patience: Duration) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // An error of any of these three means that the process is already gone.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
        self.kill();
    }

    /// SIGKILL, as a crash would be. Returns when the process is gone.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The end of a log, with its path: what a failure's message should show.
pub fn last_lines(log: &Path) -> String {
    let text = read_end(log).unwrap_or_else(|error| format!("(unreadable: {error})"));
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let shown = &lines[lines.len().saturating_sub(LAST_LINES)..];
    let body: String = shown.iter().map(|line| format!("\n  | {line}")).collect();
    format!("last lines of {}:{}", log.display(), if body.is_empty() { "\n  | (empty)" } else { &body })
}

fn read_end(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LAST_BYTES)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn an_early_end_is_reported_with_the_last_lines_of_the_log() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        let mut server = Running::start("server", shell("echo no room left >&2; exit 3"), &log).unwrap();
        let error = server.wait_until_ready(Duration::from_secs(10), || false).unwrap_err().to_string();
        assert!(error.contains("server ended before it was ready (exit status: 3)"), "{error}");
        assert!(error.contains("| no room left"), "{error}");
    }

    #[test]
    fn a_process_that_ignores_sigterm_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        let script = "trap '' TERM; echo deaf; while :; do read -r line < /dev/zero; done";
        let mut server = Running::start("server", shell(script), &log).unwrap();
        let deaf = || read_end(&log).is_ok_and(|text| text.contains("deaf"));
        server.wait_until_ready(Duration::from_secs(10), deaf).unwrap();
        server.stop_within(Duration::from_millis(100));
        assert!(server.ended().unwrap().is_some());
    }

    #[test]
    fn a_child_outlives_the_thread_that_asked_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("server.log");
        let start = || Running::start("server", shell("echo up; exec sleep 60"), &log).unwrap();
        let mut server = thread::scope(|scope| scope.spawn(start).join()).unwrap();
        let up = || read_end(&log).is_ok_and(|text| text.contains("up"));
        server.wait_until_ready(Duration::from_secs(10), up).unwrap();
        assert!(server.ended().unwrap().is_none());
    }
}
