"""One request, read: whose it is, where it goes, what it asks for.

Works from the wire alone, so that faults and the log of calls see what the client sent, not what moto made of it.
Signatures are not checked.
"""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import UnknownServiceError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model
from moto.iam import models as iam
from werkzeug.exceptions import NotFound

SCOPE = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]+)/([^/]+)/aws4_request")
ACCOUNT = re.compile(r"\d{12}")
"""An access key that is an account's number speaks for that account: how a test sets up a second one."""
READS = (
    "Describe",
    "Get",
    "BatchGet",
    "List",
    "Search",
    "Head",
    "AssumeRole",
    "Receive",
    "Simulate",
    "Validate",
    "Decode",
    "Test",
)


@dataclass
class Call:
    service: str
    action: str
    region: str
    account: str
    params: dict[str, Any]
    """Query protocol: the names as sent, without Action and Version. JSON protocols: the decoded body. REST-JSON: that,
    with what stands in the path and the query."""
    json: bool = False
    key: str = ""
    """The access key id that the call was signed with."""
    user_agent: str = ""
    """What the client says it is: AWS_SDK_UA_APP_ID stands there as `app/…`."""

    @property
    def changing(self) -> bool:
        """Whether this call, answered well, changes something; a dry run never does."""
        return bool(self.action) and not self.action.startswith(READS) and not self.dry_run

    @property
    def dry_run(self) -> bool:
        return is_true(self.params.get("DryRun"))

    def values(self, name: str) -> Iterator[str]:
        """The values of a parameter, of its members (`Name.1`, `Name.2.Value`) and, for "*", of all parameters."""
        for path, value in flatten(self.params):
            if name == "*" or path == name or path.startswith(f"{name}."):
                yield value


def is_true(value: Any) -> bool:
    """EC2 takes `true`, `True` and `1` for a boolean of the query protocol."""
    return str(value).lower() in ("true", "1")


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from flatten(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value, 1):
            yield from flatten(inner, f"{path}.{index}")
    else:
        yield path, str(value)


def read_call(environ: dict[str, Any]) -> Call:
    """Reads the body and puts it back for moto."""
    body = read_body(environ)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))

    scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    key, region, service = scope.groups() if scope else ("", "us-east-1", "")
    if ACCOUNT.fullmatch(key):
        environ["HTTP_X_MOTO_ACCOUNT_ID"] = key
    account = environ.get("HTTP_X_MOTO_ACCOUNT_ID") or (iam.get_account_id_from(key) if key else DEFAULT_ACCOUNT_ID)

    target = environ.get("HTTP_X_AMZ_TARGET", "")
    is_json = bool(target) or "json" in environ.get("CONTENT_TYPE", "")
    if is_rest_json(service.lower()):
        is_json = True
        action, params = read_route(service.lower(), environ)
        params |= decoded(body)
    elif is_json:
        params = decoded(body)
        action = target.rpartition(".")[2]
    else:
        text = body.decode("utf-8", "replace") or environ.get("QUERY_STRING", "")
        params = dict(parse_qsl(text, keep_blank_values=True))
        action = params.pop("Action", "")
        params.pop("Version", None)
    # Some SDKs tell little in the plain one.
    user_agent = environ.get("HTTP_X_AMZ_USER_AGENT") or environ.get("HTTP_USER_AGENT", "")
    return Call(service.lower(), action, region, account, params, is_json, key, user_agent)


@cache
def is_rest_json(service: str) -> bool:
    try:
        return bool(service) and get_service_model(service).metadata["protocol"] == "rest-json"
    except UnknownServiceError:
        return False


def read_route(service: str, environ: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The action of a REST call, which its method and path tell, and the parameters in path and query."""
    request = Request(environ)
    try:
        operation, params = get_service_router(service).match(request)
    except NotFound:
        return "", {}
    return operation.name, dict(parse_qsl(environ.get("QUERY_STRING", ""))) | params


def read_body(environ: dict[str, Any]) -> bytes:
    """All of it: what is left unread would be taken for the connection's next request."""
    if environ.get("wsgi.input_terminated"):
        return environ["wsgi.input"].read()
    return environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))


def decoded(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {"body": value}
