//! The finding of the story: imported as a product does, chosen in Security Hub as a person does, read as anybody may.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::account::Account;
use super::aws::Aws;
use super::hub::Hub;
use super::narrator::Shell;
use super::samples::Samples;
use super::scene::scenario;
use super::stage::Stage;

const FINDING: &str = "deploy/aws/test-finding.json";
const FINDING_V2: &str = "deploy/aws/test-finding-v2.json";
const SAMPLE_GROUP: &str = "sg-0123456789abcdef0";

pub struct Finding {
    hub: Hub,
    pub id: String,
    pub product_arn: String,
}

impl Finding {
    /// `group`: what stands among its resources before the instance.
    pub fn import(hub: Hub, aws: &Aws, samples: &Samples<'_>, group: &str, shell: &Shell) -> Result<Self> {
        let (sample, id, product, resources) = match hub {
            Hub::Cspm => (FINDING, "/0/Id", "/0/ProductArn", "Findings[0].Resources[].[Type,Id]"),
            Hub::V2 => {
                (FINDING_V2, "/0/finding_info/uid", "/0/metadata/product/uid", "Findings[0].resources[].[type,uid]")
            }
        };
        let path = samples.adapt(sample, &[(SAMPLE_GROUP, group)])?;
        let findings: Value = serde_json::from_str(&samples.read(&path)?).context("the finding isn't JSON")?;
        let text = |pointer| findings.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let text = |pointer| text(pointer).with_context(|| format!("the finding lacks {pointer}"));
        let finding = Self { hub, id: text(id)?, product_arn: text(product)? };
        match hub {
            Hub::Cspm => {
                let path = format!("file://{path}");
                let import = ["securityhub", "batch-import-findings", "--findings", &path];
                let answer =
                    aws.show(&[&import[..], &["--query", "SuccessCount", "--output", "text"]].concat(), shell)?;
                ensure!(answer.trim() == "1", "the finding was not imported: {answer}");
            }
            // AWS has no call for it: products have their own ways in.
            Hub::V2 => drop(scenario(samples.stage, &aws.region, &["import-v2", "--findings", &path], shell)?),
        }
        finding.show(resources, aws, shell)?;
        Ok(finding)
    }

    /// A person chooses it. In Security Hub CSPM AWS has no call for that: it is a button of the console.
    pub fn press(&self, stage: &Stage, aws: &Aws, account: &Account, shell: &Shell) -> Result<()> {
        match &account.custom_action_arn {
            Some(action_arn) => {
                let named = ["--finding-id", &self.id, "--product-arn", &self.product_arn];
                let pressed = [&["press", "--action-arn", action_arn], &named[..]].concat();
                let answer = scenario(stage, &aws.region, &pressed, shell)?;
                let answer: Value = serde_json::from_str(&answer).context("the scenario answered something else")?;
                ensure!(answer["events"] == 1, "the custom action sent no event: {answer}");
                Ok(())
            }
            None => {
                let identifier = format!(
                    "CloudAccountUid={},FindingInfoUid={},MetadataProductUid={}",
                    aws.account, self.id, self.product_arn
                );
                let update = ["securityhub", "batch-update-findings-v2", "--finding-identifiers", &identifier];
                aws.tell(&[&update[..], &["--status-id", "2"]].concat(), shell)
            }
        }
    }

    /// Shows its status and what is written on it, which must be so.
    pub fn ensure_says(&self, words: &str, aws: &Aws, shell: &Shell) -> Result<()> {
        let said = self.show(self.hub.outcome(), aws, shell)?;
        self.hub.ensure_says(&said, words)
    }

    fn show(&self, query: &str, aws: &Aws, shell: &Shell) -> Result<String> {
        let (command, filter) = self.hub.read(&self.id);
        aws.show(&["securityhub", command, "--filters", &filter, "--query", query, "--output", "text"], shell)
    }
}
