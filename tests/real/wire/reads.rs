//! Reads: what is found, what is absent, and that nothing is left out.

use super::account::{Account, Subnet, owned, tags};
use super::emulator::{calls, mark_interface};
use aws_sdk_ec2::types::{AddPrefixListEntry, IpPermission, IpRange, Ipv6Range};
use futures::future::join_all;
use quarantine_operator::model::ec2::{GroupRule, InstanceState, InterfaceKind, Peer};
use serde_json::json;
use std::collections::BTreeSet;

const UNKNOWN_INSTANCE: &str = "i-00000000000000000";
const UNKNOWN_INTERFACE: &str = "eni-00000000000000000";

#[tokio::test]
async fn an_unknown_instance_is_none() {
    let account = Account::fresh().await;
    assert_eq!(account.ec2.instance(UNKNOWN_INSTANCE).await, Ok(None));
}

#[tokio::test]
async fn a_malformed_instance_id_is_none_and_no_error() {
    let account = Account::fresh().await;
    assert_eq!(account.ec2.instance("nonsense*").await, Ok(None));
}

#[tokio::test]
async fn an_instance_comes_with_its_tags_and_the_volumes_that_go_with_it() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let id = account.instance(&subnet, &[]).await;
    account.ec2.tag(std::slice::from_ref(&id), &tags([("Name", "checkout-1")])).await.unwrap();
    let instance = account.ec2.instance(&id).await.unwrap().expect("it was launched");
    assert_eq!((instance.id, instance.state), (id, InstanceState::Present));
    assert_eq!(instance.tags, tags([("Name", "checkout-1")]));
    assert_eq!(instance.volumes_deleted_on_termination.len(), 1);
}

#[tokio::test]
async fn a_terminated_instance_is_terminated_and_a_stopped_one_is_not() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let id = account.instance(&subnet, &[]).await;
    account.owner.stop_instances().instance_ids(&id).send().await.unwrap();
    assert_eq!(account.ec2.instance(&id).await.unwrap().unwrap().state, InstanceState::Present);
    account.owner.terminate_instances().instance_ids(&id).send().await.unwrap();
    assert_eq!(account.ec2.instance(&id).await.unwrap().unwrap().state, InstanceState::Terminated);
}

#[tokio::test]
async fn every_interface_of_an_instance_is_found_with_exactly_its_groups() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (web, app, db) =
        (account.group(&subnet, "web").await, account.group(&subnet, "app").await, account.group(&subnet, "db").await);
    let instance = account.instance(&subnet, &[&web, &app]).await;
    let second = account.interface(&subnet, &[&db]).await;
    account.attach(&instance, &second, 1).await;
    account.interface(&subnet, &[&web]).await;

    let found = account.ec2.interfaces_attached_to(&instance).await.unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|interface| interface.instance_id.as_ref() == Some(&instance)));
    assert!(found.iter().all(|interface| interface.vpc_id == subnet.vpc_id));
    let (second, first): (Vec<_>, Vec<_>) = found.into_iter().partition(|interface| interface.id == second);
    assert_eq!(second[0].groups, [db]);
    assert_eq!(first[0].groups, [web, app]);
}

#[tokio::test]
async fn an_interface_that_aws_hides_and_manages_is_found_and_names_its_service() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let instance = account.instance(&subnet, &[]).await;
    let id = account.ec2.interfaces_attached_to(&instance).await.unwrap().remove(0).id;
    mark_interface(&id, json!({"managed": "eks.amazonaws.com"}));
    let found = account.ec2.interfaces_attached_to(&instance).await.unwrap();
    assert_eq!(found[0].managed_by.as_deref(), Some("eks.amazonaws.com"));
}

#[tokio::test]
async fn a_trunk_is_known_as_one_and_its_branches_are_found_by_their_tag() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (trunk, branch) = (account.interface(&subnet, &[]).await, account.interface(&subnet, &[]).await);
    mark_interface(&trunk, json!({"interfaceType": "trunk"}));
    mark_interface(&branch, json!({"interfaceType": "branch"}));
    let tag = tags([("vpcresources.k8s.aws/trunk-eni-id", &trunk)]);
    account.ec2.tag(std::slice::from_ref(&branch), &tag).await.unwrap();

    assert_eq!(account.read(&trunk).await.kind, InterfaceKind::Trunk);
    let branches = account.ec2.branch_interfaces(&[trunk]).await.unwrap();
    assert_eq!(branches.iter().map(|interface| &interface.id).collect::<Vec<_>>(), [&branch]);
    assert_eq!(branches[0].kind, InterfaceKind::Branch);
}

#[tokio::test]
async fn unknown_interfaces_are_absent_and_fail_nothing() {
    let account = Account::fresh().await;
    let known = account.interface(&account.subnet().await, &[]).await;
    let found = account.ec2.interfaces(&owned([UNKNOWN_INTERFACE, &known])).await.unwrap();
    assert_eq!(found.iter().map(|interface| &interface.id).collect::<Vec<_>>(), [&known]);
}

#[tokio::test]
async fn more_ids_than_a_filter_takes_are_asked_for_in_several_calls() {
    let account = Account::fresh().await;
    let known = account.interface(&account.subnet().await, &[]).await;
    let mut ids = vec![UNKNOWN_INTERFACE.to_owned(); 200];
    ids.push(known);
    assert_eq!(account.ec2.interfaces(&ids).await.unwrap().len(), 1);
    assert_eq!(calls(&account.id, "DescribeNetworkInterfaces").len(), 2);
}

#[tokio::test]
async fn many_who_look_at_the_same_time_share_calls_and_each_gets_its_own_answer() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let group = account.group(&subnet, "web").await;
    let launched = account.owner.run_instances().image_id("ami-12c6146b").min_count(250).max_count(250);
    let launched = launched.subnet_id(&subnet.id).security_group_ids(&group).send().await.unwrap();
    let ids: Vec<&str> = launched.instances().iter().filter_map(|launched| launched.instance_id()).collect();
    let looks = ids.iter().map(async |id| {
        let wanted = std::slice::from_ref(&group);
        let look = (account.ec2.instance(id), account.ec2.interfaces_attached_to(id), account.ec2.groups(wanted));
        futures::join!(look.0, look.1, look.2)
    });
    for (id, (instance, interfaces, groups)) in ids.iter().zip(join_all(looks).await) {
        assert_eq!(instance.unwrap().map(|instance| instance.id).as_deref(), Some(*id));
        let attached: Vec<_> = interfaces.unwrap().into_iter().map(|interface| interface.instance_id).collect();
        assert_eq!(attached, [Some((*id).to_owned())]);
        assert_eq!(groups.unwrap().into_iter().map(|found| found.id).collect::<Vec<_>>(), std::slice::from_ref(&group));
    }
    for operation in ["DescribeInstances", "DescribeNetworkInterfaces", "DescribeSecurityGroups"] {
        let made = calls(&account.id, operation).len();
        assert!((1..=10).contains(&made), "{made} calls of {operation} for 250 who look");
    }
}

#[tokio::test]
async fn the_interfaces_that_carry_a_group_are_counted_attached_or_not() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (used, unused) = (account.group(&subnet, "used").await, account.group(&subnet, "unused").await);
    account.instance(&subnet, &[&used]).await;
    account.interface(&subnet, &[&used]).await;
    assert_eq!(account.ec2.interfaces_with_group(&used).await, Ok(2));
    assert_eq!(account.ec2.interfaces_with_group(&unused).await, Ok(0));
}

#[tokio::test]
async fn no_ids_are_no_calls() {
    let account = Account::fresh().await;
    assert_eq!(account.ec2.interfaces(&[]).await, Ok(vec![]));
    assert_eq!(account.ec2.groups(&[]).await, Ok(vec![]));
    assert!(calls(&account.id, "DescribeNetworkInterfaces").is_empty());
    assert!(calls(&account.id, "DescribeSecurityGroups").is_empty());
}

#[tokio::test]
async fn a_group_is_found_by_name_in_every_vpc() {
    let account = Account::fresh().await;
    let (here, there) = (account.subnet().await, account.subnet().await);
    let mut made = [account.group(&here, "isolation").await, account.group(&there, "isolation").await];
    account.group(&here, "isolation-2").await;
    let mut found: Vec<_> =
        account.ec2.groups_named("isolation").await.unwrap().into_iter().map(|group| group.id).collect();
    made.sort();
    found.sort();
    assert_eq!(found, made);
}

#[tokio::test]
async fn a_star_in_a_groups_name_is_a_star() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    account.group(&subnet, "isolation-anything").await;
    let literal = account.group(&subnet, "isolation-*").await;
    let found = account.ec2.groups_named("isolation-*").await.unwrap();
    assert_eq!(found.iter().map(|group| &group.id).collect::<Vec<_>>(), [&literal]);
}

#[tokio::test]
async fn each_peer_of_a_groups_rules_is_a_rule_of_its_own() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let group = account.group(&subnet, "ssh").await;
    let ssh = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .ip_ranges(IpRange::builder().cidr_ip("10.0.0.0/8").build())
        .ip_ranges(IpRange::builder().cidr_ip("192.168.0.0/16").build())
        .ipv6_ranges(Ipv6Range::builder().cidr_ipv6("fd00::/8").build())
        .build();
    account.owner.authorize_security_group_ingress().group_id(&group).ip_permissions(ssh).send().await.unwrap();

    let read = account.ec2.groups(std::slice::from_ref(&group)).await.unwrap().remove(0);
    assert_eq!((read.id, read.name, read.vpc_id), (group, "ssh".to_owned(), subnet.vpc_id));
    let ssh = |cidr: &str| rule("tcp", Some((22, 22)), cidr);
    let mut ingress = read.ingress;
    ingress.sort();
    assert_eq!(ingress, [ssh("10.0.0.0/8"), ssh("192.168.0.0/16"), ssh("fd00::/8")]);
    assert_eq!(read.egress, [rule("-1", None, "0.0.0.0/0")]);
}

#[tokio::test]
async fn a_group_serves_its_own_vpc_and_those_it_is_associated_with() {
    let account = Account::fresh().await;
    let (own, associated, other) = (account.subnet().await, account.subnet().await, account.subnet().await);
    let (group, private) = (account.group(&own, "shared").await, account.group(&own, "private").await);
    let associate = account.owner.associate_security_group_vpc().group_id(&group).vpc_id(&associated.vpc_id);
    associate.send().await.unwrap();
    let asked = [group.clone(), private.clone()];
    let serving = async |subnet: &Subnet| account.ec2.groups_serving_vpc(&asked, &subnet.vpc_id).await;
    assert_eq!(serving(&own).await, Ok(BTreeSet::from([group.clone(), private])));
    assert_eq!(serving(&associated).await, Ok(BTreeSet::from([group])));
    assert_eq!(serving(&other).await, Ok(BTreeSet::new()));
}

#[tokio::test]
async fn a_prefix_list_is_its_networks() {
    let account = Account::fresh().await;
    let entry = |cidr: &str| AddPrefixListEntry::builder().cidr(cidr).build();
    let call = account.owner.create_managed_prefix_list().prefix_list_name("corporate").address_family("IPv4");
    let made = call.max_entries(10).entries(entry("10.0.0.0/8")).entries(entry("172.16.0.0/12")).send().await.unwrap();
    let id = made.prefix_list().and_then(|list| list.prefix_list_id()).expect("a prefix list has an id");
    assert_eq!(account.ec2.prefix_list(id).await, Ok(owned(["10.0.0.0/8", "172.16.0.0/12"])));
}

fn rule(protocol: &str, ports: Option<(i32, i32)>, cidr: &str) -> GroupRule {
    GroupRule { protocol: protocol.to_owned(), ports, peer: Peer::Cidr(cidr.to_owned()) }
}

#[tokio::test]
async fn interfaces_are_found_by_the_keys_of_their_tags_whatever_the_values() {
    let account = Account::fresh().await;
    let subnet = account.subnet().await;
    let (one, other, without) = (
        account.interface(&subnet, &[]).await,
        account.interface(&subnet, &[]).await,
        account.interface(&subnet, &[]).await,
    );
    account.ec2.tag(std::slice::from_ref(&one), &tags([("held-by", "a")])).await.unwrap();
    account.ec2.tag(std::slice::from_ref(&other), &tags([("held-since", "")])).await.unwrap();
    account.ec2.tag(&[without], &tags([("held", "by a value: held-by")])).await.unwrap();
    let found = account.ec2.interfaces_tagged(&["held-by", "held-since"]).await.unwrap();
    let mut ids: Vec<String> = found.into_iter().map(|interface| interface.id).collect();
    ids.sort();
    let mut wanted = [one, other];
    wanted.sort();
    assert_eq!(ids, wanted);
}
