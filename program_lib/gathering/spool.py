"""Keeps the rows of nodes that need all of them before they hand on the first: in memory, and on disk beyond.

The tables of all spools lie in one DuckDB database, so that its bounds hold for the whole program. It writes what does
not fit into memory to files in TMPDIR, which in a run is the run's directory; a confined program may make no directory
there. The files go with the last spool; where the program was killed, its runner removes them.
"""

from __future__ import annotations

import errno
import os
import resource
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa

from program_lib.engine import Config, closed_database
from program_lib.errors import ProgramError
from program_lib.expressions.quoting import identifier, quoted_name, type_name
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.process import settings
from program_lib.two_threads import on_other_thread
from program_lib.types import Schema

R = TypeVar("R")

MB = 2**20
MOST_MEMORY = 1024 * MB  # bytes; beyond it a sort gains little, and other programs need theirs
LEAST_MEMORY = 88 * MB  # bytes; with less, 180,000 groups of three columns do not fit
# Bytes of a program's memory that all else takes: interpreter, Arrow, stacks of threads, what DuckDB does not count
BESIDE = 450 * MB
# Bytes of DuckDB's memory from which on two threads sort and group, since each needs a part of its own
ENOUGH_FOR_TWO = 256 * MB
FILES = "duckdb_temp_{pid}_*"  # as DuckDB names them; a runner removes what a killed program left
ROW = "n"  # the column that counts the rows of a table from 1, in the order in which they came
INTERRUPT_AGAIN = 0.1  # seconds: a query that had not begun has not heard of the first
_APPENDED = "appended"
_NO_MEMORY = "Out of Memory Error"


class Spool:
    """Tables of one node. One thread uses it: create and append, then select, one at a time, then close."""

    def __init__(self, name: str) -> None:
        """`name`: of the node, for messages."""
        self.name = name
        self._schemas: dict[str, Schema] = {}
        self._rows: dict[str, int] = {}  # by table
        self._bytes = 0  # of all rows, as Arrow has them
        self._connection: duckdb.DuckDBPyConnection | None = _database.cursor(self)

    def create(self, table: str, schema: Schema) -> None:
        """An empty table. SQL names its columns by `quoted_name`; `n` counts its rows from 1."""
        columns = [f"{ROW} BIGINT"]
        columns += [f"{quoted_name(column.name)} {type_name(column.type)}" for column in schema]
        with self._at_work() as connection:
            # a temporary table is seen by its own connection alone, so that two spools may use the same names
            sql = f"CREATE TEMP TABLE {table} ({', '.join(columns)})"
            interruptible(connection, lambda: connection.execute(sql))
        self._schemas[table] = schema
        self._rows[table] = 0

    def append(self, table: str, rows: pa.Table) -> None:
        """Adds rows whose columns are those of the table's schema, in their order.

        Each call commits: what an open transaction adds stays in memory, whatever the limit is.
        """
        first = self._rows[table] + 1
        numbers = pa.arange(first, first + len(rows))
        names = [ROW, *map(identifier, self._schemas[table].names)]
        appended = pa.table([numbers, *rows.columns], names=names)
        with self._at_work() as connection:
            interruptible(connection, lambda: _insert(connection, table, appended))
        self._rows[table] += len(rows)
        self._bytes += rows.nbytes

    def rows(self, table: str) -> int:
        """How many rows the table has."""
        return self._rows[table]

    def execute(self, sql: str) -> None:
        """Runs a statement that gives no rows, such as CREATE TEMP TABLE … AS."""
        with self._at_work() as connection:
            interruptible(connection, lambda: connection.execute(sql))

    def use(self, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        """Lets `work` do with the connection what a statement alone cannot, such as binding values."""
        with self._at_work() as connection:
            interruptible(connection, lambda: work(connection))

    def value(self, sql: str) -> object:
        """The one value that a query gives."""
        with self._at_work() as connection:
            [(value,)] = interruptible(connection, lambda: connection.execute(sql).fetchall())
        return value

    def select(self, sql: str, schema: Schema) -> Iterator[pa.Table]:
        """What a query gives, in batches, with the schema's names and types; its columns come in that order.

        Rows are made while they are taken: what the query does not need to keep is never in memory as a whole.
        """
        wanted = schema.arrow()
        for table in self.ask(sql):
            yield table.rename_columns(schema.names).cast(wanted)

    def ask(self, sql: str) -> Iterator[pa.Table]:
        """What a query gives, in batches, as `select` does, with DuckDB's own names and types."""
        with self._at_work() as connection:
            rows = self._batch_rows()
            reader = interruptible(connection, lambda: connection.sql(sql).to_arrow_reader(rows))
        while (batch := self._next(reader)) is not None:
            if len(batch):
                yield pa.Table.from_batches([batch])

    @contextmanager
    def beside(self, table: str, rows: pa.Table) -> Iterator[None]:
        """Lets SQL see rows that are not kept; their columns have the names that SQL gives them."""
        with self._at_work() as connection:
            connection.register(table, rows)
        try:
            yield
        finally:
            if self._connection is not None:
                self._connection.unregister(table)

    def close(self) -> None:
        """Forgets the rows. May be called again."""
        if self._connection is not None:
            _end(self._connection, on_other_thread(self._connection.close))
            self._connection = None
            _database.leave(self)

    def _next(self, reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
        with self._at_work() as connection:
            return interruptible(connection, lambda: next(reader, None))

    def _batch_rows(self) -> int:
        """As many as fit into BATCH_BYTES, where the rows that come out are as wide as those that went in."""
        width = self._bytes / max(1, sum(self._rows.values()))
        return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(1.0, width))))

    @contextmanager
    def _at_work(self) -> Iterator[duckdb.DuckDBPyConnection]:
        assert self._connection is not None, "the spool is closed"
        try:
            yield self._connection
        except (duckdb.Error, OSError) as error:
            if (told := _disk_reason(error)) is not None:
                raise ProgramError(told) from error
            if _NO_MEMORY in str(error):  # Arrow's streams have it as an OSError
                raise MemoryError(
                    "there is no memory to put the rows together that are gathered"
                ) from error
            raise


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    connection.register(_APPENDED, rows)
    try:
        connection.execute(f"INSERT INTO {table} SELECT * FROM {_APPENDED}")  # noqa: S608
    finally:
        with suppress(duckdb.Error):  # of a query that was interrupted, which says why
            connection.unregister(_APPENDED)


def interruptible(connection: duckdb.DuckDBPyConnection, work: Callable[[], R]) -> R:
    """Does work of DuckDB on the other thread: on the main thread it would let no signal in, or lose its exception."""
    future = on_other_thread(work)
    try:
        return future.result()
    finally:
        _end(connection, future)


def _end(connection: duckdb.DuckDBPyConnection, future: Future[R]) -> None:
    """Waits for work, and interrupts what is under way before it: a stop may have come just after a query was begun."""
    while not future.done():
        with suppress(duckdb.Error):  # it is closed
            connection.interrupt()
        wait([future], timeout=INTERRUPT_AGAIN)


class _Database:
    """The one database of a program's spools, which is there while any of them is open."""

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._directory = Path()
        self._users: set[Spool] = set()

    def cursor(self, user: Spool) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            self._open()
        assert self._connection is not None
        self._users.add(user)
        return self._connection.cursor()

    def leave(self, user: Spool) -> None:
        self._users.discard(user)
        if self._users or self._connection is None:
            return
        self._connection.close()
        self._connection = None
        for file in self._directory.glob(FILES.format(pid=os.getpid())):
            file.unlink(missing_ok=True)

    def _open(self) -> None:
        self._directory = Path(settings.temporary_directory() or tempfile.gettempdir())
        config: Config = {
            "memory_limit": f"{spool_memory() // MB}MiB",
            "threads": "2" if spool_memory() >= ENOUGH_FOR_TWO else "1",
            "temp_directory": str(self._directory),
        }
        if (most := _limit(resource.RLIMIT_FSIZE)) is not None:
            config["max_temp_directory_size"] = f"{max(1, most // MB)}MiB"
        self._connection = closed_database(config)


_database = _Database()


def spool_memory() -> int:
    """Bytes that DuckDB may use for spools: most of what PROGRAM_MEMORY_MB leaves beside all else, within bounds.

    The rest is for what DuckDB does not count: its results, and what the allocator keeps.
    """
    limit = _limit(resource.RLIMIT_DATA)
    if limit is None:
        return MOST_MEMORY
    return max(LEAST_MEMORY, min(MOST_MEMORY, (limit - BESIDE) * 5 // 8))


def _limit(kind: int) -> int | None:
    soft, _ = resource.getrlimit(kind)
    return None if soft == resource.RLIM_INFINITY else soft


def _disk_reason(error: Exception) -> str | None:
    """The sentence for an error that comes from the disk, or the bound on what may be written to it; else None."""
    said = str(error)
    most = _limit(resource.RLIMIT_FSIZE)
    if most is not None and ("max_temp_directory_size" in said or os.strerror(errno.EFBIG) in said):
        return (
            f"the rows that are gathered need more than {most // MB:,} MB on disk (PROGRAM_FILE_MB):"
            " let fewer rows or columns come to this node, or raise the limit"
        )
    if "max_temp_directory_size" in said or os.strerror(errno.ENOSPC) in said:
        return (
            "the disk is full: the rows that are gathered beyond PROGRAM_MEMORY_MB lie in the run's directory"
            " (DATA_DIR); make room there, or let fewer rows or columns come to this node"
        )
    return None
