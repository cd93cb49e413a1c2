"""Who makes a call, by the access key that signed it: a role's session, a user, or the root of an account."""

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


def who_signed(key: str, account: str, region: str) -> Principal:
    partition = get_partition(region)
    session = sts_backends[account][partition].get_assumed_role_from_access_key(key)
    if session:
        return Principal(session.arn, account, role=session.role_arn)
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
        | {
            "aws:principalisawsservice": ["false"],
            "aws:principalarn": [who.role or who.arn],
            "aws:principalaccount": [who.account],
            "aws:principaltype": ["AssumedRole" if who.role else "User" if ":user/" in who.arn else "Account"],
        }
    )
