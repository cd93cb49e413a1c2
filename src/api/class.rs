//! `QuarantineClass`: the policy under which Quarantines may act, owned by the platform or security team. Types and
//! validation only.

use super::{formats, selector};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// What Quarantines of this class may do, and how it is done.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[kube(
    group = "quarantine-operator.dev",
    version = "v1alpha1",
    kind = "QuarantineClass",
    plural = "quarantineclasses",
    shortname = "qtnclass",
    category = "security",
    status = "QuarantineClassStatus",
    derive = "PartialEq",
    doc = "The policy under which Quarantines act: which security group isolates, in which accounts and regions, through \
           which role, what is protected, and how much may be held at once.",
    printcolumn(
        name = "Default",
        type_ = "string",
        json_path = ".metadata.annotations.quarantine-operator\\.dev/is-default-class",
        description = "Whether Quarantines that name no class get this one."
    ),
    printcolumn(
        name = "Group",
        type_ = "string",
        json_path = ".spec.securityGroup.id",
        description = "The isolation group, where the class names it by id."
    ),
    printcolumn(
        name = "Group-Name",
        type_ = "string",
        json_path = ".spec.securityGroup.name",
        description = "The isolation group, where the class names it by name."
    ),
    printcolumn(
        name = "Managed",
        type_ = "string",
        json_path = ".spec.securityGroup.managed.name",
        description = "The isolation group, where the operator makes it."
    ),
    printcolumn(
        name = "Max-Active",
        type_ = "integer",
        json_path = ".spec.maxActive",
        description = "How many instances may be held through this class at once."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "How long ago it was created."
    )
)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineClassSpec {
    /// The isolation security group: exactly one of `id`, `name` and `managed`.
    pub security_group: ClassSecurityGroup,

    /// The security groups that a Quarantine's `securityGroupId` may name instead.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = formats::ROOM)), transform = formats::each(formats::security_group_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub allowed_security_group_ids: Vec<String>,

    /// The accounts whose instances may be cut off. Empty: only the operator's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 1000), inner(length(max = formats::ROOM)), transform = formats::each(formats::account_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub accounts: Vec<String>,

    /// The regions whose instances may be cut off. Empty: every region.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(max = formats::ROOM)), transform = formats::each(formats::region()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub regions: Vec<String>,

    /// The namespaces whose Quarantines may use this class, by their labels. Omitted: no namespace. `{}`: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "selector::bounded")]
    pub namespace_selector: Option<LabelSelector>,

    /// The role to assume in the target's account. Omitted: the operator's own credentials are used as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,

    /// What is never cut off.
    #[serde(default)]
    pub protected: Protected,

    /// Whether instances that a replica of the operator runs on may be cut off.
    #[serde(default)]
    pub allow_self: bool,

    /// Whether routers may be cut off: instances whose source/destination check is off, or that of one of their
    /// interfaces (NAT instances, firewalls, VPN gateways, nodes of some network plugins). What they forward is cut off
    /// with them.
    #[serde(default)]
    pub allow_routers: bool,

    /// How many instances may be held through this class at once.
    #[serde(default = "default_max_active")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_active: i32,

    /// Which releases wait for the annotation `quarantine-operator.dev/release: approved`: `WhenUnusual` (the namespace
    /// or the CRD is going away, or the record is not certain), or `Always`.
    #[serde(default)]
    pub release_approval: ReleaseApproval,

    /// Where findings are read and what is written on them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_hub: Option<SecurityHub>,
}

/// As many as the design's blast radius allows where nothing else is said.
fn default_max_active() -> i32 {
    100
}

/// The isolation security group: exactly one of `id`, `name` and `managed`.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("[has(self.id), has(self.name), has(self.managed)].filter(x, x).size() == 1")
    .message("exactly one of id, name and managed must be given"))]
pub struct ClassSecurityGroup {
    /// A security group by its id. It serves the VPC that it lies in, and those it is associated with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::security_group_id())]
    pub id: Option<String>,

    /// A security group by its name: exactly one of that name is looked for in each interface's VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = formats::security_group_name())]
    pub name: Option<String>,

    /// A security group that the operator makes and keeps in each VPC where it is needed: these ingress rules, and no
    /// egress at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<ManagedSecurityGroup>,
}

/// A security group that the operator makes and keeps in each VPC where it is needed.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.name == oldSelf.name").field_path(".name")
    .message("managed.name is immutable: groups of the old name are in use; make a class of its own for the other name"))]
pub struct ManagedSecurityGroup {
    /// The group's name in each VPC.
    #[schemars(length(max = 255))]
    #[x_kube(validation = formats::security_group_name(), validation = formats::made_group_name())]
    pub name: String,

    /// The group's description. AWS can't change it later: it holds for groups that are made from then on.
    #[serde(default = "default_description")]
    #[schemars(length(max = 255))]
    #[x_kube(validation = formats::security_group_description())]
    pub description: String,

    /// What may still reach an isolated instance, such as SSH 22 and RDP 3389 from the responders' network. Empty:
    /// nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 30))]
    pub ingress: Vec<IngressRule>,
}

fn default_description() -> String {
    "Incident response: isolated by quarantine-operator".to_owned()
}

/// One kind of traffic that may still reach an isolated instance.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.cidrs) && size(self.cidrs) > 0) || (has(self.prefixListIds) && size(self.prefixListIds) > 0) || (has(self.sourceSecurityGroupIds) && size(self.sourceSecurityGroupIds) > 0)")
        .message("an ingress rule needs a source: cidrs, prefixListIds or sourceSecurityGroupIds"),
)]
pub struct IngressRule {
    /// The protocol.
    #[serde(default)]
    pub protocol: Protocol,

    /// The port.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: i32,

    /// IPv4 and IPv6 networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 60), inner(length(max = formats::ROOM)), transform = formats::each(formats::network()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub cidrs: Vec<String>,

    /// Managed prefix lists.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = formats::ROOM)), transform = formats::each(formats::prefix_list_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub prefix_list_ids: Vec<String>,

    /// Security groups whose members may connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), inner(length(max = formats::ROOM)), transform = formats::each(formats::security_group_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub source_security_group_ids: Vec<String>,
}

/// A transport protocol with ports.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

/// The role to assume in the target's account.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// The role's name, with its path if it has one: `arn:<partition>:iam::<account>:role/<roleName>` is assumed.
    #[schemars(length(max = formats::ROLE_ROOM))]
    #[x_kube(validation = formats::role_name())]
    pub role_name: String,

    /// The external id that the role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    #[x_kube(validation = formats::external_id())]
    pub external_id: Option<String>,

    /// The session name, as CloudTrail shows it. Omitted: quarantine-operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::session_name())]
    pub session_name: Option<String>,
}

/// What is never cut off.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Protected {
    /// Instances, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 500), inner(length(max = formats::ROOM)), transform = formats::each(formats::instance_id()))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub instance_ids: Vec<String>,

    /// Instances, by a tag that they carry. An intruder can write tags: a refusal by tag raises a warning event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50))]
    pub tags: Vec<TagSelector>,
}

/// A tag that an instance carries.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TagSelector {
    /// The tag's key.
    #[schemars(length(min = 1, max = 128))]
    pub key: String,

    /// The tag's value. Omitted: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub value: Option<String>,
}

/// Which releases wait for a person's approval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum ReleaseApproval {
    /// Those where the namespace or the CRD is going away, or the record is not certain.
    #[default]
    WhenUnusual,
    /// All.
    Always,
}

/// Where findings are read and what is written on them.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityHub {
    /// The administrator account. Omitted: the finding's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::account_id())]
    pub account_id: Option<String>,

    /// The aggregation region. Omitted: the finding's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROOM))]
    #[x_kube(validation = formats::region())]
    pub region: Option<String>,

    /// The role to assume in the administrator account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = formats::ROLE_ROOM))]
    #[x_kube(validation = formats::role_name())]
    pub role_name: Option<String>,

    /// The external id that the role's trust policy asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    #[x_kube(validation = formats::external_id())]
    pub external_id: Option<String>,

    /// The workflow status that a finding gets once its instance is contained.
    #[serde(default)]
    pub workflow_status: WorkflowStatus,

    /// Whether to leave a note on the finding.
    #[serde(default = "yes")]
    pub note: bool,
}

fn yes() -> bool {
    true
}

/// A Security Hub workflow status that the operator may set. SUPPRESSED is not among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WorkflowStatus {
    /// Leave it as it is.
    Unchanged,
    /// NOTIFIED.
    #[default]
    Notified,
    /// RESOLVED.
    Resolved,
}

/// What the operator has made for this class.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineClassStatus {
    /// The managed security groups: only ids that stand here are ever changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5000))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["accountId".into(), "region".into(), "vpcId".into()]))]
    pub managed_groups: Vec<ManagedGroup>,
}

/// A security group that the operator made.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedGroup {
    /// The account that it lies in.
    #[schemars(length(max = 12))]
    pub account_id: String,
    /// The region that it lies in.
    #[schemars(length(max = 32))]
    pub region: String,
    /// The VPC that it lies in.
    #[schemars(length(max = 32))]
    pub vpc_id: String,
    /// Its id.
    #[schemars(length(max = 32))]
    pub group_id: String,
}
