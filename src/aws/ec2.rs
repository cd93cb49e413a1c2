//! The calls to EC2, one function each, in one account and region. What they mean and when to make them is decided
//! elsewhere; nothing is cached here.
//!
//! Reads go by filters: an unknown id in a filter is merely absent, as a parameter it fails the whole call. They are
//! eventually consistent ("Ensure idempotency and eventual consistency", Amazon EC2 Developer Guide). Changing calls
//! are sent once; after `AwsUnavailable` a change may or may not have been made. All calls keep to AWS' rates (`budget`).

mod dry_run;

pub use dry_run::Change;

use super::budget::Budget;
use super::call::{Clients, Paced, Session};
use super::convert::{ec2 as convert, required};
use super::reads::{FILTER_VALUES, GROUPS, INTERFACES, PAGE, Reader, SharedReads};
use crate::model::problem::Problem;
use crate::model::{
    Tags,
    ec2::{GroupRule, Instance, Interface, SecurityGroup, TRUNK_TAG},
};
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};
use futures::future::try_join_all;
use std::collections::BTreeSet;
use std::fmt;

/// The most that GetManagedPrefixListEntries gives at once.
const PREFIX_LIST_PAGE: i32 = 100;

/// EC2 in one account and region. Cheap to clone; all clones share the reads of one look with each other.
#[derive(Clone)]
pub struct Ec2 {
    session: Paced,
    reads: Client,
    reader: Reader,
    shared: SharedReads,
    changes: Client,
}

impl fmt::Debug for Ec2 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Ec2").field(&self.session).finish()
    }
}

impl Ec2 {
    pub(super) fn new(clients: &Clients, session: Session, budget: Budget) -> Self {
        let session = Paced { session, budget };
        let changes = aws_sdk_ec2::config::Builder::from(&clients.changes).interceptor(clients.fence.clone()).build();
        let reads = Client::new(&clients.reads);
        let reader = Reader::new(session.session.clone(), reads.clone());
        let shared = SharedReads::new(&reader, &session.budget);
        Self { session, reads, shared, reader, changes: Client::from_conf(changes) }
    }

    /// The instance; none if this account and region has none of that id.
    pub async fn instance(&self, id: &str) -> Result<Option<Instance>, Problem> {
        self.shared.instances.ask(id.to_owned()).await
    }

    /// Every interface that is attached to the instance, those that AWS manages included.
    pub async fn interfaces_attached_to(&self, instance_id: &str) -> Result<Vec<Interface>, Problem> {
        self.shared.attached.ask(instance_id.to_owned()).await
    }

    /// These interfaces, whatever they are attached to; unknown ones are absent.
    pub async fn interfaces(&self, ids: &[String]) -> Result<Vec<Interface>, Problem> {
        self.interfaces_by_each("network-interface-id", ids).await
    }

    /// What the tag [`TRUNK_TAG`] calls a branch of these trunk interfaces. It may be anything.
    pub async fn branch_interfaces(&self, trunk_ids: &[String]) -> Result<Vec<Interface>, Problem> {
        self.interfaces_by_each(&format!("tag:{TRUNK_TAG}"), trunk_ids).await
    }

    /// Every interface that has a tag of at least one of these keys, whatever its value and whatever it is attached to.
    pub async fn interfaces_tagged(&self, keys: &[&str]) -> Result<Vec<Interface>, Problem> {
        self.interfaces_by(convert::filter("tag-key", keys.iter().copied())).await
    }

    /// How many interfaces carry the group.
    pub async fn interfaces_with_group(&self, group_id: &str) -> Result<usize, Problem> {
        Ok(self.interfaces_by(convert::filter("group-id", [group_id])).await?.len())
    }

    async fn interfaces_by_each(&self, filter: &str, values: &[String]) -> Result<Vec<Interface>, Problem> {
        let mut found = Vec::with_capacity(values.len());
        for values in values.chunks(FILTER_VALUES) {
            found.extend(self.interfaces_by(convert::filter(filter, values)).await?);
        }
        Ok(found)
    }

    async fn interfaces_by(&self, filter: Filter) -> Result<Vec<Interface>, Problem> {
        self.session.budget.take(INTERFACES).await?;
        self.reader.interfaces_by(filter).await
    }

    /// These groups; unknown ones are absent. Which other VPCs they serve, [`Self::groups_serving_vpc`] tells.
    pub async fn groups(&self, ids: &[String]) -> Result<Vec<SecurityGroup>, Problem> {
        let asked = ids.iter().map(|id| self.shared.groups.ask(id.clone()));
        Ok(try_join_all(asked).await?.into_iter().flatten().collect())
    }

    /// All groups of that name: a name is unique in a VPC only.
    pub async fn groups_named(&self, name: &str) -> Result<Vec<SecurityGroup>, Problem> {
        self.session.budget.take(GROUPS).await?;
        self.reader.groups_by(convert::filter("group-name", [name])).await
    }

    /// Which of these groups interfaces in the VPC can carry: those that lie there, are associated or shared with it.
    pub async fn groups_serving_vpc(&self, group_ids: &[String], vpc_id: &str) -> Result<BTreeSet<String>, Problem> {
        let mut serving = BTreeSet::new();
        for ids in group_ids.chunks(FILTER_VALUES) {
            let call = self.reads.get_security_groups_for_vpc().vpc_id(vpc_id);
            let pages = call.filters(convert::filter("group-id", ids)).into_paginator().page_size(PAGE).items().send();
            let found = self.session.call("ec2:GetSecurityGroupsForVpc", pages.try_collect()).await?;
            let found = found.into_iter().filter_map(|group| group.group_id);
            serving.extend(found.filter(|id| ids.contains(id)));
        }
        Ok(serving)
    }

    /// The networks of a managed prefix list, in CIDR notation.
    pub async fn prefix_list(&self, id: &str) -> Result<Vec<String>, Problem> {
        let call = self.reads.get_managed_prefix_list_entries().prefix_list_id(id);
        let pages = call.into_paginator().page_size(PREFIX_LIST_PAGE).items().send();
        let entries = self.session.call("ec2:GetManagedPrefixListEntries", pages.try_collect()).await?;
        entries.iter().map(|entry| required("the network of a prefix list's entry", entry.cidr())).collect()
    }

    /// Gives the interface exactly these groups, at least one.
    pub async fn set_groups(&self, interface_id: &str, groups: &[String]) -> Result<(), Problem> {
        let call = self.changes.modify_network_interface_attribute().network_interface_id(interface_id);
        let call = call.set_groups(Some(groups.to_vec())).send();
        self.session.call("ec2:ModifyNetworkInterfaceAttribute", call).await.map(drop)
    }

    /// Puts the same tags on all these resources, of which one call takes 1,000. No tags or no resources: no call.
    pub async fn tag(&self, resources: &[String], tags: &Tags) -> Result<(), Problem> {
        if resources.is_empty() || tags.is_empty() {
            return Ok(());
        }
        let call = self.changes.create_tags().set_resources(Some(resources.to_vec()));
        let call = call.set_tags(Some(convert::sdk_tags(tags))).send();
        self.session.call("ec2:CreateTags", call).await.map(drop)
    }

    /// Takes the tags of these keys off, whatever their values; ones that aren't there are no error. No keys: no call,
    /// for AWS would take every tag off ("DeleteTags", Amazon EC2 API Reference).
    pub async fn untag(&self, resources: &[String], keys: &[String]) -> Result<(), Problem> {
        if resources.is_empty() || keys.is_empty() {
            return Ok(());
        }
        let keys = keys.iter().map(|key| Tag::builder().key(key).build()).collect();
        let call = self.changes.delete_tags().set_resources(Some(resources.to_vec())).set_tags(Some(keys)).send();
        self.session.call("ec2:DeleteTags", call).await.map(drop)
    }

    /// Makes a group and answers its id. AWS gives it a rule that allows all egress.
    ///
    /// Errors: Stop/GroupNameTaken if the VPC has one of that name.
    pub async fn create_group(
        &self,
        vpc_id: &str,
        name: &str,
        description: &str,
        tags: &Tags,
    ) -> Result<String, Problem> {
        let mut call = self.changes.create_security_group().vpc_id(vpc_id).group_name(name).description(description);
        if !tags.is_empty() {
            let tags = TagSpecification::builder().set_tags(Some(convert::sdk_tags(tags)));
            call = call.tag_specifications(tags.resource_type(ResourceType::SecurityGroup).build());
        }
        let made = self.session.call("ec2:CreateSecurityGroup", call.send()).await?;
        required("the new security group's id", made.group_id())
    }

    /// Adds these ingress rules; ones that are there already stay. No rules: no call.
    pub async fn authorize_ingress(&self, group_id: &str, rules: &[GroupRule]) -> Result<(), Problem> {
        self.change_rules(RuleChange::AuthorizeIngress, group_id, rules).await
    }

    /// Takes these ingress rules away; ones that aren't there are no error. No rules: no call.
    pub async fn revoke_ingress(&self, group_id: &str, rules: &[GroupRule]) -> Result<(), Problem> {
        self.change_rules(RuleChange::RevokeIngress, group_id, rules).await
    }

    /// Takes these egress rules away; ones that aren't there are no error. No rules: no call.
    pub async fn revoke_egress(&self, group_id: &str, rules: &[GroupRule]) -> Result<(), Problem> {
        self.change_rules(RuleChange::RevokeEgress, group_id, rules).await
    }

    /// All rules in one call. AWS refuses all of them if one has the outcome already: then they go one by one.
    async fn change_rules(&self, change: RuleChange, group_id: &str, rules: &[GroupRule]) -> Result<(), Problem> {
        if rules.is_empty() {
            return Ok(());
        }
        match self.change_rules_at_once(change, group_id, rules).await {
            Err(problem) if problem.code.as_deref() == Some(change.done()) => {}
            outcome => return outcome,
        }
        if let [_] = rules {
            return Ok(());
        }
        for rule in rules {
            match self.change_rules_at_once(change, group_id, std::slice::from_ref(rule)).await {
                Err(problem) if problem.code.as_deref() != Some(change.done()) => return Err(problem),
                _ => {}
            }
        }
        Ok(())
    }

    async fn change_rules_at_once(
        &self,
        change: RuleChange,
        group_id: &str,
        rules: &[GroupRule],
    ) -> Result<(), Problem> {
        let rules = Some(rules.iter().map(convert::permission).collect());
        let operation = change.operation();
        match change {
            RuleChange::AuthorizeIngress => {
                let call = self.changes.authorize_security_group_ingress().group_id(group_id).set_ip_permissions(rules);
                self.session.call(operation, call.send()).await.map(drop)
            }
            RuleChange::RevokeIngress => {
                let call = self.changes.revoke_security_group_ingress().group_id(group_id).set_ip_permissions(rules);
                self.session.call(operation, call.send()).await.map(drop)
            }
            RuleChange::RevokeEgress => {
                let call = self.changes.revoke_security_group_egress().group_id(group_id).set_ip_permissions(rules);
                self.session.call(operation, call.send()).await.map(drop)
            }
        }
    }
}

/// A change of a group's rules.
#[derive(Clone, Copy)]
enum RuleChange {
    AuthorizeIngress,
    RevokeIngress,
    RevokeEgress,
}

impl RuleChange {
    fn operation(self) -> &'static str {
        match self {
            Self::AuthorizeIngress => "ec2:AuthorizeSecurityGroupIngress",
            Self::RevokeIngress => "ec2:RevokeSecurityGroupIngress",
            Self::RevokeEgress => "ec2:RevokeSecurityGroupEgress",
        }
    }

    /// The code with which AWS says that a rule has the outcome already.
    fn done(self) -> &'static str {
        match self {
            Self::AuthorizeIngress => "InvalidPermission.Duplicate",
            Self::RevokeIngress | Self::RevokeEgress => "InvalidPermission.NotFound",
        }
    }
}
