"""Writes rows into tables of SQLite, all or nothing: one connection and one transaction for each file."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import ClassVar

import pyarrow as pa

from program_lib.databases import names
from program_lib.databases.around import Around, AroundAll, StatementFailed
from program_lib.databases.keys import Match, Tally, match
from program_lib.databases.sqlite.inserts import Inserts, Plan, inserting
from program_lib.databases.sqlite.keys import check_spelling, storing_one_spelling
from program_lib.databases.sqlite.link import MEMORY, Link, Place, Say, quoted
from program_lib.databases.sqlite.parameters import bound
from program_lib.databases.sqlite.tables import (
    Table,
    TableColumn,
    find_table,
    new_table_name,
    or_abort,
    there_is_no,
    unique_keys,
)
from program_lib.databases.sqlite.types import declared_for
from program_lib.databases.sqlite.values import storing_in_utf16
from program_lib.databases.turns import ClaimedTables, turn_of
from program_lib.errors import ProgramError, TargetFailed
from program_lib.types import Column, Schema, listed
from program_lib.write_modes import KEYED, UPDATE


class SqliteWriter:
    """Implements program_lib.ports.Writer.

    create: the table is new. append: it is there, rows are added. replace: the rows take the place of those in
    it; the table stays, and gets the columns that it lacks; where there is none, it is made. The modes of
    databases.keys: it is there, and rows are found by `key`.
    """

    def __init__(
        self,
        where: str | Path,
        table: str,
        mode: str,
        key: Sequence[str] = (),
        around: Around = Around(),  # noqa: B008 (it is frozen)
    ) -> None:
        """`where` is a path or a sqlite:// URL."""
        assert mode in ("create", "append", "replace", *KEYED)
        self._place, self._table, self._mode, self._key = Place.of(where), table, mode, key
        self._around = around
        self.tally = Tally(mode)
        self._say: Say | None = None
        self._file: _File | None = None
        self._schema = Schema()
        self._inserts: Inserts | None = None  # from the first row on

    @property
    def turn(self) -> tuple[int, int]:
        assert self._file is not None, "start comes first"
        return self._file.turn

    def start(self, say: Say) -> None:
        self._say = say
        self._file = _File.shared(self._place, say)
        self._file.around.join(lambda: self._run("before", self._around.before))
        table = self._there()
        name = table.name if table else new_table_name(self._table)
        self._file.tables.claim(name.lower(), self._mode, self._table)

    def open(self, schema: Schema) -> None:
        self._schema = schema
        self._plan()

    def write(self, table: pa.Table) -> None:
        assert self._file is not None, "start comes first"
        inserts = self._begun()
        with self._file.all_or_nothing():
            found = inserts.insert(table)
        self.tally.add(len(table), found)

    def told(self) -> str:
        return self.tally.told()

    def finish(self) -> None:
        assert self._file is not None, "start comes first"
        if self._mode in ("create", "replace") or self._around:
            self._begun()  # a table without rows is made or emptied, too
        self._file.around.finish(lambda: self._run("after", self._around.after))
        self._file.check()

    def commit(self) -> None:
        assert self._file is not None, "start comes first"
        self._file.commit()

    def undo(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.leave()

    def _begun(self) -> Inserts:
        """Takes the write lock and gets the table ready, at the first row. Raises TargetFailed where it cannot: no row is at fault."""
        assert self._file is not None, "start comes first"
        if self._inserts is None:
            self._file.begin(self._say)
            try:
                plan = self._made_ready()
            except (ProgramError, sqlite3.IntegrityError) as error:
                raise TargetFailed(str(error)) from error
            self._inserts = inserting(self._file.link, plan)
        return self._inserts

    def _made_ready(self) -> Plan:
        assert self._file is not None, "start comes first"
        with self._file.all_or_nothing():
            self._file.around.run_before()
            plan = self._plan()  # once more: others may have changed the table until now
            for statement in plan.statements:
                self._file.link.execute(statement)
            if self._mode == "replace":
                self._check_empty(plan)
        self._file.around.note_begun()
        return plan

    def _check_empty(self, plan: Plan) -> None:
        assert self._file is not None, "start comes first"
        if self._file.link.execute(f"SELECT 1 FROM {plan.target} LIMIT 1").fetchone():  # noqa: S608
            raise ProgramError(names.rows_are_kept(self._table))

    def _run(self, when: str, statement: str) -> None:
        """Raises StatementFailed, also where it is more than one statement."""
        if not statement:
            return
        assert self._file is not None, "start comes first"
        try:
            self._file.link.execute(bound(self._file.link, statement)).fetchall()
        except (sqlite3.Error, sqlite3.Warning, ProgramError) as error:
            raise StatementFailed(f"SQL {when} the rows of {self._table}: {error}") from error

    def _there(self) -> Table | None:
        """The table. Raises ProgramError where its being there or not is against the mode."""
        assert self._file is not None, "start comes first"
        link = self._file.link
        table = find_table(link, self._table)
        if table is None and self._mode in ("append", *KEYED):
            raise there_is_no(link, self._table)
        if table is not None and self._mode == "create":
            raise ProgramError(names.is_there_already(self._table))
        if table is not None:
            link.gate.check_table(table.name)
        return table

    def _plan(self) -> Plan:
        assert self._file is not None, "start comes first"
        plan = self._plan_of_any()
        [encoding] = self._file.link.execute("PRAGMA encoding").fetchone()
        if encoding != "UTF-8":
            stores = zip(plan.stores, self._schema.names, strict=True)
            plan.stores = [storing_in_utf16(store, name) for store, name in stores]
        return plan

    def _plan_of_any(self) -> Plan:
        assert self._file is not None, "start comes first"
        table = self._there()
        if table is None:
            return plan_of_new(new_table_name(self._table), self._schema)
        plan = plan_of_old(table, self._schema, replaces=self._mode == "replace")
        plan.or_abort = or_abort(self._file.link, table)
        if self._mode in KEYED:
            plan.match = self._match(table, plan.names)
            _spell_once(plan, plan.match, table, self._schema)
        _check_given(table, plan)
        return plan

    def _match(self, table: Table, given: Sequence[str]) -> Match:
        assert self._file is not None, "start comes first"
        there = [column.name for column in table.columns]
        unique = unique_keys(self._file.link, table)
        found = match(self._mode, self._key, given, there, unique, table.name)
        check_spelling(self._file.link, table, found.key)
        return found


# --- what is done to the table -------------------------------------------------------------------


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
        plan.add(column, name, there[name].declared, there[name].is_rowid)
    return plan


def _spell_once(plan: Plan, match: Match, table: Table, schema: Schema) -> None:
    """Lets the rows' keys be refused that an equal one of the table would not find."""
    declared = {column.name: column.declared for column in table.columns}
    for place, name in enumerate(plan.names):
        if name in match.key:
            store = plan.stores[place]
            plan.stores[place] = storing_one_spelling(store, schema[place], name, declared[name])


def _check_apart(schema: Schema) -> None:
    """SQLite tells names of columns apart by more than the case of ASCII letters: É and é are two."""
    seen: dict[bytes, str] = {}
    for name in schema.names:
        if (other := seen.setdefault(name.encode().lower(), name)) != name:
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


# --- what writers of one file share --------------------------------------------------------------


class _File:
    """One file that this program writes: a connection, a transaction, and the writers that share them."""

    open_now: ClassVar[dict[str, _File]] = {}  # by their real paths; (one thread)

    def __init__(self, key: str, place: Place, say: Say | None) -> None:
        self._key = key
        self._is_made = key != MEMORY and _makes(key)
        try:
            self.link = Link(place, writes=True, say=say)
        except BaseException:
            with suppress(OSError):
                if self._is_made and os.path.getsize(key) == 0:
                    os.unlink(key)
            raise
        self.turn = turn_of(("sqlite", key))
        self.tables = ClaimedTables()
        self.around = AroundAll()
        self._writers = 0
        self._is_begun = self._is_committed = False
        self._identity = _identity(key)

    @classmethod
    def shared(cls, place: Place, say: Say | None) -> _File:
        key = place.path if place.path == MEMORY else os.path.realpath(place.path)
        file = cls.open_now.get(key)
        if file is None:
            cls._check_no_other_name(key)
            file = cls.open_now[key] = cls(key, place, say)
        file._writers += 1
        return file

    @classmethod
    def _check_no_other_name(cls, key: str) -> None:
        """Two transactions would wait for each other for ever, and SQLite keeps a log for each name."""
        found = _identity(key)
        for other in cls.open_now.values():
            if found is not None and found == other._identity:
                names = f"{os.path.basename(key)} and {other.link.place.name}"
                raise ProgramError(
                    f"{names} are one file by two names (hard links): let all outputs write it by one of them"
                )

    def begin(self, say: Say | None) -> None:
        """Waits for the write lock, however long another holds it, unless the URL says how long."""
        if not self._is_begun:
            self.link.patiently(lambda: self.link.execute("BEGIN IMMEDIATE"), say)
            self._is_begun = True
        self.check()

    def check(self) -> None:
        """Raises TargetFailed where what is written now would stay alone, or be lost.

        SQLite has ended the transaction, or the file is not at its place any more: with a WAL SQLite does not notice,
        and what is committed would go into a file that nobody sees, or into the WAL of another one.
        """
        if not self._is_begun:
            return
        name = self.link.place.name
        if not self.link.connection.in_transaction:
            raise TargetFailed(f"{name} has rolled back what this run wrote")
        if _identity(self._key) != self._identity:
            raise TargetFailed(
                f"{name} was deleted, or another file took its place, while this run wrote into it: run it again"
            )

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """After an error all is as it was before."""
        self.check()
        self.link.execute("SAVEPOINT batch")
        try:
            yield
        except Exception as error:
            if self.link.connection.in_transaction:
                self.link.execute("ROLLBACK TO batch")
                self.link.execute("RELEASE batch")
            elif isinstance(error, sqlite3.IntegrityError):  # of a trigger, or ON CONFLICT ROLLBACK
                raise TargetFailed(f"{error}: all that this run wrote is rolled back") from error
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
            is_left_empty = self._is_made and not self._is_committed and self._has_no_table()
            self.link.close()
            if is_left_empty and not os.path.exists(f"{self._key}-wal"):  # nobody else has it open
                with suppress(OSError):
                    os.unlink(self._key)

    def _has_no_table(self) -> bool:
        """Whether nobody has made one, once what this run did is taken back."""
        try:
            if self.link.connection.in_transaction:
                self.link.execute("ROLLBACK")
            return bool(self.link.execute("PRAGMA schema_version").fetchone() == (0,))
        except sqlite3.Error:
            return False


def _identity(path: str) -> tuple[int, int] | None:
    """Which file is at a place; None where there is none, or the database is in memory."""
    with suppress(OSError):
        about = os.stat(path)
        return about.st_dev, about.st_ino
    return None


def _makes(path: str) -> bool:
    """Whether there was no file, and an empty one is there now. What is wrong with the path SQLite will say."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o644))
    except OSError:
        return False
    return True
