//! The finding of the story: imported as a product does, chosen in Security Hub as a person does, read as anybody may.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::aws::Aws;
use super::narrator::Shell;
use super::samples::Samples;
use super::scene::scenario;
use super::stage::Stage;

const FINDING: &str = "deploy/aws/test-finding.json";
const SAMPLE_GROUP: &str = "sg-0123456789abcdef0";

pub struct Finding {
    pub id: String,
    pub product_arn: String,
}

impl Finding {
    /// `group`: what stands among its resources before the instance.
    pub fn import(aws: &Aws, samples: &Samples<'_>, group: &str, shell: &Shell) -> Result<Self> {
        let path = samples.adapt(FINDING, &[(SAMPLE_GROUP, group)])?;
        let findings: Value = serde_json::from_str(&samples.read(&path)?).context("the finding isn't JSON")?;
        let text = |value: &Value| value.as_str().map(str::to_owned).context("the finding lacks an id or its product");
        let finding = Self { id: text(&findings[0]["Id"])?, product_arn: text(&findings[0]["ProductArn"])? };
        let answer = aws.show(
            &[
                "securityhub",
                "batch-import-findings",
                "--findings",
                &format!("file://{path}"),
                "--query",
                "SuccessCount",
                "--output",
                "text",
            ],
            shell,
        )?;
        ensure!(answer.trim() == "1", "the finding was not imported: {answer}");
        finding.show("Findings[0].Resources[].[Type,Id]", aws, shell)?;
        Ok(finding)
    }

    /// What AWS has no call for: a person chooses it in the console, and presses the custom action.
    pub fn press(&self, stage: &Stage, aws: &Aws, action_arn: &str, shell: &Shell) -> Result<()> {
        let chosen = ["--action-arn", action_arn, "--finding-id", &self.id, "--product-arn", &self.product_arn];
        let answer = scenario(stage, &aws.region, &[&["press"], &chosen[..]].concat(), shell)?;
        let answer: Value = serde_json::from_str(&answer).context("the scenario answered something else")?;
        ensure!(answer["events"] == 1, "the custom action sent no event: {answer}");
        Ok(())
    }

    /// Shows its workflow status and note, which must be so.
    pub fn ensure_says(&self, workflow: &str, note: &str, aws: &Aws, shell: &Shell) -> Result<()> {
        let said = self.show("Findings[0].[Workflow.Status,Note.UpdatedBy,Note.Text]", aws, shell)?;
        let rest = said.strip_prefix(workflow).and_then(|rest| rest.trim_start().strip_prefix("quarantine-operator"));
        ensure!(rest.is_some_and(|rest| rest.contains(note)), "the finding should be {workflow}, and say {note:?}");
        Ok(())
    }

    fn show(&self, query: &str, aws: &Aws, shell: &Shell) -> Result<String> {
        let filter = format!(r#"{{"Id":[{{"Value":"{}","Comparison":"EQUALS"}}]}}"#, self.id);
        aws.show(&["securityhub", "get-findings", "--filters", &filter, "--query", query, "--output", "text"], shell)
    }
}
