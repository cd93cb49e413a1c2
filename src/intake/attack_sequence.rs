//! The resources of an attack sequence of GuardDuty, which its finding names nowhere else. Pure.
//!
//! Sources: "Sequence", "Resource data", "AutoscalingAutoScalingGroup" and its siblings (Amazon GuardDuty API Reference).
//! Groups list the compromised instances that share them: these are named. A cluster lists all of its nodes, compromised or
//! not: those are context and never named.

use crate::model::{
    Tags,
    instance::{NamedInstance, Resource},
    json::{AtMost, Object, tags},
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// GuardDuty lists 400.
const MOST_RESOURCES: usize = 1000;

/// GuardDuty lists 25.
const MOST_INSTANCES: usize = 400;

const INSTANCE: &str = "EC2_INSTANCE";

#[derive(Deserialize)]
pub struct Sequence {
    #[serde(default)]
    resources: AtMost<Option<Object<SequenceResource>>, MOST_RESOURCES>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SequenceResource {
    uid: Option<String>,
    resource_type: Option<String>,
    account_id: Option<String>,
    region: Option<String>,
    cloud_partition: Option<String>,
    #[serde(default, deserialize_with = "tags")]
    tags: Tags,
    data: Option<Object<Data>>,
}

/// Not read: `eksCluster` and `ecsCluster`, whose `ec2InstanceUids` are their nodes.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    ec2_instance: Option<Object<Instance>>,
    ec2_network_interface: Option<Object<Interface>>,
    autoscaling_auto_scaling_group: Option<Object<Group>>,
    cloudformation_stack: Option<Object<Group>>,
    ec2_image: Option<Object<Group>>,
    ec2_launch_template: Option<Object<Group>>,
    ec2_vpc: Option<Object<Group>>,
    iam_instance_profile: Option<Object<Group>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Instance {
    ec2_network_interface_uids: Option<Vec<Option<String>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interface {
    vpc_id: Option<String>,
}

/// What instances have in common.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    #[serde(default)]
    ec2_instance_uids: AtMost<Option<String>, MOST_INSTANCES>,
}

impl Sequence {
    /// All of them, and after them the instances that only groups list: a group that is everywhere (an instance profile)
    /// doesn't tell where they lie, so they lie where the finding does, in the group's account or the finding's.
    pub fn resources(self, account_id: &str) -> Vec<Resource> {
        let AtMost(listed) = self.resources;
        let listed: Vec<SequenceResource> = listed.into_iter().flatten().map(|Object(one)| one).collect();
        let vpcs = vpcs(&listed);
        let (mut resources, mut shared) = (Vec::new(), Vec::new());
        for SequenceResource { uid, resource_type, account_id: own, region, cloud_partition, tags, data } in listed {
            let Object(data) = data.unwrap_or_default();
            let account_id = own.filter(|own| !own.is_empty()).unwrap_or_else(|| account_id.to_owned());
            let vpc_id = data.interfaces().find_map(|interface| vpcs.get(interface).cloned());
            shared.extend(data.shared().map(|uid| (uid, account_id.clone())));
            resources.push(Resource {
                kind: resource_type.unwrap_or_default(),
                id: uid.unwrap_or_default(),
                partition: cloud_partition,
                region,
                account_id: Some(account_id),
                vpc_id,
                tags,
            });
        }
        let of_instances = resources.iter().filter(|resource| resource.kind == INSTANCE);
        let known: BTreeSet<String> = of_instances.map(|resource| id_of(&resource.id)).collect();
        let only_shared = shared.into_iter().filter(|(uid, _)| !known.contains(&id_of(uid)));
        resources.extend(only_shared.map(|(id, account_id)| Resource {
            kind: INSTANCE.to_owned(),
            id,
            account_id: Some(account_id),
            ..Resource::default()
        }));
        resources
    }
}

impl Data {
    fn interfaces(&self) -> impl Iterator<Item = &String> {
        let listed = self.ec2_instance.iter().flat_map(|Object(instance)| &instance.ec2_network_interface_uids);
        listed.flatten().flatten()
    }

    /// The instances that groups list.
    fn shared(self) -> impl Iterator<Item = String> {
        let Self {
            ec2_instance: _,
            ec2_network_interface: _,
            autoscaling_auto_scaling_group,
            cloudformation_stack,
            ec2_image,
            ec2_launch_template,
            ec2_vpc,
            iam_instance_profile,
        } = self;
        let groups = [
            autoscaling_auto_scaling_group,
            cloudformation_stack,
            ec2_image,
            ec2_launch_template,
            ec2_vpc,
            iam_instance_profile,
        ];
        let listed = groups.into_iter().flatten().flat_map(|Object(Group { ec2_instance_uids: AtMost(uids) })| uids);
        listed.flatten().filter(|uid| !uid.is_empty())
    }
}

/// The VPC of each network interface that is listed.
fn vpcs(listed: &[SequenceResource]) -> BTreeMap<String, String> {
    let vpc = |one: &SequenceResource| {
        let Object(Interface { vpc_id }) = one.data.as_ref()?.0.ec2_network_interface.as_ref()?;
        Some((one.uid.clone()?, vpc_id.clone()?))
    };
    listed.iter().filter_map(vpc).collect()
}

/// The instance's id, however it is named.
fn id_of(uid: &str) -> String {
    NamedInstance::of_arn(uid).map_or_else(|| uid.to_owned(), |instance| instance.id)
}
