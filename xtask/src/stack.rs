//! A stack: an API server with its etcd, and an AWS emulator, started together and stopped whatever happens.
//! How each part is started is not known here.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::thread;

use anyhow::{Context, Result, anyhow, ensure};

use crate::control_plane::{self, AUDIT_LOG, Binaries, CONTROLLER_MANAGER, ControlPlane, Identity, KUBECTL_CACHE};
use crate::emulator::{self, Emulator};
use crate::job::Cancel;
use crate::prerequisites::{self, Prerequisite};
use crate::progress::Progress;
use crate::run_dir::{ETCD_DATA, RunDir};
use crate::setup::Setup;
use crate::tools::{self, Tool};

const ADMIN: &str = "admin";

/// What a stack consists of.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Build what isn't there yet, with progress on standard error. Otherwise the start fails and says what to run.
    pub build_missing: bool,
    /// Start the AWS emulator.
    pub emulator: bool,
    /// Start kube-controller-manager, without which namespaces are never gone, and nothing is garbage-collected.
    pub controller_manager: bool,
    /// Keep the API server's audit log, one JSON line per request with its body.
    pub audit_log: bool,
    /// Users beside the administrator, with their groups. Each gets a token and a kubeconfig.
    pub users: Vec<(String, Vec<String>)>,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self { build_missing: false, emulator: true, controller_manager: false, audit_log: false, users: Vec::new() }
    }
}

impl StackOptions {
    /// What has to lie ready for such a stack.
    pub fn setup(&self) -> Setup {
        let mut tools = vec![Tool::Etcd, Tool::KubeApiserver];
        tools.extend(self.controller_manager.then_some(Tool::KubeControllerManager));
        Setup { tools, emulator: self.emulator }
    }

    /// The programs that a person has to have installed for such a stack.
    pub fn prerequisites(&self) -> Result<Vec<Prerequisite>> {
        let mut wanted = self.setup().prerequisites()?;
        wanted.push(Prerequisite::Kubectl);
        Ok(wanted)
    }
}

/// A running stack. Dropping it stops every part; if this process ends in any other way, Linux kills them.
#[derive(Debug)]
pub struct Stack {
    // Dropped in this order: the servers before their folder's lock.
    control_plane: ControlPlane,
    emulator: Option<Emulator>,
    identities: Vec<Identity>,
    run: RunDir,
}

impl Stack {
    /// Starts a stack and waits until every part answers. Some three seconds on an idle machine.
    ///
    /// # Errors
    /// What is missing and what to run or install; or which part didn't start, with the last lines of its log.
    pub fn start(options: StackOptions) -> Result<Self> {
        let setup = options.setup();
        if options.build_missing {
            prerequisites::check(&options.prerequisites()?)?;
            setup.prepare(&Progress::new(), &Cancel::default())?;
        } else {
            setup.require()?;
            prerequisites::check(&[Prerequisite::Kubectl])?;
        }
        let run = RunDir::create()?;
        let folder = run.path().to_owned();
        Self::start_in(run, options).with_context(|| format!("the stack did not start; see {}", folder.display()))
    }

    fn start_in(run: RunDir, options: StackOptions) -> Result<Self> {
        let wanted = options.setup().tools;
        let find = |tool: Tool| -> Result<PathBuf> {
            let found = tools::find_beside(tool, &wanted)?;
            Ok(found.with_context(|| format!("{} is gone", tool.name()))?.path)
        };
        let binaries = Binaries {
            etcd: find(Tool::Etcd)?,
            apiserver: find(Tool::KubeApiserver)?,
            controller_manager: options.controller_manager.then(|| find(Tool::KubeControllerManager)).transpose()?,
        };
        let mut identities = vec![identity(ADMIN.to_owned(), vec!["system:masters".to_owned()])?];
        if options.controller_manager {
            identities.push(identity(CONTROLLER_MANAGER.to_owned(), Vec::new())?);
        }
        for (user, groups) in options.users {
            ensure!(identities.iter().all(|known| known.user != user), "the user {user} is named twice");
            identities.push(identity(user, groups)?);
        }
        // The emulator comes up while the control plane does.
        let mut emulator = match options.emulator {
            true => {
                let python = emulator::find_python()?.context("the AWS emulator's environment is gone")?;
                Some(Emulator::start(&python, &run)?)
            }
            false => None,
        };
        let control_plane = ControlPlane::start(binaries, &run, &identities, options.audit_log)?;
        if let Some(emulator) = &mut emulator {
            emulator.wait_until_ready()?;
        }
        Ok(Self { control_plane, emulator, identities, run })
    }

    /// The stack that all tests of one process share, started by whoever asks first. It ends with the process.
    ///
    /// # Errors
    /// Those of [`Stack::start`]; the first answer stays, so that not every test waits for the same failure.
    pub fn shared() -> Result<&'static Self> {
        static SHARED: OnceLock<Result<Stack, String>> = OnceLock::new();
        let options = StackOptions::default();
        let shared = SHARED.get_or_init(|| Self::start(options).map_err(|error| format!("{error:#}")));
        shared.as_ref().map_err(|error| anyhow!("{error}"))
    }

    /// The API server's URL.
    pub fn server(&self) -> String {
        self.control_plane.server()
    }

    /// The certificate, in PEM, that clients of the API server trust.
    pub fn certificate_authority(&self) -> PathBuf {
        self.control_plane.certificate_authority()
    }

    /// The administrator's kubeconfig (group system:masters).
    pub fn kubeconfig(&self) -> PathBuf {
        crate::kubeconfig::path(self.run.path(), ADMIN)
    }

    /// Writes a kubeconfig for whoever has `token`, for example a service account's. Users of the options have theirs
    /// already: see [`Stack::token`].
    pub fn kubeconfig_for(&self, user: &str, token: &str) -> Result<PathBuf> {
        self.control_plane.write_kubeconfig(user, token)
    }

    /// The token of the administrator (`admin`) or of a user named in the options.
    pub fn token(&self, user: &str) -> Option<&str> {
        self.identities.iter().find(|identity| identity.user == user).map(|identity| identity.token.as_str())
    }

    /// kubectl as the administrator.
    pub fn kubectl(&self) -> Command {
        control_plane::kubectl(self.run.path(), ADMIN)
    }

    /// kubectl's own cache for this stack, as `KUBECACHEDIR`.
    pub fn kubectl_cache(&self) -> PathBuf {
        self.run.join(KUBECTL_CACHE)
    }

    /// The emulator, if the options asked for one.
    pub fn emulator(&self) -> Option<&Emulator> {
        self.emulator.as_ref()
    }

    /// The value for `AWS_ENDPOINT_URL`.
    ///
    /// # Errors
    /// The stack was started without the emulator.
    pub fn aws_endpoint(&self) -> Result<String> {
        Ok(self.emulator.as_ref().context("this stack was started without the AWS emulator")?.endpoint())
    }

    /// Where logs, certificates, kubeconfigs and etcd's data lie. It stays when the stack has gone.
    pub fn run_dir(&self) -> &Path {
        self.run.path()
    }

    /// The API server's audit log, one JSON object a line, if the options asked for it.
    pub fn audit_log(&self) -> PathBuf {
        self.run.join(AUDIT_LOG)
    }

    /// etcd's data folder.
    pub fn etcd_data(&self) -> PathBuf {
        self.run.join(ETCD_DATA)
    }

    /// The parts that run, by name and process id.
    pub fn pids(&self) -> Vec<(&'static str, u32)> {
        let emulator = self.emulator.iter().map(|emulator| ("aws-emulator", emulator.pid()));
        self.control_plane.pids().chain(emulator).collect()
    }

    /// Fails if a part has ended by itself, with the last lines of its log.
    pub fn check(&mut self) -> Result<()> {
        self.control_plane.check()?;
        self.emulator.as_mut().map_or(Ok(()), Emulator::check)
    }

    /// Stops etcd. Its data stays; requests to the API server fail until [`Stack::start_etcd`].
    pub fn stop_etcd(&mut self) {
        self.control_plane.stop_etcd();
    }

    /// Starts etcd again, at the same place with the data that lies in [`Stack::etcd_data`].
    pub fn start_etcd(&mut self) -> Result<()> {
        self.control_plane.stop_etcd();
        self.control_plane.start_etcd()
    }

    /// Stops the API server. Its port is refused until [`Stack::start_apiserver`].
    pub fn stop_apiserver(&mut self) {
        self.control_plane.stop_apiserver();
    }

    /// The same as a crash: whatever it was doing ends in the middle.
    pub fn kill_apiserver(&mut self) {
        self.control_plane.kill_apiserver();
    }

    /// Starts the API server again on the same port, with the same certificate and tokens.
    pub fn start_apiserver(&mut self) -> Result<()> {
        self.control_plane.stop_apiserver();
        self.control_plane.start_apiserver(ADMIN)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.control_plane.stop();
        // The data is 60 to 130 MB. After a failure it may be wanted; else the next run's start would remove it.
        if !thread::panicking() {
            let _ = fs::remove_dir_all(self.etcd_data());
        }
    }
}

fn identity(user: String, groups: Vec<String>) -> Result<Identity> {
    let mut random = [0; 16];
    let source = fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random));
    source.context("no random numbers from /dev/urandom")?;
    Ok(Identity { user, groups, token: format!("{:032x}", u128::from_ne_bytes(random)) })
}
