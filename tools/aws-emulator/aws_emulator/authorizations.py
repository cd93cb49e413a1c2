"""What a call has to be allowed: the actions, the resources and the condition keys that go with each.

Complete for the calls that the operator makes; any other call asks for its action on "*", so that a policy which names
resources doesn't allow it.

Source: "Actions, resources, and condition keys for Amazon EC2", "… for AWS Security Hub", "… for Amazon SQS", "… for AWS
Security Token Service" (Service Authorization Reference); ec2:CreateAction, "Grant permission to tag Amazon EC2
resources during creation" (Amazon EC2 User Guide); securityhub:ASFFSyntaxPath, "Configuring access to
BatchUpdateFindings" (Security Hub User Guide); securityhub:OCSFSyntaxPath, BatchUpdateFindingsV2 (AWS Security Hub API
Reference).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import ec2_backends
from moto.securityhub.models import securityhub_backends
from moto.sqs.models import Queue, sqs_backends
from moto.utilities.utils import get_partition

from .call import Call, flatten
from .callers import keys_of_tags, passed_tags, who_signed
from .corrections.queue_policies import OWNER

Context = dict[str, list[str]]

KINDS = {
    "eni": "network-interface",
    "sg": "security-group",
    "i": "instance",
    "vpc": "vpc",
    "subnet": "subnet",
    "pl": "prefix-list",
    "vol": "volume",
}
RESOURCES = {
    "ModifyNetworkInterfaceAttribute": ("NetworkInterfaceId", "SecurityGroupId"),
    "ModifyInstanceAttribute": ("InstanceId", "GroupId"),
    "CreateNetworkInterface": ("SubnetId", "SecurityGroupId"),
    "DeleteNetworkInterface": ("NetworkInterfaceId",),
    "AttachNetworkInterface": ("NetworkInterfaceId", "InstanceId"),
    "CreateSecurityGroup": ("VpcId",),
    "DeleteSecurityGroup": ("GroupId",),
    "AuthorizeSecurityGroupIngress": ("GroupId",),
    "AuthorizeSecurityGroupEgress": ("GroupId",),
    "RevokeSecurityGroupIngress": ("GroupId",),
    "RevokeSecurityGroupEgress": ("GroupId",),
    "UpdateSecurityGroupRuleDescriptionsIngress": ("GroupId",),
    "UpdateSecurityGroupRuleDescriptionsEgress": ("GroupId",),
    "ModifySecurityGroupRules": ("GroupId",),
    "CreateTags": ("ResourceId",),
    "DeleteTags": ("ResourceId",),
    "StopInstances": ("InstanceId",),
    "TerminateInstances": ("InstanceId",),
    "GetSecurityGroupsForVpc": ("VpcId",),
    "GetManagedPrefixListEntries": ("PrefixListId",),
}
"""EC2: the parameters that name the resources of a call."""
MADE = {"CreateSecurityGroup": "security-group", "CreateNetworkInterface": "network-interface"}
"""EC2: what a call makes, and may tag at once."""
ATTRIBUTES = {"ModifyNetworkInterfaceAttribute": "SecurityGroupId", "ModifyInstanceAttribute": "GroupId"}
ASFF = "securityhub:asffsyntaxpath/"
OCSF = "securityhub:ocsfsyntaxpath/"
OF_HUB_V2 = {"GetFindingsV2": "GetFindings", "BatchUpdateFindingsV2": "BatchUpdateFindings"}
"""Security Hub: the actions of calls to the newer one, which are those of the older one's."""
ONE_FOR_BOTH = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}


@dataclass
class Needed:
    action: str
    resource: str = "*"
    context: Context = field(default_factory=dict)
    queue: Queue | None = None

    @property
    def owner(self) -> str:
        """The account in the resource's ARN, if one is there."""
        parts = self.resource.split(":", 5)
        return parts[4] if len(parts) == 6 else ""


def needed_for(call: Call) -> Iterator[Needed]:
    """All of these must be allowed."""
    action = f"{call.service}:{call.action}"
    if call.service == "ec2":
        yield from for_ec2(call, action)
    elif call.service == "sqs":
        yield for_sqs(call)
    elif call.service == "securityhub":
        yield for_security_hub(call, action)
    elif action.startswith("sts:AssumeRole"):
        yield from for_sts(call, action)
    else:
        yield Needed(action)


def for_ec2(call: Call, action: str) -> Iterator[Needed]:
    tags = request_tags(call)
    attribute = attribute_keys(call)
    made = MADE.get(call.action)
    if made:
        # The keys of the request's tags go with what is made, not with the VPC or subnet it is made in.
        yield Needed(action, arn(call, made, "*"), tags)
    named = [id for name in RESOURCES.get(call.action, ()) for id in call.values(name)]
    for id in named:
        own = tags if call.action in ("CreateTags", "DeleteTags") else {}
        yield Needed(action, arn_of(call, id), keys_of_resource(call, id) | own | attribute)
    if made and tags:
        create = {"ec2:createaction": [call.action]}
        yield Needed("ec2:CreateTags", arn(call, made, "*"), tags | create)
    if not made and not named:
        yield Needed(action)


def attribute_keys(call: Call) -> Context:
    """That it is the groups which are set, under the name that the API has for them."""
    name = ATTRIBUTES.get(call.action)
    groups = list(call.values(name)) if name else []
    return {"ec2:attribute": ["GroupSet"], "ec2:attribute/groupset": groups} if groups else {}


def request_tags(call: Call) -> Context:
    """Of CreateTags and DeleteTags `Tag.N`, of others `TagSpecification.N.Tag.N`."""
    tags: dict[str, str] = {}
    for path, key in call.params.items():
        if path.endswith(".Key") and path.split(".")[-3:-2] == ["Tag"]:
            tags[key] = call.params.get(f"{path.removesuffix('.Key')}.Value", "")
    if not tags:
        return {}
    return {"aws:tagkeys": list(tags)} | {f"aws:requesttag/{key.lower()}": [value] for key, value in tags.items()}


def keys_of_resource(call: Call, id: str) -> Context:
    """Its tags, its VPC and its subnet; none if there is no such resource."""
    backend = ec2_backends[call.account][call.region]
    keys: Context = {}
    for key, value in backend.tags.get(id, {}).items():
        keys[f"aws:resourcetag/{key.lower()}"] = keys[f"ec2:resourcetag/{key.lower()}"] = [value]
    if id.startswith("sg-"):
        found = next((groups[id] for groups in backend.groups.values() if id in groups), None)
        keys["ec2:securitygroupid"] = [id]
    else:
        found = backend.enis.get(id)
    if vpc := getattr(found, "vpc_id", None) or getattr(getattr(found, "subnet", None), "vpc_id", None):
        keys["ec2:vpc"] = [arn(call, "vpc", vpc)]
    if subnet := getattr(getattr(found, "subnet", None), "id", None):
        keys["ec2:subnet"] = [arn(call, "subnet", subnet)]
    if id.startswith("vpc-"):
        keys["ec2:vpcid"] = [id]
    return keys


def arn_of(call: Call, id: str) -> str:
    return arn(call, KINDS.get(id.rpartition("-")[0], "*"), id)


def arn(call: Call, kind: str, id: str) -> str:
    return f"arn:{get_partition(call.region)}:ec2:{call.region}:{call.account}:{kind}/{id}"


def for_sts(call: Call, action: str) -> Iterator[Needed]:
    role, tags = call.params.get("RoleArn", "*"), passed_tags(call.params)
    named = {"sts:externalid": "ExternalId", "sts:rolesessionname": "RoleSessionName"}
    keys = {key: [call.params[name]] for key, name in named.items() if name in call.params}
    yield Needed(action, role, keys | keys_of_tags(*tags))
    if tags[0] or who_signed(call.key, call.account, call.region).transitive:
        yield Needed("sts:TagSession", role, keys_of_tags(*tags))


def for_sqs(call: Call) -> Needed:
    action = f"sqs:{ONE_FOR_BOTH.get(call.action, call.action)}"
    url = str(call.params.get("QueueUrl") or "")
    name = url.rstrip("/").rpartition("/")[2] or call.params.get("QueueName", "")
    found = OWNER.search(url)
    owner = call.params.get("QueueOwnerAWSAccountId") or (found[1] if found else call.account)
    if not name:
        return Needed(action)
    queue = f"arn:{get_partition(call.region)}:sqs:{call.region}:{owner}:{name}"
    return Needed(action, queue, queue=sqs_backends[owner][call.region].queues.get(name))


def for_security_hub(call: Call, action: str) -> Needed:
    place = f"arn:{get_partition(call.region)}:securityhub:{call.region}:{call.account}"
    if call.action in OF_HUB_V2:
        found = getattr(securityhub_backends[call.account][call.region], "hub_v2", None)
        hub = found["HubV2Arn"] if found else f"{place}:hubv2/none"
        return Needed(f"securityhub:{OF_HUB_V2[call.action]}", hub, ocsf_keys(call.params))
    hub = f"{place}:hub/default"
    if call.action == "BatchImportFindings":
        findings = call.params.get("Findings") or [{}]
        return Needed(action, findings[0].get("ProductArn", "*"))
    if call.action == "BatchUpdateFindings":
        return Needed(action, hub, asff_keys(call.params))
    return Needed(action, hub)


def ocsf_keys(params: dict[str, Any]) -> Context:
    """One key for each field that is set."""
    set_ = [name for name in ("Comment", "StatusId", "SeverityId") if name in params]
    return {f"{OCSF}{name.lower()}": [str(params[name])] for name in set_}


def asff_keys(params: dict[str, Any]) -> Context:
    """One key for each field that is set, `Workflow.Status`, and for the object that it is in, `Workflow`."""
    keys: Context = {}
    for path, value in flatten({name: one for name, one in params.items() if name != "FindingIdentifiers"}):
        names = [part for part in path.split(".") if not part.isdigit()]
        for depth in range(1, len(names) + 1):
            keys.setdefault(f"{ASFF}{'.'.join(names[:depth]).lower()}", []).append(value)
    if fields := params.get("UserDefinedFields"):
        keys[f"{ASFF}userdefinedfields.key"] = list(fields)
        keys[f"{ASFF}userdefinedfields.value"] = list(map(str, fields.values()))
    return keys
