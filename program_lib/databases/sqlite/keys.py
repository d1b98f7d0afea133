"""Keys that SQLite keeps as texts, such as times, are equal only where they are spelt alike.

Rows are written in one spelling. A table that another tool filled may have '2026-07-31 12:00:00' for
'2026-07-31 12:00:00.000000': a row would not find it, and would be inserted beside it. Numbers that are kept as texts
with their own digits, and JSON, have no one spelling.
"""

from __future__ import annotations

from collections.abc import Sequence

from program_lib.databases.sqlite.link import Link, quoted
from program_lib.databases.sqlite.tables import Table, TableColumn
from program_lib.databases.sqlite.types import affinity, type_of
from program_lib.errors import ProgramError
from program_lib.types import Kind, Type

# how rows are written, and the SQL that is true of such a value in the column {0}
_OURS = {
    Kind.BOOLEAN: ("1", "{0} IN (0, 1)"),
    Kind.DATE: ("2026-07-31", "{0} GLOB '????-??-??'"),
    Kind.TIME: ("12:00:00.000000", "length({0}) = 15"),
    Kind.TIMESTAMP: (
        "2026-07-31 12:00:00.000000",
        "length({0}) = 26 AND substr({0}, 11, 1) = ' '",
    ),
    Kind.TIMESTAMPTZ: (
        "2026-07-31 12:00:00.000000+00:00",
        "length({0}) = 32 AND substr({0}, 11, 1) = ' ' AND substr({0}, 27) = '+00:00'",
    ),
    Kind.UUID: ("123e4567-e89b-12d3-a456-426614174000", "{0} = lower({0})"),
}

_CHECKED: set[tuple[str, str, str]] = (
    set()
)  # file, table, column: once a program, since all are read


def check_spelling(link: Link, table: Table, key: Sequence[str]) -> None:
    """Raises ProgramError where a column of the key holds a text that no row would find."""
    for column in table.columns:
        place = (link.place.path, table.sql, column.name)
        if column.name in key and place not in _CHECKED:
            _check(link, table, column)
            _CHECKED.add(place)


def _check(link: Link, table: Table, column: TableColumn) -> None:
    of = type_of(column.declared)
    if of is None:
        return
    if _has_many_spellings(of, column.declared):
        raise ProgramError(
            f"the key {column.name} of {table.name} is {column.declared}, which SQLite compares as a text: equal values"
            " would not find each other, as 1.5 and 1.50; choose another key, or declare it otherwise"
        )
    if (spelling := _spelling(of, column.declared)) is None:
        return
    ours, is_ours = spelling
    name = quoted(column.name)
    other = link.execute(
        f"SELECT {name} FROM {table.sql} WHERE NOT ({is_ours.format(name)}) LIMIT 1"  # noqa: S608 (quoted)
    ).fetchone()
    if other is not None:
        raise ProgramError(
            f"the key {column.name} of {table.name} holds {other[0]!r}, which SQLite compares as a text, and"
            f" rows are written as {ours!r}: they would not find it; spell those of the table so first"
        )


def _has_many_spellings(of: Type, declared: str) -> bool:
    return of.kind is Kind.JSON or (of.kind is Kind.NUMERIC and affinity(declared) == "TEXT")


def _spelling(of: Type, declared: str) -> tuple[str, str] | None:
    """As _OURS has it; None where equal values are equal for SQLite, too."""
    if of.kind is Kind.DECIMAL and affinity(declared) == "TEXT":
        return _decimal_spelling(of.scale or 0)
    return _OURS.get(of.kind)


def _decimal_spelling(scale: int) -> tuple[str, str]:
    """Of a decimal that is kept as a text: all digits after the point, and no needless ones before it."""
    if not scale:
        return "15", "ltrim({0}, '-') GLOB '[1-9]*' AND {0} NOT GLOB '*.*' OR {0} = '0'"
    begins = "(ltrim({0}, '-') GLOB '[1-9]*' OR ltrim({0}, '-') GLOB '0.*')"
    return f"1.{'5'.ljust(scale, '0')}", f"{begins} AND {{0}} GLOB '*.{'[0-9]' * scale}'"
