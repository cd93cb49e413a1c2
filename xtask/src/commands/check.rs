//! `cargo xtask check`: what has to hold and needs no stack. Every check runs, also after one has failed.

use anyhow::Result;

use super::cargo::{cargo, pass_through};
use super::generate::check_crds;
use super::report::Report;

pub fn check() -> Result<()> {
    let mut report = Report::default();
    add_checks(&mut report);
    report.close()
}

/// The checks as steps of a longer report.
pub fn add_checks(report: &mut Report) {
    report.try_step("format", || pass_through(cargo(&["fmt", "--all", "--check"])));
    let clippy = ["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"];
    report.try_step("clippy", || pass_through(cargo(&clippy)));
    report.try_step("generated files", check_crds);
}
