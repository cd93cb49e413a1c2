"""The groups of interfaces and instances: corrections of interface_groups and instance_groups."""

from .harness import Case
from .proofs import proves


class InterfaceGroups(Case):
    @proves("exact-groups")
    def test_groups_are_replaced_however_the_interface_was_made(self) -> None:
        first, second, new = self.make_groups(3)
        ways = {
            "SecurityGroupIds": self.launch(SecurityGroupIds=[first]),
            "NetworkInterfaces": self.launch(
                NetworkInterfaces=[
                    {"DeviceIndex": 0, "SubnetId": self.subnet, "Groups": [first]},
                    {"DeviceIndex": 1, "SubnetId": self.subnet, "Groups": [second]},
                ]
            ),
            "AttachNetworkInterface": self.launch(SecurityGroupIds=[first]),
        }
        self.attach(ways["AttachNetworkInterface"], 1, second)
        for way, instance in ways.items():
            for interface in reversed(self.interfaces_of(instance)):
                with self.subTest(way=way):
                    self.set_groups(interface, new)
                    self.assertEqual(self.groups_on(interface), [new])

    def test_all_the_groups_of_a_call_are_set(self) -> None:
        groups = self.make_groups(5)
        interface = self.make_interface(groups[0])
        self.set_groups(interface, *groups)
        self.assertEqual(self.groups_on(interface), sorted(groups))

    def test_an_interface_without_groups_gets_the_default_one(self) -> None:
        self.assertEqual([group["GroupName"] for group in self.interface(self.make_interface())["Groups"]], ["default"])

    @proves("known-groups")
    def test_an_unknown_group_is_refused_and_nothing_changes(self) -> None:
        (own,) = self.make_groups(1)
        interface = self.make_interface(own)
        with self.refused("InvalidGroup.NotFound"):
            self.set_groups(interface, own, "sg-00000000000000000")
        self.assertEqual(self.groups_on(interface), [own])

    @proves("known-groups")
    def test_a_group_of_another_vpc_is_refused_and_nothing_changes(self) -> None:
        (own,) = self.make_groups(1)
        (foreign,) = self.make_groups(1, vpc=self.make_vpc()[0])
        interface = self.make_interface(own)
        with self.refused("InvalidGroup.NotFound"):
            self.set_groups(interface, foreign)
        self.assertEqual(self.groups_on(interface), [own])

    @proves("known-groups")
    def test_an_interface_is_not_made_with_an_unknown_group(self) -> None:
        with self.refused("InvalidGroup.NotFound"):
            self.make_interface("sg-00000000000000000")

    def test_a_group_that_is_associated_with_the_vpc_may_be_used(self) -> None:
        (foreign,) = self.make_groups(1, vpc=self.make_vpc()[0])
        self.ec2.associate_security_group_vpc(GroupId=foreign, VpcId=self.vpc)
        interface = self.make_interface()
        self.set_groups(interface, foreign)
        self.assertEqual(self.groups_on(interface), [foreign])

    @proves("five-groups")
    def test_a_sixth_group_is_refused(self) -> None:
        groups = self.make_groups(6)
        interface = self.make_interface(groups[0])
        with self.refused("SecurityGroupsPerInterfaceLimitExceeded"):
            self.set_groups(interface, *groups)
        self.assertEqual(self.groups_on(interface), groups[:1])

    @proves("no-attributes")
    def test_an_empty_list_of_groups_is_refused(self) -> None:
        (own,) = self.make_groups(1)
        instance = self.launch(SecurityGroupIds=[own])
        (interface,) = self.interfaces_of(instance)
        with self.refused("InvalidParameterCombination"):
            self.set_groups(interface)
        with self.refused("InvalidParameterCombination"):
            self.ec2.modify_instance_attribute(InstanceId=instance, Groups=[])
        self.assertEqual(self.groups_on(interface), [own])

    def test_an_unknown_interface_is_not_found(self) -> None:
        with self.refused("InvalidNetworkInterfaceID.NotFound"):
            self.set_groups("eni-00000000000000000", *self.make_groups(1))


class InstanceGroups(Case):
    def groups_of(self, instance: str) -> list[str]:
        return [group["GroupId"] for group in self.instance(instance)["SecurityGroups"]]

    @proves("primary-groups")
    def test_an_instances_groups_follow_its_primary_interface(self) -> None:
        old, new = self.make_groups(2)
        instance = self.launch(SecurityGroupIds=[old])
        self.assertEqual(self.groups_of(instance), [old])
        self.set_groups(self.interfaces_of(instance)[0], new)
        self.assertEqual(self.groups_of(instance), [new])

    @proves("primary-groups")
    def test_groups_set_on_an_instance_are_set_on_its_interface(self) -> None:
        old, new = self.make_groups(2)
        instance = self.launch(SecurityGroupIds=[old])
        self.ec2.modify_instance_attribute(InstanceId=instance, Groups=[new])
        self.assertEqual(self.groups_on(self.interfaces_of(instance)[0]), [new])

    @proves("several-interfaces")
    def test_groups_are_not_set_on_an_instance_with_several_interfaces(self) -> None:
        first, second, new = self.make_groups(3)
        instance = self.launch(SecurityGroupIds=[first])
        self.attach(instance, 1, second)
        with self.refused("InvalidInstanceID"):
            self.ec2.modify_instance_attribute(InstanceId=instance, Groups=[new])
        self.assertEqual([self.groups_on(one) for one in self.interfaces_of(instance)], [[first], [second]])
