//! The command line: what may be said, and the manual. Pure.
//!
//! `kubectl quarantine i-0abc…` creates, and so does a word fewer than any command has; the commands stand beside it.
//! The options of creating and a command exclude each other, while those of the connection may stand before either. clap
//! knows the one rule without the other (`args_conflicts_with_subcommands`), so [`Cli`] is put together by hand.

use super::target::{Finding, Instance};
use clap::{
    ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    error::{Error, ErrorKind},
    parser::ValueSource,
};
use jiff::SignedDuration;
use std::{path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  # Cut an instance off, and wait until every interface is seen isolated
  kubectl quarantine i-0123456789abcdef0 -n incident-response --region eu-central-1 \\
    --reason 'IR-2026-041: talks to a command-and-control server' --wait

  # The ARN has region and account in it
  kubectl quarantine arn:aws:ec2:eu-central-1:111122223333:instance/i-0123456789abcdef0

  # First see what would change, then do it
  kubectl quarantine i-0123456789abcdef0 --dry-run --wait
  kubectl quarantine enforce i-0123456789abcdef0 --wait

  # The instance that a Security Hub finding names
  kubectl quarantine finding arn:aws:guardduty:eu-central-1:111122223333:detector/1/finding/2

  # What is held, everywhere; what was and what is, of one
  kubectl quarantine list -A
  kubectl quarantine status i-0123456789abcdef0

  # Give it back, and wait until that is verified
  kubectl quarantine release i-0123456789abcdef0 --wait

Region: --region, else the ARN's, else AWS_REGION, else AWS_DEFAULT_REGION, else the class's, if it has only one.

Exit codes:
  0    done; with --wait: seen to be so
  1    failed or refused; the message says why and what to do
  2    the command line is wrong; nothing was changed
  124  --timeout passed; the operator goes on
  130  Ctrl-C while waiting; the operator goes on";

const ABOUT: &str = "Cuts EC2 instances off with quarantine-operator, shows how they stand, and gives them back.";

const MORE: &str = "\
Without a command, it creates a Quarantine of the instance, named after it. What the Quarantine asks for is done by the
operator, under the policy of its QuarantineClass, and only for as long as the Quarantine exists.";

/// The command line, understood.
pub struct Cli {
    pub connection: Connection,
    pub doing: Doing,
}

/// Either an instance to cut off, or a command.
pub enum Doing {
    Isolate(Isolate),
    Command(Command),
}

impl CommandFactory for Cli {
    fn command() -> clap::Command {
        let root = Isolate::augment_args(clap::Command::new("kubectl-quarantine"));
        Connection::augment_args(Command::augment_subcommands(root))
            .bin_name("kubectl quarantine")
            .version(env!("CARGO_PKG_VERSION"))
            .about(ABOUT)
            .long_about(format!("{ABOUT}\n\n{MORE}"))
            .after_long_help(EXAMPLES)
            .max_term_width(100)
            .override_usage("kubectl quarantine <INSTANCE> [OPTIONS]\n       kubectl quarantine <COMMAND>")
            .arg_required_else_help(true)
            .subcommand_negates_reqs(true)
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

impl FromArgMatches for Cli {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let connection = Connection::from_arg_matches(matches)?;
        let Some(command) = matches.subcommand_name() else {
            return Ok(Self { connection, doing: Doing::Isolate(Isolate::from_arg_matches(matches)?) });
        };
        let of_isolating = Isolate::augment_args(clap::Command::default());
        let given =
            |argument: &clap::Arg| matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine);
        if of_isolating.get_arguments().any(given) {
            let message = format!(
                "what comes before {command} cuts an instance off: name either an instance or a command, and give a command's options after it"
            );
            return Err(Error::raw(ErrorKind::ArgumentConflict, message));
        }
        Ok(Self { connection, doing: Doing::Command(Command::from_arg_matches(matches)?) })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Parser for Cli {}

#[derive(Subcommand)]
pub enum Command {
    /// Cut off the instance that a Security Hub finding names.
    Finding(Box<OfFinding>),
    /// List Quarantines.
    #[command(visible_alias = "ls")]
    List(List),
    /// Show what was and what is: interfaces with their groups, conditions, findings.
    Status(Status),
    /// Delete a Quarantine, so that the instance gets its own groups back. Asks first.
    ///
    /// It shows which interface gets which groups back, and asks on a terminal. Elsewhere it refuses without --yes. With
    /// --wait it ends when every interface is accounted for and the Quarantine is gone, or when the release is held.
    Release(Release),
    /// Let a held release go on.
    ///
    /// A release is held when nobody may have meant it, or when the record of the original groups isn't certain. Read
    /// why, and compare the groups: kubectl quarantine status. If none is held, it says so and changes nothing.
    Approve(One),
    /// Let a dry run, or what is suspended, act: mode: Enforce, suspend: false.
    Enforce(One),
    /// Print completions for a shell.
    ///
    /// They complete kubectl-quarantine, called by this name. For kubectl's own completion, link this binary as
    /// kubectl_complete-quarantine beside it.
    Completion { shell: Shell },
}

/// A shell that completions are printed for.
#[derive(Clone, Copy, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

#[derive(Args)]
pub struct Isolate {
    /// The instance's id or ARN, such as i-0123456789abcdef0
    pub instance: Instance,

    /// The account that the instance lies in. Omitted: the operator's own
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,

    #[command(flatten)]
    pub wish: Wish,
}

#[derive(Args)]
pub struct OfFinding {
    /// The finding's Id or ARN, as Security Hub shows it
    pub finding: Finding,

    /// Which instance, if the finding names several
    #[arg(long, value_name = "INSTANCE")]
    pub instance: Option<Instance>,

    /// The product's ARN, if several products use that finding id
    #[arg(long, value_name = "ARN")]
    pub product_arn: Option<String>,

    #[command(flatten)]
    pub wish: Wish,
}

/// What is said of every Quarantine that is created.
#[derive(Args)]
pub struct Wish {
    /// The region, such as eu-central-1
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,

    /// The QuarantineClass. Omitted: the default one
    #[arg(long, value_name = "CLASS")]
    pub class: Option<String>,

    /// Why: shown in events and on the finding, never on the instance
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,

    /// The Quarantine's name. Omitted: made of the instance or the finding
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Have the operator say what would change, and change nothing (mode: DryRun)
    #[arg(long)]
    pub dry_run: bool,

    #[command(flatten)]
    pub waiting: Waiting,

    /// Print the object
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
}

#[derive(Args)]
pub struct Waiting {
    /// Wait for the end, and tell the way there on standard error
    #[arg(long)]
    pub wait: bool,

    /// How long --wait waits, such as 90s, 5m or 1h
    #[arg(long, default_value = "5m", value_name = "TIME", value_parser = time)]
    pub timeout: Duration,
}

#[derive(Args)]
pub struct List {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// The form of it; wide adds region, account and message
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<TableFormat>,
}

#[derive(Args)]
pub struct Status {
    /// The Quarantine's name, or the instance's id
    pub name: String,

    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,

    /// Print the object
    #[arg(short, long, value_name = "FORMAT")]
    pub output: Option<Format>,
}

#[derive(Args)]
pub struct Release {
    /// The Quarantine's name, or the instance's id
    pub name: String,

    /// Don't ask
    #[arg(short, long)]
    pub yes: bool,

    #[command(flatten)]
    pub waiting: Waiting,
}

#[derive(Args)]
pub struct One {
    /// The Quarantine's name, or the instance's id
    pub name: String,

    #[command(flatten)]
    pub waiting: Waiting,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Json,
    Yaml,
    Name,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    Json,
    Yaml,
    Name,
    Wide,
}

/// Which cluster, and as whom: kubectl's own options.
#[derive(Args, Default)]
#[command(next_help_heading = "Cluster")]
pub struct Connection {
    /// The namespace. Omitted: the context's
    #[arg(short, long, global = true, value_name = "NAMESPACE")]
    pub namespace: Option<String>,

    /// The context of the kubeconfig
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub context: Option<String>,

    /// The kubeconfig. Omitted: KUBECONFIG, else ~/.kube/config, else the pod's service account
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// The cluster of the kubeconfig
    #[arg(long, global = true, value_name = "CLUSTER")]
    pub cluster: Option<String>,

    /// The user of the kubeconfig
    #[arg(long, global = true, value_name = "USER")]
    pub user: Option<String>,

    /// Impersonate this user
    #[arg(long = "as", global = true, value_name = "USER")]
    pub impersonate: Option<String>,

    /// Impersonate this group. May be given several times
    #[arg(long = "as-group", global = true, value_name = "GROUP", action = ArgAction::Append)]
    pub impersonate_groups: Vec<String>,

    /// How long one request may take
    #[arg(long, global = true, default_value = "30s", value_name = "TIME", value_parser = time)]
    pub request_timeout: Duration,
}

fn time(text: &str) -> Result<Duration, String> {
    let time: SignedDuration = text.parse().map_err(|_| "it is no time such as 90s, 5m or 1h".to_owned())?;
    Duration::try_from(time)
        .ok()
        .filter(|time| !time.is_zero())
        .ok_or_else(|| "it must be more than nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Cli, Error> {
        Cli::try_parse_from(["kubectl-quarantine"].into_iter().chain(line.split_whitespace()))
    }

    fn refused(line: &str) -> String {
        parse(line).map(|_| ()).expect_err("it is refused").to_string()
    }

    #[test]
    fn the_command_line_contradicts_itself_nowhere() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_instance_stands_where_a_command_stands_and_options_of_the_connection_before_either() {
        for line in ["-n ir i-0123456789abcdef0 --wait", "i-0123456789abcdef0 -n ir", "--reason why -n ir i-01234567"] {
            let cli = parse(line).expect("it is understood");
            assert!(matches!(cli.doing, Doing::Isolate(_)), "{line}");
            assert_eq!(cli.connection.namespace.as_deref(), Some("ir"));
        }
        for line in ["-n ir list", "list -n ir", "ls -n ir -o wide"] {
            let cli = parse(line).expect("it is understood");
            assert!(matches!(cli.doing, Doing::Command(Command::List(_))), "{line}");
            assert_eq!(cli.connection.namespace.as_deref(), Some("ir"));
        }
    }

    #[test]
    fn an_instance_and_a_command_exclude_each_other() {
        for line in ["i-0123456789abcdef0 list", "--reason why list", "--wait status web-7", "--dry-run release web-7"]
        {
            let said = refused(line);
            assert!(said.contains("either an instance or a command"), "{line}: {said}");
        }
    }

    #[test]
    fn a_mistyped_command_is_told_what_it_could_have_been() {
        let said = refused("lsit");
        assert!(said.contains("'lsit'") && said.contains("list"), "{said}");
    }

    #[test]
    fn a_time_is_written_as_kubectl_writes_it() {
        assert_eq!(time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1h30m"), Ok(Duration::from_secs(5_400)));
        assert!(time("0s").is_err() && time("-5m").is_err() && time("soon").is_err());
    }
}
