//! One command run to its end, its output in a log, its last line on the progress; and several such at once, the longest first,
//! where the failure of one ends the others.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write, pipe};
use std::panic::resume_unwind;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
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

/// One of several jobs that are done side by side.
pub struct Job<'a> {
    /// About how many processor seconds it takes: what decides which one begins first.
    cost: u32,
    work: Box<dyn FnOnce() -> Result<()> + Send + 'a>,
}

impl<'a> Job<'a> {
    pub fn new(cost: u32, work: impl FnOnce() -> Result<()> + Send + 'a) -> Self {
        Self { cost, work: Box::new(work) }
    }
}

/// How many jobs are done at once: one a core, and at least two, for one often waits (for a download, for its own last link).
pub fn lanes() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get().max(2))
}

/// Does jobs side by side, so many at once, the longest first: then none of them is left alone at the end. The first failure
/// ends those that run, keeps the others from starting, and is the one returned.
pub fn side_by_side(mut jobs: Vec<Job<'_>>, lanes: usize, cancel: &Cancel) -> Result<()> {
    jobs.sort_by_key(|job| job.cost);
    let lanes = lanes.min(jobs.len());
    let (waiting, first_failure) = (Mutex::new(jobs), Mutex::new(None));
    let lane = || {
        // A lock is poisoned only where another lane has panicked, and that panic is the one told.
        while let Some(job) = waiting.lock().ok().and_then(|mut jobs| jobs.pop()) {
            if cancel.is_cancelled() {
                return;
            }
            if let Err(error) = (job.work)()
                && cancel.cancel()
                && let Ok(mut failure) = first_failure.lock()
            {
                *failure = Some(error);
            }
        }
    };
    let panicked = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(lane)).collect();
        lanes.into_iter().filter_map(|lane| lane.join().err()).next()
    });
    if let Some(panic) = panicked {
        resume_unwind(panic);
    }
    match first_failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicUsize;
    use std::sync::mpsc::channel;
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
    fn the_failure_of_one_job_ends_the_others_and_is_the_one_returned() {
        let (started, cancel) = (Instant::now(), Cancel::default());
        let jobs = vec![
            Job::new(3, || run_shell("exec sleep 60", &cancel)),
            Job::new(2, || run_shell("echo broken; exit 1", &cancel)),
            Job::new(1, || panic!("it must not begin")),
        ];
        let error = side_by_side(jobs, 2, &cancel).unwrap_err();
        assert!(format!("{error:#}").contains("| broken"), "{error:#}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn the_longest_jobs_begin_first_and_no_more_run_at_once_than_there_are_lanes() {
        let (begun, at_once, most) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
        let barrier = Barrier::new(2);
        let job = |cost| {
            let (begun, at_once, most, barrier) = (&begun, &at_once, &most, &barrier);
            Job::new(cost, move || {
                begun.lock().unwrap().push(cost);
                most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                // Two are always at work: without the other one, none of them would get on.
                barrier.wait();
                at_once.fetch_sub(1, Ordering::SeqCst);
                barrier.wait();
                Ok(())
            })
        };
        side_by_side([3, 900, 20, 500, 60, 1].map(job).into(), 2, &Cancel::default()).unwrap();
        let begun = begun.into_inner().unwrap();
        let pairs: Vec<[u32; 2]> = begun.chunks(2).map(|pair| [pair[0].max(pair[1]), pair[0].min(pair[1])]).collect();
        assert_eq!(pairs, [[900, 500], [60, 20], [3, 1]]);
        assert_eq!(most.into_inner(), 2);
    }

    #[test]
    fn short_jobs_run_beside_a_long_one_and_not_after_it() {
        let log = Mutex::new(Vec::new());
        let (last_short, wait_for_it) = channel();
        let job = |cost, name| {
            Job::new(cost, {
                let log = &log;
                move || {
                    log.lock().unwrap().push(name);
                    Ok(())
                }
            })
        };
        let jobs = vec![
            job(10, "helper"),
            Job::new(1, {
                let log = &log;
                move || {
                    log.lock().unwrap().push("last");
                    last_short.send(()).map_err(Into::into)
                }
            }),
            // It ends only after all the short ones have: they can't have waited for it.
            Job::new(900, {
                let log = &log;
                move || {
                    wait_for_it.recv()?;
                    log.lock().unwrap().push("long");
                    Ok(())
                }
            }),
            job(60, "emulator"),
        ];
        side_by_side(jobs, 2, &Cancel::default()).unwrap();
        assert_eq!(log.into_inner().unwrap(), ["emulator", "helper", "last", "long"]);
    }

    #[test]
    #[should_panic(expected = "a fault of ours")]
    fn a_panic_in_a_job_is_not_swallowed() {
        let _ = side_by_side(vec![Job::new(1, || panic!("a fault of ours"))], 2, &Cancel::default());
    }
}
