//! The command line: wiring and shutdown. What the operator does is in the library.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use quarantine_operator::{
    api,
    aws::Sessions,
    operate::{Operator, Settings},
};
use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};
use tracing_subscriber::EnvFilter;

/// Cuts EC2 instances off with their incident-response security group, and puts everything back exactly.
#[derive(Parser)]
#[command(name = "quarantine-operator", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator until SIGTERM or Ctrl-C.
    ///
    /// It finds the cluster by KUBECONFIG or the pod's service account, and AWS by the SDK's standard settings
    /// (AWS_REGION, the pod's role, AWS_ENDPOINT_URL, …).
    Run(Box<Run>),
    /// Print the CustomResourceDefinitions as YAML: quarantine-operator crds | kubectl apply --server-side -f -
    Crds {
        /// Write one file per CRD into this directory instead.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct Run {
    /// How often a held instance is looked at for drift, in seconds.
    #[arg(long, env = "QUARANTINE_RESYNC_SECONDS", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=300))]
    resync_seconds: u64,

    /// How many Quarantines are worked on at once.
    #[arg(long, env = "QUARANTINE_CONCURRENCY", default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,

    /// The node that the operator runs on (downward API: spec.nodeName). Its instance is never cut off, unless a class
    /// allows it.
    #[arg(long, env = "NODE_NAME", value_name = "NODE")]
    node_name: Option<String>,

    /// The form of the log on standard error.
    #[arg(long, env = "QUARANTINE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,

    /// What is logged, such as info or quarantine_operator=debug.
    #[arg(long, env = "QUARANTINE_LOG", default_value = "info", value_name = "FILTER")]
    log: EnvFilter,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(settings) => run(*settings),
        Command::Crds { dir: None } => print_crds(),
        Command::Crds { dir: Some(dir) } => write_crds(&dir),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quarantine-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(Run { resync_seconds, concurrency, node_name, log_format, log }: Run) -> anyhow::Result<()> {
    let log_to_stderr = tracing_subscriber::fmt()
        .with_env_filter(log)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match log_format {
        LogFormat::Text => log_to_stderr.init(),
        LogFormat::Json => log_to_stderr.json().init(),
    }
    let settings =
        Settings { resync: Duration::from_secs(resync_seconds), concurrency, node_name, ..Settings::default() };
    tokio::runtime::Runtime::new().context("the runtime can't be started")?.block_on(async {
        let client = kube::Client::try_default()
            .await
            .context("no cluster is configured: set KUBECONFIG, or run in a pod with a service account")?;
        let operator = Operator::new(client, Sessions::from_environment().await, settings)
            .await
            .context("the API server doesn't answer as it should: check its address, and that the operator's role may get the namespace kube-system and its own node")?;
        let shutdown = asked_to_stop().context("signals can't be listened to")?;
        operator.run(shutdown).await;
        Ok(())
    })
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

fn print_crds() -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    for crd in api::crds() {
        writeln!(out, "---\n{}", serde_saphyr::to_string(&crd)?.trim_end())?;
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
