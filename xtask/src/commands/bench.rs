//! `cargo xtask bench`: what one containment and one release cost, on a stack of its own. What is measured, and how, is
//! in `examples/bench`; here it is built and run.

use anyhow::Result;
use xtask::StackOptions;
use xtask::job::Cancel;
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;
use xtask::setup::Beside;

use super::cargo::{OPERATOR_COST, build, cargo, cold, pass_through};

/// The benchmark and the operator are built alike, so that both sides of a comparison are.
const PARTS: [&str; 4] = ["--bin", "quarantine-operator", "--example", "bench"];

/// Processor seconds of the release build.
const RELEASE_COST: u32 = 3000;

pub fn bench(release: bool) -> Result<()> {
    let options = StackOptions::default();
    let mut wanted = options.prerequisites()?;
    wanted.push(Prerequisite::Cargo);
    prerequisites::check(&wanted)?;

    let profile: &[&str] = if release { &["--release"] } else { &[] };
    let parts = [&["build"][..], &PARTS, profile].concat();
    let (progress, cancel) = (Progress::new(), Cancel::default());
    let what = "the operator and the benchmark";
    let cost = if release { Some(RELEASE_COST) } else { cold(OPERATOR_COST) };
    let beside = Beside { what, cost, build: Box::new(|| build(what, &parts, &progress, &cancel)) };
    options.setup().prepare_beside(Some(beside), &progress, &cancel)?;

    let run = [&["run", "--quiet", "--example", "bench"][..], profile].concat();
    pass_through(cargo(&run))
}
