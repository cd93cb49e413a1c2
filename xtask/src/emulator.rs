//! The AWS emulator (tools/aws-emulator, a Python package over moto), and as what environment it runs in.
//! What the emulator does with a call is not known here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::http;
use crate::job::Cancel;
use crate::process::Running;
use crate::progress::Progress;
use crate::python_environment::PythonEnvironment;
use crate::run_dir::RunDir;
use crate::workspace;

const READY_WITHIN: Duration = Duration::from_secs(90);

/// The folder of the Python package.
pub fn sources() -> PathBuf {
    workspace::root().join("tools/aws-emulator")
}

const ENVIRONMENT: PythonEnvironment = PythonEnvironment {
    name: "emulator",
    what: "the AWS emulator",
    requirements: "tools/aws-emulator/requirements.txt",
};

/// The Python of the emulator's environment, if that is there already.
pub fn find_python() -> Result<Option<PathBuf>> {
    ENVIRONMENT.find()
}

/// Makes the environment, unless another process does so first, and answers its Python.
pub fn build_environment(progress: &Progress, cancel: &Cancel) -> Result<PathBuf> {
    ENVIRONMENT.build(progress, cancel)
}

/// `python` with the emulator's package importable, and without the caller's own AWS settings.
pub fn python_command(python: &Path) -> Command {
    let mut command = Command::new(python);
    without_aws_settings(&mut command);
    command.env("PYTHONPATH", sources()).env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUNBUFFERED", "1");
    // Python, unlike Go, sends requests to loopback through the caller's proxy.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    command
}

/// Takes the caller's AWS profile, keys and endpoints out of a child's environment: nothing here may reach a real account.
pub fn without_aws_settings(command: &mut Command) {
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
}

/// The settings with which an AWS client reaches only the emulator, whatever lies in the home folder.
pub fn client_settings(endpoint: &str, region: &str) -> [(&'static str, String); 9] {
    [
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", region.to_owned()),
        ("AWS_DEFAULT_REGION", region.to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("NO_PROXY", "127.0.0.1".to_owned()),
    ]
}

/// A running emulator. Dropping it stops it.
#[derive(Debug)]
pub struct Emulator {
    process: Running,
    port_file: PathBuf,
    python: PathBuf,
    port: u16,
}

impl Emulator {
    /// Starts the emulator on a port that the kernel chooses, without waiting for it.
    pub fn start(python: &Path, run: &RunDir) -> Result<Self> {
        let port_file = run.join("aws-emulator.port");
        let mut command = python_command(python);
        command.args(["-m", "aws_emulator", "--host", "127.0.0.1", "--port", "0", "--port-file"]).arg(&port_file);
        let process = Running::start("the AWS emulator", command, &run.join("aws-emulator.log"))?;
        Ok(Self { process, port_file, python: python.to_owned(), port: 0 })
    }

    /// Waits until the emulator answers.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let Self { process, port_file, port, .. } = self;
        process.wait_until_ready(READY_WITHIN, || {
            let Some(listening) = fs::read_to_string(&*port_file).ok().and_then(|text| parse_port(&text)) else {
                return false;
            };
            *port = listening;
            http::get_status(listening, "/_emulator/health").is_ok_and(|status| status == 200)
        })
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A command that runs a module of the emulator's package, such as `aws_emulator.scenario`.
    pub fn python(&self, module: &str) -> Command {
        let mut command = python_command(&self.python);
        command.args(["-m", module]);
        command
    }

    /// Fails if the emulator has ended by itself.
    pub fn check(&mut self) -> Result<()> {
        self.process.check()
    }

    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// A file that is still being written may hold nothing, or half a number, which the health check then refuses.
fn parse_port(text: &str) -> Option<u16> {
    text.trim().parse().ok().filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_file_counts_once_it_holds_a_port() {
        assert_eq!(parse_port("41234\n"), Some(41234));
        assert_eq!(parse_port("41234"), Some(41234));
        assert_eq!(parse_port(""), None);
        assert_eq!(parse_port("0"), None);
        assert_eq!(parse_port("99999"), None);
    }
}
