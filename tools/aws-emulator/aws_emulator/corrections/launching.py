"""RunInstances: what it refuses, and what the interfaces it makes are like."""

from typing import Any

from moto.ec2.exceptions import InvalidSecurityGroupNotFoundError
from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance

from .registry import correction, refusal, wrap


@correction(
    "launch-groups",
    aws=(
        "RunInstances with an unknown group is InvalidGroup.NotFound, with a group of another VPC than the subnet's "
        "InvalidParameter; nothing is launched."
    ),
    moto="Launches in another VPC's groups; an unknown group of a declared interface leaves half an instance.",
    page="RunInstances (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def launch_groups() -> None:
    @wrap(EC2Backend, "run_instances")
    def run_instances(old: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        subnet_id = kwargs.get("subnet_id")
        check_launch(self, subnet_id, [id for id in kwargs.get("security_group_ids") or [] if isinstance(id, str)])
        for interface in kwargs.get("nics") or []:
            check_launch(self, interface.get("SubnetId") or subnet_id, interface.get("Groups") or [])
        return old(self, *args, **kwargs)


def check_launch(backend: Any, subnet_id: str | None, group_ids: list[str]) -> None:
    subnet = backend.get_subnet(subnet_id) if subnet_id else None
    for group_id in group_ids:
        group = backend.get_security_group_from_id(group_id)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(group_id)
        if subnet and subnet.vpc_id != group.vpc_id and subnet.vpc_id not in getattr(group, "associated_vpcs", ()):
            raise refusal(
                "InvalidParameter",
                f"Security group {group_id} and subnet {subnet.id} belong to different networks.",
            )


@correction(
    "launch-deletes-primary",
    aws="The primary interface that a launch makes has DeleteOnTermination, unless the launch says otherwise.",
    moto="It has not.",
    page="No page found; our best knowledge of what DescribeInstances shows after a plain launch",
)
def launch_deletes_primary() -> None:
    @wrap(Instance, "prep_nics")
    def prep_nics(old: Any, self: Any, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
        old(self, nic_spec, *args, **kwargs)
        said = any("DeleteOnTermination" in nic for nic in nic_spec if int(nic["DeviceIndex"]) == 0)
        brought = any("NetworkInterfaceId" in nic for nic in nic_spec if int(nic["DeviceIndex"]) == 0)
        if not said and not brought:
            self.nics[0].delete_on_termination = True


@correction(
    "launch-tags-interfaces",
    aws="TagSpecifications of RunInstances for network-interface tag the interfaces it makes.",
    moto="Ignores them.",
    page="RunInstances (Amazon EC2 API Reference)",
)
def launch_tags_interfaces() -> None:
    @wrap(EC2Backend, "run_instances")
    def run_instances(old: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        tags = (kwargs.get("tags") or {}).get("network-interface") or {}
        reservation = old(self, *args, **kwargs)
        for instance in reservation.instances:
            for interface in instance.nics.values():
                interface.add_tags(tags)
        return reservation
