"""Writes rows into tables of SQLite, all or nothing: one connection and one transaction for each file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from program_lib.databases import names
from program_lib.databases.keys import (
    INSERT_OR_IGNORE,
    KEYED,
    UPDATE,
    UPSERT,
    Match,
    Tally,
    check_no_null,
    match,
)
from program_lib.databases.sqlite_link import MEMORY, Link, Place, Say, quoted
from program_lib.databases.sqlite_tables import (
    Table,
    TableColumn,
    find_table,
    new_table_name,
    there_is_no,
    unique_keys,
)
from program_lib.databases.sqlite_types import declared_for
from program_lib.databases.sqlite_values import Store, Stored, Value, storing
from program_lib.databases.turns import turn_of
from program_lib.errors import ProgramError, RowRefused
from program_lib.two_threads import in_two_threads
from program_lib.types import Column, Schema, listed

ROWS_A_STATEMENT = 100  # of one INSERT: a third less work than one row each
MOST_PARAMETERS = 10_000  # of one INSERT, so that wide rows stay within the gate's limits
SLICE = (
    1_000  # rows that lie as Python values at once: few enough to stay in the processor's caches
)

_OF_A_ROW = frozenset(  # errors that another row may not have
    {
        sqlite3.SQLITE_ERROR,  # of a trigger, or a column that is computed
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
    }
)


class SqliteWriter:
    """Implements program_lib.ports.Writer.

    create: the table is new. append: it is there, rows are added. replace: the rows take the place of those in
    it; the table stays, and gets the columns that it lacks; where there is none, it is made. The modes of
    databases.keys: it is there, and rows are found by `key`.
    """

    def __init__(self, where: str | Path, table: str, mode: str, key: Sequence[str] = ()) -> None:
        """`where` is a path or a sqlite:// URL."""
        assert mode in ("create", "append", "replace", *KEYED)
        self._place, self._table, self._mode, self._key = Place.of(where), table, mode, key
        self._tally = Tally(mode)
        self._say: Say | None = None
        self._file: _File | None = None
        self._schema = Schema()
        self._inserts: _Inserts | None = None  # from the first row on

    @property
    def turn(self) -> tuple[int, int]:
        assert self._file is not None, "start comes first"
        return self._file.turn

    def start(self, say: Say) -> None:
        self._say = say
        self._file = _File.shared(self._place, say)
        self._there()

    def open(self, schema: Schema) -> None:
        self._schema = schema
        self._plan()

    def write(self, table: pa.Table) -> None:
        assert self._file is not None, "start comes first"
        inserts = self._begun()
        with self._file.all_or_nothing():
            found = inserts.insert(table)
        self._tally.add(len(table), found)

    def told(self) -> str:
        return self._tally.told() if self._mode in KEYED else ""

    def finish(self) -> None:
        assert self._file is not None, "start comes first"
        if self._mode in ("create", "replace"):
            self._begun()  # a table without rows is made or emptied, too
        self._file.check()

    def commit(self) -> None:
        assert self._file is not None, "start comes first"
        self._file.commit()

    def undo(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.leave()

    def _begun(self) -> _Inserts:
        """Takes the write lock and gets the table ready, at the first row."""
        assert self._file is not None, "start comes first"
        if self._inserts is None:
            self._file.begin(self._say)
            with self._file.all_or_nothing():
                plan = self._plan()  # once more: others may have changed the table until now
                for statement in plan.statements:
                    self._file.link.execute(statement)
            self._inserts = inserting(self._file.link, plan)
        return self._inserts

    def _there(self) -> Table | None:
        """The table. Raises ProgramError where its being there or not is against the mode."""
        assert self._file is not None, "start comes first"
        link = self._file.link
        table = find_table(link, self._table)
        if table is None and self._mode in ("append", *KEYED):
            raise there_is_no(link, self._table)
        if table is not None and self._mode == "create":
            raise ProgramError(
                f"the table {self._table} is there already: choose append or replace"
            )
        if table is not None:
            link.gate.check_table(table.name)
        return table

    def _plan(self) -> Plan:
        table = self._there()
        if table is None:
            return plan_of_new(new_table_name(self._table), self._schema)
        plan = plan_of_old(table, self._schema, replaces=self._mode == "replace")
        if self._mode in KEYED:
            plan.match = self._match(table, plan.names)
        _check_given(table, plan)
        return plan

    def _match(self, table: Table, given: Sequence[str]) -> Match:
        assert self._file is not None, "start comes first"
        there = [column.name for column in table.columns]
        unique = unique_keys(self._file.link, table)
        return match(self._mode, self._key, given, there, unique, table.name)


# --- what is done to the table -------------------------------------------------------------------


@dataclass
class Plan:
    """Where the columns of rows go, and what is done before the first row."""

    target: str  # as SQL has it
    names: list[str] = field(default_factory=list)  # as the table spells them
    stores: list[Store] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    match: Match | None = None  # of a mode with a key

    def add(self, column: Column, name: str, declared: str) -> None:
        self.names.append(name)
        self.stores.append(storing(column, declared, name))


def plan_of_new(name: str, schema: Schema) -> Plan:
    _check_apart(schema)
    plan = Plan(f"main.{quoted(name)}")
    lines = []
    for column in schema:
        declared = declared_for(column.type)
        plan.add(column, column.name, declared)
        lines.append(_line(column) + ("" if column.is_nullable else " NOT NULL"))
    plan.statements.append(f"CREATE TABLE {plan.target} ({', '.join(lines)})")
    return plan


def _line(column: Column) -> str:
    return f"{quoted(column.name)} {declared_for(column.type)}"


def plan_of_old(table: Table, schema: Schema, *, replaces: bool) -> Plan:
    plan = Plan(table.sql)
    there = {column.name: column for column in table.columns}
    new = [c for c in schema if replaces and not names.has(c.name, list(there), table.name)]
    if replaces:
        plan.statements.append(f"DELETE FROM {table.sql}")  # noqa: S608 (it is quoted)
    for column in new:
        plan.statements.append(f"ALTER TABLE {table.sql} ADD COLUMN {_line(column)}")
        there[column.name] = TableColumn(column.name, declared_for(column.type))
    spelt = names.spelt(schema.names, list(there), table.name)
    for column, name in zip(schema, spelt, strict=True):
        plan.add(column, name, there[name].declared)
    return plan


def _check_apart(schema: Schema) -> None:
    """SQLite tells names of columns apart by more than the case of ASCII letters."""
    seen: dict[str, str] = {}
    for name in schema.names:
        if (other := seen.setdefault(name.lower(), name)) != name:
            raise ProgramError(f"SQLite does not tell the columns {other} and {name} apart")


def _check_given(table: Table, plan: Plan) -> None:
    """Raises ProgramError for a column that takes no value, and for one that a new row lacks."""
    written = plan.names if plan.match is None else plan.match.written
    for column in table.columns:
        if column.name in written:
            _check_is_stored(column, table)
    if plan.match is None or plan.match.mode != UPDATE:
        _check_covered(table, plan)


def _check_is_stored(column: TableColumn, table: Table) -> None:
    if column.is_generated:
        raise ProgramError(
            f"SQLite itself computes the column {column.name} of {table.name}: leave it out"
        )


def _check_covered(table: Table, plan: Plan) -> None:
    missing = [c.name for c in table.columns if c.must_be_given and c.name not in plan.names]
    if missing:
        raise ProgramError(
            f"rows of {table.name} need {listed(missing)}: NOT NULL, and no default is declared"
        )


# --- rows ----------------------------------------------------------------------------------------


class _Inserts:
    """Puts rows into one table, many with one statement."""

    def __init__(self, link: Link, plan: Plan) -> None:
        self._link, self._plan = link, plan
        self._width = len(plan.names)
        most = min(MOST_PARAMETERS, link.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
        self._rows = max(1, min(ROWS_A_STATEMENT, most // self._width))
        columns = ", ".join(map(quoted, plan.names))
        self._row = f"({', '.join('?' * self._width)})"
        self._into = f"INSERT INTO {plan.target} ({columns}) VALUES "  # noqa: S608 (names are quoted)
        self._many = self._statement(self._rows)
        self._found = 0

    def _statement(self, rows: int) -> str:
        return self._into + ", ".join([self._row] * rows)

    def insert(self, table: pa.Table) -> int:
        """How many of the rows were found by their key. Raises RowRefused."""
        self._found = 0
        places = range(self._width)
        columns = in_two_threads(
            lambda place: self._plan.stores[place](table.column(place).combine_chunks()), places
        )
        for start in range(0, len(table), SLICE):
            values = [_listed(column[start : start + SLICE]) for column in columns]
            for first in range(0, len(values[0]), self._rows):
                part = [column[first : first + self._rows] for column in values]
                self._insert(self._row_by_row(part), start + first)
        return self._found

    def _row_by_row(self, columns: list[list[Value]]) -> list[Value]:
        """The values of all columns in the order of the statement."""
        flat: list[Value] = [None] * (len(columns[0]) * self._width)
        for place, column in enumerate(columns):
            flat[place :: self._width] = column
        return flat

    def _insert(self, values: list[Value], start: int) -> None:
        rows = len(values) // self._width
        sql = self._many if rows == self._rows else self._statement(rows)
        try:
            with self._link.explained():
                self._found += self._execute(sql, values)
        except sqlite3.Error as error:
            if _code(error) not in _OF_A_ROW or not self._link.connection.in_transaction:
                raise
            self._find(values, start)
            raise

    def _execute(self, sql: str, values: list[Value]) -> int:
        """How many of the rows were found by their key."""
        self._link.connection.execute(sql, values)
        return 0

    def _find(self, values: Sequence[Value], start: int) -> None:
        """Raises RowRefused for the first row that is refused alone, after those before it."""
        for index in range(len(values) // self._width):
            row = values[index * self._width : (index + 1) * self._width]
            try:
                self._link.connection.execute(self._statement(1), row)
            except sqlite3.Error as error:
                column = next((n for n in self._plan.names if str(error).endswith(f".{n}")), None)
                raise RowRefused(start + index, str(error), column) from error


class _Keyed(_Inserts):
    """Finds rows by their key: SQLite takes those of one statement one by one."""

    def __init__(self, link: Link, plan: Plan, match: Match) -> None:
        self._match = match
        self._key = [plan.names.index(name) for name in match.key]
        super().__init__(link, plan)

    def insert(self, table: pa.Table) -> int:
        check_no_null(table, self._key)
        return super().insert(table)


class _Upserts(_Keyed):
    def _statement(self, rows: int) -> str:
        key, changes = _names(self._match.key), []
        for name in map(quoted, self._match.others):
            changes.append(f"{name} = excluded.{name}")
        return f"{super()._statement(rows)} ON CONFLICT ({key}) DO UPDATE SET {', '.join(changes)}"

    def _execute(self, sql: str, values: list[Value]) -> int:
        """SQLite does not tell an insert from an update: rows of these keys are counted before and after."""
        rows = len(values) // self._width
        keys = [values[row * self._width + place] for row in range(rows) for place in self._key]
        before = self._count(rows, keys)
        self._link.connection.execute(sql, values)
        return rows - (self._count(rows, keys) - before)

    def _count(self, rows: int, keys: list[Value]) -> int:
        one = f"({', '.join('?' * len(self._key))})"
        listed_keys = ", ".join([one] * rows)
        sql = (
            f"SELECT count(*) FROM {self._plan.target}"  # noqa: S608 (names are quoted)
            f" WHERE ({_names(self._match.key)}) IN (VALUES {listed_keys})"
        )
        [count] = self._link.connection.execute(sql, keys).fetchone()
        return int(count)


class _InsertsOrIgnores(_Keyed):
    def _statement(self, rows: int) -> str:
        key = _names(self._match.key)
        return f"{super()._statement(rows)} ON CONFLICT ({key}) DO NOTHING"

    def _execute(self, sql: str, values: list[Value]) -> int:
        rows = len(values) // self._width
        return rows - self._link.connection.execute(sql, values).rowcount


class _Updates(_Keyed):
    def __init__(self, link: Link, plan: Plan, match: Match) -> None:
        super().__init__(link, plan, match)
        self._rows = 1  # of a statement

    def _statement(self, rows: int) -> str:
        """Of one row; each `?` has the number of its column."""
        equal = {name: f"{quoted(name)} = ?{i}" for i, name in enumerate(self._plan.names, 1)}
        changes = ", ".join(equal[name] for name in self._match.others)
        found = " AND ".join(equal[name] for name in self._match.key)
        return f"UPDATE {self._plan.target} SET {changes} WHERE {found}"  # noqa: S608 (names are quoted)

    def _execute(self, sql: str, values: list[Value]) -> int:
        return self._link.connection.execute(sql, values).rowcount


_BY_KEY: dict[str, type[_Keyed]] = {
    UPSERT: _Upserts,
    UPDATE: _Updates,
    INSERT_OR_IGNORE: _InsertsOrIgnores,
}


def inserting(link: Link, plan: Plan) -> _Inserts:
    """What puts rows into the table, by the mode."""
    if plan.match is None:
        return _Inserts(link, plan)
    return _BY_KEY[plan.match.mode](link, plan, plan.match)


def _names(columns: Sequence[str]) -> str:
    return ", ".join(map(quoted, columns))


def _listed(values: Stored) -> list[Value]:
    return values if isinstance(values, list) else values.to_pylist()


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's primary code; Python raises some of its errors on its own: DataError for TOOBIG."""
    if isinstance(error, sqlite3.DataError):
        return sqlite3.SQLITE_TOOBIG
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


# --- what writers of one file share --------------------------------------------------------------


class _File:
    """One file that this program writes: a connection, a transaction, and the writers that share them."""

    open_now: ClassVar[dict[str, _File]] = {}  # by their real paths; (one thread)

    def __init__(self, key: str, link: Link) -> None:
        self.link = link
        self.turn = turn_of(("sqlite", key))
        self._key = key
        self._writers = 0
        self._is_begun = self._is_committed = False

    @classmethod
    def shared(cls, place: Place, say: Say | None) -> _File:
        key = place.path if place.path == MEMORY else os.path.realpath(place.path)
        file = cls.open_now.get(key)
        if file is None:
            file = cls(key, Link(place, writes=True, say=say))
            cls.open_now[key] = file
        file._writers += 1
        return file

    def begin(self, say: Say | None) -> None:
        """Waits for the write lock, however long another holds it, unless the URL says how long."""
        if not self._is_begun:
            self.link.patiently(lambda: self.link.execute("BEGIN IMMEDIATE"), say)
            self._is_begun = True
        self.check()

    def check(self) -> None:
        """Raises ProgramError where SQLite has ended the transaction: what is written now would stay alone."""
        if self._is_begun and not self.link.connection.in_transaction:
            raise ProgramError(f"{self.link.place.name} has rolled back what this run wrote")

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """After an error all is as it was before."""
        self.check()
        self.link.execute("SAVEPOINT batch")
        try:
            yield
        except Exception:
            if self.link.connection.in_transaction:
                self.link.execute("ROLLBACK TO batch")
                self.link.execute("RELEASE batch")
            raise
        self.link.execute("RELEASE batch")

    def commit(self) -> None:
        if self._is_begun and not self._is_committed:
            self.check()
            self.link.execute("COMMIT")
            self._is_committed = True

    def leave(self) -> None:
        self._writers -= 1
        if self._writers == 0:
            self.open_now.pop(self._key, None)
            self.link.close()
