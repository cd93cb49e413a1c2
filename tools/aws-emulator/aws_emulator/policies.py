"""Policies, judged: does this list of statements allow or deny this request. Knows no service and no moto.

Effect, Principal and NotPrincipal, Action and NotAction, Resource and NotResource, and the condition operators of
`OPERATORS`, with IfExists, ForAllValues and ForAnyValue; variables `${key}` and `${key, 'otherwise'}`. Any other
operator ends the call with an error, so that no condition is skipped in silence.

Source: "IAM JSON policy elements reference", "Policy evaluation logic" (IAM User Guide).
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .wildcards import pattern

Statement = dict[str, Any]

ALLOWED, DENIED, SILENT = "allowed", "denied", "silent"
"""Silent: no statement matches."""

VARIABLE = re.compile(r"\$\{([^}]+)\}")
LITERAL = {"*": "\\*", "?": "\\?", "$": "$"}


@dataclass
class Principal:
    """Who asks: a principal of an account, or a service."""

    arn: str = ""
    account: str = ""
    role: str = ""
    """The ARN of the role, for a session of it."""
    tags: dict[str, str] = field(default_factory=dict)
    """The tags of the session."""
    transitive: frozenset[str] = frozenset()
    """The keys of those that go along into further roles."""
    service: str = ""


@dataclass
class Request:
    principal: Principal
    action: str
    resource: str = "*"
    context: dict[str, list[str]] = field(default_factory=dict)
    """Condition keys, in small letters → their values. A key that isn't there isn't in the request."""

    def with_resource(self, resource: str, context: dict[str, list[str]]) -> "Request":
        return Request(self.principal, self.action, resource, self.context | context)


def judge(policies: Iterable[Any], request: Request, resource_policy: bool = False) -> str:
    """What these policies say together: an explicit deny wins. Principals are looked at in resource policies only."""
    effects = {
        statement.get("Effect")
        for policy in policies
        for statement in as_list((policy or {}).get("Statement"))
        if applies(statement, request, resource_policy)
    }
    return DENIED if "Deny" in effects else ALLOWED if "Allow" in effects else SILENT


def applies(statement: Statement, request: Request, resource_policy: bool) -> bool:
    return (
        (not resource_policy or names_principal(statement, request.principal))
        and names_action(statement, request.action)
        and names_resource(statement, request)
        and meets(statement.get("Condition") or {}, request.context)
    )


def names_principal(statement: Statement, who: Principal) -> bool:
    if "NotPrincipal" in statement:
        return not is_among(statement["NotPrincipal"], who)
    return is_among(statement.get("Principal"), who)


def is_among(principal: Any, who: Principal) -> bool:
    if principal == "*":
        return True
    if not isinstance(principal, dict):
        return False
    if who.service:
        return any(one in ("*", who.service) for one in as_list(principal.get("Service")))
    return any(
        one in ("*", who.account, who.arn, who.role or who.arn)
        or (one.startswith("arn:") and one.endswith(f"::{who.account}:root"))
        for one in as_list(principal.get("AWS"))
    )


def names_action(statement: Statement, action: str) -> bool:
    named = as_list(statement.get("NotAction", statement.get("Action")))
    found = any(pattern(one.lower()).fullmatch(action.lower()) for one in named)
    return found != ("NotAction" in statement)


def names_resource(statement: Statement, request: Request) -> bool:
    named = as_list(statement.get("NotResource", statement.get("Resource", "*")))
    found = any(pattern(resolve(one, request.context)).fullmatch(request.resource) for one in named)
    return found != ("NotResource" in statement)


def meets(conditions: dict[str, dict[str, Any]], context: dict[str, list[str]]) -> bool:
    """All operators, and in each all keys; of a key's values any."""
    return all(
        holds(operator, key, [resolve(as_text(one), context) for one in as_list(wanted)], context.get(key.lower()))
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def holds(operator: str, key: str, wanted: list[str], have: list[str] | None) -> bool:
    over, _, name = operator.rpartition(":")
    if name == "Null":
        return (not have) == (wanted[0].lower() == "true")
    optional = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    if name not in OPERATORS:
        raise NotImplementedError(f"the condition operator {operator} ({key})")
    positive, fits = OPERATORS[name]
    if have is None and optional:
        return True
    if over == "ForAllValues":
        return all(any_fits(positive, fits, wanted, one) for one in have or [])
    if have is None:
        # A negated operator is met by a key that isn't there.
        return not positive and over != "ForAnyValue"
    if over == "ForAnyValue":
        return any(any_fits(positive, fits, wanted, one) for one in have)
    # An operator for one value sees several only where a policy forgot its ForAnyValue; then all must hold.
    return bool(have) and all(any_fits(positive, fits, wanted, one) for one in have)


def any_fits(positive: bool, fits: Callable[[str, str], bool], wanted: list[str], value: str) -> bool:
    return any(fits(one, value) for one in wanted) == positive


def like(wanted: str, value: str) -> bool:
    return bool(pattern(wanted).fullmatch(value))


def arn_like(wanted: str, value: str) -> bool:
    """Part by part, so that a wildcard in one doesn't reach over a colon of the first five."""
    theirs, ours = wanted.split(":", 5), value.split(":", 5)
    return len(theirs) == len(ours) and all(like(one, other) for one, other in zip(theirs, ours, strict=True))


def number(compare: Callable[[float, float], bool]) -> Callable[[str, str], bool]:
    return lambda wanted, value: compare(float(value), float(wanted))


def equal(wanted: str, value: str) -> bool:
    return wanted == value


def equal_in_any_case(wanted: str, value: str) -> bool:
    return wanted.lower() == value.lower()


OPERATORS: dict[str, tuple[bool, Callable[[str, str], bool]]] = {
    "StringEquals": (True, equal),
    "StringNotEquals": (False, equal),
    "StringEqualsIgnoreCase": (True, equal_in_any_case),
    "StringNotEqualsIgnoreCase": (False, equal_in_any_case),
    "StringLike": (True, like),
    "StringNotLike": (False, like),
    "ArnEquals": (True, arn_like),
    "ArnLike": (True, arn_like),
    "ArnNotEquals": (False, arn_like),
    "ArnNotLike": (False, arn_like),
    "Bool": (True, equal_in_any_case),
    "NumericEquals": (True, number(lambda value, wanted: value == wanted)),
    "NumericLessThan": (True, number(lambda value, wanted: value < wanted)),
    "NumericLessThanEquals": (True, number(lambda value, wanted: value <= wanted)),
    "NumericGreaterThan": (True, number(lambda value, wanted: value > wanted)),
    "NumericGreaterThanEquals": (True, number(lambda value, wanted: value >= wanted)),
}


def resolve(text: str, context: dict[str, list[str]]) -> str:
    """Puts the request's values in place of variables. A variable without a value matches nothing."""

    def value(found: re.Match[str]) -> str:
        key, _, otherwise = (part.strip() for part in found[1].partition(","))
        if key in LITERAL:
            return LITERAL[key]
        values = context.get(key.lower())
        return values[0] if values else otherwise.strip("'") if otherwise else found[0]

    return VARIABLE.sub(value, text)


def as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]
