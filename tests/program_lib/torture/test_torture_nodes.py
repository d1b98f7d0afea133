"""Every node that hands rows on, every type, odd values of it: what comes out is what went in, whatever came first."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from program_lib.common_types import union
from program_lib.gathering import Gather
from program_lib.gathering.spool import Spool
from program_lib.join import Join, join
from program_lib.lookup import Lookup, lookup
from program_lib.nodes import Filter, Map, Node, Output, Source, Split, Step, Union
from program_lib.python.node import Python, python
from program_lib.reshape import Rows
from program_lib.sql.node import Sql, sql
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
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.in_memory import Kept, ran, rows_of

UTC = dt.UTC
INET = Type(Kind.OTHER, native="postgresql:inet")

# Smallest, largest, odd
VALUES: dict[Type, Sequence[Any]] = {
    BOOLEAN: (False, True),
    INTEGER: (-(2**63), 2**63 - 1, 0, 2**53 + 1),
    NUMERIC: ("1.50", "-0.000000000000000000001", "9" * 70 + ".1", "0", "10"),
    decimal(10, 2): (Decimal("-99999999.99"), Decimal("0.30"), Decimal("99999999.99")),
    decimal(38, 38): (Decimal("0." + "9" * 38), Decimal("-0." + "0" * 37 + "1")),
    decimal(38, 0): (Decimal("9" * 38), Decimal("-" + "9" * 38)),
    DOUBLE: (-0.0, 5e-324, 1.7976931348623157e308, 0.1, math.inf, -math.inf, math.nan),
    TEXT: ("", " a ", "ü\u0301", "🙂", "NULL", "a\nb\r\n", "'\"\\", "x" * 40_000, "\u202e"),
    BYTES: (b"", b"\x00\xff", bytes(range(256))),
    DATE: (dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(1900, 2, 28), dt.date(1969, 12, 31)),
    TIME: (dt.time(0, 0), dt.time(23, 59, 59, 999999)),
    TIMESTAMP: (dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31, 23, 59, 59, 999999), dt.datetime(1969, 12, 31, 23, 59, 59, 1)),
    TIMESTAMPTZ: (dt.datetime(1, 1, 1, tzinfo=UTC), dt.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC), dt.datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    INTERVAL: ("1 mon -3 days", "-00:00:00.000001"),
    UUID: ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    JSON: ('{"b":  1.50, "a": [null]}', "null", '"x"'),
    INET: ("::1", "10.0.0.0/8"),
}  # fmt: skip

ORDER = "n"  # the column by which rows keep their order where a node sorts


@pytest.fixture(scope="module", autouse=True)
def one_database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Opens the database of gathered rows for all tests: it closes with its last spool, and an opening takes 15 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("gathered")))
        spool = Spool("Kept open")
        yield
        spool.close()


def given(of: Type, values: Sequence[Any]) -> tuple[Schema, list[tuple[Any, ...]]]:
    """A column that numbers the rows, and one of the type."""
    schema = Schema([Column(ORDER, INTEGER), Column("v", of)])
    return schema, [(number, value) for number, value in enumerate(values, 1)]


def cases() -> list[Any]:
    made = []
    for of, values in VALUES.items():
        for name, column in {
            "NULL first": (None, *values, None),
            "NULL only": (None, None),
            "no rows": (),
        }.items():
            made.append(pytest.param(of, column, id=f"{of}, {name}"))
    return made


def step(kind: type[Step], work: Callable[..., Any]) -> Callable[[], Node]:
    return lambda: kind(2, "Node", work, feeds=[3])


def gather(work: Callable[[Rows], Any]) -> Callable[[], Node]:
    return lambda: Gather(2, "Node", work, feeds=[3])


AS_IT_IS = "def transform(row):\n    return row\n"
ALL_OF_THEM = "def transform(rows):\n    return rows\n"
NODES: dict[str, Callable[[], Node]] = {
    "filter": step(Filter, lambda batch: batch.where("n > 0")),
    "map": step(Map, lambda batch: batch.compute({"w": "v"}, keep="all").select({"n": "n", "v": "w"}, others="drop")),
    "select": step(Map, lambda batch: batch.select({"n": "n", "v": "v"}, others="drop")),
    "limit": step(Filter, lambda batch: batch.first(1_000)),
    "sort": gather(lambda rows: rows.sort((ORDER, "asc", "last"))),
    "distinct": gather(lambda rows: rows.distinct([ORDER], keep="first")),
    "sample": gather(lambda rows: rows.sample(1_000, seed=1)),
    "window": gather(lambda rows: rows.window({"again": ("lag", "n", 1)}, by=["n"])),
    "split": lambda: Split(2, "Node", lambda batch: batch.split({"some": "n > 0"}, otherwise="else"), feeds={"some": [3]}),
    "union": lambda: Union(2, "Node", lambda: union(missing="null"), feeds=[3]),
    "sql": lambda: Sql(2, "Node", lambda: sql("SELECT * FROM input ORDER BY n", ["input"]), feeds=[3]),
    "python, rows": lambda: Python(2, "Node", lambda: python(AS_IT_IS, columns={}, gets="row", keep="all"), feeds=[3]),
    "python, lists": lambda: Python(2, "Node", lambda: python(ALL_OF_THEM, columns={}, gets="rows", keep="all"), feeds=[3]),
    "python, arrow": lambda: Python(2, "Node", lambda: python(ALL_OF_THEM, columns={}, gets="arrow", keep="all"), feeds=[3]),
}  # fmt: skip

GIVES_TEXT = {"sql": {Kind.INTERVAL, Kind.OTHER}}  # SQL computes with them after a cast alone
SHORTENS = {"sql": {Kind.NUMERIC}}  # to the digits that are needed, as docs/sql.md says
TOO_WIDE = {"sql": {"9" * 70 + ".1"}}  # refused, as test_sql.py holds: its decimals have 38 digits


def came_out(node: Callable[[], Node], schema: Schema, rows: Sequence[Any], each: int) -> Kept:
    kept = Kept()
    code, said = ran(
        Source(1, "Source", lambda: rows_of(schema, rows, each), feeds=[2]),
        node(),
        Output(3, "Out", lambda: kept),
    )
    assert code == 0, [progress.message for progress in said]
    return kept


def same(one: Any, other: Any) -> bool:
    """NaN is itself, and -0.0 is not 0.0."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isnan(one) if math.isnan(other) else repr(one) == repr(other)
    return type(one) is type(other) and bool(one == other)


@pytest.mark.parametrize(("of", "values"), cases())
@pytest.mark.parametrize("name", NODES)
def test_a_value_passes_unchanged(name: str, of: Type, values: Sequence[Any]) -> None:
    values = [value for value in values if value not in TOO_WIDE.get(name, ())]
    schema, rows = given(of, values)
    kept = came_out(NODES[name], schema, rows, each=2)  # so that a batch may be of NULLs alone
    column = kept.schema.column("v")
    assert column is not None
    expected = TEXT if of.kind in GIVES_TEXT.get(name, ()) else of
    assert str(column.type) == str(expected)
    found = [row["v"] for row in kept.rows]  # type: ignore[index]
    if of.kind in SHORTENS.get(name, ()):
        found, values = as_numbers(found), as_numbers(values)
    assert len(found) == len(values)
    for one, other in zip(found, values, strict=True):
        assert same(one, other), (one, other)


def as_numbers(texts: Sequence[str | None]) -> list[Decimal | None]:
    return [None if text is None else Decimal(text) for text in texts]


SIDES: dict[str, tuple[Callable[..., Node], Callable[[], Any], tuple[str, str]]] = {
    "join, inner": (Join, lambda: join(how="inner", on=[(ORDER, ORDER)], suffix="_r", expect="any"), ("left", "right")),
    "join, full": (Join, lambda: join(how="full", on=[(ORDER, ORDER)], suffix="_r", expect="any"), ("left", "right")),
    "lookup": (Lookup, lambda: lookup(["w"], on=[(ORDER, ORDER)], missing="null"), ("rows", "table")),
}  # fmt: skip


@pytest.mark.parametrize(("of", "values"), cases())
@pytest.mark.parametrize("name", SIDES)
def test_a_value_passes_from_both_sides_unchanged(
    name: str, of: Type, values: Sequence[Any]
) -> None:
    kind, work, (left, right) = SIDES[name]
    schema, rows = given(of, values)
    other = Schema([schema[0], Column("w", of)])
    kept = Kept()
    code, said = ran(
        Source(1, "Left", lambda: rows_of(schema, rows, 2), feeds=[(3, left)]),
        Source(2, "Right", lambda: rows_of(other, rows, 2), feeds=[(3, right)]),
        kind(3, "Node", work, feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    assert code == 0, [progress.message for progress in said]
    for column in ("v", "w"):
        carried = kept.schema.column(column)
        assert carried is not None
        assert str(carried.type) == str(of)
        found = [row[column] for row in kept.rows]  # type: ignore[index]
        assert len(found) == len(values)
        for one, another in zip(found, values, strict=True):
            assert same(one, another), (one, another)
