"""What is left of an instance after TerminateInstances.

AWS takes seconds from shutting-down to terminated; here, as in moto, it is terminated at once.
"""

from typing import Any

from moto.ec2.models.instances import Instance

from .instance_groups import attached
from .registry import correction, wrap

GONE = ("private_ip", "private_ip_address", "private_dns_name", "subnet_id", "vpc_id")


@correction(
    "terminated-interfaces",
    aws=(
        "Interfaces with DeleteOnTermination go with the instance, the others are detached and available; the "
        "instance is still described for a while, without interfaces, groups, addresses, VPC and subnet."
    ),
    moto="The others stay attached and in-use; the instance goes on showing all of them.",
    page="Terminate Amazon EC2 instances (Amazon EC2 User Guide)",
)
def terminated_interfaces() -> None:
    @wrap(Instance, "terminate")
    def terminate(old: Any, self: Any) -> Any:
        left = [interface for interface in attached(self) if not interface.delete_on_termination]
        previous = old(self)
        # detach_eni also forgets the interface on the instance, where moto looks up the address of the primary.
        nics, self.nics = self.nics, dict(self.nics)
        for interface in left:
            self.detach_eni(interface)
        for interface in nics.values():
            interface.instance = None
        self.nics = nics
        self.launch_groups = []
        return previous

    Instance.network_interfaces = property(attached)
    for name in GONE:
        hide_when_terminated(name)


def hide_when_terminated(name: str) -> None:
    shown = getattr(Instance, name).fget
    setattr(Instance, name, property(lambda self: None if is_terminated(self) else shown(self)))


def is_terminated(instance: Any) -> bool:
    # An instance has no state yet while its __init__ runs.
    state = instance.__dict__.get("_state")
    return state is not None and state.name == "terminated"
