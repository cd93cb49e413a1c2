"""How a correction is declared and applied.

A correction is a function that changes moto's classes; its decorator says its name, what AWS does, what moto does
instead, and which page of AWS's documentation tells. They are applied in the order of their declaration: a later one
wraps an earlier. Each works without the others, so that any may be left out.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from moto.ec2.exceptions import EC2ClientError


@dataclass(frozen=True)
class Correction:
    name: str
    aws: str
    """What AWS does."""
    moto: str
    """What moto 5.2.5 does instead."""
    page: str
    """The title of the page that tells, or where it was seen."""
    install: Callable[[], None]


ALL: dict[str, Correction] = {}


def correction(name: str, *, aws: str, moto: str, page: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def declare(install: Callable[[], None]) -> Callable[[], None]:
        assert name not in ALL, name
        ALL[name] = Correction(name, aws, moto, page, install)
        return install

    return declare


def apply(without: Iterable[str] = ()) -> None:
    """Once per process: moto's classes are changed for good."""
    left_out = set(without)
    if unknown := left_out - set(ALL):
        raise SystemExit(f"no correction is called {', '.join(sorted(unknown))}; there are: {', '.join(ALL)}")
    for name, one in ALL.items():
        if name not in left_out:
            one.install()


def wrap(owner: type, name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Puts the decorated function in place of `owner.name`. It gets the old method first, then what that one gets."""

    def put(new: Callable[..., Any]) -> Callable[..., Any]:
        old = getattr(owner, name)

        @functools.wraps(old)
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            return new(old, self, *args, **kwargs)

        setattr(owner, name, method)
        return new

    return put


def refusal(code: str, message: str) -> EC2ClientError:
    """An EC2 client error (HTTP 400), to be raised."""
    return EC2ClientError(code, message)


def table() -> str:
    """The rows of README.md's table."""
    rows = ["| correction | what AWS does | what moto 5.2.5 does | source |", "|---|---|---|---|"]
    rows += [f"| `{one.name}` | {one.aws} | {one.moto} | {one.page} |" for one in ALL.values()]
    return "\n".join(rows)
