//! Status conditions: their types, the one list of reasons, and how a condition changes. Messages are made where the
//! decision is made.

use super::status::Time;
use crate::model::text;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The longest message.
const MOST: usize = 8_192;

/// One aspect of an object's state, in the form that kubectl, Flux and Argo CD read.
#[derive(KubeSchema, Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 64))]
    pub type_: String,
    /// Whether it holds.
    pub status: ConditionStatus,
    /// Why, in one CamelCase word.
    #[schemars(length(min = 1, max = 64))]
    pub reason: String,
    /// Why, in a sentence, and what to do next.
    #[schemars(length(max = MOST))]
    pub message: String,
    /// When `status` last changed.
    pub last_transition_time: Time,
    /// The generation of the spec that this was concluded from.
    #[serde(default)]
    pub observed_generation: i64,
}

/// True, False or Unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub enum ConditionStatus {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
}

impl From<bool> for ConditionStatus {
    fn from(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }
}

/// The aspects that a Quarantine's conditions speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ConditionType {
    /// What was asked for is in place.
    Ready,
    /// The operator is working on it. Present only while true.
    Reconciling,
    /// A person must act first. Present only while true.
    Stalled,
    /// The target names one existing instance.
    TargetResolved,
    /// Every interface carries exactly the isolation group, as read back, and that group isolates.
    Contained,
    /// Every interface's original groups are known.
    Restorable,
    /// The findings were told.
    FindingUpdated,
    /// Something else may destroy the instance, and its evidence, because it is isolated.
    EvidenceAtRisk,
}

/// Why a condition stands as it stands. One list for all conditions and events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    // Ready, Contained
    Contained,
    Containing,
    DryRun,
    Suspended,
    HeldForAPerson,
    DriftCorrected,
    IsolationGroupOpen,
    BranchInterfacesUnknown,
    InstanceHasNoInterfaces,
    HeldByAnother,
    HandingOver,
    TakenOver,
    HeldElsewhere,
    LimitReached,
    SourceLimitReached,
    // TargetResolved
    Resolved,
    Resolving,
    InstanceNotFound,
    InstanceTerminated,
    FindingNotFound,
    FindingAmbiguous,
    FindingSuppressed,
    FindingArchived,
    FindingIsSample,
    FindingUnreadable,
    FindingNamesNoInstance,
    FindingNamesSeveralInstances,
    FindingAccountMismatch,
    InstanceNotInFinding,
    // FindingUpdated
    FindingUpdated,
    FindingNotUpdated,
    FindingNotAboutInstance,
    FindingHasComment,
    // Admission
    NoDefaultClass,
    SeveralDefaultClasses,
    ClassNotFound,
    NamespaceNotAllowed,
    AccountNotAllowed,
    RegionNotAllowed,
    GroupNotAllowed,
    ProtectedInstance,
    ProtectedByTag,
    OperatorsOwnInstance,
    ProtectedRouter,
    PartitionNotAllowed,
    SecurityHubNotConfigured,
    PolicyChanged,
    // The isolation group
    GroupNotFound,
    GroupNameAmbiguous,
    GroupNameTaken,
    GroupInOtherVpc,
    GroupNotReady,
    GroupRuleAdded,
    // Interfaces
    InterfaceRefused,
    InterfaceManagedByAws,
    GroupLimitExceeded,
    // Restorable
    OriginalsStored,
    OriginalsUnknown,
    OriginalsOfPrimary,
    VerifyingOriginals,
    // EvidenceAtRisk
    ManagedInstance,
    NoRiskKnown,
    // Release
    Releasing,
    Released,
    ReleaseHeld,
    Retained,
    OriginalGroupMissing,
    InterfaceNotOurs,
    VerifyingGone,
    RecordsLost,
    // FindingSource
    Receiving,
    QueueNotFound,
    QueueRefused,
    QueueNotWritable,
    TemplateRefused,
    BacklogFull,
    CustomActionRefused,
    QuarantineCreated,
    FindingJoined,
    FindingIgnored,
    FindingNamesManyInstances,
    MessageUnreadable,
    // AWS and Kubernetes answers
    AccessDenied,
    AssumeRoleFailed,
    WrongAccount,
    Throttled,
    AwsUnavailable,
    AwsRefused,
    TagsNotWritten,
    CredentialsUnavailable,
    CertificateNotTrusted,
    NotLeading,
}

impl Reason {
    /// Those with which policy refuses a Quarantine: nothing is touched then.
    pub const REFUSALS: [Self; 14] = [
        Self::NoDefaultClass,
        Self::SeveralDefaultClasses,
        Self::ClassNotFound,
        Self::NamespaceNotAllowed,
        Self::AccountNotAllowed,
        Self::RegionNotAllowed,
        Self::GroupNotAllowed,
        Self::ProtectedInstance,
        Self::ProtectedByTag,
        Self::OperatorsOwnInstance,
        Self::ProtectedRouter,
        Self::PartitionNotAllowed,
        Self::LimitReached,
        Self::SourceLimitReached,
    ];

    /// The CamelCase word, as it stands in conditions and events.
    pub fn as_str(self) -> String {
        format!("{self:?}")
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for ConditionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl Condition {
    /// Puts it in the place of the one of its type, its message as the status holds it. The time of the last transition
    /// moves only with the status.
    pub fn put(mut self, conditions: &mut Vec<Self>) {
        self.message = text::bounded(&self.message, MOST);
        match conditions.iter_mut().find(|known| known.type_ == self.type_) {
            Some(known) => {
                if known.status == self.status {
                    self.last_transition_time = known.last_transition_time.clone();
                }
                *known = self;
            }
            None => conditions.push(self),
        }
    }
}
