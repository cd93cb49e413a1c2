//! Where the demo is played: on a stack of its own, or in a cluster that is there, beside an emulator of its own. And who is
//! where in it. What is done there, and how a guest leaves nothing behind, is not known here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use xtask::emulator::{self, Emulator};
use xtask::guest::{self, Guest};
use xtask::run_dir::RunDir;
use xtask::{Stack, StackOptions};

use crate::commands::stack::{aws_exports, exports};

/// The names of the namespaces.
#[derive(Clone, Copy)]
pub struct Namespaces {
    /// The operator's own.
    pub operator: &'static str,
    /// That of the Quarantines.
    pub responders: &'static str,
}

pub struct Stage {
    cluster: Cluster,
    pub namespaces: Namespaces,
}

enum Cluster {
    Own(Box<Stack>),
    There(Box<There>),
}

struct There {
    guest: Guest,
    // Dropped in this order: the emulator before its folder's lock.
    emulator: Emulator,
    run: RunDir,
}

impl Stage {
    pub fn own() -> Result<Self> {
        let stack = Stack::start(StackOptions::default())?;
        let namespaces = Namespaces { operator: "quarantine-system", responders: "incident-response" };
        Ok(Self { cluster: Cluster::Own(Box::new(stack)), namespaces })
    }

    /// Fails where the demo would get into the way of what is there.
    pub fn in_cluster(context: &str) -> Result<Self> {
        let run = RunDir::create()?;
        let guest = Guest::new(context, None, run.path());
        guest.ensure_free()?;
        let python = emulator::find_python()?.context("the AWS emulator's environment is gone")?;
        let mut emulator = Emulator::start(&python, &run)?;
        emulator.wait_until_ready()?;
        let namespaces = Namespaces { operator: guest::NAMESPACE, responders: guest::NAMESPACE };
        Ok(Self { cluster: Cluster::There(Box::new(There { guest, emulator, run })), namespaces })
    }

    /// The cluster, where it isn't the demo's own.
    pub fn guest(&self) -> Option<&Guest> {
        match &self.cluster {
            Cluster::Own(_) => None,
            Cluster::There(there) => Some(&there.guest),
        }
    }

    /// kubectl as the administrator.
    pub fn kubectl(&self) -> Command {
        match &self.cluster {
            Cluster::Own(stack) => stack.kubectl(),
            Cluster::There(there) => there.guest.kubectl(),
        }
    }

    /// What a person would add to kubectl for it.
    pub fn context(&self) -> Vec<&str> {
        self.guest().map(|guest| vec!["--context", guest.context()]).unwrap_or_default()
    }

    /// The administrator's kubeconfig, of a stack of the demo's own.
    pub fn kubeconfig(&self) -> Option<PathBuf> {
        match &self.cluster {
            Cluster::Own(stack) => Some(stack.kubeconfig()),
            Cluster::There(_) => None,
        }
    }

    pub fn kubeconfig_for(&self, user: &str, token: &str) -> Result<PathBuf> {
        match &self.cluster {
            Cluster::Own(stack) => stack.kubeconfig_for(user, token),
            Cluster::There(there) => there.guest.kubeconfig_for(user, token),
        }
    }

    pub fn run_dir(&self) -> &Path {
        match &self.cluster {
            Cluster::Own(stack) => stack.run_dir(),
            Cluster::There(there) => there.run.path(),
        }
    }

    pub fn emulator(&self) -> Result<&Emulator> {
        match &self.cluster {
            Cluster::Own(stack) => stack.emulator().context("the demo's stack has an emulator"),
            Cluster::There(there) => Ok(&there.emulator),
        }
    }

    pub fn aws_endpoint(&self) -> Result<String> {
        Ok(self.emulator()?.endpoint())
    }

    /// Fails if a part has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        match &mut self.cluster {
            Cluster::Own(stack) => stack.check(),
            Cluster::There(there) => there.emulator.check(),
        }
    }

    /// What points kubectl and aws at it, for a shell to read.
    pub fn exports(&self, region: &str) -> String {
        match &self.cluster {
            Cluster::Own(stack) => exports(stack, region),
            Cluster::There(there) => aws_exports(&there.emulator, region),
        }
    }
}
