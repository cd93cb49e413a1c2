//! `kubectl quarantine`: the responder's command line. kubectl finds the binary `kubectl-quarantine` on the PATH. It talks
//! to the API server alone, with the caller's rights; what happens in AWS is the operator's business.
//!
//! | room | what happens there |
//! |---|---|
//! | [`cli`], [`target`] | the command line, and what it names (pure) |
//! | [`cluster`], [`find`] | the way to the API server; calls that end in time; which objects an argument means |
//! | [`proxy`] | whether a proxy stands in that way (pure) |
//! | [`create`], [`release`], [`approve`], [`look`] | the commands |
//! | [`follow`] | waiting for an end, by a watch |
//! | [`wanted`], [`stand`], [`failure`] | the object to create, what a look at one means, errors in words (pure) |
//! | [`show`] | objects as text (pure) |
//! | [`say`] | standard output that somebody may close |
//! | [`complete`] | what may come next on a command line |

#![forbid(unsafe_code)]

mod approve;
mod cli;
mod cluster;
mod complete;
mod create;
mod failure;
mod find;
#[cfg(test)]
mod fixtures;
mod follow;
mod look;
mod proxy;
mod release;
mod say;
mod show;
mod stand;
mod target;
mod wanted;

use clap::Parser as _;
use cli::{Cli, Command, Connection, Doing};
use cluster::Cluster;
use failure::Failure;
use std::process::ExitCode;

/// Under this name kubectl looks for completions of its plugin; the same binary answers to it.
const COMPLETES: &str = "kubectl_complete-quarantine";

fn main() -> ExitCode {
    let called = std::env::args_os().next().unwrap_or_default();
    let completes = std::path::Path::new(&called).file_stem().is_some_and(|name| name == COMPLETES);
    let outcome = runtime().and_then(|runtime| {
        if completes {
            let words: Vec<String> = std::env::args().skip(1).collect();
            return runtime.block_on(complete::run(&words));
        }
        let Cli { connection, doing } = Cli::parse();
        runtime.block_on(run(&connection, doing))
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::Refused(format!("the runtime can't be started: {error}")))
}

async fn run(connection: &Connection, doing: Doing) -> Result<(), Failure> {
    let command = match doing {
        Doing::Isolate(isolate) => return create::instance(&connect(connection).await?, isolate).await,
        Doing::Command(command) => command,
    };
    match command {
        Command::Completion { shell } => complete::script(shell),
        Command::Finding(finding) => create::finding(&connect(connection).await?, *finding).await,
        Command::List(list) => look::list(&connect(connection).await?, &list).await,
        Command::Status(status) => look::status(&connect(connection).await?, &status).await,
        Command::Release(release) => release::run(&connect(connection).await?, &release).await,
        Command::Approve(approve) => approve::release(&connect(connection).await?, &approve).await,
        Command::Enforce(enforce) => approve::enforcement(&connect(connection).await?, &enforce).await,
    }
}

async fn connect(connection: &Connection) -> Result<Cluster, Failure> {
    Cluster::connect(connection).await
}
