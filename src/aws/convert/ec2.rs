//! EC2's types to `model::ec2`, and the few that go the other way.

use super::required;
use crate::model::problem::Problem;
use crate::model::{
    Tags,
    ec2::{GroupRule, Instance, InstanceState, Interface, InterfaceKind, Peer, SecurityGroup},
};
use aws_sdk_ec2::types as sdk;
use std::collections::BTreeMap;

/// From DescribeInstances.
pub fn instance(given: &sdk::Instance) -> Result<Instance, Problem> {
    Ok(Instance {
        id: required("an instance's id", given.instance_id())?,
        state: state(given.state().and_then(|state| state.name())),
        tags: tags(given.tags()),
        volumes_deleted_on_termination: given
            .block_device_mappings()
            .iter()
            .filter_map(|mapping| mapping.ebs())
            .filter(|volume| volume.delete_on_termination() == Some(true))
            .filter_map(|volume| volume.volume_id().map(str::to_owned))
            .collect(),
        spot: given.instance_lifecycle() == Some(&sdk::InstanceLifecycleType::Spot),
        routes: given.source_dest_check() == Some(false),
    })
}

/// A state that we don't know counts as present: its interfaces are still looked at.
fn state(name: Option<&sdk::InstanceStateName>) -> InstanceState {
    match name {
        Some(sdk::InstanceStateName::ShuttingDown | sdk::InstanceStateName::Terminated) => InstanceState::Terminated,
        _ => InstanceState::Present,
    }
}

/// From DescribeNetworkInterfaces.
pub fn interface(given: &sdk::NetworkInterface) -> Result<Interface, Problem> {
    Ok(Interface {
        id: required("a network interface's id", given.network_interface_id())?,
        vpc_id: required("a network interface's VPC", given.vpc_id())?,
        instance_id: given.attachment().and_then(|attachment| attachment.instance_id()).map(str::to_owned),
        groups: given
            .groups()
            .iter()
            .map(|group| required("the id of a network interface's group", group.group_id()))
            .collect::<Result<_, _>>()?,
        tags: tags(given.tag_set()),
        managed_by: managed_by(given).map(str::to_owned),
        kind: match given.interface_type() {
            Some(sdk::NetworkInterfaceType::Trunk) => InterfaceKind::Trunk,
            Some(sdk::NetworkInterfaceType::Branch) => InterfaceKind::Branch,
            _ => InterfaceKind::Other,
        },
        primary: given.attachment().is_some_and(|attachment| {
            attachment.device_index() == Some(0) && attachment.network_card_index().unwrap_or(0) == 0
        }),
        routes: given.source_dest_check() == Some(false),
    })
}

/// The service that operates it, or whoever had it made that nobody else may change.
fn managed_by(given: &sdk::NetworkInterface) -> Option<&str> {
    let operator = given.operator().filter(|operator| operator.managed() == Some(true));
    let operated = operator.map(|operator| operator.principal().unwrap_or("AWS"));
    let requested = given.requester_managed() == Some(true);
    operated.or_else(|| requested.then(|| given.requester_id().unwrap_or("AWS")))
}

/// From DescribeSecurityGroups.
pub fn group(given: &sdk::SecurityGroup) -> Result<SecurityGroup, Problem> {
    Ok(SecurityGroup {
        id: required("a security group's id", given.group_id())?,
        name: required("a security group's name", given.group_name())?,
        vpc_id: required("a security group's VPC", given.vpc_id())?,
        tags: tags(given.tags()),
        ingress: rules(given.ip_permissions())?,
        egress: rules(given.ip_permissions_egress())?,
        descriptions: descriptions(given)?,
    })
}

fn descriptions(given: &sdk::SecurityGroup) -> Result<BTreeMap<GroupRule, String>, Problem> {
    let mut described = BTreeMap::new();
    for permission in given.ip_permissions().iter().chain(given.ip_permissions_egress()) {
        let v4 = permission.ip_ranges().iter().map(|range| range.description());
        let v6 = permission.ipv6_ranges().iter().map(|range| range.description());
        let lists = permission.prefix_list_ids().iter().map(|list| list.description());
        let groups = permission.user_id_group_pairs().iter().map(|pair| pair.description());
        // In the order in which the rules come.
        let said = v4.chain(v6).chain(lists).chain(groups);
        let rules = rules(std::slice::from_ref(permission))?;
        described.extend(rules.into_iter().zip(said).filter_map(|(rule, said)| Some((rule, said?.to_owned()))));
    }
    Ok(described)
}

fn rules(permissions: &[sdk::IpPermission]) -> Result<Vec<GroupRule>, Problem> {
    let mut rules = Vec::new();
    for permission in permissions {
        let protocol = required("a security group rule's protocol", permission.ip_protocol())?;
        let ports = ports(&protocol, permission.from_port(), permission.to_port());
        for peer in peers(permission)? {
            rules.push(GroupRule { protocol: protocol.clone(), ports, peer });
        }
    }
    Ok(rules)
}

fn peers(permission: &sdk::IpPermission) -> Result<Vec<Peer>, Problem> {
    let cidr = |value| required("the network of a security group's rule", value).map(Peer::Cidr);
    let v4 = permission.ip_ranges().iter().map(|range| cidr(range.cidr_ip()));
    let v6 = permission.ipv6_ranges().iter().map(|range| cidr(range.cidr_ipv6()));
    let lists = permission.prefix_list_ids().iter().map(|list| {
        required("the prefix list of a security group's rule", list.prefix_list_id()).map(Peer::PrefixList)
    });
    let groups = permission.user_id_group_pairs().iter().map(|pair| {
        required("the group of a security group's rule", pair.group_id().or(pair.group_name())).map(Peer::Group)
    });
    v4.chain(v6).chain(lists).chain(groups).collect()
}

/// Absent where the rule allows all of them, however AWS writes that for the protocol ("IpPermission", Amazon EC2 API
/// Reference): nothing for `-1` and protocols without ports, 0 to 65535 for TCP and UDP, -1 to -1 for ICMP.
fn ports(protocol: &str, from: Option<i32>, to: Option<i32>) -> Option<(i32, i32)> {
    let given = from.zip(to);
    if protocol == "-1" || given == all_ports(protocol) { None } else { given }
}

fn all_ports(protocol: &str) -> Option<(i32, i32)> {
    match protocol {
        "tcp" | "udp" | "6" | "17" => Some((0, 65_535)),
        "icmp" | "icmpv6" | "1" | "58" => Some((-1, -1)),
        _ => None,
    }
}

/// For Authorize… and RevokeSecurityGroup….
pub fn permission(rule: &GroupRule) -> sdk::IpPermission {
    let GroupRule { protocol, ports, peer } = rule;
    let (from, to) = ports.or_else(|| all_ports(protocol)).unzip();
    let permission = sdk::IpPermission::builder().ip_protocol(protocol).set_from_port(from).set_to_port(to);
    match peer {
        Peer::Cidr(cidr) if cidr.contains(':') => {
            permission.ipv6_ranges(sdk::Ipv6Range::builder().cidr_ipv6(cidr).build())
        }
        Peer::Cidr(cidr) => permission.ip_ranges(sdk::IpRange::builder().cidr_ip(cidr).build()),
        Peer::PrefixList(id) => permission.prefix_list_ids(sdk::PrefixListId::builder().prefix_list_id(id).build()),
        Peer::Group(id) => permission.user_id_group_pairs(sdk::UserIdGroupPair::builder().group_id(id).build()),
    }
    .build()
}

/// For CreateTags and tag specifications.
pub fn sdk_tags(tags: &Tags) -> Vec<sdk::Tag> {
    tags.iter().map(|(key, value)| sdk::Tag::builder().key(key).value(value).build()).collect()
}

/// A filter that means its values literally: in a filter `*` and `?` are wildcards, and a security group's name may
/// contain `*` ("Find your Amazon EC2 resources", Amazon EC2 User Guide).
pub fn filter<V: AsRef<str>>(name: &str, values: impl IntoIterator<Item = V>) -> sdk::Filter {
    let values = values.into_iter().map(|value| literal(value.as_ref())).collect();
    sdk::Filter::builder().name(name).set_values(Some(values)).build()
}

fn literal(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for character in value.chars() {
        if matches!(character, '*' | '?' | '\\') {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn tags(given: &[sdk::Tag]) -> Tags {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    given.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::problem::Disposition;

    fn rule(protocol: &str, ports: Option<(i32, i32)>, peer: Peer) -> GroupRule {
        GroupRule { protocol: protocol.to_owned(), ports, peer }
    }

    #[test]
    fn one_permission_with_several_peers_is_several_rules() {
        let permission = sdk::IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(22)
            .to_port(22)
            .ip_ranges(sdk::IpRange::builder().cidr_ip("10.0.0.0/8").build())
            .ipv6_ranges(sdk::Ipv6Range::builder().cidr_ipv6("fd00::/8").build())
            .prefix_list_ids(sdk::PrefixListId::builder().prefix_list_id("pl-1").build())
            .user_id_group_pairs(sdk::UserIdGroupPair::builder().group_id("sg-1").build())
            .build();
        let ssh = |peer| rule("tcp", Some((22, 22)), peer);
        assert_eq!(
            rules(&[permission]).unwrap(),
            [
                ssh(Peer::Cidr("10.0.0.0/8".into())),
                ssh(Peer::Cidr("fd00::/8".into())),
                ssh(Peer::PrefixList("pl-1".into())),
                ssh(Peer::Group("sg-1".into())),
            ]
        );
    }

    #[test]
    fn a_rule_survives_the_way_to_aws_and_back() {
        let everywhere = || Peer::Cidr("0.0.0.0/0".into());
        for rule in [
            rule("-1", None, everywhere()),
            rule("tcp", None, everywhere()),
            rule("udp", Some((53, 53)), Peer::Cidr("::/0".into())),
            rule("icmp", None, Peer::PrefixList("pl-1".into())),
            rule("icmp", Some((8, -1)), everywhere()),
            rule("50", None, Peer::Group("sg-1".into())),
        ] {
            assert_eq!(rules(&[permission(&rule)]).unwrap(), [rule]);
        }
    }

    #[test]
    fn all_ports_are_sent_as_aws_wants_them_for_the_protocol() {
        let sent = |protocol| {
            let permission = permission(&rule(protocol, None, Peer::Group("sg-1".into())));
            permission.from_port().zip(permission.to_port())
        };
        assert_eq!(sent("tcp"), Some((0, 65_535)));
        assert_eq!(sent("icmp"), Some((-1, -1)));
        assert_eq!(sent("-1"), None);
    }

    #[test]
    fn wildcards_in_a_filter_value_are_meant_literally() {
        assert_eq!(filter("group-name", ["a*b?c\\d"]).values(), ["a\\*b\\?c\\\\d"]);
    }

    #[test]
    fn an_interface_without_an_id_is_a_problem_and_not_a_smaller_answer() {
        let problem = interface(&sdk::NetworkInterface::builder().build()).unwrap_err();
        assert_eq!(problem.disposition, Disposition::Retry);
        assert!(problem.message.contains("a network interface's id"), "{problem}");
    }

    #[test]
    fn an_interface_that_a_service_manages_names_it() {
        let managed = |principal: Option<&str>| {
            let operator =
                sdk::OperatorResponse::builder().managed(true).set_principal(principal.map(str::to_owned)).build();
            let given =
                sdk::NetworkInterface::builder().network_interface_id("eni-1").vpc_id("vpc-1").operator(operator);
            interface(&given.build()).unwrap().managed_by
        };
        assert_eq!(managed(Some("workspaces.amazonaws.com")).as_deref(), Some("workspaces.amazonaws.com"));
        assert_eq!(managed(None).as_deref(), Some("AWS"));
    }

    #[test]
    fn an_interface_that_nobody_else_may_change_names_who_had_it_made() {
        let requested = |managed: bool| {
            let given = sdk::NetworkInterface::builder().network_interface_id("eni-1").vpc_id("vpc-1");
            interface(&given.requester_managed(managed).requester_id("amazon-ecs").build()).unwrap().managed_by
        };
        assert_eq!((requested(true).as_deref(), requested(false)), (Some("amazon-ecs"), None));
    }

    #[test]
    fn each_rule_keeps_what_was_written_beside_it() {
        let pair =
            sdk::UserIdGroupPair::builder().group_id("sg-alb").description("elbv2.k8s.aws/targetGroupBinding=shared");
        let permission = sdk::IpPermission::builder()
            .ip_protocol("tcp")
            .from_port(80)
            .to_port(80)
            .ip_ranges(sdk::IpRange::builder().cidr_ip("10.0.0.0/8").build())
            .user_id_group_pairs(pair.build());
        let given = sdk::SecurityGroup::builder().group_id("sg-1").group_name("cut").vpc_id("vpc-1");
        let group = group(&given.ip_permissions(permission.build()).build()).unwrap();
        let described: Vec<_> = group.descriptions.into_iter().collect();
        let written = rule("tcp", Some((80, 80)), Peer::Group("sg-alb".into()));
        assert_eq!(described, [(written, "elbv2.k8s.aws/targetGroupBinding=shared".to_owned())]);
    }

    #[test]
    fn shutting_down_counts_as_terminated_and_stopped_does_not() {
        assert_eq!(state(Some(&sdk::InstanceStateName::ShuttingDown)), InstanceState::Terminated);
        assert_eq!(state(Some(&sdk::InstanceStateName::Terminated)), InstanceState::Terminated);
        assert_eq!(state(Some(&sdk::InstanceStateName::Stopped)), InstanceState::Present);
        assert_eq!(state(Some(&sdk::InstanceStateName::Pending)), InstanceState::Present);
    }
}
