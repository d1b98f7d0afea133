"""How what a user wrote becomes part of DuckDB's SQL: as a literal, or as the name of a column. There is no third way."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from program_lib.types import Kind, Type

# To be set on DuckDB's connection. With the first, a * 3 * 9223372036854775807 would fail though a is 0, since DuckDB
# multiplies the constants first, and a + 1 > 0 would be true though a + 1 is beyond 64 bits. With the second,
# -3 * 9223372036854775807 is None would be false, since DuckDB asks only whether a factor may be NULL
DISABLED_OPTIMIZERS = "expression_rewriter,statistics_propagation"
MAX_REPEATED = 160  # characters of SQL that may stand in an expression more than once
MAX_SHOWN = 60  # characters of a value in a message
_NAMES = {
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INTEGER: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMPTZ",
}
_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


def identifier(column: str) -> str:
    """What a column is called in SQL. DuckDB takes "ID" and "id" for one name, so that others are spelled out."""
    if _PLAIN_NAME.fullmatch(column):
        return f"c_{column}"
    return "x_" + column.encode("utf-8", "surrogatepass").hex()


def quoted_name(column: str) -> str:
    return f'"{identifier(column)}"'


def quoted(text: str) -> str:
    """A text as a literal: in SQL nothing but the quote has a meaning in it."""
    assert "\0" not in text
    return "'" + text.replace("'", "''") + "'"


def type_name(of: Type) -> str:
    if of.kind is Kind.DECIMAL:
        return f"DECIMAL({of.precision},{of.scale})"
    return _NAMES.get(of.kind, "VARCHAR")


def cast(sql: str, to: Type) -> str:
    return f"CAST({sql} AS {type_name(to)})"


def case(*whens: tuple[str, str], otherwise: str) -> str:
    """What stands beside the first condition that is true; DuckDB computes nothing else for a row."""
    branches = "".join(f" WHEN {condition} THEN {value}" for condition, value in whens)
    return f"(CASE{branches} ELSE {otherwise} END)"


def fail(message: str, of: Type, value: str | None = None) -> str:
    """SQL that fails for a row with this message, and the text that the SQL `value` gives."""
    shown = "" if value is None else f" || left(CAST({value} AS VARCHAR), {MAX_SHOWN})"
    return cast(f"error({quoted(message)}{shown})", of)


def let(body: Callable[..., str], *values: str) -> str:
    """`body` of values that it names more than once; long SQL is computed once, or it would double at each level.

    All long values stand in one list beside the function, and none in its body: for a function within the body of
    another DuckDB takes twice the time at each level.
    """
    if all(len(value) <= MAX_REPEATED for value in values):
        return body(*values)
    name = f"v{zlib.crc32(''.join(values).encode()):08x}"  # as the values differ, so does the name
    fields = ", ".join(f"'f{place}': {value}" for place, value in enumerate(values))
    inside = body(*(f"{name}.f{place}" for place in range(len(values))))
    return f"list_transform([{{{fields}}}], lambda {name}: {inside})[1]"
