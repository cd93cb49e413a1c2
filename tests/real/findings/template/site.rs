//! The templates of deploy/aws made into stacks, with IAM in force, and what runs and is asked on them.

use crate::{
    needs::{Said, said},
    support::{claims::Desk, process::Process, wait::until},
    wire::{
        account::{Account, REGION, Subnet, config, credentials, fresh_id},
        emulator::{create_role, create_stack, endpoint, enforce_policies, read_finding, read_stack},
        hub::Hub,
    },
};
use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;
use aws_sdk_sts::config::Credentials;
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams},
};
use quarantine_operator::api::{FindingSource, FindingSourceStatus};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use xtask::Stack;

pub const OPERATOR: &str = include_str!("../../../../deploy/aws/operator.yaml");
const MEMBER: &str = include_str!("../../../../deploy/aws/member.yaml");

/// The role of member.yaml, as it is named by default.
pub const MEMBER_ROLE: &str = "quarantine-operator-member";
pub const EXTERNAL_ID: &str = "only-ours";
pub const SOURCE: &str = "responders";
/// The custom action's id, as operator.yaml has it by default.
pub const ACTION: &str = "Quarantine";

/// The parameters of operator.yaml for an operator that acts in other accounts only.
pub const FOR_MEMBERS: [(&str, &str); 3] =
    [("ActInThisAccount", "false"), ("MemberRoleName", MEMBER_ROLE), ("MemberExternalId", EXTERNAL_ID)];

type Outputs = BTreeMap<String, String>;

/// An account with operator.yaml in it.
pub struct Site {
    pub id: String,
    pub outputs: Outputs,
    /// The session of the template's role that the operator runs with.
    pub role: Credentials,
    pub hub: Hub,
}

impl Site {
    /// The role is given to the pod as README.md says of `Trust=Role`: through the role of a cluster's account.
    pub async fn install(id: &str, parameters: &[(&str, &str)]) -> Self {
        let cluster = fresh_id();
        let pod = create_role(&cluster, "pod", &cluster, EXTERNAL_ID);
        let mut all = vec![("Trust", "Role"), ("TrustedRoleArn", pod.as_str())];
        all.extend(parameters);
        let outputs = made(id, "quarantine-operator", OPERATOR, &all).await;
        enforce_policies(id);
        let pod =
            assume(credentials(&cluster), &pod, Some(EXTERNAL_ID)).await.expect("the cluster gives its pod a role");
        let role = assume(pod, &outputs["OperatorRoleArn"], None).await.expect("the template lets that role in");
        Self { id: id.to_owned(), outputs, role, hub: Hub::of(id).await }
    }

    pub async fn as_role(&self) -> SdkConfig {
        config(&endpoint(), self.role.clone()).await
    }

    pub async fn as_owner(&self) -> SdkConfig {
        config(&endpoint(), credentials(&self.id)).await
    }

    /// The operator, with the role's session for its credentials.
    pub fn operator(&self, stack: &Stack) -> Process {
        Process::start_with(stack, &self.id, &self.session())
    }

    /// What `check` says with the same.
    pub fn check(&self, stack: &Stack) -> Said {
        said(stack, |command| {
            command.envs(self.session());
        })
    }

    fn session(&self) -> [(&str, &str); 3] {
        [
            ("AWS_ACCESS_KEY_ID", self.role.access_key_id()),
            ("AWS_SECRET_ACCESS_KEY", self.role.secret_access_key()),
            ("AWS_SESSION_TOKEN", self.role.session_token().expect("a session has a token")),
        ]
    }

    /// What the finding's note says, as the administrator sees it.
    pub async fn noted(&self, finding: &str, word: &str) {
        until(&format!("the note on {finding} says {word}"), async || {
            read_finding(&self.id, finding)["Note"]["Text"].as_str()?.contains(word).then_some(())
        })
        .await;
    }

    /// Messages in the queue of that output: those that can be received, and those that were and are not deleted.
    pub async fn left(&self, output: &str) -> (String, String) {
        let sqs = aws_sdk_sqs::Client::new(&self.as_owner().await);
        let call = sqs.get_queue_attributes().queue_url(&self.outputs[output]);
        let read = call.attribute_names(QueueAttributeName::All).send().await.expect("attributes are read");
        let number = |name| read.attributes().and_then(|all| all.get(&name).cloned()).unwrap_or_default();
        let waiting = number(QueueAttributeName::ApproximateNumberOfMessages);
        (waiting, number(QueueAttributeName::ApproximateNumberOfMessagesNotVisible))
    }

    /// A source that reads the template's queue and keeps its custom action.
    pub async fn source(&self, desk: &Desk, deletion_policy: &str) {
        let action = json!({"id": ACTION, "name": "Cut it off", "description": "Isolates the finding's instance",
            "deletionPolicy": deletion_policy});
        let source = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource", "metadata": {"name": SOURCE},
            "spec": {
                "queueUrl": self.outputs["QueueUrl"], "region": REGION, "customAction": action,
                "template": {"namespace": desk.namespace, "className": desk.namespace},
            },
        });
        let apply = PatchParams::apply("tests").force();
        sources(desk).patch(SOURCE, &apply, &Patch::Apply(source)).await.expect("a source is accepted");
        until("the source is read and names its action", async || {
            let status = status(desk).await?;
            let ready = status.conditions.iter().any(|one| one.type_ == "Ready" && one.reason == "Receiving");
            (ready && status.custom_action_arn.as_ref() == Some(&self.outputs["CustomActionArn"])).then_some(())
        })
        .await;
    }
}

fn sources(desk: &Desk) -> Api<FindingSource> {
    Api::all(desk.client.clone())
}

async fn status(desk: &Desk) -> Option<FindingSourceStatus> {
    sources(desk).get(SOURCE).await.expect("the source is there").status
}

pub async fn delete_source(desk: &Desk) {
    sources(desk).delete(SOURCE, &DeleteParams::default()).await.expect("the deletion is accepted");
    until("the source is gone", async || sources(desk).get_opt(SOURCE).await.expect("a read").is_none().then_some(()))
        .await;
}

/// An account with an instance, and with member.yaml, whose isolation group is for the instance's VPC.
pub struct Member {
    pub account: Account,
    pub subnet: Subnet,
    pub instance: String,
    pub interface: String,
    pub web: String,
    pub outputs: Outputs,
}

impl Member {
    pub async fn of(site: &Site) -> Self {
        let account = Account::fresh().await;
        let subnet = account.subnet().await;
        let web = account.group(&subnet, "web").await;
        let instance = account.instance(&subnet, &[&web]).await;
        let interface = account.ec2.interfaces_attached_to(&instance).await.expect("a read").remove(0).id;
        let parameters = [
            ("OperatorRoleArn", site.outputs["OperatorRoleArn"].as_str()),
            ("ExternalId", EXTERNAL_ID),
            ("VpcId", &subnet.vpc_id),
            ("CorporateCidr", "10.0.0.0/8"),
        ];
        let outputs = made(&account.id, MEMBER_ROLE, MEMBER, &parameters).await;
        enforce_policies(&account.id);
        Self { account, subnet, instance, interface, web, outputs }
    }
}

/// The outputs of a stack of that template, once it is complete.
pub async fn made(account: &str, name: &str, template: &str, parameters: &[(&str, &str)]) -> Outputs {
    create_stack(account, name, template, parameters);
    until(&format!("stack {name} is complete"), async || {
        let (status, outputs) = read_stack(account, name);
        assert!(!status.contains("FAILED") && !status.contains("ROLLBACK"), "{name}: {status}");
        (status == "CREATE_COMPLETE").then_some(outputs)
    })
    .await
}

/// A session of the role; of a refusal its code.
pub async fn assume(by: Credentials, role: &str, external_id: Option<&str>) -> Result<Credentials, String> {
    let sts = aws_sdk_sts::Client::new(&config(&endpoint(), by).await);
    let call = sts.assume_role().role_arn(role).role_session_name("tests");
    let answer = call.set_external_id(external_id.map(str::to_owned)).send().await;
    let answer = answer.map_err(|error| super::refused::code(Err::<(), _>(error)))?;
    let made = answer.credentials().expect("AssumeRole answers credentials");
    let (key, secret) = (made.access_key_id(), made.secret_access_key());
    Ok(Credentials::new(key, secret, Some(made.session_token().to_owned()), None, "a role"))
}

/// A custom action that a person makes, and its ARN.
pub async fn make_action(site: &Site, id: &str) -> String {
    let call = site.hub.owner.create_action_target().id(id).name("Made by hand").description("By a person");
    let made = call.send().await.expect("the owner may do that");
    made.action_target_arn().expect("an action has an ARN").to_owned()
}

/// A finding of GuardDuty about the instance, with its account before it among the resources.
pub fn finding(hub: &Hub, name: &str, instance: &str) -> Value {
    let account = &hub.id;
    let mut finding = hub.finding(&format!("arn:aws:guardduty:{REGION}:{account}:detector/12ab/finding/{name}"));
    finding["Resources"] = json!([
        {"Type": "AwsAccount", "Id": format!("AWS::::Account:{account}")},
        crate::wire::hub::instance(account, instance),
    ]);
    finding
}
