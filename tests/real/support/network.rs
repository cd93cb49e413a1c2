//! A network of one test's own, whose packets can be lost for real: the test runs again in a user and a network namespace
//! of its own, and the emulator in another one behind a pair of virtual Ethernet devices. It needs no rights, and all of
//! it goes with the processes. What is lost leaves its device, addressed to one that nobody has.

use super::wait::until;
use std::{
    env, fs,
    net::TcpStream,
    path::PathBuf,
    process::{Command, Stdio},
};
use xtask::{
    emulator::{find_python, python_command},
    process::Running,
};

const INSIDE: &str = "QUARANTINE_TEST_NETWORK";
const NEAR: Side = Side { address: "10.9.0.1", device: "near", hardware: "02:00:00:00:00:01" };
const FAR: Side = Side { address: "10.9.0.2", device: "far", hardware: "02:00:00:00:00:02" };
const NOBODY: &str = "02:00:00:00:00:99";
const PORT: u16 = 5000;

struct Side {
    address: &'static str,
    device: &'static str,
    hardware: &'static str,
}

/// Runs `test` in a network of its own. `name` is the test's whole name, of which this must be the only line.
pub fn alone(name: &str, test: impl AsyncFnOnce(Network)) {
    if env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        return runtime.block_on(async { test(Network::start().await).await });
    }
    let mut again = Command::new("unshare");
    again.args(["--user", "--map-root-user", "--net", "--"]).arg(env::current_exe().expect("this program is a file"));
    again.args(["--exact", name, "--nocapture"]).env(INSIDE, "own");
    again.env("AWS_EMULATOR", format!("http://{}:{PORT}", FAR.address));
    let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("network-of-{}.log", std::process::id()));
    let mut inside = Running::start("the test in a network of its own", again, &log).expect(
        "unshare runs: a Linux with util-linux, and with user namespaces for everybody (sysctl kernel.apparmor_restrict_unprivileged_userns=0)",
    );
    let ended = loop {
        if let Some(ended) = inside.ended().expect("it is our child") {
            break ended;
        }
        std::thread::sleep(xtask::process::POLL);
    };
    let said = fs::read_to_string(&log).unwrap_or_default();
    assert!(ended.success() && said.contains("1 passed"), "{name} in a network of its own: {ended}\n{said}");
    // A log that stays is of no use to anybody.
    let _ = fs::remove_file(log);
}

/// The network, with an emulator on its far side, at `wire::emulator::endpoint`.
pub struct Network {
    emulator: Running,
}

impl Network {
    async fn start() -> Self {
        let python = find_python().expect("the cache can be read").expect("the emulator is built: cargo xtask tools");
        let python = python_command(&python);
        let mut far = Command::new("unshare");
        far.args(["--net", "--"]).arg(python.get_program());
        far.args(["-m", "aws_emulator", "--host", "0.0.0.0", "--port", &PORT.to_string()]);
        for (name, value) in python.get_envs() {
            match value {
                Some(value) => far.env(name, value),
                None => far.env_remove(name),
            };
        }
        let log = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("far-of-{}.log", std::process::id()));
        let network = Self { emulator: Running::start("the far emulator", far, &log).expect("the emulator starts") };
        let _ = fs::remove_file(log);
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let pid = network.emulator.pid().to_string();
        until("the emulator is in a network of its own", async || {
            (namespace(&pid)? != namespace("self")?).then_some(())
        })
        .await;
        let near = ["link", "add", NEAR.device, "address", NEAR.hardware, "type", "veth"];
        run("ip", &[&near[..], &["peer", "name", FAR.device, "address", FAR.hardware, "netns", &pid]].concat());
        for side in [NEAR, FAR] {
            network.ip(&side, &["link", "set", "lo", "up"]);
            network.ip(&side, &["addr", "add", &format!("{}/24", side.address), "dev", side.device]);
            network.ip(&side, &["link", "set", side.device, "up"]);
        }
        network.mend();
        until("the far emulator listens", async || TcpStream::connect((FAR.address, PORT)).ok()).await;
        network
    }

    /// From now on every packet is lost, in both directions.
    pub fn lose(&self) {
        self.address(NOBODY, NOBODY);
    }

    pub fn mend(&self) {
        self.address(NEAR.hardware, FAR.hardware);
    }

    fn address(&self, near: &str, far: &str) {
        for (side, other, hardware) in [(NEAR, FAR, far), (FAR, NEAR, near)] {
            let there = ["neigh", "replace", other.address, "lladdr", hardware, "dev", side.device, "nud", "permanent"];
            self.ip(&side, &there);
        }
    }

    fn ip(&self, side: &Side, what: &[&str]) {
        if side.device == NEAR.device {
            return run("ip", what);
        }
        let target = format!("--target={}", self.emulator.pid());
        run("nsenter", &[&[target.as_str(), "--net", "ip"], what].concat());
    }

    /// How many connections to the emulator hold something that it hasn't acknowledged.
    pub fn unacknowledged(&self) -> usize {
        let table = fs::read_to_string("/proc/self/net/tcp").expect("Linux tells its connections");
        let port = format!(":{PORT:04X}");
        let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        fields.filter(|fields| fields[2].ends_with(&port) && !fields[4].starts_with("00000000:")).count()
    }
}

fn run(program: &str, arguments: &[&str]) {
    let outcome = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    let outcome = outcome.unwrap_or_else(|error| panic!("{program} runs (it is of iproute2 or util-linux): {error}"));
    assert!(outcome.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&outcome.stderr));
}
