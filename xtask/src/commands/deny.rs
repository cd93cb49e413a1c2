//! cargo-deny over deny.toml: licences, bans and sources, and advisories where their database can be reached. It takes minutes to
//! build, so it is used where it is installed, and that it isn't is said at the end; the workflow `test` always has it.

use std::process::Stdio;

use anyhow::{Result, bail};

use super::cargo::{cargo, pass_through};
use super::report::Report;

const NOT_INSTALLED: &str = "Not checked: the licences and sources of dependencies, for cargo-deny isn't installed \
                             (cargo install --locked cargo-deny). The workflow `test` checks them.";
const NO_DATABASE: &str = "Not checked: advisories about dependencies, for their database can't be reached. The workflow `test` \
                           checks them.";
/// How cargo-deny begins to say that it can't fetch the database.
const UNREACHABLE: &str = "failed to fetch advisory database";

#[derive(Debug, PartialEq, Eq)]
enum Advisories {
    Checked,
    Unreachable,
}

/// Adds its steps, or what is not checked and why.
pub fn check_dependencies(report: &mut Report) {
    let installed = cargo(&["deny", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !installed.is_ok_and(|status| status.success()) {
        report.note(NOT_INSTALLED.to_owned());
        return;
    }
    let rules = ["deny", "--all-features", "check", "bans", "licenses", "sources"];
    report.try_step("dependencies", || pass_through(cargo(&rules)));
    let mut advisories = None;
    report.try_step("advisories", || {
        let output = cargo(&["deny", "--all-features", "check", "advisories"]).output()?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        advisories = Some(judge(output.status.success(), &said)?);
        Ok(())
    });
    if advisories == Some(Advisories::Unreachable) {
        report.note(NO_DATABASE.to_owned());
    }
}

fn judge(passed: bool, said: &str) -> Result<Advisories> {
    match passed {
        true => Ok(Advisories::Checked),
        false if said.contains(UNREACHABLE) => Ok(Advisories::Unreachable),
        false => bail!("cargo-deny found advisories:\n{said}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_cannot_be_reached_is_no_finding_and_a_finding_is_an_error() {
        assert_eq!(judge(true, "advisories ok").unwrap(), Advisories::Checked);
        let unreachable = "[ERROR] failed to fetch advisory database https://example.org/advisory-db";
        assert_eq!(judge(false, unreachable).unwrap(), Advisories::Unreachable);
        assert!(judge(false, "error[vulnerability]: a crate").unwrap_err().to_string().contains("a crate"));
    }
}
