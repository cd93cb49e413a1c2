//! What a look shows: the same reads as `observe`, over the simulated EC2 and API server. Reads of interfaces may be old.

use super::{
    CLUSTER, Simulation,
    api_server::{ACCOUNT, at},
    ec2::INSTANCES,
};
use crate::{
    api::Quarantine,
    model::{
        Tags,
        ec2::{Instance, SecurityGroup},
        problem::Problem,
    },
    quarantine::{
        decide::{admission, holders::isolation_groups},
        world::{ClassSight, Facts, NamespaceSight, OperatorFacts, Outcomes, Room, Sight, View, World},
    },
};
use std::collections::BTreeSet;

impl Simulation {
    pub fn world(&mut self, claim: Quarantine, outcomes: Outcomes, lag: i64, blind: bool, stale: bool) -> World {
        let holds = claim.has_records();
        let facts = Facts {
            now: at(self.now),
            class: ClassSight::Found(Box::new(self.api.class_of(&claim).clone())),
            namespace: NamespaceSight { deleting: self.api.namespace_deleting, ..NamespaceSight::default() },
            crd_deleting: false,
            operator: OperatorFacts {
                account_id: ACCOUNT.to_owned(),
                partition: "aws".to_owned(),
                cluster_uid: CLUSTER.to_owned(),
                instance_ids: BTreeSet::new(),
            },
            holders: self.api.holders_beside(&claim, stale),
            isolation_groups: isolation_groups(&self.api.classes, self.api.claims.values()),
            finding: None,
            room: if holds || !self.api.limit_reached { Room::Free } else { Room::ClassFull },
            node: None,
            claim,
        };
        let sight = match admission::route(&facts) {
            Err(problem) => Sight::Refused(problem),
            Ok(target) if blind => Sight::Failed(
                Some(target),
                Problem::from_code("ec2:DescribeNetworkInterfaces", "RequestLimitExceeded", ""),
            ),
            Ok(target) => Sight::Seen(target, Box::new(self.view(&facts, lag))),
        };
        World { facts, sight, outcomes }
    }

    fn view(&self, facts: &Facts, lag: i64) -> View {
        let records = facts.claim.records().iter();
        let recorded: BTreeSet<&String> = records.clone().map(|record| &record.id).collect();
        let seen = self.ec2.interfaces.values().filter_map(|eni| eni.seen(self.now, lag));
        let (mut interfaces, mut own) = (Vec::new(), BTreeSet::new());
        let instance = facts.claim.instance_id().unwrap_or_default();
        for interface in seen {
            let attached = interface.instance_id.as_deref() == Some(instance);
            if attached {
                own.insert(interface.id.clone());
            }
            if attached || recorded.contains(&interface.id) {
                interfaces.push(interface.clone());
            }
        }
        let managed =
            facts.class.found().and_then(|class| class.status.as_ref()).map(|status| status.managed_groups.clone());
        let mut ids: BTreeSet<String> = records
            .clone()
            .chain(facts.holders.iter().flat_map(|holder| &holder.records))
            .flat_map(|record| record.isolation_groups.clone())
            .collect();
        ids.extend(managed.unwrap_or_default().into_iter().map(|group| group.group_id));
        let name = facts.class.found().and_then(|class| class.spec.security_group.name.clone());
        let wanted = |group: &&SecurityGroup| ids.contains(&group.id) || name.as_ref() == Some(&group.name);
        let originals = records
            .filter(|record| !record.state.is_final())
            .flat_map(|record| record.original_security_groups.iter().flatten());
        let present = originals.filter(|id| self.ec2.groups.contains_key(*id)).cloned().collect();
        View {
            instance: Some(Instance {
                id: instance.to_owned(),
                state: self.ec2.instances[INSTANCES.iter().position(|id| *id == instance).unwrap_or_default()],
                tags: Tags::new(),
                ..Instance::default()
            }),
            interfaces,
            own,
            groups: self.ec2.groups.values().filter(wanted).cloned().collect(),
            originals_present: facts.claim.is_deleting().then_some(present),
            ..View::default()
        }
    }
}
