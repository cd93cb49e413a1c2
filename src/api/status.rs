//! What a Quarantine's status holds: the resolved target, and the records from which every interface is given back.
//!
//! The records are the write-ahead log of the operator: an interface's original groups stand here, acknowledged by the
//! API server, before anything touches the interface.

use super::{class::ReleaseApproval, condition::Condition, quarantine::FindingReference};
use kube::{KubeSchema, core::Rule};
use serde::{Deserialize, Serialize};

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// How many interfaces a status has room for.
pub const MOST_INTERFACES: usize = 256;

/// How many rules of one group. AWS lets a group have 60 each way ("Amazon VPC quotas", Amazon VPC User Guide), and more
/// on request.
pub const MOST_RULES: usize = 120;

/// What the operator found, did and stored.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineStatus {
    /// The generation of the spec that this status speaks of; -1 until the operator has seen the object.
    #[serde(default = "not_seen")]
    pub observed_generation: i64,

    /// The value of the annotation `reconcile.fluxcd.io/requestedAt` that was last acted on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub last_handled_reconcile_at: Option<String>,

    /// Ready, Reconciling, Stalled, TargetResolved, Contained, Restorable, FindingUpdated, EvidenceAtRisk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,

    /// The class whose policy was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub class_name: Option<String>,

    /// What was resolved. Releasing needs neither the finding nor the spec's target again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ResolvedTarget>,

    /// The finding from which the target was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingReference>,

    /// What each finding was last told.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub findings: Vec<FindingStatus>,

    /// The isolation group as it was admitted. What is held is kept under it, whatever happens to the class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admitted_group: Option<AdmittedGroup>,

    /// Which releases wait for a person, as it was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_approval: Option<ReleaseApproval>,

    /// What its class says otherwise now than when this was admitted. What is held stays as it was admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub policy_changed: Option<String>,

    /// Since when a finalizer without records was seen while nothing was isolated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub records_missing_since: Option<Time>,

    /// One record per network interface: what it carried, what it carries now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MOST_INTERFACES))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub interfaces: Vec<InterfaceStatus>,

    /// The isolation groups in force, with the rules that they were last seen with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub groups: Vec<GroupStatus>,

    /// Interfaces isolated, of all, such as 3/3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub interface_summary: Option<String>,

    /// When every interface was first seen isolated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contained_at: Option<Time>,

    /// Since when every interface is accounted for, while findings are still to be told of the release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_at: Option<Time>,

    /// How often drift was put right.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub corrections: i64,

    /// The Quarantine that holds the instance, when it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<HeldBy>,
}

fn not_seen() -> i64 {
    -1
}

fn is_zero(n: &i64) -> bool {
    *n == 0
}

impl Default for QuarantineStatus {
    fn default() -> Self {
        Self {
            observed_generation: not_seen(),
            last_handled_reconcile_at: None,
            conditions: Vec::new(),
            class_name: None,
            target: None,
            finding: None,
            findings: Vec::new(),
            admitted_group: None,
            release_approval: None,
            policy_changed: None,
            records_missing_since: None,
            interfaces: Vec::new(),
            groups: Vec::new(),
            interface_summary: None,
            contained_at: None,
            released_at: None,
            corrections: 0,
            held_by: None,
        }
    }
}

/// An isolation group in force.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupStatus {
    /// The group's id.
    #[schemars(length(max = 32))]
    pub id: String,
    /// Its rules, as a read showed them: what is written into it later is told in a warning event.
    #[schemars(length(max = MOST_RULES), inner(length(max = 96)))]
    pub rules: Vec<String>,
}

/// The instance that was found, and how it is reached.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResolvedTarget {
    /// The instance id.
    #[schemars(length(max = 19))]
    pub instance_id: String,
    /// The account that it lies in.
    #[schemars(length(max = 12))]
    pub account_id: String,
    /// The region that it lies in.
    #[schemars(length(max = 32))]
    pub region: String,
    /// The role that is assumed to reach it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2048))]
    pub role_arn: Option<String>,
    /// The external id that goes with the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1224))]
    pub external_id: Option<String>,
    /// The session name that goes with the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub session_name: Option<String>,
}

/// What a finding was last told.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingStatus {
    /// The finding's Id.
    #[schemars(length(max = 512))]
    pub id: String,
    /// The region that it lies in.
    #[schemars(length(max = 32))]
    pub region: String,
    /// The product's ARN.
    #[schemars(length(max = 2048))]
    pub product_arn: String,
    /// The outcome that it was told, in one word. Absent: it was told nothing yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub told: Option<String>,
    /// When it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told_at: Option<Time>,
    /// Why it couldn't be told, in one word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub reason: Option<String>,
    /// Why it couldn't be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// The isolation group as it was admitted: exactly one of its fields is given.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AdmittedGroup {
    /// The group of this id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub id: Option<String>,
    /// The group of this name in each VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 255))]
    pub name: Option<String>,
    /// The class's managed group in each VPC.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub managed: bool,
}

/// The record of one network interface.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = unless_accounted_for("!has(oldSelf.originalSecurityGroups) || (has(self.originalSecurityGroups) && self.originalSecurityGroups == oldSelf.originalSecurityGroups)")
        .field_path(".originalSecurityGroups")
        .message("originalSecurityGroups is the way back: once recorded it is neither changed nor removed; to give the interface up, set spec.release.policy to Retain"),
    validation = unless_accounted_for("oldSelf.isolationGroups.all(group, group in self.isolationGroups)")
        .field_path(".isolationGroups")
        .message("isolationGroups only grows: by it an interface that carries one of them is known as isolated"),
)]
pub struct InterfaceStatus {
    /// The interface id.
    #[schemars(length(max = 32))]
    pub id: String,

    /// The VPC that it lies in.
    #[schemars(length(max = 32))]
    pub vpc_id: String,

    /// The security groups that it carried before it was touched, and gets back. Absent: not known, because it was
    /// already isolated when it was first seen. Never overwritten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(max = 32)))]
    pub original_security_groups: Option<Vec<String>>,

    /// Every isolation group that it was given; the last one is in force. Only ever grows.
    #[schemars(length(max = 16), inner(length(max = 32)))]
    pub isolation_groups: Vec<String>,

    /// Where the originals were read: from the interface itself, or from the tags on it.
    #[serde(default)]
    pub recorded_from: RecordSource,

    /// When it was first recorded.
    pub recorded_at: Time,

    /// When its groups were last about to be changed: stored before each attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Time>,

    /// The attempts, by their time, whose answer nobody has heard: each may still arrive for ten seconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub unanswered_at: Vec<Time>,

    /// Since when reads haven't found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_since: Option<Time>,

    /// Where it stands: on the way in (Isolating, Isolated, Refused, Missing), on the way out (Restoring, RestoreHeld),
    /// or accounted for (Restored, Gone, NotOurs, Retained, TakenOver).
    pub state: InterfaceState,

    /// Why, and what to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub message: Option<String>,
}

/// A rule for how a record may change, which binds until its interface is accounted for: then an interface that comes
/// back is recorded anew.
fn unless_accounted_for(rule: &str) -> Rule {
    Rule::new(format!("oldSelf.state in ['Restored', 'Gone', 'NotOurs', 'Retained', 'TakenOver'] || ({rule})"))
}

/// Where an interface's original groups were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum RecordSource {
    /// From the interface, before it was touched.
    #[default]
    Interface,
    /// From the tags on it, after the record was lost. Its release waits for approval.
    Tags,
    /// From the record of the primary interface: this one was attached after the isolation with the isolation group, as
    /// the VPC CNI does, and never had groups of its own.
    Primary,
}

/// Where one interface stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize, schemars::JsonSchema)]
pub enum InterfaceState {
    /// Recorded; the isolation group is being put on.
    Isolating,
    /// A read shows exactly the isolation group.
    Isolated,
    /// AWS refuses the change; the message says why.
    Refused,
    /// The original groups are being put back.
    Restoring,
    /// The original groups can't be put back; the message says why.
    RestoreHeld,
    /// A read shows exactly the original groups again.
    Restored,
    /// Reads don't find it.
    Missing,
    /// Two reads a minute apart didn't find it: it no longer exists.
    Gone,
    /// Released: it carried none of our groups, so somebody else had changed it; it was left as it is.
    NotOurs,
    /// Released by policy Retain: it was left as it is.
    Retained,
    /// Another Quarantine holds its record now.
    TakenOver,
}

impl InterfaceState {
    /// Whether the interface is accounted for: nothing is left to be done before the object may go.
    pub fn is_final(self) -> bool {
        match self {
            Self::Restored | Self::Gone | Self::NotOurs | Self::Retained | Self::TakenOver => true,
            Self::Isolating | Self::Isolated | Self::Refused | Self::Restoring | Self::RestoreHeld | Self::Missing => {
                false
            }
        }
    }
}

/// The Quarantine that holds the instance.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HeldBy {
    /// Its namespace.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Its name.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Its uid.
    #[schemars(length(max = 36))]
    pub uid: String,
}
