"""DuckDB as programs use it: what it reaches, and that it computes an expression as it is written."""

from __future__ import annotations

import pyarrow as pa
import pytest

from program_lib.engine import _connection, evaluate
from program_lib.expressions import compile_expression, parse
from program_lib.types import INTEGER, NUMERIC, Column, Schema

ROWS = Schema([Column("a", INTEGER), Column("n", NUMERIC)])


def value_of(text: str, a: int | None, n: str | None = None) -> object:
    table = pa.table([[a], [n]], schema=ROWS.arrow())
    [values] = evaluate([compile_expression(parse(text), ROWS)], table)
    return values[0].as_py()


def test_constants_are_not_put_together_before_the_rows_are_there() -> None:
    assert value_of("a * 3 * 9223372036854775807", 0) == 0


def test_an_overflow_is_not_optimised_away() -> None:
    with pytest.raises(Exception, match="Overflow"):
        value_of("a + 1 > 0", 2**63 - 1)


@pytest.mark.parametrize(("n", "given"), [("9.99", "11.8881"), ("100", "119"), (None, None)])
def test_numeric_values_keep_their_digits(n: str | None, given: str | None) -> None:
    assert value_of("n * 1.19", 1, n) == given


def test_an_expression_without_columns_has_a_value_for_each_row() -> None:
    assert value_of("1 + 1", None) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '9GB'",
    ],
)
def test_duckdb_reaches_nothing_and_stays_as_it_is_set(sql: str) -> None:
    with pytest.raises(
        Exception, match=r"(?i)disabled|locked|cannot|not allowed|permission|does not exist"
    ):
        _connection().execute(sql).fetchall()
