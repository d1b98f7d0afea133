"""Writes into a table by SQLAlchemy; a new one is there from the start on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import sqlalchemy
from sqlalchemy.dialects import mssql, oracle
from sqlalchemy.engine import URL, Connection
from sqlalchemy.types import TypeEngine

from program_lib.databases.fitting import SECOND_DIGITS, Target, check, fitted
from program_lib.databases.names import (
    Table,
    find_table,
    is_there_already,
    others_would_lose,
    rows_are_there,
    spelt,
)
from program_lib.databases.other.tables import (
    connected,
    existing,
    losing_tables,
    place_of,
    reflected,
    tables_meant,
)
from program_lib.databases.other.types import declared, known, type_of
from program_lib.databases.other.values import python_values
from program_lib.databases.turns import ClaimedTables, spelled_alike, turn_of
from program_lib.errors import EndUnknown, ProgramError, TargetFailed
from program_lib.ports import WritesAll
from program_lib.types import Schema
from program_lib.write_modes import KEYED

CREATE, APPEND, REPLACE = "create", "append", "replace"


@dataclass
class Shared:
    """The transaction of all writers into one database, and the tables that were made for them."""

    connection: Connection
    made: list[sqlalchemy.Table] = field(default_factory=list)
    tables: ClaimedTables = field(default_factory=ClaimedTables)
    is_committed: bool = False
    may_stand: bool = False  # whether nobody knows if it is committed

    def close(self) -> None:
        """Takes back what is not committed. Never raises."""
        with suppress(Exception):
            self.connection.close()
        if not (self.is_committed or self.may_stand):
            for table in self.made:
                with suppress(Exception):
                    table.drop(self.connection.engine)


_SHARED: dict[str, Shared] = {}  # by URL; a writer's undo() ends it


class OtherWriter(WritesAll):
    """Rows into one table. A new table is there, and empty, from `open` on: DDL commits in many databases."""

    def __init__(self, url: URL, table: str, mode: str) -> None:
        """Raises ProgramError for a mode with a key: its statement is each database's own."""
        if mode in KEYED:
            raise ProgramError(
                f"{mode} writes into PostgreSQL, MariaDB, MySQL and SQLite, and not into"
                f" {url.get_backend_name()}: choose append or replace"
            )
        assert mode in (CREATE, APPEND, REPLACE)
        self._url, self._written, self._mode = url, table, mode
        self._key = spelled_alike(url)

    @property
    def turn(self) -> tuple[int, int]:
        return turn_of(self._key)

    def start(self, say: Callable[[str], None]) -> None:
        if self._key not in _SHARED:
            _SHARED[self._key] = Shared(connected(self._url))
        self._shared = _SHARED[self._key]
        self._connection = self._shared.connection
        if self._mode == APPEND:
            self._there: Table | None = existing(self._connection, self._written)
        else:
            self._there = find_table(self._written, tables_meant(self._connection, self._written))
        if self._mode == CREATE and self._there is not None:
            raise ProgramError(is_there_already(self._written))
        place = place_of(self._connection, self._there or self._place())
        self._shared.tables.claim(place, self._mode, self._written)
        if self._mode == REPLACE and self._there is not None:
            self._check_nobody_loses(self._there)

    def _check_nobody_loses(self, table: Table) -> None:
        if losing := losing_tables(self._connection, table):
            raise ProgramError(others_would_lose(self._written, losing))

    def open(self, schema: Schema) -> None:
        self._schema = schema
        if self._there is None:
            self._into = self._made()
            self._names = schema.names
        else:
            self._into = reflected(self._connection, self._there)
            self._names = spelt(schema.names, list(self._into.columns.keys()), self._written)
        self._is_emptied = self._there is None or self._mode == APPEND
        there = reflected(self._connection, self._there or self._place())
        self._targets = [_target(there.columns[name]) for name in self._names]
        for column, target in zip(schema, self._targets, strict=True):
            check(column.name, column.type, target)

    def _place(self) -> Table:
        schema, _, name = self._written.rpartition(".")
        return Table(schema, name, is_near=not schema)

    def _made(self) -> sqlalchemy.Table:
        place = self._place()
        columns = [
            sqlalchemy.Column(
                column.name, declared(column.type), nullable=column.is_nullable, autoincrement=False
            )
            for column in self._schema
        ]
        table = sqlalchemy.Table(
            place.name, sqlalchemy.MetaData(), *columns, schema=place.schema or None
        )
        table.create(self._connection.engine)
        self._shared.made.append(table)
        return table

    def write(self, table: pa.Table) -> None:
        columns = [
            python_values(fitted(table[i], column.name, column.type, target), target.type)
            for i, (column, target) in enumerate(zip(self._schema, self._targets, strict=True))
        ]
        rows = [dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True)]
        self._empty()
        with self._connection.begin_nested():
            self._connection.execute(self._into.insert(), rows)

    def _empty(self) -> None:
        """Before the first row. Raises TargetFailed where the database keeps the old rows: none of ours is at fault."""
        if self._is_emptied:
            return
        try:
            self._connection.execute(self._into.delete())
            has_rows = self._has_rows()
        except sqlalchemy.exc.DBAPIError as error:
            raise TargetFailed(str(error.orig)) from error
        if has_rows:
            raise TargetFailed(rows_are_there(self._written))
        self._is_emptied = True

    def _has_rows(self) -> bool:
        """Whether the DELETE left any; taken to have left none where this user may not read."""
        one = sqlalchemy.select(sqlalchemy.literal(1)).select_from(self._into).limit(1)
        savepoint = self._connection.begin_nested()
        try:
            found = self._connection.execute(one).first()
        except sqlalchemy.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            savepoint.rollback()  # fails where the whole transaction is gone, as by a deadlock
            return False
        savepoint.commit()
        return found is not None

    def finish(self) -> None:
        self._empty()

    def commit(self) -> None:
        if self._shared.is_committed:
            return
        try:
            self._connection.commit()
        except sqlalchemy.exc.DBAPIError as error:
            if error.connection_invalidated:
                self._shared.may_stand = True
                raise EndUnknown(str(error.orig)) from error
            raise
        self._shared.is_committed = True

    def undo(self) -> None:
        if shared := _SHARED.pop(self._key, None):
            shared.close()


def _target(column: sqlalchemy.Column[Any]) -> Target:
    type_ = known(column.name, type_of(column.type), column.type)
    return Target(
        column.name,
        type_,
        str(column.type),
        second_digits=_second_digits(column.type),
        has_nan=False,
        is_nullable=column.nullable is not False,
    )


def _second_digits(type_: TypeEngine[Any]) -> int:
    """Digits of a fraction of a second that a column keeps."""
    if hasattr(type_, "fsp"):
        return int(type_.fsp or 0)
    if isinstance(type_, (oracle.DATE, mssql.SMALLDATETIME, sqlalchemy.DATETIME)):
        return 0
    digits = getattr(type_, "precision", None)
    return SECOND_DIGITS if digits is None else min(int(digits), SECOND_DIGITS)
