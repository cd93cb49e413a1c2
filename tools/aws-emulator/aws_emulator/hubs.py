"""Security Hub CSPM: the findings of all accounts and regions, and who sees them. Answers no call itself.

A finding is kept where it was imported. Its own account sees it there, so does that account's administrator, and both
also see it in the home region, if that region is linked to it.

Source: "Managing administrator and member accounts in Security Hub CSPM", "Understanding cross-Region aggregation in
Security Hub CSPM" (User Guide).
"""

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from moto.securityhub.models import Finding, SecurityHubBackend, securityhub_backends

Place = tuple[str, str]
"""An account and a region."""
Name = tuple[str, str]
"""The id and the product ARN of a finding."""

_numbers = itertools.count(1)


@dataclass
class Aggregator:
    home: str
    mode: str = "ALL_REGIONS"
    regions: list[str] = field(default_factory=list)

    def links(self, region: str) -> bool:
        if region == self.home or self.mode == "NO_REGIONS":
            return False
        if self.mode == "ALL_REGIONS":
            return True
        return (region in self.regions) == (self.mode == "SPECIFIED_REGIONS")


administrators: dict[str, str] = {}
"""Member account → its administrator account."""
aggregators: dict[str, Aggregator] = {}
"""Account → its cross-Region aggregation; that of an administrator counts for its members."""


def number(finding: Any) -> int:
    """The order in which findings came, over all accounts and regions: pages go by it."""
    if not hasattr(finding, "number"):
        finding.number = next(_numbers)
    return finding.number


def of_cspm(backend: SecurityHubBackend) -> list[Finding]:
    return backend.findings


def seen_from(account: str, region: str, kept_in: Callable[[SecurityHubBackend], list[Any]] = of_cspm) -> list[Any]:
    """The findings that this account sees in this region, in the order in which they came."""
    accounts = {account} | {member for member, chief in administrators.items() if chief == account}
    aggregator = aggregators.get(administrators.get(account, account))
    seen = []
    for owner in accounts & set(securityhub_backends):
        for place, backend in list(securityhub_backends[owner].items()):
            linked = aggregator is not None and region == aggregator.home and aggregator.links(place)
            if place == region or linked:
                seen += kept_in(backend)
    return sorted(seen, key=number)


def by_name(findings: Iterable[Finding]) -> dict[Name, Finding]:
    """A finding is known by its id and its product together."""
    return {(finding.id, finding.data.get("ProductArn", "")): finding for finding in findings}


def name(identifier: dict[str, Any]) -> Name:
    return identifier.get("Id", ""), identifier.get("ProductArn", "")


def viewers(account: str, region: str) -> list[Place]:
    """Where a finding of this account and region is seen: its events appear on the default buses of these places."""
    chief = administrators.get(account, account)
    aggregator = aggregators.get(chief)
    regions = [region, aggregator.home] if aggregator and aggregator.links(region) else [region]
    return [(viewer, place) for viewer in dict.fromkeys((account, chief)) for place in regions]


def administer(administrator: str, members: list[str], aggregationRegion: str | None = None) -> None:
    """What takes invitations or an organization in AWS: these are the members of this account, and no others."""
    for member in [member for member, chief in administrators.items() if chief == administrator]:
        del administrators[member]
    administrators.update(dict.fromkeys(members, administrator))
    aggregators.pop(administrator, None)
    if aggregationRegion:
        aggregators[administrator] = Aggregator(aggregationRegion)
