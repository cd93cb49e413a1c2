//! A small EC2, a small API server, people, other writers and a clock, with the operator's loop between them. What may
//! never happen is checked at every step and at every single write.

pub mod api_server;
mod checks;
mod ec2;
mod end;
pub mod history;
mod letting_go;
mod operator;
mod sight;
mod tally;
mod writes;

pub use tally::Tally;

use super::planted::Planted;
use crate::{
    api::{
        InterfaceStatus, MissingGroups, Quarantine, RECONCILE_ANNOTATION, RELEASE_ANNOTATION, ReleaseApproval,
        ReleasePolicy, Time,
    },
    model::{
        Tags,
        ec2::{InstanceState, Interface},
    },
    quarantine::{decide::holders::isolation_groups, tags},
};
use api_server::{ApiServer, CLASSES, at};
use ec2::{Ec2, Eni, INSTANCES, everyone, group};
use history::{Begin, Claim, Source, Start, Step};
use std::collections::{BTreeMap, BTreeSet};

/// A rule of the design that was broken, and how.
#[derive(Clone, Debug)]
pub struct Broken {
    pub rule: u8,
    pub what: String,
}

pub fn broken<T>(rule: u8, what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { rule, what: what.into() })
}

pub struct Simulation {
    now: i64,
    ec2: Ec2,
    api: ApiServer,
    planted: Option<Planted>,
    pub tally: Tally,
    /// Which records an isolating call was sent for: (claim uid, interface).
    swapped: BTreeSet<(String, String)>,
    /// Isolation groups that a read showed without egress.
    proven: BTreeSet<String>,
    /// Calls that are on their way.
    late: Vec<operator::Late>,
    /// Claims that were let go by policy Retain.
    retained: BTreeSet<String>,
    /// The interfaces of their records, until somebody records them anew.
    given_up: BTreeSet<String>,
    /// Whether every release had to wait for a person when the claim's first records were stored.
    approval_asked: BTreeMap<String, bool>,
    /// What was ever recorded of each interface.
    recorded: BTreeMap<String, BTreeSet<Vec<String>>>,
    /// By which claims: (claim uid, interface).
    recorded_by: BTreeSet<(String, String)>,
    made: usize,
}

pub const CLUSTER: &str = "cluster-uid";

impl Simulation {
    pub fn new(start: &Start, planted: Option<Planted>) -> Self {
        let mut groups = BTreeMap::new();
        for vpc in ["vpc-1", "vpc-2"] {
            for n in 0..6 {
                let id = original(vpc, n);
                groups.insert(id.clone(), group(&id, &format!("app-{n}"), vpc));
            }
            if start.source == Source::Named {
                for (_, name) in CLASSES {
                    let id = isolation(vpc, name);
                    groups.insert(id.clone(), group(&id, name, vpc));
                }
            }
        }
        let ec2 = Ec2 { interfaces: BTreeMap::new(), groups, instances: [InstanceState::Present; 2] };
        let mut this = Self {
            now: 1_000,
            ec2,
            api: ApiServer::new(start.source),
            planted,
            tally: Tally::default(),
            swapped: BTreeSet::new(),
            proven: BTreeSet::new(),
            late: Vec::new(),
            retained: BTreeSet::new(),
            given_up: BTreeSet::new(),
            approval_asked: BTreeMap::new(),
            recorded: BTreeMap::new(),
            recorded_by: BTreeSet::new(),
            made: 0,
        };
        if start.approval {
            this.approve_always(ReleaseApproval::Always);
        }
        for begin in &start.interfaces {
            this.attach(*begin);
        }
        this.api.create(Claim::First, this.now);
        this
    }

    /// Goes through a history, then on without faults until nothing moves.
    pub fn run(&mut self, steps: &[Step]) -> Result<(), Broken> {
        for step in steps {
            self.take(step)?;
            self.tally.count("steps");
        }
        self.end_well()
    }

    fn take(&mut self, step: &Step) -> Result<(), Broken> {
        self.land()?;
        let now = self.now;
        match step {
            Step::Look(claim, plan) => {
                self.reconcile(claim.name(), plan)?;
            }
            Step::Pass(seconds) => self.now += seconds,
            Step::Create(claim) => self.api.create(*claim, now),
            Step::Delete(claim) => self.api.edit(claim.name(), |claim| {
                claim.metadata.deletion_timestamp.get_or_insert(Time(at(now)));
            }),
            Step::Suspend(claim, on) => self.api.respec(claim.name(), |spec| spec.suspend = *on),
            Step::Retain(claim) => self.api.respec(claim.name(), |spec| spec.release.policy = ReleasePolicy::Retain),
            Step::Drop(claim) => {
                self.api.respec(claim.name(), |spec| spec.release.missing_groups = MissingGroups::Drop)
            }
            Step::Approve(claim) => self.annotate(claim.name(), RELEASE_ANNOTATION, "approved".to_owned()),
            Step::Ask(claim) => self.annotate(claim.name(), RECONCILE_ANNOTATION, now.to_string()),
            Step::WipeStatus(claim) => self.wipe(claim.name()),
            Step::Replace(eni, n) => self.write_groups(*eni, *n, |groups, other| *groups = vec![other]),
            Step::Add(eni, n) => self.write_groups(*eni, *n, |groups, other| groups.push(other)),
            Step::RemoveTags(eni) => self.foreign(*eni, |interface| interface.tags.clear()),
            Step::ForgeTags(eni, n) => self.forge(*eni, *n),
            Step::StrayTag(eni) => self.foreign(*eni, |interface| {
                interface.tags.insert("quarantine-operator.dev/original-groups-2".to_owned(), "sg-stray".to_owned());
            }),
            Step::Attach(begin) => self.attach(*begin),
            Step::Detach(eni) => self.foreign(*eni, |interface| {
                interface.instance_id = interface.instance_id.take().filter(|_| interface.primary);
            }),
            Step::DeleteInterface(eni) => {
                if let Some(eni) = self.eni(*eni) {
                    eni.delete(now);
                }
            }
            Step::Move(eni, instance) => self.attach_to(*eni, *instance),
            Step::Terminate(instance) => self.terminate(*instance),
            Step::Refuse(eni, on) => {
                if let Some(eni) = self.eni(*eni) {
                    eni.refused = *on;
                }
            }
            Step::DeleteGroup(n) => {
                let id = original("vpc-1", *n);
                if !self.ec2.used(&id) {
                    self.ec2.groups.remove(&id);
                }
            }
            Step::OpenGroup => self.open_groups(),
            Step::PolicyRefuses(on) => self.refuse_by_policy(*on),
            Step::LimitReached(on) => self.api.limit_reached = *on,
            Step::NamespaceGoes => self.namespace_goes(),
            Step::RelaxApproval => self.approve_always(ReleaseApproval::WhenUnusual),
        }
        Ok(())
    }

    fn annotate(&mut self, claim: &str, key: &str, value: String) {
        self.api.edit(claim, |claim| {
            claim.metadata.annotations.get_or_insert_default().insert(key.to_owned(), value);
        });
    }

    fn wipe(&mut self, claim: &str) {
        self.tally.count("statuses wiped");
        // It is admitted anew.
        let uid = self.api.claims.get(claim).and_then(|claim| claim.metadata.uid.clone());
        if let Some(uid) = uid {
            self.approval_asked.remove(&uid);
        }
        self.api.wipe(claim);
    }

    fn foreign(&mut self, eni: usize, change: impl FnOnce(&mut Interface)) {
        let now = self.now;
        if let Some(eni) = self.eni(eni) {
            eni.change(now, change);
        }
    }

    /// Another writer can only put on what exists, and each group once.
    fn write_groups(&mut self, eni: usize, n: usize, write: impl FnOnce(&mut Vec<String>, String)) {
        let known: BTreeSet<String> = self.ec2.groups.keys().cloned().collect();
        self.foreign(eni, |interface| {
            let other = original(&interface.vpc_id, n);
            if known.contains(&other) && !interface.groups.contains(&other) {
                write(&mut interface.groups, other);
            }
        });
    }

    /// Somebody with ec2:CreateTags writes what looks like ours.
    fn forge(&mut self, eni: usize, n: usize) {
        let Some(claim) = self.api.claims.values().next() else { return };
        let uid = claim.metadata.uid.clone().unwrap_or_default();
        let recorded_at = Time(at(self.now));
        self.foreign(eni, |interface| {
            let told = InterfaceStatus {
                id: interface.id.clone(),
                vpc_id: interface.vpc_id.clone(),
                original_security_groups: (n != 0).then(|| vec![original(&interface.vpc_id, n)]),
                isolation_groups: vec![if n < 3 {
                    isolation(&interface.vpc_id, CLASSES[0].1)
                } else {
                    original(&interface.vpc_id, n)
                }],
                recorded_from: Default::default(),
                recorded_at,
                changed_at: None,
                unanswered_at: vec![],
                missing_since: None,
                state: crate::api::InterfaceState::Isolated,
                message: None,
            };
            interface.tags.extend(tags::of_record(&told, &uid, CLUSTER));
        });
    }

    fn eni(&mut self, n: usize) -> Option<&mut Eni> {
        let present = self.ec2.interfaces.values_mut().filter(|eni| eni.present().is_some());
        let mut present: Vec<&mut Eni> = present.collect();
        let count = present.len();
        (count > 0).then(|| present.swap_remove(n % count))
    }

    fn attach(&mut self, begin: Begin) {
        let instance = usize::from(begin.second_instance);
        if self.ec2.interfaces.len() >= 6 || self.ec2.instances[instance] == InstanceState::Terminated {
            return;
        }
        self.made += 1;
        let id = format!("eni-{}", self.made);
        let vpc_id = if begin.second_vpc { "vpc-2" } else { "vpc-1" };
        let isolated = begin.groups == 0 && self.ec2.groups.contains_key(&isolation(vpc_id, CLASSES[0].1));
        let own = (0..begin.groups.max(1)).map(|n| original(vpc_id, n));
        let groups = if isolated {
            vec![isolation(vpc_id, CLASSES[0].1)]
        } else {
            own.filter(|id| self.ec2.groups.contains_key(id)).collect()
        };
        if groups.is_empty() {
            return;
        }
        let interface = Interface {
            id: id.clone(),
            vpc_id: vpc_id.to_owned(),
            instance_id: Some(INSTANCES[instance].to_owned()),
            groups,
            tags: Tags::new(),
            managed_by: begin.managed_by_aws.then(|| "amazon-elb".to_owned()),
            // Nobody detaches a primary interface.
            primary: self.made == 1 && !begin.managed_by_aws,
            ..Interface::default()
        };
        self.ec2.interfaces.insert(id, Eni::new(self.now, interface));
    }

    /// An interface can't be moved while AWS manages it, nor to an instance that is gone.
    fn attach_to(&mut self, eni: usize, instance: usize) {
        let free = self.ec2.instances[instance] == InstanceState::Present;
        let now = self.now;
        let moved = self
            .eni(eni)
            .filter(|eni| free && eni.present().is_some_and(|seen| seen.managed_by.is_none() && !seen.primary));
        if let Some(eni) = moved {
            eni.change(now, |interface| interface.instance_id = Some(INSTANCES[instance].to_owned()));
            self.tally.count("interfaces moved");
        }
    }

    fn terminate(&mut self, instance: usize) {
        self.ec2.instances[instance] = InstanceState::Terminated;
        let now = self.now;
        let attached = |eni: &&mut Eni| {
            eni.present().is_some_and(|interface| interface.instance_id.as_deref() == Some(INSTANCES[instance]))
        };
        self.ec2.interfaces.values_mut().filter(attached).for_each(|eni| eni.delete(now));
    }

    fn approve_always(&mut self, approval: ReleaseApproval) {
        self.api.classes.iter_mut().for_each(|class| class.spec.release_approval = approval);
    }

    fn open_groups(&mut self) {
        let groups = self.ec2.groups.values_mut().filter(|group| is_isolation(&group.name));
        groups.for_each(|group| group.egress = vec![everyone()]);
    }

    fn refuse_by_policy(&mut self, on: bool) {
        self.api.policy_refuses = on;
        for class in &mut self.api.classes {
            class.spec.namespace_selector = (!on).then(Default::default);
        }
    }

    fn namespace_goes(&mut self) {
        self.api.namespace_deleting = true;
        let now = self.now;
        let names: Vec<String> = self.api.claims.keys().cloned().collect();
        for name in names {
            self.api.edit(&name, |claim| {
                claim.metadata.deletion_timestamp.get_or_insert(Time(at(now)));
            });
        }
    }

    /// Whether the claim can know that the group isolates: it is its own class's, or somebody's record says so.
    fn isolates_for(&self, claim: &Quarantine, group: &str) -> bool {
        let class =
            self.api.classes.iter().zip(CLASSES).find(|(class, _)| class.metadata.name == claim.spec.class_name);
        let own =
            class.is_some_and(|(_, (_, name))| self.ec2.groups.get(group).is_some_and(|known| known.name == name));
        own || isolation_groups(&self.api.classes, self.api.claims.values()).contains(group)
    }

    /// Whether the group isolates in this world.
    fn isolates(&self, group: &str) -> bool {
        self.ec2.groups.get(group).is_some_and(|group| is_isolation(&group.name))
    }
}

fn original(vpc: &str, n: usize) -> String {
    format!("sg-{vpc}-{n}")
}

fn isolation(vpc: &str, name: &str) -> String {
    format!("sg-{vpc}-{name}")
}

fn is_isolation(name: &str) -> bool {
    CLASSES.iter().any(|(_, group)| *group == name)
}
