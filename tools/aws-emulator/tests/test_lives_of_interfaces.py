"""How interfaces come, move, belong to somebody and go: attachments, termination, launching, managed_interfaces."""

from .harness import Case
from .proofs import proves


class Attachments(Case):
    @proves("attach-once")
    def test_an_interface_in_use_is_not_attached_again(self) -> None:
        first, second = self.launch(), self.launch()
        moving = self.attach(first, 1)
        with self.refused("InvalidNetworkInterface.InUse"):
            self.ec2.attach_network_interface(NetworkInterfaceId=moving, InstanceId=second, DeviceIndex=1)

    @proves("attach-once")
    def test_a_device_index_is_not_used_twice(self) -> None:
        instance = self.launch()
        self.attach(instance, 1)
        with self.refused("InvalidParameterValue"):
            self.attach(instance, 1)

    def test_an_interface_moves_to_another_instance_with_its_groups(self) -> None:
        (group,) = self.make_groups(1)
        first, second = self.launch(), self.launch()
        moving = self.attach(first, 1, group)
        self.ec2.detach_network_interface(AttachmentId=self.interface(moving)["Attachment"]["AttachmentId"])
        self.assertEqual(self.interface(moving)["Status"], "available")
        self.assertNotIn("Attachment", self.interface(moving))
        self.ec2.attach_network_interface(NetworkInterfaceId=moving, InstanceId=second, DeviceIndex=2)
        self.assertNotIn(moving, self.interfaces_of(first))
        self.assertIn(moving, self.interfaces_of(second))
        self.assertEqual(self.groups_on(moving), [group])

    @proves("primary-stays")
    def test_the_primary_interface_is_not_detached(self) -> None:
        instance = self.launch()
        self.attach(instance, 1)
        primary = self.interface(self.interfaces_of(instance)[0])
        with self.refused("OperationNotPermitted"):
            self.ec2.detach_network_interface(AttachmentId=primary["Attachment"]["AttachmentId"])

    @proves("attached-stays")
    def test_an_attached_interface_is_not_deleted(self) -> None:
        interface = self.attach(self.launch(), 1)
        with self.refused("InvalidNetworkInterface.InUse"):
            self.ec2.delete_network_interface(NetworkInterfaceId=interface)

    @proves("attachment-attribute")
    def test_delete_on_termination_can_be_set(self) -> None:
        interface = self.attach(self.launch(), 1)
        attachment = self.interface(interface)["Attachment"]
        self.assertFalse(attachment["DeleteOnTermination"])
        self.ec2.modify_network_interface_attribute(
            NetworkInterfaceId=interface,
            Attachment={"AttachmentId": attachment["AttachmentId"], "DeleteOnTermination": True},
        )
        self.assertTrue(self.interface(interface)["Attachment"]["DeleteOnTermination"])


class Termination(Case):
    @proves("terminated-interfaces")
    def test_interfaces_go_with_the_instance_or_survive_it(self) -> None:
        (group,) = self.make_groups(1)
        instance = self.launch(SecurityGroupIds=[group])
        survivor = self.attach(instance, 1, group)
        (primary, _) = self.interfaces_of(instance)
        self.ec2.terminate_instances(InstanceIds=[instance])

        self.assertEqual(self.find("network-interface-id", primary), [])
        self.assertEqual(self.interface(survivor)["Status"], "available")
        self.assertNotIn("Attachment", self.interface(survivor))
        self.assertEqual(self.groups_on(survivor), [group])
        self.assertEqual(self.find("attachment.instance-id", instance), [])

        described = self.instance(instance)
        self.assertEqual(described["State"]["Name"], "terminated")
        self.assertEqual(described["NetworkInterfaces"], [])
        self.assertEqual(described["SecurityGroups"], [])
        self.assertNotIn("PrivateIpAddress", described)
        self.assertNotIn("VpcId", described)

    def test_a_stopped_instance_keeps_its_interfaces(self) -> None:
        instance = self.launch()
        before = self.interfaces_of(instance)
        self.ec2.stop_instances(InstanceIds=[instance])
        self.assertEqual(self.instance(instance)["State"]["Name"], "stopped")
        self.assertEqual(self.interfaces_of(instance), before)

    def test_block_devices_say_whether_they_go_with_the_instance(self) -> None:
        instance = self.launch(
            BlockDeviceMappings=[
                {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}},
                {"DeviceName": "/dev/xvdb", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": False}},
            ]
        )
        said = {one["DeviceName"]: one["Ebs"] for one in self.instance(instance)["BlockDeviceMappings"]}
        self.assertEqual([said[name]["DeleteOnTermination"] for name in ("/dev/xvda", "/dev/xvdb")], [True, False])
        volumes = [ebs["VolumeId"] for ebs in said.values()]
        attached = self.ec2.describe_volumes(VolumeIds=volumes)["Volumes"]
        self.assertEqual({volume["Attachments"][0]["InstanceId"] for volume in attached}, {instance})


class Launching(Case):
    @proves("launch-groups")
    def test_nothing_is_launched_with_wrong_groups(self) -> None:
        (foreign,) = self.make_groups(1, vpc=self.make_vpc()[0])
        with self.refused("InvalidParameter"):
            self.launch(SecurityGroupIds=[foreign])
        with self.refused("InvalidGroup.NotFound"):
            self.launch(
                NetworkInterfaces=[
                    {"DeviceIndex": 0, "SubnetId": self.subnet},
                    {"DeviceIndex": 1, "SubnetId": self.subnet, "Groups": ["sg-00000000000000000"]},
                ]
            )
        self.assertEqual(self.find("subnet-id", self.subnet), [])

    @proves("launch-deletes-primary")
    def test_the_primary_interface_of_a_launch_goes_with_the_instance(self) -> None:
        (primary,) = self.interfaces_of(self.launch())
        self.assertTrue(self.interface(primary)["Attachment"]["DeleteOnTermination"])

    @proves("launch-tags-interfaces")
    def test_the_interfaces_of_a_launch_are_tagged(self) -> None:
        tags = [{"Key": "team", "Value": "shop"}]
        (primary,) = self.interfaces_of(
            self.launch(TagSpecifications=[{"ResourceType": "network-interface", "Tags": tags}])
        )
        self.assertEqual(self.interface(primary)["TagSet"], tags)


class ManagedInterfaces(Case):
    def setUp(self) -> None:
        super().setUp()
        self.managed = self.attach(self.launch(), 1)

    def manage(self, **marks: object) -> None:
        self.emulator.admin("PUT", f"interfaces/{self.managed}", marks)

    @proves("managed-hidden")
    def test_managed_interfaces_are_shown_when_asked_for(self) -> None:
        self.assertEqual(self.interface(self.managed)["Operator"], {"Managed": False})
        self.manage(managed="eks.amazonaws.com")
        self.assertEqual(self.find("network-interface-id", self.managed), [])
        shown = self.interface(self.managed, IncludeManagedResources=True)
        self.assertEqual(
            shown["Operator"], {"Managed": True, "Principal": "eks.amazonaws.com", "HiddenByDefault": True}
        )

    @proves("managed-closed")
    def test_managed_interfaces_are_not_modified(self) -> None:
        (group,) = self.make_groups(1)
        self.manage(managed="eks.amazonaws.com")
        with self.refused("OperationNotPermitted"):
            self.set_groups(self.managed, group)
        self.manage(managed="", requesterManaged=True)
        with self.refused("AuthFailure", status=401):
            self.set_groups(self.managed, group)
        self.assertNotEqual(self.groups_on(self.managed), [group])

    def test_the_type_of_an_interface_can_be_marked(self) -> None:
        self.manage(interfaceType="trunk", requesterManaged=True)
        shown = self.interface(self.managed)
        self.assertEqual((shown["InterfaceType"], shown["RequesterManaged"]), ("trunk", True))
