//! `cargo xtask bench`: what one containment and one release cost, on a stack of its own. What is measured, and how, is
//! in `examples/bench`; here it is built and run.

use anyhow::Result;
use xtask::StackOptions;
use xtask::job::{Cancel, beside};
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;

use super::cargo::{build, cargo, pass_through};

/// The benchmark and the operator are built alike, so that both sides of a comparison are.
const PARTS: [&str; 4] = ["--bin", "quarantine-operator", "--example", "bench"];

pub fn bench(release: bool) -> Result<()> {
    let options = StackOptions::default();
    let mut wanted = options.prerequisites()?;
    wanted.push(Prerequisite::Cargo);
    prerequisites::check(&wanted)?;

    let profile: &[&str] = if release { &["--release"] } else { &[] };
    let parts = [&["build"][..], &PARTS, profile].concat();
    let (progress, cancel, setup) = (Progress::new(), Cancel::default(), options.setup());
    let prepare = || setup.prepare(&progress, &cancel);
    beside(&cancel, prepare, || build("the operator and the benchmark", &parts, &progress, &cancel))?;

    let run = [&["run", "--quiet", "--example", "bench"][..], profile].concat();
    pass_through(cargo(&run))
}
