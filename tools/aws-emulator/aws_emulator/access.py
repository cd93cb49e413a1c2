"""IAM in force: what a role's session may do by the role's policies. Off until a test asks for it.

Looked at are the inline and attached policies of the role, each resource of the call apart; an explicit deny wins, and
what nothing allows is denied. A queue's policy may allow too. Which resources and condition keys a call has is in
`authorizations`, what a policy says in `policies`. README.md tells what of IAM isn't played.
"""

import json
from typing import Any

from moto.iam.models import iam_backends

from .answer import Refusal
from .authorizations import Needed, needed_for
from .call import Call
from .callers import keys_of, organization_key, who_signed
from .corrections.queue_policies import queue_says
from .policies import ALLOWED, DENIED, SILENT, Principal, Request, judge

CODES = {
    "ec2": ("UnauthorizedOperation", 403),
    "securityhub": ("AccessDeniedException", 403),
    "events": ("AccessDeniedException", 400),
}
OTHERWISE = ("AccessDenied", 403)
ALWAYS = {"sts:GetCallerIdentity", "sts:GetSessionToken"}
"""Need no permission. Source: GetCallerIdentity (AWS STS API Reference)."""


class Access:
    def __init__(self) -> None:
        self.everywhere = False
        self.by_account: dict[str, bool] = {}

    def set(self, enforced: bool, account: str | None = None) -> None:
        if not isinstance(enforced, bool):
            raise ValueError("enforced is true or false")
        if account is None:
            self.everywhere, self.by_account = enforced, {}
        else:
            self.by_account[account] = enforced

    def check(self, call: Call) -> None:
        """Raises a Refusal if the call is a role's and the role may not make it. To be called with the turn held."""
        if not self.by_account.get(call.account, self.everywhere):
            return
        who = who_signed(call.key, call.account, call.region)
        if not who.role or f"{call.service}:{call.action}" in ALWAYS:
            return
        policies = policies_of(who)
        for needed in needed_for(call):
            if (verdict := said_of(needed, who, policies, call)) != ALLOWED:
                raise refusal(call, who, needed, verdict)


def said_of(needed: Needed, who: Principal, policies: list[Any], call: Call) -> str:
    owner = needed.owner or call.account
    general = {"aws:requestedregion": [call.region], "ec2:region": [call.region], "aws:resourceaccount": [owner]}
    context = keys_of(who) | general | organization_key("aws:resourceorgid", owner) | needed.context
    verdict = judge(policies, Request(who, needed.action, needed.resource, context))
    if verdict == SILENT and needed.queue is not None and needed.queue.account_id == who.account:
        # Only one that names the role or its session: naming the account leaves it to the account's policies.
        directly = Principal(who.arn, "", who.role)
        return ALLOWED if queue_says(needed.queue, directly, needed.action, context) == ALLOWED else SILENT
    return verdict


def policies_of(who: Principal) -> list[Any]:
    """The role's policies, read afresh: a change counts for sessions that there are."""
    backend = iam_backends[who.account][who.role.split(":")[1]]
    role = next((role for role in backend.roles.values() if role.arn == who.role), None)
    if role is None:
        return []
    attached = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.is_default
    ]
    return [json.loads(one) if isinstance(one, str) else one for one in (*role.policies.values(), *attached)]


def refusal(call: Call, who: Principal, needed: Needed, verdict: str) -> Refusal:
    code, status = CODES.get(call.service, OTHERWISE)
    why = (
        "with an explicit deny in an identity-based policy"
        if verdict == DENIED
        else f"because no identity-based policy allows the {needed.action} action"
    )
    message = f"User: {who.arn} is not authorized to perform: {needed.action} on resource: {needed.resource} {why}"
    if call.service == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
    return Refusal(code, message, status)
