"""Keys that SQLite keeps as texts, such as times, are equal only where they are spelt alike.

Rows are written in one spelling. A table that another tool filled may have '2026-07-31 12:00:00' for
'2026-07-31 12:00:00.000000': a row would not find it, and would be inserted beside it.
"""

from __future__ import annotations

from collections.abc import Sequence

from program_lib.databases.sqlite.link import Link, quoted
from program_lib.databases.sqlite.tables import Table, TableColumn
from program_lib.databases.sqlite.types import type_of
from program_lib.errors import ProgramError
from program_lib.types import Kind

# how rows are written, and the SQL that is true of such a text in the column {0}
_OURS = {
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
    if of is None or of.kind not in _OURS:
        return
    ours, is_ours = _OURS[of.kind]
    name = quoted(column.name)
    other = link.execute(
        f"SELECT {name} FROM {table.sql} WHERE NOT ({is_ours.format(name)}) LIMIT 1"  # noqa: S608 (quoted)
    ).fetchone()
    if other is not None:
        raise ProgramError(
            f"the key {column.name} of {table.name} holds {other[0]!r}, which SQLite compares as a text, and"
            f" rows are written as {ours!r}: they would not find it; spell those of the table so first"
        )
