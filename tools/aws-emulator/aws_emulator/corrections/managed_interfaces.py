"""Interfaces that AWS manages: hidden unless asked for, and closed to their account's own calls.

Which they are, a test says by the admin API.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import OperationNotPermitted
from moto.ec2.models import EC2Backend
from moto.ec2.models.elastic_network_interfaces import NetworkInterface
from moto.ec2.responses import EC2Response

from .registry import correction, refusal, wrap

UNMANAGED = {"Managed": False}


def is_managed(interface: Any) -> bool:
    return bool(getattr(interface, "operator", UNMANAGED)["Managed"])


@correction(
    "managed-hidden",
    aws=(
        "DescribeNetworkInterfaces names the operator of each interface; those it hides by default are shown only "
        "with IncludeManagedResources."
    ),
    moto="Knows no operator and no IncludeManagedResources.",
    page="DescribeNetworkInterfaces, OperatorResponse (Amazon EC2 API Reference)",
)
def managed_hidden() -> None:
    NetworkInterface.operator = UNMANAGED

    @wrap(EC2Response, "describe_network_interfaces")
    def describe(old: Any, self: Any) -> ActionResult:
        answer = old(self)
        if not self._get_bool_param("IncludeManagedResources", False):
            shown = [one for one in answer.result["NetworkInterfaces"] if not one.operator.get("HiddenByDefault")]
            answer.result["NetworkInterfaces"] = shown
        return answer


@correction(
    "managed-closed",
    aws=(
        "Modifying or detaching an interface that a service provider manages is OperationNotPermitted, one that is "
        "requester-managed AuthFailure; both may be tagged."
    ),
    moto="Lets everybody do everything.",
    page=(
        "Amazon EC2 managed instances; Requester-managed network interfaces (Amazon EC2 User Guide), which give no "
        "codes: they are our best knowledge"
    ),
)
def managed_closed() -> None:
    @wrap(EC2Backend, "modify_network_interface_attribute")
    def modify(old: Any, self: Any, eni_id: str, *args: Any, **kwargs: Any) -> None:
        check_open(self.get_network_interface(eni_id))
        old(self, eni_id, *args, **kwargs)

    @wrap(EC2Backend, "detach_network_interface")
    def detach(old: Any, self: Any, attachment_id: str) -> None:
        for interface in self.enis.values():
            if interface.attachment_id == attachment_id:
                check_open(interface)
        old(self, attachment_id)

    @wrap(EC2Response, "delete_network_interface")
    def delete(old: Any, self: Any) -> Any:
        check_unmanaged(self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId")))
        return old(self)


def check_open(interface: Any) -> None:
    check_unmanaged(interface)
    if interface.requester_managed:
        raise refusal("AuthFailure", "You do not have permission to access the specified resource.")


def check_unmanaged(interface: Any) -> None:
    if is_managed(interface):
        principal = interface.operator["Principal"]
        raise OperationNotPermitted(f"The network interface '{interface.id}' is managed by '{principal}'.")
