"""AssumeRole: only a role that exists, and only for whom its trust policy lets in; with the tags of its session.

What the role may do once assumed, and whether a role may become another by its own policies, is in `access`.
"""

import json
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.models import AssumedRole
from moto.sts.responses import TokenResponse

from ..callers import keys_of, keys_of_tags, passed_tags, who_signed
from ..policies import ALLOWED, Principal, Request, judge
from .registry import correction, wrap


@correction(
    "trust-policy",
    aws=(
        "AssumeRole of a role that doesn't exist, whose trust policy doesn't name the caller or wants another "
        "external id is AccessDenied."
    ),
    moto="Gives credentials for whatever ARN is asked for.",
    page="AssumeRole (AWS STS API Reference); Access to AWS accounts owned by third parties (IAM User Guide)",
)
def trust_policy() -> None:
    @wrap(TokenResponse, "assume_role")
    def assume_role(old: Any, self: Any) -> Any:
        _, caller, account = self.backend.get_caller_identity(self.get_access_key(), self.region)
        arn = self._get_param("RoleArn")
        who = who_signed(self.get_access_key(), account, self.region)
        keys = {"sts:rolesessionname": [self._get_param("RoleSessionName")]}
        if external_id := self._get_param("ExternalId"):
            keys["sts:externalid"] = [external_id]
        keys |= keys_of_tags(*passed_tags(query_of(self)))
        if not lets_in(arn, who, "sts:AssumeRole", keys):
            raise denied(caller, "sts:AssumeRole", arn)
        return old(self)


@correction(
    "session-tags",
    aws=(
        "AssumeRole gives the session the tags it is given, and those that are transitive in the caller's session. "
        "Where there are any, the role's trust policy must allow sts:TagSession too, without a look at the external id; "
        "else it is AccessDenied. A given tag of the same key as an inherited one ends the call."
    ),
    moto="Drops them.",
    page=(
        "Pass session tags in AWS STS, Permissions required to add session tags and Chaining roles with session tags "
        "(IAM User Guide); Grant Pods access to AWS resources based on tags (Amazon EKS User Guide); Actions, resources, "
        "and condition keys for AWS Security Token Service (Service Authorization Reference); that inherited tags need "
        "the right as well, as seen in aws/eks-pod-identity-agent issue 80; the code for a key that is there is our "
        "best knowledge"
    ),
)
def session_tags() -> None:
    @wrap(TokenResponse, "assume_role")
    def assume_role(old: Any, self: Any) -> Any:
        _, caller, account = self.backend.get_caller_identity(self.get_access_key(), self.region)
        arn = self._get_param("RoleArn")
        who = who_signed(self.get_access_key(), account, self.region)
        tags, transitive = passed_tags(query_of(self))
        if twice := sorted(who.transitive & tags.keys()):
            raise STSClientError("InvalidParameterValue", f"The tag keys {twice} are passed and inherited.")
        inherited = {key: who.tags[key] for key in who.transitive}
        if (tags or inherited) and not lets_in(arn, who, "sts:TagSession", keys_of_tags(tags, transitive)):
            raise denied(caller, "sts:TagSession", arn)
        answer = old(self)
        tag(answer.result["Credentials"], inherited | tags, who.transitive | transitive)
        return answer


def tag(session: AssumedRole, tags: dict[str, str], transitive: frozenset[str]) -> None:
    session.tags, session.transitive = tags, transitive


@correction(
    "denied-status",
    aws="AccessDenied of AssumeRole is HTTP 403.",
    moto="Answers with 400.",
    page="Troubleshoot access denied error messages (IAM User Guide); the status as seen in answers",
)
def denied_status() -> None:
    @wrap(TokenResponse, "serialized")
    def serialized(old: Any, self: Any, action_result: Any) -> Any:
        status, headers, body = old(self, action_result)
        return 403 if getattr(action_result.result, "code", None) == "AccessDenied" else status, headers, body


def query_of(response: Any) -> dict[str, str]:
    return {name: values[0] for name, values in response.querystring.items()}


def lets_in(arn: str, who: Principal, action: str, keys: dict[str, list[str]]) -> bool:
    """Whether the role's trust policy allows that."""
    return judge([role_policy(arn)], Request(who, action, arn, keys_of(who) | keys), resource_policy=True) == ALLOWED


def denied(caller: str, action: str, arn: str) -> STSClientError:
    return STSClientError("AccessDenied", f"User: {caller} is not authorized to perform: {action} on resource: {arn}")


def role_policy(arn: str) -> dict[str, Any]:
    """The role's trust policy; an empty one, which lets nobody in, if there is no such role."""
    try:
        _, partition, _, _, account, _ = arn.split(":", 5)
        return json.loads(iam_backends[account][partition].get_role_by_arn(arn).assume_role_policy_document)
    except (KeyError, NotFoundException, ValueError):
        return {}
