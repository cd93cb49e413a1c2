//! A scene whose account has Security Hub, a queue with its dead-letter queue, and a FindingSource that reads it.

use crate::{
    e2e::scene::Scene,
    support::wait::until,
    wire::{
        account::{REGION, config, credentials},
        emulator::endpoint,
        hub::{Hub, instance},
    },
};
use aws_sdk_sqs::types::QueueAttributeName;
use jiff::Timestamp;
use k8s_openapi::api::events::v1::Event;
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams},
};
use quarantine_operator::api::{Condition, FindingSource, FindingSourceStatus, Quarantine};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

pub const ROLE: &str = "quarantine";
pub const EXTERNAL_ID: &str = "only-ours";
pub const ACTION: &str = "Quarantine";

/// The scene's account as Security Hub's administrator, reached through the scene's role.
pub fn hub_of(scene: &Scene) -> Value {
    json!({"securityHub": {"accountId": scene.account.id, "roleName": ROLE, "externalId": EXTERNAL_ID}})
}

/// An id as GuardDuty's findings have it in Security Hub: it names its account.
pub fn finding_id(scene: &Scene, name: &str) -> String {
    format!("arn:aws:guardduty:{REGION}:{}:detector/12ab/finding/{name}", scene.account.id)
}

/// A finding about the scene's instance, with an account and a security group before it among its resources.
pub fn finding(hub: &Hub, scene: &Scene, name: &str) -> Value {
    let account = &scene.account.id;
    let group = format!("arn:aws:ec2:{REGION}:{account}:security-group/sg-0123456789abcdef0");
    of_resources(
        hub,
        scene,
        name,
        json!([
            {"Type": "AwsAccount", "Id": format!("AWS::::Account:{account}")},
            {"Type": "AwsEc2SecurityGroup", "Id": group},
            instance(account, &scene.instance),
        ]),
    )
}

pub fn of_resources(hub: &Hub, scene: &Scene, name: &str, resources: Value) -> Value {
    let mut finding = hub.finding(&finding_id(scene, name));
    finding["Resources"] = resources;
    finding
}

/// A queue's policy that lets this service send.
pub fn policy_of_queue(service: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Sid": "RulesSend", "Effect": "Allow", "Action": "sqs:SendMessage",
        "Principal": {"Service": service}, "Resource": "*"}]})
    .to_string()
}

/// A queue, and the source that reads it.
pub struct Queue<'a> {
    pub scene: &'a Scene,
    sqs: aws_sdk_sqs::Client,
    pub url: String,
    pub dead_letters: String,
    sources: Api<FindingSource>,
    pub source: String,
}

impl<'a> Queue<'a> {
    /// Messages that are not deleted are shown again after two seconds, and are dead letters after three receives.
    pub async fn of(scene: &'a Scene) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let source = format!("hub-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let sqs = aws_sdk_sqs::Client::new(&config(&endpoint(), credentials(&scene.account.id)).await);
        let make = async |name: String, attributes: HashMap<QueueAttributeName, String>| {
            let made = sqs.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await;
            made.expect("a queue is made").queue_url().expect("a queue has a URL").to_owned()
        };
        let dead_letters = make(format!("{source}-dead"), HashMap::new()).await;
        let arn = format!("arn:aws:sqs:{REGION}:{}:{source}-dead", scene.account.id);
        let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": "3"}).to_string();
        let attributes = HashMap::from([
            (QueueAttributeName::VisibilityTimeout, "2".to_owned()),
            (QueueAttributeName::RedrivePolicy, redrive),
            (QueueAttributeName::Policy, policy_of_queue("events.amazonaws.com")),
        ]);
        let url = make(source.clone(), attributes).await;
        Self { sources: Api::all(scene.desk.client.clone()), scene, sqs, url, dead_letters, source }
    }

    /// A source of this queue that makes Quarantines of the scene's class; `spec` is merged over that.
    pub async fn read_by_source(&self, spec: Value) -> FindingSource {
        let namespace = &self.scene.desk.namespace;
        let mut all = json!({
            "queueUrl": self.url, "region": REGION, "assumeRole": {"roleName": ROLE, "externalId": EXTERNAL_ID},
            "accept": {"customActionArns": [self.action()]},
            "template": {"namespace": namespace, "className": namespace},
        });
        if let (Value::Object(all), Value::Object(spec)) = (&mut all, spec) {
            all.extend(spec);
        }
        let source = json!({
            "apiVersion": "quarantine-operator.dev/v1alpha1", "kind": "FindingSource",
            "metadata": {"name": self.source}, "spec": all,
        });
        let apply = PatchParams::apply("tests").force();
        self.sources.patch(&self.source, &apply, &Patch::Apply(source)).await.expect("a source is accepted")
    }

    /// Changes an attribute of the queue; an empty value takes it away.
    pub async fn set(&self, name: QueueAttributeName, value: &str) {
        let call = self.sqs.set_queue_attributes().queue_url(&self.url).attributes(name, value);
        call.send().await.expect("the owner may do that");
    }

    pub fn action(&self) -> String {
        format!("arn:aws:securityhub:{REGION}:{}:action/custom/{ACTION}", self.scene.account.id)
    }

    /// The event of a pressed custom action on a finding of this name about this instance, as EventBridge puts it into
    /// a queue.
    pub fn pressed(&self, name: &str, instance: &str, at: Timestamp) -> String {
        let account = &self.scene.account.id;
        json!({
            "version": "0", "id": "ad5f9a2c-0000-0000-0000-000000000000", "account": account, "region": REGION,
            "detail-type": "Security Hub Findings - Custom Action", "source": "aws.securityhub",
            "time": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "resources": [self.action()],
            "detail": {"actionName": ACTION, "actionDescription": "Cut it off", "findings": [{
                "SchemaVersion": "2018-10-08", "Id": finding_id(self.scene, name), "AwsAccountId": account,
                "ProductArn": crate::wire::hub::product("aws/guardduty"), "Region": REGION, "GeneratorId": "a-detector",
                "Title": "A bot", "Description": "An instance asks for a name of a botnet.",
                "Types": ["TTPs/Command and Control"], "Severity": {"Label": "HIGH"},
                "CreatedAt": "2026-01-01T00:00:00Z", "UpdatedAt": "2026-01-01T00:00:00Z",
                "RecordState": "ACTIVE", "Workflow": {"Status": "NEW"}, "WorkflowState": "NEW",
                "Resources": [
                    {"Type": "AwsAccount", "Id": format!("AWS::::Account:{account}"), "Partition": "aws", "Region": REGION},
                    {"Type": "AwsEc2Instance", "Id": format!("arn:aws:ec2:{REGION}:{account}:instance/{instance}"),
                     "Partition": "aws", "Region": REGION},
                ],
            }]},
        })
        .to_string()
    }

    /// The event of an imported finding of this name about this instance, that nobody pressed.
    pub fn imported(&self, name: &str, instance: &str, at: Timestamp) -> String {
        let mut event: Value = serde_json::from_str(&self.pressed(name, instance, at)).expect("an event is JSON");
        event["detail"]["findings"][0]["UpdatedAt"] = event["time"].clone();
        event["detail-type"] = json!("Security Hub Findings - Imported");
        event["detail"] = json!({"findings": event["detail"]["findings"]});
        event.to_string()
    }

    pub async fn send(&self, body: &str) {
        self.sqs.send_message().queue_url(&self.url).message_body(body).send().await.expect("the queue takes it");
    }

    /// A message that nobody could read, long ago.
    pub async fn has_a_dead_letter(&self) {
        let sent = self.sqs.send_message().queue_url(&self.dead_letters).message_body("not an event of anybody");
        sent.send().await.expect("the queue takes it");
    }

    /// The name of the Quarantine that the source makes for the instance.
    pub fn claim_of(&self, instance: &str) -> String {
        format!("{}-{instance}", self.source)
    }

    pub async fn claims(&self) -> Vec<Quarantine> {
        self.scene.desk.claims.list(&Default::default()).await.expect("a list").items
    }

    pub async fn get(&self) -> FindingSource {
        self.sources.get(&self.source).await.expect("the source is there")
    }

    pub async fn status(&self) -> FindingSourceStatus {
        self.get().await.status.unwrap_or_default()
    }

    /// Waits until the source is Ready or not, for this reason.
    pub async fn says(&self, status: &str, reason: &str) -> Condition {
        until(&format!("{} says Ready={status}/{reason}", self.source), async || {
            let ready = self.status().await.conditions.into_iter().find(|condition| condition.type_ == "Ready")?;
            (format!("{:?}", ready.status) == status && ready.reason == reason).then_some(ready)
        })
        .await
    }

    /// Messages in it: those that can be received, and those that were and are not deleted.
    pub async fn left(&self, url: &str) -> (i64, i64) {
        let (waiting, in_flight) = (
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        );
        let read = self.sqs.get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::All).send().await;
        let read = read.expect("attributes are read");
        let number = |name: &QueueAttributeName| {
            let value = read.attributes().and_then(|attributes| attributes.get(name));
            value.and_then(|value| value.parse().ok()).unwrap_or_default()
        };
        (number(&waiting), number(&in_flight))
    }

    /// Waits for an event of this reason about the source, and answers what it says.
    pub async fn event(&self, reason: &str) -> String {
        let events: Api<Event> = Api::all(self.scene.desk.client.clone());
        until(&format!("an event of {} says {reason}", self.source), async || {
            let all = events.list(&ListParams::default()).await.expect("a list").items;
            let fits = |event: &&Event| {
                event.regarding.as_ref().and_then(|regarding| regarding.name.as_ref()) == Some(&self.source)
                    && event.reason.as_deref() == Some(reason)
            };
            all.iter().find(fits).and_then(|event| event.note.clone())
        })
        .await
    }

    /// Waits until nothing is left in the queue.
    pub async fn is_empty(&self) {
        until(&format!("the queue of {} is empty", self.source), async || {
            (self.left(&self.url).await == (0, 0)).then_some(())
        })
        .await;
    }

    /// Asks for the source's deletion and waits for it.
    pub async fn delete_source(&self) {
        self.sources.delete(&self.source, &DeleteParams::default()).await.expect("the deletion is accepted");
        until(&format!("{} is gone", self.source), async || {
            self.sources.get_opt(&self.source).await.expect("a read").is_none().then_some(())
        })
        .await;
    }
}

/// The findings that a Quarantine informs, by the last part of their ids, sorted.
pub fn informed(claim: &Quarantine) -> Vec<String> {
    let last = |id: &String| id.rsplit('/').next().unwrap_or_default().to_owned();
    let mut ids: Vec<String> = claim.spec.findings.iter().map(|finding| last(&finding.id)).collect();
    ids.sort();
    assert!(!claim.name_any().is_empty());
    ids
}
