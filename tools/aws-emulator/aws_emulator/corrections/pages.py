"""Pages and filters as EC2's Describe calls have them. No correction itself: those that need it share it.

Source: "Pagination" and "Filtering" in the Amazon EC2 API Reference and User Guide.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import InvalidParameterCombination, InvalidParameterValue

from ..wildcards import pattern
from .registry import refusal

WILD = re.compile(r"[*?\\]")
SMALLEST, LARGEST = 5, 1000
VALUES_PER_FILTER = 200


def paged(response: Any, answer: ActionResult, items: str, ids: str | None = None) -> ActionResult:
    """Cuts the list `items` of an answer to one page. `ids` is the parameter that goes with no pages."""
    size, token = response._get_param("MaxResults"), response._get_param("NextToken")
    if ids and response._get_param(ids) and (size or token):
        raise InvalidParameterCombination(f"The parameter {ids} cannot be used with the parameter maxResults.")
    if size is not None and not SMALLEST <= int(size) <= LARGEST:
        raise InvalidParameterValue(
            f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value from {SMALLEST} to {LARGEST}."
        )
    page, answer.result["NextToken"] = cut(answer.result[items], int(size or LARGEST), token)
    answer.result[items] = page
    return answer


def cut(items: Iterable[Any], size: int, token: str | None) -> tuple[list[Any], str | None]:
    """The page after `token`, in the order of the ids, and the token of the next: what comes and goes between two
    pages neither repeats nor hides anything else."""
    after = read_token(token) if token else ""
    rest = sorted((item for item in items if item.id > after), key=lambda item: item.id)
    page = rest[:size]
    return page, write_token(page[-1].id) if len(rest) > size else None


def write_token(last: str) -> str:
    return base64.urlsafe_b64encode(last.encode()).decode()


def read_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise refusal("InvalidPaginationToken", "The specified pagination token is not valid.") from None


def filtered(
    items: Iterable[Any], filters: dict[str, list[str]], fields: dict[str, Callable[[Any], list[Any]]]
) -> list[Any]:
    """The items that match every filter. A filter matches if one of its values does; `*` and `?` are wildcards."""
    kept = list(items)
    for name, values in (filters or {}).items():
        if len(values) > VALUES_PER_FILTER:
            raise refusal("FilterLimitExceeded", f"The maximum number of filter values is {VALUES_PER_FILTER}.")
        read = reader(name, fields)
        plain = {value for value in values if not WILD.search(value)}
        patterns = [pattern(value) for value in values if value not in plain]
        kept = [
            item
            for item in kept
            if any(have in plain or any(p.fullmatch(have) for p in patterns) for have in map(text, read(item)))
        ]
    return kept


def reader(name: str, fields: dict[str, Callable[[Any], list[Any]]]) -> Callable[[Any], list[Any]]:
    if name.startswith("tag:"):
        key = name.removeprefix("tag:")
        return lambda item: [tag["value"] for tag in item.get_tags() if tag["key"] == key]
    if name == "tag-key":
        return lambda item: [tag["key"] for tag in item.get_tags()]
    if name not in fields:
        raise InvalidParameterValue(f"The filter '{name}' is invalid")
    return fields[name]


def text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
