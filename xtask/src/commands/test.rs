//! `cargo xtask test`: all set-up, then every check and test there is, but those that a person leaves out on purpose. A failed
//! step doesn't hide those after it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use xtask::emulator::{self, python_command};
use xtask::job::Cancel;
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;
use xtask::setup::{Beside, Setup};
use xtask::tools::Tool;
use xtask::without::Without;
use xtask::{StackOptions, workspace};

use super::cargo::{TESTS_COST, build, cargo, cold, pass_through};
use super::check::add_checks;
use super::report::Report;

/// What the tests ask beside the stack.
const BESIDE_THE_STACK: [Tool; 5] = [Tool::Helm, Tool::Kubeconform, Tool::Promtool, Tool::Prometheus, Tool::Health];

pub fn test(without: &[Without]) -> Result<()> {
    let mut setup = StackOptions { controller_manager: true, ..StackOptions::default() }.setup();
    setup.tools.extend(BESIDE_THE_STACK);
    setup.tools.retain(|tool| !without.iter().any(|without| without.tools().contains(tool)));
    let mut wanted = setup.prerequisites()?;
    wanted.extend([Prerequisite::Kubectl, Prerequisite::Cargo]);
    prerequisites::check(&wanted)?;

    let mut report = Report::default();
    report.time("set-up", || set_up(&setup))?;
    for &without in without {
        report.note(left_out(without)?);
    }
    add_checks(&mut report);
    report.try_step("tests of the operator and the stack", || pass_through(tests(without)));
    report.try_step("tests of the AWS emulator", || pass_through(emulator_tests()?));
    report.close()
}

fn set_up(setup: &Setup) -> Result<()> {
    let (progress, cancel) = (Progress::new(), Cancel::default());
    let what = "the tests";
    let tests = || build(what, &["test", "--workspace", "--no-run"], &progress, &cancel);
    let beside = Beside { what, cost: cold(TESTS_COST), build: Box::new(tests) };
    setup.prepare_beside(Some(beside), &progress, &cancel)?;
    Ok(())
}

fn tests(without: &[Without]) -> Command {
    let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
    let skipped: Vec<&str> = without.iter().flat_map(|without| without.tests()).copied().collect();
    if !skipped.is_empty() {
        tests.arg("--").args(skipped.iter().flat_map(|test| ["--skip", test]));
    }
    tests
}

/// Which tests don't run, counted by the test runner itself.
fn left_out(without: Without) -> Result<String> {
    let mut list = cargo(&["test", "--quiet", "--workspace", "--", "--list"]);
    let listed = list.args(without.tests()).output()?;
    ensure!(listed.status.success(), "the tests can't be listed: {}", String::from_utf8_lossy(&listed.stderr));
    note(without, &String::from_utf8_lossy(&listed.stdout))
}

fn note(without: Without, listed: &str) -> Result<String> {
    let tests = listed.lines().filter(|line| line.ends_with(": test")).count();
    ensure!(
        tests > 0,
        "--without {} leaves no test out: xtask/src/without.rs names tests that aren't there",
        without.name()
    );
    let (tests, these) = if tests == 1 { ("1 test".to_owned(), "it") } else { (format!("{tests} tests"), "them") };
    Ok(format!(
        "Left out on purpose, by --without {}: {tests}. A change needs {these} too before it goes in.",
        without.name()
    ))
}

fn emulator_tests() -> Result<Command> {
    let python = emulator::find_python()?;
    let mut unittest = python_command(python.as_deref().unwrap_or(Path::new("python3")));
    unittest.current_dir(workspace::root()).args(["-m", "unittest", "discover"]);
    unittest.args(["-s", "tools/aws-emulator/tests", "-t", "tools/aws-emulator"]);
    Ok(unittest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_said_with_the_number_of_its_tests() {
        let listed = "alerts::scrape::a: test\nalerts::promtool::b: test\n\n2 tests, 0 benchmarks\n";
        assert_eq!(
            note(Without::Prometheus, listed).unwrap(),
            "Left out on purpose, by --without prometheus: 2 tests. A change needs them too before it goes in."
        );
        assert!(note(Without::Prometheus, "0 tests, 0 benchmarks\n").is_err());
    }

    #[test]
    fn the_tests_of_what_is_left_out_are_skipped_and_no_others() {
        let arguments = |without: &[Without]| {
            let command = tests(without);
            command.get_args().map(|argument| argument.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        assert_eq!(arguments(&[]), ["test", "--workspace", "--no-fail-fast"]);
        let skipped = arguments(&[Without::Prometheus]);
        assert_eq!(skipped[3..], ["--", "--skip", "alerts::promtool::", "--skip", "alerts::scrape::"]);
    }
}
