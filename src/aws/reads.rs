//! The reads of EC2 that every look makes, shared by all who look at the same time: one call reads up to 200 instances,
//! and AWS counts calls. An answer is never older than the asking.

use super::batch::{Batched, Batches};
use super::budget::Budget;
use super::call::Session;
use super::convert::ec2 as convert;
use crate::api::Reason;
use crate::model::ec2::{Instance, Interface, SecurityGroup};
use crate::model::problem::Problem;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;
use std::collections::HashMap;
use std::marker::PhantomData;

/// Values that one filter takes ("DescribeNetworkInterfaces", Amazon EC2 API Reference).
pub const FILTER_VALUES: usize = 200;

/// The most that the Describe calls give at once.
pub const PAGE: i32 = 1_000;

pub const INSTANCES: &str = "ec2:DescribeInstances";
pub const INTERFACES: &str = "ec2:DescribeNetworkInterfaces";
pub const GROUPS: &str = "ec2:DescribeSecurityGroups";

/// The calls, in one account and region. Who makes one has taken it from the budget. Cheap to clone.
#[derive(Clone)]
pub struct Reader {
    session: Session,
    client: Client,
}

impl Reader {
    pub fn new(session: Session, client: Client) -> Self {
        Self { session, client }
    }

    pub async fn instances_by(&self, filter: Filter) -> Result<Vec<Instance>, Problem> {
        let call = self.client.describe_instances().filters(filter).include_managed_resources(true);
        let pages = call.into_paginator().page_size(PAGE).items().send();
        let found = self.session.call(INSTANCES, pages.try_collect()).await?;
        found.iter().flat_map(|reservation| reservation.instances()).map(convert::instance).collect()
    }

    pub async fn interfaces_by(&self, filter: Filter) -> Result<Vec<Interface>, Problem> {
        let call = self.client.describe_network_interfaces().filters(filter).include_managed_resources(true);
        let pages = call.into_paginator().page_size(PAGE).items().send();
        let found = self.session.call(INTERFACES, pages.try_collect()).await?;
        found.iter().map(convert::interface).collect()
    }

    pub async fn groups_by(&self, filter: Filter) -> Result<Vec<SecurityGroup>, Problem> {
        let call = self.client.describe_security_groups().filters(filter);
        let pages = call.into_paginator().page_size(PAGE).items().send();
        let found = self.session.call(GROUPS, pages.try_collect()).await?;
        found.iter().map(convert::group).collect()
    }
}

/// What is read by ids of one kind, many at a time.
pub trait Shared: Send + Sync + 'static {
    type Answer: Clone + Default + Send;
    const OPERATION: &'static str;
    /// The filter that takes the ids.
    const FILTER: &'static str;

    fn read(
        reader: &Reader,
        filter: Filter,
    ) -> impl Future<Output = Result<HashMap<String, Self::Answer>, Problem>> + Send;
}

/// Instances.
pub struct Instances;

impl Shared for Instances {
    type Answer = Option<Instance>;
    const OPERATION: &'static str = INSTANCES;
    const FILTER: &'static str = "instance-id";

    async fn read(reader: &Reader, filter: Filter) -> Result<HashMap<String, Option<Instance>>, Problem> {
        let found = reader.instances_by(filter).await?;
        Ok(found.into_iter().map(|instance| (instance.id.clone(), Some(instance))).collect())
    }
}

/// Interfaces by the instance that they are attached to, those that AWS manages included.
pub struct Attached;

impl Shared for Attached {
    type Answer = Vec<Interface>;
    const OPERATION: &'static str = INTERFACES;
    const FILTER: &'static str = "attachment.instance-id";

    async fn read(reader: &Reader, filter: Filter) -> Result<HashMap<String, Vec<Interface>>, Problem> {
        let mut by_instance: HashMap<String, Vec<Interface>> = HashMap::new();
        for interface in reader.interfaces_by(filter).await? {
            if let Some(instance) = interface.instance_id.clone() {
                by_instance.entry(instance).or_default().push(interface);
            }
        }
        Ok(by_instance)
    }
}

/// Security groups.
pub struct Groups;

impl Shared for Groups {
    type Answer = Option<SecurityGroup>;
    const OPERATION: &'static str = GROUPS;
    const FILTER: &'static str = "group-id";

    async fn read(reader: &Reader, filter: Filter) -> Result<HashMap<String, Option<SecurityGroup>>, Problem> {
        let found = reader.groups_by(filter).await?;
        Ok(found.into_iter().map(|group| (group.id.clone(), Some(group))).collect())
    }
}

/// The calls that are shared. Cheap to clone.
#[derive(Clone)]
pub struct SharedReads {
    pub instances: Batches<By<Instances>>,
    pub attached: Batches<By<Attached>>,
    pub groups: Batches<By<Groups>>,
}

impl SharedReads {
    pub fn new(reader: &Reader, budget: &Budget) -> Self {
        Self {
            instances: By::batches(reader, budget),
            attached: By::batches(reader, budget),
            groups: By::batches(reader, budget),
        }
    }
}

/// One kind of read, by ids.
pub struct By<S> {
    reader: Reader,
    budget: Budget,
    read: PhantomData<S>,
}

impl<S: Shared> By<S> {
    fn batches(reader: &Reader, budget: &Budget) -> Batches<Self> {
        Batches::new(Self { reader: reader.clone(), budget: budget.clone(), read: PhantomData })
    }
}

impl<S: Shared> Batched for By<S> {
    type Key = String;
    type Answer = S::Answer;
    const OPERATION: &'static str = S::OPERATION;
    const KEYS: usize = FILTER_VALUES;
    const AT_ONCE: usize = 4;
    /// More than there are reconciles at once.
    const WAITING: usize = 100_000;

    async fn admit(&self) -> Result<(), Problem> {
        self.budget.take(S::OPERATION).await
    }

    async fn call(&self, ids: Vec<String>) -> Result<HashMap<String, S::Answer>, Problem> {
        S::read(&self.reader, convert::filter(S::FILTER, ids)).await
    }

    /// What one id is, or what AWS answered about it, is no other's business.
    fn blames_a_key(problem: &Problem) -> bool {
        match &problem.code {
            Some(code) => code == "InvalidParameterValue",
            None => problem.reason == Reason::AwsRefused,
        }
    }
}
