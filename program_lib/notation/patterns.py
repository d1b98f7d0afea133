"""What a pattern of paths means: * and ? within a name, ** for directories below. Pure."""

from __future__ import annotations

import re

WILD = "*?"
ALL_BELOW = "**"  # a directory and all below it
_SIGNS = {"*": "[^/]*", "?": "[^/]"}


def is_pattern(path: str) -> bool:
    """Whether a path of an input means all files that match."""
    return any(sign in path for sign in WILD)


def of_name(part: str) -> str:
    """A regular expression, with DOTALL, of the names that one part of a pattern means: only * and ? are wild, a [ stands for itself."""
    return "".join(_SIGNS.get(sign) or re.escape(sign) for sign in part)
