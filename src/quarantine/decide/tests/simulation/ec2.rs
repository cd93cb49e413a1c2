//! EC2 as far as the core sees it: interfaces with everything that they ever carried (reads may be old), groups with
//! rules, one instance. Nothing here knows of Quarantines.

use crate::{
    model::{
        Tags,
        ec2::{GroupRule, InstanceState, Interface, Peer, SecurityGroup},
        problem::Problem,
    },
    quarantine::rules::Mend,
};
use std::collections::BTreeMap;

pub const INSTANCES: [&str; 2] = ["i-0123456789abcdef0", "i-0123456789abcdef1"];

/// How old a read may be, in seconds.
pub const LONGEST_LAG: i64 = 20;

pub struct Ec2 {
    pub interfaces: BTreeMap<String, Eni>,
    pub groups: BTreeMap<String, SecurityGroup>,
    pub instances: [InstanceState; 2],
}

/// One network interface, and what became of it. `None`: it was deleted.
pub struct Eni {
    past: Vec<(i64, Option<Interface>)>,
    /// AWS refuses to change its groups.
    pub refused: bool,
}

impl Eni {
    pub fn new(now: i64, interface: Interface) -> Self {
        Self { past: vec![(now, Some(interface))], refused: false }
    }

    pub fn present(&self) -> Option<&Interface> {
        self.past.last().and_then(|(_, interface)| interface.as_ref())
    }

    /// As a read of that age shows it.
    pub fn seen(&self, now: i64, lag: i64) -> Option<&Interface> {
        if lag == 0 {
            return self.present();
        }
        self.past.iter().rev().find(|(at, _)| *at <= now - lag).and_then(|(_, interface)| interface.as_ref())
    }

    /// Everything that any read since `from` may show.
    pub fn since(&self, from: i64) -> Vec<Option<&Interface>> {
        let before = self.past.iter().rposition(|(at, _)| *at <= from);
        let unborn = before.is_none().then_some(None);
        let seen = self.past[before.unwrap_or(0)..].iter().map(|(_, interface)| interface.as_ref());
        unborn.into_iter().chain(seen).collect()
    }

    /// Everything that a read of now may show.
    pub fn readable(&self, now: i64) -> Vec<Option<&Interface>> {
        self.since(now - LONGEST_LAG)
    }

    /// What it carried in that second and in the one before.
    pub fn readable_at(&self, then: i64) -> impl Iterator<Item = &Interface> {
        let before = self.past.iter().rposition(|(at, _)| *at < then).unwrap_or(0);
        let until = move |(at, _): &&(i64, Option<Interface>)| *at <= then;
        self.past[before..].iter().take_while(until).filter_map(|(_, interface)| interface.as_ref())
    }

    pub fn change(&mut self, now: i64, change: impl FnOnce(&mut Interface)) {
        if let Some(mut interface) = self.present().cloned() {
            change(&mut interface);
            self.past.push((now, Some(interface)));
        }
    }

    pub fn delete(&mut self, now: i64) {
        self.past.push((now, None));
    }
}

pub fn everyone() -> GroupRule {
    GroupRule { protocol: "-1".to_owned(), ports: None, peer: Peer::Cidr("0.0.0.0/0".to_owned()) }
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

impl Ec2 {
    /// ModifyNetworkInterfaceAttribute: exactly these groups, or an error.
    pub fn set_groups(&mut self, now: i64, id: &str, groups: &[String]) -> Result<(), Problem> {
        let refuse = |code| Err(Problem::from_code("ec2:ModifyNetworkInterfaceAttribute", code, ""));
        let Some(eni) = self.interfaces.get_mut(id) else { return refuse("InvalidNetworkInterfaceID.NotFound") };
        let Some(present) = eni.present() else { return refuse("InvalidNetworkInterfaceID.NotFound") };
        if eni.refused || present.managed_by.is_some() {
            return refuse("OperationNotPermitted");
        }
        if groups.is_empty() {
            return refuse("InvalidParameterValue");
        }
        if groups.iter().any(|id| self.groups.get(id).is_none_or(|group| group.vpc_id != present.vpc_id)) {
            return refuse("InvalidGroup.NotFound");
        }
        eni.change(now, |interface| interface.groups = groups.to_vec());
        Ok(())
    }

    pub fn tag(&mut self, now: i64, ids: &[String], tags: &Tags) -> Result<(), Problem> {
        self.each(now, ids, |interface| interface.tags.extend(tags.clone()))
    }

    pub fn untag(&mut self, now: i64, ids: &[String], keys: &[String]) -> Result<(), Problem> {
        self.each(now, ids, |interface| interface.tags.retain(|key, _| !keys.contains(key)))
    }

    fn each(&mut self, now: i64, ids: &[String], change: impl Fn(&mut Interface)) -> Result<(), Problem> {
        if ids.iter().any(|id| self.interfaces.get(id).is_none_or(|eni| eni.present().is_none())) {
            return Err(Problem::from_code("ec2:CreateTags", "InvalidNetworkInterfaceID.NotFound", ""));
        }
        ids.iter().filter_map(|id| Some((id, self.interfaces.remove(id)?))).collect::<Vec<_>>().into_iter().for_each(
            |(id, mut eni)| {
                eni.change(now, &change);
                self.interfaces.insert(id.clone(), eni);
            },
        );
        Ok(())
    }

    /// CreateSecurityGroup: a new group lets everything out.
    pub fn create_group(&mut self, id: &str, name: &str, vpc_id: &str, tags: Tags) {
        let made = SecurityGroup { tags, egress: vec![everyone()], ..group(id, name, vpc_id) };
        self.groups.insert(id.to_owned(), made);
    }

    pub fn mend(&mut self, id: &str, mend: &Mend) -> Result<(), Problem> {
        let Some(group) = self.groups.get_mut(id) else {
            return Err(Problem::from_code("ec2:RevokeSecurityGroupEgress", "InvalidGroup.NotFound", ""));
        };
        group.egress.retain(|rule| !mend.revoke_egress.contains(rule));
        group.ingress.retain(|rule| !mend.revoke_ingress.contains(rule));
        group.ingress.extend(mend.authorize_ingress.iter().cloned());
        Ok(())
    }

    pub fn used(&self, group: &str) -> bool {
        self.interfaces.values().filter_map(Eni::present).any(|interface| interface.groups.iter().any(|id| id == group))
    }
}
