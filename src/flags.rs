//! The operator's command line, as clap reads it, and what the flags of `run` mean together. A module of the binary alone.

use clap::{Parser, Subcommand};
use quarantine_operator::{
    aws::LONGEST_CHANGE,
    check::needs::rights::LEASE_NAME,
    operate::{
        Election,
        lease::Times,
        telemetry::{self, Collector, Traces},
    },
};
use std::{net::SocketAddr, path::PathBuf, time::Duration};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;

/// Cuts EC2 instances off with their incident-response security group, and puts everything back exactly.
#[derive(Parser)]
#[command(name = "quarantine-operator", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub enum Command {
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
pub enum CrdFormat {
    Yaml,
    Json,
}

#[derive(clap::Args)]
pub struct Run {
    /// How often a held instance is looked at for drift, in seconds.
    #[arg(long, env = "QUARANTINE_RESYNC_SECONDS", default_value_t = 60, value_name = "SECONDS",
          value_parser = clap::value_parser!(u64).range(1..=300))]
    pub resync_seconds: u64,

    /// How many Quarantines are worked on at once.
    #[arg(long, env = "QUARANTINE_CONCURRENCY", default_value_t = 1_000, value_name = "N",
          value_parser = clap::value_parser!(u16).range(1..))]
    pub concurrency: u16,

    /// The node that the operator runs on (downward API: spec.nodeName). Its instance is never cut off, unless a class
    /// allows it.
    #[arg(long, env = "NODE_NAME", value_name = "NODE")]
    pub node_name: Option<String>,

    /// Where /metrics is served; 0 turns it off. Port 0: one that the kernel chooses, and the log tells.
    #[arg(long, env = "QUARANTINE_METRICS_BIND_ADDRESS", default_value = "0.0.0.0:8080", value_name = "ADDRESS",
          value_parser = bind_address)]
    pub metrics_bind_address: BindAddress,

    /// Where /livez and /readyz are served; 0 turns them off.
    #[arg(long, env = "QUARANTINE_HEALTH_PROBE_BIND_ADDRESS", default_value = "0.0.0.0:8081", value_name = "ADDRESS",
          value_parser = bind_address)]
    pub health_probe_bind_address: BindAddress,

    #[command(flatten)]
    pub election: ElectionFlags,

    #[command(flatten)]
    pub telemetry: TelemetryFlags,
}

#[derive(clap::Args)]
#[command(next_help_heading = "Log and traces")]
pub struct TelemetryFlags {
    /// The form of the log on standard error.
    #[arg(long, env = "QUARANTINE_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub log_format: LogFormat,

    /// What is logged, such as info or quarantine_operator=debug.
    #[arg(long, env = "QUARANTINE_LOG", default_value = "info", value_name = "FILTER")]
    pub log: EnvFilter,

    /// Send traces to this collector by OTLP over HTTP, such as http://collector:4318 (/v1/traces is added). Without one
    /// there are none. OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS and
    /// the OTEL_BSP variables hold as OpenTelemetry says.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<Collector>,

    /// What is traced, in the form of --log.
    #[arg(
        long,
        env = "QUARANTINE_TRACES",
        value_name = "FILTER",
        default_value = "warn,kube_runtime=info,kube_client=debug,quarantine_operator=debug"
    )]
    pub traces: EnvFilter,
}

impl TelemetryFlags {
    pub fn start(self, runtime: &Runtime) -> anyhow::Result<Traces> {
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
pub struct ElectionFlags {
    /// Act only while this replica holds a lease. Needed wherever more than one may run.
    #[arg(long, env = "QUARANTINE_LEADER_ELECT", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub leader_elect: bool,

    /// The namespace of the lease. Without one: the service account's, or that of the kubeconfig's context.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// The name of the lease.
    #[arg(long, env = "QUARANTINE_LEASE_NAME", default_value = LEASE_NAME, value_name = "NAME")]
    pub lease_name: String,

    /// How long the others wait for a leader that is silent. More than 4 seconds, for what may be under way, longer than
    /// the renew deadline.
    #[arg(long, env = "QUARANTINE_LEASE_DURATION_SECONDS", default_value_t = 15, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub lease_duration_seconds: u32,

    /// How long a leader that can't renew the lease goes on. Then it ends with exit code 1.
    #[arg(long, env = "QUARANTINE_RENEW_DEADLINE_SECONDS", default_value_t = 10, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub renew_deadline_seconds: u32,

    /// How often the lease is renewed, or looked at by the others.
    #[arg(long, env = "QUARANTINE_RETRY_PERIOD_SECONDS", default_value_t = 2, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub retry_period_seconds: u32,
}

impl ElectionFlags {
    /// None: there is no election, and this replica acts.
    pub fn election(self) -> anyhow::Result<Option<Election>> {
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
pub struct Check {
    /// Look for what a restore of the cluster, lost objects or edited ones leave behind: tagged interfaces without a
    /// record, and recorded interfaces that are not isolated.
    #[arg(long, conflicts_with = "before_uninstall")]
    pub after_restore: bool,

    /// Look for what only a running operator lets go: Quarantines that hold an instance, and FindingSources whose custom
    /// action goes with them. Asks the API server alone.
    #[arg(long)]
    pub before_uninstall: bool,

    /// After a restore, look in this region too, beside those that classes and Quarantines name. May be given several
    /// times.
    #[arg(long = "region", value_name = "REGION", requires = "after_restore")]
    pub regions: Vec<String>,

    /// The form of the answers on standard output.
    #[arg(long, short, default_value = "text", value_name = "FORMAT",
          conflicts_with_all = ["after_restore", "before_uninstall"])]
    pub output: CheckFormat,

    /// Ask for the rights of leader election, too.
    #[arg(long, env = "QUARANTINE_LEADER_ELECT", value_name = "BOOL", default_value_t = false,
          default_missing_value = "true", num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub leader_elect: bool,

    /// The namespace of the lease, as of run.
    #[arg(long, env = "POD_NAMESPACE", value_name = "NAMESPACE")]
    pub lease_namespace: Option<String>,

    /// The name of the lease, as of run.
    #[arg(long, env = "QUARANTINE_LEASE_NAME", default_value = LEASE_NAME, value_name = "NAME")]
    pub lease_name: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
pub enum CheckFormat {
    Text,
    Json,
}

/// None: nothing is served.
#[derive(Clone, Copy)]
pub struct BindAddress(pub Option<SocketAddr>);

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
pub enum LogFormat {
    Text,
    Json,
}
