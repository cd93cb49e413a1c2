//! The command line: wiring and shutdown. What the operator does is in the library.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use quarantine_operator::{
    api,
    aws::{Fence, LONGEST_CHANGE, Sessions},
    check::{
        self,
        needs::{Lease, Wanted, rights::LEASE_NAME},
        report::Outcome,
    },
    operate::{
        self, Candidate, Election, End, Endpoints, Operator, Settings,
        lease::Times,
        telemetry::{self, Collector, Traces},
    },
};
use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};
use tokio::runtime::Runtime;
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
    /// Say what the operator needs and doesn't have, in the cluster and in AWS. Changes nothing.
    ///
    /// Asked are the API server (version, clock, custom resources, this identity's rights), AWS (identity, and for each
    /// class its roles, regions, rights and isolation group; EC2 is asked about changes with DryRun) and the queue of each
    /// FindingSource. Run it as the operator runs, best in its pod: rights are those of whoever asks.
    ///
    /// With --after-restore, compare what the Quarantines record with what the interfaces in AWS show instead. With
    /// --before-uninstall, say what only a running operator lets go.
    ///
    /// Exit code 0: nothing is missing, and all fits together; 1: something is missing, or was found; 2: not everything
    /// could be asked. Cluster and AWS are found as by run.
    Check(Check),
    /// Print the CustomResourceDefinitions: quarantine-operator crds | kubectl apply --server-side -f -
    Crds {
        /// Write one file per CRD into this directory instead.
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,

        /// The form in which they are printed.
        #[arg(long, short, default_value = "yaml", value_name = "FORMAT", conflicts_with = "dir")]
        output: CrdFormat,
    },
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum CrdFormat {
    Yaml,
    Json,
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

    /// Where /metrics is served; 0 turns it off. Port 0: one that the kernel chooses, and the log tells.
    #[arg(long, env = "QUARANTINE_METRICS_BIND_ADDRESS", default_value = "0.0.0.0:8080", value_name = "ADDRESS",
          value_parser = bind_address)]
    metrics_bind_address: BindAddress,

    /// Where /livez and /readyz are served; 0 turns them off.
    #[arg(long, env = "QUARANTINE_HEALTH_PROBE_BIND_ADDRESS", default_value = "0.0.0.0:8081", value_name = "ADDRESS",
          value_parser = bind_address)]
    health_probe_bind_address: BindAddress,

    #[command(flatten)]
    election: ElectionFlags,

    #[command(flatten)]
    telemetry: TelemetryFlags,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Log and traces")]
struct TelemetryFlags {
    /// The form of the log on standard error.
    #[arg(long, env = "QUARANTINE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    log_format: LogFormat,

    /// What is logged, such as info or quarantine_operator=debug.
    #[arg(long, env = "QUARANTINE_LOG", default_value = "info", value_name = "FILTER")]
    log: EnvFilter,

    /// Send traces to this collector by OTLP over HTTP, such as http://collector:4318 (/v1/traces is added). Without one
    /// there are none. OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and
    /// the OTEL_BSP variables hold as OpenTelemetry says.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    otlp_endpoint: Option<Collector>,

    /// What is traced, in the form of --log.
    #[arg(
        long,
        env = "QUARANTINE_TRACES",
        value_name = "FILTER",
        default_value = "warn,kube_runtime=info,kube_client=debug,quarantine_operator=debug"
    )]
    traces: EnvFilter,
}

impl TelemetryFlags {
    fn start(self, runtime: &Runtime) -> anyhow::Result<Traces> {
        let format = match self.log_format {
            LogFormat::Text => telemetry::LogFormat::Text,
            LogFormat::Json => telemetry::LogFormat::Json,
        };
        let collector = self.otlp_endpoint.map(|collector| (collector, self.traces));
        telemetry::start(self.log, format, collector, runtime.handle())
    }
}

#[derive(clap::Args)]
#[command(next_help_heading = "Several replicas")]
struct ElectionFlags {
    /// Act only while this replica holds a lease. Needed wherever more than one may run.
    #[arg(long, env = "QUARANTINE_LEADER_ELECT", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    leader_elect: bool,

    /// The namespace of the lease. Without one: the service account's, or that of the kubeconfig's context.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    lease_namespace: Option<String>,

    /// The name of the lease.
    #[arg(long, env = "QUARANTINE_LEASE_NAME", default_value = LEASE_NAME, value_name = "NAME")]
    lease_name: String,

    /// How long the others wait for a leader that is silent. More than 4 seconds, for what may be under way, longer than
    /// the renew deadline.
    #[arg(long, env = "QUARANTINE_LEASE_DURATION_SECONDS", default_value_t = 15, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    lease_duration_seconds: u32,

    /// How long a leader that can't renew the lease goes on. Then it ends with exit code 1.
    #[arg(long, env = "QUARANTINE_RENEW_DEADLINE_SECONDS", default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    renew_deadline_seconds: u32,

    /// How often the lease is renewed, or looked at by the others.
    #[arg(long, env = "QUARANTINE_RETRY_PERIOD_SECONDS", default_value_t = 2, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    retry_period_seconds: u32,
}

impl ElectionFlags {
    /// None: there is no election, and this replica acts.
    fn election(self) -> anyhow::Result<Option<Election>> {
        if !self.leader_elect {
            return Ok(None);
        }
        let [duration, renew_deadline, retry_period] =
            [self.lease_duration_seconds, self.renew_deadline_seconds, self.retry_period_seconds]
                .map(|seconds| Duration::from_secs(seconds.into()));
        let times = Times::new(duration, renew_deadline, retry_period, LONGEST_CHANGE).map_err(anyhow::Error::msg)?;
        Ok(Some(Election { namespace: self.lease_namespace, name: self.lease_name, times }))
    }
}

#[derive(clap::Args)]
struct Check {
    /// Look for what a restore of the cluster, lost objects or edited ones leave behind: tagged interfaces without a
    /// record, and recorded interfaces that are not isolated.
    #[arg(long, conflicts_with = "before_uninstall")]
    after_restore: bool,

    /// Look for what only a running operator lets go: Quarantines that hold an instance, and FindingSources whose custom
    /// action goes with them. Asks the API server alone.
    #[arg(long)]
    before_uninstall: bool,

    /// After a restore, look in this region too, beside those that classes and Quarantines name. May be given several
    /// times.
    #[arg(long = "region", value_name = "REGION", requires = "after_restore")]
    regions: Vec<String>,

    /// The form of the answers on standard output.
    #[arg(long, short, default_value = "text", value_name = "FORMAT",
          conflicts_with_all = ["after_restore", "before_uninstall"])]
    output: CheckFormat,

    /// Ask for the rights of leader election, too.
    #[arg(long, env = "QUARANTINE_LEADER_ELECT", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    leader_elect: bool,

    /// The namespace of the lease, as of run.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    lease_namespace: Option<String>,

    /// The name of the lease, as of run.
    #[arg(long, env = "QUARANTINE_LEASE_NAME", default_value = LEASE_NAME, value_name = "NAME")]
    lease_name: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum CheckFormat {
    Text,
    Json,
}

/// None: nothing is served.
#[derive(Clone, Copy)]
struct BindAddress(Option<SocketAddr>);

/// As controller-runtime has it: 0 is off, and an address without a host is every address of this one.
fn bind_address(text: &str) -> Result<BindAddress, String> {
    if text == "0" {
        return Ok(BindAddress(None));
    }
    let whole = if text.starts_with(':') { format!("0.0.0.0{text}") } else { text.to_owned() };
    let address = whole.parse().map_err(|_| "an IP address and a port, such as 127.0.0.1:8080, or 0".to_owned())?;
    Ok(BindAddress(Some(address)))
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

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
    eprintln!("quarantine-operator: {error:#}");
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
    let settings =
        Settings { resync: Duration::from_secs(resync_seconds), concurrency, node_name, ..Settings::default() };
    let election = election.election()?;
    let ended = runtime.block_on(async {
        let fence = if election.is_some() { Fence::closed() } else { Fence::open() };
        let sessions = Sessions::from_environment().await.behind(fence.clone());
        let endpoints = Endpoints::start(sessions.metrics().clone(), of_metrics, of_probes)?;
        let client = client().await?;
        let candidate = election.map(|election| Candidate::new(client.clone(), &election, fence));
        let operator = Operator::new(client, sessions, settings)
            .await
            .context("the API server doesn't answer as it should: check its address, and that the operator's role may get the namespace kube-system and its own node")?;
        endpoints.show(&operator, candidate.as_ref().map(Candidate::leads));
        let shutdown = asked_to_stop().context("signals can't be listened to")?;
        match operate::run(operator, candidate, shutdown).await {
            End::Asked => Ok(()),
            End::PutBack => anyhow::bail!(
                "the cluster was put back to an older state, so what was watched is no longer true: start again (a Deployment does), and then run check --after-restore"
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

/// The exit codes are part of what it says: 2 for whatever keeps it from looking everywhere.
fn check(wanted: &Check) -> ExitCode {
    let (outcome, said) = match runtime().and_then(|runtime| runtime.block_on(look(wanted))) {
        Ok(looked) => looked,
        Err(error) => return failed(&error, ExitCode::from(2)),
    };
    // Whoever closes the pipe early still has the exit code.
    let _ = write!(std::io::stdout().lock(), "{said}");
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
    let client = kube::Client::try_default().await;
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
