//! A scene in words: one claim, one class, one instance with its interfaces, and a look at it. A look goes through the
//! rounds of a reconcile, with AWS doing what it is asked unless the scene says that it refuses.

use super::{looked::Looked, speech::faults};
use crate::{
    api::{
        ClassSecurityGroup, FINALIZER, InstanceTarget, InterfaceStatus, ManagedGroup, Quarantine, QuarantineClass,
        QuarantineClassSpec, QuarantineSpec, QuarantineStatus, Target, Time,
    },
    model::{
        Tags,
        ec2::{GroupRule, Instance, InstanceState, Interface, Peer, SecurityGroup},
        finding::{Finding, FindingChange},
        problem::{Disposition, Problem},
    },
    quarantine::{
        decide::{about::is_about, admission, decide, finding_change, target},
        world::{
            Action, ActionKind, Again, ClassSight, Decision, Facts, FinalizerStep, Holder, NamespaceSight,
            OperatorFacts, Outcomes, Room, Sight, View, World,
        },
    },
};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

pub const INSTANCE: &str = "i-0123456789abcdef0";
pub const ISOLATION: &str = "sg-isolation";
pub const CLUSTER: &str = "this-cluster";
pub const UID: &str = "uid-1";

/// What may still be changed before the next look.
#[derive(Clone)]
pub struct Scene {
    pub facts: Facts,
    pub view: View,
    /// Originals that no longer exist.
    deleted_groups: BTreeSet<String>,
    refusals: BTreeMap<(ActionKind, String), Problem>,
    unseen: Option<Problem>,
    /// What Security Hub shows.
    pub hub: Vec<Finding>,
    /// What was written on findings, in that order.
    pub written: Vec<FindingChange>,
}

pub fn groups(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

pub fn rule(peer: Peer) -> GroupRule {
    GroupRule { protocol: "-1".to_owned(), ports: None, peer }
}

pub fn cidr(cidr: &str) -> GroupRule {
    rule(Peer::Cidr(cidr.to_owned()))
}

pub fn group(id: &str, name: &str, vpc_id: &str) -> SecurityGroup {
    SecurityGroup {
        id: id.to_owned(),
        name: name.to_owned(),
        vpc_id: vpc_id.to_owned(),
        tags: Tags::new(),
        ingress: vec![],
        egress: vec![],
        ..SecurityGroup::default()
    }
}

pub fn interface(id: &str, vpc_id: &str, carried: &[&str]) -> Interface {
    Interface {
        id: id.to_owned(),
        vpc_id: vpc_id.to_owned(),
        instance_id: Some(INSTANCE.to_owned()),
        groups: groups(carried),
        tags: Tags::new(),
        ..Interface::default()
    }
}

pub fn refused(code: &str) -> Problem {
    Problem::from_code("ec2:ModifyNetworkInterfaceAttribute", code, "")
}

/// An instance with one interface, eni-1, that carries sg-web; a class whose isolation group is there; a fresh claim.
pub fn scene() -> Scene {
    let instance = InstanceTarget { id: INSTANCE.to_owned(), region: "eu-central-1".to_owned(), account_id: None };
    let spec: QuarantineSpec =
        serde_json::from_value(serde_json::json!({ "target": Target { instance: Some(instance), finding: None } }))
            .expect("every other field has a default");
    let mut claim = Quarantine::new("web", QuarantineSpec { class_name: Some("incident-response".to_owned()), ..spec });
    claim.metadata.namespace = Some("ir".to_owned());
    claim.metadata.uid = Some(UID.to_owned());
    claim.metadata.generation = Some(1);
    claim.metadata.creation_timestamp = Some(Time(Timestamp::from_second(1_800_000_000).expect("in range")));
    claim.status = Some(QuarantineStatus::default());
    let class_spec: QuarantineClassSpec =
        serde_json::from_value(serde_json::json!({ "securityGroup": { "id": ISOLATION }, "namespaceSelector": {} }))
            .expect("every other field has a default");
    Scene {
        facts: Facts {
            now: Timestamp::from_second(1_800_000_000).expect("in range"),
            claim,
            class: ClassSight::Found(Box::new(QuarantineClass::new("incident-response", class_spec))),
            namespace: NamespaceSight::default(),
            crd_deleting: false,
            operator: OperatorFacts {
                account_id: "111122223333".to_owned(),
                partition: "aws".to_owned(),
                cluster_uid: CLUSTER.to_owned(),
                instance_ids: BTreeSet::new(),
            },
            holders: vec![],
            isolation_groups: BTreeSet::new(),
            finding: None,
            room: Room::Free,
            node: None,
        },
        view: View {
            instance: Some(Instance {
                id: INSTANCE.to_owned(),
                state: InstanceState::Present,
                tags: Tags::new(),
                ..Instance::default()
            }),
            groups: vec![group(ISOLATION, "IncidentResponseSG", "vpc-1")],
            ..View::default()
        },
        deleted_groups: BTreeSet::new(),
        refusals: BTreeMap::new(),
        unseen: None,
        hub: vec![],
        written: vec![],
    }
    .with("eni-1", &["sg-web"])
}

impl Scene {
    /// One more interface, or the same one with other groups.
    pub fn with(self, id: &str, carried: &[&str]) -> Self {
        self.with_interface(interface(id, "vpc-1", carried))
    }

    pub fn with_interface(mut self, mut interface: Interface) -> Self {
        if let Some(known) = self.view.interface(&interface.id) {
            interface.tags = known.tags.clone();
        }
        self.view.interfaces.retain(|known| known.id != interface.id);
        self.view.own.insert(interface.id.clone());
        self.view.interfaces.push(interface);
        self.view.interfaces.sort_by(|one, other| one.id.cmp(&other.id));
        self
    }

    pub fn without(mut self, id: &str) -> Self {
        self.view.own.remove(id);
        self.view.interfaces.retain(|known| known.id != id);
        self
    }

    pub fn seen(mut self, change: impl FnOnce(&mut View)) -> Self {
        change(&mut self.view);
        self
    }

    pub fn tagged(self, id: &str, tags: Tags) -> Self {
        self.seen(|view| {
            view.interfaces.iter_mut().filter(|seen| seen.id == id).for_each(|seen| seen.tags = tags.clone())
        })
    }

    pub fn spec(mut self, change: impl FnOnce(&mut QuarantineSpec)) -> Self {
        change(&mut self.facts.claim.spec);
        self.facts.claim.metadata.generation = self.facts.claim.metadata.generation.map(|generation| generation + 1);
        self
    }

    pub fn class(mut self, change: impl FnOnce(&mut QuarantineClassSpec)) -> Self {
        if let ClassSight::Found(class) = &mut self.facts.class {
            change(&mut class.spec);
        }
        self
    }

    /// The class names its group so.
    pub fn group_from(self, source: ClassSecurityGroup) -> Self {
        self.class(|class| class.security_group = source)
    }

    pub fn told(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.facts.claim.metadata.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
        self
    }

    pub fn deleted(mut self) -> Self {
        self.facts.claim.metadata.deletion_timestamp = Some(Time(self.facts.now));
        self
    }

    pub fn later(mut self, seconds: i64) -> Self {
        self.facts.now = Timestamp::from_second(self.facts.now.as_second() + seconds).expect("in range");
        self
    }

    /// AWS refuses this kind of action on this interface, group or VPC.
    pub fn refusing(mut self, kind: ActionKind, subject: &str, problem: Problem) -> Self {
        self.refusals.insert((kind, subject.to_owned()), problem);
        self
    }

    pub fn willing(mut self) -> Self {
        self.refusals.clear();
        self
    }

    /// AWS doesn't answer a look.
    pub fn unseen(mut self, problem: Problem) -> Self {
        self.unseen = Some(problem);
        self
    }

    pub fn seeing(mut self) -> Self {
        self.unseen = None;
        self
    }

    /// An original group no longer exists.
    pub fn group_gone(mut self, id: &str) -> Self {
        self.deleted_groups.insert(id.to_owned());
        self
    }

    /// Another claim, of the same instance.
    pub fn called(self, name: &str, uid: &str) -> Self {
        self.told(|facts| {
            facts.claim.metadata.name = Some(name.to_owned());
            facts.claim.metadata.uid = Some(uid.to_owned());
        })
    }

    /// How other claims see this one.
    pub fn holder(&self) -> Holder {
        Holder::of(&self.facts.claim).expect("it is stored")
    }

    pub fn wiped(mut self) -> Self {
        self.facts.claim.status = Some(QuarantineStatus::default());
        self
    }

    fn world(&self, outcomes: Outcomes) -> World {
        let mut facts = self.facts.clone();
        if let Ok(Some(_)) = target::to_ask(&facts) {
            facts.finding = Some(Ok(self.hub.clone()));
        }
        let mut view = self.view.clone();
        let records = facts.claim.records().iter();
        let originals = records.flat_map(|record| record.original_security_groups.iter().flatten());
        let present = originals.filter(|id| !self.deleted_groups.contains(*id)).cloned().collect();
        view.originals_present = facts.claim.is_deleting().then_some(present);
        let sight = match (admission::route(&facts), &self.unseen) {
            (Err(problem), _) => Sight::Refused(problem),
            (Ok(target), _) if facts.finding.is_some() => {
                let (finding, _) = target::identified(&facts).expect("it led to the target");
                Sight::Resolved(target, finding)
            }
            (Ok(target), Some(problem)) => Sight::Failed(Some(target), problem.clone()),
            (Ok(target), None) => Sight::Seen(target, Box::new(view)),
        };
        World { facts, sight, outcomes }
    }

    /// One decision; nothing comes of it.
    pub fn decide(&self) -> Decision {
        decide(&self.world(Outcomes::default()))
    }

    /// A whole reconcile: rounds of decide, record and act until nothing is left to do.
    pub fn look(&mut self) -> Looked {
        let mut outcomes = Outcomes::default();
        let mut looked = Looked {
            status: QuarantineStatus::default(),
            actions: vec![],
            notes: vec![],
            again: Again::NEVER,
            finalizer: FinalizerStep::Keep,
            rounds: 0,
            writes: 0,
        };
        let mut passing = false;
        for _ in 0..8 {
            let decision = decide(&self.world(outcomes.clone()));
            assert_eq!(faults(&decision), Vec::<String>::new());
            looked.rounds += 1;
            looked.again = decision.again;
            looked.notes.extend(decision.notes);
            looked.status = decision.status.clone();
            if decision.finalizer != FinalizerStep::Keep {
                looked.finalizer = decision.finalizer;
                let finalizers = (decision.finalizer == FinalizerStep::Add).then(|| vec![FINALIZER.to_owned()]);
                self.facts.claim.metadata.finalizers = finalizers;
            }
            if self.facts.claim.status.as_ref() != Some(&decision.status) && decision.finalizer != FinalizerStep::Remove
            {
                looked.writes += 1;
                self.facts.claim.status = Some(decision.status);
            }
            if decision.actions.is_empty() {
                break;
            }
            let mut settled = true;
            for action in decision.actions {
                let outcome = self.perform(&action);
                settled &= outcome.is_ok() && action.is_settled_by_success();
                passing |= outcome.as_ref().is_err_and(|problem| problem.disposition == Disposition::Retry)
                    && action.kind() != ActionKind::Tell;
                outcomes.note(&action, &outcome);
                looked.actions.push(action);
            }
            if settled {
                break;
            }
        }
        looked.comes_back_in_time(&self.facts.claim, self.unseen.is_none(), passing);
        looked
    }

    /// Looked at already: what follows starts from there.
    pub fn looked(mut self) -> Self {
        self.look();
        self
    }

    fn perform(&mut self, action: &Action) -> Result<(), Problem> {
        if let Some(problem) =
            action.subjects().iter().find_map(|subject| self.refusals.get(&(action.kind(), (*subject).to_owned())))
        {
            return Err(problem.clone());
        }
        let subjects: Vec<String> = action.subjects().into_iter().map(str::to_owned).collect();
        let seen = self.view.interfaces.iter_mut().filter(|seen| subjects.contains(&seen.id));
        match action {
            Action::Isolate { groups, .. } | Action::Restore { groups, .. } => {
                seen.for_each(|seen| seen.groups = groups.clone())
            }
            Action::Tag { tags, .. } => seen.for_each(|seen| seen.tags.extend(tags.clone())),
            Action::Untag { keys, .. } => seen.for_each(|seen| seen.tags.retain(|key, _| !keys.contains(key))),
            Action::Probe { .. } => {}
            Action::Tell { findings, saying, .. } => {
                for told in findings {
                    let finding = self.hub.iter().find(|finding| finding.id == told.finding.id);
                    let finding = finding.expect("a finding that is there");
                    is_about(finding, saying)?;
                    self.written.push(finding_change::change(finding, saying));
                    finding_change::why_unsaid(finding, saying).map_or(Ok(()), Err)?;
                }
            }
            Action::MakeGroup { vpc_id } => self.make_group(vpc_id),
            Action::MendGroup { group_id, mend } => {
                let group =
                    self.view.groups.iter_mut().find(|group| group.id == *group_id).expect("a group that was seen");
                group.egress.retain(|rule| !mend.revoke_egress.contains(rule));
                group.ingress.retain(|rule| !mend.revoke_ingress.contains(rule));
                group.ingress.extend(mend.authorize_ingress.clone());
            }
        }
        Ok(())
    }

    fn make_group(&mut self, vpc_id: &str) {
        let ClassSight::Found(class) = &mut self.facts.class else { return };
        let groups = &mut class.status.get_or_insert_default().managed_groups;
        let again = if groups.iter().any(|known| known.vpc_id == vpc_id) { "again-" } else { "" };
        groups.retain(|known| known.vpc_id != vpc_id);
        let id = format!("sg-made-{again}{vpc_id}");
        let name = class.spec.security_group.managed.as_ref().map(|managed| managed.name.clone()).unwrap_or_default();
        class.status.get_or_insert_default().managed_groups.push(ManagedGroup {
            account_id: "111122223333".to_owned(),
            region: "eu-central-1".to_owned(),
            vpc_id: vpc_id.to_owned(),
            group_id: id.clone(),
        });
        self.view.groups.push(SecurityGroup { egress: vec![cidr("0.0.0.0/0")], ..group(&id, &name, vpc_id) });
    }

    pub fn carried(&self, id: &str) -> Vec<String> {
        self.view.interface(id).map(|seen| seen.groups.clone()).unwrap_or_default()
    }

    pub fn record(&self, id: &str) -> InterfaceStatus {
        let status = self.facts.claim.status.as_ref().expect("has a status");
        status.record(id).expect("has a record").clone()
    }
}
