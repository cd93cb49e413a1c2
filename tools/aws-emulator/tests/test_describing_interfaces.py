"""DescribeNetworkInterfaces: filters, pages, and the names in its answer."""

import gzip
import json
import os
import re
import xml.etree.ElementTree as xml

import botocore

from .harness import ACCOUNT, Case
from .proofs import proves


class Filters(Case):
    @proves("interface-filters")
    def test_one_of_several_values_is_enough(self) -> None:
        first, second, third = self.make_groups(3)
        one, other, none = self.make_interface(first, third), self.make_interface(second), self.make_interface(third)
        self.assertEqual(self.ids("group-id", first, second), {one, other})
        self.assertEqual(self.ids("group-id", third), {one, none})

    @proves("interface-filters")
    def test_an_unknown_filter_is_refused(self) -> None:
        with self.refused("InvalidParameterValue"):
            self.find("no-such-filter", "x")

    @proves("interface-filters")
    def test_more_than_200_values_are_refused(self) -> None:
        with self.refused("FilterLimitExceeded"):
            self.find("group-id", *(f"sg-{i:08x}" for i in range(201)))

    def test_several_instances_are_asked_for_at_once(self) -> None:
        instances = [self.launch(), self.launch(), self.launch()]
        wanted = {id for one in instances[:2] for id in self.interfaces_of(one)}
        self.assertEqual(self.ids("attachment.instance-id", *instances[:2]), wanted)

    def test_an_unknown_id_matches_nothing_as_a_filter_and_fails_as_a_parameter(self) -> None:
        known, unknown = self.make_interface(), "eni-00000000000000000"
        self.assertEqual(self.ids("network-interface-id", known, unknown), {known})
        with self.refused("InvalidNetworkInterfaceID.NotFound"):
            self.ec2.describe_network_interfaces(NetworkInterfaceIds=[known, unknown])

    def test_tags_and_vpcs_are_filters(self) -> None:
        tagged, other = self.make_interface(), self.make_interface()
        self.ec2.create_tags(Resources=[tagged], Tags=[{"Key": f"k-{self.vpc}", "Value": "v"}])
        self.assertEqual(self.ids("vpc-id", self.vpc), {tagged, other})
        self.assertEqual(self.ids("tag-key", f"k-{self.vpc}"), {tagged})
        self.assertEqual(self.ids(f"tag:k-{self.vpc}", "v"), {tagged})
        self.assertEqual(self.ids(f"tag:k-{self.vpc}", "w"), set())

    def ids(self, name: str, *values: str) -> set[str]:
        return {one["NetworkInterfaceId"] for one in self.find(name, *values)}


class Pages(Case):
    def setUp(self) -> None:
        super().setUp()
        self.made = {self.make_interface() for _ in range(7)}
        self.here = [{"Name": "subnet-id", "Values": [self.subnet]}]

    @proves("interface-pages")
    def test_every_interface_is_on_one_page(self) -> None:
        pages = self.ec2.get_paginator("describe_network_interfaces").paginate(
            Filters=self.here, PaginationConfig={"PageSize": 5}
        )
        found = [[one["NetworkInterfaceId"] for one in page["NetworkInterfaces"]] for page in pages]
        self.assertEqual([len(page) for page in found], [5, 2])
        self.assertEqual({id for page in found for id in page}, self.made)

    @proves("interface-pages")
    def test_what_goes_between_two_pages_hides_nothing_else(self) -> None:
        first = self.ec2.describe_network_interfaces(Filters=self.here, MaxResults=5)
        seen = [one["NetworkInterfaceId"] for one in first["NetworkInterfaces"]]
        self.ec2.delete_network_interface(NetworkInterfaceId=seen[-1])
        second = self.ec2.describe_network_interfaces(Filters=self.here, MaxResults=5, NextToken=first["NextToken"])
        seen += [one["NetworkInterfaceId"] for one in second["NetworkInterfaces"]]
        self.assertEqual(sorted(seen), sorted(self.made))

    @proves("interface-pages")
    def test_a_page_of_less_than_5_or_more_than_1000_is_refused(self) -> None:
        for size in (4, 1001):
            with self.refused("InvalidParameterValue"):
                self.ec2.describe_network_interfaces(MaxResults=size)

    @proves("interface-pages")
    def test_pages_and_ids_do_not_go_together(self) -> None:
        with self.refused("InvalidParameterCombination"):
            self.ec2.describe_network_interfaces(MaxResults=5, NetworkInterfaceIds=list(self.made))

    @proves("interface-pages")
    def test_a_token_of_nobody_is_refused(self) -> None:
        with self.refused("InvalidPaginationToken"):
            self.ec2.describe_network_interfaces(NextToken="!")


class Wire(Case):
    def test_an_interface_has_the_names_of_the_service_model(self) -> None:
        instance = self.launch(SecurityGroupIds=self.make_groups(2))
        (id,) = self.interfaces_of(instance)
        self.ec2.create_tags(Resources=[id], Tags=[{"Key": "k", "Value": "v"}])
        _, body = self.emulator.query(Action="DescribeNetworkInterfaces", NetworkInterfaceId__1=id)
        item = xml.fromstring(re.sub(r' xmlns="[^"]+"', "", body)).find("networkInterfaceSet/item")
        texts = {
            "networkInterfaceId": id,
            "ownerId": ACCOUNT,
            "vpcId": self.vpc,
            "subnetId": self.subnet,
            "status": "in-use",
            "interfaceType": "interface",
            "requesterManaged": "false",
            "operator/managed": "false",
            "attachment/instanceId": instance,
            "attachment/instanceOwnerId": ACCOUNT,
            "attachment/deviceIndex": "0",
            "attachment/networkCardIndex": "0",
            "attachment/deleteOnTermination": "true",
            "attachment/status": "attached",
            "tagSet/item/key": "k",
            "tagSet/item/value": "v",
        }
        self.assertEqual({path: item.findtext(path) for path in texts}, texts)
        self.assertEqual(len(item.findall("groupSet/item/groupId")), 2)
        self.assertRegex(item.findtext("privateIpAddress"), r"^10\.0\.")
        self.assertEqual([child.tag for child in item if child.tag not in names_of("NetworkInterface")], [])


def names_of(shape: str) -> set[str]:
    folder = os.path.join(os.path.dirname(botocore.__file__), "data", "ec2", "2016-11-15")
    with gzip.open(os.path.join(folder, "service-2.json.gz")) as file:
        members = json.load(file)["shapes"][shape]["members"]
    return {member["locationName"] for member in members.values()}
