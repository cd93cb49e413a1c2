//! The API server as far as the loop sees it: claims with resourceVersion, finalizers and deletion, one class. A write
//! from an old copy is a conflict.

use super::{ec2::INSTANCE, history::Source};
use crate::{
    api::{
        ClassSecurityGroup, FINALIZER, IngressRule, InstanceTarget, ManagedSecurityGroup, Quarantine, QuarantineClass,
        QuarantineClassSpec, QuarantineSpec, QuarantineStatus, Target, Time,
    },
    quarantine::world::Holder,
};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub const ACCOUNT: &str = "111122223333";
pub const REGION: &str = "eu-central-1";
pub const CLASS_UID: &str = "class-uid";

pub struct ApiServer {
    pub claims: BTreeMap<String, Quarantine>,
    /// What a watch that lags behind still shows.
    cached: BTreeMap<String, Quarantine>,
    pub class: QuarantineClass,
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
        let security_group = match source {
            Source::Named => {
                ClassSecurityGroup { name: Some("IncidentResponseSG".to_owned()), ..ClassSecurityGroup::default() }
            }
            Source::Managed => ClassSecurityGroup { managed: Some(managed()), ..ClassSecurityGroup::default() },
        };
        let spec: QuarantineClassSpec =
            serde_json::from_value(serde_json::json!({ "securityGroup": {}, "namespaceSelector": {} }))
                .expect("every other field has a default");
        let mut class = QuarantineClass::new("incident-response", QuarantineClassSpec { security_group, ..spec });
        class.metadata.uid = Some(CLASS_UID.to_owned());
        Self {
            claims: BTreeMap::new(),
            cached: BTreeMap::new(),
            class,
            version: 0,
            policy_refuses: false,
            limit_reached: false,
            namespace_deleting: false,
        }
    }

    pub fn create(&mut self, name: &str, now: i64) {
        if self.claims.contains_key(name) {
            return;
        }
        let instance = InstanceTarget { id: INSTANCE.to_owned(), region: REGION.to_owned(), account_id: None };
        let target = Target { instance: Some(instance), finding: None };
        let class_name = Some("incident-response".to_owned());
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
        let held = cached.status.as_ref().is_some_and(|status| !status.interfaces.is_empty());
        Some(if held && cached.metadata.deletion_timestamp.is_none() { cached } else { fresh }.clone())
    }

    /// Every write of anybody goes through here.
    pub fn edit(&mut self, name: &str, edit: impl FnOnce(&mut Quarantine)) {
        if let Some(claim) = self.claims.get_mut(name) {
            self.cached.insert(name.to_owned(), claim.clone());
            edit(claim);
            self.version += 1;
            claim.metadata.resource_version = Some(self.version.to_string());
        }
        let ended = |claim: &Quarantine| {
            claim.metadata.deletion_timestamp.is_some() && claim.metadata.finalizers.as_ref().is_none_or(Vec::is_empty)
        };
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
        Ok(self.claims.get(&name).cloned())
    }

    pub fn is_as_read(&self, read: &Quarantine) -> bool {
        let name = read.metadata.name.as_deref().unwrap_or_default();
        self.claims.get(name).is_some_and(|claim| {
            claim.metadata.uid == read.metadata.uid && claim.metadata.resource_version == read.metadata.resource_version
        })
    }

    pub fn holders_beside(&self, name: &str) -> Vec<Holder> {
        let others = self.claims.iter().filter(|(other, _)| *other != name);
        others
            .map(|(other, claim)| {
                let status = claim.status.clone().unwrap_or_default();
                let admitted = status.class_name.is_some() && status.target.is_some();
                Holder {
                    namespace: "ir".to_owned(),
                    name: other.clone(),
                    uid: claim.metadata.uid.clone().unwrap_or_default(),
                    created: claim.metadata.creation_timestamp.clone().expect("set on creation").0,
                    holds_records: !status.interfaces.is_empty(),
                    eligible: admitted && !claim.spec.suspend && claim.metadata.deletion_timestamp.is_none(),
                }
            })
            .collect()
    }
}

/// SSH from the responders' network, and nothing else.
pub fn managed() -> ManagedSecurityGroup {
    let ssh = IngressRule { port: 22, cidrs: vec!["10.0.0.0/8".to_owned()], ..IngressRule::default() };
    ManagedSecurityGroup {
        name: "IncidentResponseSG".to_owned(),
        description: "cut off".to_owned(),
        ingress: vec![ssh],
    }
}

pub fn finalized(claim: &Quarantine) -> bool {
    claim.metadata.finalizers.as_ref().is_some_and(|all| all.iter().any(|finalizer| finalizer == FINALIZER))
}

pub fn deleting(claim: &Quarantine) -> bool {
    claim.metadata.deletion_timestamp.is_some()
}
