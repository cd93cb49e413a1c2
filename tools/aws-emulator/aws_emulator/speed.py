"""Where moto is slow enough to blur what a test measures, made fast. Answers stay the same.

Tags        moto finds those of a resource by matching a pattern against every tagged resource of the region:
            describing a thousand interfaces takes a million matches.
Routing     for each request moto lists its own folder on disk, and all methods of the class that answers.
Answers     for each field moto works out anew under which names it may find the value.
Images      each new account and region starts with 1,300 public images (0.2 s), their snapshots and volumes; it
            starts with none here. RunInstances takes any image id.
Queues      for each message received moto reads all attributes of the queue, which counts all messages three times,
            and each look at a message works out the time by way of time zones: a thousand messages take minutes.
"""

import datetime
import functools
import os
import threading
import time
from typing import Any

from moto.core import responses
from moto.core.serialize import XFormedAttributePicker
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models as sqs


def up() -> None:
    TaggedEC2Resource.get_tags = get_tags
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    backend_for_host = functools.cache(DomainDispatcherApplication(None).get_backend_for_host)
    DomainDispatcherApplication.get_backend_for_host = lambda self, host: backend_for_host(host)
    remember_keys()
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
    sqs.unix_time_millis = unix_time_millis
    sqs.Queue.attributes = property(functools.partial(attributes, sqs.Queue.attributes.fget))
    sqs.SQSBackend.send_message = functools.partialmethod(send_message, sqs.SQSBackend.send_message)
    sqs.SQSBackend.is_message_valid_based_on_retention_period = is_kept


def remember_keys() -> None:
    """The names depend on the class that is asked and on the place in the service's model, never on the value."""
    work_out = XFormedAttributePicker.get_possible_keys
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}

    def get_possible_keys(self: Any, context: Any) -> tuple[str, ...]:
        shape, parent = context.shape, getattr(context.shape, "parent", None)
        place = (
            context.obj.__class__,
            context.key,
            shape.name,
            shape.serialization.get("name"),
            parent and parent.name,
        )
        if place not in known:
            known[place] = tuple(dict.fromkeys(work_out(self, context)))
        return known[place]

    XFormedAttributePicker.get_possible_keys = get_possible_keys


def get_tags(self: Any) -> list[dict[str, str]]:
    tags = self.ec2_backend.tags.get(self.id) if self.id else None
    if not tags:
        return []
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(self.id), "")
    return [{"resource_id": self.id, "key": key, "value": value, "resource_type": kind} for key, value in tags.items()]


def unix_time_millis(moment: datetime.datetime | None = None) -> float:
    return (moment.replace(tzinfo=datetime.timezone.utc).timestamp() if moment else time.time()) * 1000


_sending = threading.local()


def send_message(self: Any, send: Any, *args: Any, **kwargs: Any) -> Any:
    _sending.now = True
    try:
        return send(self, *args, **kwargs)
    finally:
        _sending.now = False


def attributes(all_of: Any, queue: Any) -> dict[str, Any]:
    """Of a queue that a message is being sent to, sending asks only what a FIFO queue has."""
    return {} if getattr(_sending, "now", False) and not queue.fifo_queue else all_of(queue)


def is_kept(self: Any, queue_name: str, message: Any) -> bool:
    kept = int(self.get_queue(queue_name).message_retention_period) * 1000
    return message.sent_timestamp + kept > unix_time_millis()
