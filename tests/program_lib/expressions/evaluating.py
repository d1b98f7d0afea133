"""Evaluates expressions for tests: with nothing but DuckDB, one SELECT over a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from program_lib.expressions import DISABLED_OPTIMIZERS, compile_expression, identifier, parse
from program_lib.types import Column, Schema, Type


class Failed(Exception):
    """DuckDB refused a row."""


_connection = duckdb.connect(":memory:", config={"threads": "1"})
_connection.execute("SET TimeZone = 'UTC'")
_connection.execute(f"SET disabled_optimizers = '{DISABLED_OPTIMIZERS}'")


class _Select:
    """What is computed of one table after the other, checked by DuckDB once, as program_lib/engine.py does."""

    def __init__(self, sql: str, schema: pa.Schema) -> None:
        self._table = schema.empty_table()
        self._relation = _connection.from_arrow(self).project(f"{sql} AS v")

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._table.__arrow_c_stream__(requested_schema)

    def values(self, table: pa.Table) -> pa.ChunkedArray:
        self._table = table
        return self._relation.to_arrow_table()["v"]


_select = lru_cache(maxsize=100)(_Select)


def evaluate(
    text: str,
    types: Mapping[str, Type],
    rows: Sequence[Sequence[Any]],
    scale: int | None = None,
) -> list[Any]:
    """The expression's value for each row; a row has a value for each of `types`.

    `scale` is the one of all NUMERIC columns, instead of what the values need.
    """
    schema = Schema(Column(name, of) for name, of in types.items())
    compiled = compile_expression(parse(text), schema)
    columns = {
        name: pa.array([row[place] for row in rows], of.arrow())
        for place, (name, of) in enumerate(types.items())
    }
    scales = {
        name: _scale(columns[name].to_pylist()) if scale is None else scale
        for name in compiled.numeric_columns
    }
    table = {identifier(name): column for name, column in columns.items()}
    table["nothing"] = pa.nulls(len(rows), pa.int8())  # for expressions that read no column
    batch = pa.table(table)
    try:
        column = _select(compiled.sql_for(scales), batch.schema).values(batch)
    except duckdb.Error as error:
        raise Failed(str(error)) from error
    assert column.type == compiled.type.arrow(), (text, column.type, str(compiled.type))
    return list(column.to_pylist())


def value(text: str, **given: tuple[Type, Any]) -> Any:
    """The expression's value for one row: value("a + 1", a=(INTEGER, 1))."""
    types = {name: of for name, (of, _) in given.items()}
    [found] = evaluate(text, types, [[one for _, one in given.values()]])
    return found


def type_of(text: str, **types: Type) -> str:
    schema = Schema(Column(name, of) for name, of in types.items())
    return str(compile_expression(parse(text), schema).type)


def _scale(values: Sequence[str | None]) -> int:
    """The most digits after the point."""
    return max((len(text.partition(".")[2]) for text in values if text), default=0)
