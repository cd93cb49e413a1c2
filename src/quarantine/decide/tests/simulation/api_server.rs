//! The API server as far as the loop sees it: claims with resourceVersion, finalizers and deletion, one class. A write
//! from an old copy is a conflict.

use super::{
    ec2::INSTANCES,
    history::{Claim, Source},
};
use crate::{
    api::{
        ClassSecurityGroup, IngressRule, InstanceTarget, ManagedSecurityGroup, Quarantine, QuarantineClass,
        QuarantineClassSpec, QuarantineSpec, QuarantineStatus, Target, Time,
    },
    quarantine::world::Holder,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-central-1";

/// The classes, and the names of their isolation groups.
pub const CLASSES: [(&str, &str); 2] = [("incident-response", "IncidentResponseSG"), ("forensics", "ForensicsSG")];

pub struct ApiServer {
    pub claims: BTreeMap<String, Quarantine>,
    /// What a watch that lags behind still shows.
    cached: BTreeMap<String, Quarantine>,
    pub classes: [QuarantineClass; 2],
    version: u64,
    pub policy_refuses: bool,
    pub limit_reached: bool,
    pub namespace_deleting: bool,
}

/// Somebody else wrote it since it was read.
#[derive(Debug)]
pub struct Conflict;

pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("within the range of time stamps")
}

pub fn seconds(time: &Time) -> i64 {
    time.0.as_second() - 1_800_000_000
}

impl ApiServer {
    pub fn new(source: Source) -> Self {
        Self {
            claims: BTreeMap::new(),
            cached: BTreeMap::new(),
            classes: CLASSES.map(|(name, group)| class(name, group, source)),
            version: 0,
            policy_refuses: false,
            limit_reached: false,
            namespace_deleting: false,
        }
    }

    pub fn class_of(&mut self, claim: &Quarantine) -> &mut QuarantineClass {
        let [first, second] = &mut self.classes;
        if claim.spec.class_name == second.metadata.name { second } else { first }
    }

    pub fn create(&mut self, claim: Claim, now: i64) {
        let name = claim.name();
        if self.claims.contains_key(name) {
            return;
        }
        let instance =
            InstanceTarget { id: INSTANCES[claim.instance()].to_owned(), region: REGION.to_owned(), account_id: None };
        let target = Target { instance: Some(instance), finding: None };
        let class_name = Some(CLASSES[claim.class()].0.to_owned());
        let spec: QuarantineSpec =
            serde_json::from_value(serde_json::json!({ "target": target, "className": class_name }))
                .expect("every other field has a default");
        let mut claim = Quarantine::new(name, spec);
        self.version += 1;
        claim.metadata.namespace = Some("ir".to_owned());
        claim.metadata.uid = Some(format!("uid-{name}-{}", self.version));
        claim.metadata.generation = Some(1);
        claim.metadata.creation_timestamp = Some(Time(at(now)));
        claim.metadata.resource_version = Some(self.version.to_string());
        claim.status = Some(QuarantineStatus::default());
        self.cached.remove(name);
        self.claims.insert(name.to_owned(), claim);
    }

    /// As `observe::facts` reads it: afresh before the first record and before a release, from the store otherwise.
    pub fn read(&self, name: &str, stale: bool) -> Option<Quarantine> {
        let fresh = self.claims.get(name)?;
        let cached =
            self.cached.get(name).filter(|cached| stale && cached.metadata.uid == fresh.metadata.uid).unwrap_or(fresh);
        let held = cached.has_records();
        Some(if held && !cached.is_deleting() { cached } else { fresh }.clone())
    }

    /// Every write of anybody goes through here.
    pub fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Quarantine)) {
        if let Some(claim) = self.claims.get_mut(name) {
            self.cached.insert(name.to_owned(), claim.clone());
            edit(claim);
            self.version += 1;
            claim.metadata.resource_version = Some(self.version.to_string());
        }
        let ended =
            |claim: &Quarantine| claim.is_deleting() && claim.metadata.finalizers.as_ref().is_none_or(Vec::is_empty);
        if self.claims.get(name).is_some_and(ended) {
            self.claims.remove(name);
        }
    }

    /// A status that somebody replaces.
    pub fn wipe(&mut self, name: &str) {
        self.edit(name, |claim| claim.status = Some(QuarantineStatus::default()));
    }

    /// A person's edit of the spec.
    pub fn respec(&mut self, name: &str, edit: impl FnOnce(&mut QuarantineSpec)) {
        self.edit(name, |claim| {
            edit(&mut claim.spec);
            claim.metadata.generation = claim.metadata.generation.map(|generation| generation + 1);
        });
    }

    /// The operator's writes: fenced by resourceVersion.
    pub fn write(
        &mut self,
        read: &Quarantine,
        edit: impl FnOnce(&mut Quarantine),
    ) -> Result<Option<Quarantine>, Conflict> {
        let name = read.metadata.name.clone().expect("every claim has a name");
        if !self.is_as_read(read) {
            return Err(Conflict);
        }
        self.edit(&name, edit);
        // Nobody has the next turn with the instance before the store shows this write.
        let written = self.claims.get(&name).cloned();
        self.cached.extend(written.clone().map(|written| (name, written)));
        Ok(written)
    }

    pub fn is_as_read(&self, read: &Quarantine) -> bool {
        let name = read.metadata.name.as_deref().unwrap_or_default();
        self.claims.get(name).is_some_and(|claim| {
            claim.metadata.uid == read.metadata.uid && claim.metadata.resource_version == read.metadata.resource_version
        })
    }

    /// As `observe` finds them: where records pass on as they are, from the store otherwise.
    pub fn holders_beside(&self, claim: &Quarantine, stale: bool) -> Vec<Holder> {
        let own = claim.instance_id();
        let same = |other: &&Quarantine| other.instance_id() == own;
        let others: Vec<&Quarantine> =
            self.claims.values().filter(|other| other.metadata.uid != claim.metadata.uid).collect();
        let cached = |other: &&Quarantine| {
            let name = other.metadata.name.as_deref().unwrap_or_default();
            let cached = self.cached.get(name).filter(|cached| cached.metadata.uid == other.metadata.uid);
            // What was only just created isn't in the store yet.
            if stale { cached.cloned() } else { Some((*other).clone()) }
        };
        let in_store: Vec<Quarantine> = others.iter().filter_map(cached).collect();
        let passes_on = match claim.has_records() {
            true => claim.is_deleting(),
            false => in_store.iter().filter(same).any(|other| other.has_records() && other.is_deleting()),
        };
        let beside: Vec<Quarantine> = match passes_on {
            true => others.iter().copied().filter(same).cloned().collect(),
            false => in_store.iter().filter(same).cloned().collect(),
        };
        // Those of other instances are found in the store, and read afresh.
        let known = |other: &&Quarantine| in_store.iter().any(|known| known.metadata.uid == other.metadata.uid);
        let elsewhere = others.iter().copied().filter(|other| !same(other) && other.has_records()).filter(known);
        beside.iter().chain(elsewhere).filter_map(Holder::of).collect()
    }
}

fn class(name: &str, group: &str, source: Source) -> QuarantineClass {
    let security_group = match source {
        Source::Named => ClassSecurityGroup { name: Some(group.to_owned()), ..ClassSecurityGroup::default() },
        Source::Managed => ClassSecurityGroup { managed: Some(managed(group)), ..ClassSecurityGroup::default() },
    };
    let spec: QuarantineClassSpec =
        serde_json::from_value(serde_json::json!({ "securityGroup": {}, "namespaceSelector": {} }))
            .expect("every other field has a default");
    let mut class = QuarantineClass::new(name, QuarantineClassSpec { security_group, ..spec });
    class.metadata.uid = Some(format!("uid-of-{name}"));
    class
}

/// SSH from the responders' network, and nothing else.
fn managed(name: &str) -> ManagedSecurityGroup {
    let ssh = IngressRule { port: 22, cidrs: vec!["10.0.0.0/8".to_owned()], ..IngressRule::default() };
    ManagedSecurityGroup { name: name.to_owned(), description: "cut off".to_owned(), ingress: vec![ssh] }
}
