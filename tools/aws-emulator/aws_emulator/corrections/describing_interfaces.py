"""DescribeNetworkInterfaces: filters and pages. What it hides is in `managed_interfaces`."""

from typing import Any

from moto.ec2.exceptions import InvalidNetworkInterfaceIdError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from .. import interfaces
from .pages import filtered, paged
from .registry import correction, wrap


def of_attachment(read: Any) -> Any:
    return lambda interface: [read(interface)] if interface.instance else []


def of_operator(key: str) -> Any:
    return lambda interface: [value] if (value := getattr(interface, "operator", {}).get(key)) is not None else []


FIELDS = {
    "addresses.private-ip-address": lambda i: [address["PrivateIpAddress"] for address in i.private_ip_addresses],
    "attachment.attachment-id": of_attachment(lambda i: i.attachment_id),
    "attachment.delete-on-termination": of_attachment(lambda i: bool(i.delete_on_termination)),
    "attachment.device-index": of_attachment(lambda i: i.device_index),
    "attachment.instance-id": of_attachment(lambda i: i.instance.id),
    "attachment.instance-owner-id": of_attachment(lambda i: i.instance.owner_id),
    "attachment.status": of_attachment(lambda i: "attached"),
    "availability-zone": lambda i: [i.availability_zone],
    "description": lambda i: [i.description],
    "group-id": lambda i: [group.id for group in i.group_set],
    "interface-type": lambda i: [i.interface_type],
    "ipv6-addresses.ipv6-address": lambda i: i.ipv6_addresses,
    "mac-address": lambda i: [i.mac_address],
    "network-interface-id": lambda i: [i.id],
    "operator.managed": of_operator("Managed"),
    "operator.principal": of_operator("Principal"),
    "owner-id": lambda i: [i.owner_id],
    "private-ip-address": lambda i: [address["PrivateIpAddress"] for address in i.private_ip_addresses],
    "requester-id": lambda i: [i.requester_id],
    "requester-managed": lambda i: [bool(i.requester_managed)],
    "source-dest-check": lambda i: [bool(i.source_dest_check)],
    "status": lambda i: [i.status],
    "subnet-id": lambda i: [i.subnet_id],
    "vpc-id": lambda i: [i.vpc_id],
}


@correction(
    "interface-filters",
    aws=(
        "A filter matches if any of its values matches any of the interface's; a value may hold wildcards; an unknown "
        "filter is InvalidParameterValue, more than 200 values FilterLimitExceeded."
    ),
    moto="Of several values for group-id or tag-key it wants all; an unknown filter ends in HTTP 500.",
    page="DescribeNetworkInterfaces (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def interface_filters() -> None:
    @wrap(EC2Backend, "get_all_network_interfaces")
    def find(old: Any, self: Any, eni_ids: list[str] | None = None, filters: Any = None) -> list[Any]:
        for id in eni_ids or []:
            if id not in self.enis or not interfaces.is_seen(self.enis[id]):
                raise InvalidNetworkInterfaceIdError(id)
        named = [self.enis[id] for id in dict.fromkeys(eni_ids)] if eni_ids else list(self.enis.values())
        return filtered(interfaces.as_seen(named), filters, FIELDS)


@correction(
    "interface-pages",
    aws=(
        "DescribeNetworkInterfaces gives pages of MaxResults (5 to 1,000; 1,000 if unset) with a NextToken, and "
        "refuses them together with ids."
    ),
    moto="Gives everything, always.",
    page="DescribeNetworkInterfaces (Amazon EC2 API Reference)",
)
def interface_pages() -> None:
    @wrap(EC2Response, "describe_network_interfaces")
    def describe(old: Any, self: Any) -> Any:
        return paged(self, old(self), "NetworkInterfaces", ids="NetworkInterfaceIds")
