//! What one run plays with: an AWS account of its own, an instance of two interfaces in it, the class, the claim; and
//! what must be true of them in the end.

use super::stage::Stage;
use super::witness::{Witness, originals_in};
use crate::support::claims::{Desk, holds, status};
use crate::wire::account::{Account, REGION, Subnet, config, credentials, fresh_id, place};
use aws_sdk_ec2::types::{IpPermission, IpRange};
use futures::future::join_all;
use kube::{Api, ResourceExt, api::DeleteParams};
use quarantine_operator::{
    api::{Quarantine, QuarantineClass},
    aws::Sessions,
    model::ec2::Interface,
    quarantine::tags,
};
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

pub const CLAIM: &str = "web";
const MANAGED_NAME: &str = "IncidentResponseSG";

/// Groups by interface.
pub type Groups = BTreeMap<String, BTreeSet<String>>;

/// Where the isolation group comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Id,
    Managed,
}

/// One run's parts.
pub struct World<'a> {
    desk: &'a Desk,
    pub account: Account,
    pub witness: Arc<Witness>,
    pub claim: Quarantine,
    /// The number of the emulator's first call in this world.
    first_call: u64,
    vpc_id: String,
    isolation: Option<String>,
    pub originals: Groups,
}

impl<'a> World<'a> {
    /// Makes everything, the claim last. No operator may run.
    pub async fn fresh(stage: &'a Stage, source: Source) -> Self {
        let desk = &stage.desk;
        desk_is_clear(desk).await;
        let first_call = stage.next_call().await;
        let account = account(stage).await;
        let subnet = account.subnet().await;
        let (first, second) = if source == Source::Id { (2, 5) } else { (1, 3) };
        let names: Vec<String> = (0..first + second).map(|n| format!("group-{n}")).collect();
        let groups = join_all(names.iter().map(|name| account.group(&subnet, name))).await;
        let groups: Vec<&str> = groups.iter().map(String::as_str).collect();
        let instance = account.instance(&subnet, &groups[..first]).await;
        let attached = account.interface(&subnet, &groups[first..]).await;
        account.attach(&instance, &attached, 1).await;
        let isolation = if source == Source::Id { Some(isolation_group(&account, &subnet).await) } else { None };

        let interfaces = account.ec2.interfaces_attached_to(&instance).await.expect("the interfaces are read");
        let originals: Groups = interfaces.iter().map(carried).collect();
        assert_eq!(originals.values().map(BTreeSet::len).sum::<usize>(), first + second, "{originals:?}");
        let mut aliases: BTreeMap<String, String> =
            originals.iter().map(|(id, groups)| (id.clone(), format!("interface-of-{}", groups.len()))).collect();
        aliases.extend(isolation.iter().map(|id| (id.clone(), "isolation".to_owned())));

        let group = match &isolation {
            Some(id) => json!({"id": id}),
            None => json!({"managed": {"name": MANAGED_NAME, "description": "Incident response", "ingress": [
                {"port": 22, "cidrs": ["10.0.0.0/8"]}, {"port": 3389, "cidrs": ["10.0.0.0/8"]}]}}),
        };
        desk.class(json!({"securityGroup": group})).await;
        let target = json!({"instance": {"id": instance, "region": REGION}});
        let claim = desk.claim(CLAIM, json!({"target": target, "reason": "recovery"})).await;
        let witness = Witness::new(&claim, desk.claims.clone(), originals.clone(), aliases);
        Self { desk, account, witness, claim, first_call, vpc_id: subnet.vpc_id, isolation, originals }
    }

    pub async fn interfaces(&self) -> Vec<Interface> {
        let ids: Vec<String> = self.originals.keys().cloned().collect();
        self.account.ec2.interfaces(&ids).await.expect("the interfaces are read")
    }

    /// Contained=True, and the second copy of the record on each interface.
    pub async fn is_contained(&self) -> Option<Quarantine> {
        let claim = self.claim_now().await?;
        let tagged = |seen: &Interface| tags::read(&seen.tags).is_some();
        (holds(&claim, "Contained") && self.interfaces().await.iter().all(tagged)).then_some(claim)
    }

    /// The claim as the API server holds it.
    pub async fn claim_now(&self) -> Option<Quarantine> {
        self.desk.claims.get_opt(CLAIM).await.expect("a read")
    }

    /// The interfaces that were changed in this world, one mention per change.
    pub async fn swapped(&self, stage: &Stage) -> Vec<String> {
        stage.swapped(&self.account.id, self.first_call).await
    }

    /// What claim and interfaces say now, for a failure's message.
    pub async fn told(&self) -> String {
        let status = self.claim_now().await.and_then(|claim| claim.status);
        let conditions = status.as_ref().map(|status| &status.conditions);
        let records = status.as_ref().map(|status| &status.interfaces);
        format!("{conditions:?}, {records:?}, {:?}", self.interfaces().await)
    }

    pub async fn delete(&self) {
        self.desk.delete(CLAIM).await;
    }

    /// What is wrong with a containment that calls itself one.
    pub async fn wrong_while_contained(&self, claim: &Quarantine) -> Vec<String> {
        let (mut wrong, stored) = (Vec::new(), originals_in(status(claim)));
        if stored != self.originals {
            wrong.push(format!("the status tells {stored:?} as originals, not {:?}", self.originals));
        }
        let isolation = self.isolation_group().await;
        for seen in self.interfaces().await {
            let told = tags::read(&seen.tags);
            let told_originals = told.as_ref().and_then(|told| told.original_groups.clone()).unwrap_or_default();
            if told_originals.into_iter().collect::<BTreeSet<_>>() != self.originals[&seen.id] {
                wrong.push(format!("{} carries the tags {:?}", seen.id, seen.tags));
            }
            if told.map(|told| told.quarantine_uid) != claim.uid() {
                wrong.push(format!("the tags on {} name another Quarantine: {:?}", seen.id, seen.tags));
            }
            if seen.groups != isolation {
                wrong.push(format!("{} carries {:?}, not {isolation:?}", seen.id, seen.groups));
            }
        }
        wrong
    }

    /// What is wrong with the account once the claim is gone.
    pub async fn wrong_after_release(&self) -> Vec<String> {
        let (mut wrong, seen) = (Vec::new(), self.interfaces().await);
        let now: Groups = seen.iter().map(carried).collect();
        if now != self.originals {
            wrong.push(format!("the interfaces carry {now:?}, not {:?}", self.originals));
        }
        wrong.extend(
            seen.iter()
                .filter(|seen| tags::ours(&seen.tags).next().is_some())
                .map(|seen| format!("{} still carries the tags {:?}", seen.id, seen.tags)),
        );
        let made = self.account.ec2.groups_named(MANAGED_NAME).await.expect("the groups are read");
        let wanted = usize::from(self.isolation.is_none());
        let made: Vec<_> = made.iter().filter(|group| group.vpc_id == self.vpc_id).collect();
        if made.len() != wanted || made.iter().any(|group| group.ingress.len() != 2 || !group.egress.is_empty()) {
            wrong.push(format!("{wanted} managed group with two ingress rules is wanted: {made:?}"));
        }
        wrong
    }

    /// The isolation group: the one named, or the one that the class's status names in this VPC.
    async fn isolation_group(&self) -> Vec<String> {
        if let Some(id) = &self.isolation {
            return vec![id.clone()];
        }
        let classes: Api<QuarantineClass> = Api::all(self.desk.client.clone());
        let class = classes.get(&self.desk.namespace).await.expect("the class is read");
        let made = class.status.into_iter().flat_map(|status| status.managed_groups);
        made.filter(|group| group.vpc_id == self.vpc_id).map(|group| group.group_id).collect()
    }
}

fn carried(seen: &Interface) -> (String, BTreeSet<String>) {
    (seen.id.clone(), seen.groups.iter().cloned().collect())
}

async fn account(stage: &Stage) -> Account {
    let id = fresh_id();
    let config = config(&stage.endpoint, credentials(&id)).await.into_builder().http_client(stage.http.clone()).build();
    let ec2 = Sessions::new(config.clone()).ec2(&place(&id)).await.expect("its own account opens");
    Account { id, owner: aws_sdk_ec2::Client::new(&config), ec2 }
}

/// A group that isolates: AWS gives each new one a rule that allows all egress.
async fn isolation_group(account: &Account, subnet: &Subnet) -> String {
    let id = account.group(subnet, "isolation").await;
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let all = IpPermission::builder().ip_protocol("-1").ip_ranges(everywhere).build();
    let revoked = account.owner.revoke_security_group_egress().group_id(&id).ip_permissions(all).send().await;
    revoked.expect("its egress is revoked");
    id
}

/// Takes away what an earlier run left: the class, and after a failure the claim.
async fn desk_is_clear(desk: &Desk) {
    if desk.claims.get_opt(CLAIM).await.expect("a read").is_some() {
        desk.edit(CLAIM, json!({"metadata": {"finalizers": null}})).await;
        let _ = desk.claims.delete(CLAIM, &DeleteParams::default()).await;
        desk.gone(CLAIM).await;
    }
    let classes: Api<QuarantineClass> = Api::all(desk.client.clone());
    if classes.get_opt(&desk.namespace).await.expect("a read").is_some() {
        classes.delete(&desk.namespace, &DeleteParams::default()).await.expect("the class goes");
    }
}
