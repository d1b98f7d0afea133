"""The SQL node: what its query sees, what it gives, what is refused, and what is said meanwhile."""

from __future__ import annotations

import datetime
import math
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from program_lib.nodes import Node, NodeFailed, Output, Source
from program_lib.parameters import Parameter
from program_lib.parameters.taken import set_taken
from program_lib.sql.node import Sql, sql
from program_lib.types import (
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Schema,
    Type,
    decimal,
)
from progress_lib import Status
from tests.program_lib.in_memory import Kept, ran, rows_of
from tests.program_lib.nodes.gathered import Handed, handed_on, table_of
from tests.programs import chain, node, outcome, start

SALES = Schema([Column("city", TEXT), Column("amount", NUMERIC), Column("n", INTEGER)])
SOLD = [("Rom", "1.50", 1), ("Bonn", "2", 2), ("Rom", "3.125", 3), (None, None, 4)]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def no_parameters() -> Iterator[None]:
    yield
    set_taken({})


def asked(
    query: str, schema: Schema = SALES, rows: Sequence[Sequence[Any]] = SOLD, name: str = "input"
) -> Handed:
    """What a node with this query and one input gives."""
    node = Sql(2, "Node", lambda: sql(query, [name]), feeds=[3])
    return handed_on(node, schema, table_of(schema, rows))


def refused(query: str, schema: Schema = SALES, rows: Sequence[Sequence[Any]] = SOLD) -> str:
    with pytest.raises(NodeFailed) as caught:
        asked(query, schema, rows)
    return caught.value.reason


def types(handed: Handed) -> dict[str, str]:
    return {column.name: str(column.type) for column in handed.schema}


# ------------------------------------------------ several inputs


def test_each_input_is_a_table_of_its_name() -> None:
    orders = Schema([Column("id", INTEGER), Column("Customer", INTEGER)])
    people = Schema([Column("id", INTEGER), Column("full name", TEXT)])
    query = 'SELECT o.id, p."full name" FROM orders o LEFT JOIN "the ""people""" p ON p.id = o.customer ORDER BY o.id DESC'
    kept = Kept()
    nodes: list[Node] = [
        Source(1, "Orders", lambda: rows_of(orders, [(1, 7), (2, 8), (3, 9)], 2), feeds=[(3, "orders")]),
        Source(2, "People", lambda: rows_of(people, [(7, "Ann"), (8, "Bo")]), feeds=[(3, 'the "people"')]),
        Sql(3, "Both", lambda: sql(query, ["orders", 'the "people"']), feeds=[4]),
    ]  # fmt: skip
    code, said = ran(*nodes, Output(4, "Out", lambda: kept))
    assert code == 0
    assert kept.rows == [
        {"id": 3, "full name": None},
        {"id": 2, "full name": "Bo"},
        {"id": 1, "full name": "Ann"},
    ]
    messages = [one.message for one in said if one.node_id == 3]
    assert '5 rows gathered: 3 orders, 2 the "people"' in messages
    assert "5 rows gathered, the query is at work" in messages
    assert messages[-1] == "3 rows made of 5"


def test_no_rows_give_the_columns_all_the_same() -> None:
    handed = asked("SELECT city, sum(amount) AS total FROM input GROUP BY city", rows=[])
    assert types(handed) == {"city": "text", "total": "numeric"}
    assert handed.rows() == []


# ------------------------------------------------ types


def test_numeric_columns_are_exact_and_stay_numeric() -> None:
    handed = asked(
        "SELECT sum(amount) AS total, max(amount) AS most, sum(amount * amount) AS squares,"
        " CAST(sum(amount) AS DECIMAL(10, 3)) AS fixed, max(amount) > 2.9 AS is_large FROM input"
    )
    assert types(handed) == {
        "total": "numeric", "most": "numeric", "squares": "numeric", "fixed": "decimal(10,3)", "is_large": "boolean",
    }  # fmt: skip
    assert handed.rows() == [("6.625", "3.125", "16.015625", Decimal("6.625"), True)]


WHOLE = [
    ("Rom", "1", 1),
    ("Bonn", "2", 2),
    ("Ulm", None, 3),
]  # amounts without digits after the point


@pytest.mark.parametrize(
    ("sql_of", "wanted"),
    [
        ("coalesce(amount, 0.5)", ["1", "2", "0.5"]),
        ("CASE WHEN amount > 1 THEN amount ELSE 0.25 END", ["0.25", "2", "0.25"]),
        ("greatest(amount, 1.125)", ["1.125", "2", "1.125"]),
        ("amount % 0.75", ["0.25", "0.5", None]),
    ],
)
def test_a_number_beside_a_numeric_column_keeps_its_digits(
    sql_of: str, wanted: list[str | None]
) -> None:
    """Of two decimals that have none of 38 digits in common DuckDB rounds one."""
    handed = asked(f"SELECT {sql_of} AS x FROM input ORDER BY n", rows=WHOLE)
    assert types(handed) == {"x": "numeric"}
    assert [row[0] for row in handed.rows()] == wanted


@pytest.mark.parametrize(
    "query",
    [
        "SELECT coalesce(sum(amount), 0.5) AS x FROM input",
        "SELECT CASE WHEN true THEN sum(amount) ELSE 0.125 END AS x FROM input",
        "SELECT max(x) AS x FROM (SELECT sum(amount) AS x FROM input UNION ALL SELECT 0.123456 UNION ALL SELECT 0.5)",
    ],
)
def test_a_query_does_not_depend_on_the_digits_that_the_days_amounts_have(query: str) -> None:
    for rows, wanted in [(WHOLE, "3"), ([*WHOLE, ("Rom", "1.25", 4)], "4.25")]:
        handed = asked(query, rows=rows)
        assert types(handed) == {"x": "numeric"}
        assert handed.rows() == [(wanted,)]


def test_a_numeric_with_more_digits_than_a_number_beside_it_stays_numeric() -> None:
    handed = asked(
        "SELECT amount + 0.0000001 AS x, round(amount, 2) AS y, CAST(amount AS DECIMAL(9, 7)) AS z FROM input",
        rows=[("Rom", "0.123456789", 1)],
    )
    assert types(handed) == {"x": "numeric", "y": "decimal(38,2)", "z": "decimal(9,7)"}
    assert handed.rows() == [("0.123456889", Decimal("0.12"), Decimal("0.1234568"))]


def test_decimals_of_38_digits_keep_theirs_beside_each_other() -> None:
    schema = Schema([Column("total", decimal(38, 2)), Column("mean", decimal(38, 9))])
    rows = [(Decimal("1.50"), Decimal("2.002500001")), (Decimal("9" * 18), None)]
    handed = asked(
        "SELECT total AS x, coalesce(mean, total) AS y, greatest(total, 0.125) AS z FROM input ORDER BY n",
        Schema([*schema, Column("n", INTEGER)]),
        [(*row, n) for n, row in enumerate(rows)],
    )
    assert types(handed) == {"x": "decimal(38,2)", "y": "decimal(38,9)", "z": "decimal(38,3)"}
    assert handed.rows() == [
        (Decimal("1.50"), Decimal("2.002500001"), Decimal("1.500")),
        (Decimal("9" * 18), Decimal("9" * 18), Decimal("9" * 18)),
    ]
    united = asked(
        "SELECT total AS x FROM input UNION ALL SELECT mean FROM input", schema, rows[:1]
    )
    assert types(united) == {"x": "decimal(38,9)"}
    assert sorted(united.rows()) == [(Decimal("1.5"),), (Decimal("2.002500001"),)]


RATES = Schema([Column("a", decimal(10, 2)), Column("r", decimal(10, 4)), Column("n", INTEGER)])
RATED = [(Decimal("1.50"), Decimal("0.1234"), 1), (Decimal("2.25"), Decimal("0.5678"), 2)]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("SELECT coalesce(sum(a), 0.125) AS x FROM input", "line 1, column 25"),
        ("SELECT sum(a) AS x FROM input UNION ALL\nSELECT r FROM input", "line 2, column 8"),
        ("SELECT CASE WHEN n = 1 THEN r ELSE sum(a) OVER () END AS x FROM input", "line 1, column 29"),
        ("SELECT greatest(max(r), sum(a)) AS x FROM input", "line 1, column 17"),
        ("SELECT n FROM input WHERE r IN (SELECT sum(a) FROM input)", "line 1, column 27"),
        ("SELECT to_json(list_concat([sum(a)], [max(r)])) AS x FROM input", "line 1, column 38"),
        ("SELECT to_json(coalesce([{'k': sum(a)}], [{'k': max(r)}])) AS x FROM input", "line 1, column 42"),
        ("SELECT to_json(coalesce(MAP {'k': sum(a)}, CAST(MAP {'k': max(r)} AS MAP(VARCHAR, DECIMAL(10, 4))))) AS x FROM input",
         "line 1, column 44"),
        ("SELECT round(coalesce(sum(a), max(r)), 1) AS x FROM input", "line 1, column 31"),
        ("/* é */ SELECT coalesce(sum(a), max(CAST(r AS DECIMAL(10, 3)))) AS x FROM input", "line 1, column 33"),
        ("SELECT coalesce(sum(a), CAST(max(r) AS DECIMAL(10, 3))) AS x FROM input", "line 1, column 25"),
        ("SELECT coalesce(sum(a), CAST(max(r) AS DECIMAL(10, 4))) AS x FROM input", "line 1, column 25"),
        ("WITH RECURSIVE w AS (SELECT 1.5 AS v UNION ALL SELECT r FROM input, w WHERE v = 1.5) SELECT v FROM w",
         "line 1, column 55"),
    ],
)  # fmt: skip
def test_a_number_that_duckdb_would_round_without_a_word_is_refused(query: str, place: str) -> None:
    told = refused(query, RATES, RATED)
    assert told.endswith(f"({place})")
    assert "would be rounded to a DECIMAL(" in told
    assert refused(query, RATES, []) == told


@pytest.mark.parametrize(
    ("sql_of", "wanted"),
    [
        ("CAST(sum(r) AS DECIMAL(38, 2))", "0.69"),
        ("coalesce(sum(a), CAST(max(r) AS DECIMAL(10, 2)))", "3.75"),
        ("coalesce(CAST(sum(a) AS DECIMAL(18, 4)), max(r))", "3.7500"),
        ("coalesce(sum(a), 0.1000)", "3.75"),
        ("coalesce(sum(a), 12345678901234567890.0000)", "3.75"),
        ("coalesce(sum(a), NULL)", "3.75"),
        ("sum(a) - max(r)", "3.1822"),
        ("sum(a * r)", "1.462650"),
        ("list_concat([sum(a)], CAST([max(r)] AS DECIMAL(10, 2)[]))[2]", "0.57"),
        ("(CAST({'k': max(r)} AS STRUCT(k DECIMAL(10, 2)))).k", "0.57"),
        ("(CAST(MAP {'k': max(r)} AS MAP(VARCHAR, DECIMAL(10, 2))))['k']", "0.57"),
    ],
)
def test_what_is_rounded_on_purpose_and_what_is_not_passes(sql_of: str, wanted: str) -> None:
    assert asked(f"SELECT {sql_of} AS x FROM input", RATES, RATED).rows() == [(Decimal(wanted),)]


@pytest.mark.parametrize(
    ("query", "place"),
    [
        ("SELECT median(a) AS x FROM input", "column 8"),
        ("SELECT to_json(quantile_cont(a, [0.25, 0.75])) AS x FROM input", "column 16"),
        ("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a + 1) AS x FROM input", "column 8"),
        ("SELECT n, mad(a) OVER () AS x FROM input", "column 11"),
        ("SELECT List_Median(list(a)) AS x FROM input", "column 8"),
        ("SELECT list(a).list_mad() AS x FROM input", "column 16"),
        ("SELECT array_aggr(list(a), 'Quantile_cont', 0.25) AS x FROM input", "column 8"),
        ("SELECT aggregate(list(a), 'med' || 'ian') AS x FROM input", "column 8"),
    ],
)
@pytest.mark.parametrize("of", [decimal(10, 2), NUMERIC])
def test_what_lies_between_two_decimals_is_not_cut(query: str, place: str, of: Type) -> None:
    schema = Schema([Column("a", of), Column("n", INTEGER)])
    told = refused(query, schema, [])
    assert " of decimals may lie between two of them, and DuckDB cuts it to" in told
    assert told.endswith(f"(line 1, {place})")


@pytest.mark.parametrize(
    "sql_of",
    [
        "median(CAST(a AS DECIMAL(10, 2)))",
        "percentile_cont(0.5) WITHIN GROUP (ORDER BY a::DECIMAL(10, 2))",
    ],
)
def test_a_median_may_be_cut_to_the_digits_of_a_cast_that_changes_nothing(sql_of: str) -> None:
    assert asked(f"SELECT {sql_of} AS x FROM input", RATES, RATED).rows() == [(Decimal("1.87"),)]


def test_of_several_medians_none_is_said_to_be_the_one_that_is_cut() -> None:
    told = refused("SELECT median(n) AS x, median(a) AS y FROM input", RATES, [])
    assert "CAST them" in told
    assert "line 1" not in told


@pytest.mark.parametrize(
    "median",
    [
        "list_median(list(a) FILTER (WHERE CAST(n AS BIGINT) > 0))",
        "list_median(list(a ORDER BY CAST(n AS DOUBLE)))",
        "list_aggregate(list(a), CAST('median' AS VARCHAR))",
        "quantile_cont(a, CAST([0.5] AS DOUBLE[]))",
        "percentile_cont(CAST(0.5 AS DOUBLE)) WITHIN GROUP (ORDER BY a)",
        "median(a ORDER BY CAST(n AS DOUBLE))",
    ],
)
def test_a_cast_of_something_else_says_nothing_of_a_medians_digits(median: str) -> None:
    assert "CAST them" in refused(f"SELECT {median} AS x FROM input", RATES, [])


def test_a_median_has_the_digits_that_are_asked_for() -> None:
    query = """
        SELECT median(CAST(a AS DECIMAL(18, 3))) AS x, median(CAST(a AS DOUBLE)) AS y, median(n) AS z,
        quantile_disc(a, 0.5) AS w FROM input
    """
    assert asked(query, RATES, RATED).rows() == [(Decimal("1.875"), 1.875, 1.5, Decimal("1.50"))]
    query = """
        SELECT list_median(list(CAST(a AS DECIMAL(18, 3)))) AS x, list_median(list(n)) AS z,
        list_aggregate(CAST(list(a) AS DECIMAL(18, 3)[]), 'median') AS y, list_aggregate(list(a), 'max') AS w FROM input
    """
    expected = (Decimal("1.875"), 1.5, Decimal("1.875"), Decimal("2.25"))
    assert asked(query, RATES, RATED).rows() == [expected]


def test_a_window_may_be_no_aggregate() -> None:
    query = "SELECT lag(a) OVER (ORDER BY n) AS x, row_number() OVER (ORDER BY n) AS y FROM input"
    assert asked(query, RATES, RATED).rows() == [(None, 1), (Decimal("1.50"), 2)]


TEXTS = Schema(
    [
        Column("s", TEXT),
        Column("n", INTEGER),
        Column("a", decimal(10, 2)),
        Column("j", JSON),
        Column("d", DATE),
    ]
)
TOLD = [("1.5", 2, Decimal("1.26"), '{"a": "4.5"}', datetime.date(2026, 7, 31))]


@pytest.mark.parametrize(
    ("condition", "place"),
    [
        ("s = n", "column 32"),
        ("n IS DISTINCT FROM s", "column 51"),
        ("CAST(s AS VARCHAR) = n", "column 32"),
        ("json_extract_string(j, 'a') = 5", "column 32"),
        ("n = '1.5'", "column 36"),
        ("n IN ('1', '2e0')", "column 43"),
        ("a = '1.255'", "column 36"),
    ],
)
def test_a_text_that_duckdb_would_round_to_a_number_is_refused(condition: str, place: str) -> None:
    told = refused(f"SELECT n AS x FROM input WHERE {condition}", TEXTS, TOLD)
    assert told.endswith(f"(line 1, {place})")
    assert "a text would be rounded here, where it meets a number, as '1.5' to 2: CAST it" in told


@pytest.mark.parametrize(
    "text",
    ["2026-07-31T14:00:00+02:00", "2026-07-31 12:00-0130", "2026-07-31 12:00 Europe/Berlin", "2026-07-31 12:00:00.5 +02"],
)  # fmt: skip
def test_a_zone_that_duckdb_would_leave_out_is_refused(text: str) -> None:
    schema = Schema([Column("t", TIMESTAMP)])
    told = refused(f"SELECT t FROM input WHERE t >= '{text}'", schema, [])
    assert told.startswith("the zone of this text would be lost here")
    assert told.endswith("(line 1, column 32)")


@pytest.mark.parametrize(
    "text",
    ["2026-07-31 12:00", "2026-07-31T12:00:00Z", "2026-07-31 12:00:00.000+00:00", "2026-07-31 12:00:00 UTC"],
)  # fmt: skip
def test_a_text_in_utc_meets_a_timestamp(text: str) -> None:
    schema, row = Schema([Column("t", TIMESTAMP)]), (datetime.datetime(2026, 7, 31, 12),)
    assert asked(f"SELECT t FROM input WHERE t = '{text}'", schema, [row]).rows() == [row]


@pytest.mark.parametrize(
    "condition",
    ["CAST(s AS INTEGER) = 2", "s = CAST(n AS VARCHAR)", "n = ' +2'", "a = '1.260'", "a = '1.26'", "s = '1.5'", "d = '2026-07-31'"],
)  # fmt: skip
def test_texts_that_lose_nothing_meet_numbers(condition: str) -> None:
    query = f"SELECT count(*) AS x FROM input WHERE {condition} OR n = 2"
    assert asked(query, TEXTS, TOLD).rows() == [(1,)]


def test_numbers_that_have_no_room_beside_each_other_are_refused_once_they_are_there() -> None:
    query = "SELECT coalesce(CASE WHEN n = 2 THEN total END, rate) AS x FROM input"
    for total in (NUMERIC, decimal(38, 0)):
        for rate in (NUMERIC, decimal(38, 20)):
            schema = Schema([Column("total", total), Column("rate", rate), Column("n", INTEGER)])
            large, small = "1" * 25, "1.12345678901234567891"
            rows = [
                (
                    large if total is NUMERIC else Decimal(large),
                    small if rate is NUMERIC else Decimal(small),
                    1,
                )
            ]
            assert "a DECIMAL(38,20) would be rounded to a DECIMAL(38,12) here" in refused(
                query, schema, rows
            )
            less = [("2" if total is NUMERIC else Decimal(2), *rows[0][1:])]
            assert [Decimal(one) for [one] in asked(query, schema, less).rows()] == [Decimal(small)]


def test_a_decimal_of_38_digits_is_passed_on_whole() -> None:
    schema, value = Schema([Column("d", decimal(38, 2))]), Decimal("9" * 36 + ".99")
    handed = asked("SELECT d, -d AS e FROM input", schema, [(value,)])
    assert handed.rows() == [(value, value.copy_negate())]


@pytest.mark.parametrize("value", ["NaN", "1" * 37 + ".25", "0." + "1" * 40])
def test_a_numeric_value_that_no_decimal_holds_is_refused_with_its_row(value: str) -> None:
    rows = [*SOLD, ("Ulm", value, 5)]
    with pytest.raises(NodeFailed) as caught:
        asked("SELECT count(*) AS n FROM input", rows=rows)
    assert caught.value.row is not None
    assert caught.value.row.number == 5
    assert "the column amount" in caught.value.reason
    assert "row 5 of the test" in caught.value.reason


GIVEN: dict[str, tuple[str, str, Any]] = {
    "sum(n)": ("hugeint that fits", "integer", 10),
    "count(*)": ("bigint", "integer", 4),
    "CAST(1 AS UTINYINT)": ("small unsigned", "integer", 1),
    "CAST(18446744073709551615 AS UBIGINT)": ("unsigned", "decimal(20,0)", Decimal(2**64 - 1)),
    "avg(n)": ("double", "double", 2.5),
    "CAST(0.1 AS FLOAT)": ("float", "double", 0.1),
    "CAST('a' AS ENUM('a', 'b'))": ("enum", "text", "a"),
    "NULL": ("nothing", "text", None),
    "CAST('{\"a\": [1]}' AS JSON)": ("json", "json", '{"a": [1]}'),
    "to_json([1, 2])": ("list as json", "json", "[1,2]"),
    "CAST('10:30' AS TIME)": ("time", "time", datetime.time(10, 30)),
    "'\\x00ff'::BLOB": ("bytes", "bytes", b"\x00ff"),
    "TIMESTAMP_NS '2026-01-01 00:00:00.000001'": ("nanoseconds", "timestamp", datetime.datetime(2026, 1, 1, 0, 0, 0, 1)),
    "TIMESTAMP_S '2026-01-01 00:00:01'": ("seconds", "timestamp", datetime.datetime(2026, 1, 1, 0, 0, 1)),
    "CAST('123e4567-e89b-12d3-a456-426614174000' AS UUID)": ("uuid", "uuid", "123e4567-e89b-12d3-a456-426614174000"),
}  # fmt: skip


def test_what_duckdb_gives_has_a_type_of_ours_or_is_refused() -> None:
    selected = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(GIVEN))
    handed = asked(f"SELECT {selected} FROM input")
    assert list(types(handed).values()) == [of for _, of, _ in GIVEN.values()]
    assert handed.rows() == [tuple(value for _, _, value in GIVEN.values())]


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ("[n]", 'the column c is BIGINT[], which rows do not have here: write to_json("c") AS "c"'),
        ("{'a': n}", 'the column c is STRUCT(a BIGINT), which rows do not have here: write to_json("c") AS "c"'),
        ("INTERVAL 1 MONTH", 'the column c is INTERVAL, which rows do not have here: write CAST("c" AS VARCHAR) AS "c"'),
        ("CAST(n AS UHUGEINT)", 'the column c is UHUGEINT, which rows do not have here: write CAST("c" AS VARCHAR) AS "c"'),
        ("sum(n) OVER () * 5000000000000000000", 'the column c holds a number that does not fit into 64 bits: write CAST("c" AS DECIMAL(38, 0)) AS "c"'),
        ("DATE '2026-01-01' + 4000000", "the column c holds a date outside of the years 1 to 9999"),
        ("TIME '24:00:00'", "the column c holds 24:00, which is no time of a day"),
        ("DATE 'infinity'", "the column c holds a date outside of the years 1 to 9999"),
        ("TIMESTAMP_NS '2026-01-01 00:00:00.000000001'", "the column c holds nanoseconds, which do not fit into microseconds"),
        ("CAST(city AS INTEGER)", "Could not convert string"),
        ("to_json({'x': -CAST('Infinity' AS DOUBLE)})", "the column c: it has NaN or Infinity, which JSON does not"),
        ("CAST('[\"a\", NaN]' AS JSON)", "the column c: it has NaN or Infinity"),
        ("n AS c, 2", "two columns are called 'c': rename one (AS in SQL)"),
    ],
)  # fmt: skip
def test_what_would_lose_something_is_refused(written: str, told: str) -> None:
    assert told in refused(f"SELECT {written} AS c FROM input")


def test_a_query_may_have_numbers_that_json_has_not() -> None:
    query = """SELECT -CAST('NaN' AS DOUBLE) AS x, abs(CAST('-inf' AS DOUBLE)) AS y, '"value":NAN}' AS t"""
    [(x, y, text)] = asked(query, TEXTS, TOLD).rows()
    assert (math.isnan(x), y, text) == (True, math.inf, '"value":NAN}')
    query = """SELECT to_json({'a': ' NaN "\\', 'n': 1}) AS j"""
    assert asked(query, TEXTS, TOLD).rows() == [('{"a":" NaN \\"\\\\","n":1}',)]


def test_values_pass_unchanged() -> None:
    schema = Schema([Column("id", UUID), Column("about", JSON), Column("span", INTERVAL), Column("at", TIMESTAMPTZ), Column("x", DOUBLE), Column("price", decimal(10, 2)), Column("Big", INTEGER), Column("day", DATE)])  # fmt: skip
    rows = [
        ("123e4567-e89b-12d3-a456-426614174000", '{"b":  1.50, "a": 1}', "1 mon", datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC), float("inf"), Decimal("0.10"), 2**63 - 1, datetime.date(1, 1, 1)),
        (None,) * 8,
    ]  # fmt: skip
    handed = asked("SELECT * FROM input", schema, rows)
    changed = {"span": "text"}  # which SQL computes with after a cast alone
    assert types(handed) == {c.name: changed.get(c.name, str(c.type)) for c in schema}
    assert handed.rows() == rows
    again = asked("SELECT about ->> 'a' AS a, \"big\" AS b FROM input", schema, rows)
    assert again.rows() == [("1", 2**63 - 1), (None, None)]


def test_instants_are_seen_in_utc_wherever_the_runner_is(tmp_path: Path) -> None:
    """DuckDB begins each session in the zone of its machine."""
    query = (
        "SELECT CAST(moment AS DATE) AS d, CAST(moment AS VARCHAR) AS v, CAST(moment AS TIMESTAMP) AS t,"
        " CAST('2026-07-01 00:00:00' AS TIMESTAMPTZ) AS made FROM input"
    )
    (tmp_path / "in.csv").write_text("moment\n2026-06-30 23:30:00Z\n")
    types = [{"column": "moment", "type": "timestamptz"}]
    document = chain(
        node(1, "csv_input", path="in.csv", types=types),
        node(2, "sql", sql=query),
        node(3, "csv_output", path="out.csv"),
    )
    ended = outcome(start(document, tmp_path, TZ="Europe/Berlin"), tmp_path)
    assert ended.code == 0, ended.stderr
    assert (tmp_path / "out.csv").read_text() == (
        "d,v,t,made\n2026-06-30,2026-06-30 23:30:00+00,2026-06-30 23:30:00,2026-07-01 00:00:00+00\n"
    )


def test_columns_that_differ_by_case_alone_are_refused() -> None:
    schema = Schema([Column("id", INTEGER), Column("ID", INTEGER)])
    told = refused("SELECT * FROM input", schema, [(1, 2)])
    assert (
        told == "SQL takes the columns id and ID of input for one: rename one with a Select before"
    )


# ------------------------------------------------ what is wrong is said before the first row, with its place


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("SELECT city\nFORM input", 'syntax error at or near "input" (line 2, column 6)'),
        ("SELECT city,\n  nope\nFROM input", 'Referenced column "nope" not found in FROM clause! Candidate bindings: "n" (line 2, column 3)'),
        ("SELECT '€€', city FROM in_put", 'there is no table \'in_put\'; there are input (line 1, column 24)'),
        ("SELECT sum(city) FROM input", "No function matches the given name and argument types 'sum(VARCHAR)'"),
        ("-- nothing", "there is no statement, and a SELECT, or WITH … SELECT, over the node's inputs is needed"),
        ("SELECT 1; SELECT 2", "there are 2 statements, and a SELECT, or WITH … SELECT, over the node's inputs is needed"),
        ("SELECT $1 AS a", "Values were not provided for the following parameters: 1"),
    ],
)  # fmt: skip
def test_an_error_says_where_it_is(query: str, told: str) -> None:
    assert told in refused(query, rows=[])


def test_parameters_are_values_with_their_types() -> None:
    declared = {
        "least": Parameter("least", "number").value("2"),
        "part": Parameter("part", "number").value("-0.05"),
        "day": Parameter("day", "date").value("2026-11-27"),
        "end": Parameter("end", "text").value("'); DROP TABLE input; --"),
        "none": Parameter("none", "date").value(None),
    }
    set_taken(declared)
    handed = asked(
        "SELECT n, :part AS part, :day + 1 AS next, :end AS t, :none AS x, ':least' AS s -- :least\n"
        "FROM input WHERE n >= :least ORDER BY n LIMIT 1"
    )
    assert types(handed) == {"n": "integer", "part": "decimal(2,2)", "next": "date", "t": "text", "x": "date", "s": "text"}  # fmt: skip
    assert handed.rows() == [
        (2, Decimal("-0.05"), datetime.date(2026, 11, 28), "'); DROP TABLE input; --", None, ":least")
    ]  # fmt: skip
    assert "the SQL names :nope, and there is no such parameter" in refused("SELECT :nope AS a")
    struct = (
        "SELECT to_json({'n':n, 'least':least}) AS j FROM (SELECT n, 9 AS least FROM input) LIMIT 1"
    )
    assert asked(struct).rows() == [('{"n":1,"least":9}',)]
    assert "(line 1, column 22)" in refused("SELECT :least, :day, nope FROM input")


# ------------------------------------------------ many rows


def test_rows_beyond_memory_are_spilled_and_their_order_is_that_of_order_by(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("program_lib.gathering.spool.MOST_MEMORY", 88 * 2**20)
    schema = Schema([Column("n", INTEGER), Column("t", TEXT)])
    rows = [(n, f"{n * 7919 % 300_007:060d}" * 5) for n in range(300_000)]
    handed = asked("SELECT t, n FROM input ORDER BY t, n", schema, rows)
    assert handed.table["n"].to_pylist() == [n for _, n in sorted((t, n) for n, t in rows)]
    counts = [one.row_count for one in handed.said if one.status is Status.RUNNING]
    assert counts == sorted(counts)
    assert list(directory.iterdir()) == []


def test_a_stop_ends_a_query_that_would_take_for_ever() -> None:
    query = (
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) AS m FROM r"
    )

    class Stopped(BaseException):
        pass

    def stop(*about: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, stop)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with pytest.raises(Stopped):
            asked(query)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
