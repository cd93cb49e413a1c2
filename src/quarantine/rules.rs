//! The rules of isolation groups. Pure: whether a group is open, and what brings a managed group in line.

use crate::{
    api::ManagedSecurityGroup,
    model::ec2::{GroupRule, Peer, SecurityGroup},
};
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};

/// What brings a managed group's rules in line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mend {
    pub authorize_ingress: Vec<GroupRule>,
    pub revoke_ingress: Vec<GroupRule>,
    pub revoke_egress: Vec<GroupRule>,
}

impl Mend {
    pub fn is_empty(&self) -> bool {
        self.authorize_ingress.is_empty() && self.revoke_ingress.is_empty() && self.revoke_egress.is_empty()
    }
}

/// What has to change so that `group` has the declared ingress rules, and no egress at all.
pub fn mend(group: &SecurityGroup, declared: &ManagedSecurityGroup) -> Mend {
    let wanted = declared_ingress(declared);
    let present: BTreeSet<GroupRule> = group.ingress.iter().cloned().collect();
    Mend {
        authorize_ingress: wanted.difference(&present).cloned().collect(),
        revoke_ingress: present.difference(&wanted).cloned().collect(),
        revoke_egress: group.egress.clone(),
    }
}

/// The ingress rules that a class declares.
pub fn declared_ingress(declared: &ManagedSecurityGroup) -> BTreeSet<GroupRule> {
    declared
        .ingress
        .iter()
        .flat_map(|rule| {
            let protocol = match rule.protocol {
                crate::api::Protocol::Tcp => "tcp",
                crate::api::Protocol::Udp => "udp",
            };
            let cidrs = rule.cidrs.iter().map(|cidr| Peer::Cidr(canonical(cidr)));
            let lists = rule.prefix_list_ids.iter().cloned().map(Peer::PrefixList);
            let groups = rule.source_security_group_ids.iter().cloned().map(Peer::Group);
            let ports = Some((rule.port, rule.port));
            cidrs
                .chain(lists)
                .chain(groups)
                .map(move |peer| GroupRule { protocol: protocol.to_owned(), ports, peer })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// AWS answers IPv6 networks in their canonical form, however they were written.
fn canonical(cidr: &str) -> String {
    cidr.parse::<IpNet>().map_or_else(|_| cidr.to_owned(), |net| net.trunc().to_string())
}

/// What is wrong with a group as an isolation group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leaks {
    /// It lets everyone in.
    pub ingress_from_everywhere: bool,
    /// It lets the instance reach everything.
    pub egress_to_everywhere: bool,
    /// It lets isolated instances talk to each other.
    pub among_isolated: bool,
}

impl Leaks {
    /// It does not isolate at all.
    pub fn open(&self) -> bool {
        self.ingress_from_everywhere || self.egress_to_everywhere
    }
}

/// Reads a group's rules. `prefix_lists` holds the networks of each prefix list that they name.
pub fn leaks(group: &SecurityGroup, prefix_lists: &BTreeMap<String, Vec<String>>) -> Leaks {
    Leaks {
        ingress_from_everywhere: covers_everything(&group.ingress, prefix_lists),
        egress_to_everywhere: covers_everything(&group.egress, prefix_lists),
        among_isolated: group
            .ingress
            .iter()
            .chain(&group.egress)
            .any(|rule| rule.peer == Peer::Group(group.id.clone())),
    }
}

/// Whether the peers, taken together, are all of IPv4 or all of IPv6: whole, in halves, or by prefix list.
fn covers_everything(rules: &[GroupRule], prefix_lists: &BTreeMap<String, Vec<String>>) -> bool {
    let networks: Vec<IpNet> = rules
        .iter()
        .flat_map(|rule| match &rule.peer {
            Peer::Cidr(cidr) => std::slice::from_ref(cidr),
            Peer::PrefixList(id) => prefix_lists.get(id).map_or(&[][..], Vec::as_slice),
            Peer::Group(_) => &[],
        })
        .filter_map(|cidr| cidr.parse().ok())
        .collect();
    IpNet::aggregate(&networks).iter().any(|network| network.prefix_len() == 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{IngressRule, Protocol};
    use proptest::prelude::*;

    fn rule(peer: Peer) -> GroupRule {
        GroupRule { protocol: "tcp".to_owned(), ports: Some((22, 22)), peer }
    }

    fn cidr(cidr: &str) -> GroupRule {
        rule(Peer::Cidr(cidr.to_owned()))
    }

    fn group(ingress: Vec<GroupRule>, egress: Vec<GroupRule>) -> SecurityGroup {
        SecurityGroup {
            id: "sg-1".to_owned(),
            name: "IncidentResponseSG".to_owned(),
            vpc_id: "vpc-1".to_owned(),
            tags: BTreeMap::new(),
            ingress,
            egress,
            ..SecurityGroup::default()
        }
    }

    #[test]
    fn everywhere_is_seen_whole_in_halves_and_by_prefix_list() {
        let lists = BTreeMap::from([("pl-1".to_owned(), vec!["0.0.0.0/2".to_owned(), "64.0.0.0/2".to_owned()])]);
        for (rules, open) in [
            (vec![cidr("0.0.0.0/0")], true),
            (vec![cidr("::/0")], true),
            (vec![cidr("0.0.0.0/1"), cidr("128.0.0.0/1")], true),
            (vec![cidr("::/1"), cidr("8000::/1")], true),
            (vec![rule(Peer::PrefixList("pl-1".to_owned())), cidr("128.0.0.0/1")], true),
            (vec![rule(Peer::PrefixList("pl-1".to_owned()))], false),
            (vec![cidr("0.0.0.0/1")], false),
            (vec![cidr("10.0.0.0/8"), cidr("2001:db8::/32")], false),
            (vec![], false),
        ] {
            assert_eq!(leaks(&group(rules.clone(), vec![]), &lists).open(), open, "ingress {rules:?}");
            assert_eq!(leaks(&group(vec![], rules.clone()), &lists).open(), open, "egress {rules:?}");
        }
    }

    #[test]
    fn egress_to_loopback_or_to_the_broadcast_address_is_no_egress() {
        for cidr_ in ["127.0.0.1/32", "127.0.0.0/8", "255.255.255.255/32"] {
            assert!(!leaks(&group(vec![], vec![cidr(cidr_)]), &BTreeMap::new()).open());
        }
    }

    #[test]
    fn a_rule_that_lets_isolated_machines_talk_to_each_other_is_seen() {
        let talk = group(vec![rule(Peer::Group("sg-1".to_owned()))], vec![]);
        assert!(leaks(&talk, &BTreeMap::new()).among_isolated);
        let other = group(vec![rule(Peer::Group("sg-2".to_owned()))], vec![]);
        assert!(!leaks(&other, &BTreeMap::new()).among_isolated);
    }

    #[test]
    fn a_managed_group_gets_the_declared_ingress_and_loses_everything_else() {
        let declared = ManagedSecurityGroup {
            name: "IncidentResponseSG".to_owned(),
            description: String::new(),
            ingress: vec![IngressRule {
                protocol: Protocol::Tcp,
                port: 22,
                cidrs: vec!["10.0.0.0/8".to_owned(), "2001:DB8::/32".to_owned()],
                ..IngressRule::default()
            }],
        };
        let fresh = group(
            vec![cidr("0.0.0.0/0")],
            vec![GroupRule { protocol: "-1".to_owned(), ports: None, peer: Peer::Cidr("0.0.0.0/0".to_owned()) }],
        );
        let mending = mend(&fresh, &declared);
        assert_eq!(mending.authorize_ingress, vec![cidr("10.0.0.0/8"), cidr("2001:db8::/32")]);
        assert_eq!(mending.revoke_ingress, vec![cidr("0.0.0.0/0")]);
        assert_eq!(mending.revoke_egress, fresh.egress);

        let mended = group(mending.authorize_ingress, vec![]);
        assert!(mend(&mended, &declared).is_empty());
    }

    #[test]
    fn each_kind_of_source_becomes_a_rule_of_its_own() {
        let rule = IngressRule {
            protocol: Protocol::Udp,
            port: 53,
            cidrs: vec!["10.0.0.0/8".to_owned()],
            prefix_list_ids: vec!["pl-1".to_owned()],
            source_security_group_ids: vec!["sg-2".to_owned()],
        };
        let declared = ManagedSecurityGroup { ingress: vec![rule], ..ManagedSecurityGroup::default() };
        let peers: Vec<Peer> =
            mend(&group(vec![], vec![]), &declared).authorize_ingress.into_iter().map(|rule| rule.peer).collect();
        assert_eq!(
            peers,
            [Peer::Cidr("10.0.0.0/8".to_owned()), Peer::PrefixList("pl-1".to_owned()), Peer::Group("sg-2".to_owned())]
        );
    }

    #[test]
    fn a_network_that_is_no_network_opens_nothing() {
        assert!(!leaks(&group(vec![cidr("everything")], vec![]), &BTreeMap::new()).open());
    }

    fn some_rule() -> impl Strategy<Value = GroupRule> {
        let nets = ["10.0.0.0/8", "192.168.0.0/16", "2001:db8::/32", "0.0.0.0/0", "::/0"];
        (prop::sample::select(vec!["tcp", "udp", "-1"]), 1..4_i32, prop::sample::select(nets.to_vec())).prop_map(
            |(protocol, port, net)| GroupRule {
                protocol: protocol.to_owned(),
                ports: Some((port, port)),
                peer: Peer::Cidr(net.to_owned()),
            },
        )
    }

    proptest! {
        #[test]
        fn one_mending_brings_any_group_in_line_and_leaves_no_egress(
            ingress in prop::collection::vec(some_rule(), 0..6),
            egress in prop::collection::vec(some_rule(), 0..6),
            ports in prop::collection::vec(1..4_i32, 0..4),
        ) {
            let ingress_rule = |port| IngressRule { port, cidrs: vec!["10.0.0.0/8".to_owned(), "2001:DB8::/32".to_owned()], ..IngressRule::default() };
            let declared = ManagedSecurityGroup { ingress: ports.into_iter().map(ingress_rule).collect(), ..ManagedSecurityGroup::default() };
            let mut mended = group(ingress, egress);
            let mending = mend(&mended, &declared);
            mended.ingress.retain(|rule| !mending.revoke_ingress.contains(rule));
            mended.ingress.extend(mending.authorize_ingress);
            mended.egress.retain(|rule| !mending.revoke_egress.contains(rule));
            prop_assert!(mended.egress.is_empty());
            prop_assert!(mend(&mended, &declared).is_empty());
            prop_assert!(!leaks(&mended, &BTreeMap::new()).open());
        }
    }
}
