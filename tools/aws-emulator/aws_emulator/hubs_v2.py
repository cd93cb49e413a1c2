"""The newer Security Hub: its findings, in OCSF, of all accounts and regions. Answers no call itself.

Who sees a finding is as in Security Hub CSPM (`hubs`): its account, that account's administrator, both also in the home
region.

Source: "OCSF findings in Security Hub CSPM" (User Guide); BatchUpdateFindingsV2 (AWS Security Hub API Reference).
"""

import copy
import datetime
import hashlib
from dataclasses import dataclass
from typing import Any

from moto.securityhub.models import SecurityHubBackend, securityhub_backends

from . import hubs

Name = tuple[str, str, str]
"""The account, the id and the product of a finding."""
STATUSES = {
    0: "Unknown",
    1: "New",
    2: "In Progress",
    3: "Suppressed",
    4: "Resolved",
    5: "Archived",
    99: "Other",
}
SEVERITIES = {
    0: "Unknown",
    1: "Informational",
    2: "Low",
    3: "Medium",
    4: "High",
    5: "Critical",
    6: "Fatal",
    99: "Other",
}
OWNERS_OWN = ("comment", "severity", "severity_id", "status", "status_id")
"""What a product can't change any more once the owner has."""


@dataclass
class Finding:
    data: dict[str, Any]
    written: set[str]
    """The names that the owner has written."""

    @property
    def uid(self) -> str:
        return self.data["metadata"]["uid"]


def name(data: dict[str, Any]) -> Name:
    return data["cloud"]["account"]["uid"], data["finding_info"]["uid"], data["metadata"]["product"]["uid"]


def kept_in(backend: SecurityHubBackend) -> list[Finding]:
    if not hasattr(backend, "findings_v2"):
        backend.findings_v2 = []
    return backend.findings_v2


def seen_from(account: str, region: str) -> list[Finding]:
    """The findings that this account sees in this region, in the order in which they came."""
    return hubs.seen_from(account, region, kept_in)


def take(account: str, region: str, given: dict[str, Any]) -> Finding:
    """What a product tells of a finding of this account and region, new or known."""
    data = filled(account, region, given)
    known = kept_in(securityhub_backends[account][region])
    for finding in known:
        if name(finding.data) == name(data):
            owners = {field: finding.data[field] for field in finding.written}
            finding.data = data | owners
            return finding
    finding = Finding(data, set())
    hubs.number(finding)
    known.append(finding)
    return finding


def filled(account: str, region: str, given: dict[str, Any]) -> dict[str, Any]:
    """The finding with what Security Hub itself says of it."""
    data = copy.deepcopy(given)
    cloud = data.setdefault("cloud", {"provider": "AWS", "region": region})
    cloud.setdefault("account", {}).setdefault("uid", account)
    now = datetime.datetime.now(datetime.timezone.utc)
    data.setdefault("time", int(now.timestamp() * 1000))
    data.setdefault("status_id", 1)
    data.setdefault("status", STATUSES[data["status_id"]])
    if "severity_id" in data:
        data.setdefault("severity", SEVERITIES[data["severity_id"]])
    whole = hashlib.sha256("\n".join(name(data)).encode()).hexdigest()
    data["metadata"].setdefault("uid", whole)
    return data


def write(finding: Finding, changes: dict[str, Any]) -> None:
    # A new dictionary: answers and events that still hold the old one are not changed after the fact.
    finding.data = finding.data | changes
    finding.written |= set(changes)
