"""The Python node: what its function gets, what it may give, and what is said where it fails."""

from __future__ import annotations

import datetime
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from program_lib.nodes import NodeFailed
from program_lib.process import stopping
from program_lib.python.node import Python, python
from program_lib.types import (
    DATE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.harness import eventually
from tests.program_lib.nodes.gathered import Handed, handed_on, table_of
from tests.programs import chain, node, run

SCHEMA = Schema([Column("n", INTEGER), Column("price", NUMERIC), Column("t", TEXT)])
ROWS = [(1, "1.50", "a"), (0, None, None), (3, "2", "c")]


def made(
    code: str,
    columns: dict[str, str],
    gets: str = "row",
    keep: str = "none",
    schema: Schema = SCHEMA,
    rows: Sequence[Sequence[Any]] = ROWS,
) -> Handed:
    node = Python(2, "Mine", lambda: python(code, columns=columns, gets=gets, keep=keep), feeds=[3])
    half = max(1, len(rows) // 2)
    tables = [table_of(schema, part) for part in (rows[:half], rows[half:])]
    return handed_on(node, schema, *tables)


def failure(code: str, of: str = "text", gets: str = "row") -> NodeFailed:
    with pytest.raises(NodeFailed) as caught:
        made(code, {"x": of}, gets)
    return caught.value


# ------------------------------------------------ what it gets and gives


def test_each_row_gives_one_several_or_none() -> None:
    code = """
calls = 0
def transform(row):
    global calls
    calls += 1
    if row["n"] == 0:
        return None
    if row["n"] == 1:
        return {**row, "twice": row["price"] * 2, "call": calls}
    return ({**row, "twice": None, "call": calls} for _ in range(2))
"""
    handed = made(code, {"twice": "numeric", "call": "integer"}, keep="all")
    assert [str(column.type) for column in handed.schema] == ["integer", "numeric", "text", "numeric", "integer"]  # fmt: skip
    assert handed.rows() == [
        (1, "1.50", "a", "3.00", 1),
        (3, "2", "c", None, 3),
        (3, "2", "c", None, 3),
    ]
    assert [batch.numbers.to_pylist() for batch in handed.batches] == [[1], [3, 3]]
    assert handed.said[-1].message == "3 rows made of 3"


def test_a_batch_may_come_as_dictionaries_or_as_arrow() -> None:
    listed = made(
        "def transform(rows):\n    return [{'x': sum(row['n'] for row in rows)}]",
        {"x": "integer"},
        "rows",
    )
    assert listed.rows() == [(1,), (3,)]  # of two batches
    arrow = made(
        "import pyarrow as pa, pyarrow.compute as pc\n"
        "def transform(batch):\n"
        "    return pa.table({'y': batch['t'].dictionary_encode(), 'x': pc.add(batch['n'], 1).cast('int32')})",
        {"x": "integer", "y": "text"},
        "arrow",
    )
    assert arrow.rows() == [(2, "a"), (1, None), (4, "c")]


def test_a_float_of_32_bits_is_the_number_that_people_see() -> None:
    """As one of a Parquet file, and of SQL, is: 0.1 was 0.10000000149011612."""
    numbers = "[0.1, 16777216.0, float('nan'), float('-inf'), -0.0, 1e-45, None]"
    code = (
        "import pyarrow as pa\n"
        f"def transform(batch): return pa.table({{'x': pa.array({numbers}, pa.float32())}})"
    )
    found = [
        row[0] for row in made(code, {"x": "double"}, "arrow").rows()[:7]
    ]  # of the first batch
    assert list(map(repr, found)) == ["0.1", "16777216.0", "nan", "-inf", "-0.0", "1e-45", "None"]


def test_a_nan_that_signals_is_nan() -> None:
    code = "from decimal import Decimal\ndef transform(row): return {'x': Decimal('sNaN')}"
    assert made(code, {"x": "numeric"}).rows()[0] == ("NaN",)


def test_what_the_source_of_a_column_declares_binds_no_code() -> None:
    declared = {
        "n": Type(Kind.INTEGER, bits=16, native="postgresql:smallint"),
        "t": Type(Kind.TEXT, length=3, is_padded=True, native="postgresql:character(3)"),
        "d": replace(decimal(5, 0), native="postgresql:numeric(3,-2)"),
        "at": Type(Kind.TIMESTAMP, native="postgresql:timestamp(0) without time zone"),
        "j": Type(Kind.JSON, native="postgresql:jsonb"),
        "o": Type(Kind.OTHER, native="postgresql:inet"),
    }
    schema = Schema(Column(name, of, is_nullable=False) for name, of in declared.items())
    code = "def transform(row): return {**row, 'n': 100_000, 't': 'longer', 'x': 1}"
    row = (1, "a", Decimal(100), datetime.datetime(2026, 1, 1), "{}", "::1")
    handed = made(code, {"x": "integer"}, keep="all", schema=schema, rows=[row])
    assert list(handed.schema) == [
        Column("n", INTEGER),
        Column("t", TEXT),
        Column("d", decimal(5, 0)),
        Column("at", TIMESTAMP),
        Column("j", JSON),  # code may put JSON there that `jsonb` would change
        Column("o", declared["o"]),
        Column("x", INTEGER),
    ]
    assert handed.rows() == [(100_000, "longer", *row[2:], 1)]


def test_a_zone_may_have_microseconds() -> None:
    code = (
        "import datetime as d\n"
        "ZONE = d.timezone(d.timedelta(hours=1, microseconds=7))\n"
        "def transform(row): return {'x': d.datetime(2026, 1, 1, 1, tzinfo=ZONE) if row['n'] == 3 else None}"
    )
    rows = made(code, {"x": "timestamptz"}).rows()
    assert [str(x) for (x,) in rows] == ["None", "None", "2025-12-31 23:59:59.999993+00:00"]


def test_an_instant_that_no_year_has_in_utc_is_refused() -> None:
    code = (
        "import datetime as d\n"
        "def transform(row): return {'x': d.datetime(1, 1, 1, tzinfo=d.timezone(d.timedelta(hours=5)))}"
    )
    assert "in UTC is outside of the years 1 to 9999" in failure(code, "timestamptz").reason


@pytest.mark.parametrize(
    ("values", "of", "why"),
    [
        ("pa.array([10**7], pa.int32()).cast(pa.date32())", "date", "outside of the years 1 to 9999"),
        ("pa.array([-5]).cast(pa.time64('us'))", "time", "-5 is not within"),
        ("pa.array([86400], pa.int32()).cast(pa.time32('s'))", "time", "86400 is not within"),
        ("pa.array([10**18]).cast(pa.timestamp('us'))", "timestamp", "outside of the years 1 to 9999"),
        ("pa.array([10**12]).cast(pa.timestamp('s'))", "timestamp", "outside of the years 1 to 9999"),
        ("pa.array([-10**18]).cast(pa.timestamp('us', 'UTC'))", "timestamptz", "outside of the years 1 to 9999"),
        ("pa.array([b'\\xff'], pa.large_binary()).view(pa.large_string())", "text", "UTF8"),
        ("pa.array(['1e5'])", "numeric", "'1e5' is not a number in plain digits"),
        ("pa.array([100], pa.decimal128(5, -2))", "numeric", "decimal128(5, -2) of Arrow"),
    ],
)  # fmt: skip
def test_what_arrow_has_beyond_the_type_of_its_column_is_refused(
    values: str, of: str, why: str
) -> None:
    code = f"import pyarrow as pa\ndef transform(batch): return pa.table({{'x': {values}}})"
    reason = failure(code, of, "arrow").reason
    assert f"the column x is no {of}: " in reason
    assert why in reason


def test_the_first_and_the_last_day_of_arrow_are_days() -> None:
    code = (
        "import datetime, pyarrow as pa\n"
        "def transform(batch):\n"
        "    days = [datetime.date.min, datetime.date.max]\n"
        "    at = [datetime.datetime.min, datetime.datetime.max]\n"
        "    return pa.table({'d': days, 'at': pa.array(at, pa.timestamp('us')), 't': [datetime.time.min, datetime.time.max]})"
    )
    columns = {"d": "date", "at": "timestamp", "t": "time"}
    rows = made(code, columns, "arrow").rows()
    assert rows[0] == (datetime.date.min, datetime.datetime.min, datetime.time.min)
    assert rows[1] == (datetime.date.max, datetime.datetime.max, datetime.time.max)


def test_a_column_that_may_not_be_null_where_it_comes_from_may_be_so_behind_the_code() -> None:
    schema = Schema([Column("n", INTEGER, is_nullable=False)])
    code = "def transform(row): return {'n': None}"
    handed = made(code, {}, keep="all", schema=schema, rows=[(1,)])
    assert handed.rows() == [(None,)]
    assert handed.schema == Schema([Column("n", INTEGER)])


def test_a_decimal_of_arrow_that_does_not_fit_is_refused() -> None:
    """11 has no place in decimal(38,38), where Arrow's own cast makes 0.79… of it."""
    code = (
        "import pyarrow as pa\nfrom decimal import Decimal\n"
        "def transform(batch): return pa.table({'p': pa.array([Decimal(11)] * len(batch), pa.decimal128(38, 0))})"
    )

    def given(of: Type) -> Handed:
        return made(code, {}, "arrow", "all", Schema([Column("p", of)]), [(Decimal("0.5"),)])

    with pytest.raises(NodeFailed, match=r"the column p is no decimal\(38,38\)"):
        given(decimal(38, 38))
    assert given(decimal(38, 36)).rows() == [(Decimal(11),)]


def test_values_come_as_python_has_them_and_go_back_unchanged() -> None:
    schema = Schema([Column("p", decimal(10, 2)), Column("at", TIMESTAMPTZ), Column("d", DATE), Column("i", INTERVAL), Column("q", NUMERIC), Column("Ä b", INTEGER)])  # fmt: skip
    at = datetime.datetime(2026, 3, 29, 1, 30, tzinfo=datetime.UTC)
    rows = [
        (Decimal("1.50"), at, datetime.date(1, 1, 1), "1 mon", "NaN", -(2**63)),
        (None,) * 6,
        (Decimal("-0.01"), at, datetime.date(9999, 12, 31), "00:00:01", "1" * 40 + ".10", 2**63 - 1),
    ]  # fmt: skip
    for code, gets in (("def transform(row): return row", "row"), ("def transform(rows): return rows", "rows"), ("def transform(batch): return batch", "arrow")):  # fmt: skip
        assert made(code, {}, gets, "all", schema, rows).rows() == rows
    told = made("def transform(row): return {'x': str([type(v).__name__ for v in row.values()])}", {"x": "text"}, schema=schema, rows=rows[:1])  # fmt: skip
    assert told.rows() == [("['Decimal', 'datetime', 'date', 'str', 'Decimal', 'int']",)]


def test_it_is_not_asked_of_no_rows_and_its_columns_are_there() -> None:
    handed = made("raise ValueError('asked')\ndef transform(row): pass", {"x": "date"}, rows=[])
    assert (handed.rows(), handed.schema.names) == ([], ["x"])


# ------------------------------------------------ exact, or refused with the row

UTC = "import datetime as d\n"


@pytest.mark.parametrize(
    ("of", "value", "told"),
    [
        ("integer", "2.0", "x is 2.0 (float), and must be an int"),
        ("integer", "True", "x is True (bool), and must be an int"),
        ("integer", "'2'", "x is '2' (str), and must be an int"),
        ("integer", "2**63", "does not fit into 64 bits"),
        ("numeric", "0.1", "x is 0.1 (float), and must be a Decimal or an int"),
        ("double", "2**53 + 1", "has more digits than a double holds"),
        ("double", "'1'", "must be a float"),
        ("boolean", "1", "must be True, False or None"),
        ("text", "b'a'", "must be a str"),
        ("text", "'\\ud800'", "holds half of a character"),
        ("date", "d.datetime(2026, 1, 1)", "must be a datetime.date"),
        ("timestamp", "d.datetime.now(d.UTC)", "must be a datetime.datetime without a zone"),
        ("timestamptz", "d.datetime(2026, 1, 1)", "must be a datetime.datetime with a zone"),
        ("time", "d.datetime(2026, 1, 1)", "must be a datetime.time"),
        ("bytes", "'a'", "must be bytes"),
    ],
)
def test_a_value_of_another_type_is_refused_with_its_row(of: str, value: str, told: str) -> None:
    code = f"{UTC}def transform(row): return {{'x': {value} if row['n'] == 0 else None}}"
    failed = failure(code, of)
    assert told in failed.reason
    assert "row 2 of the test" in failed.reason
    assert failed.row is not None
    assert failed.row.number == 2


@pytest.mark.parametrize(
    ("gets", "change"),
    [
        ("row", "{'u': row['u'].%s}"),
        ("rows", "[{'u': one['u'].%s} for one in row]"),
        ("arrow", "pa.table({'u': [one.as_py().%s for one in row['u']]})"),
    ],
)
def test_a_uuid_has_its_one_form_or_is_none(gets: str, change: str) -> None:
    """It was handed on as a uuid, whatever it was: in capitals it equalled none, and a file with others was not read again."""
    schema = Schema([Column("u", UUID)])
    rows = [("123e4567-e89b-12d3-a456-426614174000",)]
    code = f"import pyarrow as pa\ndef transform(row): return {change}"
    assert made(code % "upper()", {}, gets, "all", schema, rows).rows() == rows
    with pytest.raises(NodeFailed, match="'123e4567' is not a UUID such as"):
        made(code % "split('-')[0]", {}, gets, "all", schema, rows)


def test_decimals_are_not_rounded() -> None:
    schema = Schema([Column("p", decimal(4, 2))])
    for value in ("1.234", "100"):
        with pytest.raises(NodeFailed, match=r"which is no decimal\(4,2\)"):
            made(f"from decimal import *\ndef transform(row): return {{'p': Decimal('{value}')}}", {}, keep="all", schema=schema, rows=[(Decimal("1"),)])  # fmt: skip


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def transform(row): return {'x': str(1 // row['n'])}", "ZeroDivisionError: integer division or modulo by zero (line 1 of its code: def transform(row): return {'x': str(1 // row['n'])}) (row 2 of the test: n=0"),
        ("def transform(row): return {'x': '', 'y': 1} if row['n'] == 0 else {'x': ''}", "row 1 that transform gave has 'y' (str), and no column is declared so; there are x (row 2"),
        ("def transform(row): return [{'x': ''}, {}] if row['n'] == 0 else None", "row 2 that transform gave has no 'x' (row 2 of"),
        ("def transform(row): return 5", "transform gave 5 (int): a dictionary, several, or None are rows (row 1"),
        ("def transform(row):\n    import sys\n    sys.exit(0)", "SystemExit: 0 (line 3 of its code: sys.exit(0))"),
        ("import asyncio\ndef transform(row): raise asyncio.CancelledError('late')", "CancelledError: late (line 2 of its code"),
        ("def transform(row): yield {'x': 'a'}; raise KeyError('k')", "KeyError: 'k' (line 1 of its code"),
        ("1 / 0\ndef transform(row): pass", "ZeroDivisionError: division by zero (line 1 of its code: 1 / 0)"),
        ("transform = 5", "the code defines no function transform"),
        ("def transform(row): return transform(row)", "RecursionError: maximum recursion depth exceeded"),
        ("class E(Exception):\n    def __str__(self): raise self\ndef transform(row): raise E()", "E (line 3 of its code"),
    ],
)  # fmt: skip
def test_where_it_fails_the_line_and_the_row_are_named(code: str, told: str) -> None:
    failed = failure(code)
    assert told in failed.reason, failed.reason
    assert failed.field == "code"


def test_of_a_batch_that_fails_the_rows_are_named() -> None:
    failed = failure("def transform(rows): return [{'x': 5} for row in rows]", gets="rows")
    assert failed.reason == "in row 1 that transform gave x is 5 (int), and must be a str: str(…) makes one (in the 1 rows from row 1 of the test to row 1 of the test)"  # fmt: skip
    arrow = "import pyarrow as pa\ndef transform(batch): return pa.table({'x': [1.5] * len(batch)})"
    assert "the column x is double of Arrow, and integer is int64: cast it" in failure(arrow, "integer", "arrow").reason  # fmt: skip
    other = "import pyarrow as pa\ndef transform(batch): return pa.table({'y': [1]})"
    assert "gave the columns y, and those declared are x" in failure(other, gets="arrow").reason


# ------------------------------------------------ stops


def test_code_that_swallows_a_stop_is_stopped_before_the_next_row(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = tmp_path / "calls"
    came: list[int] = []
    monkeypatch.setattr(stopping, "_came", came)
    code = """
import time
def transform(row):
    open(CALLS, "a").write("called ")
    until = time.monotonic() + 30
    try:
        while time.monotonic() < until:
            pass
    except:
        pass
    return {'x': ''}
"""
    before = signal.signal(signal.SIGUSR1, lambda number, frame: stopping.stop(number))

    def stop_once_it_is_called() -> None:
        eventually(lambda: calls.exists() and calls.read_text(), what="the code is called")
        os.kill(os.getpid(), signal.SIGUSR1)

    stopper = threading.Thread(target=stop_once_it_is_called)
    stopper.start()
    try:
        with pytest.raises(SystemExit):
            made(code.replace("CALLS", repr(str(calls))), {"x": "text"}, rows=ROWS * 2)
    finally:
        stopper.join()
        signal.signal(signal.SIGUSR1, before)
    assert calls.read_text() == "called "


@pytest.mark.parametrize(
    ("given", "code", "status"), [("1", 0, "completed"), ("1 / 0", 1, "failed")]
)
def test_a_node_whose_code_closes_stderr_ends_as_another(
    tmp_path: Path, given: str, code: int, status: str
) -> None:
    """What its program logs had nowhere to go, and ended it: no node said why."""
    (tmp_path / "in.csv").write_text("a\n1\n")
    text = f"import sys\nsys.stderr.close()\ndef transform(row): return {{'r': {given}}}\n"
    columns = [{"column": "r", "type": "integer"}]
    ended = run(
        chain(
            node(1, "csv_input", path="in.csv"),
            node(2, "python", code=text, columns=columns, keep="none"),
            node(3, "csv_output", path="out.csv"),
        ),
        tmp_path,
    )
    assert (ended.code, ended.state(2)[0]) == (code, status)
    assert (tmp_path / "out.csv").exists() == (code == 0)
