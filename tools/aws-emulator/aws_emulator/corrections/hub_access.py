"""Whether Security Hub CSPM is on in an account and region. What members and administrators see is in
`administrators`."""

from typing import Any

from moto.securityhub.exceptions import SecurityHubClientError
from moto.securityhub.models import SecurityHubBackend
from moto.securityhub.responses import SecurityHubResponse

from ..answer import Refusal
from .registry import correction, wrap

NEED_NO_HUB = {
    "EnableSecurityHub",
    "EnableOrganizationAdminAccount",
    "DisableOrganizationAdminAccount",
    "ListOrganizationAdminAccounts",
    # The newer Security Hub is turned on apart from it (`hub_v2`).
    "EnableSecurityHubV2",
    "DescribeSecurityHubV2",
    "DisableSecurityHubV2",
    "GetFindingsV2",
    "BatchUpdateFindingsV2",
}


@correction(
    "hub-enabled",
    aws="Where Security Hub isn't enabled, its calls are InvalidAccessException (401).",
    moto="Answers well; only DescribeHub and DisableSecurityHub look.",
    page="Enabling Security Hub CSPM (User Guide); InvalidAccessException (AWS Security Hub API Reference)",
)
def hub_enabled() -> None:
    @wrap(SecurityHubResponse, "call_action")
    def call_action(old: Any, self: Any) -> Any:
        if self.securityhub_backend.enabled or self._get_action() in NEED_NO_HUB:
            return old(self)
        message = f"Account {self.current_account} is not subscribed to AWS Security Hub"
        raise Refusal("InvalidAccessException", message, 401)


@correction(
    "hub-once",
    aws="EnableSecurityHub where it is enabled already is ResourceConflictException (409).",
    moto="Answers well.",
    page="EnableSecurityHub (AWS Security Hub API Reference)",
)
def hub_once() -> None:
    @wrap(SecurityHubBackend, "enable_security_hub")
    def enable(old: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.enabled:
            raise SecurityHubClientError(
                "ResourceConflictException", "Account is already subscribed to AWS Security Hub"
            )
        return old(self, *args, **kwargs)
