"""CreateTags and DeleteTags: what exists, how long a tag may be, what is deleted.

Keys that begin with `aws:` are accepted, as in moto, so that a test can play Auto Scaling or CloudFormation.
"""

from typing import Any

from moto.ec2.exceptions import InvalidParameterValue
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response
from moto.ec2.utils import get_prefix

from .registry import correction, wrap

KEY_LENGTH, VALUE_LENGTH = 128, 256


@correction(
    "tag-known",
    aws=(
        "Tagging or untagging an interface, an instance or a group that doesn't exist is "
        "InvalidNetworkInterfaceID.NotFound, InvalidInstanceID.NotFound, InvalidGroup.NotFound; no resource of the "
        "call is tagged."
    ),
    moto="Keeps tags for interfaces and instances that don't exist; DeleteTags looks at nothing.",
    page="CreateTags (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def tag_known() -> None:
    @wrap(EC2Backend, "do_resources_exist")
    def do_resources_exist(old: Any, self: Any, resource_ids: list[str]) -> bool:
        for id in resource_ids:
            if get_prefix(id) == "eni":
                self.get_network_interface(id)
            elif get_prefix(id) == "i":
                self.get_instance(id)
        return old(self, resource_ids)

    @wrap(EC2Response, "delete_tags")
    def delete_tags(old: Any, self: Any) -> Any:
        self.ec2_backend.do_resources_exist(self._get_param("Resources", []))
        return old(self)


@correction(
    "tag-form",
    aws=(
        "A key has at most 128 characters, a value at most 256 (InvalidParameterValue); a tag without a value gets an "
        "empty one."
    ),
    moto="Takes any length; a tag without a value ends in HTTP 500.",
    page="Tag your Amazon EC2 resources (Amazon EC2 User Guide); CreateTags (Amazon EC2 API Reference)",
)
def tag_form() -> None:
    @wrap(EC2Response, "create_tags")
    def create_tags(old: Any, self: Any) -> Any:
        for tag in self._get_param("Tags", []):
            if len(tag["Key"]) > KEY_LENGTH:
                raise InvalidParameterValue(f"Tag key exceeds the maximum length of {KEY_LENGTH} characters")
            if len(tag.setdefault("Value", "")) > VALUE_LENGTH:
                raise InvalidParameterValue(f"Tag value exceeds the maximum length of {VALUE_LENGTH} characters")
        return old(self)


@correction(
    "untag-all",
    aws="DeleteTags without tags deletes all that the user made, not those that begin with aws:.",
    moto="Deletes none.",
    page="DeleteTags (Amazon EC2 API Reference)",
)
def untag_all() -> None:
    @wrap(EC2Backend, "delete_tags")
    def delete_tags(old: Any, self: Any, resource_ids: list[str], tags: dict[str, str | None]) -> bool:
        if tags:
            return old(self, resource_ids, tags)
        for id in resource_ids:
            own = {key: None for key in self.tags.get(id, {}) if not key.startswith("aws:")}
            old(self, [id], own)
        return True
