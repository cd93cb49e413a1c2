//! Programs that a person installs. Whatever is missing is named at once, with what to do, before anything starts.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prerequisite {
    /// Builds etcd, kube-apiserver and the others; at least the version that tools/go.mod asks for.
    Go,
    /// Runs the AWS emulator, in a virtual environment.
    Python,
    /// Asks the API server whether it is ready, and shows the demo's objects.
    Kubectl,
    /// Builds the operator and runs the checks.
    Cargo,
}

/// Fails with one message that names everything missing.
pub fn check(wanted: &[Prerequisite]) -> Result<()> {
    let missing: Vec<_> = wanted.iter().filter_map(|prerequisite| prerequisite.complaint()).collect();
    if !missing.is_empty() {
        bail!("some programs have to be installed first:\n{}", missing.join("\n"));
    }
    Ok(())
}

impl Prerequisite {
    fn complaint(self) -> Option<String> {
        match self {
            Self::Go => match output("go", &["env", "GOVERSION"]) {
                None => {
                    Some(format!("  - go {} or newer is not installed: see https://go.dev/doc/install", wanted_go()))
                }
                Some(version) if is_older(&version, &wanted_go()) => Some(format!(
                    "  - {version} is too old, tools/go.mod asks for {}: see https://go.dev/doc/install, or allow go to \
                     fetch it with GOTOOLCHAIN=auto",
                    wanted_go()
                )),
                Some(_) => None,
            },
            Self::Python => match output("python3", &["-c", "import venv, ensurepip"]) {
                Some(_) => None,
                None if output("python3", &["--version"]).is_some() => Some(
                    "  - python3 is there, but without venv: install it (Debian and Ubuntu: apt install python3-venv)"
                        .to_owned(),
                ),
                None => {
                    Some("  - python3 with venv is not installed: see https://www.python.org/downloads/".to_owned())
                }
            },
            Self::Kubectl => output("kubectl", &["version", "--client"])
                .is_none()
                .then(|| "  - kubectl is not installed: see https://kubernetes.io/docs/tasks/tools/".to_owned()),
            Self::Cargo => output("cargo", &["--version"])
                .is_none()
                .then(|| "  - cargo is not installed: see https://rustup.rs".to_owned()),
        }
    }
}

/// What a program prints, if it runs and succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let answer = command.args(arguments).current_dir(crate::tools::sources()).stdin(Stdio::null()).output().ok()?;
    answer.status.success().then(|| String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}

fn wanted_go() -> String {
    crate::tools::wanted_go_version().unwrap_or_else(|| "1.26".to_owned())
}

/// Compares `go1.26.8` with `1.26.0`. A version that isn't numbers (a development build) is not called old.
fn is_older(version: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Option<Vec<u32>> {
        text.trim_start_matches("go").split('.').map(|part| part.parse().ok()).collect()
    };
    match (numbers(version), numbers(wanted)) {
        (Some(version), Some(wanted)) => version < wanted,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_compare_by_number() {
        assert!(is_older("go1.9.2", "1.26.0"));
        assert!(is_older("go1.25.11", "1.26.0"));
        assert!(!is_older("go1.26.8", "1.26.0"));
        assert!(!is_older("go1.100", "1.26.0"));
        assert!(!is_older("devel go1.27-abcdef", "1.26.0"));
    }
}
