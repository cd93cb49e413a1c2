"""SQS: the attributes of queues and the limits of batches. Policies are in `queue_policies`, receiving in
`receiving`."""

import json
from typing import Any

from moto.sqs.exceptions import SQSException, TooManyEntriesInBatchRequest
from moto.sqs.models import Queue, SQSBackend

from .registry import correction, wrap

MOST = 10


@correction(
    "queue-attributes",
    aws="SetQueueAttributes changes the attributes that are given; an empty Policy or RedrivePolicy takes it away.",
    moto="Takes the policy away whenever it isn't given.",
    page="SetQueueAttributes (Amazon SQS API Reference)",
)
def queue_attributes() -> None:
    @wrap(Queue, "_set_attributes")
    def set_attributes(old: Any, self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        kept = {"Policy": self.policy} if "Policy" not in attributes else {}
        old(self, {**attributes, **kept}, now)


@correction(
    "redrive-allowed",
    aws=(
        "RedriveAllowPolicy is an attribute of a queue: by redrivePermission byQueue only the queues it names, by "
        "denyAll none may have it as their dead-letter queue."
    ),
    moto="Keeps it and doesn't show it; GetQueueAttributes with its name is an error.",
    page="SetQueueAttributes (Amazon SQS API Reference); the refusal's code is our best knowledge",
)
def redrive_allowed() -> None:
    Queue.BASE_ATTRIBUTES = [*Queue.BASE_ATTRIBUTES, "RedriveAllowPolicy"]
    Queue.redrive_allow_policy = None

    @wrap(Queue, "_set_attributes")
    def set_attributes(old: Any, self: Any, attributes: dict[str, Any], now: float | None = None) -> None:
        given = attributes.get("RedriveAllowPolicy")
        if isinstance(given, dict):
            attributes = attributes | {"RedriveAllowPolicy": json.dumps(given)}
        old(self, attributes, now)

    @wrap(Queue, "_setup_dlq")
    def setup_dlq(old: Any, self: Any, policy: Any) -> None:
        old(self, policy)
        letters = self.dead_letter_queue
        if letters is not None and not may_redrive(self, letters):
            self.dead_letter_queue = self.redrive_policy = None
            raise SQSException(
                "InvalidParameterValue",
                f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Queue {letters.queue_arn} does not "
                f"allow queue {self.queue_arn} to use it as its dead-letter queue.",
            )


def may_redrive(source: Queue, letters: Queue) -> bool:
    policy = json.loads(letters.redrive_allow_policy or "{}")
    permission = policy.get("redrivePermission", "allowAll")
    return permission == "allowAll" or (
        permission == "byQueue" and source.queue_arn in policy.get("sourceQueueArns", [])
    )


@correction(
    "in-flight",
    aws="ChangeMessageVisibility of a message that is visible already is MessageNotInflight.",
    moto="Hides it.",
    page="ChangeMessageVisibility (Amazon SQS API Reference)",
)
def in_flight() -> None:
    @wrap(SQSBackend, "change_message_visibility")
    def change(old: Any, self: Any, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        for message in self.get_queue(queue_name)._messages:
            if message.had_receipt_handle(receipt_handle) and message.visible:
                raise NotInflight()
        old(self, queue_name, receipt_handle, visibility_timeout)

    @wrap(SQSBackend, "change_message_visibility_batch")
    def change_batch(old: Any, self: Any, queue_name: str, entries: list[dict[str, Any]]) -> Any:
        """Entry by entry, so that one that isn't in flight fails alone."""
        done: list[str] = []
        failed: list[dict[str, str]] = []
        for entry in entries:
            try:
                good, bad = old(self, queue_name, [entry])
            except NotInflight as error:
                good, bad = [], [as_entry(entry, error)]
            done, failed = done + good, failed + bad
        return done, failed


class NotInflight(SQSException):
    def __init__(self) -> None:
        super().__init__("AWS.SimpleQueueService.MessageNotInflight", "The message is not in flight.")


def as_entry(entry: dict[str, Any], error: SQSException) -> dict[str, Any]:
    return {"Id": entry["Id"], "SenderFault": True, "Code": "MessageNotInflight", "Message": error.message}


@correction(
    "ten-a-batch",
    aws="DeleteMessageBatch and ChangeMessageVisibilityBatch take up to 10 entries: TooManyEntriesInBatchRequest.",
    moto="Take any number.",
    page="DeleteMessageBatch, ChangeMessageVisibilityBatch (Amazon SQS API Reference)",
)
def ten_a_batch() -> None:
    for name in ("delete_message_batch", "change_message_visibility_batch"):

        @wrap(SQSBackend, name)
        def batch(old: Any, self: Any, queue_name: str, entries: list[Any]) -> Any:
            if len(entries) > MOST:
                raise TooManyEntriesInBatchRequest(len(entries))
            return old(self, queue_name, entries)
