"""Which events a rule takes. What becomes of them is in `event_delivery`.

Source: "Comparison operators for use in event patterns", "Amazon EventBridge event patterns" (EventBridge User Guide).
"""

import json
from typing import Any

from moto.events.models import UNDEFINED, EventPattern, Rule

from .registry import correction, wrap


@correction(
    "patterns-reach-into-lists",
    aws=(
        "A pattern reaches into lists of objects: detail.findings.Resources.Type matches if one of the resources has "
        "it, and several fields of one list must match in one and the same object."
    ),
    moto="Stops at a list: such a rule never matches.",
    page="Amazon EventBridge event patterns (EventBridge User Guide); README of aws/event-ruler, Array consistency",
)
def patterns_reach_into_lists() -> None:
    def matches_event(self: Any, event: Any) -> bool:
        return not self._pattern or matches(self, json.loads(json.dumps(event)), self._pattern)

    EventPattern.matches_event = matches_event


def matches(self: EventPattern, node: Any, pattern: dict[str, Any]) -> bool:
    if isinstance(node, list):
        return any(matches(self, item, pattern) for item in node)
    return all(field_matches(self, node, name, wanted) for name, wanted in pattern.items())


def field_matches(self: EventPattern, node: Any, name: str, wanted: Any) -> bool:
    if name == "$or":
        return any(matches(self, node, choice) for choice in wanted)
    value = node.get(name, UNDEFINED) if isinstance(node, dict) else UNDEFINED
    if isinstance(wanted, dict):
        return matches(self, {} if value is UNDEFINED else value, wanted)
    return self._does_item_match_filters(value, wanted)


@correction(
    "silent-rules",
    aws="A disabled rule and one with a schedule alone take no event.",
    moto="The disabled one takes those that match, the other one all.",
    page="DisableRule (EventBridge API Reference); Rules in Amazon EventBridge (EventBridge User Guide)",
)
def silent_rules() -> None:
    @wrap(Rule, "send_to_targets")
    def send_to_targets(old: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        if self.state == "DISABLED" or not self.event_pattern.get_pattern():
            return
        old(self, *args, **kwargs)
