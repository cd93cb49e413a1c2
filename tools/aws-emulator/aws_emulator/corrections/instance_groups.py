"""The security groups of an instance: they are those of its primary interface, for reading and for writing."""

from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.models.instances import Instance

from .registry import correction, refusal, wrap


def primary(instance: Any) -> NetworkInterface | None:
    """The interface at device index 0, if it is attached."""
    interface = getattr(instance, "nics", {}).get(0)
    return interface if interface is not None and interface.instance is instance else None


def attached(instance: Any) -> list[NetworkInterface]:
    return [interface for interface in instance.nics.values() if interface.instance is instance]


@correction(
    "primary-groups",
    aws="An instance's SecurityGroups are those of its primary interface; ModifyInstanceAttribute sets them there.",
    moto="Keeps a list of its own on the instance, which no change of an interface reaches, nor the other way round.",
    page="Instance, ModifyInstanceAttribute (Amazon EC2 API Reference)",
)
def primary_groups() -> None:
    def groups(self: Any) -> list[Any]:
        interface = primary(self)
        return list(interface._group_set) if interface else self.__dict__.get("launch_groups", [])

    def remember(self: Any, groups: list[Any]) -> None:
        # While it is launched, an instance has groups and no interface yet.
        self.__dict__["launch_groups"] = groups

    Instance.security_groups = property(groups, remember)

    @wrap(EC2Backend, "modify_instance_security_groups")
    def modify(old: Any, self: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        instance = self.get_instance(instance_id)
        if interface := primary(instance):
            self.modify_network_interface_attribute(interface.id, new_group_id_list)
        return instance


@correction(
    "several-interfaces",
    aws=(
        "ModifyInstanceAttribute with Groups on an instance with several interfaces is InvalidInstanceID, and nothing "
        "changes."
    ),
    moto="Accepts it.",
    page=(
        "ModifyInstanceAttribute (Amazon EC2 API Reference); code and text as seen in terraform-provider-aws issue 7107"
    ),
)
def several_interfaces() -> None:
    @wrap(EC2Backend, "modify_instance_security_groups")
    def modify(old: Any, self: Any, instance_id: str, new_group_id_list: list[str]) -> Any:
        if len(attached(self.get_instance(instance_id))) > 1:
            raise refusal(
                "InvalidInstanceID",
                f"There are multiple interfaces attached to instance '{instance_id}'. "
                "Please specify an interface ID for the operation instead.",
            )
        return old(self, instance_id, new_group_id_list)
