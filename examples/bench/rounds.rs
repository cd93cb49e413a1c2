//! One claim's life, measured: apply, contained, deleted, gone; and a held claim that is left alone.

use super::{
    TIMES,
    counts::{Call, Counts, by_action},
    operator::Operator,
    scene::Scene,
};
use anyhow::{Context as _, Result, bail, ensure};
use futures::{Stream, TryStreamExt};
use kube::api::{DeleteParams, WatchEvent, WatchParams};
use quarantine_operator::api::Quarantine;
use std::{
    path::Path,
    pin::pin,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

const PATIENCE: Duration = Duration::from_secs(30);
const SWAP: &str = "ModifyNetworkInterfaceAttribute";

/// What all rounds showed of one phase.
#[derive(Default)]
pub struct Phase {
    pub swapped: Vec<Duration>,
    pub ended: Vec<Duration>,
    pub tagged: Vec<Duration>,
    /// Of each round.
    pub calls: Vec<Counts>,
    pub writes: Vec<Counts>,
}

#[derive(Default)]
pub struct Rounds {
    pub contain: Phase,
    pub release: Phase,
}

/// What held claims cost that nobody touches.
pub struct Quiet {
    pub looks: usize,
    pub calls: Vec<Counts>,
    pub writes: Vec<Counts>,
}

pub async fn all(scene: &Scene<'_>) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    for _ in 0..TIMES {
        let Rounds { contain, release } = one(scene).await?;
        rounds.contain.add(contain);
        rounds.release.add(release);
    }
    Ok(rounds)
}

/// One claim, from its creation to its end.
pub async fn one(scene: &Scene<'_>) -> Result<Rounds> {
    let only = WatchParams::default().fields(&format!("metadata.name={}", scene.name));
    let mut events = pin!(scene.claims.watch(&only, "0").await?);

    let start = Start::now(scene).await?;
    scene.claim().await?;
    in_time("Contained=True", until(&mut events, contained)).await?;
    let contain = start.end(scene).await?;
    ensure!(scene.interfaces().await?.iter().all(|seen| seen.groups == [scene.isolation.clone()]), "it isn't isolated");

    let start = Start::now(scene).await?;
    scene.claims.delete(&scene.name, &DeleteParams::default()).await?;
    in_time("the claim's end", until(&mut events, |event| matches!(event, WatchEvent::Deleted(_)))).await?;
    let release = start.end(scene).await?;
    ensure!(
        scene.interfaces().await?.iter().all(|seen| seen.tags.is_empty() && seen.groups.len() > 1),
        "it isn't back"
    );
    Ok(Rounds { contain, release })
}

/// Holds a claim and looks at it every second.
pub async fn quiet(scene: &Scene<'_>, binary: &Path) -> Result<Quiet> {
    const LOOKS: usize = 5;
    let operator = Operator::start(binary, scene, Duration::from_secs(1))?;
    let only = WatchParams::default().fields(&format!("metadata.name={}", scene.name));
    let mut events = pin!(scene.claims.watch(&only, "0").await?);
    scene.claim().await?;
    in_time("Contained=True", until(&mut events, contained)).await?;
    let looks_of = |calls: &[Call]| calls.iter().filter(|call| call.action == "DescribeInstances").count();
    // What still belongs to the containment is let pass.
    scene.logs.quiet().await?;
    let (mark, deadline) = (scene.logs.mark()?, Instant::now() + PATIENCE);
    while looks_of(&scene.logs.calls(mark)?) < LOOKS {
        ensure!(Instant::now() < deadline, "{LOOKS} looks take longer than {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    scene.logs.quiet().await?;
    let calls = scene.logs.calls(mark)?;
    let looks = looks_of(&calls);
    let each = |counts: Counts| counts.into_iter().map(|(name, count)| (name, count.div_ceil(looks))).collect();
    drop(operator);
    Ok(Quiet { looks, calls: vec![each(by_action(&calls))], writes: vec![scene.logs.writes(mark)?] })
}

impl Phase {
    fn add(&mut self, other: Self) {
        let Self { swapped, ended, tagged, calls, writes } = other;
        self.swapped.extend(swapped);
        self.ended.extend(ended);
        self.tagged.extend(tagged);
        self.calls.extend(calls);
        self.writes.extend(writes);
    }
}

struct Start {
    mark: super::counts::Mark,
    at: Instant,
    clock: Duration,
}

impl Start {
    async fn now(scene: &Scene<'_>) -> Result<Self> {
        let mark = scene.logs.mark()?;
        scene.wake_connection().await?;
        Ok(Self { mark, at: Instant::now(), clock: SystemTime::now().duration_since(UNIX_EPOCH)? })
    }

    /// The phase ended at this moment; what follows it is waited for and counted too.
    async fn end(self, scene: &Scene<'_>) -> Result<Phase> {
        let ended = self.at.elapsed();
        scene.logs.quiet().await?;
        let calls = scene.logs.calls(self.mark)?;
        let last = |actions: &[&str]| {
            let last = calls.iter().rfind(|call| actions.contains(&call.action.as_str())).map(|call| call.time);
            last.map(|time| Duration::from_secs_f64(time - self.clock.as_secs_f64()))
        };
        Ok(Phase {
            swapped: vec![last(&[SWAP]).context("there was no swap")?],
            ended: vec![ended],
            tagged: vec![last(&["CreateTags", "DeleteTags"]).context("there was no tagging")?],
            calls: vec![by_action(&calls)],
            writes: vec![scene.logs.writes(self.mark)?],
        })
    }
}

type Events<'a, S> = std::pin::Pin<&'a mut S>;

async fn until<S>(events: &mut Events<'_, S>, is_it: impl Fn(&WatchEvent<Quarantine>) -> bool) -> Result<()>
where
    S: Stream<Item = kube::Result<WatchEvent<Quarantine>>>,
{
    while let Some(event) = events.try_next().await? {
        if is_it(&event) {
            return Ok(());
        }
    }
    bail!("the watch ended")
}

async fn in_time(what: &str, awaited: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::time::timeout(PATIENCE, awaited).await.with_context(|| format!("waited {PATIENCE:?} in vain for {what}"))?
}

fn contained(event: &WatchEvent<Quarantine>) -> bool {
    let (WatchEvent::Added(claim) | WatchEvent::Modified(claim)) = event else { return false };
    let said = claim.status.iter().flat_map(|status| &status.conditions);
    !claim.is_deleting() && said.into_iter().any(|said| said.type_ == "Contained" && said.is_true())
}
