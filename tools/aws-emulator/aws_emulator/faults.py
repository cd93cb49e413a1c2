"""Faults on demand: an error, a cut connection or a delay, for the calls that a test names.

A fault is taken by the first calls that match it, oldest fault first, one fault a call. Whether the call is applied is
the fault's `when`: "before" keeps it from moto, "after" lets moto apply it and loses only the answer.
"""

import itertools
import threading
from dataclasses import dataclass
from typing import Any

from .answer import Answer, as_error
from .call import Call

KINDS = ("error", "drop", "delay")
FIELDS = {"service", "action", "match", "account", "kind", "code", "message", "status", "times", "when", "delayMs"}


@dataclass
class Fault:
    service: str | None
    action: str | None
    account: str | None
    match: dict[str, Any]
    kind: str
    code: str
    message: str
    status: int
    times: int
    """How many calls it will still hit; negative: every one."""
    when: str
    delay: float
    """Seconds that the call waits before anything else happens to it."""

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> "Fault":
        """Raises ValueError with a sentence for the caller."""
        if unknown := set(given) - FIELDS:
            raise ValueError(f"unknown field {', '.join(sorted(unknown))}; there are {', '.join(sorted(FIELDS))}")
        kind = given.get("kind") or ("error" if "code" in given else "delay" if "delayMs" in given else "error")
        when = given.get("when", "before")
        if kind not in KINDS:
            raise ValueError(f"kind is one of {', '.join(KINDS)}")
        if when not in ("before", "after"):
            raise ValueError("when is before or after")
        if kind == "error" and "code" not in given:
            raise ValueError("a fault of kind error needs a code")
        return cls(
            service=given.get("service"),
            action=given.get("action"),
            account=given.get("account"),
            match=given.get("match", {}),
            kind=kind,
            code=given.get("code", ""),
            message=given.get("message", "Asked for by a test."),
            status=int(given.get("status", 400)),
            times=int(given.get("times", 1)),
            when=when,
            delay=float(given.get("delayMs", 0)) / 1000,
        )

    @property
    def before(self) -> bool:
        return self.kind != "delay" and self.when == "before"

    @property
    def after(self) -> bool:
        return self.kind != "delay" and self.when == "after"

    @property
    def drops(self) -> bool:
        return self.kind == "drop"

    def answer(self, call: Call) -> Answer:
        return as_error(call, self.status, self.code, self.message)

    def hits(self, call: Call) -> bool:
        if not all(
            wanted in (None, actual)
            for wanted, actual in (
                (self.service, call.service),
                (self.action, call.action),
                (self.account, call.account),
            )
        ):
            return False
        return all(self.found(call, name, wanted) for name, wanted in self.match.items())

    @staticmethod
    def found(call: Call, name: str, wanted: Any) -> bool:
        """One of the wanted values stands in the parameter or in its members; the name "*" means any parameter."""
        choices = {str(value) for value in (wanted if isinstance(wanted, list) else [wanted])}
        return any(value in choices for value in call.values(name))


class Faults:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.waiting: dict[str, Fault] = {}

    def add(self, fault: Fault) -> str:
        with self.lock:
            name = f"fault-{next(self.numbers)}"
            self.waiting[name] = fault
            return name

    def remove(self, name: str | None = None) -> bool:
        """All faults, or one; false if there is none of that name (any more)."""
        with self.lock:
            if name is None:
                self.waiting.clear()
                return True
            return self.waiting.pop(name, None) is not None

    def take(self, call: Call) -> Fault | None:
        """The fault that hits this call. One that has hit often enough is gone."""
        with self.lock:
            for name, fault in self.waiting.items():
                if fault.times != 0 and fault.hits(call):
                    fault.times -= 1
                    if fault.times == 0:
                        del self.waiting[name]
                    return fault
            return None
