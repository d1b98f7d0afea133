"""The types that rows have between two nodes, whatever their source and target are.

A `Schema` is known before the first row: a database declares it, a CSV Input names it, a step derives it.
docs/types.md has the table: what each database's types become here, and what these become there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the web server checks expressions by these types, and does without Arrow
    import pyarrow as pa

MAX_DIGITS = 38  # of a decimal that is computed with; more are carried, but not computed with


class Kind(StrEnum):
    """What a value is. Those of the second group travel as text, in the one form that docs/types.md gives."""

    BOOLEAN = "boolean"
    INTEGER = "integer"  # 64 bits with sign; `bits` says how wide the source declares it
    DECIMAL = "decimal"  # exact, with a fixed number of digits after the point
    DOUBLE = "double"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"  # without a zone
    TIMESTAMPTZ = "timestamptz"  # an instant, carried in UTC

    NUMERIC = "numeric"  # exact, each value with as many digits as it has
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    OTHER = "other"  # of one database alone: `native` names its type there


AS_TEXT = frozenset({Kind.NUMERIC, Kind.INTERVAL, Kind.UUID, Kind.JSON, Kind.OTHER})


@dataclass(frozen=True, slots=True)
class Type:
    """A kind of values, and what a new table needs to declare it as the source did."""

    kind: Kind
    bits: int = 64  # integers: 16, 32, 64; doubles: 32, 64
    precision: int | None = None  # decimals: digits in all, at most MAX_DIGITS
    scale: int | None = None  # decimals: digits after the point
    length: int | None = None  # texts: most characters; None: no bound is known
    is_padded: bool = False  # texts: CHAR(length), where spaces at the end do not count
    native: str | None = None  # as the source spells it, for example "postgresql:inet"

    def __post_init__(self) -> None:
        if self.kind is Kind.DECIMAL:
            assert self.precision is not None
            assert self.scale is not None
            assert 0 <= self.scale <= self.precision <= MAX_DIGITS

    def arrow(self) -> pa.DataType:
        """How a column of this type lies in a batch."""
        import pyarrow as pa

        if self.kind is Kind.DECIMAL:
            return pa.decimal128(self.precision, self.scale)
        return _arrow_types()[self.kind]

    def without_bounds(self) -> Type:
        """The same without what its source declares besides: its bits, its length, what it is called there.

        What only that name tells, as of an `inet`, stays.
        """
        if self.kind is Kind.OTHER:
            return self
        return Type(self.kind, precision=self.precision, scale=self.scale)

    def __str__(self) -> str:
        """As messages and the editor show it: decimal(10,2), text, numeric."""
        if self.kind is Kind.DECIMAL:
            return f"decimal({self.precision},{self.scale})"
        if self.kind is Kind.OTHER and self.native:
            return self.native.partition(":")[2]
        return str(self.kind)


@cache
def _arrow_types() -> dict[Kind, pa.DataType]:
    import pyarrow as pa

    return {
        Kind.BOOLEAN: pa.bool_(),
        Kind.INTEGER: pa.int64(),
        Kind.DOUBLE: pa.float64(),
        Kind.TEXT: pa.string(),
        Kind.BYTES: pa.binary(),
        Kind.DATE: pa.date32(),
        Kind.TIME: pa.time64("us"),
        Kind.TIMESTAMP: pa.timestamp("us"),
        Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
        **{kind: pa.string() for kind in AS_TEXT},
    }


BOOLEAN = Type(Kind.BOOLEAN)
INTEGER = Type(Kind.INTEGER)
NUMERIC = Type(Kind.NUMERIC)
DOUBLE = Type(Kind.DOUBLE)
TEXT = Type(Kind.TEXT)
BYTES = Type(Kind.BYTES)
DATE = Type(Kind.DATE)
TIME = Type(Kind.TIME)
TIMESTAMP = Type(Kind.TIMESTAMP)
TIMESTAMPTZ = Type(Kind.TIMESTAMPTZ)
INTERVAL = Type(Kind.INTERVAL)
UUID = Type(Kind.UUID)
JSON = Type(Kind.JSON)

# What a column of a file may be declared to hold, by the names that graphs and programs use
COLUMN_TYPES = {
    str(of): of
    for of in (TEXT, INTEGER, NUMERIC, DOUBLE, BOOLEAN, DATE, TIME, TIMESTAMP, TIMESTAMPTZ)
}


def type_named(text: str) -> Type:
    """The type that `str` shows so; bits, lengths and what else a new table needs are not in it."""
    if found := _DECIMAL.fullmatch(text):
        return decimal(int(found[1]), int(found[2]))
    if text in _PLAIN_KINDS:
        return Type(_PLAIN_KINDS[text])
    return Type(Kind.OTHER, native=f":{text}")


@cache
def decimal(precision: int, scale: int) -> Type:
    """One of some 800: an expression asks for a few of them, thousands of times."""
    return Type(Kind.DECIMAL, precision=precision, scale=scale)


_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_PLAIN_KINDS = {str(kind): kind for kind in Kind if kind is not Kind.DECIMAL}


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Type
    is_nullable: bool = True  # False where the source declares NOT NULL


class Schema(tuple[Column, ...]):
    """The columns of a node's rows, in their order; no two have the same name."""

    _by_name: dict[str, Column]

    def __new__(cls, columns: Iterable[Column] = ()) -> Schema:
        """Raises ValueError when two columns have the same name."""
        schema = super().__new__(cls, columns)
        schema._by_name = {}
        for column in schema:
            if column.name in schema._by_name:
                raise ValueError(f"two columns are called {column.name!r}: rename one (AS in SQL)")
            schema._by_name[column.name] = column
        return schema

    @property
    def names(self) -> list[str]:
        return [column.name for column in self]

    def column(self, name: str) -> Column | None:
        return self._by_name.get(name)

    def arrow(self) -> pa.Schema:
        import pyarrow as pa

        return pa.schema([pa.field(column.name, column.type.arrow()) for column in self])

    def shown(self) -> Iterator[str]:
        """Each column as a message names it: price decimal(10,2)."""
        return (f"{column.name} {column.type}" for column in self)


def listed(names: Iterable[object], most: int = 30) -> str:
    """Names for a message, the first `most` of them; of a line break in one, as first lines of sheets have, its sign."""
    all_names = [text if (text := str(name)).isprintable() else repr(text) for name in names]
    return ", ".join(all_names[:most]) + (" …" if len(all_names) > most else "") or "none"


def are_alike(one: str, other: str) -> bool:
    """Whether two names differ in the case of their letters at most.

    Letter by letter: str.casefold() alone makes "masse" of "Maße", which is another word and another column.
    """
    return [*map(str.casefold, one)] == [*map(str.casefold, other)]
