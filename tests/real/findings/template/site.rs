//! The templates of deploy/aws made into stacks, with IAM in force, and what runs and is asked on them.

use crate::{
    needs::{Said, said},
    support::{claims::Desk, process::Process, wait::until},
    wire::{
        account::{Account, REGION, Subnet, config, credentials},
        emulator::{
            associate, create_stack, endpoint, enforce_policies, read_finding, read_pod_credentials, read_stack,
        },
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
use std::{collections::BTreeMap, process::Command};
use xtask::Stack;

pub const OPERATOR: &str = include_str!("../../../../deploy/aws/operator.yaml");
pub const MEMBER: &str = include_str!("../../../../deploy/aws/member.yaml");

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
    /// Where the operator's pod gets the session that it runs with.
    pod: String,
    /// A session of the template's role, as such a pod gets it.
    pub role: Credentials,
    pub hub: Hub,
}

impl Site {
    /// The role is given to the pod by EKS Pod Identity, which is the template's default.
    pub async fn install(id: &str, parameters: &[(&str, &str)]) -> Self {
        Self::install_from(OPERATOR, id, parameters).await
    }

    pub async fn install_from(template: &str, id: &str, parameters: &[(&str, &str)]) -> Self {
        let outputs = made(id, "quarantine-operator", template, parameters).await;
        enforce_policies(id);
        let pod = associate(&outputs["OperatorRoleArn"], &cluster_of(id), "quarantine-system", "quarantine-operator");
        let role = session_of_pod(&pod);
        Self { id: id.to_owned(), outputs, pod, role, hub: Hub::of(id).await }
    }

    pub async fn as_role(&self) -> SdkConfig {
        config(&endpoint(), self.role.clone()).await
    }

    pub async fn as_owner(&self) -> SdkConfig {
        config(&endpoint(), credentials(&self.id)).await
    }

    /// The operator, which gets its credentials as its pod does.
    pub fn operator(&self, stack: &Stack) -> Process {
        Process::start_changed("operator", stack, &self.id, |command| self.as_pod(command))
    }

    /// What `check` says with the same.
    pub fn check(&self, stack: &Stack) -> Said {
        said(stack, |command| self.as_pod(command))
    }

    /// The one variable that EKS sets here; the others are for an agent that asks who the pod is.
    fn as_pod(&self, command: &mut Command) {
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &self.pod);
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

/// A cluster of that account.
pub fn cluster_of(account: &str) -> String {
    format!("arn:aws:eks:{REGION}:{account}:cluster/prod")
}

/// What the pod of an association gets.
pub fn session_of_pod(pod: &str) -> Credentials {
    let given = read_pod_credentials(pod);
    let text = |name: &str| given[name].as_str().unwrap_or_else(|| panic!("no {name}: {given}")).to_owned();
    Credentials::new(text("AccessKeyId"), text("SecretAccessKey"), Some(text("Token")), None, "EKS Pod Identity")
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
