"""SQS: who may use a queue by its policy. What a caller may by its own policies is in `access`.

A queue of another account is reached by its URL, as the account in it says.
"""

import re
from typing import Any

from moto.sqs.models import Queue, sqs_backends
from moto.sqs.responses import SQSResponse

from ..answer import Refusal
from ..callers import keys_of, who_signed
from ..policies import ALLOWED, DENIED, Principal, Request, judge
from .registry import correction, wrap

OWNER = re.compile(r"/(\d{12})/[^/]+/?$")


@correction(
    "queue-policies",
    aws=(
        "A queue's policy lets other accounts in, and its Deny keeps out whom it names, the own account too: "
        "AccessDenied (403)."
    ),
    moto="Keeps the policy and doesn't read it; a queue of another account doesn't exist.",
    page=(
        "Using policies with Amazon SQS; Overview of managing access in Amazon SQS (SQS Developer Guide); Policy "
        "evaluation logic (IAM User Guide); the code of the JSON protocol is our best knowledge"
    ),
)
def queue_policies() -> None:
    SQSResponse.sqs_backend = property(lambda self: sqs_backends[owner(self)][self.region])

    @wrap(SQSResponse, "call_action")
    def call_action(old: Any, self: Any) -> Any:
        queue = self.sqs_backend.queues.get(self._get_queue_name())
        if queue is not None and self._get_action() != "CreateQueue":
            action = "sqs:" + self._get_action().removesuffix("Batch")
            who = who_signed(self.get_access_key(), self.current_account, self.region)
            verdict = queue_says(queue, who, action, {})
            if verdict == DENIED or (verdict != ALLOWED and queue.account_id != who.account):
                raise denied(who, action, queue)
        return old(self)


def owner(response: Any) -> str:
    named = response._get_param("QueueOwnerAWSAccountId")
    found = OWNER.search(str(response._get_param("QueueUrl") or ""))
    return named or (found[1] if found else response.current_account)


def queue_says(queue: Queue, who: Principal, action: str, context: dict[str, list[str]]) -> str:
    request = Request(who, action, queue.queue_arn, keys_of(who) | context)
    return judge([queue._policy_json], request, resource_policy=True)


def denied(who: Principal, action: str, queue: Queue) -> Refusal:
    message = f"User: {who.arn} is not authorized to perform: {action.lower()} on resource: {queue.queue_arn}"
    return Refusal("AccessDenied", message, 403)
