//! The story: an instance, a finding about it, a person who presses a button, and the way back. Every step checks what
//! it sees against EC2, Security Hub or the API server, never against what the operator says alone.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::account::Account;
use super::aws::Aws;
use super::finding::Finding;
use super::groups::{self, Groups};
use super::hub::Hub;
use super::narrator::{Narrator, Shell};
use super::samples::{CLASS, NAMESPACE, QUARANTINE, QUARANTINE_BY_FINDING, Samples};
use super::scene::Scene;
use super::stage::Stage;

const CORRECTED_WITHIN: Duration = Duration::from_secs(60);
/// The finding in the sample of a Quarantine by finding.
const SAMPLE_FINDING: &str = "arn:aws:guardduty:eu-central-1:111122223333:detector/12abc34d567e8fa901bc2d34e56789f0/\
                              finding/1ab23456789c0d12ef34567ab89c0de1";
const SAMPLE_PRODUCT: &str = "arn:aws:securityhub:eu-central-1::product/aws/guardduty";
/// The URL of the queue in the sample of a FindingSource.
const SAMPLE_QUEUE: &str = "https://sqs.eu-central-1.amazonaws.com/111122223333/quarantine-operator-findings";
/// The name and the namespace that a Quarantine of the sample source gets, before the instance.
const SOURCE_NAME: &str = "security-hub";

pub struct Story<'a> {
    hub: Hub,
    stage: &'a Stage,
    aws: &'a Aws,
    account: &'a Account,
    scene: Scene<'a>,
    samples: Samples<'a>,
    before: Groups,
}

impl<'a> Story<'a> {
    pub fn open(
        hub: Hub,
        stage: &'a Stage,
        aws: &'a Aws,
        account: &'a Account,
        narrator: &mut Narrator,
    ) -> Result<Self> {
        narrator.step("Make an EC2 instance with two interfaces of different groups", |shell| {
            let scene = Scene::set(stage, &aws.region, shell)?;
            let before = scene.groups()?;
            shell.show(&groups::table(&[("before", &before)]));
            let (region, instance_id) = (scene.region.clone(), scene.instance_id.clone());
            let samples = Samples { stage, region, account: aws.account.clone(), instance_id };
            Ok(Self { hub, stage, aws, account, scene, samples, before })
        })
    }

    pub fn tell(&self, narrator: &mut Narrator) -> Result<()> {
        let quarantine = format!("qtn/{SOURCE_NAME}-{}", self.scene.instance_id);
        narrator.step("Say what may be cut off, and where findings come from", |shell| self.allow(shell))?;
        let finding = narrator.step("A finding comes in. The instance is not its first resource", |shell| {
            let group = self.before.any().context("the instance has no group")?;
            Finding::import(self.hub, self.aws, &self.samples, group, shell)
        })?;
        let contained =
            narrator.step(self.hub.step_of_the_press(), |shell| self.press(&finding, &quarantine, shell))?;
        narrator.step("Look at the finding: it says how that went", |shell| {
            self.kubectl(&["wait", "--for=condition=FindingUpdated", "--timeout=30s", &quarantine], shell)?;
            let namespace = self.stage.namespaces.responders;
            let says = format!("{} is contained by Quarantine {namespace}/", self.scene.instance_id);
            finding.ensure_says(&says, self.aws, shell)
        })?;
        narrator.step("Put the old groups back behind the operator's back, and let it look", |shell| {
            self.scene.drift(&self.before, shell)?;
            self.kubectl(&["annotate", "--overwrite", &quarantine, "reconcile.fluxcd.io/requestedAt=now"], shell)?;
            self.scene.wait_for(&contained, CORRECTED_WITHIN).context("the drift was not put right")?;
            shell.remark("Every interface carries the isolation group alone again.");
            Ok(())
        })?;
        narrator.step("Give the instance back: delete the Quarantine", |shell| {
            self.kubectl(&["delete", "--timeout=180s", &quarantine], shell)?;
            self.ensure_given_back(&contained, shell)?;
            let says = format!("{} is released", self.scene.instance_id);
            finding.ensure_says(&says, self.aws, shell)
        })?;
        narrator.step(
            "The same by hand: a manifest that names the instance, and one that names the finding",
            |shell| {
                self.contain_and_release(&self.samples.adapt(QUARANTINE, &[])?, shell)?;
                let named = [(SAMPLE_FINDING, finding.id.as_str()), (SAMPLE_PRODUCT, finding.product_arn.as_str())];
                self.contain_and_release(&self.samples.adapt(QUARANTINE_BY_FINDING, &named)?, shell)
            },
        )?;
        narrator.step("Look what became of the message, and that nothing is left of it", |shell| {
            self.ensure_counted()?;
            shell.kubectl(self.stage, &["get", "findingsource", SOURCE_NAME])?;
            self.account.ensure_nothing_is_left(self.aws)?;
            shell.remark("The queue and its dead-letter queue are empty.");
            Ok(())
        })
    }

    /// The class, the namespace and the source; the custom action must then be there, with the ARN of the rule.
    fn allow(&self, shell: &Shell) -> Result<()> {
        let class = self.samples.adapt(CLASS, &[])?;
        let source = self.samples.adapt(self.hub.source(), &[(SAMPLE_QUEUE, &self.account.queue_url)])?;
        shell.remark("(copies, with this account, this instance and the queue of the outputs above)");
        // In a cluster that is there, the demo's one namespace has come with the operator.
        let namespace: &[&str] = if self.stage.guest().is_some() { &[] } else { &["-f", NAMESPACE] };
        shell.kubectl(self.stage, &[&["apply"], namespace, &["-f", &class, "-f", &source]].concat())?;
        let ready = ["wait", "--for=condition=Ready", "--timeout=60s", "findingsource", SOURCE_NAME];
        shell.kubectl(self.stage, &ready)?;
        let Some(wanted) = &self.account.custom_action_arn else { return Ok(()) };
        let query = "ActionTargets[].[Name,ActionTargetArn]";
        let actions = ["securityhub", "describe-action-targets", "--query", query, "--output", "text"];
        let made = self.aws.show(&actions, shell)?;
        let wanted = format!("Quarantine\t{wanted}");
        ensure!(made.trim() == wanted, "the operator should have made the custom action {wanted}");
        shell.remark("The operator has made the custom action that the rule lets through.");
        Ok(())
    }

    fn press(&self, finding: &Finding, quarantine: &str, shell: &Shell) -> Result<Groups> {
        finding.press(self.stage, self.aws, self.account, shell)?;
        shell.remark("Its event goes through EventBridge into the queue, and the operator makes a Quarantine of it.");
        self.kubectl(&["wait", "--for=create", "--timeout=30s", quarantine], shell)?;
        self.kubectl(&["wait", "--for=condition=Contained", "--timeout=60s", quarantine], shell)?;
        self.kubectl(&["get", quarantine], shell)?;
        self.ensure_contained(shell)
    }

    fn ensure_contained(&self, shell: &Shell) -> Result<Groups> {
        let contained = self.scene.groups()?;
        shell.show(&groups::table(&[("before", &self.before), ("while contained", &contained)]));
        contained.ensure_isolated_from(&self.before).context("Contained=True, but EC2 says otherwise")?;
        Ok(contained)
    }

    fn ensure_given_back(&self, contained: &Groups, shell: &Shell) -> Result<()> {
        let after = self.scene.groups()?;
        shell.show(&groups::table(&[("before", &self.before), ("while contained", contained), ("after", &after)]));
        ensure!(after == self.before, "an interface did not get back exactly its own groups");
        shell.remark("Each interface has exactly its own groups again.");
        Ok(())
    }

    fn contain_and_release(&self, manifest: &str, shell: &Shell) -> Result<()> {
        shell.kubectl(self.stage, &["apply", "-f", manifest])?;
        shell.kubectl(self.stage, &["wait", "--for=condition=Contained", "--timeout=60s", "-f", manifest])?;
        let contained = self.scene.groups()?;
        contained.ensure_isolated_from(&self.before).context("Contained=True, but EC2 says otherwise")?;
        shell.kubectl(self.stage, &["delete", "--timeout=180s", "-f", manifest])?;
        ensure!(self.scene.groups()? == self.before, "an interface did not get back exactly its own groups");
        Ok(())
    }

    /// One message made one Quarantine; what else came was the operator's own writing, and made nothing.
    fn ensure_counted(&self) -> Result<()> {
        let ask = |arguments: &[&str]| {
            let mut kubectl = self.stage.kubectl();
            kubectl.args(arguments).args(["findingsource", SOURCE_NAME]);
            Shell.run_quietly("kubectl", kubectl)
        };
        let received = self.hub.received();
        let all = format!("--for=jsonpath={{.status.counters.received}}={received}");
        ask(&["wait", &all, "--timeout=30s"])?;
        let counters: Value = serde_json::from_str(&ask(&["get", "-o", "jsonpath={.status.counters}"])?)?;
        let counted = counters.as_object().context("the source has no counters")?;
        let wanted = |name: &str| match name {
            "received" => received,
            "created" => 1,
            "unwanted" => received - 1,
            _ => 0,
        };
        let other = |(name, count): (&String, &Value)| *count != wanted(name);
        ensure!(!counted.iter().any(other), "of the message should have been made one Quarantine: {counters}");
        Ok(())
    }

    fn kubectl(&self, arguments: &[&str], shell: &Shell) -> Result<()> {
        shell.kubectl(self.stage, &[&["-n", self.stage.namespaces.responders], arguments].concat())
    }
}
