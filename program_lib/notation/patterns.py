"""What a pattern of paths means: * and ? within a name, ** for directories below. Pure."""

from __future__ import annotations

import re

WILD = "*?"
ALL_BELOW = "**"  # a directory and all below it
_SIGNS = {"*": "[^/]*", "?": "[^/]"}


def is_pattern(path: str) -> bool:
    """Whether a path of an input means all files that match."""
    return any(sign in path for sign in WILD)


def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the paths that a pattern means, as they are spelt from the same directory on."""
    parts = pattern.split("/")
    wild = "".join(map(_of_part, parts if parts[-1] != ALL_BELOW else (*parts, "*")))
    return re.compile(wild.removesuffix("/"), re.DOTALL)


def _of_part(part: str) -> str:
    return "(?:[^/]+/)*" if part == ALL_BELOW else f"{of_name(part)}/"


def of_name(part: str) -> str:
    """A regular expression, with DOTALL, of the names that one part of a pattern means: only * and ? are wild, a [ stands for itself."""
    return "".join(_SIGNS.get(sign) or re.escape(sign) for sign in part)
