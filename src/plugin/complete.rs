//! What may come next on a command line: scripts for shells, and the answer to kubectl's own completion, which calls
//! `kubectl_complete-quarantine` with the words so far ("Extend kubectl with plugins", Kubernetes documentation).

use super::{
    cli::{Cli, Connection, Shell},
    cluster::{Cluster, Scope},
    failure::Failure,
    say::outln,
};
use clap::{Arg, ArgAction, Command, CommandFactory as _};
use kube::ResourceExt;
use std::time::Duration;

/// kubectl completes no file names: none is meant anywhere.
const NO_FILES: &str = ":4";

/// Longer than that nobody waits for a name to appear.
const PATIENCE: Duration = Duration::from_secs(2);

/// Prints the script, for this binary under its own name.
pub fn script(shell: Shell) -> Result<(), Failure> {
    use clap_complete::{Shell as Known, generate};
    let shell = match shell {
        Shell::Bash => Known::Bash,
        Shell::Zsh => Known::Zsh,
        Shell::Fish => Known::Fish,
        Shell::Powershell => Known::PowerShell,
    };
    generate(shell, &mut Cli::command().bin_name("kubectl-quarantine"), "kubectl-quarantine", &mut std::io::stdout());
    Ok(())
}

/// Answers kubectl: a line for each word that may come in the place of the last one. Where the cluster can't be asked,
/// there are fewer.
pub async fn run(words: &[String]) -> Result<(), Failure> {
    let mut root = Cli::command();
    root.build();
    let (current, before) = words.split_last().map_or(("", words), |(last, before)| (last.as_str(), before));
    let asked = match next(&root, before, current) {
        Next::Words(words) => words,
        Next::Of(kind) => tokio::time::timeout(PATIENCE, names(kind, &connection(before))).await.unwrap_or_default(),
    };
    asked.iter().filter(|word| word.starts_with(current)).for_each(|word| outln!("{word}"));
    outln!("{NO_FILES}");
    Ok(())
}

/// What the place of a word is for.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Words(Vec<String>),
    Of(Kind),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Quarantine,
    Class,
    Namespace,
}

fn next(root: &Command, before: &[String], current: &str) -> Next {
    let (mut command, mut given, mut awaits) = (root, 0, None);
    for word in before {
        let option = word.starts_with('-').then(|| option_of(command, word)).flatten();
        match (awaits.take(), option) {
            (Some(_), _) => {}
            (None, Some(option)) if takes_value(option) && !word.contains('=') => awaits = Some(option),
            (None, Some(_)) => {}
            (None, None) if word.starts_with('-') => {}
            (None, None) => match command.find_subcommand(word).filter(|_| given == 0) {
                Some(inner) => command = inner,
                None => given += 1,
            },
        }
    }
    if let Some(option) = awaits {
        return values_of(option);
    }
    if current.starts_with('-') {
        let options = command.get_arguments().filter(|option| !option.is_hide_set());
        return Next::Words(options.filter_map(|option| Some(format!("--{}", option.get_long()?))).collect());
    }
    if given > 0 {
        return Next::Words(Vec::new());
    }
    match command.get_positionals().next() {
        _ if command.has_subcommands() => {
            let shown = command.get_subcommands().filter(|inner| !inner.is_hide_set());
            Next::Words(shown.map(|inner| inner.get_name().to_owned()).collect())
        }
        Some(positional) => values_of(positional),
        None => Next::Words(Vec::new()),
    }
}

fn option_of<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let name = word.trim_start_matches('-').split('=').next()?;
    command.get_arguments().find(|option| {
        if word.starts_with("--") { option.get_long() == Some(name) } else { option.get_short() == name.chars().next() }
    })
}

fn takes_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append)
}

fn values_of(argument: &Arg) -> Next {
    match argument.get_id().as_str() {
        "name" if argument.is_positional() => Next::Of(Kind::Quarantine),
        "class" => Next::Of(Kind::Class),
        "namespace" => Next::Of(Kind::Namespace),
        _ => Next::Words(argument.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect()),
    }
}

/// The options of the connection among the words, so that the right cluster is asked.
fn connection(before: &[String]) -> Connection {
    let value = |names: [&str; 2]| {
        let follows = before.windows(2).find(|pair| names.contains(&pair[0].as_str())).map(|pair| pair[1].clone());
        follows
            .or_else(|| before.iter().find_map(|word| Some(word.strip_prefix(names[0])?.strip_prefix('=')?.to_owned())))
    };
    Connection {
        namespace: value(["--namespace", "-n"]),
        context: value(["--context", ""]),
        kubeconfig: value(["--kubeconfig", ""]).map(Into::into),
        cluster: value(["--cluster", ""]),
        user: value(["--user", ""]),
        impersonate: value(["--as", ""]),
        impersonate_groups: value(["--as-group", ""]).into_iter().collect(),
        request_timeout: PATIENCE,
    }
}

async fn names(kind: Kind, connection: &Connection) -> Vec<String> {
    let Ok(cluster) = Cluster::connect(connection).await else { return Vec::new() };
    match kind {
        Kind::Quarantine => names_of(cluster.list(Scope::Namespace).await),
        Kind::Class => names_of(cluster.classes().await),
        Kind::Namespace => names_of(cluster.namespaces().await),
    }
}

fn names_of<K: ResourceExt>(listed: Result<Vec<K>, Failure>) -> Vec<String> {
    listed.unwrap_or_default().iter().map(ResourceExt::name_any).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(line: &str) -> Next {
        let mut root = Cli::command();
        root.build();
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (current, before) = words.split_last().expect("a word, if an empty one");
        match next(&root, before, current) {
            Next::Words(words) => Next::Words(words.into_iter().filter(|word| word.starts_with(current)).collect()),
            of => of,
        }
    }

    fn words(words: &[&str]) -> Next {
        Next::Words(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn commands_come_first_also_after_options_of_the_connection() {
        let Next::Words(first) = after("") else { panic!("words") };
        assert!(
            ["finding", "list", "status", "release", "approve", "enforce"]
                .iter()
                .all(|one| first.contains(&(*one).to_owned()))
        );
        assert_eq!(after("-n ir rel"), words(&["release"]));
        assert_eq!(after("--namespace=ir rel"), words(&["release"]));
        assert_eq!(after("i-0123456789abcdef0 "), words(&[]));
    }

    #[test]
    fn a_command_that_wants_a_quarantine_is_given_names_once() {
        assert_eq!(after("status "), Next::Of(Kind::Quarantine));
        assert_eq!(after("release --yes we"), Next::Of(Kind::Quarantine));
        assert_eq!(after("release web-7 "), words(&[]));
    }

    #[test]
    fn an_options_value_is_completed_as_what_it_is() {
        assert_eq!(after("i-0123456789abcdef0 --class "), Next::Of(Kind::Class));
        assert_eq!(after("list -n "), Next::Of(Kind::Namespace));
        assert_eq!(after("status web-7 -o "), words(&["json", "yaml", "name"]));
        assert_eq!(after("list -o w"), words(&["wide"]));
        assert_eq!(after("completion f"), words(&["fish"]));
        assert_eq!(after("i-0123456789abcdef0 --reason "), words(&[]));
    }

    #[test]
    fn the_options_of_a_command_are_its_own_and_the_connections() {
        assert_eq!(after("release --y"), words(&["--yes"]));
        assert_eq!(after("release --cont"), words(&["--context"]));
        assert_eq!(after("list --y"), words(&[]));
    }

    #[test]
    fn the_cluster_that_the_line_names_is_asked() {
        let line: Vec<String> = ["status", "-n", "ir", "--context=prod"].map(str::to_owned).to_vec();
        let connection = connection(&line);
        assert_eq!((connection.namespace.as_deref(), connection.context.as_deref()), (Some("ir"), Some("prod")));
    }
}
