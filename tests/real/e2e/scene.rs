//! An AWS account with an instance in it, the class that reaches it, and the claim on it.

use crate::{
    support::{claims::Desk, client, operator, operator::OPERATOR_ACCOUNT, wait::until},
    wire::{
        account::{Account, REGION, Subnet},
        emulator::{calls, create_role},
    },
};
use quarantine_operator::api::{Quarantine, QuarantineClass};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const CLAIM: &str = "web-7";
const ROLE: &str = "quarantine";
const EXTERNAL_ID: &str = "only-ours";

/// Calls that change something.
const CHANGING: [&str; 8] = [
    "ModifyNetworkInterfaceAttribute",
    "CreateTags",
    "DeleteTags",
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "RevokeSecurityGroupIngress",
    "RevokeSecurityGroupEgress",
    "ModifyInstanceAttribute",
];

/// One instance, and everything around it.
pub struct Scene {
    pub account: Account,
    pub subnet: Subnet,
    pub instance: String,
    /// In the order in which they are attached.
    pub interfaces: Vec<String>,
    /// The workload's groups, by name.
    pub groups: BTreeMap<String, String>,
    /// A group that isolates: no ingress, no egress.
    pub isolation: String,
    pub desk: Desk,
}

impl Scene {
    /// An instance with one interface per element, carrying the groups of these names.
    pub async fn with(interfaces: &[&[&str]]) -> Self {
        operator();
        Self::on(Desk::open(client().await).await, interfaces).await
    }

    /// The same for an operator of the test's own, whose credentials are [`OPERATOR_ACCOUNT`]'s.
    pub async fn on(desk: Desk, interfaces: &[&[&str]]) -> Self {
        let account = Account::fresh().await;
        create_role(&account.id, ROLE, OPERATOR_ACCOUNT, EXTERNAL_ID);
        let subnet = account.subnet().await;
        let mut groups = BTreeMap::new();
        for name in interfaces.iter().copied().flatten() {
            if !groups.contains_key(*name) {
                groups.insert((*name).to_owned(), account.group(&subnet, name).await);
            }
        }
        let isolation = account.group(&subnet, "isolation").await;
        let ids = |names: &[&str]| -> Vec<String> { names.iter().map(|name| groups[*name].clone()).collect() };
        let first = ids(interfaces[0]);
        let instance = account.instance(&subnet, &first.iter().map(String::as_str).collect::<Vec<_>>()).await;
        let primary = account.ec2.interfaces_attached_to(&instance).await.expect("a read").remove(0).id;
        let mut attached = vec![primary];
        for (index, names) in (1..).zip(&interfaces[1..]) {
            let ids = ids(names);
            let id = account.interface(&subnet, &ids.iter().map(String::as_str).collect::<Vec<_>>()).await;
            account.attach(&instance, &id, index).await;
            attached.push(id);
        }
        close(&account, &isolation).await;
        Self { account, subnet, instance, interfaces: attached, groups, isolation, desk }
    }

    /// The class of this scene, whose isolation group is `isolation`; `spec` is merged over that.
    pub async fn class(&self, spec: Value) -> QuarantineClass {
        let mut all = json!({
            "accounts": [self.account.id], "assumeRole": {"roleName": ROLE, "externalId": EXTERNAL_ID},
            "securityGroup": {"id": self.isolation},
        });
        if let (Value::Object(all), Value::Object(spec)) = (&mut all, spec) {
            all.extend(spec);
        }
        self.desk.class(all).await
    }

    pub async fn claim(&self, spec: Value) -> Quarantine {
        self.desk.claim(CLAIM, self.spec(spec)).await
    }

    /// A claim's spec on this instance; `spec` is merged over that.
    pub fn spec(&self, spec: Value) -> Value {
        let mut all =
            json!({"target": {"instance": {"id": self.instance, "region": REGION, "accountId": self.account.id}}});
        if let (Value::Object(all), Value::Object(spec)) = (&mut all, spec) {
            all.extend(spec);
        }
        all
    }

    /// With a class by id and a claim, contained.
    pub async fn contained(interfaces: &[&[&str]]) -> Self {
        let scene = Self::with(interfaces).await;
        scene.class(json!({})).await;
        scene.claim(json!({})).await;
        scene.desk.contained(CLAIM).await;
        scene
    }

    pub async fn carried(&self, interface: &str) -> Vec<String> {
        let mut groups = self.account.read(interface).await.groups;
        groups.sort();
        groups
    }

    /// The ids of the workload's groups of these names, sorted.
    pub fn ids(&self, names: &[&str]) -> Vec<String> {
        let mut ids: Vec<String> = names.iter().map(|name| self.groups[*name].clone()).collect();
        ids.sort();
        ids
    }

    pub async fn set(&self, interface: &str, groups: &[String]) {
        self.account.ec2.set_groups(interface, groups).await.expect("the owner may do that");
    }

    /// Waits until the interface carries exactly these.
    pub async fn carries(&self, interface: &str, groups: &[String]) {
        let mut wanted = groups.to_vec();
        wanted.sort();
        until(&format!("{interface} carries {wanted:?}"), async || {
            (self.carried(interface).await == wanted).then_some(())
        })
        .await;
    }

    /// How many changing calls have reached this account. Those that set the scene count too.
    pub fn changes(&self) -> usize {
        CHANGING.iter().map(|action| calls(&self.account.id, action).len()).sum()
    }

    pub async fn our_tags(&self, interface: &str) -> Vec<String> {
        let tags = self.account.read(interface).await.tags;
        tags.into_keys().filter(|key| key.starts_with("quarantine-operator.dev/")).collect()
    }

    pub async fn delete_and_wait(&self) {
        self.desk.delete(CLAIM).await;
        self.desk.gone(CLAIM).await;
    }
}

/// Takes the allow-all egress of a new group away.
pub async fn close(account: &Account, group: &str) {
    let read = account.ec2.groups(&[group.to_owned()]).await.expect("a read").remove(0);
    account.ec2.revoke_egress(group, &read.egress).await.expect("the owner may do that");
}
