"""`*` and `?`, as filters of EC2 and policies of IAM have them."""

import re
from functools import lru_cache

WILD = {"*": ".*", "?": "."}


@lru_cache(maxsize=4096)
def pattern(value: str) -> re.Pattern[str]:
    r"""The value as a regular expression; `\*` and `\?` stand for themselves."""
    parts = re.split(r"(\\[*?\\]|[*?])", value)
    return re.compile("".join(WILD.get(part) or re.escape(part.removeprefix("\\")) for part in parts), re.DOTALL)
