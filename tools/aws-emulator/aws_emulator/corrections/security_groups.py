"""Security groups as things: made, found, associated, deleted. Their rules are in `rules`."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import DependencyViolationError, InvalidSecurityGroupNotFoundError, InvalidVPCIdError
from moto.ec2.models import EC2Backend
from moto.ec2.responses import EC2Response

from .pages import filtered, paged
from .registry import correction, refusal, wrap


def all_groups(backend: Any) -> list[Any]:
    return [group for groups in list(backend.groups.values()) for group in list(groups.values())]


def group_named(backend: Any, group_id: str) -> Any:
    group = backend.get_security_group_from_id(group_id)
    if group is None:
        raise InvalidSecurityGroupNotFoundError(group_id)
    return group


@correction(
    "group-in-use",
    aws=(
        "A group that an interface carries, that another group's rule names or that is associated with another VPC "
        "can't be deleted: DependencyViolation; a default group never: CannotDelete."
    ),
    moto="Deletes it.",
    page="DeleteSecurityGroup (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def group_in_use() -> None:
    @wrap(EC2Backend, "_delete_security_group")
    def delete(old: Any, self: Any, vpc_id: str | None, group_id: str) -> None:
        group = group_named(self, group_id)
        if group.is_default:
            raise refusal(
                "CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user'
            )
        carried = any(group in interface._group_set for interface in self.enis.values())
        named = any(
            rule.source_group.get("GroupId") == group_id
            for other in all_groups(self)
            if other is not group
            for rule in other.ingress_rules + other.egress_rules
        )
        if carried or named or getattr(group, "associated_vpcs", None):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        old(self, vpc_id, group_id)


@correction(
    "group-of-a-vpc",
    aws="CreateSecurityGroup in an unknown VPC is InvalidVpcID.NotFound.",
    moto="Makes a group there, without egress.",
    page="CreateSecurityGroup (Amazon EC2 API Reference); Error codes for the Amazon EC2 API",
)
def group_of_a_vpc() -> None:
    @wrap(EC2Response, "create_security_group")
    def create(old: Any, self: Any) -> Any:
        vpc_id = self._get_param("VpcId")
        if vpc_id and vpc_id not in self.ec2_backend.vpcs:
            raise InvalidVPCIdError(vpc_id)
        return old(self)


@correction(
    "describe-groups",
    aws=(
        "DescribeSecurityGroups and DescribeSecurityGroupRules give pages of MaxResults (5 to 1,000) with a "
        "NextToken; an unknown filter is InvalidParameterValue, an unknown group is named in the message."
    ),
    moto="Give everything, always; an unknown filter ends in HTTP 500, the message shows Python objects.",
    page="DescribeSecurityGroups, DescribeSecurityGroupRules (Amazon EC2 API Reference)",
)
def describe_groups() -> None:
    @wrap(EC2Response, "describe_security_groups")
    def describe(old: Any, self: Any) -> Any:
        for group_id in self._get_param("GroupIds", []):
            group_named(self.ec2_backend, group_id)
        check_filters(self, all_groups(self.ec2_backend))
        return paged(self, old(self), "SecurityGroups", ids="GroupIds")

    @wrap(EC2Response, "describe_security_group_rules")
    def describe_rules(old: Any, self: Any) -> Any:
        check_filters(self, [rule for group in all_groups(self.ec2_backend) for rule in group.egress_rules])
        return paged(self, old(self), "SecurityGroupRules", ids="SecurityGroupRuleIds")


def check_filters(response: Any, examples: list[Any]) -> None:
    known = set(examples[0].filters) if examples else set()
    for name in response._filters_from_querystring():
        if known and name not in known and not name.startswith("tag:") and name != "tag-key":
            raise refusal("InvalidParameterValue", f"The filter '{name}' is invalid")


@correction(
    "groups-for-vpc",
    aws=(
        "GetSecurityGroupsForVpc lists the groups that may be used in a VPC: its own and those that "
        "AssociateSecurityGroupVpc added."
    ),
    moto="Knows neither call: HTTP 500.",
    page="GetSecurityGroupsForVpc, AssociateSecurityGroupVpc (Amazon EC2 API Reference)",
)
def groups_for_vpc() -> None:
    EC2Response.get_security_groups_for_vpc = get_security_groups_for_vpc
    EC2Response.associate_security_group_vpc = associate_security_group_vpc
    EC2Response.disassociate_security_group_vpc = disassociate_security_group_vpc


FIELDS_FOR_VPC = {
    "description": lambda group: [group.description],
    "group-id": lambda group: [group.id],
    "group-name": lambda group: [group.name],
    "owner-id": lambda group: [group.owner_id],
    "primary-vpc-id": lambda group: [group.vpc_id],
}


def get_security_groups_for_vpc(self: Any) -> ActionResult:
    vpc_id = self.ec2_backend.get_vpc(self._get_param("VpcId")).id
    usable = [
        group
        for group in all_groups(self.ec2_backend)
        if vpc_id == group.vpc_id or vpc_id in getattr(group, "associated_vpcs", ())
    ]
    groups = filtered(usable, self._filters_from_querystring(), FIELDS_FOR_VPC)
    answer = paged(self, ActionResult({"SecurityGroupForVpcs": groups}), "SecurityGroupForVpcs")
    answer.result["SecurityGroupForVpcs"] = [
        {
            "Description": group.description,
            "GroupId": group.id,
            "GroupName": group.name,
            "OwnerId": group.owner_id,
            "PrimaryVpcId": group.vpc_id,
            "Tags": group.get_tags(),
        }
        for group in answer.result["SecurityGroupForVpcs"]
    ]
    return answer


def associate_security_group_vpc(self: Any) -> ActionResult:
    group = group_named(self.ec2_backend, self._get_param("GroupId"))
    vpc_id = self.ec2_backend.get_vpc(self._get_param("VpcId")).id
    group.associated_vpcs = getattr(group, "associated_vpcs", frozenset()) | {vpc_id}
    return ActionResult({"State": "associated"})


def disassociate_security_group_vpc(self: Any) -> ActionResult:
    group = group_named(self.ec2_backend, self._get_param("GroupId"))
    group.associated_vpcs = getattr(group, "associated_vpcs", frozenset()) - {self._get_param("VpcId")}
    return ActionResult({"State": "disassociated"})
