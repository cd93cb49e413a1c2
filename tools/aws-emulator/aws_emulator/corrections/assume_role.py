"""AssumeRole: only a role that exists, and only for whom its trust policy lets in.

What the role may do once assumed, and whether a role may become another by its own policies, is in `access`.
"""

import json
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

from ..callers import keys_of, who_signed
from ..policies import ALLOWED, Request, judge
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
        request = Request(who, "sts:AssumeRole", arn, keys_of(who) | keys)
        if judge([role_policy(arn)], request, resource_policy=True) != ALLOWED:
            raise STSClientError(
                "AccessDenied", f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}"
            )
        return old(self)


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


def role_policy(arn: str) -> dict[str, Any]:
    """The role's trust policy; an empty one, which lets nobody in, if there is no such role."""
    try:
        _, partition, _, _, account, _ = arn.split(":", 5)
        return json.loads(iam_backends[account][partition].get_role_by_arn(arn).assume_role_policy_document)
    except (KeyError, NotFoundException, ValueError):
        return {}
