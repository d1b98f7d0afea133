"""The functions that expressions may call: one table, which the compiler, docs/functions.md, the editor and the tests read."""

from __future__ import annotations

import difflib

from program_lib.expressions.functions import (
    casts,
    choices,
    dates,
    hashes,
    json,
    numbers,
    regex,
    text,
)
from program_lib.expressions.functions.function import MAX_TEXT, Argument, Function

__all__ = [
    "FUNCTIONS",
    "GROUPS",
    "MAX_TEXT",
    "Argument",
    "Function",
    "functions_document",
    "no_such_function",
]

MAX_NAME = 40  # characters; a longer one is no slip of a hand, and is not compared with ours
# Letters that a name with a slip is longer or shorter; comparing with all of ours costs more
MAX_SLIP = 2
GROUPS: dict[str, tuple[Function, ...]] = {
    "Choices": choices.FUNCTIONS,
    "Numbers": numbers.FUNCTIONS,
    "Texts": text.FUNCTIONS,
    "Patterns": regex.FUNCTIONS,
    "Dates and times": dates.FUNCTIONS,
    "Conversions": casts.FUNCTIONS,
    "Hashes and encodings": hashes.FUNCTIONS,
    "JSON": json.FUNCTIONS,
}
FUNCTIONS = {function.name: function for group in GROUPS.values() for function in group}
OTHER_NAMES = {name: one.name for one in FUNCTIONS.values() for name in one.also}
# What would give other rows in the next run
NOT_REPEATABLE = frozenset(
    [
        "today",
        "now",
        "current_date",
        "current_timestamp",
        "getdate",
        "sysdate",
        "utcnow",
        "random",
        "rand",
        "randbetween",
        "newid",
        "gen_random_uuid",
        "uuid4",
    ]
)


def functions_document() -> list[dict[str, object]]:
    """All functions as JSON, in the order of docs/functions.md."""
    return [
        {"group": name, **function.document()}
        for name, group in GROUPS.items()
        for function in group
    ]


def no_such_function(name: str) -> str:
    """What a message says of a function that there is not."""
    if len(name) > MAX_NAME:
        return f"there is no function '{name[:MAX_NAME]}…'"
    known = OTHER_NAMES.get(name.lower())
    if known is not None:
        return f"there is no function '{name}'; it is {FUNCTIONS[known].signature} here"
    if name.lower() in NOT_REPEATABLE:
        return f"there is no function '{name}': a run must give the same rows again; take it from a column"
    near = [one for one in FUNCTIONS if abs(len(one) - len(name)) <= MAX_SLIP]
    close = difflib.get_close_matches(name.lower(), near, n=1)
    if close:
        return f"there is no function '{name}'; did you mean {close[0]}?"
    return f"there is no function '{name}'; docs/functions.md has all {len(FUNCTIONS)}"
