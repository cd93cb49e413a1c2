"""Custom actions of Security Hub CSPM, kept per account and region. Pressing one is the admin API's, because AWS has no
call for it: it is a button of the console."""

import re
from dataclasses import dataclass
from typing import Any

from moto.core.responses import ActionResult
from moto.securityhub.exceptions import SecurityHubClientError
from moto.securityhub.models import SecurityHubBackend
from moto.securityhub.responses import SecurityHubResponse
from moto.securityhub.urls import url_paths
from moto.utilities.utils import get_partition

from .finding_filters import page_size, read_token, write_token
from .findings import invalid
from .registry import correction

ID = re.compile(r"[A-Za-z0-9]{1,20}")
LONGEST_NAME = 20
MOST = 50


@dataclass
class ActionTarget:
    arn: str
    name: str
    description: str

    def shown(self) -> dict[str, str]:
        return {"ActionTargetArn": self.arn, "Name": self.name, "Description": self.description}


@correction(
    "action-targets",
    aws=(
        "CreateActionTarget (id of up to 20 letters and digits, name of up to 20 characters, 50 an account), "
        "UpdateActionTarget, DescribeActionTargets and DeleteActionTarget keep custom actions; a wrong form is "
        "InvalidInputException, a second one of an id ResourceConflictException, an unknown one "
        "ResourceNotFoundException, a 51st LimitExceededException."
    ),
    moto="Has none of these calls.",
    page=(
        "CreateActionTarget, UpdateActionTarget, DescribeActionTargets, DeleteActionTarget (AWS Security Hub API "
        "Reference); Quotas for Security Hub CSPM (User Guide)"
    ),
)
def action_targets() -> None:
    for path in ("{0}/actionTargets$", "{0}/actionTargets/get$", "{0}/actionTargets/(?P<arn>.+)$"):
        url_paths[path] = SecurityHubResponse.dispatch
    SecurityHubResponse.create_action_target = create
    SecurityHubResponse.update_action_target = update
    SecurityHubResponse.describe_action_targets = describe
    SecurityHubResponse.delete_action_target = delete


def targets_of(backend: SecurityHubBackend) -> dict[str, ActionTarget]:
    if not hasattr(backend, "action_targets"):
        backend.action_targets = {}
    return backend.action_targets


def create(self: Any) -> ActionResult:
    known, id = targets_of(self.securityhub_backend), self._get_param("Id")
    name, description = self._get_param("Name"), self._get_param("Description")
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise invalid("Invalid parameter 'Id'. It has up to 20 letters and digits.")
    check_texts(name, description)
    arn = f"arn:{get_partition(self.region)}:securityhub:{self.region}:{self.current_account}:action/custom/{id}"
    if arn in known:
        raise SecurityHubClientError("ResourceConflictException", f"ActionTarget with id {id} already exists")
    if len(known) >= MOST:
        raise SecurityHubClientError("LimitExceededException", f"At most {MOST} action targets are possible.")
    known[arn] = ActionTarget(arn, name, description)
    return ActionResult({"ActionTargetArn": arn})


def check_texts(*texts: Any) -> None:
    name, description = texts
    if not isinstance(name, str) or not 1 <= len(name.strip()) or len(name) > LONGEST_NAME:
        raise invalid(f"Invalid parameter 'Name'. It has up to {LONGEST_NAME} characters.")
    if not isinstance(description, str) or not description.strip():
        raise invalid("Invalid parameter 'Description'.")


def update(self: Any) -> ActionResult:
    target = find(self, self.uri_match["ActionTargetArn"])
    name = self._get_param("Name", target.name)
    description = self._get_param("Description", target.description)
    check_texts(name, description)
    target.name, target.description = name, description
    return ActionResult({})


def describe(self: Any) -> ActionResult:
    wanted = self._get_param("ActionTargetArns") or list(targets_of(self.securityhub_backend))
    size, token = self._get_param("MaxResults"), self._get_param("NextToken")
    begin = read_token(token, "action targets") if token else 0
    end = begin + (page_size(size) if size is not None else len(wanted))
    result: dict[str, Any] = {"ActionTargets": [find(self, arn).shown() for arn in wanted[begin:end]]}
    if end < len(wanted):
        result["NextToken"] = write_token(end, "action targets")
    return ActionResult(result)


def delete(self: Any) -> ActionResult:
    target = find(self, self.uri_match["ActionTargetArn"])
    del targets_of(self.securityhub_backend)[target.arn]
    return ActionResult({"ActionTargetArn": target.arn})


def find(self: Any, arn: str) -> ActionTarget:
    known = targets_of(self.securityhub_backend)
    if arn not in known:
        raise SecurityHubClientError("ResourceNotFoundException", f"ActionTarget {arn} does not exist")
    return known[arn]
