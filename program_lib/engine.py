"""Evaluates checked expressions over a batch, with DuckDB: one SELECT a batch.

DuckDB gets nothing but SQL that program_lib.expressions made, and reaches no file and no network.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from functools import lru_cache

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from program_lib.expressions import DISABLED_OPTIMIZERS, Compiled, identifier
from program_lib.process.stopping import check
from program_lib.two_threads import on_other_thread

MEMORY = "256MB"  # of DuckDB's own; a batch and what is computed of it are a small part
# A batch is less than what DuckDB gives to two threads; with two, one waits, and the reader ahead has no core
THREADS = "1"
NO_THREADS = "0"  # for files, of which it reads none: eight others would wait for work
Config = dict[str, str | bool | int | float | list[str]]
_CLOSED: Config = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


def evaluate(expressions: Sequence[Compiled], table: pa.Table) -> list[pa.Array]:
    """The value of each expression for each row of the table, in the form of its type.

    Raises duckdb.Error where a row cannot be computed (overflow, division by zero, a text that is no number), and
    ExpressionError where the digits of NUMERIC values do not fit.
    """
    if not expressions:
        return []
    if not len(table):  # so that a node can tell its columns before the database is open
        return [pa.array([], one.type.arrow()) for one in expressions]
    select = ", ".join(
        f"({one.sql_for(_scales(one, table))}) AS v{place}" for place, one in enumerate(expressions)
    )
    inputs = _inputs(expressions, table)
    try:
        found = _select(select, inputs.schema).values(inputs)
    finally:
        check()
    return [_carried(column, one) for column, one in zip(found.columns, expressions, strict=True)]


class _Select:
    """What is computed of one batch after the other, checked by DuckDB once: that takes as long as 5,000 rows."""

    def __init__(self, select: str, schema: pa.Schema) -> None:
        self._rows = _Rows(schema.empty_table())
        self._relation = _connection().from_arrow(self._rows).project(select)

    def values(self, table: pa.Table) -> pa.Table:
        """A column for each expression."""
        self._rows.table = table
        try:
            return self._relation.to_arrow_table()
        finally:
            self._rows.table = None


class _Rows:
    """The rows of a batch while DuckDB reads them."""

    def __init__(self, table: pa.Table | None) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        assert self.table is not None
        return self.table.__arrow_c_stream__(requested_schema)


# A step has one; a NUMERIC column has another one for each number of places that its batches have at most
@lru_cache(maxsize=200)
def _select(select: str, schema: pa.Schema) -> _Select:
    return _Select(select, schema)


_opening: list[Future[duckdb.DuckDBPyConnection]] = []  # of the one database, once it is begun


def prepare() -> None:
    """Lets another thread open the database of expressions, which takes 25 ms, unless it is open."""
    if not _opening:
        _opening.append(on_other_thread(_open))


def open_here() -> None:
    """Opens it on this thread, and starts none: in an interpreter that waits for its program, and is not confined yet."""
    opened: Future[duckdb.DuckDBPyConnection] = Future()
    opened.set_result(_open())
    _opening.append(opened)


def _connection() -> duckdb.DuckDBPyConnection:
    prepare()
    return _opening[0].result()


def _open() -> duckdb.DuckDBPyConnection:
    config: Config = {"memory_limit": MEMORY, "threads": THREADS, "async_threads": NO_THREADS}
    return closed_database(config, disabled_optimizers=DISABLED_OPTIMIZERS)


def closed_database(
    config: Config, disabled_optimizers: str = "", tells_places: bool = False
) -> duckdb.DuckDBPyConnection:
    """A database in memory that reaches no file and no network, and whose settings stay as they are.

    What it may reach is the directory that it spills to, if it has one. `tells_places`: its errors are JSON, with the
    place in the SQL that they are about.
    """
    connection = duckdb.connect(":memory:", config=_CLOSED | config)
    connection.execute("SET GLOBAL TimeZone = 'UTC'")  # of its cursors, too
    if disabled_optimizers:
        connection.execute(f"SET disabled_optimizers = '{disabled_optimizers}'")
    if tells_places:
        connection.execute("SET errors_as_json = true")
    connection.execute("SET lock_configuration = true")
    return connection


def _inputs(expressions: Sequence[Compiled], table: pa.Table) -> pa.Table:
    """The columns that the expressions look up; a column of nothing, where they look up none, keeps the rows."""
    needed = dict.fromkeys(name for one in expressions for name in one.columns)
    columns = {identifier(name): table[name] for name in needed}
    return pa.table(columns or {"nothing": pa.nulls(len(table), pa.int8())})


def _scales(one: Compiled, table: pa.Table) -> dict[str, int]:
    return {name: _places(table[name]) for name in one.numeric_columns}


def _places(column: pa.ChunkedArray) -> int:
    """The most digits after the point of any value; the values are plain decimals as texts."""
    point = pc.find_substring(column, ".")
    places = pc.subtract(pc.binary_length(column), pc.add(point, 1))
    most = pc.max(pc.if_else(pc.less(point, 0), 0, places)).as_py()
    return int(most or 0)


def _carried(column: pa.ChunkedArray, one: Compiled) -> pa.Array:
    wanted = one.type.arrow()
    cast = column if column.type == wanted else column.cast(wanted)
    return cast.combine_chunks() if cast.num_chunks != 1 else cast.chunk(0)
