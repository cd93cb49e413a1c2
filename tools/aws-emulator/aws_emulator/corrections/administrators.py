"""Security Hub CSPM for several accounts and regions: who becomes whose administrator, which region is home. What that
means for findings and their events is in `hubs`.

Membership counts in all regions here; AWS keeps it for each.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.securityhub.exceptions import SecurityHubClientError
from moto.securityhub.models import SecurityHubBackend
from moto.securityhub.responses import SecurityHubResponse
from moto.securityhub.urls import url_paths

from .. import hubs
from .findings import invalid
from .registry import correction, wrap

MODES = ("ALL_REGIONS", "ALL_REGIONS_EXCEPT_SPECIFIED", "SPECIFIED_REGIONS", "NO_REGIONS")


@correction(
    "member-findings",
    aws="An administrator account sees and updates the findings of its members, and gets their events.",
    moto="Keeps a list of members, and shows nobody more than the own findings.",
    page=(
        "Managing administrator and member accounts in Security Hub CSPM (User Guide); BatchUpdateFindings (AWS "
        "Security Hub API Reference)"
    ),
)
def member_findings() -> None:
    @wrap(SecurityHubBackend, "create_members")
    def create_members(old: Any, self: Any, account_details: list[dict[str, str]]) -> Any:
        unprocessed = old(self, account_details)
        hubs.administrators.update({member: self.account_id for member in self.members})
        return unprocessed


@correction(
    "home-region",
    aws=(
        "CreateFindingAggregator makes a region the home region: findings of the linked regions are seen and updated "
        "there too, and their events come there. ListFindingAggregators, GetFindingAggregator and "
        "DeleteFindingAggregator go with it."
    ),
    moto="Has none of these calls.",
    page=(
        "CreateFindingAggregator (AWS Security Hub API Reference); Understanding cross-Region aggregation in Security "
        "Hub CSPM (User Guide)"
    ),
)
def home_region() -> None:
    for path in ("create$", "list$", "get/(?P<arn>.+)$", "delete/(?P<arn>.+)$"):
        url_paths[f"{{0}}/findingAggregator/{path}"] = SecurityHubResponse.dispatch
    SecurityHubResponse.create_finding_aggregator = create
    SecurityHubResponse.list_finding_aggregators = show_all
    SecurityHubResponse.get_finding_aggregator = get
    SecurityHubResponse.delete_finding_aggregator = delete


def create(self: Any) -> ActionResult:
    mode, regions = self._get_param("RegionLinkingMode"), self._get_param("Regions") or []
    if mode not in MODES or (mode == "NO_REGIONS" and regions):
        raise invalid(f"Invalid parameter 'RegionLinkingMode'. It is one of {', '.join(MODES)}.")
    if self.current_account in hubs.administrators:
        raise invalid("A member account can't aggregate: its administrator does.")
    if self.current_account in hubs.aggregators:
        raise invalid("A finding aggregator exists already.")
    hubs.aggregators[self.current_account] = hubs.Aggregator(self.region, mode, regions)
    return get(self)


def show_all(self: Any) -> ActionResult:
    known = hubs.aggregators.get(self.current_account)
    return ActionResult({"FindingAggregators": [{"FindingAggregatorArn": arn(self, known)}] if known else []})


def arn(self: Any, aggregator: hubs.Aggregator) -> str:
    return f"arn:aws:securityhub:{aggregator.home}:{self.current_account}:finding-aggregator/default"


def get(self: Any) -> ActionResult:
    known = hubs.aggregators.get(self.current_account)
    if known is None:
        raise SecurityHubClientError("ResourceNotFoundException", "There is no finding aggregator.")
    return ActionResult(
        {
            "FindingAggregatorArn": arn(self, known),
            "FindingAggregationRegion": known.home,
            "RegionLinkingMode": known.mode,
            "Regions": known.regions,
        }
    )


def delete(self: Any) -> ActionResult:
    hubs.aggregators.pop(self.current_account, None)
    return ActionResult({})
