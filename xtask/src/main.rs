//! `cargo xtask <command>`: the command line. What the commands do is in `commands/` and `demo/`.

#![forbid(unsafe_code)]

mod commands;
mod demo;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use commands::api::write_api;
use commands::bench::bench;
use commands::check::check;
use commands::generate::write_crds;
use commands::image::image;
use commands::planted::planted;
use commands::stack::stack;
use commands::test::test;
use commands::tools::{Part, tools};
use demo::{Hub, Way, Wish, clean_up, demo};
use xtask::chart::write_chart;
use xtask::without::Without;

/// The project's own commands: try it, test it, play with it.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the main job: for a finding, an instance is cut off and given back, on a real API server and an emulated AWS
    Demo {
        /// Install from the chart, by helm
        #[arg(long)]
        helm: bool,
        /// Play in the cluster of this kubeconfig context, in a namespace of the demo's own, and leave it as it was. The
        /// operator and AWS stay on this machine
        #[arg(long, value_name = "NAME", conflicts_with = "helm")]
        context: Option<String>,
        /// Only remove from that cluster what a demo that was killed has left in it
        #[arg(long, requires = "context", conflicts_with = "keep")]
        clean_up: bool,
        /// Whose findings are played with
        #[arg(long, value_enum, default_value_t = Hub::Cspm)]
        security_hub: Hub,
        /// Leave everything running afterwards, until Ctrl-C
        #[arg(long)]
        keep: bool,
    },
    /// Run all checks and tests, with all set-up
    Test {
        /// Leave out a tool that takes minutes to build, and the tests that need it, which is said at the end
        #[arg(long, value_name = "TOOL", value_enum)]
        without: Vec<Without>,
    },
    /// Run the checks that need no stack: format, clippy, generated files
    Check,
    /// Measure a containment and a release beside the same AWS calls alone, and print the figures as a table
    Bench {
        /// Build with the release profile, which takes minutes
        #[arg(long)]
        release: bool,
    },
    /// Run etcd, kube-apiserver and the AWS emulator until Ctrl-C, and print the exports for kubectl and aws
    Stack {
        /// Start kube-controller-manager too, for namespace deletion and garbage collection
        #[arg(long)]
        controller_manager: bool,
        /// Leave the AWS emulator out
        #[arg(long)]
        no_emulator: bool,
    },
    /// Find or build the parts of the stack, and print where they lie
    Tools {
        /// The parts wanted
        #[arg(value_enum, default_values_t = Part::DEFAULT)]
        parts: Vec<Part>,
    },
    /// Write crds/*.yaml anew from src/api
    Crds,
    /// Write anew what is made for installing: the chart's CRDs and README, and deploy/base from the chart's defaults
    Chart,
    /// Write docs/api.md anew from the custom resources' schemas
    Api,
    /// Plant known bugs in the protocol's core, and write down which rule of the model catches each; takes minutes
    Planted,
    /// Build the release image without a registry, with buildah, and run it; takes minutes
    Image,
}

fn main() -> ExitCode {
    let outcome = run(Arguments::parse().command);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo { context: Some(context), clean_up: true, .. } => clean_up(&context),
        Command::Demo { helm, security_hub: hub, context, keep, .. } => {
            demo(&Wish { way: if helm { Way::Helm } else { Way::Kustomize }, hub, context, keep })
        }
        Command::Test { without } => test(&without),
        Command::Check => check(),
        Command::Bench { release } => bench(release),
        Command::Stack { controller_manager, no_emulator } => stack(controller_manager, !no_emulator),
        Command::Tools { parts } => tools(&parts),
        Command::Crds => write_crds(),
        Command::Chart => write_chart(),
        Command::Api => write_api(),
        Command::Image => image(),
        Command::Planted => planted(),
    }
}
