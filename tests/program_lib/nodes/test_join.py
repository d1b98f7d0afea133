"""Join and Lookup: the rows that SQL would give, in the order of the left, whatever the keys hold."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import program_lib.join
from program_lib.join import Join, join
from program_lib.lookup import Lookup, lookup
from program_lib.nodes import Output, Source, Split
from program_lib.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    Column,
    Schema,
    Type,
    decimal,
)
from progress_lib import Progress, Status
from tests.program_lib.in_memory import Kept, last, ran, rows_of
from tests.servers.databases import Running

Row = Sequence[Any]
Pair = tuple[str, str]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def joined(
    left: tuple[Schema, Sequence[Row]],
    right: tuple[Schema, Sequence[Row]],
    each: int = 50_000,
    **how: Any,
) -> tuple[Kept, list[Progress]]:
    """What a Join with these settings gives, and what was said; sources hand on `each` rows at once."""
    kept = Kept()
    _, said = ran(
        Source(1, "Left", lambda: rows_of(*left, each), feeds=[(3, "left")]),
        Source(2, "Right", lambda: rows_of(*right, each), feeds=[(3, "right")]),
        Join(3, "Both", lambda: join(**how), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    return kept, said


# ---------------------------------------------------------------- as PostgreSQL joins

SQL_TYPES = {
    INTEGER: "bigint",
    decimal(6, 2): "numeric(6,2)",
    decimal(2, 2): "numeric(2,2)",
    decimal(38, 38): "numeric(38,38)",
    NUMERIC: "numeric",
    DOUBLE: "double precision",
    TEXT: 'text COLLATE "C"',
    DATE: "date",
    BOOLEAN: "boolean",
}
VALUES: dict[Type, list[Any]] = {
    INTEGER: [None, 0, 1, -1, 2**53 + 1, 2**53],
    decimal(6, 2): [None, Decimal("0.00"), Decimal("1.00"), Decimal("-1.00"), Decimal("1.50")],
    decimal(2, 2): [None, Decimal("0.00"), Decimal("0.50"), Decimal("-0.25")],
    decimal(38, 38): [None, Decimal("0"), Decimal("0.5"), Decimal("-0.25")],
    NUMERIC: [None, "0", "0.00", "0.5", "-0.250", "1", "1.0", "-1", "1.5", "1.500", "10", "100.0", "12345678901234567890123.10"],
    DOUBLE: [None, 0.0, -0.0, 1.5, float("nan"), float("inf")],
    TEXT: [None, "", " ", "a", "A", "a ", "ä", "'\"; --"],
    DATE: [None, date(1, 1, 1), date(2026, 2, 28), date(9999, 12, 31)],
    BOOLEAN: [None, True, False],
}  # fmt: skip
TOGETHER = [
    (INTEGER, INTEGER),
    (INTEGER, decimal(6, 2)),
    (NUMERIC, decimal(6, 2)),
    (NUMERIC, decimal(2, 2)),  # which DuckDB writes without a 0 before the point
    (decimal(38, 38), NUMERIC),
    (INTEGER, decimal(38, 38)),  # both as NUMERIC
    (INTEGER, NUMERIC),
    (NUMERIC, NUMERIC),
    (DOUBLE, DOUBLE),
    (TEXT, TEXT),
    (DATE, DATE),
    (BOOLEAN, BOOLEAN),
]
SQL_JOINS = {"inner": "JOIN", "left": "LEFT JOIN", "right": "RIGHT JOIN", "full": "FULL JOIN"}


@pytest.fixture(scope="module")
def connection(postgresql_server: Running) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with postgresql_server.database() as database, contextlib.closing(database.connect()) as made:
        yield made


@st.composite
def sides(draw: st.DrawFn) -> tuple[list[tuple[Type, Type]], list[Row], list[Row]]:
    keys = draw(st.lists(st.sampled_from(TOGETHER), min_size=1, max_size=2))

    def rows(types: list[Type]) -> list[Row]:
        values = st.tuples(*(st.sampled_from(VALUES[of]) for of in types))
        return [(i, *row) for i, row in enumerate(draw(st.lists(values, max_size=8)), 1)]

    return keys, rows([one for one, _ in keys]), rows([other for _, other in keys])


def schema_of(names: str, types: Sequence[Type]) -> Schema:
    return Schema([Column("i", INTEGER), *map(Column, names, types)])


def in_sql(alias: str, names: str, types: Sequence[Type], rows: Sequence[Row]) -> str:
    """A table of these rows, as SQL."""
    of = ["bigint", *(SQL_TYPES[one] for one in types)]
    nothing = ", ".join(f"NULL::{one}" for one in of)
    lines = [
        ", ".join(f"{_sql_value(v)}::{one}" for v, one in zip(row, of, strict=True)) for row in rows
    ]
    unions = " UNION ALL ".join(f"SELECT {line}" for line in [nothing, *lines])
    return (
        f"(SELECT * FROM ({unions}) AS {alias}_all (i, {', '.join(names)}) WHERE i > 0) AS {alias}"
    )


def _sql_value(value: Any) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


@pytest.mark.parametrize("how", ["inner", "left", "right", "full", "semi", "anti"])
@given(drawn=sides(), each=st.sampled_from([2, 50_000]))
@settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_rows_are_those_that_postgresql_joins(
    how: str,
    drawn: tuple[list[tuple[Type, Type]], list[Row], list[Row]],
    each: int,
    connection: psycopg.Connection[tuple[Any, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    keys, left, right = drawn
    ours, theirs = [one for one, _ in keys], [other for _, other in keys]
    a, b = "ab"[: len(keys)], "xy"[: len(keys)]
    monkeypatch.setattr(program_lib.join, "ROWS_AT_ONCE", 3)  # so that several rounds are made
    kept, said = joined(
        (schema_of(a, ours), left),
        (schema_of(b, theirs), right),
        each,
        how=how,
        on=list(zip(a, b, strict=True)),
    )
    equal = " AND ".join(f"l.{one} = r.{other}" for one, other in zip(a, b, strict=True))
    tables = in_sql("l", a, ours, left), in_sql("r", b, theirs, right)
    if how in SQL_JOINS:
        sql = f"SELECT l.i, r.i FROM {tables[0]} {SQL_JOINS[how]} {tables[1]} ON {equal} ORDER BY l.i, r.i"
    else:
        is_there = "EXISTS" if how == "semi" else "NOT EXISTS"
        sql = f"SELECT l.i FROM {tables[0]} WHERE {is_there} (SELECT 1 FROM {tables[1]} WHERE {equal}) ORDER BY l.i"
    wanted = connection.execute(sql).fetchall()
    rows: list[Any] = kept.rows
    found = [(row["i"], row["i_right"]) if "i_right" in row else (row["i"],) for row in rows]
    assert found == wanted
    assert last(said, 3).row_count == len(wanted)
    if how in SQL_JOINS:
        matched = [pair[0] for pair in wanted if None not in pair]
        several = len({one for one in matched if matched.count(one) > 1})
        told = f"; {several:,} left rows matched more than one right row" if several else ""
        assert last(said, 3).message == f"{len(wanted):,} rows joined{told}"


@pytest.mark.parametrize("types", TOGETHER, ids=lambda pair: " and ".join(map(str, pair)))
def test_values_are_equal_where_postgresql_says_so(
    types: tuple[Type, Type], connection: psycopg.Connection[tuple[Any, ...]]
) -> None:
    """Every value of each type beside every other."""
    one, other = types
    left, right = (list(enumerate(VALUES[of], 1)) for of in types)
    kept, _ = joined(
        (schema_of("a", [one]), left), (schema_of("x", [other]), right), how="full", on=[("a", "x")]
    )
    tables = in_sql("l", "a", [one], left), in_sql("r", "x", [other], right)
    wanted = connection.execute(
        f"SELECT l.i, r.i FROM {tables[0]} FULL JOIN {tables[1]} ON l.a = r.x ORDER BY l.i, r.i"
    ).fetchall()
    rows: list[Any] = kept.rows
    assert [(row["i"], row["i_right"]) for row in rows] == wanted


# ---------------------------------------------------------------- columns

ORDERS = Schema([Column("id", INTEGER), Column("name", TEXT), Column("customer", decimal(4, 0))])
CUSTOMERS = Schema([Column("customer", INTEGER, is_nullable=False), Column("name", TEXT)])
ORDER_ROWS = [(1, "pen", Decimal(7)), (2, "ink", None), (3, "cap", Decimal(8))]
CUSTOMER_ROWS = [(7, "Ann"), (9, "Bob")]
ON = [("customer", "customer")]


@pytest.mark.parametrize(
    ("how", "rows"),
    [
        ("left", [(1, "pen", 7, "Ann"), (2, "ink", None, None), (3, "cap", 8, None)]),
        ("right", [(1, "pen", 7, "Ann"), (None, None, 9, "Bob")]),
        (
            "full",
            [
                (1, "pen", 7, "Ann"),
                (2, "ink", None, None),
                (3, "cap", 8, None),
                (None, None, 9, "Bob"),
            ],
        ),
    ],
)
def test_a_key_of_one_name_is_there_once_from_the_side_that_has_it(
    how: str, rows: list[Row]
) -> None:
    kept, _ = joined((ORDERS, ORDER_ROWS), (CUSTOMERS, CUSTOMER_ROWS), how=how, on=ON)
    assert kept.schema.names == ["id", "name", "customer", "name_right"]
    assert str(kept.schema.column("customer").type) == "decimal(19,0)"  # type: ignore[union-attr]
    assert [tuple(row.values()) for row in kept.rows] == rows  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["inner", "full"])
def test_a_key_of_decimals_below_one_keeps_its_zero_as_a_numeric(how: str) -> None:
    rates, limits = Schema([Column("rate", decimal(2, 2))]), Schema([Column("rate", NUMERIC)])
    kept, _ = joined(
        (rates, [(Decimal("0.50"),)]), (limits, [("0.5",)]), how=how, on=[("rate", "rate")]
    )
    assert kept.rows == [{"rate": "0.50"}]


def test_not_null_is_kept_where_each_row_has_the_column() -> None:
    right = Schema([Column("k", INTEGER, is_nullable=False)])
    left = Schema([Column("j", INTEGER, is_nullable=False)])
    for how, nullable in (
        ("inner", [False, False]),
        ("left", [False, True]),
        ("full", [True, True]),
    ):
        kept, _ = joined((left, [(1,)]), (right, [(1,)]), how=how, on=[("j", "k")])
        assert [column.is_nullable for column in kept.schema] == nullable


@pytest.mark.parametrize(
    ("left", "right", "how", "words"),
    [
        ([("a", TEXT)], [("b", INTEGER)], {}, "the key a is text on the left, and b is integer on the right"),
        ([("a", JSON)], [("b", JSON)], {}, "the key a is json, of which one value may have several texts"),
        ([("a", INTERVAL)], [("b", INTERVAL)], {}, "it cannot be a key"),
        ([("c", TEXT)], [("b", TEXT)], {}, "the left has no column 'a' for the key; it has c"),
        ([("a", TEXT)], [("A", TEXT)], {}, "the right has no column 'b' for the key; it has A"),
        (
            [("a", TEXT), ("x", TEXT), ("x_right", TEXT)],
            [("b", TEXT), ("x", TEXT)],
            {},
            "two columns would be called 'x_right': choose another suffix than '_right'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_joined_fails_before_the_first_row(
    left: list[tuple[str, Type]], right: list[tuple[str, Type]], how: dict[str, Any], words: str
) -> None:
    _, said = joined(
        (Schema(Column(*c) for c in left), [("1",) * len(left)]),
        (Schema(Column(*c) for c in right), []),
        on=[("a", "b")],
        **how,
    )
    assert last(said, 3).status is Status.FAILED
    assert words in last(said, 3).message
    assert last(said, 1).row_count == 0


ODD_NAMES = ['a"b', "a'b; DROP TABLE left_rows; --", "n", "N", "l.n", "\t", "\x01", "ß", "{{ x }}"]


def test_names_of_columns_are_no_sql() -> None:
    schema = Schema(Column(name, INTEGER) for name in ODD_NAMES)
    rows = [tuple(range(len(ODD_NAMES)))]
    on = [(name, name) for name in ODD_NAMES[:5]]
    kept, _ = joined((schema, rows), (schema, rows), on=on, suffix="\"'; --")
    assert kept.schema.names == [*ODD_NAMES, *(f"{name}\"'; --" for name in ODD_NAMES[5:])]
    assert [list(row.values()) for row in kept.rows] == [[*range(9), *range(5, 9)]]  # type: ignore[attr-defined]


# ---------------------------------------------------------------- matches that are expected


@pytest.mark.parametrize(
    ("expect", "customers", "words"),
    [
        ("at most one", [(7, "A"), (8, "B"), (8, "C")], "it matches more than one right row, and at most one is expected (line 4 of orders.csv: id=3, name='cap', customer=8)"),
        ("exactly one", [(8, "A"), (8, "B")], "it matches no right row, and exactly one is expected (line 2 of orders.csv: id=1, name='pen', customer=7)"),
        ("at most one", [(1, "A"), (1, "B"), (7, "C")], None),
        ("at most one", [(None, "A"), (None, "B"), (7, "C")], None),  # NULL matches nothing, however often it is there
    ],
)  # fmt: skip
def test_a_left_row_with_other_matches_than_expected_is_named(
    expect: str, customers: list[Row], words: str | None
) -> None:
    kept, said = joined((ORDERS, ORDER_ROWS), (CUSTOMERS, customers), on=ON, expect=expect)
    if words is None:
        assert len(kept.rows) == 1
    else:
        assert kept.rows == []
        assert last(said, 3).message == words
        assert last(said, 3).row is not None


def test_a_join_of_rows_with_themselves_and_of_two_appended_inputs() -> None:
    numbers = Schema([Column("n", INTEGER)])
    kept = Kept()
    code, said = ran(
        Source(1, "A", lambda: rows_of(numbers, [(1,), (2,)]), feeds=[(3, "left"), (3, "right")]),
        Source(2, "B", lambda: rows_of(numbers, [(2,), (3,)]), feeds=[(3, "right")]),
        Join(3, "Both", lambda: join(on=[("n", "n")]), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    assert code == 0
    assert kept.rows == [{"n": 1}, {"n": 2}, {"n": 2}]
    assert last(said, 3).message == "3 rows joined; 1 left rows matched more than one right row"
    gathered = [p.message for p in said if p.node_id == 3][1:4]
    assert gathered[-1] == "6 rows gathered: 2 left, 4 right"


def test_a_row_that_matches_more_rows_than_a_batch_has_counts_once() -> None:
    schema = Schema([Column("k", INTEGER)])
    kept, said = joined(
        (schema, [(1,), (1,), (2,)]), (schema, [(1,)] * 60_000 + [(2,)]), on=[("k", "k")]
    )
    assert len(kept.rows) == 120_001
    assert "; 2 left rows matched" in last(said, 3).message


# ---------------------------------------------------------------- lookup

COUNTRIES = Schema([Column("code", TEXT), Column("country", TEXT)])
TABLE = [("DE", "Germany"), ("FR", "France"), (None, "Nowhere"), (None, "Noplace")]
VISITS = Schema([Column("id", INTEGER), Column("code", TEXT)])


def looked_up(
    rows: Sequence[Row], table: Sequence[Row] = TABLE, **how: Any
) -> tuple[Kept, list[Progress]]:
    """What a Lookup gives for visits, whose source comes first; two rows in a batch."""
    kept = Kept()
    _, said = ran(
        Source(1, "Visits", lambda: rows_of(VISITS, rows, 2), feeds=[(3, "rows")]),
        Source(2, "Countries", lambda: rows_of(COUNTRIES, table, 2), feeds=[(3, "table")]),
        Lookup(3, "Country", lambda: lookup(["country"], on=[("code", "code")], **how), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )
    return kept, said


def test_a_lookup_reads_its_table_first_and_adds_columns_in_the_rows_order() -> None:
    kept, said = looked_up([(1, "FR"), (2, "XX"), (3, None), (4, "DE"), (5, "FR")])
    rows: list[Any] = kept.rows
    assert [(row["id"], row["country"]) for row in rows] == [
        (1, "France"), (2, None), (3, None), (4, "Germany"), (5, "France"),
    ]  # fmt: skip
    assert kept.schema.names == ["id", "code", "country"]
    assert last(said, 3).message == "5 rows looked up; 2 not found"
    order = [p.node_id for p in said if p.row_count and p.node_id in (1, 2)]
    assert order == sorted(order, reverse=True)


def test_a_missing_key_may_fail_and_names_the_row() -> None:
    _, said = looked_up([(1, "FR"), (2, "DE"), (3, "DE"), (4, "XX")], missing="fail")
    failed = last(said, 3)
    assert failed.status is Status.FAILED
    assert failed.message == (
        "the table has no row with the key code of this row (line 5 of orders.csv: id=4, code='XX')"
    )
    assert failed.row is not None
    assert failed.row.number == 4


def test_a_table_that_has_a_key_twice_is_refused_with_the_row() -> None:
    _, said = looked_up([(1, "FR")], [*TABLE, ("DE", "Deutschland")])
    assert last(said, 3).message == (
        "the table has the key code of this row twice"
        " (line 6 of orders.csv: code='DE', country='Deutschland')"
    )
    assert last(said, 1).row_count == 0


def test_a_table_beyond_its_bound_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("program_lib.lookup.MAX_ROWS", 3)
    _, said = looked_up([(1, "FR")])
    assert "the table has more than 3 rows or 64 MB" in last(said, 3).message


def test_no_rows_and_an_empty_table_are_no_trouble() -> None:
    kept, _ = looked_up([])
    assert kept.rows == []
    assert kept.schema.names == ["id", "code", "country"]
    kept, _ = looked_up([(1, "FR")], [])
    assert [row["country"] for row in kept.rows] == [None]  # type: ignore[index]


def test_rows_that_come_before_their_table_wait_and_are_named_by_their_place() -> None:
    """The table is made of the rows themselves, so that all come at the same time."""
    kept = Kept()
    code, _ = ran(
        Source(1, "Visits", lambda: rows_of(VISITS, [(1, "FR"), (2, "DE"), (3, "DE")], 2), feeds=[2, (3, "rows")]),
        Split(2, "First", lambda b: b.compute({"first": "id"}, keep=["code"]).split({"a": "first < 3"}), feeds={"a": [(3, "table")]}),
        Lookup(3, "First", lambda: lookup(["first"], on=[("code", "code")]), feeds=[4]),
        Output(4, "Out", lambda: kept),
    )  # fmt: skip
    assert code == 0
    assert [row["first"] for row in kept.rows] == [1, 2, 2]  # type: ignore[index]
