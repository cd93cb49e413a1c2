"""The events that Security Hub CSPM sends to EventBridge, one a finding. Whom they reach from there is in
`event_patterns` and `event_delivery`.

Source of the forms: "EventBridge event formats for Security Hub CSPM" (User Guide).
"""

import json
from collections.abc import Iterable
from typing import Any

from moto.events.models import events_backends
from moto.securityhub.models import Finding, SecurityHubBackend

from .. import hubs
from .action_targets import ActionTarget
from .registry import correction, wrap

SOURCE = "aws.securityhub"
IMPORTED = "Security Hub Findings - Imported"
CUSTOM_ACTION = "Security Hub Findings - Custom Action"


@correction(
    "finding-events",
    aws=(
        "Each finding imported or updated is sent as 'Security Hub Findings - Imported' to the default bus of its "
        "account and of the administrator's, in its region and the home region."
    ),
    moto="Sends nothing.",
    page=(
        "EventBridge event formats for Security Hub CSPM; Types of Security Hub CSPM integration with EventBridge; "
        "Understanding cross-Region aggregation in Security Hub CSPM (User Guide)"
    ),
)
def finding_events() -> None:
    @wrap(SecurityHubBackend, "batch_import_findings")
    def batch_import_findings(old: Any, self: Any, findings: list[dict[str, Any]]) -> Any:
        answer = old(self, findings)
        failed = {one["Id"] for one in answer[2]}
        tell(self, [one for one in findings if one.get("Id") not in failed])
        return answer

    if hasattr(SecurityHubBackend, "batch_update_findings"):

        @wrap(SecurityHubBackend, "batch_update_findings")
        def batch_update_findings(old: Any, self: Any, **params: Any) -> Any:
            answer = old(self, **params)
            tell(self, answer[0])
            return answer


def tell(backend: SecurityHubBackend, named: Iterable[dict[str, Any]]) -> None:
    seen = hubs.by_name(hubs.seen_from(backend.account_id, backend.region_name))
    for finding in filter(None, (seen.get(hubs.name(one)) for one in named)):
        data = finding.data
        # The account in the finding is where it lies: BatchImportFindings takes no other.
        for account, region in hubs.viewers(data["AwsAccountId"], data.get("Region", backend.region_name)):
            send(account, region, IMPORTED, [f"{data['ProductArn']}/{finding.id}"], {"findings": [data]})


def press(account: str, region: str, target: ActionTarget, findings: list[Finding]) -> None:
    """Sends what a custom action sends for the findings that were chosen."""
    for finding in findings:
        detail = {"actionName": target.name, "actionDescription": target.description, "findings": [finding.data]}
        send(account, region, CUSTOM_ACTION, [target.arn], detail)


def send(account: str, region: str, kind: str, resources: list[str], detail: dict[str, Any]) -> None:
    event = {"Source": SOURCE, "DetailType": kind, "Resources": resources, "Detail": json.dumps(detail)}
    events_backends[account][region].put_events([event])
