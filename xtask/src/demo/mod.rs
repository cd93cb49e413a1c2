//! `cargo xtask demo`: the main job, told in steps. Each step says in a sentence what happens, shows the commands that
//! it runs, and checks what it sees; the demo succeeds only if everything was so. Here the stage is built; what is
//! played on it is in `story`, and who plays is in the other files.

mod account;
mod aws;
mod finding;
mod groups;
mod install;
mod narrator;
mod operator;
mod samples;
mod scene;
mod story;

use std::path::Path;

use anyhow::{Context, Result};
use xtask::job::Cancel;
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;
use xtask::setup::Beside;
use xtask::{Stack, StackOptions};

use crate::commands::cargo::{OPERATOR_COST, build_operator, cold};
use crate::commands::stack::offer;
use account::Account;
use aws::Aws;
pub use install::Way;
use narrator::Narrator;
use operator::Operator;
use samples::SAMPLE_REGION;
use story::Story;

pub fn demo(way: Way, keep: bool) -> Result<()> {
    let options = StackOptions::default();
    let mut setup = options.setup();
    setup.tools.extend(way.tools());
    let mut wanted = setup.prerequisites()?;
    wanted.extend([Prerequisite::Kubectl, Prerequisite::Cargo]);
    prerequisites::check(&wanted)?;
    Aws::require()?;

    let mut narrator = Narrator::default();
    let binary = narrator.step("Build what is not there yet: the stack's tools and the operator", |_| {
        let (progress, cancel, mut built) = (Progress::new(), Cancel::default(), None);
        let build = || build_operator(&progress, &cancel).map(|binary| built = Some(binary));
        let beside = Beside { what: "the operator", cost: cold(OPERATOR_COST), build: Box::new(build) };
        setup.prepare_beside(Some(beside), &progress, &cancel)?;
        built.context("the operator was not built")
    })?;
    let mut stack = narrator.step("Start etcd, kube-apiserver and the AWS emulator", |shell| {
        let stack = Stack::start(options)?;
        shell.remark(&format!("KUBECONFIG={}", stack.kubeconfig().display()));
        Ok(stack)
    })?;
    // Declared after the stack, and so stopped before it.
    let mut operator = None;
    let told = tell(way, &stack, &binary, &mut operator, &mut narrator);
    narrator.close();
    if keep {
        if let Err(error) = &told {
            eprintln!("error: {error:#}");
        }
        offer(&mut stack, "\nEverything stays.", SAMPLE_REGION)?;
    }
    told
}

fn tell(
    way: Way,
    stack: &Stack,
    binary: &Path,
    operator: &mut Option<Operator>,
    narrator: &mut Narrator,
) -> Result<()> {
    let aws = Aws::new(stack, SAMPLE_REGION)?;
    let account = narrator.step("AWS: a role, a queue and the rule that fills it, by CloudFormation", |shell| {
        Account::make(stack, &aws, shell)
    })?;
    narrator.step("Kubernetes: the custom resources, and the operator's rights", |shell| {
        way.install(stack, &account.role_arn, shell)
    })?;
    let running = narrator.step("Start the operator as its own process, as its own service account", |shell| {
        Operator::start(binary, stack, &aws.region, &account.role_arn, shell)
    })?;
    let operator = operator.insert(running);
    let story = Story::open(stack, &aws, &account, narrator);
    story.and_then(|story| story.tell(narrator)).map_err(|error| operator.explain(error))
}
