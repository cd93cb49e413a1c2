"""AssumeRole: only a role that exists, and only for whom its trust policy lets in.

Reads of a trust policy: Effect, Principal (AWS), Action, and the condition sts:ExternalId by StringEquals or
StringLike. Another condition key is taken as not met, so that nothing is let in by mistake. What the role may do once
assumed isn't looked at.
"""

import json
from typing import Any

from moto.iam.exceptions import NotFoundException
from moto.iam.models import iam_backends
from moto.sts.exceptions import STSClientError
from moto.sts.responses import TokenResponse

from ..wildcards import pattern
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
        if not trusts(role_policy(arn), caller, account, self._get_param("ExternalId")):
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


def trusts(policy: dict[str, Any], caller: str, account: str, external_id: str | None) -> bool:
    matching = [
        statement
        for statement in as_list(policy.get("Statement"))
        if any(pattern(action).fullmatch("sts:AssumeRole") for action in as_list(statement.get("Action")))
        and names(statement.get("Principal"), caller, account)
        and meets(statement.get("Condition") or {}, external_id)
    ]
    effects = {statement.get("Effect") for statement in matching}
    return "Allow" in effects and "Deny" not in effects


def names(principal: Any, caller: str, account: str) -> bool:
    if principal == "*":
        return True
    named = as_list(principal.get("AWS")) if isinstance(principal, dict) else []
    return any(
        one in ("*", account, caller, role_of(caller)) or (one.startswith("arn:") and one.endswith(f"::{account}:root"))
        for one in named
    )


def role_of(caller: str) -> str:
    """The role's ARN for a session of it: arn:…:sts::1:assumed-role/name/session is arn:…:iam::1:role/name."""
    head, _, tail = caller.partition(":assumed-role/")
    return f"{head.replace(':sts:', ':iam:')}:role/{tail.split('/')[0]}" if tail else caller


def meets(condition: dict[str, Any], external_id: str | None) -> bool:
    for operator, keys in condition.items():
        for key, wanted in keys.items():
            if key.lower() != "sts:externalid" or operator not in ("StringEquals", "StringLike") or external_id is None:
                return False
            if operator == "StringEquals" and external_id not in as_list(wanted):
                return False
            if operator == "StringLike" and not any(pattern(one).fullmatch(external_id) for one in as_list(wanted)):
                return False
    return True


def as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
