//! What promtool says of the alert rules, and of their cases in tests/alerts.

use super::rules::{RULES, files_of_cases, root, tool};
use std::{path::PathBuf, process::Command};
use xtask::tools::Tool;

#[track_caller]
fn promtool(arguments: &[&str], files: &[PathBuf]) {
    let said = Command::new(tool(Tool::Promtool)).args(arguments).args(files).output().expect("promtool runs");
    let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
    assert!(said.status.success() && !err.contains("WARNING"), "{out}\n{err}");
    assert!(out.contains("SUCCESS"), "{out}\n{err}");
}

#[test]
fn promtool_finds_nothing_wrong_with_the_alert_rules() {
    promtool(&["check", "rules", "--lint=all", "--lint-fatal"], &[root().join(RULES)]);
}

#[test]
fn each_case_of_an_alert_ends_as_it_says() {
    promtool(&["test", "rules"], &files_of_cases());
}
