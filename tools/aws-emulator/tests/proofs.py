"""Ties a correction to the tests that fail without it. `test_proofs` checks that they do."""

from collections.abc import Callable
from typing import Any

PROOFS: dict[str, list[tuple[str, str, str]]] = {}
"""The name of a correction → the module, class and method of each of its tests."""


def proves(name: str) -> Callable[[Any], Any]:
    def note(test: Any) -> Any:
        test_class, _, method = test.__qualname__.rpartition(".")
        PROOFS.setdefault(name, []).append((test.__module__, test_class, method))
        return test

    return note
