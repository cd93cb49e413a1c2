"""The security groups of a network interface: which may be set, and that exactly these are set.

What an instance says of its groups is in `instance_groups`; what a launch may ask for is in `launching`.
"""

from typing import Any

from moto.ec2.exceptions import InvalidParameterCombination, InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses import EC2Response

from .registry import correction, refusal, wrap

GROUPS_PER_INTERFACE = 5


def check_groups(backend: Any, group_ids: list[str], vpc_id: str) -> None:
    """Each group exists and may be used in the VPC: it was made there, or is associated with it."""
    for group_id in group_ids:
        group = backend.get_security_group_from_id(group_id)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
        if vpc_id != group.vpc_id and vpc_id not in getattr(group, "associated_vpcs", ()):
            raise refusal(
                "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
            )


@correction(
    "exact-groups",
    aws="Groups of ModifyNetworkInterfaceAttribute replace the interface's groups, however it was made.",
    moto="Every interface also shows the groups that its instance was launched with.",
    page="ModifyNetworkInterfaceAttribute (Amazon EC2 API Reference)",
)
def exact_groups() -> None:
    NetworkInterface.group_set = property(lambda self: self._group_set)


@correction(
    "known-groups",
    aws=(
        "An unknown group, or one of another VPC that isn't associated with this one, is InvalidGroup.NotFound, and "
        "nothing changes."
    ),
    moto="Accepts both; after an unknown group the interface has none, and CreateNetworkInterface makes the group up.",
    page="Error codes for the Amazon EC2 API",
)
def known_groups() -> None:
    @wrap(EC2Backend, "modify_network_interface_attribute")
    def modify(old: Any, self: Any, eni_id: str, group_ids: list[str], *args: Any, **kwargs: Any) -> None:
        check_groups(self, group_ids, self.get_network_interface(eni_id).vpc_id)
        old(self, eni_id, group_ids, *args, **kwargs)

    @wrap(EC2Backend, "create_network_interface")
    def create(old: Any, self: Any, subnet: Any, *args: Any, **kwargs: Any) -> Any:
        group_ids = kwargs.get("group_ids") or (args[2] if len(args) > 2 else None)
        check_groups(self, group_ids or [], subnet.vpc_id)
        return old(self, subnet, *args, **kwargs)


@correction(
    "five-groups",
    aws="More than five groups on an interface (the default quota) are SecurityGroupsPerInterfaceLimitExceeded.",
    moto="Knows no limit.",
    page="Amazon VPC quotas; Error codes for the Amazon EC2 API",
)
def five_groups() -> None:
    @wrap(EC2Backend, "modify_network_interface_attribute")
    def modify(old: Any, self: Any, eni_id: str, group_ids: list[str], *args: Any, **kwargs: Any) -> None:
        if len(set(group_ids)) > GROUPS_PER_INTERFACE:
            raise refusal(
                "SecurityGroupsPerInterfaceLimitExceeded",
                "The maximum number of security groups per interface has been reached.",
            )
        old(self, eni_id, group_ids, *args, **kwargs)


@correction(
    "no-attributes",
    aws=(
        "ModifyNetworkInterfaceAttribute and ModifyInstanceAttribute with nothing to modify, as an empty list of "
        "groups is on the wire, are InvalidParameterCombination."
    ),
    moto="Answers well; ModifyInstanceAttribute takes all groups off the instance.",
    page=(
        "ModifyNetworkInterfaceAttribute (Amazon EC2 API Reference); the code as seen in terraform-provider-aws issue "
        "524"
    ),
)
def no_attributes() -> None:
    for action in ("modify_network_interface_attribute", "modify_instance_attribute"):

        @wrap(EC2Response, action)
        def modify(old: Any, self: Any) -> Any:
            about = {"Action", "Version", "DryRun", "NetworkInterfaceId", "InstanceId"}
            if not set(self.querystring) - about:
                raise InvalidParameterCombination("No attributes specified.")
            return old(self)
