"""The resources of a stack as they are afterwards: security groups, queues and their policies, rules, roles and their
policies. How a template is read is in `stacks`."""

import json
from typing import Any

from moto.core.common_models import CloudFormationModel
from moto.ec2.models import ec2_backends
from moto.ec2.models.security_groups import SecurityGroup
from moto.events.models import Rule
from moto.iam.models import ManagedPolicy, Role, iam_backends
from moto.sqs.models import Queue, sqs_backends
from moto.utilities.utils import get_partition

from .registry import correction

RULES = {
    "Ingress": ("SourceSecurityGroupId", "SourcePrefixListId"),
    "Egress": ("DestinationSecurityGroupId", "DestinationPrefixListId"),
}
QUEUE_DEFAULTS = {
    "DelaySeconds": 0,
    "MessageRetentionPeriod": 345600,
    "ReceiveMessageWaitTimeSeconds": 0,
    "VisibilityTimeout": 30,
    "RedrivePolicy": "",
    "RedriveAllowPolicy": None,
    "KmsMasterKeyId": None,
    "SqsManagedSseEnabled": True,
}


def document(value: Any) -> str:
    """YAML reads an unquoted Version as a date."""
    return value if isinstance(value, str) else json.dumps(value, default=str)


def replace(owner: type, name: str, new: Any) -> Any:
    """Puts a class method in place of another, and gives the old one."""
    old = getattr(owner, name)
    setattr(owner, name, classmethod(new))
    return old


@correction(
    "stack-groups",
    aws=(
        "AWS::EC2::SecurityGroup has the rules of SecurityGroupIngress and, instead of the one that allows all, of "
        "SecurityGroupEgress, with descriptions, IPv6 and prefix lists; an update changes them in place."
    ),
    moto="Ignores SecurityGroupEgress and descriptions; an update makes another group.",
    page="AWS::EC2::SecurityGroup (CloudFormation User Guide)",
)
def stack_groups() -> None:
    def create(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        properties = cloudformation_json["Properties"]
        group = ec2_backends[account_id][region_name].create_security_group(
            name=resource_name, description=properties.get("GroupDescription"), vpc_id=properties.get("VpcId")
        )
        set_group(group, properties)
        return group

    def update(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, group = cloudformation_json["Properties"], original_resource
        fixed = (properties.get("GroupDescription"), properties.get("GroupName", group.name))
        if fixed != (group.description, group.name) or properties.get("VpcId", group.vpc_id) != group.vpc_id:
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            group.delete(account_id, region_name)
            return made
        set_group(group, properties)
        return group

    replace(SecurityGroup, "create_from_cloudformation_json", create)
    replace(SecurityGroup, "update_from_cloudformation_json", update)


def set_group(group: SecurityGroup, properties: dict[str, Any]) -> None:
    backend = group.ec2_backend
    group.ingress_rules = []
    authorize(backend.authorize_security_group_ingress, group, "Ingress", properties.get("SecurityGroupIngress"))
    rules = properties.get("SecurityGroupEgress") or [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]
    group.egress_rules = []
    authorize(backend.authorize_security_group_egress, group, "Egress", rules)
    for tag in properties.get("Tags", []):
        group.add_tag(tag["Key"], tag["Value"])


def authorize(call: Any, group: SecurityGroup, direction: str, rules: Any) -> None:
    other_group, prefix_list = RULES[direction]
    for rule in [rules] if isinstance(rules, dict) else rules or []:
        described = {"Description": rule["Description"]} if rule.get("Description") else {}
        cidrs = [{name: rule[name]} | described for name in ("CidrIp", "CidrIpv6") if rule.get(name)]
        groups = [{"GroupId": rule[other_group]} | described] if rule.get(other_group) else []
        lists = [{"PrefixListId": rule[prefix_list]} | described] if rule.get(prefix_list) else []
        call(
            group.id,
            str(rule["IpProtocol"]),
            rule.get("FromPort"),
            rule.get("ToPort"),
            cidrs,
            source_groups=groups,
            prefix_list_ids=lists,
            vpc_id=group.vpc_id,
        )


@correction(
    "stack-queues",
    aws="An update of AWS::SQS::Queue sets all its attributes, the default where one isn't given any more.",
    moto="Sets VisibilityTimeout and ReceiveMessageWaitTimeSeconds.",
    page="AWS::SQS::Queue (CloudFormation User Guide)",
)
def stack_queues() -> None:
    def update(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, queue = dict(cloudformation_json["Properties"]), original_resource
        if properties.pop("QueueName", queue.name) != queue.name:
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            sqs_backends[account_id][region_name].delete_queue(queue.name)
            return made
        queue.tags = {tag["Key"]: tag["Value"] for tag in properties.pop("Tags", [])}
        policy = {"Policy": queue.policy} if queue.policy else {}
        queue._set_attributes(QUEUE_DEFAULTS | policy | properties)
        return queue

    replace(Queue, "update_from_cloudformation_json", update)


@correction(
    "stack-queue-policies",
    aws="AWS::SQS::QueuePolicy is the policy of the queues it names, and taken away with it.",
    moto="Doesn't have it.",
    page="AWS::SQS::QueuePolicy (CloudFormation User Guide)",
)
def stack_queue_policies() -> None:
    class QueuePolicy(CloudFormationModel):
        def __init__(self, name: str, properties: dict[str, Any]) -> None:
            self.physical_resource_id = name
            self.properties = properties

        cloudformation_name_type = staticmethod(lambda: "")
        cloudformation_type = staticmethod(lambda: "AWS::SQS::QueuePolicy")

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return attr == "Id"

        def get_cfn_attribute(self, attribute_name: str) -> str:
            return self.physical_resource_id

        @classmethod
        def create_from_cloudformation_json(
            cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
        ) -> Any:
            policy = cls(resource_name, cloudformation_json["Properties"])
            policy.put(account_id, region_name, document(policy.properties["PolicyDocument"]))
            return policy

        @classmethod
        def update_from_cloudformation_json(
            cls,
            original_resource: Any,
            new_resource_name: str,
            cloudformation_json: Any,
            account_id: str,
            region_name: str,
        ) -> Any:
            original_resource.delete(account_id, region_name)
            name = original_resource.physical_resource_id
            return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)

        @classmethod
        def delete_from_cloudformation_json(cls, *args: Any) -> None:
            raise NotImplementedError("deleted by itself")

        def delete(self, account_id: str, region_name: str) -> None:
            self.put(account_id, region_name, "")

        def put(self, account_id: str, region_name: str, policy: str) -> None:
            queues = sqs_backends[account_id][region_name].queues
            for url in self.properties["Queues"]:
                name = url.split("/")[-1]
                # A stack that is deleted may have lost the queue first.
                if policy or name in queues:
                    queues[name]._set_attributes({"Policy": policy})


@correction(
    "stack-rules",
    aws="An update of AWS::Events::Rule keeps its name and so its ARN.",
    moto="Makes up another name, which the queue's policy doesn't know.",
    page="AWS::Events::Rule (CloudFormation User Guide)",
)
def stack_rules() -> None:
    def update(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        name = cloudformation_json["Properties"].get("Name", original_resource.name)
        original_resource.delete(account_id, region_name)
        return cls.create_from_cloudformation_json(name, cloudformation_json, account_id, region_name)

    replace(Rule, "update_from_cloudformation_json", update)


@correction(
    "stack-roles",
    aws=(
        "AWS::IAM::Role has its inline Policies and ManagedPolicyArns, and an update changes them, the trust policy "
        "and the description."
    ),
    moto=(
        "Keeps inline policies as objects, on which GetRolePolicy ends in HTTP 500; ignores ManagedPolicyArns; an "
        "update changes only the description."
    ),
    page="AWS::IAM::Role (CloudFormation User Guide)",
)
def stack_roles() -> None:
    def create(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **_: Any
    ) -> Any:
        made = old_create(resource_name, cloudformation_json, account_id, region_name)
        set_role(made, cloudformation_json["Properties"])
        return made

    def update(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, role = cloudformation_json["Properties"], original_resource
        if properties.get("RoleName", role.name) != role.name or properties.get("Path", role.path) != role.path:
            made = cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)
            cls.delete_from_cloudformation_json(role.name, cloudformation_json, account_id, region_name)
            return made
        set_role(role, properties)
        return role

    def delete(cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str) -> None:
        role = iam_backends[account_id][get_partition(region_name)].get_role(resource_name)
        for policy in list(role.managed_policies.values()):
            policy.detach_from(role)
        old_delete(resource_name, cloudformation_json, account_id, region_name)

    old_create = replace(Role, "create_from_cloudformation_json", create)
    replace(Role, "update_from_cloudformation_json", update)
    old_delete = replace(Role, "delete_from_cloudformation_json", delete)


def set_role(role: Role, properties: dict[str, Any]) -> None:
    role.assume_role_policy_document = document(properties["AssumeRolePolicyDocument"])
    role.description = properties.get("Description", "")
    role.max_session_duration = properties.get("MaxSessionDuration", 3600)
    inline = {one["PolicyName"]: document(one["PolicyDocument"]) for one in properties.get("Policies", [])}
    # An AWS::IAM::Policy of the stack puts its own beside those of the role.
    for name in getattr(role, "stack_policies", []):
        role.policies.pop(name, None)
    role.policies.update(inline)
    role.stack_policies = list(inline)
    backend = iam_backends[role.account_id][role.partition]
    wanted = properties.get("ManagedPolicyArns", [])
    for arn in set(getattr(role, "stack_arns", [])) - set(wanted):
        backend.detach_role_policy(arn, role.name)
    for arn in wanted:
        backend.attach_role_policy(arn, role.name)
    role.stack_arns = wanted


@correction(
    "stack-managed-policies",
    aws="AWS::IAM::ManagedPolicy is changed by an update and deleted with the stack.",
    moto="Can do neither: it stays, attached.",
    page="AWS::IAM::ManagedPolicy (CloudFormation User Guide)",
)
def stack_managed_policies() -> None:
    def update(
        cls: Any,
        original_resource: Any,
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> Any:
        properties, policy = cloudformation_json["Properties"], original_resource
        backend = iam_backends[account_id][get_partition(region_name)]
        for version in policy.versions:
            if version.is_default:
                version.document = document(properties["PolicyDocument"])
        roles = properties.get("Roles", [])
        for role in list(backend.roles.values()):
            if role.name in roles and policy.arn not in role.managed_policies:
                policy.attach_to(role)
            elif role.name not in roles and policy.arn in role.managed_policies:
                policy.detach_from(role)
        return policy

    def delete(self: Any, account_id: str, region_name: str) -> None:
        backend = iam_backends[account_id][get_partition(region_name)]
        for holder in (*backend.roles.values(), *backend.users.values(), *backend.groups.values()):
            if self.arn in holder.managed_policies:
                self.detach_from(holder)
        backend.managed_policies.pop(self.arn, None)

    replace(ManagedPolicy, "update_from_cloudformation_json", update)
    ManagedPolicy.delete = delete
