"""Keys that SQLite keeps as texts, such as times, are equal only where they are spelt alike.

Rows are written in one spelling. A table that another tool filled may have '2026-07-31 12:00:00' for
'2026-07-31 12:00:00.000000': a row would not find it, and would be inserted beside it. Numbers that are kept as texts
with their own digits, and JSON, have no one spelling.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from program_lib.databases.sqlite.link import Link, quoted
from program_lib.databases.sqlite.tables import Table, TableColumn
from program_lib.databases.sqlite.types import affinity, type_of
from program_lib.databases.sqlite.values import Store, Stored
from program_lib.errors import ProgramError, RowRefused
from program_lib.types import Column, Kind, Type

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

_NUMERIC_TEXT = (
    "1.5",
    "{0} GLOB '[1-9]*' AND ltrim({0}, '0123456789') = ''"  # ids, of which there may be millions
    " OR {0} IN ('0', 'NaN', 'Infinity', '-Infinity') OR ltrim({0}, '-') NOT GLOB '*[^0-9.]*'"
    " AND (ltrim({0}, '-') GLOB '[1-9]*' OR {0} GLOB '0.*' OR {0} GLOB '-0.*')"
    " AND ({0} NOT GLOB '*.*' OR {0} GLOB '*.*[1-9]')",
)
_OF_ONE_SPELLING = (
    r"^(?:0|-?[1-9][0-9]*|-?(?:0|[1-9][0-9]*)\.[0-9]*[1-9]|NaN|-?Infinity)$"  # the same of rows
)

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
    if of.kind is Kind.JSON:
        raise ProgramError(
            f"the key {column.name} of {table.name} is {column.declared}, which SQLite compares as a text: equal values"
            ' would not find each other, as {"a":1} and {"a": 1}; choose another key, or declare it as TEXT'
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


def storing_one_spelling(store: Store, source: Column, to: str, declared: str) -> Store:
    """Into a column of the key. What comes back raises RowRefused for the first number that an equal one would not find."""
    if not _is_numeric_text(declared):
        return store

    def stored(values: pa.Array) -> Stored:
        texts = store(values)
        if source.type.kind is Kind.DECIMAL:  # its zeros are its type's, and not the number's
            texts = pc.replace_substring_regex(texts, r"\.0*$|(\.[0-9]*?)0+$", r"\1")
        is_odd = pc.invert(pc.match_substring_regex(texts, _OF_ONE_SPELLING))
        if pc.any(is_odd).as_py():
            index = pc.index(is_odd, True).as_py()
            raise RowRefused(index, _why_odd(texts[index].as_py(), to, declared), source.name)
        return texts

    return stored


def _why_odd(number: str, to: str, declared: str) -> str:
    return (
        f"{number} stands in the key {to}, which is {declared}: SQLite compares it as a text, and it would not find an equal"
        " number that is spelt otherwise, as 1.5 for 1.50; leave out zeros at its end, or declare the column DECIMAL_TEXT(p,s)"
    )


def _is_numeric_text(declared: str) -> bool:
    of = type_of(declared)
    return of is not None and of.kind is Kind.NUMERIC and affinity(declared) == "TEXT"


def _spelling(of: Type, declared: str) -> tuple[str, str] | None:
    """As _OURS has it; None where equal values are equal for SQLite, too."""
    if of.kind is Kind.DECIMAL and affinity(declared) == "TEXT":
        return _decimal_spelling(of.scale or 0)
    if _is_numeric_text(declared):
        return _NUMERIC_TEXT
    return _OURS.get(of.kind)


def _decimal_spelling(scale: int) -> tuple[str, str]:
    """Of a decimal that is kept as a text: all digits after the point, and no needless ones before it."""
    if not scale:
        return "15", "ltrim({0}, '-') GLOB '[1-9]*' AND {0} NOT GLOB '*.*' OR {0} = '0'"
    begins = "(ltrim({0}, '-') GLOB '[1-9]*' OR ltrim({0}, '-') GLOB '0.*')"
    return f"1.{'5'.ljust(scale, '0')}", f"{begins} AND {{0}} GLOB '*.{'[0-9]' * scale}'"
