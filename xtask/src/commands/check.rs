//! `cargo xtask check`: what has to hold and needs no stack. Every check runs, also after one has failed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::chart::check_chart;
use xtask::emulator::{self, python_command};
use xtask::workspace;

use super::api::check_api;
use super::cargo::{cargo, pass_through};
use super::deny::check_dependencies;
use super::generate::check_crds;
use super::lint::{check_dockerfile, check_workflows};
use super::report::Report;

/// Where the CloudFormation templates are.
const TEMPLATES: &str = "deploy/aws";

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
    report.try_step("chart and deploy/base", check_chart);
    report.try_step("API reference", check_api);
    report.try_step("CloudFormation templates", check_templates);
    report.try_step("Dockerfile", check_dockerfile);
    report.try_step("workflows", check_workflows);
    check_dependencies(report);
}

/// cfn-lint, of the version that the emulator's environment pins. What it only remarks fails too.
fn check_templates() -> Result<()> {
    let lint = lint(&templates()?)?;
    pass_through(lint).with_context(|| {
        format!("cfn-lint objects to a template in {TEMPLATES}: each line above names the file, the place and the rule")
    })
}

fn templates() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join(TEMPLATES);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {TEMPLATES}"))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(PathBuf::from(TEMPLATES).join(path.file_name().unwrap_or_default()));
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "{TEMPLATES} has no template: nothing would be checked");
    Ok(found)
}

fn lint(templates: &[PathBuf]) -> Result<Command> {
    let python = emulator::find_python()?.context(
        "cfn-lint isn't there: it is part of the AWS emulator's Python environment. Run `cargo xtask tools` once",
    )?;
    let mut lint = python_command(&python);
    lint.current_dir(workspace::root()).arg(python.with_file_name("cfn-lint"));
    lint.args(["--non-zero-exit-code", "informational", "--"]).args(templates);
    Ok(lint)
}
