//! The reads of EC2 that every look makes, shared by all who look at the same time: one call reads up to 200 instances,
//! and AWS counts calls. An answer is never older than the asking.

use super::batch::{Batched, Batches};
use super::call::Paced;
use super::convert::ec2 as convert;
use super::model::{Instance, Interface, SecurityGroup};
use super::problem::Problem;
use crate::api::Reason;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;
use std::collections::HashMap;
use std::hash::Hash;

/// Values that one filter takes ("DescribeNetworkInterfaces", Amazon EC2 API Reference).
pub const FILTER_VALUES: usize = 200;

/// The most that the Describe calls give at once.
pub const PAGE: i32 = 1_000;

/// How many calls of a kind are under way at most. Up to there nobody waits for anybody else's.
const AT_ONCE: usize = 4;

/// More than there are reconciles at once.
const WAITING: usize = 100_000;

/// The calls, in one account and region. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    session: Paced,
    client: Client,
}

impl Reader {
    pub fn new(session: Paced, client: Client) -> Self {
        Self { session, client }
    }

    pub async fn instances_by(&self, filter: Filter) -> Result<Vec<Instance>, Problem> {
        let call = self.client.describe_instances().filters(filter).include_managed_resources(true);
        let pages = call.into_paginator().page_size(PAGE).items().send();
        let found = self.session.call(Instances::OPERATION, pages.try_collect()).await?;
        found.iter().flat_map(|reservation| reservation.instances()).map(convert::instance).collect()
    }

    pub async fn interfaces_by(&self, filter: Filter) -> Result<Vec<Interface>, Problem> {
        let call = self.client.describe_network_interfaces().filters(filter).include_managed_resources(true);
        let pages = call.into_paginator().page_size(PAGE).items().send();
        let found = self.session.call(Attached::OPERATION, pages.try_collect()).await?;
        found.iter().map(convert::interface).collect()
    }

    pub async fn groups_by(&self, filter: Filter) -> Result<Vec<SecurityGroup>, Problem> {
        let call = self.client.describe_security_groups().filters(filter);
        let pages = call.into_paginator().page_size(PAGE).items().send();
        let found = self.session.call(Groups::OPERATION, pages.try_collect()).await?;
        found.iter().map(convert::group).collect()
    }
}

/// The shared ends. Cheap to clone.
#[derive(Clone)]
pub struct SharedReads {
    pub instances: Batches<Instances>,
    pub attached: Batches<Attached>,
    pub groups: Batches<Groups>,
}

impl SharedReads {
    pub fn new(reader: &Reader) -> Self {
        Self {
            instances: Batches::new(Instances(reader.clone())),
            attached: Batches::new(Attached(reader.clone())),
            groups: Batches::new(Groups(reader.clone())),
        }
    }
}

/// Instances by id.
pub struct Instances(Reader);

impl Batched for Instances {
    type Key = String;
    type Answer = Option<Instance>;
    const OPERATION: &'static str = "ec2:DescribeInstances";
    const KEYS: usize = FILTER_VALUES;
    const AT_ONCE: usize = AT_ONCE;
    const WAITING: usize = WAITING;

    async fn admit(&self) -> Result<(), Problem> {
        Ok(())
    }

    async fn call(&self, ids: Vec<String>) -> Result<HashMap<String, Option<Instance>>, Problem> {
        let found = self.0.instances_by(convert::filter("instance-id", ids)).await?;
        Ok(found.into_iter().map(|instance| (instance.id.clone(), Some(instance))).collect())
    }

    fn blames_a_key(problem: &Problem) -> bool {
        is_about_one(problem)
    }
}

/// Interfaces by the instance that they are attached to, those that AWS manages included.
pub struct Attached(Reader);

impl Batched for Attached {
    type Key = String;
    type Answer = Vec<Interface>;
    const OPERATION: &'static str = "ec2:DescribeNetworkInterfaces";
    const KEYS: usize = FILTER_VALUES;
    const AT_ONCE: usize = AT_ONCE;
    const WAITING: usize = WAITING;

    async fn admit(&self) -> Result<(), Problem> {
        Ok(())
    }

    async fn call(&self, instance_ids: Vec<String>) -> Result<HashMap<String, Vec<Interface>>, Problem> {
        let found = self.0.interfaces_by(convert::filter("attachment.instance-id", instance_ids)).await?;
        Ok(by(found, |interface| interface.instance_id.clone()))
    }

    fn blames_a_key(problem: &Problem) -> bool {
        is_about_one(problem)
    }
}

/// Security groups by id.
pub struct Groups(Reader);

impl Batched for Groups {
    type Key = String;
    type Answer = Option<SecurityGroup>;
    const OPERATION: &'static str = "ec2:DescribeSecurityGroups";
    const KEYS: usize = FILTER_VALUES;
    const AT_ONCE: usize = AT_ONCE;
    const WAITING: usize = WAITING;

    async fn admit(&self) -> Result<(), Problem> {
        Ok(())
    }

    async fn call(&self, ids: Vec<String>) -> Result<HashMap<String, Option<SecurityGroup>>, Problem> {
        let found = self.0.groups_by(convert::filter("group-id", ids)).await?;
        Ok(found.into_iter().map(|group| (group.id.clone(), Some(group))).collect())
    }

    fn blames_a_key(problem: &Problem) -> bool {
        is_about_one(problem)
    }
}

/// Whether what one key is, or what AWS answered about it, fails the others' reads.
fn is_about_one(problem: &Problem) -> bool {
    match &problem.code {
        Some(code) => code == "InvalidParameterValue",
        None => problem.reason == Reason::AwsRefused,
    }
}

/// In the order in which AWS named them.
fn by<K: Eq + Hash, V>(all: Vec<V>, key: impl Fn(&V) -> Option<K>) -> HashMap<K, Vec<V>> {
    let mut sorted: HashMap<K, Vec<V>> = HashMap::new();
    for one in all {
        if let Some(key) = key(&one) {
            sorted.entry(key).or_default().push(one);
        }
    }
    sorted
}
