//! `cargo xtask tools`: finds or builds the parts of the stack, and prints where they lie.

use anyhow::Result;
use clap::ValueEnum;
use xtask::job::Cancel;
use xtask::prerequisites;
use xtask::progress::Progress;
use xtask::setup::Setup;
use xtask::tools::Tool;

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Etcd,
    KubeApiserver,
    KubeControllerManager,
    Helm,
    Kubeconform,
    Prometheus,
    Promtool,
    /// How Flux and Argo CD judge an object
    Health,
    /// The Python environment of the AWS emulator
    Emulator,
}

impl Part {
    /// What the demo and the tests need.
    pub const DEFAULT: [Self; 9] = [
        Self::Etcd,
        Self::KubeApiserver,
        Self::KubeControllerManager,
        Self::Helm,
        Self::Kubeconform,
        Self::Promtool,
        Self::Prometheus,
        Self::Health,
        Self::Emulator,
    ];

    fn tool(self) -> Option<Tool> {
        match self {
            Self::Etcd => Some(Tool::Etcd),
            Self::KubeApiserver => Some(Tool::KubeApiserver),
            Self::KubeControllerManager => Some(Tool::KubeControllerManager),
            Self::Helm => Some(Tool::Helm),
            Self::Kubeconform => Some(Tool::Kubeconform),
            Self::Prometheus => Some(Tool::Prometheus),
            Self::Promtool => Some(Tool::Promtool),
            Self::Health => Some(Tool::Health),
            Self::Emulator => None,
        }
    }
}

pub fn tools(parts: &[Part]) -> Result<()> {
    let tools = parts.iter().filter_map(|part| part.tool()).collect();
    let setup = Setup { tools, emulator: parts.contains(&Part::Emulator) };
    prerequisites::check(&setup.prerequisites()?)?;
    for (name, path) in setup.prepare(&Progress::new(), &Cancel::default())? {
        println!("{name:24} {}", path.display());
    }
    Ok(())
}
