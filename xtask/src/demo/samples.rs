//! The repository's samples, written for the account and the instance that are there. A sample that lost what is to be
//! replaced fails the demo.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use xtask::workspace;

use super::narrator::Shell;
use super::stage::Stage;

pub const NAMESPACE: &str = "deploy/samples/namespace.yaml";
pub const CLASS: &str = "deploy/samples/quarantineclass.yaml";
pub const SOURCE: &str = "deploy/samples/findingsource.yaml";
pub const SOURCE_V2: &str = "deploy/samples/findingsource-v2.yaml";
pub const QUARANTINE: &str = "deploy/samples/quarantine.yaml";
pub const QUARANTINE_BY_FINDING: &str = "deploy/samples/quarantine-by-finding.yaml";

pub const SAMPLE_REGION: &str = "eu-central-1";
const SAMPLE_INSTANCE: &str = "i-0123456789abcdef0";
const SAMPLE_ACCOUNT: &str = "111122223333";
const SAMPLE_NAMESPACE: &str = "incident-response";
const SAMPLE_TIME: &str = "2026-01-01T00:00:00Z";

pub struct Samples<'a> {
    pub stage: &'a Stage,
    pub region: String,
    pub account: String,
    pub instance_id: String,
}

impl Samples<'_> {
    /// Writes a sample for what is there, and answers its path as a person would type it. `changes`: what else is
    /// replaced, each of which must be in the sample.
    pub fn adapt(&self, sample: &str, changes: &[(&str, &str)]) -> Result<String> {
        let mut text = self.read(sample)?;
        for (placeholder, value) in changes {
            ensure!(text.contains(placeholder), "{sample} doesn't have {placeholder} any more");
            text = text.replace(placeholder, value);
        }
        text = text.replace(SAMPLE_INSTANCE, &self.instance_id).replace(SAMPLE_REGION, &self.region);
        text = text
            .replace(SAMPLE_NAMESPACE, self.stage.namespaces.responders)
            .replace(SAMPLE_ACCOUNT, &self.account)
            .replace(SAMPLE_TIME, &now()?);
        let path = self.stage.run_dir().join(Path::new(sample).file_name().map(PathBuf::from).unwrap_or_default());
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let shown = path.strip_prefix(workspace::root()).unwrap_or(&path);
        Ok(shown.display().to_string())
    }

    /// A file of the repository, or one that was adapted.
    pub fn read(&self, path: &str) -> Result<String> {
        fs::read_to_string(workspace::root().join(path)).with_context(|| format!("cannot read {path}"))
    }
}

fn now() -> Result<String> {
    let mut date = Command::new("date");
    date.args(["-u", "+%Y-%m-%dT%H:%M:%SZ"]);
    Ok(Shell.run_quietly("date", date)?.trim().to_owned())
}
