"""Token buckets per account, region and action, as EC2 has them. Off until a test sets them.

Sources: "Request throttling for the Amazon EC2 API" (Amazon EC2 Developer Guide); "Quotas for Security Hub CSPM" (User
Guide); the codes of the others, "Common Errors" and the errors of the actions in their API references.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any

from .answer import Answer, as_error
from .call import Call

REFUSALS = {
    "ec2": (503, "RequestLimitExceeded", "Request limit exceeded."),
    "securityhub": (429, "TooManyRequestsException", "Too Many Requests"),
    "sqs": (400, "RequestThrottled", "The request was denied due to request throttling."),
}
OTHERWISE = (400, "Throttling", "Rate exceeded")
OTHERWISE_JSON = (400, "ThrottlingException", "Rate exceeded")
SECURITY_HUB_V2 = (429, "ThrottlingException", "Rate exceeded")


@dataclass
class Bucket:
    burst: float
    per_second: float
    tokens: float
    filled: float

    def take(self, now: float) -> bool:
        self.tokens = min(self.burst, self.tokens + (now - self.filled) * self.per_second)
        self.filled = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class Throttles:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rates: dict[str, tuple[float, float]] = {}
        self.buckets: dict[tuple[str, str, str], Bucket] = {}

    def set(self, rates: dict[str, Any]) -> None:
        """Replaces all throttles: `{action: {"burst": 100, "perSecond": 5}}`. An empty object turns throttling off."""
        read = {action: (float(rate["burst"]), float(rate["perSecond"])) for action, rate in rates.items()}
        with self.lock:
            self.rates, self.buckets = read, {}

    def refusal(self, call: Call) -> Answer | None:
        with self.lock:
            rate = self.rates.get(call.action)
            if rate is None:
                return None
            now = time.monotonic()
            key = (call.account, call.region, call.action)
            bucket = self.buckets.setdefault(key, Bucket(*rate, tokens=rate[0], filled=now))
            if bucket.take(now):
                return None
        if call.service == "securityhub" and call.action.endswith("V2"):
            return as_error(call, *SECURITY_HUB_V2)
        return as_error(call, *REFUSALS.get(call.service, OTHERWISE_JSON if call.json else OTHERWISE))
