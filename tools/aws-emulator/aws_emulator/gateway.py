"""The order of things for one request: admin API, faults, throttles, access, moto, the log of calls.

moto's state is global and made for one thread: one lock (`turns`) lets one call at a time into moto. Waiting, for a
delay that a fault asks for or for a message to receive, happens outside it.
"""

import sys
import time
import traceback
from collections.abc import Iterable
from typing import Any

from botocore.model import OperationNotFoundError
from moto.core.utils import get_service_model
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from .access import Access
from .admin import Admin
from .answer import Answer, Refusal, as_error
from .call import Call, read_call
from .calls import CallLog
from .corrections import stacks
from .faults import Faults
from .throttles import Throttles
from .turns import LOCK, called_by, turn


class Gateway:
    """The WSGI application that the server runs."""

    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.calls = CallLog()
        self.faults = Faults()
        self.throttles = Throttles()
        self.access = Access()
        self.admin = Admin(self.calls, self.faults, self.throttles, self.access)

    def preload(self, services: Iterable[str]) -> None:
        """Loads these services now: each would keep its first caller waiting for up to a second."""
        for service in services:
            self.moto.app_instances[service] = create_backend_app(service)
            get_service_model(service)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith("/_emulator/"):
            return self.admin.answer(environ).send(start_response)
        call = read_call(environ)
        environ["aws_emulator.action"] = call.action
        return self.answer(call, environ).send(start_response)

    def answer(self, call: Call, environ: dict[str, Any]) -> Answer:
        began = time.time()
        fault = self.faults.take(call)
        if fault and fault.delay:
            time.sleep(fault.delay)
        if fault and fault.before:
            answer = None if fault.drops else fault.answer(call)
        else:
            answer = self.throttles.refusal(call) or self.ask_moto(call, environ)
            if fault and fault.after:
                answer = None if fault.drops else fault.answer(call)
        self.calls.add(call, began, answer)
        if answer is None:
            drop_connection()
        return answer

    def ask_moto(self, call: Call, environ: dict[str, Any]) -> Answer:
        taken: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            taken["status"], taken["headers"] = int(status.split(" ", 1)[0]), headers

        turn.account = call.account
        try:
            with LOCK:
                called_by(environ.get("werkzeug.socket"))
                self.access.check(call)
                if call.service == "cloudformation":
                    stacks.load()
                body = self.moto(environ, start_response)
                return Answer(body=b"".join(body), **taken)
        except Refusal as refusal:
            return as_error(call, refusal.status, refusal.code, refusal.message)
        except (NotImplementedError, OperationNotFoundError) as error:
            return as_error(call, 400, "InvalidAction", f"The emulator has no {call.action}: {error}")
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            return as_error(call, 500, "InternalError", f"The emulator cannot do {call.action}: {error!r}")


def drop_connection() -> None:
    """Ends the connection without an answer: the client sees it cut."""
    raise ConnectionResetError("dropped on request")
