"""BatchImportFindings: what is taken, and what a finding is afterwards. Reading them is in `finding_filters`, what
their owner writes on them in `updating_findings`.

An AWS service or a partner imports under a product ARN without an account. Everybody may do so here, for the own
account: it is how a test plays GuardDuty.
"""

import copy
import datetime
from typing import Any

from moto.securityhub.exceptions import SecurityHubClientError
from moto.securityhub.models import Finding, SecurityHubBackend

from .. import hubs
from .registry import correction, wrap

REQUIRED = (
    "AwsAccountId",
    "CreatedAt",
    "Description",
    "GeneratorId",
    "Id",
    "ProductArn",
    "Resources",
    "SchemaVersion",
    "Title",
    "UpdatedAt",
)
OWNERS_OWN = ("Note", "UserDefinedFields", "VerificationState", "Workflow", "WorkflowState")
"""What an import can't change once the finding is there: these are the owner's, by BatchUpdateFindings."""


def now() -> str:
    text = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def invalid(message: str) -> SecurityHubClientError:
    return SecurityHubClientError("InvalidInputException", message)


@correction(
    "imported-findings",
    aws=(
        "A finding is known by Id and ProductArn; a further import replaces what the product says, not Note, "
        "UserDefinedFields, VerificationState and Workflow; RecordState, Workflow, Region and the product's names are "
        "filled in."
    ),
    moto="Knows it by its Id; a further import overwrites the rest; fills nothing in.",
    page=(
        "BatchImportFindings (AWS Security Hub API Reference); AWS Security Finding Format (ASFF) (User Guide); the "
        "values of a new finding as its examples show them"
    ),
)
def imported_findings() -> None:
    def batch_import_findings(self: Any, findings: list[dict[str, Any]]) -> tuple[int, int, list[dict[str, Any]]]:
        all_known = hubs.by_name(self.findings)
        for given in findings:
            known = all_known.get(hubs.name(given))
            if known:
                owners = {name: known.data[name] for name in OWNERS_OWN if name in known.data}
                known.data = filled(given, self.region_name) | owners
            else:
                finding = Finding(given["Id"], filled(given, self.region_name))
                hubs.number(finding)
                all_known[hubs.name(given)] = finding
                self.findings.append(finding)
        return 0, len(findings), []

    SecurityHubBackend.batch_import_findings = batch_import_findings


# Names of products that aren't the last part of their ARN with a capital ("AWS service integrations with Security Hub
# CSPM", AWS Security Hub User Guide).
SPELT = {"guardduty": "GuardDuty", "securityhub": "Security Hub", "access-analyzer": "IAM Access Analyzer"}


def filled(given: dict[str, Any], region: str) -> dict[str, Any]:
    """The finding with what Security Hub itself says of it."""
    finding = copy.deepcopy(given)
    product = finding.get("ProductArn", "").partition(":product/")[2].split("/")
    own = product[:1] == [finding.get("AwsAccountId")]
    spelt = SPELT.get(product[-1], product[-1].capitalize())
    company, name = ("Personal", "Default") if own else (product[0].upper(), spelt)
    defaults = {
        "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"},
        "WorkflowState": "NEW",
        "Region": region,
        "CompanyName": company,
        "ProductName": name,
        "ProcessedAt": now(),
    }
    fields = finding.setdefault("ProductFields", {})
    fields["aws/securityhub/FindingId"] = f"{finding.get('ProductArn')}/{finding['Id']}"
    fields.setdefault("aws/securityhub/ProductName", finding.get("ProductName", name))
    fields.setdefault("aws/securityhub/CompanyName", finding.get("CompanyName", company))
    return defaults | finding


@correction(
    "import-form",
    aws=(
        "BatchImportFindings takes 1 to 100 findings; one without a required attribute, of another region or of "
        "another account than the caller's is in FailedFindings; the others are imported."
    ),
    moto="Takes any number; looks only at Resources.",
    page=(
        "BatchImportFindings, BatchImportFindingsError (AWS Security Hub API Reference); Required top-level ASFF "
        "attributes (User Guide); the error codes are our best knowledge"
    ),
)
def import_form() -> None:
    @wrap(SecurityHubBackend, "batch_import_findings")
    def batch_import_findings(old: Any, self: Any, findings: list[dict[str, Any]]) -> Any:
        if not 1 <= len(findings or []) <= 100:
            raise invalid("Invalid parameter 'Findings'. Expected 1 to 100 findings.")
        wrong = [(given, fault_of(given, self.account_id, self.region_name)) for given in findings]
        failed = [
            {"Id": given.get("Id", ""), "ErrorCode": "InvalidInput", "ErrorMessage": fault}
            for given, fault in wrong
            if fault
        ]
        count, imported, others = old(self, [given for given, fault in wrong if not fault])
        return count + len(failed), imported, failed + others


def fault_of(given: dict[str, Any], account: str, region: str) -> str | None:
    missing = [name for name in REQUIRED if not given.get(name)]
    if not given.get("Severity") and not given.get("FindingProviderFields", {}).get("Severity"):
        missing.append("Severity")
    if missing:
        return f"Finding does not adhere to Amazon Finding Format. data should have required property '{missing[0]}'"
    parts = given["ProductArn"].split(":", 5)
    if len(parts) != 6 or parts[2] != "securityhub" or not parts[5].startswith("product/"):
        return "Invalid parameter 'ProductArn'."
    if parts[3] != region:
        return f"Invalid parameter 'ProductArn': it is of another region than {region}."
    if given["AwsAccountId"] != account or parts[4] not in ("", account):
        return "Invalid parameter 'AwsAccountId': it must be the account of the product and of the caller."
    if parts[4] and parts[5] != f"product/{account}/default":
        return "Invalid parameter 'ProductArn'."
    return None
