"""Answers that do not come from moto: JSON for the admin API, errors in the form of the service that was asked."""

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import escape

from werkzeug.http import HTTP_STATUS_CODES

from .call import Call

XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")
XML = "text/xml;charset=UTF-8"


class Refusal(Exception):
    """Ends a call with an AWS error of this status, in the form of the service that was asked."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status = code, message, status


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    def send(self, start_response: Any) -> Iterable[bytes]:
        headers = [(name, value) for name, value in self.headers if name.lower() != "content-length"]
        headers.append(("Content-Length", str(len(self.body))))
        start_response(f"{self.status} {HTTP_STATUS_CODES.get(self.status, 'Unknown')}", headers)
        return [self.body]

    @property
    def code(self) -> str | None:
        """The AWS error code, if this is an error."""
        if self.status < 400:
            return None
        query_code = next((value for name, value in self.headers if name.lower() == "x-amzn-query-error"), None)
        if query_code:
            return query_code.partition(";")[0]
        found = XML_CODE.search(self.body)
        if found:
            return found[1].decode()
        try:
            error = json.loads(self.body)
            return str(error.get("__type") or error.get("code")).rpartition("#")[2]
        except (ValueError, AttributeError):
            return None


def as_json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode() + b"\n", [("Content-Type", "application/json")])


def as_error(call: Call, status: int, code: str, message: str) -> Answer:
    """An AWS error: JSON for JSON protocols, EC2's <Response> for EC2, <ErrorResponse> for other query services."""
    request = str(uuid.uuid4())
    if call.json:
        body = json.dumps({"__type": code, "message": message})
        headers = [
            ("Content-Type", "application/x-amz-json-1.1"),
            ("x-amzn-ErrorType", code),
            ("x-amzn-RequestId", request),
        ]
        if call.service == "sqs":
            # SDKs take SQS's codes from here: they are those of its old query protocol.
            headers.append(("x-amzn-query-error", f"{code};{'Sender' if status < 500 else 'Receiver'}"))
        return Answer(status, body.encode(), headers)
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if call.service == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>{request}</RequestID></Response>"
    else:
        kind = "Sender" if status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{kind}</Type>{error}</Error><RequestId>{request}</RequestId></ErrorResponse>"
        )
    headers = [("Content-Type", XML), ("x-amzn-RequestId", request)]
    return Answer(status, f'<?xml version="1.0" encoding="UTF-8"?>\n{body}'.encode(), headers)
