//! The picture from which a decision is made, and what a decision is made of. Plain data: no clock, no client.

mod again;

pub use again::{Again, Pauses};

use crate::{
    api::{
        ConditionStatus, FindingReference, InstanceTarget, InterfaceStatus, Quarantine, QuarantineClass,
        QuarantineStatus, Reason, ResolvedTarget,
    },
    model::{
        Tags,
        ec2::{Instance, Interface, SecurityGroup},
        finding::{Finding, Workflow},
        place::Place,
        problem::Problem,
    },
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that one decision is made from.
#[derive(Clone, Debug)]
pub struct World {
    pub facts: Facts,
    pub sight: Sight,
    /// What became of the actions of this reconcile's earlier rounds.
    pub outcomes: Outcomes,
}

/// What Kubernetes says, and what the operator knows of itself.
#[derive(Clone, Debug)]
pub struct Facts {
    /// In whole seconds, as the API server stores times.
    pub now: Timestamp,
    pub claim: Quarantine,
    pub class: ClassSight,
    pub namespace: NamespaceSight,
    /// The CustomResourceDefinition of Quarantine is being deleted.
    pub crd_deleting: bool,
    pub operator: OperatorFacts,
    /// The other Quarantines that name the same instance, or have a record of one of its interfaces.
    pub holders: Vec<Holder>,
    /// The ids of groups of which any class or any record says that they isolate.
    pub isolation_groups: BTreeSet<String>,
    /// What Security Hub said of the finding that the claim names, where it was asked in this look: every finding of
    /// that id.
    pub finding: Option<Result<Vec<Finding>, Problem>>,
    /// Whether one more instance may be held. Always for a claim that holds already.
    pub room: Room,
    /// What the instance is to the operator's own cluster, where that was asked.
    pub node: Option<NodeSight>,
}

/// What an instance is to the operator's own cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeSight {
    /// The node of this name.
    Node(String),
    /// None of its nodes.
    Other,
    /// Why it can't be known.
    Unknown(String),
}

/// Whether one more instance stays within the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    Free,
    /// The class holds as many as it may.
    ClassFull,
    /// As many are held through the FindingSource as may be.
    SourceFull {
        source: String,
        max_active: i32,
    },
}

/// The class that a claim names, or the default one.
#[derive(Clone, Debug)]
pub enum ClassSight {
    Found(Box<QuarantineClass>),
    NotFound(String),
    NoDefault,
    SeveralDefaults(Vec<String>),
}

impl ClassSight {
    pub fn found(&self) -> Option<&QuarantineClass> {
        match self {
            Self::Found(class) => Some(class),
            Self::NotFound(_) | Self::NoDefault | Self::SeveralDefaults(_) => None,
        }
    }
}

/// The claim's namespace.
#[derive(Clone, Debug, Default)]
pub struct NamespaceSight {
    pub labels: BTreeMap<String, String>,
    pub deleting: bool,
}

/// What the operator knows of itself.
#[derive(Clone, Debug)]
pub struct OperatorFacts {
    /// The account and partition of its own credentials.
    pub account_id: String,
    pub partition: String,
    /// The uid of the namespace kube-system: the cluster's identity.
    pub cluster_uid: String,
    /// The instances that its replicas run on, as far as they are known.
    pub instance_ids: BTreeSet<String>,
}

/// Another Quarantine that concerns this one: it names the same instance, or has a record of one of its interfaces.
#[derive(Clone, Debug)]
pub struct Holder {
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub created: Timestamp,
    pub instance_id: Option<String>,
    pub deleting: bool,
    /// It carries our finalizer.
    pub finalized: bool,
    /// Resolved, admitted and not refused since, Enforce, neither suspended nor being deleted.
    pub eligible: bool,
    pub records: Vec<InterfaceStatus>,
    pub ready: Option<ConditionStatus>,
    pub contained: Option<ConditionStatus>,
}

/// What a look at AWS showed.
#[derive(Clone, Debug)]
pub enum Sight {
    /// Policy refuses the claim, so AWS wasn't asked.
    Refused(Problem),
    /// The claim's finding names this instance. That is stored before the instance is looked at: reconciles of one
    /// instance run one at a time, and this one didn't know yet whose it was.
    Resolved(ResolvedTarget, FindingReference),
    /// AWS could not be asked, or did not answer.
    Failed(Option<ResolvedTarget>, Problem),
    Seen(ResolvedTarget, Box<View>),
}

/// One consistent look at the instance, its interfaces and the isolation groups.
#[derive(Clone, Debug, Default)]
pub struct View {
    pub instance: Option<Instance>,
    /// Attached ones, branches of its trunks, and recorded ones wherever they are.
    pub interfaces: Vec<Interface>,
    /// Which of them belong to the instance now.
    pub own: BTreeSet<String>,
    /// Why the branch interfaces of a trunk can't be known, where they can't.
    pub branches_unknown: Option<String>,
    /// The groups that may isolate here: the class's, and those in force on recorded interfaces.
    pub groups: Vec<SecurityGroup>,
    /// (group, VPC) pairs for which AWS says that the group serves the VPC though it lies in another.
    pub associations: BTreeSet<(String, String)>,
    /// The networks of each prefix list that those groups name.
    pub prefix_lists: BTreeMap<String, Vec<String>>,
    /// Why the class's present role wasn't used but the recorded one, where that is so.
    pub present_role_refused: Option<String>,
    /// Which of the recorded original groups still exist. Looked up for a release only.
    pub originals_present: Option<BTreeSet<String>>,
}

impl View {
    pub fn interface(&self, id: &str) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.id == id)
    }

    pub fn group(&self, id: &str) -> Option<&SecurityGroup> {
        self.groups.iter().find(|group| group.id == id)
    }

    /// The interfaces that belong to the instance now.
    pub fn own_interfaces(&self) -> impl Iterator<Item = &Interface> {
        self.interfaces.iter().filter(|interface| self.own.contains(&interface.id))
    }
}

/// What is to be done: recorded first, then acted on.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    pub finalizer: FinalizerStep,
    pub status: QuarantineStatus,
    /// The claim is suspended instead: nothing else is done then.
    pub hold: Option<Hold>,
    pub actions: Vec<Action>,
    pub notes: Vec<Note>,
    pub again: Again,
}

/// The operator suspends a claim itself, and a person says yes by setting `suspend: false`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The claim's next reason, which says why.
    pub reason: String,
}

/// What becomes of the finalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinalizerStep {
    Keep,
    /// Before the first record is written.
    Add,
    /// Nothing is held any more.
    Remove,
}

/// One call, or one small sequence of calls, that changes something in AWS (or, for `Probe`, asks whether it may).
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Give the interface exactly these isolation groups.
    Isolate { interface_id: String, groups: Vec<String> },
    /// Give the interface its own groups back.
    Restore { interface_id: String, groups: Vec<String> },
    /// Write the second copy of the record onto interfaces that share it.
    Tag { interface_ids: Vec<String>, tags: Tags },
    /// Remove our tags.
    Untag { interface_ids: Vec<String>, keys: Vec<String> },
    /// Make the class's managed group in this VPC and write its id into the class's status.
    MakeGroup { vpc_id: String },
    /// Bring a managed group's rules in line.
    MendGroup { group_id: String, mend: super::rules::Mend },
    /// Ask EC2 whether the isolation group may be set; nothing changes.
    Probe { interface_id: String, groups: Vec<String> },
    /// Write the outcome on these findings, which are read first.
    Tell { place: Place, findings: Vec<Addressee>, saying: Saying },
}

/// A finding that is told something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    pub finding: FindingReference,
    /// By which the outcome is known: the finding, and what it was told.
    pub key: String,
}

impl Addressee {
    pub fn new(finding: &FindingReference, word: &str) -> Self {
        let FindingReference { id, region, product_arn } = finding;
        Self { key: [word, product_arn, region, id].join(" "), finding: finding.clone() }
    }
}

/// What findings are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// In one word, with its reason where it has one: kept in the status, so that it is said once.
    pub word: String,
    /// At most 512 characters. None: the class wants no notes.
    pub note: Option<String>,
    /// What a finding moves on to whose workflow status is NEW.
    pub workflow: Option<Workflow>,
    /// Only findings that name this instance are told. None: whatever they name.
    pub about: Option<InstanceTarget>,
}

/// Which kind of action an outcome belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionKind {
    Isolate,
    Restore,
    Tag,
    Untag,
    MakeGroup,
    MendGroup,
    Probe,
    Tell,
}

impl Action {
    pub fn kind(&self) -> ActionKind {
        match self {
            Self::Isolate { .. } => ActionKind::Isolate,
            Self::Restore { .. } => ActionKind::Restore,
            Self::Tag { .. } => ActionKind::Tag,
            Self::Untag { .. } => ActionKind::Untag,
            Self::MakeGroup { .. } => ActionKind::MakeGroup,
            Self::MendGroup { .. } => ActionKind::MendGroup,
            Self::Probe { .. } => ActionKind::Probe,
            Self::Tell { .. } => ActionKind::Tell,
        }
    }

    /// What it acts on: interface ids, a group id, a VPC id or the keys of findings.
    pub fn subjects(&self) -> Vec<&str> {
        match self {
            Self::Isolate { interface_id, .. }
            | Self::Restore { interface_id, .. }
            | Self::Probe { interface_id, .. } => {
                vec![interface_id]
            }
            Self::Tag { interface_ids, .. } | Self::Untag { interface_ids, .. } => {
                interface_ids.iter().map(String::as_str).collect()
            }
            Self::MakeGroup { vpc_id } => vec![vpc_id],
            Self::MendGroup { group_id, .. } => vec![group_id],
            Self::Tell { findings, .. } => findings.iter().map(|told| told.key.as_str()).collect(),
        }
    }

    /// A success of it needs no further look: nothing that a condition says depends on reading it back.
    pub fn is_settled_by_success(&self) -> bool {
        self.kind() == ActionKind::Tag
    }
}

/// What became of actions, by kind and subject.
#[derive(Clone, Debug, Default)]
pub struct Outcomes(BTreeMap<(ActionKind, String), Result<(), Problem>>);

impl Outcomes {
    pub fn note(&mut self, action: &Action, outcome: &Result<(), Problem>) {
        for subject in action.subjects() {
            self.note_one(action.kind(), subject, outcome.clone());
        }
    }

    /// What became of an action for one of its subjects.
    pub fn note_one(&mut self, kind: ActionKind, subject: &str, outcome: Result<(), Problem>) {
        self.0.insert((kind, subject.to_owned()), outcome);
    }

    pub fn of(&self, kind: ActionKind, subject: &str) -> Option<&Result<(), Problem>> {
        self.0.get(&(kind, subject.to_owned()))
    }

    pub fn problem(&self, kind: ActionKind, subject: &str) -> Option<&Problem> {
        self.of(kind, subject).and_then(|outcome| outcome.as_ref().err())
    }

    pub fn succeeded(&self, kind: ActionKind, subject: &str) -> bool {
        matches!(self.of(kind, subject), Some(Ok(())))
    }

    /// Whether any action of this kind ran in an earlier round.
    pub fn any(&self, kind: ActionKind) -> bool {
        self.0.keys().any(|(of, _)| *of == kind)
    }
}

/// A transition that a person cares about: it becomes a Kubernetes event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    pub warning: bool,
    pub reason: Reason,
    pub message: String,
}
