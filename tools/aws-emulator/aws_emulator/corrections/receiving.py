"""SQS: receiving. Which of the waiting callers gets a message, and when, is in `turns`."""

from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message, Queue, SQSBackend

from ..turns import CHANGED, wait_until
from .registry import correction, wrap


@correction(
    "expired-messages",
    aws="A message older than the queue's retention period is gone; the others are received.",
    moto="At the first such message a call ends, with none after it, each time.",
    page="SetQueueAttributes, MessageRetentionPeriod (Amazon SQS API Reference)",
)
def expired_messages() -> None:
    @wrap(SQSBackend, "receive_message")
    def receive_message(old: Any, self: Any, queue_name: str, *args: Any, **kwargs: Any) -> list[Message]:
        queue = self.get_queue(queue_name)
        oldest = unix_time_millis() - int(queue.message_retention_period) * 1000
        for message in [one for one in queue._messages if one.sent_timestamp < oldest]:
            queue._messages.remove(message)
            queue.pending_messages.discard(message)
        return old(self, queue_name, *args, **kwargs)


@correction(
    "long-polls",
    aws=(
        "A call that waits for a message keeps no other call waiting, gets a message as soon as there is one, and none "
        "once its caller has gone."
    ),
    moto=(
        "Waits inside: here, where one call at a time may be in moto, for up to 20 s nobody else is answered, and "
        "nobody can send."
    ),
    page="Amazon SQS short and long polling (SQS Developer Guide); that who has gone gets none is our best knowledge",
)
def long_polls() -> None:
    @wrap(SQSBackend, "receive_message")
    def receive_message(
        old: Any, self: Any, queue_name: str, count: int, wait_seconds_timeout: int, *args: Any, **kwargs: Any
    ) -> list[Message]:
        found: list[Message] = []

        def look() -> bool:
            found.extend(old(self, queue_name, count, 0, *args, **kwargs))
            return bool(found)

        wait_until(look, wait_seconds_timeout)
        return found

    @wrap(Queue, "add_message")
    def add_message(old: Any, self: Any, message: Message) -> None:
        old(self, message)
        CHANGED.notify_all()

    @wrap(SQSBackend, "change_message_visibility")
    def change_message_visibility(old: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        old(self, *args, **kwargs)
        CHANGED.notify_all()
