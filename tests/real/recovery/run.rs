//! One run: an instance is contained and given back, by operators of which some die on the way.

use super::{
    scissors::{Cut, Point},
    stage::{Life, Stage},
    witness::originals_in,
    world::{Source, World},
};
use crate::support::claims::holds;
use kube::ResourceExt;
use std::{fmt, time::Duration};

/// How long a job may take on a busy machine before it counts as lost. The operator's first pauses after a failure are
/// 0.5, 1 and 2 s.
const PATIENCE: Duration = Duration::from_secs(120);

/// How a run went wrong.
pub enum Failure {
    /// The job was never finished.
    Lost(String),
    /// It was finished, but not as it should be, or a rule was broken on the way.
    Wrong(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(how) => write!(f, "Lost: {how}"),
            Self::Wrong(how) => write!(f, "Wrong: {how}"),
        }
    }
}

/// Where operators die in a run: one while containing, one while releasing.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    pub contain: Option<Cut>,
    pub release: Option<Cut>,
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |cut: &Option<Cut>| cut.as_ref().map_or_else(|| "uncut".to_owned(), Cut::to_string);
        write!(f, "contain: {}; release: {}", said(&self.contain), said(&self.release))
    }
}

/// What a run showed.
pub struct Ran {
    pub contain: Phase,
    pub release: Phase,
}

/// One phase of a run.
pub struct Phase {
    /// Every call of the operator that might have been cut.
    pub points: Vec<Point>,
    /// Whether it was.
    pub cut: bool,
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    Contained,
    Released,
}

/// Runs one plan in a fresh world. The stage is free again afterwards, whatever happened.
pub async fn run(stage: &Stage, source: Source, plan: Plan) -> Result<Ran, Failure> {
    let world = World::fresh(stage, source).await;
    let followed = tokio::spawn(world.witness.clone().follow(world.claim.clone()));
    let outcome = play(stage, &world, plan).await;
    if outcome.is_err() {
        followed.abort();
        return outcome;
    }
    let versions = tokio::time::timeout(PATIENCE, followed).await.expect("the watch sees the end").expect("it goes on");
    assert!(versions > 3, "the witness saw {versions} versions of the claim");
    rules_hold(&world)?;
    outcome
}

async fn play(stage: &Stage, world: &World<'_>, plan: Plan) -> Result<Ran, Failure> {
    let contain = phase(stage, world, Goal::Contained, plan.contain).await?;
    let claim = world.is_contained().await.ok_or_else(|| Failure::Wrong("it did not stay contained".to_owned()))?;
    all_right(world.wrong_while_contained(&claim).await)?;
    world.delete().await;
    let release = phase(stage, world, Goal::Released, plan.release).await?;
    all_right(world.wrong_after_release().await)?;
    let (sent, arrived) = (world.witness.swaps(), world.swapped(stage).await.len());
    assert_eq!(sent, arrived, "the witness sees every swap that the emulator does");
    Ok(Ran { contain, release })
}

/// One operator goes for the goal until it gets there or dies; then, if it died, the next one does.
async fn phase(stage: &Stage, world: &World<'_>, goal: Goal, cut: Option<Cut>) -> Result<Phase, Failure> {
    let life = Life::begin(stage, world, cut);
    let reach = async {
        reached(world, goal).await?;
        life.scissors.quiet().await;
        if life.scissors.closed() {
            life.scissors.dead().await;
        }
        Ok(())
    };
    tokio::select! {
        biased;
        () = life.scissors.dead() => {}
        outcome = reach => outcome?,
    }
    let phase = Phase { points: life.scissors.points(), cut: life.scissors.closed() };
    life.end().await;
    if phase.cut {
        the_way_back_is_stored(stage, world).await?;
        let successor = Life::begin(stage, world, None);
        reached(world, goal).await?;
        successor.end().await;
    }
    rules_hold(world)?;
    Ok(phase)
}

async fn reached(world: &World<'_>, goal: Goal) -> Result<(), Failure> {
    let look = async {
        match goal {
            Goal::Released => world.witness.sees(|claim| claim.is_none()).await,
            Goal::Contained => {
                world.witness.sees(|claim| claim.is_some_and(|claim| holds(claim, "Contained"))).await;
                while world.is_contained().await.is_none() {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    };
    match tokio::time::timeout(PATIENCE, look).await {
        Ok(()) => Ok(()),
        Err(_) => Err(Failure::Lost(format!("not {goal:?} within {PATIENCE:?}: {}", world.told().await))),
    }
}

/// Rule 1, as a crash leaves it: what was changed in AWS stands in the API server with its originals.
async fn the_way_back_is_stored(stage: &Stage, world: &World<'_>) -> Result<(), Failure> {
    let Some(claim) = world.claim_now().await else { return Ok(()) };
    let stored = claim.status.as_ref().map(originals_in).unwrap_or_default();
    let lost = world.swapped(stage).await.into_iter().filter(|id| stored.get(id) != world.originals.get(id));
    let lost: Vec<String> = lost.collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(Failure::Wrong(format!("rule 1: {lost:?} were changed, and {} holds {stored:?}", claim.name_any())))
}

fn rules_hold(world: &World<'_>) -> Result<(), Failure> {
    all_right(world.witness.broken())
}

fn all_right(wrong: Vec<String>) -> Result<(), Failure> {
    if wrong.is_empty() { Ok(()) } else { Err(Failure::Wrong(wrong.join("; "))) }
}
