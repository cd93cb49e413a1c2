"""From a rule to its queue: what is sent, and what happens to an event that the queue doesn't take.

At once and once: EventBridge repeats only where a target fails, and a queue here doesn't.
"""

import copy
import json
from typing import Any

from moto.core.utils import iso_8601_datetime_without_milliseconds, utcfromtimestamp
from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Queue, sqs_backends

from ..policies import ALLOWED, Principal
from .queue_policies import queue_says
from .registry import correction, wrap

SERVICE = Principal(service="events.amazonaws.com")


@correction(
    "whole-events",
    aws="A target without an input transformer gets the event as it is, with the account.",
    moto="Leaves the account out, and takes texts in it such as <source> for variables.",
    page="AWS service event metadata; Amazon EventBridge input transformation (EventBridge User Guide)",
)
def whole_events() -> None:
    transform = EventTemplateParser.parse

    def parse(input_template: str | None, input_paths_map: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        if input_template:
            return transform(input_template, input_paths_map, event)
        return {name: value for name, value in event.items() if name != "ingestion-time"}

    EventTemplateParser.parse = staticmethod(parse)


@correction(
    "queue-targets",
    aws=(
        "A queue, be it of another account, gets an event only if its policy lets events.amazonaws.com send for this "
        "rule (aws:SourceArn); else the event goes to the target's dead-letter queue, if that one's policy does, with "
        "RULE_ARN, TARGET_ARN, ERROR_CODE and ERROR_MESSAGE as message attributes."
    ),
    moto="Sends without a look at the policy, always to the rule's own account; has no dead-letter queues for targets.",
    page=(
        "Using resource-based policies for Amazon EventBridge; Using dead-letter queues to process undelivered events "
        "in EventBridge (EventBridge User Guide)"
    ),
)
def queue_targets() -> None:
    @wrap(Rule, "send_to_targets")
    def send_to_targets(old: Any, self: Any, original_event: Any, transform_input: bool = True) -> None:
        queues = [target for target in self.targets if target["Arn"].split(":")[2] == "sqs"]
        if queues and takes(self, original_event):
            for target in queues:
                deliver(self, target, original_event)
        rest = copy.copy(self)
        rest.targets = [target for target in self.targets if target not in queues]
        old(rest, original_event, transform_input)


MANAGED_KEY = "alias/aws/sqs"
closed_by_key = False
"""Whether AWS' own key keeps events out: the correction below says so."""


@correction(
    "aws-managed-key",
    aws=(
        "A queue that is encrypted with alias/aws/sqs, AWS' own key, gets nothing from EventBridge; the event goes to the "
        "target's dead-letter queue."
    ),
    moto="Sends whatever the queue is encrypted with.",
    page=(
        "Troubleshooting Amazon EventBridge (EventBridge User Guide); Key management (SQS Developer Guide); as seen in "
        "aws/aws-cdk issue 30549; the error's code is our best knowledge"
    ),
)
def aws_managed_key() -> None:
    global closed_by_key
    closed_by_key = True


def takes(rule: Rule, event: Any) -> bool:
    return rule.event_pattern.matches_event(event)


def deliver(rule: Rule, target: dict[str, Any], original: Any) -> None:
    event = as_sent(target, original)
    fault = send(rule, target["Arn"], event, target.get("SqsParameters", {}).get("MessageGroupId"))
    letters = (target.get("DeadLetterConfig") or {}).get("Arn")
    if fault and letters:
        code, message = fault
        known = {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"], "ERROR_CODE": code, "ERROR_MESSAGE": message}
        attributes = {name: {"DataType": "String", "StringValue": value} for name, value in known.items()}
        send(rule, letters, event, None, attributes)


def as_sent(target: dict[str, Any], original: Any) -> str:
    transformer = target.get("InputTransformer") or {}
    event = dict(
        EventTemplateParser.parse(transformer.get("InputTemplate"), transformer.get("InputPathsMap", {}), original)
    )
    if "time" in event:
        event["time"] = iso_8601_datetime_without_milliseconds(utcfromtimestamp(float(event["time"])))
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False)


def send(
    rule: Rule, arn: str, body: str, group: str | None, attributes: dict[str, Any] | None = None
) -> tuple[str, str] | None:
    """Sends to a queue, for the rule. The code and the text of what went wrong, if anything did."""
    queue = find(arn)
    if queue is None:
        return "NO_RESOURCE", "The specified queue does not exist."
    source = {"aws:sourcearn": [rule.arn], "aws:sourceaccount": [rule.account_id]}
    if queue_says(queue, SERVICE, "sqs:SendMessage", source) != ALLOWED:
        return "NO_PERMISSIONS", "Access to the resource is denied: the queue's policy doesn't let the rule send."
    if closed_by_key and str(queue.kms_master_key_id or "").endswith(MANAGED_KEY):
        return "NO_PERMISSIONS", f"The queue's key, {MANAGED_KEY}, can't be used by events.amazonaws.com."
    try:
        sqs_backends[queue.account_id][queue.region].send_message(
            queue.name, body, message_attributes=attributes, group_id=group
        )
    except SQSException as error:
        return "SDK_CLIENT_ERROR", error.message
    return None


def find(arn: str) -> Queue | None:
    _, _, _, region, account, name = arn.split(":", 5)
    return sqs_backends[account][region].queues.get(name)
