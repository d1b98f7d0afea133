"""Reads a query or a table by SQLAlchemy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy.engine import URL, Connection, CursorResult

from program_lib.databases.other.tables import connected, existing, reflected
from program_lib.databases.other.types import known, type_of, type_of_code
from program_lib.databases.other.values import column_of
from program_lib.errors import ProgramError, RowRefused
from program_lib.parameters import taken
from program_lib.parameters.placeholders import POSTGRESQL, placeholders
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, BATCH_SECONDS, Uncounted
from program_lib.types import Column, Schema, Type, listed

FETCHED = 1_000  # rows at a time
READ_ONLY = {"oracle": "SET TRANSACTION READ ONLY", "cockroachdb": "SET TRANSACTION READ ONLY"}


class OtherReader(Uncounted):
    """Rows of a query or a table."""

    def __init__(self, url: URL, query: str | None, table: str | None) -> None:
        assert (query is None) != (table is None)
        self._url, self._query, self._table = url, query, table
        self._connection: Connection | None = None

    def open(self) -> Schema:
        self._connection = connection = connected(self._url)
        if command := READ_ONLY.get(self._url.get_backend_name()):
            connection.exec_driver_sql(command)
        options = connection.execution_options(stream_results=True, max_row_buffer=FETCHED)
        if self._table is not None:
            table = reflected(connection, existing(connection, self._table))
            self._result: CursorResult[Any] = options.execute(sqlalchemy.select(table))
            columns: list[tuple[str, Type | None, object, bool | None]] = [
                (c.name, type_of(c.type), c.type, c.nullable) for c in table.columns
            ]
        else:
            assert self._query is not None
            if used := set(placeholders(self._query, POSTGRESQL)) & taken().keys():
                raise ProgramError(
                    f"the SQL names the parameter {listed(sorted(used))}: parameters are bound in SQL for PostgreSQL,"
                    f" MariaDB, MySQL and SQLite, and this is {self._url.get_backend_name()}"
                )
            no_parameters = {"no_parameters": True}
            self._result = options.exec_driver_sql(self._query, execution_options=no_parameters)
            if not self._result.returns_rows:
                raise ProgramError("the query gives no rows: it must be a SELECT")
            told = self._result.cursor.description if self._result.cursor else ()
            columns = [(c[0], type_of_code(connection, c), c[1], True) for c in told]
        try:
            self._schema = Schema(
                Column(name, known(name, type_, theirs), nullable is not False)
                for name, type_, theirs, nullable in columns
            )
        except ValueError as error:
            raise ProgramError(str(error)) from None
        return self._schema

    def batches(self) -> Iterator[pa.Table]:
        parts: list[pa.Table] = []
        since = time.monotonic()
        for rows in self._result.partitions(FETCHED):
            columns = zip(*rows, strict=True)
            before = sum(map(len, parts))
            try:
                arrays = [column_of(v, c) for v, c in zip(columns, self._schema, strict=True)]
            except RowRefused as refused:
                refused.index += before
                raise
            parts.append(pa.table(arrays, schema=self._schema.arrow()))
            is_full = (
                before + 2 * FETCHED > BATCH_ROWS or sum(p.nbytes for p in parts) >= BATCH_BYTES
            )
            if is_full or time.monotonic() - since >= BATCH_SECONDS:
                yield pa.concat_tables(parts)
                parts, since = [], time.monotonic()
        if parts:
            yield pa.concat_tables(parts)

    def where(self, number: int) -> str:
        return f"row {number:,}"

    def close(self) -> None:
        if self._connection is not None:
            with suppress(Exception):
                self._connection.close()
