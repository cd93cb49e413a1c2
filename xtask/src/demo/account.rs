//! The account's side, as deploy/aws/operator.yaml makes it: the operator's role, and the queue with the rule that
//! fills it. From then on the emulator holds the role to its policies.

use anyhow::{Context, Result, ensure};

use super::aws::Aws;
use super::hub::Hub;
use super::narrator::Shell;
use super::operator::service_account;
use super::scene::scenario;
use super::stage::Stage;

const TEMPLATE: &str = "file://deploy/aws/operator.yaml";
const NAME: &str = "quarantine-operator";
/// The issuer of the stack's API server, without https://.
const OIDC_PROVIDER: &str = "kubernetes.default.svc";

/// What the template's outputs say.
pub struct Account {
    pub role_arn: String,
    pub queue_url: String,
    pub dead_letter_queue_url: String,
    /// None: no custom action fills the queue.
    pub custom_action_arn: Option<String>,
}

impl Account {
    pub fn make(hub: Hub, stage: &Stage, aws: &Aws, shell: &Shell) -> Result<Self> {
        aws.tell(hub.enable(), shell)?;
        let provider = format!("arn:aws:iam::{}:oidc-provider/{OIDC_PROVIDER}", aws.account);
        let provider = format!("ParameterKey=OidcProviderArn,ParameterValue={provider}");
        let namespace = stage.namespaces.operator;
        let namespace = format!("ParameterKey=ServiceAccountNamespace,ParameterValue={namespace}");
        let create = [
            "cloudformation",
            "create-stack",
            "--stack-name",
            NAME,
            "--template-body",
            TEMPLATE,
            "--capabilities",
            "CAPABILITY_NAMED_IAM",
            "--parameters",
            "ParameterKey=ManagedGroups,ParameterValue=true",
            "ParameterKey=Trust,ParameterValue=IRSA",
            &provider,
            &namespace,
        ];
        aws.tell(&[&create, hub.parameters()].concat(), shell)?;
        aws.tell(&["cloudformation", "wait", "stack-create-complete", "--stack-name", NAME], shell)?;
        let outputs = aws.show(
            &[
                "cloudformation",
                "describe-stacks",
                "--stack-name",
                NAME,
                "--query",
                "Stacks[0].Outputs[].[OutputKey,OutputValue]",
                "--output",
                "text",
            ],
            shell,
        )?;
        let account = Self {
            role_arn: output(&outputs, "OperatorRoleArn")?,
            queue_url: output(&outputs, "QueueUrl")?,
            dead_letter_queue_url: output(&outputs, "DeadLetterQueueUrl")?,
            custom_action_arn: output(&outputs, "CustomActionArn").ok(),
        };
        account.ensure_trusts(&service_account(stage), aws)?;
        scenario(stage, &aws.region, &["enforce"], shell)?;
        shell.remark("The role is held to these policies from now on, and nobody may send to the queue but the rule.");
        Ok(account)
    }

    /// The emulator gives a role to whatever token is shown, where AWS reads the token: so the trust policy is looked
    /// at here.
    fn ensure_trusts(&self, service_account: &str, aws: &Aws) -> Result<()> {
        let name = self.role_arn.rsplit('/').next().unwrap_or_default();
        let role = aws.ask(&["iam", "get-role", "--role-name", name])?;
        let trusted = &role["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["StringEquals"];
        let (subject, audience) = (&trusted[format!("{OIDC_PROVIDER}:sub")], &trusted[format!("{OIDC_PROVIDER}:aud")]);
        ensure!(
            *subject == service_account && audience == "sts.amazonaws.com",
            "the template's role is for {subject}, audience {audience}, and not for {service_account}"
        );
        Ok(())
    }

    /// Fails if a message is left in the queue, or lies among the dead letters.
    pub fn ensure_nothing_is_left(&self, aws: &Aws) -> Result<()> {
        for url in [&self.queue_url, &self.dead_letter_queue_url] {
            let arguments = ["sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All"];
            let attributes = aws.ask(&arguments)?;
            for count in ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"] {
                let left = &attributes["Attributes"][count];
                ensure!(left.as_str() == Some("0"), "{url} still has messages: {count} is {left}");
            }
        }
        Ok(())
    }
}

fn output(outputs: &str, key: &str) -> Result<String> {
    let mut found = outputs.lines().filter_map(|line| line.split_once('\t')).filter(|(name, _)| *name == key);
    let (_, value) = found.next().with_context(|| format!("the stack has no output {key}"))?;
    Ok(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_known_by_its_whole_name() {
        let outputs = "DeadLetterQueueUrl\thttps://dead\nQueueUrl\thttps://queue\n";
        assert_eq!(output(outputs, "QueueUrl").unwrap(), "https://queue");
        assert!(output(outputs, "Queue").is_err());
    }
}
