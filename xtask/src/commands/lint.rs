//! Linters of single files: hadolint over Dockerfile, actionlint over .github/workflows. Each is fetched or built once, within
//! seconds, when it is first asked for.

use std::process::Command;

use anyhow::{Context, Result};
use xtask::job::Cancel;
use xtask::progress::Progress;
use xtask::python_environment::PythonEnvironment;
use xtask::tools::{self, Tool};
use xtask::workspace;

use super::cargo::pass_through;

const HADOLINT: PythonEnvironment =
    PythonEnvironment { name: "hadolint", what: "hadolint", requirements: "tools/hadolint/requirements.txt" };

pub fn check_dockerfile() -> Result<()> {
    let python = match HADOLINT.find()? {
        Some(python) => python,
        None => HADOLINT.build(&Progress::new(), &Cancel::default())?,
    };
    let mut lint = Command::new(python.with_file_name("hadolint"));
    lint.current_dir(workspace::root()).arg("Dockerfile");
    pass_through(lint).context("hadolint objects to Dockerfile")
}

pub fn check_workflows() -> Result<()> {
    let actionlint = Tool::Actionlint;
    if tools::find(actionlint)?.is_none() {
        tools::build(actionlint.home(), &[actionlint], &Progress::new(), &Cancel::default())?;
    }
    let actionlint = tools::find(actionlint)?.context("actionlint is gone")?;
    let mut lint = Command::new(actionlint);
    // Else what it says would depend on whether these two happen to be installed.
    lint.current_dir(workspace::root()).args(["-no-color", "-shellcheck=", "-pyflakes="]);
    pass_through(lint).context("actionlint objects to a workflow")
}
