//! etcd, kube-apiserver and, on demand, kube-controller-manager: how each is started, when it is ready, how it is
//! stopped and started again. Who the users are is decided by the caller.
//!
//! etcd listens on Unix sockets in the run directory: no port to collide with, and out of reach for the network. The
//! paths are relative to the run directory, where both run, because a socket's path may have only 107 bytes.
//! kube-apiserver makes its own certificate at its first start; that key also signs service account tokens.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use crate::kubeconfig::{self, Cluster};
use crate::process::Running;
use crate::run_dir::{ETCD_DATA, RunDir};

const READY_WITHIN: Duration = Duration::from_secs(120);
/// Between choosing a free port and listening on it, another process may take it.
const PORT_ATTEMPTS: u32 = 5;
/// With a port, though a file has none: etcd 3.4 takes no address without one.
const ETCD_SOCKET: &str = "etcd.sock:1";
const ETCD_PEER_SOCKET: &str = "etcd-peer.sock:1";
const TOKENS: &str = "tokens.csv";
const CERTIFICATES: &str = "certificates";
const SERVING_KEY: &str = "certificates/apiserver.key";
pub(crate) const KUBECTL_CACHE: &str = "kubectl-cache";
const AUDIT_POLICY: &str = "audit-policy.json";
pub(crate) const AUDIT_LOG: &str = "audit.log";
pub(crate) const CONTROLLER_MANAGER: &str = "system:kube-controller-manager";

/// Somebody the API server knows, by a token.
#[derive(Clone, Debug)]
pub struct Identity {
    pub user: String,
    pub groups: Vec<String>,
    pub token: String,
}

#[derive(Debug)]
pub(crate) struct Binaries {
    pub etcd: PathBuf,
    pub apiserver: PathBuf,
    pub controller_manager: Option<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct ControlPlane {
    // Dropped, and so stopped, in this order: those that write before the one that they write to.
    controller_manager: Option<Running>,
    apiserver: Option<Running>,
    etcd: Option<Running>,
    binaries: Binaries,
    folder: PathBuf,
    audit_log: bool,
    port: u16,
}

impl ControlPlane {
    /// Starts everything and waits until it is ready. `identities` begins with the administrator.
    pub fn start(binaries: Binaries, run: &RunDir, identities: &[Identity], audit_log: bool) -> Result<Self> {
        write_private(&run.join(TOKENS), &token_file(identities))?;
        if audit_log {
            let policy = json!({
                "apiVersion": "audit.k8s.io/v1",
                "kind": "Policy",
                "omitStages": ["RequestReceived"],
                "rules": [{ "level": "Request" }],
            });
            fs::write(run.join(AUDIT_POLICY), policy.to_string()).context("cannot write the audit policy")?;
        }
        let mut control_plane = Self {
            controller_manager: None,
            apiserver: None,
            etcd: None,
            binaries,
            folder: run.path().to_owned(),
            audit_log,
            port: 0,
        };
        control_plane.start_etcd()?;
        control_plane.start_apiserver_on_a_free_port(identities)?;
        control_plane.start_controller_manager()?;
        Ok(control_plane)
    }

    pub fn server(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The serving certificate, which signed itself: what clients trust.
    pub fn certificate_authority(&self) -> PathBuf {
        self.folder.join(CERTIFICATES).join("apiserver.crt")
    }

    pub fn write_kubeconfig(&self, user: &str, token: &str) -> Result<PathBuf> {
        let cluster = Cluster { server: &self.server(), certificate_authority: &self.certificate_authority() };
        kubeconfig::write(&self.folder, &cluster, user, token)
    }

    /// The parts that run, by name and process id.
    pub fn pids(&self) -> impl Iterator<Item = (&'static str, u32)> {
        let parts = [
            ("etcd", &self.etcd),
            ("kube-apiserver", &self.apiserver),
            ("kube-controller-manager", &self.controller_manager),
        ];
        parts.into_iter().filter_map(|(name, part)| part.as_ref().map(|part| (name, part.pid())))
    }

    /// Fails if a part that was started has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        let parts = [&mut self.etcd, &mut self.apiserver, &mut self.controller_manager];
        parts.into_iter().flatten().try_for_each(Running::check)
    }

    pub fn start_etcd(&mut self) -> Result<()> {
        for socket in [ETCD_SOCKET, ETCD_PEER_SOCKET] {
            // A killed etcd leaves its sockets behind; the first start finds none.
            let _ = fs::remove_file(self.folder.join(socket));
        }
        let clients = format!("unix://{ETCD_SOCKET}");
        let peers = format!("unix://{ETCD_PEER_SOCKET}");
        let mut etcd = self.command(&self.binaries.etcd);
        etcd.args(["--name=stack", "--unsafe-no-fsync", "--log-level=error"]);
        // Absolute, so that the process list tells whose etcd it is.
        etcd.arg(format!("--data-dir={}", self.folder.join(ETCD_DATA).display()));
        etcd.args([format!("--listen-client-urls={clients}"), format!("--advertise-client-urls={clients}")]);
        etcd.args([format!("--listen-peer-urls={peers}"), format!("--initial-advertise-peer-urls={peers}")]);
        etcd.arg(format!("--initial-cluster=stack={peers}"));
        let mut etcd = Running::start("etcd", etcd, &self.folder.join("etcd.log"))?;
        etcd.wait_until_ready(READY_WITHIN, || self.folder.join(ETCD_SOCKET).exists())?;
        self.etcd = Some(etcd);
        Ok(())
    }

    pub fn stop_etcd(&mut self) {
        self.etcd = None;
    }

    fn start_apiserver_on_a_free_port(&mut self, identities: &[Identity]) -> Result<()> {
        let admin = identities.first().context("a control plane needs an administrator")?;
        let mut attempts = 1;
        loop {
            self.port = free_port()?;
            for identity in identities {
                self.write_kubeconfig(&identity.user, &identity.token)?;
            }
            match self.start_apiserver(&admin.user) {
                Err(error) if attempts < PORT_ATTEMPTS && is_collision(&error) => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    /// Starts kube-apiserver on its port and waits until it is ready for `admin`, whose kubeconfig has been written.
    pub fn start_apiserver(&mut self, admin: &str) -> Result<()> {
        let folder = &self.folder;
        let mut apiserver = self.command(&self.binaries.apiserver);
        apiserver.args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            "--endpoint-reconciler-type=none",
        ]);
        apiserver.args([format!("--secure-port={}", self.port), format!("--etcd-servers=unix://{ETCD_SOCKET}")]);
        apiserver.arg(format!("--cert-dir={}", folder.join(CERTIFICATES).display()));
        apiserver.args([
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--service-cluster-ip-range=10.0.0.0/24",
        ]);
        apiserver.arg(format!("--token-auth-file={TOKENS}"));
        apiserver.arg("--service-account-issuer=https://kubernetes.default.svc");
        apiserver.arg(format!("--service-account-key-file={SERVING_KEY}"));
        apiserver.arg(format!("--service-account-signing-key-file={SERVING_KEY}"));
        if self.audit_log {
            apiserver.args([format!("--audit-policy-file={AUDIT_POLICY}"), format!("--audit-log-path={AUDIT_LOG}")]);
        }
        let mut apiserver = Running::start("kube-apiserver", apiserver, &folder.join("kube-apiserver.log"))?;
        let mut ask_again = Instant::now();
        apiserver.wait_until_ready(READY_WITHIN, || {
            // kubectl takes some of the time in which the API server could start, so it isn't asked over and over.
            let asked = Instant::now();
            if asked < ask_again || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_err() {
                return false;
            }
            let ready = self.answers(admin, &["get", "--raw=/readyz"]);
            ask_again = Instant::now() + asked.elapsed() * 2;
            ready
        })?;
        self.apiserver = Some(apiserver);
        Ok(())
    }

    pub fn stop_apiserver(&mut self) {
        self.apiserver = None;
    }

    pub fn kill_apiserver(&mut self) {
        if let Some(mut apiserver) = self.apiserver.take() {
            apiserver.kill();
        }
    }

    /// Stops every part, in the order of the fields.
    pub fn stop(&mut self) {
        self.controller_manager = None;
        self.stop_apiserver();
        self.stop_etcd();
    }

    fn start_controller_manager(&mut self) -> Result<()> {
        let Some(binary) = &self.binaries.controller_manager else { return Ok(()) };
        let kubeconfig = kubeconfig::path(&self.folder, CONTROLLER_MANAGER);
        let mut manager = self.command(binary);
        for purpose in ["", "authentication-", "authorization-"] {
            manager.arg(format!("--{purpose}kubeconfig={}", kubeconfig.display()));
        }
        // It serves nothing, and so needs no port. Controllers that act as themselves may do what RBAC grants to each;
        // without that the garbage collector is refused.
        manager.args(["--secure-port=0", "--leader-elect=false", "--use-service-account-credentials=true"]);
        let controllers = [
            "namespace-controller",
            "garbage-collector-controller",
            "serviceaccount-controller",
            "clusterrole-aggregation-controller",
        ];
        manager.arg(format!("--controllers={}", controllers.join(",")));
        manager.arg(format!("--service-account-private-key-file={SERVING_KEY}"));
        let log = self.folder.join("kube-controller-manager.log");
        let mut manager = Running::start("kube-controller-manager", manager, &log)?;
        // The service account controller makes this one once it works.
        let probe = ["get", "--raw=/api/v1/namespaces/default/serviceaccounts/default"];
        manager.wait_until_ready(READY_WITHIN, || self.answers(CONTROLLER_MANAGER, &probe))?;
        self.controller_manager = Some(manager);
        Ok(())
    }

    fn answers(&self, user: &str, arguments: &[&str]) -> bool {
        let mut kubectl = kubectl(&self.folder, user);
        kubectl.args(arguments).arg("--request-timeout=5s");
        kubectl
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    fn command(&self, binary: &Path) -> Command {
        let mut command = Command::new(binary);
        command.current_dir(&self.folder);
        command
    }
}

/// kubectl as a user whose kubeconfig lies in the run directory, with a cache of its own: the one in the home folder
/// is keyed by the server's address, and a later stack may get the same port.
pub(crate) fn kubectl(run: &Path, user: &str) -> Command {
    let mut kubectl = Command::new("kubectl");
    kubectl.env("KUBECONFIG", kubeconfig::path(run, user)).env("KUBECACHEDIR", run.join(KUBECTL_CACHE));
    kubectl
}

/// A port that the kernel says is free just now.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
    Ok(listener.local_addr()?.port())
}

fn is_collision(error: &anyhow::Error) -> bool {
    error.to_string().contains("address already in use")
}

fn token_file(identities: &[Identity]) -> String {
    let line = |identity: &Identity| {
        format!("{},{user},{user},\"{}\"\n", identity.token, identity.groups.join(","), user = identity.user)
    };
    identities.iter().map(line).collect()
}

fn write_private(path: &Path, content: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(content.as_bytes()))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_file_has_a_line_for_each_identity_in_the_columns_that_kubernetes_reads() {
        let identity = |user: &str, groups: &[&str]| Identity {
            user: user.to_owned(),
            groups: groups.iter().map(|&group| group.to_owned()).collect(),
            token: format!("token-of-{user}"),
        };
        let file = token_file(&[identity("admin", &["system:masters", "staff"]), identity("eve", &[])]);
        assert_eq!(file, "token-of-admin,admin,admin,\"system:masters,staff\"\ntoken-of-eve,eve,eve,\"\"\n");
    }
}
