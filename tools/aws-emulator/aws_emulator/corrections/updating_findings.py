"""BatchUpdateFindings: what the owner of a finding writes on it. Who may is in `hubs`; the event is `finding_events`'s.

At once, where AWS takes up to minutes. A map of UserDefinedFields replaces the one before: no page tells whether AWS
merges them, so send all that shall stay.
"""

import copy
from typing import Any

from moto.core.responses import ActionResult
from moto.securityhub.models import SecurityHubBackend
from moto.securityhub.responses import SecurityHubResponse
from moto.securityhub.urls import url_paths

from .. import hubs
from .findings import invalid, now
from .registry import correction

LARGEST = 100
STATUSES = ("NEW", "NOTIFIED", "RESOLVED", "SUPPRESSED")
STATES = ("UNKNOWN", "TRUE_POSITIVE", "FALSE_POSITIVE", "BENIGN_POSITIVE")
FROM_NORMALIZED = ((0, "INFORMATIONAL"), (39, "LOW"), (69, "MEDIUM"), (89, "HIGH"), (100, "CRITICAL"))
NORMALIZED = {"INFORMATIONAL": 0, "LOW": 1, "MEDIUM": 40, "HIGH": 70, "CRITICAL": 90}
ERRORS = {"FindingNotFound": "Finding Not Found", "DuplicatedFindingIdentifier": "Finding Identifier is duplicated"}


@correction(
    "update-findings",
    aws=(
        "BatchUpdateFindings writes Note, Workflow, Severity, UserDefinedFields, VerificationState, Types, Confidence, "
        "Criticality and RelatedFindings on up to 100 findings, not UpdatedAt; an unknown one and one named twice are "
        "in UnprocessedFindings; a value of a wrong form is InvalidInputException and changes nothing."
    ),
    moto="Doesn't have the call.",
    page=(
        "BatchUpdateFindings, BatchUpdateFindingsUnprocessedFinding, Note (AWS Security Hub API Reference); "
        "BatchUpdateFindings for customers (User Guide)"
    ),
)
def update_findings() -> None:
    url_paths["{0}/findings/batchupdate$"] = SecurityHubResponse.dispatch

    def batch_update_findings(self: Any) -> Any:
        params = {
            name: self._get_param(name) for name in ("FindingIdentifiers", *CHECKS) if self._get_param(name) is not None
        }
        processed, unprocessed = self.securityhub_backend.batch_update_findings(**params)
        return ActionResult({"ProcessedFindings": processed, "UnprocessedFindings": unprocessed})

    SecurityHubResponse.batch_update_findings = batch_update_findings
    SecurityHubBackend.batch_update_findings = write


def write(self: Any, FindingIdentifiers: Any = None, **changes: Any) -> tuple[list[Any], list[Any]]:
    named = FindingIdentifiers if isinstance(FindingIdentifiers, list) else []
    if not 1 <= len(named) <= LARGEST or not all(one.get("Id") and one.get("ProductArn") for one in named):
        raise invalid(f"Invalid parameter 'FindingIdentifiers'. Expected 1 to {LARGEST}, with Id and ProductArn.")
    written = {name: CHECKS[name](value) for name, value in changes.items()}
    seen = hubs.by_name(hubs.seen_from(self.account_id, self.region_name))
    processed, unprocessed = [], []
    for one in named:
        finding = seen.get(hubs.name(one))
        code = "DuplicatedFindingIdentifier" if named.count(one) > 1 else "FindingNotFound" if not finding else None
        if code:
            unprocessed.append({"FindingIdentifier": one, "ErrorCode": code, "ErrorMessage": ERRORS[code]})
            continue
        # A new dictionary: answers and events that still hold the old one are not changed after the fact.
        finding.data = finding.data | copy.deepcopy(written)
        processed.append(one)
    return processed, unprocessed


def note(value: Any) -> dict[str, str]:
    if not text(value.get("Text"), 512) or not text(value.get("UpdatedBy"), 512):
        raise invalid("Invalid parameter 'Note'. Text and UpdatedBy have 1 to 512 characters.")
    return {"Text": value["Text"], "UpdatedBy": value["UpdatedBy"], "UpdatedAt": now()}


def workflow(value: Any) -> dict[str, str]:
    if value.get("Status") not in STATUSES:
        raise invalid(f"Invalid parameter 'Workflow.Status'. It is one of {', '.join(STATUSES)}.")
    return {"Status": value["Status"]}


def user_defined(value: Any) -> dict[str, str]:
    if len(value) > 50 or not all(text(key, 128) and text(inner, 1024) for key, inner in value.items()):
        raise invalid(
            "Invalid parameter 'UserDefinedFields'. It has up to 50 pairs, a key up to 128, a value up to 1024 "
            "characters."
        )
    return value


def verification(value: Any) -> str:
    if value not in STATES:
        raise invalid(f"Invalid parameter 'VerificationState'. It is one of {', '.join(STATES)}.")
    return value


def ratio(value: Any) -> int:
    if not isinstance(value, int) or not 0 <= value <= 100:
        raise invalid("Invalid parameter. A ratio is a number from 0 to 100.")
    return value


def severity(value: Any) -> dict[str, Any]:
    """A label sets the number that goes with it, and a number alone the label."""
    if value.get("Label", "LOW") not in NORMALIZED:
        raise invalid(f"Invalid parameter 'Severity.Label'. It is one of {', '.join(NORMALIZED)}.")
    number = ratio(value.get("Normalized", 0))
    if "Label" in value:
        return {"Normalized": NORMALIZED[value["Label"]]} | value
    return value | {"Label": next(label for upto, label in FROM_NORMALIZED if number <= upto)}


def text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= longest


CHECKS = {
    "Note": note,
    "Workflow": workflow,
    "UserDefinedFields": user_defined,
    "VerificationState": verification,
    "Severity": severity,
    "Confidence": ratio,
    "Criticality": ratio,
    "Types": list,
    "RelatedFindings": list,
}
