"""The log of calls: what was asked, by which account, and how it was answered. Kept in memory, in order."""

import threading
from typing import Any

from .answer import Answer
from .call import Call

DROPPED = 0
"""The status of a call that got no answer."""


class CallLog:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.first = 1
        self.entries: list[dict[str, Any]] = []

    def add(self, call: Call, began: float, answer: Answer | None) -> None:
        with self.lock:
            self.entries.append(
                {
                    "seq": self.first + len(self.entries),
                    "time": began,
                    "account": call.account,
                    "userAgent": call.user_agent,
                    "region": call.region,
                    "service": call.service,
                    "action": call.action,
                    "params": call.params,
                    "changing": call.changing,
                    "status": answer.status if answer else DROPPED,
                    "code": answer.code if answer else None,
                }
            )

    def since(self, seq: int) -> dict[str, Any]:
        """The calls from number `seq` on, and the number to ask for next."""
        with self.lock:
            return {
                "next": self.first + len(self.entries),
                "calls": self.entries[max(0, seq - self.first) :],
            }

    def clear(self) -> None:
        """Forgets the calls. Numbers go on, so that a `since` taken before stays good."""
        with self.lock:
            self.first += len(self.entries)
            self.entries = []
