//! `FindingSource`: an SQS queue whose findings become Quarantines. Types and validation only.

use super::{
    class::{AssumeRole, TagSelector},
    condition::Condition,
    counters::Counters,
    formats,
    quarantine::Mode,
    status::Time,
};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which queue is read, which findings count, and what is made of them.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "quarantine-operator.dev",
    version = "v1alpha1",
    kind = "FindingSource",
    shortname = "qtnsource",
    category = "security",
    status = "FindingSourceStatus",
    derive = "PartialEq",
    doc = "Makes Quarantines of findings that EventBridge puts into an SQS queue: those for which a person presses a \
           Security Hub custom action, imported ones that pass a filter, and findings of GuardDuty. Deleting it stops \
           that, and releases nothing.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether its queue is being read."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it stands as it stands, in one word."
    ),
    printcolumn(
        name = "Received",
        type_ = "integer",
        json_path = ".status.counters.received",
        description = "Messages received."
    ),
    printcolumn(
        name = "Created",
        type_ = "integer",
        json_path = ".status.counters.created",
        description = "Quarantines made."
    ),
    printcolumn(
        name = "Unreadable",
        type_ = "integer",
        json_path = ".status.counters.unreadable",
        description = "Receives of messages that couldn't be understood. Such a message stays in the queue until the queue gives it to its dead-letter queue."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long ago it was created."
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].message",
        description = "Why it stands as it stands, and what to do next.",
        priority = "1"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.customAction) || (has(self.accept) && (has(self.accept.customActionArns) || has(self.accept.imported) || has(self.accept.inProgress) || has(self.accept.guardDuty)))")
        .message("at least one of customAction, accept.customActionArns, accept.imported, accept.inProgress and accept.guardDuty must be given: nothing else makes a Quarantine"),
)]
pub struct FindingSourceSpec {
    /// The queue, by its URL. Its account is the one in the URL.
    #[schemars(length(max = 512))]
    #[x_kube(validation = formats::queue_url())]
    pub queue_url: String,

    /// The queue's region. Security Hub's custom action lives there too.
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::region())]
    pub region: String,

    /// The role to assume in the queue's account. Omitted: the operator's own credentials are used as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,

    /// The Security Hub custom action that feeds the queue, made and kept by the operator in the queue's account and
    /// region. What it sends is accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_action: Option<CustomAction>,

    /// What else is accepted. Anything that is understood and not accepted is taken off the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accept: Option<Accept>,

    /// What is made of a finding.
    pub template: QuarantineTemplate,

    /// How many instances may be held through this source at once. What comes beyond that waits.
    #[serde(default = "default_max_active")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_active: i32,

    /// How many instances of one finding become active. What the finding names beyond that begins suspended: a person
    /// decides.
    #[serde(default = "default_max_active_per_finding")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_active_per_finding: i32,

    /// An event older than this many seconds makes a suspended Quarantine: a person decides.
    #[serde(default = "default_max_event_age")]
    #[schemars(range(min = 60, max = 1_209_600))]
    pub max_event_age_seconds: i32,
}

/// So few that a source that misfires can't take a fleet down.
pub const DEFAULT_SOURCE_MAX_ACTIVE: i32 = 10;

fn default_max_active() -> i32 {
    DEFAULT_SOURCE_MAX_ACTIVE
}

fn default_max_active_per_finding() -> i32 {
    5
}

fn default_max_event_age() -> i32 {
    3_600
}

/// A Security Hub custom action.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.id == oldSelf.id").field_path(".id")
    .message("customAction.id is immutable: it is part of the action's ARN, which EventBridge's rule names; make another FindingSource for another action"))]
pub struct CustomAction {
    /// Its id: the last part of its ARN, at most 20 letters and digits.
    #[schemars(length(min = 1, max = formats::ROOM))]
    #[x_kube(validation = formats::custom_action_id())]
    pub id: String,

    /// Its name, as the console shows it: at most 20 characters.
    #[schemars(length(min = 1, max = 20))]
    pub name: String,

    /// What it does, in a sentence for whoever is about to press it.
    #[schemars(length(min = 1, max = 512))]
    pub description: String,

    /// What becomes of it when this object is deleted.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What becomes of a thing in AWS when the object that declares it is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum DeletionPolicy {
    /// It stays.
    #[default]
    Retain,
    /// It is deleted, too.
    Delete,
}

/// Which events make Quarantines.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.imported) || (has(self.imported.productArns) && size(self.imported.productArns) > 0)")
        .field_path(".imported")
        .message("accept.imported needs productArns: without them every product's findings would cut instances off"),
    validation = Rule::new("!has(self.inProgress) || (has(self.inProgress.productArns) && size(self.inProgress.productArns) > 0)")
        .field_path(".inProgress")
        .message("accept.inProgress needs productArns: without them whoever takes up a finding of any product would cut instances off"),
    validation = Rule::new("!has(self.inProgress) || !has(self.inProgress.recordStates)")
        .field_path(".inProgress")
        .message("accept.inProgress takes no recordStates: a finding whose status is In Progress is active"),
    validation = Rule::new("!has(self.guardDuty) || (!has(self.guardDuty.productArns) && !has(self.guardDuty.recordStates))")
        .field_path(".guardDuty")
        .message("accept.guardDuty takes neither productArns nor recordStates: findings that GuardDuty sends itself have none"),
)]
pub struct Accept {
    /// 'Security Hub Findings - Custom Action' of these custom actions, by ARN: a person chose the finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 256)), transform = formats::each(formats::custom_action_arn()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub custom_action_arns: Vec<String>,

    /// 'Security Hub Findings - Imported' of Security Hub CSPM and 'Findings Imported V2' of the newer Security Hub that
    /// pass this filter, and whose workflow status is NEW (status New). A product of one hub is meant in both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<FindingFilter>,

    /// 'Findings Imported V2' of the newer Security Hub that pass this filter, and whose status somebody has set to In
    /// Progress: as that hub has no custom actions, this is the press. Who set it the event doesn't tell: leave this out
    /// where ticket systems or automation rules set that status. What the operator itself left In Progress is no press.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_progress: Option<FindingFilter>,

    /// 'GuardDuty Finding', sent by GuardDuty itself, that pass this filter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guard_duty: Option<FindingFilter>,
}

/// Which findings count: those that fit every field that is given, by any of its entries.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingFilter {
    /// The products that the findings come from, such as arn:aws:securityhub:eu-central-1::product/aws/guardduty, in
    /// either hub. An ARN in the queue's own region, or in none, counts for findings of all regions; one in another region
    /// means that region only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(max = 2048)), transform = formats::each(formats::product_arn()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub product_arns: Vec<String>,

    /// The severities. Omitted: every one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub severities: Vec<Severity>,

    /// What a finding's types begin with, such as TTPs/Command and Control or, for GuardDuty's own events and in the newer
    /// Security Hub, Backdoor:EC2/. Omitted: every type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), inner(length(min = 1, max = 256)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub type_prefixes: Vec<String>,

    /// The record states. Omitted: ACTIVE only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub record_states: Vec<RecordState>,

    /// The accounts that the instances lie in. Omitted: every one that the class allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = formats::ROOM)), transform = formats::each(formats::account_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub accounts: Vec<String>,

    /// The regions that the instances lie in. Omitted: every one that the class allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = formats::ROOM)), transform = formats::each(formats::region()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub regions: Vec<String>,

    /// The VPCs that the instances lie in. A finding that tells no VPC makes a suspended Quarantine: a person decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(max = formats::ROOM)), transform = formats::each(formats::vpc_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub vpc_ids: Vec<String>,

    /// Tags of the instances, as the finding tells them: one of these must be there. An intruder can write tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub resource_tags: Vec<TagSelector>,
}

/// A finding's severity, in Security Hub's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Severity {
    /// No issue was found.
    Informational,
    /// It needs no action of its own.
    Low,
    /// It must be looked at, but not at once.
    Medium,
    /// It must be looked at first.
    High,
    /// It must be looked at immediately.
    Critical,
}

/// Whether a finding is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordState {
    /// It is active.
    Active,
    /// It is archived.
    Archived,
}

/// What is made of a finding: one Quarantine per instance, named after the source and the instance.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineTemplate {
    /// Where the Quarantines are made.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = formats::namespace())]
    pub namespace: String,

    /// Their className. Omitted: the default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = formats::class_name())]
    pub class_name: Option<String>,

    /// Their mode. With DryRun a person says yes by setting `mode: Enforce`.
    #[serde(default)]
    pub mode: Mode,

    /// Whether they begin suspended: a person says yes by setting `suspend: false`.
    #[serde(default)]
    pub suspend: bool,

    /// Labels that they get beside the source's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "bounded_labels")]
    pub labels: BTreeMap<String, String>,

    /// What stands in their reason before the finding's title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub reason: Option<String>,
}

/// Labels as the API server takes them.
fn bounded_labels(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "object",
        "description": "Labels that they get beside the source's own.",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 63 },
        "x-kubernetes-validations": [{
            "rule": "self.all(key, !format.qualifiedName().validate(key).hasValue() && !format.labelValue().validate(self[key]).hasValue() && !key.startsWith('quarantine-operator.dev/'))",
            "message": "must be labels: keys such as team or example.com/team, values of at most 63 letters, digits, -, _ and .; keys of quarantine-operator.dev/ are the operator's own"
        }]
    })
}

/// What the operator does with the queue.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingSourceStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default)]
    pub observed_generation: i64,

    /// Ready, Reconciling, Stalled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The ARN of the custom action, for EventBridge's rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub custom_action_arn: Option<String>,

    /// What became of the messages.
    #[serde(default)]
    pub counters: Counters,

    /// When instances were last given back (when the deletion was asked for), by instance: what happened before makes
    /// nothing any more. Only what this source could make anew, only for as long as that matters, and at most some 500.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 6000))]
    pub released: BTreeMap<String, Time>,
}
