"""Security groups and their rules: corrections of security_groups and rules."""

from typing import Any

from .harness import Case
from .proofs import proves

ANYWHERE = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def tcp(port: int, **peers: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **peers}


class Groups(Case):
    @proves("group-in-use")
    def test_a_group_on_an_interface_is_not_deleted(self) -> None:
        (group,) = self.make_groups(1)
        interface = self.make_interface(group)
        with self.refused("DependencyViolation"):
            self.ec2.delete_security_group(GroupId=group)
        self.ec2.delete_network_interface(NetworkInterfaceId=interface)
        self.ec2.delete_security_group(GroupId=group)

    @proves("group-in-use")
    def test_a_group_that_another_names_is_not_deleted(self) -> None:
        named, naming = self.make_groups(2)
        rule = tcp(22, UserIdGroupPairs=[{"GroupId": named}])
        self.ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=[rule])
        with self.refused("DependencyViolation"):
            self.ec2.delete_security_group(GroupId=named)

    def test_a_group_that_names_itself_is_deleted(self) -> None:
        (group,) = self.make_groups(1)
        rule = tcp(22, UserIdGroupPairs=[{"GroupId": group}])
        self.ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        self.ec2.delete_security_group(GroupId=group)
        with self.refused("InvalidGroup.NotFound"):
            self.ec2.describe_security_groups(GroupIds=[group])

    @proves("group-of-a-vpc")
    def test_a_group_needs_a_vpc_that_exists(self) -> None:
        with self.refused("InvalidVpcID.NotFound"):
            self.make_groups(1, vpc="vpc-00000000000000000")

    def test_a_name_is_used_once_in_a_vpc(self) -> None:
        self.make_groups(1)
        with self.refused("InvalidGroup.Duplicate"):
            self.make_groups(1)
        self.make_groups(1, vpc=self.make_vpc()[0])

    def test_a_group_is_found_by_name_vpc_and_tags(self) -> None:
        name = f"isolation-{self.vpc}"
        tags = [{"Key": "owner", "Value": self.vpc}]
        made = self.ec2.create_security_group(
            GroupName=name,
            Description="d",
            VpcId=self.vpc,
            TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
        )["GroupId"]
        by_name = [{"Name": "group-name", "Values": [name]}, {"Name": "vpc-id", "Values": [self.vpc]}]
        for filters in (by_name, [{"Name": "tag:owner", "Values": [self.vpc]}]):
            (group,) = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
            self.assertEqual((group["GroupId"], group["Tags"]), (made, tags))

    @proves("describe-groups")
    def test_groups_and_rules_come_in_pages(self) -> None:
        groups = self.make_groups(6)
        in_vpc = [{"Name": "vpc-id", "Values": [self.vpc]}]
        page = self.ec2.describe_security_groups(Filters=in_vpc, MaxResults=5)
        rest = self.ec2.describe_security_groups(Filters=in_vpc, MaxResults=5, NextToken=page["NextToken"])
        found = [group["GroupId"] for group in page["SecurityGroups"] + rest["SecurityGroups"]]
        self.assertEqual((len(page["SecurityGroups"]), len(found)), (5, 7))
        self.assertTrue(set(groups) < set(found))
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": groups}], MaxResults=5)
        self.assertEqual(len(rules["SecurityGroupRules"]), 5)

    @proves("describe-groups")
    def test_an_unknown_filter_is_refused(self) -> None:
        with self.refused("InvalidParameterValue"):
            self.ec2.describe_security_groups(Filters=[{"Name": "no-such-filter", "Values": ["x"]}])

    @proves("groups-for-vpc")
    def test_the_groups_for_a_vpc_are_its_own_and_those_associated(self) -> None:
        own = self.make_groups(2)
        associated, other = self.make_groups(2, vpc=self.make_vpc()[0])
        self.ec2.associate_security_group_vpc(GroupId=associated, VpcId=self.vpc)
        found = self.ec2.get_security_groups_for_vpc(VpcId=self.vpc)["SecurityGroupForVpcs"]
        by_id = {group["GroupId"]: group for group in found}
        self.assertTrue({*own, associated} < set(by_id))
        self.assertNotIn(other, by_id)
        self.assertNotEqual(by_id[associated]["PrimaryVpcId"], self.vpc)
        (one,) = self.ec2.get_security_groups_for_vpc(
            VpcId=self.vpc, Filters=[{"Name": "group-id", "Values": own[:1]}]
        )["SecurityGroupForVpcs"]
        self.assertEqual(one["GroupId"], own[0])


class Rules(Case):
    def setUp(self) -> None:
        super().setUp()
        (self.group,) = self.make_groups(1)

    def shown(self, which: str = "IpPermissions") -> list[dict[str, Any]]:
        return self.ec2.describe_security_groups(GroupIds=[self.group])["SecurityGroups"][0][which]

    def allow(self, *permissions: dict[str, Any]) -> Any:
        return self.ec2.authorize_security_group_ingress(GroupId=self.group, IpPermissions=list(permissions))

    def revoke(self, *permissions: dict[str, Any]) -> Any:
        return self.ec2.revoke_security_group_ingress(GroupId=self.group, IpPermissions=list(permissions))

    def test_a_new_group_lets_everything_out_until_that_is_revoked(self) -> None:
        (permission,) = self.shown("IpPermissionsEgress")
        self.assertEqual((permission["IpProtocol"], permission["IpRanges"]), ("-1", [{"CidrIp": "0.0.0.0/0"}]))
        self.ec2.revoke_security_group_egress(GroupId=self.group, IpPermissions=[ANYWHERE])
        self.assertEqual(self.shown("IpPermissionsEgress"), [])
        rules = self.ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [self.group]}])
        self.assertEqual(rules["SecurityGroupRules"], [])

    def test_every_kind_of_peer_is_allowed_shown_and_revoked(self) -> None:
        (source,) = self.make_groups_named("source")
        lists = self.ec2.create_managed_prefix_list(
            PrefixListName="corporate", AddressFamily="IPv4", MaxEntries=1, Entries=[{"Cidr": "10.0.0.0/8"}]
        )["PrefixList"]["PrefixListId"]
        rule = tcp(
            22,
            IpRanges=[{"CidrIp": "192.0.2.0/24"}],
            Ipv6Ranges=[{"CidrIpv6": "2001:db8::/32"}],
            PrefixListIds=[{"PrefixListId": lists}],
            UserIdGroupPairs=[{"GroupId": source}],
        )
        self.allow(rule)
        (shown,) = self.shown()
        for key in ("IpRanges", "Ipv6Ranges", "PrefixListIds"):
            self.assertEqual(shown[key], rule[key])
        self.assertEqual(shown["UserIdGroupPairs"][0]["GroupId"], source)
        self.revoke(rule)
        self.assertEqual(self.shown(), [])

    def make_groups_named(self, name: str) -> list[str]:
        return [self.ec2.create_security_group(GroupName=name, Description="d", VpcId=self.vpc)["GroupId"]]

    def test_an_existing_rule_is_a_duplicate_and_an_absent_one_not_found(self) -> None:
        rule = tcp(22, IpRanges=[{"CidrIp": "192.0.2.0/24"}])
        self.allow(rule)
        with self.refused("InvalidPermission.Duplicate"):
            self.allow(rule)
        self.revoke(rule)
        with self.refused("InvalidPermission.NotFound"):
            self.revoke(rule)

    @proves("rule-form")
    def test_a_cidr_is_kept_in_canonical_form(self) -> None:
        self.allow(tcp(22, IpRanges=[{"CidrIp": "100.68.0.18/18"}], Ipv6Ranges=[{"CidrIpv6": "2001:DB8::1/32"}]))
        (shown,) = self.shown()
        self.assertEqual(shown["IpRanges"], [{"CidrIp": "100.68.0.0/18"}])
        self.assertEqual(shown["Ipv6Ranges"], [{"CidrIpv6": "2001:db8::/32"}])

    @proves("rule-form")
    def test_tcp_needs_ports(self) -> None:
        with self.refused("InvalidParameterValue"):
            self.allow({"IpProtocol": "tcp", "IpRanges": [{"CidrIp": "192.0.2.0/24"}]})

    @proves("rule-identity")
    def test_the_description_of_a_group_does_not_make_another_rule(self) -> None:
        self.allow(tcp(22, UserIdGroupPairs=[{"GroupId": self.group, "Description": "ourselves"}]))
        self.revoke(tcp(22, UserIdGroupPairs=[{"GroupId": self.group}]))
        self.assertEqual(self.shown(), [])

    @proves("authorize-all-or-none")
    def test_a_faulty_rule_keeps_the_others_out(self) -> None:
        old, new = (tcp(22, IpRanges=[{"CidrIp": f"192.0.{i}.0/24"}]) for i in (2, 3))
        self.allow(old)
        with self.refused("InvalidPermission.Duplicate"):
            self.allow(new, old)
        self.assertEqual(self.shown()[0]["IpRanges"], old["IpRanges"])

    @proves("authorize-all-or-none")
    def test_the_answer_names_all_rules_added(self) -> None:
        answer = self.allow(*(tcp(port, IpRanges=[{"CidrIp": "192.0.2.0/24"}]) for port in (22, 3389)))
        self.assertEqual([rule["FromPort"] for rule in answer["SecurityGroupRules"]], [22, 3389])

    @proves("revoke-all-or-none")
    def test_an_absent_rule_keeps_the_others_in(self) -> None:
        present, absent = (tcp(22, IpRanges=[{"CidrIp": f"192.0.{i}.0/24"}]) for i in (2, 3))
        self.allow(present)
        with self.refused("InvalidPermission.NotFound"):
            self.revoke(present, absent)
        self.assertEqual(self.shown()[0]["IpRanges"], present["IpRanges"])

    @proves("revoke-all-or-none")
    def test_ipv6_egress_is_revoked_where_the_vpc_has_no_ipv6(self) -> None:
        rule = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
        self.ec2.authorize_security_group_egress(GroupId=self.group, IpPermissions=[rule])
        answer = self.ec2.revoke_security_group_egress(GroupId=self.group, IpPermissions=[rule, ANYWHERE])
        self.assertEqual(self.shown("IpPermissionsEgress"), [])
        self.assertEqual(len(answer["RevokedSecurityGroupRules"]), 2)

    def test_rules_are_revoked_by_their_ids(self) -> None:
        (rule,) = self.allow(tcp(22, IpRanges=[{"CidrIp": "192.0.2.0/24"}]))["SecurityGroupRules"]
        self.ec2.revoke_security_group_ingress(GroupId=self.group, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
        self.assertEqual(self.shown(), [])
