//! Wiring and shutdown. What the command line takes is in `flags`; what the operator does is in the library.

#![forbid(unsafe_code)]

mod flags;

use anyhow::Context as _;
use clap::Parser as _;
use flags::{BindAddress, Check, CheckFormat, Cli, Command, CrdFormat, Run};
use quarantine_operator::{
    api,
    aws::{Fence, Sessions},
    check::{
        self,
        needs::{Lease, Wanted},
        report::Outcome,
    },
    model::text,
    operate::{self, Candidate, End, Endpoints, Operator, Settings},
    quarantine::OwnPod,
};
use std::{io::Write as _, process::ExitCode, time::Duration};
use tokio::runtime::Runtime;

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(settings) => run(*settings),
        Command::Check(wanted) => return check(&wanted),
        Command::Crds { dir: None, output } => print_crds(output),
        Command::Crds { dir: Some(dir), output: _ } => write_crds(&dir),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error, ExitCode::FAILURE),
    }
}

fn failed(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    eprintln!("quarantine-operator: {}", text::lines(&format!("{error:#}")));
    code
}

fn run(run: Run) -> anyhow::Result<()> {
    let Run {
        resync_seconds,
        concurrency,
        node_name,
        election,
        metrics_bind_address: BindAddress(of_metrics),
        health_probe_bind_address: BindAddress(of_probes),
        telemetry,
    } = run;
    let runtime = runtime()?;
    let traces = telemetry.start(&runtime)?;
    let election = election.election()?;
    let pod = election.as_ref().and_then(|_| own_pod());
    let resync = Duration::from_secs(resync_seconds);
    let settings = Settings { resync, concurrency, node_name, pod, ..Settings::default() };
    let ended = runtime.block_on(async {
        let fence = if election.is_some() { Fence::closed() } else { Fence::open() };
        let sessions = Sessions::from_environment().await.behind(fence.clone());
        let endpoints = Endpoints::start(sessions.metrics().clone(), of_metrics, of_probes)?;
        let client = client().await?;
        let candidate = election.map(|election| Candidate::new(client.clone(), &election, fence));
        let operator = Operator::new(client, sessions, settings)
            .await
            .context("the API server doesn't answer as it should: check its address, and that the operator's role may get the namespace kube-system and its own node, and list the pods of its namespace")?;
        endpoints.show(&operator, candidate.as_ref().map(Candidate::leads));
        let shutdown = asked_to_stop().context("signals can't be listened to")?;
        match operate::run(operator, candidate, shutdown).await {
            End::Asked => Ok(()),
            End::PutBack => anyhow::bail!(
                "the cluster was put back to an older state, so what was watched is no longer true: start again (a Deployment does), and then run check --after-restore"
            ),
            End::IntakeEnded => anyhow::bail!(
                "the FindingSources are no longer read, which is a bug: report what the log says before this, and start again (a Deployment does)"
            ),
            End::LeaseLost => anyhow::bail!(
                "this replica no longer leads: another one goes on. Start again (a Deployment does) to stand by"
            ),
        }
    });
    traces.end();
    // A name that is still being looked up, or the like, must not keep the process.
    runtime.shutdown_background();
    ended
}

/// By the downward API, as the chart gives it.
fn own_pod() -> Option<OwnPod> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    Some(OwnPod { namespace: given("POD_NAMESPACE")?, name: given("POD_NAME")? })
}

/// The exit codes are part of what it says: 2 for whatever keeps it from looking everywhere.
fn check(wanted: &Check) -> ExitCode {
    let (outcome, said) = match runtime().and_then(|runtime| runtime.block_on(look(wanted))) {
        Ok(looked) => looked,
        Err(error) => return failed(&error, ExitCode::from(2)),
    };
    // Whoever closes the pipe early still has the exit code.
    let _ = write!(std::io::stdout().lock(), "{}", text::lines(&said));
    match outcome {
        Outcome::Clean => ExitCode::SUCCESS,
        Outcome::Found => ExitCode::from(1),
        Outcome::Incomplete => ExitCode::from(2),
    }
}

async fn look(wanted: &Check) -> anyhow::Result<(Outcome, String)> {
    if wanted.before_uninstall {
        let held = check::before_uninstall(client().await?).await.context("the cluster can't be read: check its address, and the rights to list Quarantines and FindingSources in all namespaces")?;
        return Ok((held.outcome(), held.to_string()));
    }
    let sessions = Sessions::from_environment().await;
    let client = client().await?;
    if !wanted.after_restore {
        return Ok(missing(&client, &sessions, wanted).await);
    }
    let looked = check::after_restore(client, &sessions, &wanted.regions).await;
    let report = looked.context("the cluster can't be read: check its address, that the CRDs are applied, and the rights to list Quarantines and QuarantineClasses and to get the namespace kube-system")?;
    Ok((report.outcome(), report.to_string()))
}

/// What the operator needs and doesn't have, in the form that was asked for.
async fn missing(client: &kube::Client, sessions: &Sessions, wanted: &Check) -> (Outcome, String) {
    let lease = || Lease { namespace: wanted.lease_namespace.clone(), name: wanted.lease_name.clone() };
    let asked = Wanted { lease: wanted.leader_elect.then(lease), clock: jiff::Timestamp::now };
    let needs = check::needs::needs(client, sessions, &asked).await;
    let said = match wanted.output {
        CheckFormat::Text => needs.to_string(),
        CheckFormat::Json => format!("{:#}\n", needs.to_json()),
    };
    (needs.outcome(), said)
}

fn runtime() -> anyhow::Result<Runtime> {
    Runtime::new().context("the runtime can't be started")
}

async fn client() -> anyhow::Result<kube::Client> {
    let config = kube::Config::infer().await.map_err(kube::Error::InferConfig);
    let client = config.and_then(operate::client);
    client.context("no cluster is configured: set KUBECONFIG, or run in a pod with a service account")
}

/// Ends at the first SIGTERM or Ctrl-C.
fn asked_to_stop() -> std::io::Result<impl Future<Output = ()> + Send + Sync + 'static> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop: running reconciles finish, nothing new is begun");
    })
}

fn print_crds(format: CrdFormat) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        CrdFormat::Yaml => {
            for crd in api::crds() {
                writeln!(out, "---\n{}", serde_saphyr::to_string(&crd)?.trim_end())?;
            }
        }
        CrdFormat::Json => {
            let list = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": api::crds()});
            writeln!(out, "{list:#}")?;
        }
    }
    Ok(())
}

fn write_crds(dir: &std::path::Path) -> anyhow::Result<()> {
    for crd in api::crds() {
        let name = crd.metadata.name.clone().context("a CRD has a name")?;
        let path = dir.join(format!("{name}.yaml"));
        let text =
            format!("# Generated from src/api by `cargo xtask crds`.\n{}\n", serde_saphyr::to_string(&crd)?.trim_end());
        std::fs::write(&path, text).with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(())
}
