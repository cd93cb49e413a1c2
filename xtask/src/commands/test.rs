//! `cargo xtask test`: all set-up, then every check and test there is. A failed step doesn't hide those after it.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use xtask::emulator::{self, python_command};
use xtask::job::{Cancel, beside};
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;
use xtask::setup::Setup;
use xtask::tools::Tool;
use xtask::{StackOptions, workspace};

use super::cargo::{build, cargo, pass_through};
use super::check::add_checks;
use super::report::Report;

/// What the tests ask beside the stack.
const BESIDE_THE_STACK: [Tool; 5] = [Tool::Helm, Tool::Kubeconform, Tool::Promtool, Tool::Prometheus, Tool::Health];

pub fn test() -> Result<()> {
    let mut setup = StackOptions { controller_manager: true, ..StackOptions::default() }.setup();
    setup.tools.extend(BESIDE_THE_STACK);
    let mut wanted = setup.prerequisites()?;
    wanted.extend([Prerequisite::Kubectl, Prerequisite::Cargo]);
    prerequisites::check(&wanted)?;

    let mut report = Report::default();
    report.time("set-up", || set_up(&setup))?;
    add_checks(&mut report);
    let tests = ["test", "--workspace", "--no-fail-fast"];
    report.try_step("tests of the operator and the stack", || pass_through(cargo(&tests)));
    report.try_step("tests of the AWS emulator", || pass_through(emulator_tests()?));
    report.close()
}

/// The tools of the stack are built beside the tests: Go and cargo leave each other's pauses to one another.
fn set_up(setup: &Setup) -> Result<()> {
    let (progress, cancel) = (Progress::new(), Cancel::default());
    let tests = ["test", "--workspace", "--no-run"];
    beside(&cancel, || setup.prepare(&progress, &cancel), || build("the tests", &tests, &progress, &cancel))?;
    Ok(())
}

fn emulator_tests() -> Result<Command> {
    let python = emulator::find_python()?;
    let mut unittest = python_command(python.as_deref().unwrap_or(Path::new("python3")));
    unittest.current_dir(workspace::root()).args(["-m", "unittest", "discover"]);
    unittest.args(["-s", "tools/aws-emulator/tests", "-t", "tools/aws-emulator"]);
    Ok(unittest)
}
