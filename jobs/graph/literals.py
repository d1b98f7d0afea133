"""How text from a user becomes part of Python source: only as a literal, or within a comment."""

from __future__ import annotations

import math
from typing import Any

MAX_COMMENT = 160  # characters; a longer comment is cut
# Characters; a shorter text of several lines is written on one line, with \n in it
ONE_LINE = 60
ONE_LINE_OF_LIST = 80  # characters; of a longer list each entry has a line


def literal(value: Any, indent: int = 0) -> str:
    """Python source that evaluates to `value` (text, numbers, True, False, None, and lists and dicts of these).

    Text of several lines, or a long list, is written line by line in brackets, `indent` spaces in, so that it stays
    readable.
    """
    if isinstance(value, str):
        return _text(value, indent)
    if value is None or isinstance(value, (bool, int)):
        return repr(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return _list([quoted(i) if isinstance(i, str) else literal(i) for i in value], indent)
    if isinstance(value, dict):
        return (
            "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
        )
    raise TypeError(f"a {type(value).__name__} cannot be written as a literal")


def comment(text: str) -> str:
    """One line of plain text for a comment: what is not printable becomes a space, long text is cut."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= MAX_COMMENT else line[: MAX_COMMENT - 1] + "…"


def _text(value: str, indent: int) -> str:
    lines = value.splitlines(keepends=True)
    if len(lines) < 2 or len(value) < ONE_LINE:
        return quoted(value)
    margin = "\n" + " " * indent
    return "(" + "".join(f"{margin}    {quoted(line)}" for line in lines) + f"{margin})"


def _list(entries: list[str], indent: int) -> str:
    line = f"[{', '.join(entries)}]"
    if len(line) <= ONE_LINE_OF_LIST:
        return line
    margin = "\n" + " " * indent
    return "[" + "".join(f"{margin}    {entry}," for entry in entries) + f"{margin}]"


def quoted(value: str) -> str:
    """Text as a literal on one line, in double quotes unless it contains one."""
    source = repr(value)
    if source.startswith("'") and '"' not in source and "\\'" not in source:
        return f'"{source[1:-1]}"'
    return source
