"""Puts rows into one table of SQLite, by the mode of the output."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from program_lib.databases.keys import Match, check_no_null
from program_lib.databases.sqlite.link import Link, quoted
from program_lib.databases.sqlite.values import Store, Stored, Value, storing, storing_no_null
from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.two_threads import in_two_threads
from program_lib.types import Column
from program_lib.write_modes import INSERT_OR_IGNORE, UPDATE, UPSERT

ROWS_A_STATEMENT = 100  # of one INSERT: a third less work than one row each
MOST_PARAMETERS = 10_000  # of one INSERT, so that wide rows stay within the gate's limits
# Rows that lie as Python values at once: few enough to stay in the processor's caches
SLICE = 1_000

_OF_A_ROW = frozenset(  # errors that another row may not have
    {
        sqlite3.SQLITE_ERROR,  # of a trigger, or a column that is computed
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_TOOBIG,
    }
)


@dataclass
class Plan:
    """Where the columns of rows go, and what is done before the first row."""

    target: str  # as SQL has it
    names: list[str] = field(default_factory=list)  # as the table spells them
    stores: list[Store] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    match: Match | None = None  # of a mode with a key
    or_abort: str = ""  # what an INSERT or UPDATE says beside its verb

    def add(self, column: Column, name: str, declared: str, is_rowid: bool = False) -> None:
        store = storing(column, declared, name)
        self.names.append(name)
        self.stores.append(storing_no_null(store, column.name, name) if is_rowid else store)


class Inserts:
    """Puts rows into one table, many with one statement."""

    def __init__(self, link: Link, plan: Plan) -> None:
        self._link, self._plan = link, plan
        self._width = len(plan.names)
        most = min(MOST_PARAMETERS, link.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))
        self._rows = max(1, min(ROWS_A_STATEMENT, most // self._width))
        self._row = f"({', '.join('?' * self._width)})"
        self._many = self._statement(self._rows)
        self._found: int | None = 0
        self._takes_none = False  # whether it is known that the statement works without rows

    def _statement(self, rows: int) -> str:
        return self._inserting("VALUES " + ", ".join([self._row] * rows))

    def _of_no_row(self) -> str:
        return self._inserting(f"SELECT {', '.join('?' * self._width)} WHERE 0")

    def _inserting(self, rows: str) -> str:
        into = f"INSERT{self._plan.or_abort} INTO {self._plan.target}"
        return f"{into} ({_names(self._plan.names)}) {rows}{self._on_conflict()}"

    def _on_conflict(self) -> str:
        return ""

    def insert(self, table: pa.Table) -> int | None:
        """How many of the rows were found by their key, or without one were not taken; None where SQLite does not tell. Raises RowRefused."""
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
                found = self._execute(sql, values)
        except ProgramError as refused:  # by the gate, whatever the rows are
            raise TargetFailed(str(refused)) from refused
        except sqlite3.Error as error:
            if _code(error) not in _OF_A_ROW or not self._link.connection.in_transaction:
                raise
            self._check_takes_none()
            self._find(values, start)
            raise
        self._found = None if self._found is None or found is None else self._found + found

    def _check_takes_none(self) -> None:
        """Raises TargetFailed where the statement fails without rows, too, as for a view, or by a trigger that names a table which is not there."""
        if self._takes_none:
            return
        try:
            self._link.connection.execute(self._of_no_row(), [None] * self._width)
        except sqlite3.Error as error:
            raise TargetFailed(str(error)) from error
        self._takes_none = True

    def _execute(self, sql: str, values: list[Value]) -> int | None:
        """How many of the rows were found by their key; here, how many a trigger did not let into the table."""
        rows = len(values) // self._width
        return rows - self._link.connection.execute(sql, values).rowcount

    def _find(self, values: Sequence[Value], start: int) -> None:
        """Raises RowRefused for the first row that is refused alone, after those before it."""
        for index in range(len(values) // self._width):
            row = values[index * self._width : (index + 1) * self._width]
            try:
                self._link.connection.execute(self._statement(1), row)
            except sqlite3.Error as error:
                if _code(error) not in _OF_A_ROW:
                    raise
                column = next((n for n in self._plan.names if str(error).endswith(f".{n}")), None)
                raise RowRefused(start + index, str(error), column) from error


class _Keyed(Inserts):
    """Finds rows by their key: SQLite takes those of one statement one by one."""

    def __init__(self, link: Link, plan: Plan, match: Match) -> None:
        self._match = match
        self._key = [plan.names.index(name) for name in match.key]
        super().__init__(link, plan)

    def insert(self, table: pa.Table) -> int | None:
        check_no_null(table, self._key)
        return super().insert(table)


class _Upserts(_Keyed):
    def _on_conflict(self) -> str:
        changes = [f"{name} = excluded.{name}" for name in map(quoted, self._match.others)]
        return f" ON CONFLICT ({_names(self._match.key)}) DO UPDATE SET {', '.join(changes)}"

    def _execute(self, sql: str, values: list[Value]) -> int | None:
        """SQLite does not tell an insert from an update: rows of these keys are counted before and after.

        Of rows that a trigger keeps out nobody knows whether they were found.
        """
        rows = len(values) // self._width
        keys = [values[row * self._width + place] for row in range(rows) for place in self._key]
        before = self._count(rows, keys)
        written = self._link.connection.execute(sql, values).rowcount
        return rows - (self._count(rows, keys) - before) if written == rows else None

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
    def _on_conflict(self) -> str:
        return f" ON CONFLICT ({_names(self._match.key)}) DO NOTHING"

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
        verb = f"UPDATE{self._plan.or_abort}"
        return f"{verb} {self._plan.target} SET {changes} WHERE {found}"

    def _of_no_row(self) -> str:
        """No key equals NULL."""
        return self._statement(1)

    def _execute(self, sql: str, values: list[Value]) -> int:
        return self._link.connection.execute(sql, values).rowcount


_BY_KEY: dict[str, type[_Keyed]] = {
    UPSERT: _Upserts,
    UPDATE: _Updates,
    INSERT_OR_IGNORE: _InsertsOrIgnores,
}


def inserting(link: Link, plan: Plan) -> Inserts:
    """What puts rows into the table, by the mode."""
    if plan.match is None:
        return Inserts(link, plan)
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
