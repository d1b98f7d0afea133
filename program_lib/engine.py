"""Evaluates checked expressions over a batch, with DuckDB: one SELECT a batch.

DuckDB gets nothing but SQL that program_lib.expressions made, and reaches no file and no network.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from program_lib.expressions import Compiled
from program_lib.types import MAX_DIGITS, Kind

MEMORY = "256MB"  # of DuckDB's own; a batch and what is computed of it are a small part
THREADS = 2  # a batch of 50,000 rows gives more of them nothing to do
BATCH = "batch"  # what a batch is called in SQL
_CONFIG = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": MEMORY,
    "threads": str(min(THREADS, os.cpu_count() or 1)),
}


def evaluate(expressions: Sequence[Compiled], table: pa.Table) -> list[pa.Array]:
    """The value of each expression for each row of the table, in the form of its type.

    Raises duckdb.Error where a row cannot be computed: overflow, division by zero, a text that is no number.
    """
    if not expressions:
        return []
    needed = dict.fromkeys(name for one in expressions for name in one.columns)
    inputs = {name: _computable(table[name], _is_numeric(name, expressions)) for name in needed}
    if not inputs:  # a table without columns has no rows
        inputs[_any_name(needed)] = pa.chunked_array([pa.nulls(len(table), pa.int8())])
    select = ", ".join(f"({_as_carried(one)}) AS v{place}" for place, one in enumerate(expressions))
    connection = _connection()
    connection.register(BATCH, pa.table(inputs))
    try:
        found = connection.sql(f"SELECT {select} FROM {BATCH}").to_arrow_table()
    finally:
        connection.unregister(BATCH)
    return [_carried(column, one) for column, one in zip(found.columns, expressions, strict=True)]


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config=_CONFIG)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET lock_configuration = true")
    return connection


def _any_name(taken: dict[str, None]) -> str:
    return "row" if "row" not in taken else "_row"


def _is_numeric(name: str, expressions: Sequence[Compiled]) -> bool:
    return any(name in one.numeric_columns for one in expressions)


def _computable(column: pa.ChunkedArray, is_numeric: bool) -> pa.ChunkedArray:
    """The column as DuckDB gets it: NUMERIC values as decimals with as many places as this batch needs."""
    if not is_numeric:
        return column
    scale = max(_places(column), 0)
    return pc.cast(column, pa.decimal128(MAX_DIGITS, scale))


def _places(column: pa.ChunkedArray) -> int:
    """The most digits after the point of any value, which are plain decimals as texts."""
    point = pc.find_substring(column, ".")
    places = pc.subtract(pc.binary_length(column), pc.add(point, 1))
    most = pc.max(pc.if_else(pc.less(point, 0), 0, places)).as_py()
    return int(most or 0)


def _as_carried(one: Compiled) -> str:
    """NUMERIC leaves as text without needless zeros: 11.8881, 1190."""
    if one.type.kind is not Kind.NUMERIC:
        return one.sql
    text = f"CAST(({one.sql}) AS VARCHAR)"
    return rf"regexp_replace(regexp_replace({text}, '(\.\d*?)0+$', '\1'), '\.$', '')"


def _carried(column: pa.ChunkedArray, one: Compiled) -> pa.Array:
    wanted = one.type.arrow()
    cast = column if column.type == wanted else column.cast(wanted)
    return cast.combine_chunks() if cast.num_chunks != 1 else cast.chunk(0)
