"""What EC2 looks at before it looks at anything it keeps: dry runs, the form of ids."""

import re
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.ec2.exceptions import DryRunClientError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from ..call import is_true
from .registry import correction, refusal, wrap

IDS = {
    "InstanceId": ("i", "InvalidInstanceID.Malformed"),
    "NetworkInterfaceId": ("eni", "InvalidNetworkInterfaceId.Malformed"),
    "SecurityGroupId": ("sg", "InvalidGroupId.Malformed"),
    "GroupId": ("sg", "InvalidGroupId.Malformed"),
    "SubnetId": ("subnet", "InvalidSubnetID.Malformed"),
    "VolumeId": ("vol", "InvalidVolumeID.Malformed"),
    "VpcId": ("vpc", "InvalidVpcId.Malformed"),
}
ID = re.compile(r"(?P<prefix>[a-z]+)-([0-9a-f]{8}|[0-9a-f]{17})")


@correction(
    "malformed-ids",
    aws=(
        "An id that has not the form of its kind is …ID.Malformed (InvalidGroupId.Malformed for groups), before "
        "anything is looked up."
    ),
    moto="Is NotFound, or accepted.",
    page="Error codes for the Amazon EC2 API",
)
def malformed_ids() -> None:
    answer_first(first_malformed)


def first_malformed(self: Any) -> Any:
    for path, values in self.querystring.items():
        names = [part for part in path.split(".") if not part.isdigit()]
        if names[0] == "Filter" or names[-1] not in IDS:
            continue
        prefix, code = IDS[names[-1]]
        form = ID.fullmatch(values[0])
        if form is None or form["prefix"] != prefix:
            return lambda self: refuse(code, f'Invalid id: "{values[0]}" (expecting "{prefix}-...")')
    return None


def refuse(code: str, message: str) -> None:
    raise refusal(code, message)


@correction(
    "dry-run",
    aws="Every EC2 call with DryRun true, True or 1 is answered with DryRunOperation and changes nothing.",
    moto="Carries DryRun=1 out, and some calls whatever it says.",
    page="Error codes for the Amazon EC2 API; DryRun in each call's page of the Amazon EC2 API Reference",
)
def dry_run() -> None:
    def instead(self: Any) -> ActionResult:
        raise DryRunClientError()

    answer_first(lambda self: instead if is_true(self.querystring.get("DryRun", [""])[0]) else None)


def answer_first(choose: Any) -> None:
    """Lets `choose` put another handler in place of the one of the action that was asked for. Of two that do, the one
    declared first has its way: an id's form is looked at before a dry run is answered."""

    @wrap(EC2Response, "call_action")
    def call_action(old: Any, self: Any) -> Any:
        handler = choose(self)
        if handler is not None:
            setattr(self, camelcase_to_underscores(self._get_action()), lambda: handler(self))
        return old(self)


@correction(
    "same-id-twice",
    aws="DescribeInstances with an id given twice shows the instance once.",
    moto="Ends in HTTP 500.",
    page="DescribeInstances (Amazon EC2 API Reference)",
)
def same_id_twice() -> None:
    @wrap(EC2Backend, "get_reservations_by_instance_ids")
    def find(old: Any, self: Any, instance_ids: list[str], filters: Any = None) -> Any:
        return old(self, list(dict.fromkeys(instance_ids)), filters)
