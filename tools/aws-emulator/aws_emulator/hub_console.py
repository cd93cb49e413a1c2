"""What happens in Security Hub and has no call of AWS: a person presses a custom action in the console of Security Hub
CSPM, a product puts a finding into the newer Security Hub."""

from typing import Any

from moto.securityhub.models import securityhub_backends

from . import hubs
from .corrections.action_targets import targets_of
from .corrections.finding_events import press as send
from .corrections.hub_v2 import import_finding

MOST = 20
"""So many findings can be chosen at once. Source: "Sending findings to a custom action" (User Guide)."""


def press(account: str, region: str, actionArn: str, findings: list[dict[str, str]]) -> int:
    """Sends one event a finding, as a person in that account and region does, and says how many."""
    target = targets_of(securityhub_backends[account][region]).get(actionArn)
    if target is None:
        raise ValueError(f"account {account} has no custom action {actionArn} in {region}")
    if not 1 <= len(findings) <= MOST:
        raise ValueError(f"1 to {MOST} findings can be chosen, not {len(findings)}")
    seen = hubs.by_name(hubs.seen_from(account, region))
    for one in findings:
        if hubs.name(one) not in seen:
            raise ValueError(f"account {account} sees no finding {one} in {region}")
    send(account, region, target, [seen[hubs.name(one)] for one in findings])
    return len(findings)


def import_v2(account: str, region: str, findings: list[dict[str, Any]]) -> list[str]:
    """Puts these OCSF findings, new or known, into the newer Security Hub, and says their metadata.uid."""
    backend = securityhub_backends[account][region]
    return [import_finding(account, region, one, backend).uid for one in findings]
