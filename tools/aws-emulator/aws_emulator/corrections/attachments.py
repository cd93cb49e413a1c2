"""How interfaces get on an instance and off it again."""

from typing import Any

from moto.ec2.exceptions import InvalidNetworkAttachmentIdError, InvalidParameterValue, LastEniDetachError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from .instance_groups import attached
from .registry import correction, refusal, wrap


@correction(
    "attach-once",
    aws=(
        "Attaching an interface that is in use is InvalidNetworkInterface.InUse; a device index that is taken, "
        "InvalidParameterValue; an instance that is gone, IncorrectState."
    ),
    moto="Attaches it to both instances, or puts it in the other's place.",
    page="AttachNetworkInterface (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def attach_once() -> None:
    @wrap(EC2Backend, "attach_network_interface")
    def attach(old: Any, self: Any, eni_id: str, instance_id: str, device_index: int) -> Any:
        interface, instance = self.get_network_interface(eni_id), self.get_instance(instance_id)
        if interface.instance is not None:
            raise refusal("InvalidNetworkInterface.InUse", f"Interface: [{eni_id}] in use.")
        if instance.state not in ("running", "stopped"):
            raise refusal("IncorrectState", f"Instance '{instance_id}' is not 'running' or 'stopped'.")
        if int(device_index) in {other.device_index for other in attached(instance)}:
            raise InvalidParameterValue(
                f"Instance '{instance_id}' already has an interface attached at device index '{device_index}'."
            )
        return old(self, eni_id, instance_id, device_index)


@correction(
    "primary-stays",
    aws="The primary interface (device index 0) can't be detached: OperationNotPermitted.",
    moto="Refuses only to detach the last one.",
    page="Network interface attachments (Amazon EC2 User Guide)",
)
def primary_stays() -> None:
    @wrap(EC2Backend, "detach_network_interface")
    def detach(old: Any, self: Any, attachment_id: str) -> None:
        for interface in self.enis.values():
            if interface.attachment_id == attachment_id and interface.device_index == 0:
                raise LastEniDetachError
        old(self, attachment_id)


@correction(
    "attached-stays",
    aws="DeleteNetworkInterface of an attached interface is InvalidNetworkInterface.InUse.",
    moto="Deletes it, and the instance goes on showing it.",
    page="DeleteNetworkInterface (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def attached_stays() -> None:
    @wrap(EC2Response, "delete_network_interface")
    def delete(old: Any, self: Any) -> Any:
        id = self._get_param("NetworkInterfaceId")
        if self.ec2_backend.get_network_interface(id).instance is not None:
            raise refusal("InvalidNetworkInterface.InUse", f"Network interface '{id}' is currently in use.")
        return old(self)


@correction(
    "attachment-attribute",
    aws="ModifyNetworkInterfaceAttribute with Attachment sets DeleteOnTermination.",
    moto="Ignores it.",
    page="ModifyNetworkInterfaceAttribute (Amazon EC2 API Reference)",
)
def attachment_attribute() -> None:
    @wrap(EC2Response, "modify_network_interface_attribute")
    def modify(old: Any, self: Any) -> Any:
        wanted = self._get_param("Attachment.DeleteOnTermination")
        if wanted is None:
            return old(self)
        interface = self.ec2_backend.get_network_interface(self._get_param("NetworkInterfaceId"))
        attachment_id = self._get_param("Attachment.AttachmentId")
        if interface.attachment_id is None or attachment_id != interface.attachment_id:
            raise InvalidNetworkAttachmentIdError(attachment_id)
        answer = old(self)
        interface.delete_on_termination = wanted
        return answer
