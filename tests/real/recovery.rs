//! The operator cut off at every single call, to Kubernetes and to AWS: before it is sent, and after it was applied but
//! the answer lost. The next operator must finish the job, and give back exactly what was taken.
//!
//! | room | what is there |
//! |---|---|
//! | `scissors` | counts every call, and cuts at one |
//! | `stage` | a stack of this test's own, and operators that live and die on it |
//! | `world` | one run's account, instance and claim, and what must be true in the end |
//! | `witness` | what must be true at every moment between |
//! | `run` | one run: contain, release, each with a death |
//! | `work` | which cuts are left to be made |

mod run;
mod scissors;
mod stage;
mod witness;
mod work;
mod world;

use run::{Plan, run};
use stage::Stage;
use std::io::Write as _;
use work::Work;
use world::Source;

/// A bug usually shows at many points: this many are enough to find it.
const FAILURES: usize = 5;

#[derive(Default)]
struct Tally {
    contain: usize,
    release: usize,
    runs: usize,
    failures: Vec<String>,
    unreached: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_dies_at_any_call_is_succeeded_by_one_that_finishes_its_job() {
    let (one, two) = Stage::two().await;
    let (by_id, managed) = tokio::join!(series(one, Source::Id), series(two, Source::Managed));
    let mut sum = Tally::default();
    let mut lines = String::new();
    for (source, Tally { contain, release, runs, failures, unreached }) in [by_id, managed] {
        lines += &format!("recovery, group by {source:?}: contain {contain}, release {release} points, {runs} runs\n");
        sum.contain += contain;
        sum.release += release;
        sum.failures.extend(failures);
        sum.unreached.extend(unreached);
    }
    let Tally { contain, release, failures, unreached, .. } = sum;
    let lost = failures.iter().filter(|failure| failure.starts_with("Lost")).count();
    let wrong = failures.len() - lost;
    let points = contain + release;
    lines += &format!(
        "recovery: {points} cut points × 2 kinds (contain: {contain}, release: {release}), {lost} lost, {wrong} wrong\n"
    );
    if !unreached.is_empty() {
        lines += &format!("recovery: seen too rarely to be cut at: {}\n", unreached.join(", "));
    }
    // Not print!, which the test harness keeps to itself: the figure is wanted of a run that passes.
    std::io::stderr().write_all(lines.as_bytes()).expect("standard error takes it");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    // Two interfaces, the watches, the reads and the writes: a job has far more calls than this.
    assert!(contain >= 40 && release >= 40, "the scissors miss calls: {contain} and {release} points");
}

/// Cuts at every point of both phases, in both kinds, with the isolation group from one source.
async fn series(stage: Stage, source: Source) -> (Source, Tally) {
    let uncut = match run(&stage, source, Plan::default()).await {
        Ok(ran) => ran,
        Err(failure) => panic!("the uncut run: {failure}"),
    };
    let (mut contain, mut release) = (Work::default(), Work::default());
    contain.learn(&uncut.contain.points);
    release.learn(&uncut.release.points);
    let mut tally = Tally::default();
    while tally.failures.len() < FAILURES {
        let plan = Plan { contain: contain.next(), release: release.next() };
        if plan.contain.is_none() && plan.release.is_none() {
            break;
        }
        tally.runs += 1;
        match run(&stage, source, plan.clone()).await {
            Ok(ran) => {
                contain.done(plan.contain, &ran.contain);
                release.done(plan.release, &ran.release);
            }
            Err(failure) => tally.failures.push(format!("{failure}\n  {source:?}: {plan}")),
        }
    }
    (tally.contain, tally.release) = (contain.points_cut(), release.points_cut());
    tally.unreached = contain.unreached().chain(release.unreached()).collect();
    (source, tally)
}
