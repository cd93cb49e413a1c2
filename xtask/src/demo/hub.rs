//! Which Security Hub the story plays in, and what is said differently then: Security Hub CSPM, where a person presses a
//! custom action, or the newer one, where a person sets a finding to In Progress.

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::samples::{SOURCE, SOURCE_V2};

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Hub {
    /// Security Hub CSPM, by its custom action
    Cspm,
    /// The newer Security Hub, by the status In Progress
    V2,
}

impl Hub {
    /// The command that turns it on.
    pub fn enable(self) -> &'static [&'static str] {
        match self {
            Self::Cspm => &["securityhub", "enable-security-hub", "--no-enable-default-standards"],
            Self::V2 => &["securityhub", "enable-security-hub-v2"],
        }
    }

    /// What fills the queue, as parameters of the template.
    pub fn parameters(self) -> &'static [&'static str] {
        match self {
            Self::Cspm => &[],
            Self::V2 => &[
                "ParameterKey=UseCustomAction,ParameterValue=false",
                "ParameterKey=InProgressFindingsV2,ParameterValue=true",
            ],
        }
    }

    pub fn source(self) -> &'static str {
        match self {
            Self::Cspm => SOURCE,
            Self::V2 => SOURCE_V2,
        }
    }

    pub fn step_of_the_press(self) -> &'static str {
        match self {
            Self::Cspm => "A responder picks the finding in Security Hub, and presses the custom action",
            Self::V2 => "A responder takes the finding up in Security Hub: its status is In Progress now",
        }
    }

    /// Messages that the source has received at the end. In the newer hub whatever is written on a finding that is In
    /// Progress comes back, for the operator twice for each of two Quarantines: it knows its own comments.
    pub fn received(self) -> u32 {
        match self {
            Self::Cspm => 1,
            Self::V2 => 5,
        }
    }

    /// The filter by which the finding is read, and what of it is shown: its status, who wrote, the words.
    pub fn read(self, id: &str) -> (&'static str, String) {
        match self {
            Self::Cspm => ("get-findings", format!(r#"{{"Id":[{{"Value":"{id}","Comparison":"EQUALS"}}]}}"#)),
            Self::V2 => (
                "get-findings-v2",
                format!(
                    r#"{{"CompositeFilters":[{{"StringFilters":[{{"FieldName":"finding_info.uid","Filter":{{"Value":"{id}","Comparison":"EQUALS"}}}}]}}]}}"#
                ),
            ),
        }
    }

    /// What of a finding says how it went.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Cspm => "Findings[0].[Workflow.Status,Note.UpdatedBy,Note.Text]",
            Self::V2 => "Findings[0].[status,comment]",
        }
    }

    /// Fails unless this says that people are at it, and these words of the operator's.
    pub fn ensure_says(self, said: &str, words: &str) -> Result<()> {
        let said = said.trim();
        let ours = match self {
            Self::Cspm => said
                .strip_prefix("NOTIFIED")
                .map(str::trim_start)
                .and_then(|rest| rest.strip_prefix("quarantine-operator")),
            Self::V2 => said
                .strip_prefix("In Progress")
                .and_then(|rest| rest.strip_suffix("[quarantine-operator: In Progress]")),
        };
        let ours =
            ours.with_context(|| format!("the finding should be taken up, with the operator's words: {said}"))?;
        ensure!(ours.contains(words), "the finding should say {words:?}: {said}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_operator_are_known_in_either_hub_and_nobody_elses_are() {
        let cspm = "NOTIFIED\tquarantine-operator\ti-1 is contained by Quarantine a/b.\n";
        assert!(Hub::Cspm.ensure_says(cspm, "i-1 is contained").is_ok());
        assert!(Hub::Cspm.ensure_says(cspm, "i-1 is released").is_err());
        assert!(Hub::Cspm.ensure_says("NOTIFIED\tanalyst\ti-1 is contained", "i-1 is contained").is_err());
        let v2 = "In Progress\ti-1 is contained. [quarantine-operator: In Progress]\n";
        assert!(Hub::V2.ensure_says(v2, "i-1 is contained").is_ok());
        assert!(Hub::V2.ensure_says("In Progress\ti-1 is contained.", "i-1 is contained").is_err());
        assert!(Hub::V2.ensure_says("New\ti-1 is contained. [quarantine-operator]", "i-1 is contained").is_err());
    }
}
