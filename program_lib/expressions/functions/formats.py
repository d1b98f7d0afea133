"""How dates and times are written: the codes of strftime that mean the same in Python and in DuckDB."""

from __future__ import annotations

import re
from collections.abc import Set

PARSED = frozenset("YymdjHIMSfpbBaA%")
WRITTEN = PARSED | frozenset("GVu")
_NO_ZERO = frozenset("mdHIMSj")  # those that %- writes without a zero before them
_NAMES = {"b": "month", "B": "month", "m": "month", "H": "hour", "I": "hour", "Y": "year", "y": "year", "a": "weekday", "A": "weekday"}  # fmt: skip
_CODE = re.compile("%(-?)(.?)", re.DOTALL)


def written_error(form: str | int) -> str | None:
    """What is wrong with a format that dates are written in; None: nothing."""
    return _error(form, WRITTEN)


def parsed_error(form: str | int) -> str | None:
    """What is wrong with a format that dates are read in: each part stands there once, and a year must."""
    wrong = _error(form, PARSED)
    if wrong is not None:
        return wrong
    parts = [_NAMES.get(code, code) for code in _codes(str(form)) if code != "%"]
    twice = next((part for part in parts if parts.count(part) > 1), None)
    if twice is not None:
        return f"has the {twice if len(twice) > 1 else '%' + twice} twice"
    if "year" not in parts:
        return "must have a year, %Y or %y"
    if "j" in parts and {"month", "d"} & set(parts):
        return "has the day of the year, and so no month and no day"
    if ("d" in parts) and "month" not in parts:
        return "has a day without a month"
    if ("I" in _codes(str(form))) != ("p" in parts):
        return "must have %I and %p together: an hour up to 12 is of the morning or not"
    return None


def _error(form: str | int, allowed: Set[str]) -> str | None:
    if not isinstance(form, str):
        return f"must be a format in quotes, as '%Y-%m-%d', not {form}"
    if not _codes(form):
        return f"must have codes as %d.%m.%Y, not {form!r:.60}"
    for found in _CODE.finditer(form):
        dash, code = found.groups()
        if code not in (allowed & _NO_ZERO if dash else allowed) or not code:
            return f"has {found[0]!r}; there are {' '.join('%' + c for c in sorted(allowed))}, and %-d without a zero"
    return None


def _codes(form: str) -> list[str]:
    return [found[2] for found in _CODE.finditer(form)]
