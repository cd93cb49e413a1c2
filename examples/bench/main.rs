//! What one containment and one release cost: time, AWS calls, Kubernetes writes; and what the same AWS calls cost
//! alone. The operator runs as its own process with the rights of deploy/base, on a stack of this program's own.
//!
//! `cargo xtask bench` builds what this needs and runs it. The result is a table in Markdown, on standard output.

#![forbid(unsafe_code)]

mod counts;
mod floor;
mod operator;
mod rounds;
mod scene;
mod table;

use anyhow::{Context as _, Result};
use operator::Operator;
use scene::Scene;
use std::{
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};
use table::Table;
use xtask::{Stack, StackOptions};

/// How often each thing is measured.
const TIMES: usize = 20;

/// How often the start-up is.
const STARTS: usize = 5;

fn main() -> Result<()> {
    let here = std::env::current_exe().context("this program doesn't know where it lies")?;
    let builds = here.ancestors().nth(2).context("an example lies in target/PROFILE/examples")?;
    let stack = Stack::start(StackOptions { audit_log: true, ..StackOptions::default() })?;
    let runtime = tokio::runtime::Runtime::new().context("the runtime can't be started")?;
    let table = runtime.block_on(measure(&stack, builds))?;
    std::io::stdout().write_all(table.to_string().as_bytes())?;
    Ok(())
}

/// The operator that was built in this folder of target/, which names the profile.
fn operator_in(builds: &Path) -> (String, PathBuf) {
    let profile = builds.file_name().map(|name| name.to_string_lossy().replace("debug", "dev")).unwrap_or_default();
    (profile, builds.join("quarantine-operator"))
}

async fn measure(stack: &Stack, builds: &Path) -> Result<Table> {
    let (profile, binary) = operator_in(builds);
    let scene = Scene::set(stack).await?;
    let mut table = Table::default();

    table.heading(format!("{profile} build, median of {TIMES}: one instance, two interfaces (2 and 5 groups)"));
    let writes = floor::kubernetes(&scene).await?;
    let aws = floor::aws(&scene).await?;

    let running = Operator::start(&binary, &scene, Duration::from_secs(300))?;
    rounds::one(&scene).await.context("the first round, which only warms up")?;
    let rounds = rounds::all(&scene).await?;
    let memory = running.memory()?;
    drop(running);

    table.times("apply → last swap reaches EC2", &rounds.contain.swapped);
    table.times("apply → Contained=True (watched)", &rounds.contain.ended);
    table.times("apply → last tagging call reaches EC2", &rounds.contain.tagged);
    table.times("delete → last restore reaches EC2", &rounds.release.swapped);
    table.times("delete → object gone (watched)", &rounds.release.ended);
    table.times("floor: reads, swaps, reads, in a bare loop", &aws.contain);
    table.times("floor: reads, restores, reads, untagging, in a bare loop", &aws.release);
    table.times("floor: claim made, read, finalizer, two status writes, in a bare loop", &writes);
    table.over("Contained=True over the bare AWS calls", &rounds.contain.ended, &[&aws.contain]);
    table.over(
        "Contained=True over the bare AWS and Kubernetes calls",
        &rounds.contain.ended,
        &[&aws.contain, &writes],
    );
    table.over("object gone over the bare AWS calls", &rounds.release.ended, &[&aws.release]);

    table.heading("calls of one containment, one release, one quiet look".to_owned());
    table.counts("containment, AWS", &rounds.contain.calls);
    table.counts("containment, Kubernetes writes", &rounds.contain.writes);
    table.counts("release, AWS", &rounds.release.calls);
    table.counts("release, Kubernetes writes", &rounds.release.writes);
    let quiet = rounds::quiet(&scene, &binary).await?;
    table.counts(&format!("quiet look ({} looks), AWS", quiet.looks), &quiet.calls);
    table.counts(&format!("quiet look ({} looks), Kubernetes writes", quiet.looks), &quiet.writes);

    table.heading("the process".to_owned());
    let other = if profile == "dev" { "release" } else { "debug" };
    for (name, binary) in [(profile.clone(), binary), operator_in(&builds.with_file_name(other))] {
        if !binary.is_file() {
            continue;
        }
        let (starts, at_rest) = operator::starts(&binary, &scene, STARTS).await?;
        table.times(&format!("{name}: start → its first call to AWS"), &starts);
        table.size(&format!("{name}: memory at rest, one claim held"), at_rest);
        table.size(&format!("{name}: binary"), std::fs::metadata(&binary)?.len());
    }
    table.size(&format!("{profile}: memory after {} rounds", TIMES + 1), memory);
    table.line(format!("load of this machine now: {}", std::fs::read_to_string("/proc/loadavg")?.trim()));
    Ok(table)
}
