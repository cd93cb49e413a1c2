"""Where moto is slow enough to blur what a test measures, made fast. Answers stay the same.

Tags        moto finds those of a resource by matching a pattern against every tagged resource of the region:
            describing a thousand interfaces takes a million matches.
Routing     for each request moto lists its own folder on disk, and all methods of the class that answers.
Answers     for each field moto works out anew under which names it may find the value, and which of its changes apply
            there; and XML is made by way of a parser's events.
Sessions    for each call signed by a role's session moto looks for the key in every account and partition, several
            times; each test has an account of its own.
Templates   moto reads each template of a stack twice, and a parser in Python takes a quarter of a second for ours.
Images      each new account and region starts with 1,300 public images (0.2 s), their snapshots and volumes; it
            starts with none here. RunInstances takes any image id.
Queues      for each message received moto reads all attributes of the queue, which counts all messages three times,
            and each look at a message works out the time by way of time zones: a thousand messages take minutes.
"""

import copy
import datetime
import functools
import os
import threading
import time
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import xmltodict
import yaml
from moto.core import responses, serialize
from moto.core.serialize import XFormedAttributePicker
from moto.core.utils import MISSING, get_value
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix
from moto.iam import models as iam
from moto.moto_server.werkzeug_app import DomainDispatcherApplication
from moto.sqs import models as sqs


def up() -> None:
    TaggedEC2Resource.get_tags = get_tags
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    backend_for_host = functools.cache(DomainDispatcherApplication(None).get_backend_for_host)
    DomainDispatcherApplication.get_backend_for_host = lambda self, host: backend_for_host(host)
    remember_keys()
    XFormedAttributePicker.__call__ = pick
    serialize.EC2Serializer._serialize_body = write_xml
    iam.get_account_id_from = remembering(iam.get_account_id_from)
    yaml.load = copying(yaml.load)
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


def pick(self: Any, context: Any) -> Any:
    """As moto does it, but which transformer is meant is found once for each place."""
    value = None
    for key in self.get_possible_keys(context):
        found = get_value(context.obj, key, MISSING)
        if found is not MISSING:
            value = found
            break
    path = f"{context.key_path}.{context.key}"
    ending = transformed(tuple(self.response_transformers), path)
    return value if ending is None else self.response_transformers[ending](value)


@functools.cache
def transformed(endings: tuple[str, ...], path: str) -> str | None:
    return next((ending for ending in endings if path.endswith(ending)), None)


def write_xml(self: Any, body: Any) -> str:
    """What xmltodict makes of it with short empty elements: an answer of EC2 has no attributes but its namespace."""
    written = ['<?xml version="1.0" encoding="utf-8"?>\n']
    for name, value in body.items():
        write_element(written, name, value)
    return "".join(written)


def write_element(written: list[str], name: str, value: Any) -> None:
    if isinstance(value, (list, tuple)):
        for one in value:
            write_element(written, name, one)
        return
    if not isinstance(value, dict):
        text = "" if value is None else escape(xmltodict._convert_value_to_string(value))
        written.append(f"<{name}>{text}</{name}>" if text else f"<{name}/>")
        return
    attributes = "".join(f" {key[1:]}={quoteattr(one)}" for key, one in value.items() if key.startswith("@"))
    inner: list[str] = []
    for key, one in value.items():
        if not key.startswith("@"):
            write_element(inner, key, one)
    written.append(f"<{name}{attributes}>{''.join(inner)}</{name}>" if inner else f"<{name}{attributes}/>")


def remembering(find: Callable[[str], str]) -> Callable[[str], str]:
    """The account of an access key. A key that is gone is looked for anew, and so is one that was never found."""
    known: dict[str, tuple[str, str]] = {}

    def get_account_id_from(access_key: str) -> str:
        account, partition = known.get(access_key, ("", ""))
        if account and access_key in iam.iam_backends[account][partition].access_keys:
            return account
        account = find(access_key)
        for partition in iam.PARTITION_NAMES:
            if access_key in iam.iam_backends[account][partition].access_keys:
                known[access_key] = account, partition
        return account

    return get_account_id_from


def copying(load: Callable[..., Any]) -> Callable[..., Any]:
    """What a text says, as a copy for each caller, who may change it."""
    once = functools.lru_cache(64)(load)

    def load_text(text: Any, *args: Any, **kwargs: Any) -> Any:
        return copy.deepcopy(once(text, *args, **kwargs)) if isinstance(text, str) else load(text, *args, **kwargs)

    return load_text


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
