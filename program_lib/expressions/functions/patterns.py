"""What a regular expression may say: RE2's syntax, which never takes exponential time. Only what DuckDB would refuse is refused."""

from __future__ import annotations

import re

MAX_GROUP = 9  # of a pattern's groups: what \1 to \9 can name
BACKSPACE = "\b"
_LOOKS = {"(?=": "ahead", "(?!": "ahead", "(?<=": "behind", "(?<!": "behind"}
_REPLACED = re.compile(r"\\(.?)", re.DOTALL)


def pattern_error(pattern: str | int) -> str | None:
    """What is wrong with a pattern, as far as can be told without RE2; None: nothing that is known."""
    if not isinstance(pattern, str):
        return f"must be a pattern in quotes, not {pattern}"
    if BACKSPACE in pattern:
        return (
            "holds a backspace, as which \\b in quotes is read: write \\\\b for the edge of a word"
        )
    found = _walk(pattern)
    return found if isinstance(found, str) else None


def group_count(pattern: str) -> int:
    """How many groups a pattern has that `pattern_error` finds nothing wrong with."""
    found = _walk(pattern)
    return found if isinstance(found, int) else 0


def _walk(pattern: str) -> int | str:
    """The number of groups, or what is wrong."""
    groups = depth = place = 0
    while place < len(pattern):
        letter = pattern[place]
        if letter == "\\":
            wrong = _escape_error(pattern[place + 1 : place + 2])
            if wrong:
                return wrong
            place += 1
        elif letter == "[":
            end = _end_of_class(pattern, place)
            if end is None:
                return "has a '[' that is never closed"
            place = end
        elif letter == "(":
            wrong = _look_error(pattern[place : place + 4])
            if wrong:
                return wrong
            groups += _is_counted(pattern[place : place + 4])
            depth += 1
        elif letter == ")":
            depth -= 1
            if depth < 0:
                return "has a ')' that closes nothing"
        place += 1
    return "has a '(' that is never closed" if depth else groups


def _escape_error(letter: str) -> str | None:
    if letter == "":
        return "ends with a \\"
    if letter in "123456789":
        return f"cannot refer to a group with \\{letter}: patterns are RE2's"
    if letter == "Q":
        return "cannot quote with \\Q: write \\ before each sign that has a meaning"
    return None


def _look_error(start: str) -> str | None:
    for mark, where in _LOOKS.items():
        if start.startswith(mark):
            return f"cannot look {where} with {mark}…): patterns are RE2's"
    return None


def _is_counted(start: str) -> bool:
    return not start.startswith("(?") or start.startswith(("(?P<", "(?<"))


def _end_of_class(pattern: str, start: int) -> int | None:
    """Where the `]` of a `[…]` stands: a `]` at its beginning is one of its characters, and [:alpha:] has its own."""
    place = start + 1
    if pattern.startswith("^", place):
        place += 1
    first = place
    while place < len(pattern):
        if pattern[place] == "]" and place > first:
            return place
        if pattern[place] == "\\":
            place += 1
        elif pattern.startswith("[:", place):
            end = pattern.find(":]", place + 2)
            place = end + 1 if end > 0 else place
        place += 1
    return None


def replacement_error(new: str | int) -> str | None:
    """What is wrong with the text that takes the place of what is found; None: nothing."""
    if not isinstance(new, str):
        return f"must be a text in quotes, not {new}"
    for found in _REPLACED.finditer(new):
        if not re.fullmatch(r"[0-9\\]", found[1], re.ASCII):
            return "has a \\ that no digit follows: write \\\\ for the sign itself, \\1 for the first group"
    return None


def groups_named(new: str) -> list[int]:
    """The groups that a replacement puts in: \\1 is the first, \\0 all that was found."""
    return [int(found[1]) for found in _REPLACED.finditer(new) if found[1].isdigit()]
