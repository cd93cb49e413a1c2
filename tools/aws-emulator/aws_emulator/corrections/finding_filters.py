"""GetFindings: filters, order and pages.

What can be filtered by is in `FIELDS` and `DATES`; another attribute of the API is refused as not there, so that no
test takes an ignored filter for a match.
"""

import base64
import binascii
import datetime
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from moto.securityhub.models import SecurityHubBackend

from .. import hubs
from .findings import invalid
from .registry import correction

Finding = dict[str, Any]
ATTRIBUTES, VALUES, LARGEST = 10, 20, 100
SMALL_PAGE = 10
"""The size of a page whose size isn't given. The API Reference names none; a small one shows who reads only one."""

POSITIVE, NEGATIVE = ("EQUALS", "PREFIX"), ("NOT_EQUALS", "PREFIX_NOT_EQUALS")


def resources(*path: str) -> Callable[[Finding], list[str]]:
    return lambda finding: [value for one in finding.get("Resources", []) for value in values_at(one, path)]


def at(*path: str) -> Callable[[Finding], list[str]]:
    return lambda finding: values_at(finding, path)


def values_at(value: Any, path: Iterable[str]) -> list[str]:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return [] if value is None else [str(one) for one in (value if isinstance(value, list) else [value])]


FIELDS: dict[str, Callable[[Finding], list[str]]] = {
    "AwsAccountId": at("AwsAccountId"),
    "CompanyName": at("CompanyName"),
    "ComplianceStatus": at("Compliance", "Status"),
    "Description": at("Description"),
    "GeneratorId": at("GeneratorId"),
    "Id": at("Id"),
    "NoteText": at("Note", "Text"),
    "NoteUpdatedBy": at("Note", "UpdatedBy"),
    "ProductArn": at("ProductArn"),
    "ProductName": at("ProductName"),
    "RecordState": at("RecordState"),
    "Region": at("Region"),
    "ResourceAwsEc2InstanceSubnetId": resources("Details", "AwsEc2Instance", "SubnetId"),
    "ResourceAwsEc2InstanceVpcId": resources("Details", "AwsEc2Instance", "VpcId"),
    "ResourceId": resources("Id"),
    "ResourcePartition": resources("Partition"),
    "ResourceRegion": resources("Region"),
    "ResourceType": resources("Type"),
    "SeverityLabel": at("Severity", "Label"),
    "Title": at("Title"),
    "Type": at("Types"),
    "VerificationState": at("VerificationState"),
    "WorkflowState": at("WorkflowState"),
    "WorkflowStatus": at("Workflow", "Status"),
}
DATES = ("CreatedAt", "FirstObservedAt", "LastObservedAt", "UpdatedAt")


@correction(
    "finding-filters",
    aws=(
        "GetFindings gives what all Filters match (up to 10 attributes, 20 values each; EQUALS and PREFIX of one "
        "attribute are joined by or, NOT_EQUALS and PREFIX_NOT_EQUALS by and), in pages of MaxResults (1 to 100); a "
        "wrong filter or token is InvalidInputException."
    ),
    moto="Ignores Filters and SortCriteria; a wrong token is HTTP 500.",
    page=(
        "GetFindings, AwsSecurityFindingFilters, StringFilter (AWS Security Hub API Reference), which name no default "
        "for MaxResults: 10 is our guess"
    ),
)
def finding_filters() -> None:
    def get_findings(
        self: Any,
        filters: dict[str, Any] | None = None,
        sort_criteria: list[dict[str, str]] | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> tuple[list[Finding], str | None]:
        size = page_size(max_results)
        asked = json.dumps([filters, sort_criteria], sort_keys=True)
        after = read_token(next_token, asked) if next_token else 0
        matches = matcher(filters or {})
        found = [one for one in hubs.seen_from(self.account_id, self.region_name) if matches(one.data)]
        if sort_criteria:
            found = ordered(found, sort_criteria)
            rest, last = found[after:], after + size
        else:
            # By the number of the last one: what comes or changes between two pages hides no other.
            rest, last = [one for one in found if hubs.number(one) > after], 0
        page = rest[:size]
        last = last or (hubs.number(page[-1]) if page else 0)
        return [one.data for one in page], write_token(last, asked) if len(rest) > size else None

    SecurityHubBackend.get_findings = get_findings


def page_size(given: Any) -> int:
    size = SMALL_PAGE if given is None else int(given)
    if not 1 <= size <= LARGEST:
        raise invalid(f"Invalid parameter 'MaxResults'. Expected a number from 1 to {LARGEST}.")
    return size


def write_token(last: int, asked: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([last, asked]).encode()).decode()


def read_token(token: str, asked: str) -> int:
    """The place where the page before ended, if it was a page of the same question."""
    try:
        last, before = json.loads(base64.b64decode(token, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, TypeError):
        raise invalid("Invalid parameter 'NextToken'.") from None
    if before != asked:
        raise invalid("Invalid parameter 'NextToken': it is of another request.")
    return int(last)


def ordered(found: list[Any], criteria: list[dict[str, str]]) -> list[Any]:
    for one in reversed(criteria):
        read = reader(one.get("Field", ""))
        found = sorted(found, key=lambda item: read(item.data), reverse=one.get("SortOrder") == "desc")
    return found


def reader(name: str) -> Callable[[Finding], list[str]]:
    if name in DATES:
        return at(name)
    if name not in FIELDS:
        raise NotImplementedError(f"findings by {name}")
    return FIELDS[name]


def matcher(filters: dict[str, list[dict[str, Any]]]) -> Callable[[Finding], bool]:
    if len(filters) > ATTRIBUTES:
        raise invalid(f"Invalid parameter 'Filters'. At most {ATTRIBUTES} attributes are possible.")
    tests = [test_of(name, conditions) for name, conditions in filters.items() if conditions]
    return lambda finding: all(test(finding) for test in tests)


def test_of(name: str, conditions: list[dict[str, Any]]) -> Callable[[Finding], bool]:
    if len(conditions) > VALUES:
        raise invalid(f"Invalid parameter 'Filters.{name}'. At most {VALUES} values are possible.")
    read = reader(name)
    if name in DATES:
        spans = [span(name, one) for one in conditions]
        return lambda finding: any(since <= moment(value) <= until for value in read(finding) for since, until in spans)
    for one in conditions:
        if one.get("Comparison") not in POSITIVE + NEGATIVE or not str(one.get("Value") or "").strip():
            # CONTAINS and NOT_CONTAINS are for automation rules, CONTAINS_WORD for GetFindingsV2 (StringFilter).
            raise invalid(f"Invalid parameter 'Filters.{name}'. Comparison {one.get('Comparison')} of a value.")
    kinds = {one["Comparison"] for one in conditions}
    if "EQUALS" in kinds and kinds & set(NEGATIVE):
        raise invalid(f"Invalid parameter 'Filters.{name}'. EQUALS goes with no negative comparison.")
    wanted = [one for one in conditions if one["Comparison"] in POSITIVE]
    unwanted = [one for one in conditions if one["Comparison"] in NEGATIVE]

    def test(finding: Finding) -> bool:
        have = read(finding)
        return (not wanted or any(fits(value, one) for value in have for one in wanted)) and not any(
            fits(value, one) for value in have for one in unwanted
        )

    return test


def fits(value: str, condition: dict[str, str]) -> bool:
    """Whether the value equals or begins with that of the condition, be it wanted or not."""
    if condition["Comparison"].startswith("PREFIX"):
        return value.startswith(condition["Value"])
    return value == condition["Value"]


def span(name: str, given: dict[str, Any]) -> tuple[float, float]:
    try:
        if days := given.get("DateRange"):
            until = datetime.datetime.now(datetime.timezone.utc).timestamp()
            return until - int(days["Value"]) * 86400, until
        return moment(given["Start"]), moment(given["End"])
    except (KeyError, ValueError):
        raise invalid(f"Invalid parameter 'Filters.{name}'.") from None


def moment(text: str) -> float:
    # Python 3.11 knows at most six digits after the point.
    return datetime.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text)).timestamp()
