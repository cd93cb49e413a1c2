//! `Quarantine`: the claim that one EC2 instance be cut off. Types and validation only.

use super::{formats, status::QuarantineStatus};
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// What to cut off and why, and how it is given back.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "quarantine-operator.dev",
    version = "v1alpha1",
    kind = "Quarantine",
    namespaced,
    shortname = "qtn",
    category = "security",
    status = "QuarantineStatus",
    derive = "PartialEq",
    doc = "Cuts one EC2 instance off: every network interface of it carries only the isolation security group for as \
           long as this object exists. Deleting it gives each interface exactly its own security groups back.",
    selectable = ".status.target.instanceId",
    printcolumn(
        name = "Instance",
        type_ = "string",
        json_path = ".status.target.instanceId",
        description = "The instance, once the target is resolved."
    ),
    printcolumn(
        name = "Contained",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Contained')].status",
        description = "True only after a read that shows every interface with exactly the isolation group."
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether what was asked for is in place."
    ),
    printcolumn(
        name = "Interfaces",
        type_ = "string",
        json_path = ".status.interfaceSummary",
        description = "Interfaces isolated, of all."
    ),
    printcolumn(
        name = "Class",
        type_ = "string",
        json_path = ".status.className",
        description = "The QuarantineClass whose policy was applied."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it stands as it stands, in one word."
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
    validation = formats::immutable("className")
        .message("className is immutable: to change it, delete this Quarantine and create one of the other class"),
    validation = formats::immutable("securityGroupId")
        .message("securityGroupId is immutable: to change it, delete this Quarantine and create one with the other group"),
    validation = Rule::new("self.mode == oldSelf.mode || oldSelf.mode == 'DryRun'")
        .field_path(".mode")
        .message("mode moves only from DryRun to Enforce: to give the instance back, delete the Quarantine"),
)]
pub struct QuarantineSpec {
    /// What to cut off: exactly one of `instance` and `finding`. Immutable.
    #[x_kube(validation = Rule::new("self == oldSelf").message("target is immutable: create a Quarantine of its own for the other instance"))]
    pub target: Target,

    /// The QuarantineClass whose policy applies. Omitted: the class annotated
    /// `quarantine-operator.dev/is-default-class: "true"`. Immutable; the class found is fixed in `status.className`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    #[x_kube(validation = formats::class_name())]
    pub class_name: Option<String>,

    /// The isolation security group, when it is not the class's own. It must stand in the class's
    /// `allowedSecurityGroupIds`. Immutable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::security_group_id())]
    pub security_group_id: Option<String>,

    /// Why, in the responder's words (at most 1,024 characters). It is shown in events and on the finding, never on the
    /// instance, where an intruder could read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub reason: Option<String>,

    /// `Enforce` contains the instance. `DryRun` resolves it, checks the policy and the AWS permissions, and says in the
    /// condition Contained what would change; it changes nothing. Moves only from DryRun to Enforce.
    #[serde(default)]
    pub mode: Mode,

    /// Stop acting and keep what is in place. A suspended Quarantine that is deleted is held as it is until `suspend` is
    /// false, or until `release.policy` is Retain.
    #[serde(default)]
    pub suspend: bool,

    /// Security Hub findings to inform about the outcome, beside the target's own. May grow while the instance is held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into(), "productArn".into(), "region".into()]))]
    pub findings: Vec<FindingReference>,

    /// How the instance is given back when this object is deleted. May be edited while it is being deleted.
    #[serde(default)]
    pub release: Release,
}

/// What to cut off: exactly one of `instance` and `finding`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.instance) != has(self.finding)").message("exactly one of instance and finding must be given"))]
pub struct Target {
    /// An EC2 instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceTarget>,

    /// A Security Hub finding whose resources name the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingTarget>,
}

/// An EC2 instance.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceTarget {
    /// The instance id, such as i-0123456789abcdef0.
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::instance_id())]
    pub id: String,

    /// The instance's region, such as eu-central-1.
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::region())]
    pub region: String,

    /// The account that the instance lies in: 12 digits. Omitted: the operator's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::account_id())]
    pub account_id: Option<String>,
}

/// A Security Hub finding whose resources name the instance.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingTarget {
    /// The finding's Id, as Security Hub shows it (an ARN or a product's own form).
    #[schemars(length(min = 1, max = 512))]
    pub id: String,

    /// The region that the finding lies in.
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::region())]
    pub region: String,

    /// The product's ARN, when several products use the same finding id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    #[x_kube(validation = formats::product_arn())]
    pub product_arn: Option<String>,

    /// Which instance, when the finding names several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::instance_id())]
    pub instance_id: Option<String>,
}

/// A Security Hub finding that is told the outcome.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingReference {
    /// The finding's Id.
    #[schemars(length(min = 1, max = 512))]
    pub id: String,

    /// The region that the finding lies in.
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::region())]
    pub region: String,

    /// The product's ARN.
    #[schemars(length(max = 2048))]
    #[x_kube(validation = formats::product_arn())]
    pub product_arn: String,
}

/// Whether to act.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum Mode {
    /// Contain the instance.
    #[default]
    Enforce,
    /// Say what would change, and change nothing.
    DryRun,
}

/// How the instance is given back.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// `Restore` gives each interface its own groups back. `Retain` leaves every interface as it is, isolated, and lets
    /// the object go.
    #[serde(default)]
    pub policy: ReleasePolicy,

    /// What to do when an original security group no longer exists: `Hold` keeps the interface isolated and says which
    /// group is missing; `Drop` restores the others.
    #[serde(default)]
    pub missing_groups: MissingGroups,
}

/// What a deletion does to the interfaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum ReleasePolicy {
    /// Give each interface its own groups back.
    #[default]
    Restore,
    /// Leave each interface as it is.
    Retain,
}

/// What to do when an original security group no longer exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum MissingGroups {
    /// Keep the interface isolated and say which group is missing.
    #[default]
    Hold,
    /// Restore the groups that still exist.
    Drop,
}
