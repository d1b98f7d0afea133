"""Reads a table or a query by COPY TO: CSV lines, which Arrow parses by the types that the database declares."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from psycopg import pq
from sqlalchemy.engine import URL

from program_lib.databases.postgresql import catalog
from program_lib.databases.postgresql.native import types_of
from program_lib.databases.postgresql.parameters import bound
from program_lib.databases.postgresql.session import READING, Result, Session, quoted_table
from program_lib.databases.postgresql.statement import without_end
from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, BATCH_SECONDS, Uncounted
from program_lib.texts import parse_column
from program_lib.types import AS_TEXT, Column, Kind, Schema, Type

MAX_BLOCK = 2**31 - 1  # bytes of CSV that Arrow parses at once; a batch is far smaller
BYTE_ORDER_MARK = "\ufeff".encode()
_AS_TEXT = AS_TEXT | {Kind.TEXT, Kind.BYTES}


@dataclass(frozen=True, slots=True)
class Described:
    """A column of a query's rows."""

    name: str
    oid: int
    mod: int
    number: int  # in the table that it comes from; 0: from none


def described(result: Result) -> list[Described]:
    return [
        Described(
            (result.fname(i) or b"").decode(), result.ftype(i), result.fmod(i), result.ftablecol(i)
        )
        for i in range(result.nfields)
    ]


class PostgresqlReader(Uncounted):
    """Rows of a query or a table, all as of the moment of `open`: program_lib.nodes.early.Waiting."""

    def __init__(self, url: URL, query: str | None, table: str | None) -> None:
        assert (query is None) != (table is None)
        self._url, self._query, self._table = url, query, table
        self._session: Session | None = None
        self._flow: Generator[pa.Table, None, None] | None = None
        self._schema = Schema()

    def open(self) -> Schema:
        self._session = session = Session(self._url, READING)
        not_null: set[int] = set()
        if self._table is not None:
            table = catalog.existing(session, self._table)
            self._query = f"SELECT * FROM {quoted_table(table)}"
            not_null = {
                number
                for number, facts in catalog.columns(session, table).items()
                if facts.is_not_null
            }
        else:
            assert self._query is not None
            self._query = bound(session, self._query)
        self._schema = self._described(session, not_null)
        return self._schema

    def _described(self, session: Session, not_null: set[int]) -> Schema:
        """`not_null`: numbers of columns. A query's columns may be NULL whatever their tables say: see outer joins."""
        assert self._query is not None
        columns = described(session.prepared(self._query))
        if not columns:
            raise ProgramError("the query gives no columns: it must be a SELECT")
        types = types_of(session, [(column.oid, column.mod) for column in columns])
        try:
            return Schema(
                Column(column.name, type_, column.number not in not_null)
                for column, type_ in zip(columns, types, strict=True)
            )
        except ValueError as error:
            raise ProgramError(str(error)) from None

    def batches(self) -> Iterator[pa.Table]:
        assert self._session is not None, "open() comes first"
        assert self._query is not None
        copy = f"COPY ({without_end(self._query)}\n) TO STDOUT (FORMAT csv)"
        self._flow = self._flowing(self._session, copy)
        return self._flow

    def _flowing(self, session: Session, statement: str) -> Generator[pa.Table, None, None]:
        """Tables one ahead, by a thread: the server goes on while the rows before are at work."""
        with ExitStack() as stack:
            copy = _Copy(session, statement)
            stack.callback(copy.close)
            tables = (parsed(block, rows, self._schema) for block, rows in copy.blocks())
            thread = stack.enter_context(ThreadPoolExecutor(1, thread_name_prefix="postgresql"))
            stack.callback(copy.stop)
            coming = thread.submit(next, tables, None)
            while (table := coming.result()) is not None:
                coming = thread.submit(next, tables, None)
                yield table
        session.close()  # its lock on the table would stop a writer that adds a column

    def where(self, number: int) -> str:
        return f"row {number:,}"

    def interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def close(self) -> None:
        if self._flow is not None:
            self._flow.close()
        if self._session is not None:
            self._session.close()


class _Copy:
    """A COPY TO at work. One thread runs blocks(), another may stop it."""

    def __init__(self, session: Session, statement: str) -> None:
        self._session = session
        # this way of sending refuses a second statement
        session.pgconn.send_query_params(statement.encode(), [])
        session.result()
        self._stopped, self._stop = os.pipe()
        self._socket = session.pgconn.socket
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        self._poll.register(self._stopped, select.POLLIN)

    def stop(self) -> None:
        """Ends a wait for rows: blocks() raises InterruptedError."""
        os.write(self._stop, b"x")

    def close(self) -> None:
        """Once no thread runs blocks() any more."""
        os.close(self._stopped)
        os.close(self._stop)

    def blocks(self) -> Iterator[tuple[bytes, int]]:
        """CSV lines, and how many rows they are: what came within BATCH_SECONDS, up to the bounds of a batch."""
        get = self._session.pgconn.get_copy_data
        lines: list[bytes] = []
        size = 0
        until = 0.0
        while True:
            count, line = get(1)
            if count > 0:  # the server sends one row at a time
                if not lines:
                    until = time.monotonic() + BATCH_SECONDS
                lines.append(bytes(line))
                size += count
                is_full = len(lines) == BATCH_ROWS or size >= BATCH_BYTES
            elif count == 0:
                is_full = not self._came(until if lines else None)
            else:
                break
            if is_full:
                yield b"".join(lines), len(lines)
                lines, size = [], 0
        if lines:
            yield b"".join(lines), len(lines)
        self._check_end()

    def _came(self, until: float | None) -> bool:
        """Waits for more; False when nothing has come until then."""
        milliseconds = None if until is None else max(0.0, until - time.monotonic()) * 1000
        ready = [descriptor for descriptor, _ in self._poll.poll(milliseconds)]
        if self._stopped in ready:
            raise InterruptedError("nobody wants the rows any more")
        if not ready:
            return False
        self._session.pgconn.consume_input()
        return until is None or time.monotonic() < until

    def _check_end(self) -> None:
        """Raises the error with which the server ended the rows."""
        while (result := self._session.pgconn.get_result()) is not None:
            if result.status == pq.ExecStatus.FATAL_ERROR:
                raise psycopg.errors.error_from_result(result, encoding="utf-8")


# --- CSV lines into columns --------------------------------------------------------------------------


def parsed(block: bytes, rows: int, schema: Schema) -> pa.Table:
    """The rows of these lines. Raises RowRefused for a value that its type here does not have."""
    try:
        table = _read(block, schema, [_arrow_of_csv(column.type) for column in schema])
    except pa.ArrowInvalid as error:
        raise _refused(block, schema, error) from error
    if len(table) != rows:
        raise ProgramError(f"the server sent {rows:,} rows, and {len(table):,} were read")
    columns = [_finished(table[i], column) for i, column in enumerate(schema)]
    return pa.table(columns, schema=schema.arrow())


def _read(block: bytes, schema: Schema, types: list[pa.DataType]) -> pa.Table:
    names = [str(i) for i in range(len(schema))]
    if block.startswith(BYTE_ORDER_MARK):  # Arrow leaves the first one out; here it is of a value
        block = BYTE_ORDER_MARK + block
    return pa.csv.read_csv(
        pa.BufferReader(block),
        pa.csv.ReadOptions(
            column_names=names, use_threads=False, block_size=min(len(block) + 1, MAX_BLOCK)
        ),
        pa.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        pa.csv.ConvertOptions(
            column_types=dict(zip(names, types, strict=True)),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["t"],
            false_values=["f"],
        ),
    )


def _arrow_of_csv(type_: Type) -> pa.DataType:
    return pa.string() if type_.kind in _AS_TEXT else type_.arrow()


def _finished(values: pa.ChunkedArray, column: Column) -> pa.ChunkedArray | pa.Array:
    if column.type.kind is Kind.BYTES:
        return parse_column(values, column.type, column.name)
    if column.type.is_padded:
        return pc.utf8_rtrim(values, " ")
    return values


def _refused(block: bytes, schema: Schema, error: Exception) -> Exception:
    """The first row that has a value which its type here does not have; the error itself where none is found."""
    texts = _read(block, schema, [pa.string()] * len(schema))
    found = [
        refused
        for i, column in enumerate(schema)
        if (refused := _refused_of(texts[i], column)) is not None
    ]
    return min(found, key=lambda refused: refused.index, default=error)


def _refused_of(texts: pa.ChunkedArray, column: Column) -> RowRefused | None:
    try:
        parse_column(texts, column.type, column.name)
    except RowRefused as refused:
        advice = f'; "{column.name}"::text in the query reads it as text'
        return RowRefused(refused.index, refused.reason + advice, column.name)
    return None
