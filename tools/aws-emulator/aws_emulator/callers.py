"""Who makes a call, by the access key that signed it: a role's session, a user, or the root of an account."""

import re
from collections.abc import Mapping

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends
from moto.utilities.utils import get_partition

from .policies import Principal

organizations: dict[str, str] = {}
"""Account → the organization that it is in, for the conditions on one. A test says it; moto's organizations don't."""


def organize(id: str, accounts: list[str]) -> None:
    """These accounts are in this organization, and no others."""
    for account in [account for account, organization in organizations.items() if organization == id]:
        del organizations[account]
    organizations.update(dict.fromkeys(accounts, id))


def organization_key(key: str, account: str) -> dict[str, list[str]]:
    return {key: [organizations[account]]} if account in organizations else {}


TAG = re.compile(r"Tags\.member\.\d+\.Key")
TRANSITIVE = re.compile(r"TransitiveTagKeys\.member\.\d+")


def passed_tags(params: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]]:
    """The session tags that AssumeRole is given, and the keys of those that are to be transitive."""
    keys = [name for name in params if TAG.fullmatch(name)]
    tags = {params[name]: params.get(f"{name.removesuffix('Key')}Value", "") for name in keys}
    return tags, frozenset(value for name, value in params.items() if TRANSITIVE.fullmatch(name))


def keys_of_tags(tags: Mapping[str, str], transitive: frozenset[str]) -> dict[str, list[str]]:
    """The condition keys of session tags that are given. Of inherited ones no page names any."""
    keys = {f"aws:requesttag/{key.lower()}": [value] for key, value in tags.items()}
    if tags:
        keys["aws:tagkeys"] = list(tags)
    if transitive:
        keys["sts:transitivetagkeys"] = sorted(transitive)
    return keys


def who_signed(key: str, account: str, region: str) -> Principal:
    partition = get_partition(region)
    session = sts_backends[account][partition].get_assumed_role_from_access_key(key)
    if session:
        tags, transitive = getattr(session, "tags", {}), getattr(session, "transitive", frozenset())
        return Principal(session.arn, account, role=session.role_arn, tags=tags, transitive=transitive)
    user = iam_backends[account][partition].get_user_from_access_key_id(key)
    if user:
        return Principal(user.arn, account)
    return Principal(f"arn:{partition}:iam::{account}:root", account)


def keys_of(who: Principal) -> dict[str, list[str]]:
    """The condition keys that tell who asks, and how: signed, over TLS (which loopback stands for)."""
    keys = {"aws:securetransport": ["true"], "aws:viaawsservice": ["false"]}
    if who.service:
        return keys | {"aws:principalisawsservice": ["true"], "aws:principalservicename": [who.service]}
    return (
        keys
        | organization_key("aws:principalorgid", who.account)
        | {f"aws:principaltag/{key.lower()}": [value] for key, value in who.tags.items()}
        | {
            "aws:principalisawsservice": ["false"],
            "aws:principalarn": [who.role or who.arn],
            "aws:principalaccount": [who.account],
            "aws:principaltype": ["AssumedRole" if who.role else "User" if ":user/" in who.arn else "Account"],
        }
    )
