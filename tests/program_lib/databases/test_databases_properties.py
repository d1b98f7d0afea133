"""Any rows come back as they were, and any bad row is found, whatever its neighbours are."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from program_lib.errors import RowRefused
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    Type,
    decimal,
)
from tests.program_lib.moving import read, rows_of, write, writing
from tests.servers.databases import Database

FEW = settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

odd_signs = some.sampled_from("\n\r\t\"',;\\ N.x0é😀")
texts = some.text(odd_signs, max_size=6) | some.text(
    some.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=6
)
moments = some.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31))
VALUES: dict[str, tuple[Type, some.SearchStrategy[Any]]] = {
    "flag": (BOOLEAN, some.booleans()),
    "whole": (INTEGER, some.integers(-(2**63), 2**63 - 1)),
    "price": (decimal(12, 3), some.decimals(-999_999_999, 999_999_999, places=3)),
    "ratio": (DOUBLE, some.floats(allow_nan=False, allow_infinity=False)),
    "name": (TEXT, texts),
    "raw": (BYTES, some.binary(max_size=6)),
    "day": (DATE, some.dates()),
    "clock": (TIME, some.times()),
    "at": (TIMESTAMP, moments),
}
POSTGRESQL = VALUES | {
    "instant": (TIMESTAMPTZ, moments.map(lambda at: at.replace(tzinfo=datetime.UTC)))
}
# without booleans, which are numbers there, and with instants between 1970 and 2038
MARIADB = {name: kind for name, kind in VALUES.items() if name != "flag"} | {
    "instant": (
        TIMESTAMPTZ,
        some.datetimes(datetime.datetime(1970, 1, 2), datetime.datetime(2038, 1, 1)).map(
            lambda at: at.replace(tzinfo=datetime.UTC)
        ),
    )
}


def some_rows(values: dict[str, tuple[Type, some.SearchStrategy[Any]]]) -> Any:
    return some.lists(
        some.tuples(*(some.none() | found for _, found in values.values())), max_size=6
    )


def comes_back(
    database: Database, values: dict[str, tuple[Type, some.SearchStrategy[Any]]], rows: list[Any]
) -> None:
    columns = {name: type_ for name, (type_, _) in values.items()}
    database.execute("DROP TABLE IF EXISTS t")
    write(database.url, "t", "create", columns, rows)
    wanted = rows_of(columns, rows)
    assert read(database.url, table="t").sort_by(ORDER).equals(wanted.sort_by(ORDER))
    write(database.url, "t", "append", columns, rows)
    assert len(read(database.url, table="t")) == 2 * len(rows)


ORDER = [(name, "ascending") for name in ("whole", "name", "at", "day", "price", "clock", "ratio")]


@FEW
@given(rows=some_rows(POSTGRESQL))
def test_any_rows_come_back_from_postgresql(postgresql: Database, rows: list[Any]) -> None:
    comes_back(postgresql, POSTGRESQL, rows)


@FEW
@given(rows=some_rows(MARIADB))
def test_any_rows_come_back_from_mariadb(mariadb: Database, rows: list[Any]) -> None:
    comes_back(mariadb, MARIADB, rows)


COLUMNS = {"k": INTEGER, "a": TEXT, "b": TEXT}


def is_found(
    database: Database, rows: list[tuple[str | None, str | None]], at: int, bad: str
) -> None:
    numbered: list[Any] = [(i, *row) for i, row in enumerate(rows)]
    numbered.insert(at, (None, bad, bad))
    with writing(database.url, "t", "append", **COLUMNS) as writer:
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(COLUMNS, numbered))
        assert refused.value.index == at


@FEW
@given(
    rows=some.lists(some.tuples(some.none() | texts, some.none() | texts), max_size=9),
    place=some.floats(0, 1),
    bad=some.sampled_from(["\n", "\r\n", "x", ""]),
)
def test_any_bad_row_is_found_among_any_others(
    postgresql: Database, rows: list[Any], place: float, bad: str
) -> None:
    postgresql.execute(
        "DROP TABLE IF EXISTS t", "CREATE TABLE t (k integer NOT NULL, a text, b text)"
    )
    is_found(postgresql, rows, int(place * len(rows)), bad)


exact: Callable[[str], Decimal] = Decimal


@FEW
@given(text=some.from_regex(r"-?[0-9]{1,20}(\.[0-9]{1,12})?", fullmatch=True))
def test_a_number_fits_as_postgresql_itself_says(postgresql: Database, text: str) -> None:
    """PostgreSQL rounds where we refuse: what fits comes back as the same number."""
    postgresql.execute("DROP TABLE IF EXISTS t", "CREATE TABLE t (v numeric(12,4))")
    is_code = text.lstrip("-").startswith("0") and text.lstrip("-")[1:2].isdigit()
    value = exact(text)
    fits = value == round(value, 4) and abs(value) < 10**8 and not is_code
    with writing(postgresql.url, "t", "append", v=TEXT) as writer:
        if fits:
            writer.write(rows_of({"v": TEXT}, [(text,)]))
            writer.finish()
            writer.commit()
            assert postgresql.value("SELECT v FROM t") == value
        else:
            with pytest.raises(RowRefused):
                writer.write(rows_of({"v": TEXT}, [(text,)]))
