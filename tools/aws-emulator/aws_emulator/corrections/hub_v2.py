"""The newer Security Hub, whose findings are in OCSF: turning it on, reading its findings, what their owner writes on
them, and the event of each. How products put findings there is the admin API's, because AWS has no call for it.
"""

import json
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.securityhub.exceptions import SecurityHubClientError
from moto.securityhub.models import SecurityHubBackend
from moto.securityhub.responses import SecurityHubResponse
from moto.securityhub.urls import url_paths
from moto.utilities.utils import get_partition

from .. import hubs, hubs_v2
from ..answer import Refusal
from .finding_events import send
from .finding_filters import read_token, write_token
from .findings import now
from .registry import correction, wrap

IMPORTED = "Findings Imported V2"
OF_FINDINGS = ("GetFindingsV2", "BatchUpdateFindingsV2")
LARGEST = 100
COMPOSITES, FILTERS = 10, 20
SMALL_PAGE = 10
"""The size of a page whose size isn't given. The API Reference names none; a small one shows who reads only one."""
IDENTIFIER = ("CloudAccountUid", "FindingInfoUid", "MetadataProductUid")
LONGEST_COMMENT = 512


def invalid(message: str) -> SecurityHubClientError:
    return SecurityHubClientError("ValidationException", message)


@correction(
    "hub-v2",
    aws=(
        "EnableSecurityHubV2, DescribeSecurityHubV2 and DisableSecurityHubV2 turn the newer Security Hub on and off, "
        "apart from Security Hub CSPM; where it is off, DescribeSecurityHubV2 is ResourceNotFoundException, and the "
        "calls for its findings are AccessDeniedException (403)."
    ),
    moto="Has none of these calls.",
    page=(
        "EnableSecurityHubV2, DescribeSecurityHubV2, DisableSecurityHubV2 (AWS Security Hub API Reference); the "
        "refusal of the other calls is our best knowledge"
    ),
)
def hub_v2() -> None:
    url_paths["{0}/hubv2$"] = SecurityHubResponse.dispatch
    SecurityHubResponse.enable_security_hub_v2 = enable
    SecurityHubResponse.describe_security_hub_v2 = describe
    SecurityHubResponse.disable_security_hub_v2 = disable

    @wrap(SecurityHubResponse, "call_action")
    def call_action(old: Any, self: Any) -> Any:
        if self._get_action() in OF_FINDINGS and hub_of(self) is None:
            message = f"Account {self.current_account} is not subscribed to AWS Security Hub V2"
            raise Refusal("AccessDeniedException", message, 403)
        return old(self)


def hub_of(self: Any) -> dict[str, Any] | None:
    return getattr(self.securityhub_backend, "hub_v2", None)


def enable(self: Any) -> ActionResult:
    if hub_of(self) is None:
        arn = f"arn:{get_partition(self.region)}:securityhub:{self.region}:{self.current_account}:hubv2/{uuid.uuid4()}"
        self.securityhub_backend.hub_v2 = {"HubV2Arn": arn, "SubscribedAt": now()}
    return ActionResult({"HubV2Arn": hub_of(self)["HubV2Arn"]})


def describe(self: Any) -> ActionResult:
    if hub_of(self) is None:
        raise SecurityHubClientError("ResourceNotFoundException", "Security Hub V2 is not enabled")
    return ActionResult(hub_of(self))


def disable(self: Any) -> ActionResult:
    self.securityhub_backend.hub_v2 = None
    hubs_v2.kept_in(self.securityhub_backend).clear()
    return ActionResult({})


@correction(
    "findings-v2",
    aws=(
        "GetFindingsV2 gives the OCSF findings that Filters match (up to 10 composite filters of up to 20 of a kind, "
        "joined by their operators), in pages of MaxResults (1 to 100); a wrong filter or token is "
        "ValidationException."
    ),
    moto="Doesn't have the call.",
    page=(
        "GetFindingsV2, OcsfFindingFilters, CompositeFilter, StringFilter (AWS Security Hub API Reference), which name "
        "no default for MaxResults: 10 is our guess"
    ),
)
def findings_v2() -> None:
    url_paths["{0}/findingsv2$"] = SecurityHubResponse.dispatch

    def get_findings_v2(self: Any) -> str:
        filters, size = self._get_param("Filters") or {}, self._get_param("MaxResults")
        if self._get_param("SortCriteria") or self._get_param("Scopes"):
            raise NotImplementedError("findings in an order or of a scope")
        size = SMALL_PAGE if size is None else int(size)
        if not 1 <= size <= LARGEST:
            raise invalid(f"MaxResults is a number from 1 to {LARGEST}.")
        after = place_of(self._get_param("NextToken"), json.dumps(filters, sort_keys=True))
        matches = matcher(filters)
        seen = hubs_v2.seen_from(self.current_account, self.region)
        rest = [one for one in seen if hubs.number(one) > after and matches(one.data)]
        page = rest[:size]
        answer: dict[str, Any] = {"Findings": [one.data for one in page]}
        if len(rest) > size:
            answer["NextToken"] = write_token(hubs.number(page[-1]), json.dumps(filters, sort_keys=True))
        # As text: a finding is a document, whose members no model names.
        return json.dumps(answer)

    SecurityHubResponse.get_findings_v2 = get_findings_v2


def place_of(token: str | None, asked: str) -> int:
    try:
        return read_token(token, asked) if token else 0
    except SecurityHubClientError:
        raise invalid("NextToken isn't one of this request.") from None


Test = Callable[[dict[str, Any]], bool]
JOINED: dict[str, Callable[[Iterable[bool]], bool]] = {"AND": all, "OR": any}


def matcher(filters: dict[str, Any]) -> Test:
    composites = filters.get("CompositeFilters") or []
    if len(composites) > COMPOSITES:
        raise invalid(f"At most {COMPOSITES} composite filters are possible.")
    tests = [composite(one) for one in composites]
    join = joined(filters.get("CompositeOperator", "AND"))
    return lambda data: not tests or join(test(data) for test in tests)


def composite(given: dict[str, Any]) -> Test:
    kinds = {"StringFilters": by_text, "NumberFilters": by_number}
    if unknown := set(given) - set(kinds) - {"Operator"}:
        raise NotImplementedError(f"findings by {', '.join(sorted(unknown))}")
    if any(len(given.get(kind, [])) > FILTERS for kind in kinds):
        raise invalid(f"At most {FILTERS} filters of a kind are possible.")
    tests = [test_of(one["FieldName"], one["Filter"]) for kind, test_of in kinds.items() for one in given.get(kind, [])]
    join = joined(given.get("Operator", "AND"))
    return lambda data: join(test(data) for test in tests)


def joined(operator: str) -> Callable[[Iterable[bool]], bool]:
    if operator not in JOINED:
        raise invalid(f"{operator} joins no filters.")
    return JOINED[operator]


COMPARED: dict[str, Callable[[str, str], bool]] = {"EQUALS": str.__eq__, "PREFIX": str.startswith}


def by_text(field: str, wanted: dict[str, str]) -> Test:
    """EQUALS, PREFIX and their negations; the finding fits NOT_EQUALS if none of the field's values is equal."""
    comparison, value = wanted.get("Comparison", ""), wanted.get("Value", "")
    plain = {"NOT_EQUALS": "EQUALS", "PREFIX_NOT_EQUALS": "PREFIX"}.get(comparison, comparison)
    if not value.strip():
        raise invalid(f"The filter of {field} has no value.")
    if plain not in COMPARED:
        raise NotImplementedError(f"findings whose {field} is {comparison}")
    fits = COMPARED[plain]
    return lambda data: any(fits(str(have), value) for have in values_at(data, field)) == (plain == comparison)


def by_number(field: str, wanted: dict[str, Any]) -> Test:
    if set(wanted) != {"Eq"}:
        raise NotImplementedError(f"findings whose {field} is not equal")
    return lambda data: wanted["Eq"] in values_at(data, field)


def values_at(data: Any, field: str) -> list[Any]:
    """Reaches into lists: resources.uid is the uid of any resource."""
    found = [data]
    for part in field.split("."):
        inner = [one.get(part) for one in found if isinstance(one, dict)]
        found = [value for one in inner if one is not None for value in (one if isinstance(one, list) else [one])]
    return found


@correction(
    "update-findings-v2",
    aws=(
        "BatchUpdateFindingsV2 writes Comment (1 to 512 characters), StatusId and SeverityId, with the words that go "
        "with them, on up to 100 findings by MetadataUids or by FindingIdentifiers, not the times; an unknown one is "
        "in UnprocessedFindings; a wrong form is ValidationException and changes nothing. Each updated finding is sent "
        "as 'Findings Imported V2' to the default bus of its account and of the administrator's, in its region and the "
        "home region."
    ),
    moto="Doesn't have the call; sends nothing.",
    page=(
        "BatchUpdateFindingsV2, OcsfFindingIdentifier, BatchUpdateFindingsV2UnprocessedFinding (AWS Security Hub API "
        "Reference); EventBridge event formats; Configuring rules for EventBridge (User Guide)"
    ),
)
def update_findings_v2() -> None:
    url_paths["{0}/findingsv2/batchupdatev2$"] = SecurityHubResponse.dispatch
    SecurityHubResponse.batch_update_findings_v2 = update


def update(self: Any) -> ActionResult:
    uids, identifiers = self._get_param("MetadataUids") or [], self._get_param("FindingIdentifiers") or []
    if bool(uids) == bool(identifiers):
        raise invalid("Either MetadataUids or FindingIdentifiers are given.")
    if len(uids or identifiers) > LARGEST:
        raise invalid(f"At most {LARGEST} findings can be updated at once.")
    if not all(isinstance(one.get(part), str) and one[part].strip() for one in identifiers for part in IDENTIFIER):
        raise invalid(f"A finding's identifier has {', '.join(IDENTIFIER)}.")
    changes = changes_of(*(self._get_param(name) for name in ("Comment", "StatusId", "SeverityId")))
    seen = hubs_v2.seen_from(self.current_account, self.region)
    by_uid = {one.uid: one for one in seen}
    by_name = {hubs_v2.name(one.data): one for one in seen}
    named = [({"MetadataUid": uid}, by_uid.get(uid)) for uid in uids]
    named += [
        ({"FindingIdentifier": one}, by_name.get(tuple(one[part] for part in IDENTIFIER))) for one in identifiers
    ]
    processed, unprocessed = [], []
    for identifier, finding in named:
        if finding is None:
            why = {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": "Finding Not Found"}
            unprocessed.append(identifier | why)
            continue
        hubs_v2.write(finding, changes)
        whole = dict(zip(IDENTIFIER, hubs_v2.name(finding.data)))
        processed.append({"FindingIdentifier": whole, "MetadataUid": finding.uid})
        tell(finding, self.region)
    return ActionResult({"ProcessedFindings": processed, "UnprocessedFindings": unprocessed})


def changes_of(comment: Any, status: Any, severity: Any) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if comment is not None:
        if not isinstance(comment, str) or not comment.strip() or len(comment) > LONGEST_COMMENT:
            raise invalid(f"Comment has 1 to {LONGEST_COMMENT} characters.")
        changes["comment"] = comment
    for what, given, words in (("status", status, hubs_v2.STATUSES), ("severity", severity, hubs_v2.SEVERITIES)):
        if given is not None:
            if given not in words:
                raise invalid(f"{given} is no {what}.")
            changes |= {f"{what}_id": given, what: words[given]}
    if not changes:
        raise invalid("Nothing is to be updated.")
    return changes


def tell(finding: hubs_v2.Finding, region: str) -> None:
    account, _, _ = hubs_v2.name(finding.data)
    # The region in the finding is where it lies.
    place = finding.data["cloud"].get("region", region)
    for viewer, seen_in in hubs.viewers(account, place):
        send(viewer, seen_in, IMPORTED, [finding.uid], {"findings": [finding.data]})


def import_finding(account: str, region: str, given: dict[str, Any], backend: SecurityHubBackend) -> hubs_v2.Finding:
    """What a product does: the finding is there, new or known, and its event is sent."""
    if getattr(backend, "hub_v2", None) is None:
        raise ValueError(f"Security Hub V2 isn't enabled in account {account} in {region}")
    finding = hubs_v2.take(account, region, given)
    tell(finding, region)
    return finding
