//! `cargo xtask demo`: the main job, told in steps. Each step says in a sentence what happens, shows the commands that
//! it runs, and checks what it sees; the demo succeeds only if everything was so. Here the stage is built; what is
//! played on it is in `story`, and who plays is in the other files.

mod account;
mod aws;
mod finding;
mod groups;
mod hub;
mod install;
mod narrator;
mod operator;
mod samples;
mod scene;
mod stage;
mod story;

use std::path::Path;

use anyhow::{Context, Result, bail};
use xtask::StackOptions;
use xtask::guest::Guest;
use xtask::job::Cancel;
use xtask::prerequisites::{self, Prerequisite};
use xtask::progress::Progress;
use xtask::run_dir::RunDir;
use xtask::setup::{Beside, Setup};

use crate::commands::cargo::{OPERATOR_COST, build_operator, cold};
use crate::commands::stack::offer;
use account::Account;
use aws::Aws;
pub use hub::Hub;
pub use install::Way;
use narrator::Narrator;
use operator::Operator;
use samples::SAMPLE_REGION;
use stage::Stage;
use story::Story;

/// What a person asked for.
pub struct Wish {
    pub way: Way,
    pub hub: Hub,
    /// A cluster that is there, instead of a stack of the demo's own.
    pub context: Option<String>,
    pub keep: bool,
}

pub fn demo(wish: &Wish) -> Result<()> {
    let Wish { way, hub, ref context, keep } = *wish;
    let mut setup = match context {
        None => StackOptions::default().setup(),
        Some(_) => Setup { tools: Vec::new(), emulator: true },
    };
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
    let mut stage = match context {
        None => narrator.step("Start etcd, kube-apiserver and the AWS emulator", |shell| {
            let stage = Stage::own()?;
            shell.remark(&format!("KUBECONFIG={}", stage.kubeconfig().unwrap_or_default().display()));
            Ok(stage)
        }),
        Some(context) => narrator
            .step("Look whether the cluster has nothing that the demo would touch, and start the AWS emulator", |_| {
                Stage::in_cluster(context)
            }),
    }?;
    if stage.guest().is_some() {
        narrator.stop_on_signals()?;
    }
    // Declared after the stage, and so stopped before it.
    let mut operator = None;
    let told = tell(way, hub, &stage, &binary, &mut operator, &mut narrator);
    if keep {
        narrator.close();
        if let Err(error) = &told {
            eprintln!("error: {error:#}");
        }
        let (exports, logs) = (stage.exports(SAMPLE_REGION), stage.run_dir().to_owned());
        offer("\nEverything stays.", &exports, &logs, || stage.check())?;
    }
    let left = stage.guest().map_or(Ok(()), |guest| leave(guest, &mut operator, &mut narrator));
    narrator.close();
    match (told, left) {
        (Err(told), Err(left)) => bail!("{told:#}\n{left:#}"),
        (told, left) => told.and(left),
    }
}

/// `--clean-up`: what a demo that was killed has left.
pub fn clean_up(context: &str) -> Result<()> {
    prerequisites::check(&[Prerequisite::Kubectl])?;
    let run = RunDir::create()?;
    Guest::new(context, None, run.path()).clean_up()?;
    println!("Nothing of a demo is in the cluster of the context {context} any more.");
    Ok(())
}

fn leave(guest: &Guest, operator: &mut Option<Operator>, narrator: &mut Narrator) -> Result<()> {
    let left = narrator.last_step("Leave the cluster as it was", |shell| {
        if operator.is_some()
            && let Err(error) = guest.delete_custom_resources()
        {
            shell.remark(&format!("(not all was given back in order: {error:#})"));
        }
        *operator = None;
        guest.clean_up()?;
        shell.remark("Nothing of the demo is left there.");
        Ok(())
    });
    let context = guest.context();
    left.with_context(|| {
        format!("run `cargo xtask demo --context {context} --clean-up` to remove what the demo has left")
    })
}

fn tell(
    way: Way,
    hub: Hub,
    stage: &Stage,
    binary: &Path,
    operator: &mut Option<Operator>,
    narrator: &mut Narrator,
) -> Result<()> {
    let aws = Aws::new(stage, SAMPLE_REGION)?;
    let account = narrator.step("AWS: a role, a queue and the rule that fills it, by CloudFormation", |shell| {
        Account::make(hub, stage, &aws, shell)
    })?;
    narrator.step("Kubernetes: the custom resources, and the operator's rights", |shell| {
        way.install(stage, &account.role_arn, shell)
    })?;
    let running = narrator.step("Start the operator as its own process, as its own service account", |shell| {
        Operator::start(binary, stage, &aws.region, &account.role_arn, shell)
    })?;
    let operator = operator.insert(running);
    let story = Story::open(hub, stage, &aws, &account, narrator);
    story.and_then(|story| story.tell(narrator)).map_err(|error| operator.explain(error))
}
