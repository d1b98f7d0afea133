"""What is written into SQLite and read again is the same, whatever the values are; or it is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from program_lib.databases.sqlite.types import declared_for, type_by_classes, type_of
from program_lib.databases.sqlite.values import Gathering, storing
from program_lib.errors import ProgramError, RowRefused
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Type,
    decimal,
)


def there_and_back(of: Type, values: list[Any], declared: str | None = None) -> list[Any]:
    """The values that come back from a column of a new table, or of one that declares another type.

    In memory, since a file would take a hundred times as long; test_sqlite_writer.py has files.
    """
    column = Column("v", of)
    stored = storing(column, declared, "v")(pa.array(values, of.arrow()))
    with closing(sqlite3.connect(":memory:")) as database:
        declares = declared_for(of) if declared is None else declared
        database.execute(f"CREATE TABLE t (v {declares})")
        listed = stored if isinstance(stored, list) else stored.to_pylist()
        database.executemany("INSERT INTO t VALUES (?)", zip(listed, strict=True))
        found = database.execute("SELECT v, typeof(v) FROM t").fetchall()
    back = type_of(declares) or type_by_classes(frozenset(of for _, of in found))
    assert back is not None
    if declared is None:
        assert back == of
    gathering = Gathering(Column("v", back))
    for start in range(0, len(found), 7):
        gathering.add([value for value, _ in found[start : start + 7]])
    rows: list[Any] = gathering.finish().to_pylist()
    return rows


def decimals(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    most = 10**precision - 1
    return st.integers(-most, most).map(lambda units: Decimal(f"{units}e-{scale}"))


VALUES: dict[str, tuple[Type, st.SearchStrategy[Any]]] = {
    "boolean": (BOOLEAN, st.booleans()),
    "integer": (INTEGER, st.integers(-(2**63), 2**63 - 1)),
    "double": (DOUBLE, st.floats(allow_nan=False)),
    "decimal(15,2)": (decimal(15, 2), decimals(15, 2)),
    "decimal(15,15)": (decimal(15, 15), decimals(15, 15)),
    "decimal(18,0)": (decimal(18, 0), decimals(18, 0)),
    "decimal(16,1)": (decimal(16, 1), decimals(16, 1)),
    "decimal(38,18)": (decimal(38, 18), decimals(38, 18)),
    "text": (TEXT, st.text(st.characters(exclude_categories=["Cs"]))),
    "bytes": (BYTES, st.binary()),
    "date": (DATE, st.dates()),
    "time": (TIME, st.times()),
    "timestamp": (TIMESTAMP, st.datetimes()),
    "timestamptz": (TIMESTAMPTZ, st.datetimes(timezones=st.just(UTC))),
    "uuid": (UUID, st.uuids().map(str)),
    "json": (
        JSON,
        st.sampled_from(['{"a": null}', "1", "1.0", '"1"', "12345678901234567890.5", "null"]),
    ),
    "interval": (
        INTERVAL,
        st.sampled_from(["1 mon", "-3 days", "00:00:01", "1 year 2 mons 03:04:05.6"]),
    ),
}


@pytest.mark.parametrize("kind", VALUES)
def test_what_is_written_comes_back(kind: str) -> None:
    of, values = VALUES[kind]

    @settings(max_examples=40)
    @given(st.lists(st.none() | values, min_size=1, max_size=40))
    def check(rows: list[Any]) -> None:
        assert there_and_back(of, rows) == rows

    check()


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", ["first", "last", "only"])
def test_null_stays_null_wherever_it_stands(kind: str, place: str) -> None:
    of, values = VALUES[kind]

    @settings(max_examples=3)
    @given(values)
    def check(value: Any) -> None:
        many = [value] * 2_000
        rows = {"first": [None, *many], "last": [*many, None], "only": [None] * 3}[place]
        assert there_and_back(of, rows) == rows

    check()


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?", fullmatch=True).filter(
    lambda text: not text.startswith("-0") or text.strip("-0.") != ""
)


@settings(max_examples=60)
@given(NUMBERS)
@example("9007199254740993")
@example("123456789012345.6")
@example("0.1234567890123456")
@example("99999999999999999999")
@example("-9223372036854775808")
@example("9223372036854775807.5")
def test_a_numeric_comes_back_as_the_same_number_or_is_refused(text: str) -> None:
    try:
        [back] = there_and_back(NUMERIC, [text])
    except RowRefused:
        digits = text.strip("-").replace(".", "").strip("0")
        assert len(digits) > 15, "what has 15 digits is held exactly"
        return
    assert Decimal(back) == Decimal(text)


DECLARED = [
    "INTEGER",
    "NUMERIC",
    "DECIMAL(10,2)",
    "DECIMAL(20,4)",
    "DOUBLE",
    "TEXT",
    "NUMERIC_TEXT",
    "STRING",
    "",
    "BLOB",
    "REAL",
    "POINT",
]


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize(
    ("of", "values"),
    [
        (INTEGER, st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9)),
        (DOUBLE, st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.1, 5.0])),
        (NUMERIC, NUMBERS),
        (decimal(20, 4), decimals(20, 4)),
        (
            TEXT,
            NUMBERS | st.sampled_from(["007", "1e3", " 5", "0x10", "", "n/a", "+1", "1_0", ".5"]),
        ),
    ],
)
def test_whatever_a_column_declares_it_gives_back_the_same_or_refuses(
    declared: str, of: Type, values: st.SearchStrategy[Any]
) -> None:
    """Of a text that goes into numbers: the same number, but never fewer leading zeros."""

    @settings(max_examples=30)
    @given(values)
    def check(value: Any) -> None:
        try:
            [back] = there_and_back(of, [value], declared)
        except (RowRefused, ProgramError):
            return
        assert is_same(value, back, declared)

    check()


def is_same(value: Any, back: Any, declared: str) -> bool:
    if isinstance(value, str) and isinstance(back, float):
        return float(value) == back  # a text takes the nearest double, as it says itself
    if isinstance(value, float) and isinstance(back, int):
        return value == float(back)  # a large one has more digits than its text
    if isinstance(value, str) and isinstance(back, str) and "NUMERIC" not in declared:
        return value == back
    return exactly(value) == exactly(back)


def exactly(value: Any) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


@given(
    st.sampled_from(
        [
            BOOLEAN,
            INTEGER,
            DOUBLE,
            TEXT,
            BYTES,
            DATE,
            TIME,
            TIMESTAMP,
            TIMESTAMPTZ,
            UUID,
            JSON,
            INTERVAL,
            NUMERIC,
        ]
    )
    | st.integers(1, 38).flatmap(lambda p: st.integers(0, p).map(lambda s: decimal(p, s)))
)
def test_a_new_tables_declarations_are_read_as_the_same_types(of: Type) -> None:
    assert type_of(declared_for(of)) == of
