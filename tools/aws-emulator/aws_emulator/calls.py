"""The log of calls: what was asked, by which account, and how it was answered. Kept in memory, in order.

Half an hour of tests logs several hundred thousand calls, and a test asks for those of its own account, often. So they
are kept by account too: an answer costs what it holds, not what everybody else did.
"""

import bisect
import threading
from collections import defaultdict
from typing import Any

from .answer import Answer
from .call import Call

DROPPED = 0
"""The status of a call that got no answer."""


class CallLog:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.next = 1
        self.clear()

    def add(self, call: Call, began: float, answer: Answer | None) -> None:
        with self.lock:
            entry = {
                "seq": self.next,
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
            self.next += 1
            self.entries.append(entry)
            self.by_account[call.account].append(entry)

    def since(self, seq: int, account: str | None = None, action: str | None = None) -> dict[str, Any]:
        """The calls from number `seq` on, of one account or of all, and the number to ask for next."""
        with self.lock:
            entries = self.entries if account is None else self.by_account.get(account, [])
            found = entries[bisect.bisect_left(entries, seq, key=lambda entry: entry["seq"]) :]
            following = self.next
        return {"next": following, "calls": [call for call in found if action in (None, call["action"])]}

    def clear(self) -> None:
        """Forgets the calls. Numbers go on, so that a `since` taken before stays good."""
        with self.lock:
            self.entries: list[dict[str, Any]] = []
            self.by_account: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
