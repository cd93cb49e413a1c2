"""What holds for every EC2 call, and tags: corrections of requests and tags."""

from .harness import Case
from .proofs import proves


class DryRuns(Case):
    @proves("dry-run")
    def test_a_dry_run_changes_nothing_however_true_is_spelt(self) -> None:
        own, other = self.make_groups(2)
        interface = self.make_interface(own)
        for spelling in ("true", "True", "1"):
            status, body = self.emulator.query(
                Action="ModifyNetworkInterfaceAttribute",
                NetworkInterfaceId=interface,
                SecurityGroupId__1=other,
                DryRun=spelling,
            )
            self.assertEqual((status, "<Code>DryRunOperation</Code>" in body), (412, True), spelling)
        self.assertEqual(self.groups_on(interface), [own])

    @proves("dry-run")
    def test_every_call_of_ours_can_be_a_dry_run(self) -> None:
        (group,) = self.make_groups(1)
        instance = self.launch()
        (interface,) = self.interfaces_of(instance)
        tags = {"Resources": [interface], "Tags": [{"Key": "k", "Value": "v"}]}
        rules = {"GroupId": group, "IpPermissions": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]}
        calls = {
            "modify_network_interface_attribute": {"NetworkInterfaceId": interface, "Groups": [group]},
            "modify_instance_attribute": {"InstanceId": instance, "Groups": [group]},
            "describe_instances": {},
            "describe_network_interfaces": {},
            "describe_security_groups": {},
            "describe_security_group_rules": {},
            "describe_volumes": {},
            "describe_vpcs": {},
            "get_security_groups_for_vpc": {"VpcId": self.vpc},
            "create_tags": tags,
            "delete_tags": tags,
            "create_security_group": {"GroupName": "n", "Description": "d", "VpcId": self.vpc},
            "delete_security_group": {"GroupId": group},
            "authorize_security_group_ingress": rules,
            "authorize_security_group_egress": rules,
            "revoke_security_group_ingress": rules,
            "revoke_security_group_egress": rules,
            "run_instances": {"ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "SubnetId": self.subnet},
            "terminate_instances": {"InstanceIds": [instance]},
        }
        for name, params in calls.items():
            with self.subTest(call=name), self.refused("DryRunOperation", status=412):
                getattr(self.ec2, name)(DryRun=True, **params)

    def test_dry_run_false_is_no_dry_run(self) -> None:
        for spelling in ("false", "False", "0"):
            status, _ = self.emulator.query(Action="DescribeInstances", DryRun=spelling)
            self.assertEqual(status, 200)


class Ids(Case):
    @proves("malformed-ids")
    def test_malformed_ids_are_told_from_unknown_ones(self) -> None:
        with self.refused("InvalidInstanceID.Malformed"):
            self.ec2.describe_instances(InstanceIds=["i-xyz"])
        with self.refused("InvalidNetworkInterfaceId.Malformed"):
            self.ec2.describe_network_interfaces(NetworkInterfaceIds=["eni-1"])
        with self.refused("InvalidGroupId.Malformed"):
            self.set_groups(self.make_interface(), "sg-nothing")
        with self.refused("InvalidGroupId.Malformed"):
            self.ec2.describe_security_groups(GroupIds=["vpc-00000000000000000"])

    def test_unknown_ids_are_not_found(self) -> None:
        with self.refused("InvalidInstanceID.NotFound"):
            self.ec2.describe_instances(InstanceIds=["i-00000000000000000"])
        with self.refused("InvalidGroup.NotFound"):
            self.ec2.describe_security_groups(GroupIds=["sg-00000000000000000"])

    @proves("same-id-twice")
    def test_an_instance_asked_for_twice_is_shown_once(self) -> None:
        instance = self.launch()
        (reservation,) = self.ec2.describe_instances(InstanceIds=[instance, instance])["Reservations"]
        self.assertEqual([one["InstanceId"] for one in reservation["Instances"]], [instance])


class Tags(Case):
    def setUp(self) -> None:
        super().setUp()
        self.one, self.other = self.make_interface(), self.make_interface()

    def tag(self, *resources: str, **tags: str) -> None:
        self.ec2.create_tags(
            Resources=list(resources), Tags=[{"Key": key, "Value": value} for key, value in tags.items()]
        )

    @proves("tag-known")
    def test_an_unknown_resource_keeps_all_of_a_call_untagged(self) -> None:
        for unknown, code in (
            ("eni-00000000000000000", "InvalidNetworkInterfaceID.NotFound"),
            ("i-00000000000000000", "InvalidInstanceID.NotFound"),
            ("sg-00000000000000000", "InvalidGroup.NotFound"),
        ):
            with self.refused(code):
                self.tag(self.one, unknown, k="v")
        self.assertEqual(self.tags_of(self.one), {})

    @proves("tag-known")
    def test_an_unknown_interface_is_not_untagged(self) -> None:
        with self.refused("InvalidNetworkInterfaceID.NotFound"):
            self.ec2.delete_tags(Resources=["eni-00000000000000000"], Tags=[{"Key": "k"}])

    @proves("tag-form")
    def test_keys_and_values_have_a_length(self) -> None:
        self.tag(self.one, **{"k" * 128: "v" * 256})
        with self.refused("InvalidParameterValue"):
            self.tag(self.one, **{"k" * 129: "v"})
        with self.refused("InvalidParameterValue"):
            self.tag(self.one, k="v" * 257)

    @proves("tag-form")
    def test_a_tag_without_a_value_has_an_empty_one(self) -> None:
        self.emulator.query(Action="CreateTags", ResourceId__1=self.one, Tag__1__Key="k")
        self.assertEqual(self.tags_of(self.one), {"k": ""})

    def test_a_51st_tag_keeps_all_of_a_call_untagged(self) -> None:
        self.tag(self.one, **{f"k{i}": "v" for i in range(50)})
        with self.refused("TagLimitExceeded"):
            self.tag(self.other, self.one, another="v")
        self.assertEqual(self.tags_of(self.other), {})
        self.tag(self.one, k0="changed")

    def test_a_tag_is_deleted_by_its_key_or_by_key_and_value(self) -> None:
        self.tag(self.one, a="1", b="2", c="3")
        wanted = [{"Key": "a"}, {"Key": "b", "Value": "2"}, {"Key": "c", "Value": "other"}]
        self.ec2.delete_tags(Resources=[self.one], Tags=wanted)
        self.assertEqual(self.tags_of(self.one), {"c": "3"})

    @proves("untag-all")
    def test_without_tags_all_of_the_users_are_deleted(self) -> None:
        self.tag(self.one, **{"a": "1", "aws:autoscaling:groupName": "shop"})
        self.ec2.delete_tags(Resources=[self.one])
        self.assertEqual(self.tags_of(self.one), {"aws:autoscaling:groupName": "shop"})
