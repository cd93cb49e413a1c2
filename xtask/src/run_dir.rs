//! The folder of one run of the stack: `target/stack/<unix time>-<process id>-<count>/`, with its logs, certificates and data.
//! It stays after the run, because its logs may be wanted; the next runs clear old ones away, never one in use, and
//! etcd's data (128 MB, set aside at its start) at once.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use crate::workspace;

/// How many folders of ended runs are kept.
const KEPT: usize = 5;
const IN_USE: &str = "in-use";
/// Where etcd keeps its data in a run's folder.
pub const ETCD_DATA: &str = "etcd-data";

/// A run's folder, held by a lock that the kernel lets go of when this process ends, however it ends.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    _in_use: File,
}

impl RunDir {
    pub fn create() -> Result<Self> {
        let runs = logs();
        Self::create_in(&runs).with_context(|| format!("cannot create a folder in {}", runs.display()))
    }

    fn create_in(runs: &Path) -> Result<Self> {
        fs::create_dir_all(runs)?;
        // Held, so that nobody clears the new folder away between its creation and its lock.
        let one_at_a_time = File::create(runs.join(".lock"))?;
        one_at_a_time.lock()?;
        // Old folders that can't be removed are no reason to fail.
        let _ = remove_ended_runs(runs);
        static COUNT: AtomicU32 = AtomicU32::new(1);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let path = runs.join(format!("{now}-{}-{:03}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&path)?;
        let in_use = File::create(path.join(IN_USE))?;
        in_use.lock()?;
        Ok(Self { path, _in_use: in_use })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path.join(name)
    }
}

/// The folder of all runs; the logs of builds lie there too.
pub fn logs() -> PathBuf {
    workspace::target_dir().join("stack")
}

fn remove_ended_runs(runs: &Path) -> Result<()> {
    let mut ended: Vec<_> =
        fs::read_dir(runs)?.flatten().map(|entry| entry.path()).filter(|run| has_ended(run)).collect();
    ended.sort();
    let (old, recent) = ended.split_at(ended.len().saturating_sub(KEPT));
    for run in old {
        fs::remove_dir_all(run)?;
    }
    for data in recent.iter().map(|run| run.join(ETCD_DATA)).filter(|data| data.exists()) {
        fs::remove_dir_all(data)?;
    }
    Ok(())
}

/// A folder without the file isn't a run's.
fn has_ended(run: &Path) -> bool {
    File::open(run.join(IN_USE)).is_ok_and(|in_use| in_use.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_runs_go_and_runs_in_use_stay() {
        let runs = tempfile::tempdir().unwrap();
        let in_use = RunDir::create_in(runs.path()).unwrap();
        let end_run = |_| RunDir::create_in(runs.path()).unwrap().path().to_owned();
        let ended: Vec<_> = (0..KEPT + 2).map(end_run).collect();
        fs::create_dir(ended[KEPT].join(ETCD_DATA)).unwrap();
        remove_ended_runs(runs.path()).unwrap();
        assert!(in_use.path().exists());
        assert!(!ended[0].exists() && !ended[1].exists());
        assert!(ended[2..].iter().all(|run| run.exists()));
        assert!(!ended[KEPT].join(ETCD_DATA).exists());
    }
}
