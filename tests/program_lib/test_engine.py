"""DuckDB as programs use it: what it reaches, and that it computes an expression as it is written."""

from __future__ import annotations

import pyarrow as pa
import pytest

from program_lib.engine import _connection, evaluate
from program_lib.expressions import compile_expression, parse
from program_lib.types import DOUBLE, INTEGER, NUMERIC, Column, Schema

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


def test_each_batch_is_computed_from_its_own_rows_also_after_one_that_failed() -> None:
    compiled = [compile_expression(parse("a * 3"), ROWS)]

    def values(*numbers: int | None) -> list[object]:
        table = pa.table([numbers, ["1"] * len(numbers)], schema=ROWS.arrow())
        given: list[object] = evaluate(compiled, table)[0].to_pylist()
        return given

    assert values(1, 2) == [3, 6]
    with pytest.raises(Exception, match="Overflow"):
        values(2**62)
    assert values(None, 5, -7) == [None, 15, -21]


def test_one_select_of_columns_of_other_types_is_another() -> None:
    for of, given in ((INTEGER, 3), (DOUBLE, 3.5), (INTEGER, 3)):
        schema = Schema([Column("a", of)])
        table = pa.table([[given]], schema=schema.arrow())
        [values] = evaluate([compile_expression(parse("a"), schema)], table)
        assert values.to_pylist() == [given]
        assert values.type == of.arrow()


def test_rows_of_a_batch_are_let_go_once_they_are_computed() -> None:
    before = pa.total_allocated_bytes()
    table = pa.table([range(100_000), ["1"] * 100_000], schema=ROWS.arrow())
    [values] = evaluate([compile_expression(parse("a + 1"), ROWS)], table)
    assert values[99_999].as_py() == 100_000
    del table, values
    assert pa.total_allocated_bytes() <= before + 100_000  # bytes; the rows had 1,700,000


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
