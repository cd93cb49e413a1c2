"""The admin API below /_emulator: JSON over HTTP, for tests. README.md documents it; AWS has nothing like it."""

import json
from typing import Any
from urllib.parse import parse_qs

from . import callers, hub_console, hubs, interfaces, pod_identity, turns
from .access import Access
from .answer import Answer, as_json
from .call import read_body
from .calls import CallLog
from .faults import Fault, Faults
from .throttles import Throttles
from .turns import LOCK, turn


class Admin:
    def __init__(self, calls: CallLog, faults: Faults, throttles: Throttles, access: Access) -> None:
        self.calls, self.faults, self.throttles, self.access = calls, faults, throttles, access

    def answer(self, environ: dict[str, Any]) -> Answer:
        turn.account = ""
        method, body = environ["REQUEST_METHOD"], read_body(environ)
        what, _, name = environ["PATH_INFO"].removeprefix("/_emulator/").partition("/")
        query = {key: values[-1] for key, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        handler = getattr(self, f"{method.lower()}_{what.replace('-', '_')}", None)
        if handler is None:
            return as_json({"error": f"{method} /_emulator/{what} is not in README.md"}, 404)
        try:
            return handler(name, query, json.loads(body) if body else {})
        except (KeyError, TypeError, ValueError) as error:
            return as_json({"error": f"{type(error).__name__}: {error}"}, 400)

    def get_health(self, name: str, query: dict[str, str], body: Any) -> Answer:
        return as_json({"status": "ok", "waiting": turns.waiting})

    def get_calls(self, name: str, query: dict[str, str], body: Any) -> Answer:
        return as_json(self.calls.since(int(query.get("since", 0)), query.get("account"), query.get("action")))

    def delete_calls(self, name: str, query: dict[str, str], body: Any) -> Answer:
        self.calls.clear()
        return as_json({})

    def post_faults(self, name: str, query: dict[str, str], body: Any) -> Answer:
        return as_json({"id": self.faults.add(Fault.from_json(body))})

    def delete_faults(self, name: str, query: dict[str, str], body: Any) -> Answer:
        return as_json({}, 200 if self.faults.remove(name or None) else 404)

    def put_throttles(self, name: str, query: dict[str, str], body: Any) -> Answer:
        self.throttles.set(body)
        return as_json({})

    def put_interfaces(self, name: str, query: dict[str, str], body: Any) -> Answer:
        with LOCK:
            return as_json({}, 200 if interfaces.mark(name, **body) else 404)

    def put_read_lag(self, name: str, query: dict[str, str], body: Any) -> Answer:
        with LOCK:
            interfaces.lag.set(float(body["milliseconds"]) / 1000, body.get("account"))
        return as_json({})

    def post_security_hub(self, name: str, query: dict[str, str], body: Any) -> Answer:
        if name not in ("press", "import-v2"):
            return as_json({"error": "there are POST /_emulator/security-hub/press and …/import-v2"}, 404)
        with LOCK:
            if name == "press":
                return as_json({"events": hub_console.press(**body)})
            return as_json({"metadataUids": hub_console.import_v2(**body)})

    def put_security_hub(self, name: str, query: dict[str, str], body: Any) -> Answer:
        if name != "administrator":
            return as_json({"error": "there is PUT /_emulator/security-hub/administrator"}, 404)
        with LOCK:
            hubs.administer(**body)
        return as_json({})

    def put_access(self, name: str, query: dict[str, str], body: Any) -> Answer:
        with LOCK:
            self.access.set(**body)
        return as_json({})

    def put_organization(self, name: str, query: dict[str, str], body: Any) -> Answer:
        with LOCK:
            callers.organize(**body)
        return as_json({})

    def post_pod_identity(self, name: str, query: dict[str, str], body: Any) -> Answer:
        return as_json({"id": pod_identity.associate(**body)})

    def get_pod_identity(self, name: str, query: dict[str, str], body: Any) -> Answer:
        try:
            with LOCK:
                return as_json(pod_identity.credentials(name))
        except PermissionError as error:
            return as_json({"error": str(error)}, 403)
