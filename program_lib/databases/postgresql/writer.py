"""Writes a table by COPY FROM, in the one transaction that a program has with its database."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg
import pyarrow as pa
from sqlalchemy.engine import URL

from program_lib.databases.around import Around, StatementFailed
from program_lib.databases.fitting import Target, check, fitted
from program_lib.databases.keys import Tally, check_no_null, match
from program_lib.databases.names import (
    Table,
    has,
    is_there_already,
    must_be_given,
    others_would_lose,
    spelt,
)
from program_lib.databases.postgresql import catalog
from program_lib.databases.postgresql.catalog import Facts
from program_lib.databases.postgresql.copying import ROWS_AT_ONCE, lines, row_of_line, writable
from program_lib.databases.postgresql.merging import Merge
from program_lib.databases.postgresql.native import NUMERIC_OID, declared, target, types_of
from program_lib.databases.postgresql.parameters import bound
from program_lib.databases.postgresql.reader import described
from program_lib.databases.postgresql.refusals import (
    OF_A_TRIGGER,
    are_alike,
    is_operational,
    may_be_of_one_row,
    names_what_is_not_there,
)
from program_lib.databases.postgresql.replacing import alone_among_runs, failing_unless_empty
from program_lib.databases.postgresql.sequences import NumberSequence
from program_lib.databases.postgresql.session import (
    quoted,
    quoted_table,
    words,
)
from program_lib.databases.postgresql.transaction import end_transaction, join_transaction
from program_lib.databases.turns import spelled_alike, turn_of
from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.types import Column, Kind, Schema
from program_lib.write_modes import KEYED, UPDATE

CREATE, APPEND, REPLACE = "create", "append", "replace"
_COUNTED = (Kind.INTEGER, Kind.DECIMAL, Kind.NUMERIC)  # what a sequence may number


class _TakenBack(Exception):
    """Ends a savepoint whose work shall not stay."""


@dataclass
class _Plan:
    """What is to be done to the table."""

    columns: list[str]  # as the table spells them, or will
    into: Table  # which COPY fills
    targets: dict[str, Target] = field(
        default_factory=dict
    )  # by column; of a table to be made later
    before: list[str] = field(default_factory=list)  # statements, before the first row
    after: list[str] = field(default_factory=list)  # statements, after the last row
    moving: str = ""  # the last one, from `into`, where all rows wait there
    sequences: list[NumberSequence] = field(default_factory=list)
    merge: Merge | None = None  # of a mode with a key: from `into`, after each batch
    is_begun: bool = False


class PostgresqlWriter:
    """Rows into one table.

    create: the table is new. append: it is there, and rows are added. replace: the rows take the place of those
    in it; keys, indexes, grants, triggers and defaults stay, and columns that it lacks are added. The modes of
    databases.keys: it is there, and rows are found by `key`.
    """

    def __init__(
        self,
        url: URL,
        table: str,
        mode: str,
        key: Sequence[str] = (),
        around: Around = Around(),  # noqa: B008 (it is frozen)
    ) -> None:
        assert mode in (CREATE, APPEND, REPLACE, *KEYED)
        self._url, self._written, self._mode = url, table, mode
        self._key_columns, self._around = key, around
        self.tally = Tally(mode)
        self._takes_none = False  # whether it is known that what stores rows works without any
        self._key = spelled_alike(url)

    @property
    def turn(self) -> tuple[int, int]:
        return turn_of(self._key)

    # ------------------------------------------------ before the rows

    def start(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._transaction = join_transaction(self._url)
        self._session = self._transaction.session
        self._transaction.around.join(lambda: self._run("before", self._around.before))
        self._place, self._is_there = self._find()
        place = self._place.schema, self._place.name
        tables = self._transaction.tables
        sharing = catalog.sharing_rows(self._session, self._place) if self._is_there else []
        tables.check_beside(sharing, self._mode, self._written)
        tables.claim(place, self._mode, self._written, self._key)
        self._transaction.bound_waits()
        if self._mode == REPLACE and self._is_there:
            self._check_nobody_loses()
        if self._mode in KEYED and catalog.has_heirs(self._session, self._place):
            raise ProgramError(
                f"other tables inherit from {self._written}, whose keys are not unique among theirs: choose append"
            )

    def _find(self) -> tuple[Table, bool]:
        if self._mode in (APPEND, *KEYED):
            return catalog.existing(self._session, self._written), True
        table = catalog.find(self._session, self._written)
        if table is None:
            return catalog.place_of_new(self._session, self._written), False
        if self._mode == CREATE:
            raise ProgramError(is_there_already(self._written))
        return table, True

    def _check_nobody_loses(self) -> None:
        if losing := catalog.losing_tables(self._session, self._place):
            raise ProgramError(others_would_lose(self._written, losing))
        if catalog.has_heirs(self._session, self._place):
            raise ProgramError(
                f"other tables inherit from {self._written}, and would lose their rows, too: choose append"
            )

    def open(self, schema: Schema) -> None:
        self._schema = schema
        self._plan = self._append() if self._is_there else self._create()

    def _create(self) -> _Plan:
        lines = self._definitions(schema := self._schema)
        statement = f"CREATE TABLE {quoted_table(self._place)} ({', '.join(lines)})"
        return _Plan(schema.names, self._place, before=[statement])

    def _definitions(self, schema: Schema) -> list[str]:
        for column in schema:
            catalog.check_name(column.name, "column")
        types = declared(self._session, [column.type for column in schema])
        return [
            f"{quoted(column.name)} {type_}{'' if column.is_nullable else ' NOT NULL'}"
            for column, type_ in zip(schema, types, strict=True)
        ]

    def _append(self) -> _Plan:
        """What is done to a table that is there."""
        facts = catalog.columns(self._session, self._place)
        there = [fact.name for fact in facts.values()]
        new = self._new_columns(there)  # may be NULL: rows of others may be there
        old = Schema(column for column in self._schema if column.name not in new.names)
        names = spelt(old.names, there, self._written)
        by_name = {fact.name: fact for fact in facts.values()}
        merge = self._merge(there, names) if self._mode in KEYED else None
        self._check_given(by_name, names if merge is None else merge.match.written)
        if self._mode != UPDATE:
            self._check_covered(by_name, names)
        targets = self._targets(self._place)
        for column, name in zip(old, names, strict=True):
            check(column.name, column.type, targets[name])
        spelt_names = dict(zip(old.names, names, strict=True))
        columns = [spelt_names.get(name, name) for name in self._schema.names]
        plan = _Plan(columns, self._place, targets)
        if self._mode != UPDATE:
            plan.sequences = self._sequences([n for n in names if by_name[n].has_default], targets)
        if merge is not None:
            plan.merge, plan.into = merge, merge.beside
            plan.before += merge.making(columns)
        if self._mode == REPLACE:
            self._add_replacing(plan, new)
        if plan.into == self._place:
            self._check_may_copy()
        return plan

    def _check_may_copy(self) -> None:
        if catalog.has_policies(self._session, self._place):
            who = catalog.who_heeds_no_policies(self._session, self._place)
            raise ProgramError(
                f"row level security is on for {self._written}, and PostgreSQL copies no rows into such a table: choose a"
                f" mode with a key, or {who}"
            )

    def _merge(self, there: list[str], given: list[str]) -> Merge:
        unique = catalog.unique_keys(self._session, self._place)
        found = match(self._mode, self._key_columns, given, there, unique, self._written)
        is_partitioned = catalog.is_partitioned(self._session, self._place)
        equal = catalog.equalities(self._session, self._place)
        return Merge(self._place, found, equal, tells_new=not is_partitioned)

    def _new_columns(self, there: list[str]) -> Schema:
        if self._mode != REPLACE:
            return Schema()
        return Schema(
            Column(column.name, column.type)
            for column in self._schema
            if not has(column.name, there, self._written)
        )

    def _check_given(self, facts: dict[str, Facts], names: Sequence[str]) -> None:
        for name in names:
            if why := facts[name].always:
                raise ProgramError(
                    f"the column {name} of {self._written} is {why}: its values cannot be given;"
                    " drop it with a Map before"
                )

    def _check_covered(self, facts: dict[str, Facts], names: Sequence[str]) -> None:
        for fact in facts.values():
            if fact.is_not_null and not fact.has_default and fact.name not in names:
                raise ProgramError(must_be_given(fact.name, self._written))

    def _targets(self, table: Table) -> dict[str, Target]:
        columns = described(self._session.prepared(f"SELECT * FROM {quoted_table(table)}"))
        types = types_of(self._session, [(column.oid, column.mod) for column in columns])
        within = catalog.made_of(self._session, table)
        return {
            column.name: target(
                column.name,
                type_,
                column.mod,
                column.oid == NUMERIC_OID,
                within.get(column.name, []),
            )
            for column, type_ in zip(columns, types, strict=True)
        }

    def _sequences(self, names: list[str], targets: dict[str, Target]) -> list[NumberSequence]:
        """Of columns of numbers: what a default makes of the next value for a text is not known."""
        found = {
            name: catalog.sequence_of(self._session, self._place, name)
            for name in names
            if targets[name].type.kind in _COUNTED
        }
        return [NumberSequence(of[0], name, of[1]) for name, of in found.items() if of]

    def _add_replacing(self, plan: _Plan, new: Schema) -> None:
        """DELETE, not TRUNCATE: a reader of the table goes on, and triggers fire.

        A new column takes a lock that a reader of this very program would never let go, so rows wait
        beside the table until all are read.
        """
        alone, emptying = (
            alone_among_runs(self._place),
            [f"DELETE FROM {quoted_table(self._place)}"],
        )
        if catalog.may_keep_rows(self._session, self._place):
            emptying.append(failing_unless_empty(self._place, self._written))
        if not new:
            plan.before += [*alone, *emptying]
            return
        beside = Table("pg_temp", f"rows_{secrets.token_hex(8)}", is_near=False)
        table, old = (
            quoted_table(self._place),
            [name for name in plan.columns if name not in new.names],
        )
        lines = [f"ADD COLUMN {line}" for line in self._definitions(new)]
        columns = ", ".join(map(quoted, plan.columns))
        plan.before += [
            f"CREATE TEMP TABLE {quoted(beside.name)} ON COMMIT DROP AS"
            f" SELECT {', '.join(map(quoted, old))} FROM {table} WITH NO DATA",
            f"ALTER TABLE {quoted_table(beside)} {', '.join(lines)}",
        ]
        plan.after += [
            *alone,
            f"ALTER TABLE {table} {', '.join(lines)}",
            *emptying,
        ]
        plan.moving = (
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {quoted_table(beside)}"
        )
        plan.into = beside

    # ------------------------------------------------ rows

    def write(self, table: pa.Table) -> None:
        self._begin()
        columns = self._fitted(table)
        try:
            with self._transaction.savepoint():
                found = self._stored(table, columns)
        except (RowRefused, psycopg.OperationalError):
            raise
        except (ProgramError, psycopg.Error) as error:
            self._check_takes_none(table, error)
            raise
        self.tally.add(len(table), found)
        for sequence in self._plan.sequences:
            sequence.see(columns[self._plan.columns.index(sequence.column)])

    def _check_takes_none(self, table: pa.Table, error: Exception) -> None:
        """Raises TargetFailed where what stores rows fails without any, too, by the same error, as by a rule, or a trigger of statements.

        Such a trigger may also fail for no row alone, as where it divides by their number. What it does, as to tell somebody,
        is taken back.
        """
        if self._takes_none or self._transaction.lost is not None:
            return
        none = table.slice(0, 0)
        try:
            with suppress(_TakenBack), self._transaction.savepoint():
                self._stored(none, self._fitted(none))
                raise _TakenBack
        except (TargetFailed, psycopg.OperationalError):
            raise
        except (ProgramError, psycopg.Error) as without:
            if are_alike(error, without):
                raise TargetFailed(words(without)) from without
        self._takes_none = True

    def _stored(self, table: pa.Table, columns: list[pa.Array]) -> int | None:
        """How many of the rows were found by their key; where the mode has none, how many the table did not take."""
        merge = self._plan.merge
        if merge is None:
            return len(table) - self._copy(columns)
        check_no_null(table, [self._plan.columns.index(name) for name in merge.match.key])
        merge.empty(self._session)
        self._copy(columns)
        try:
            return merge.run(self._session, len(table))
        except psycopg.Error as error:
            is_triggers = (error.sqlstate or "").startswith(OF_A_TRIGGER)
            if is_triggers or (may_be_of_one_row(error) and not is_operational(error)):
                raise ProgramError(words(error)) from error  # whose row is found by halves
            raise

    def told(self) -> str:
        return self.tally.told()

    def _fitted(self, table: pa.Table) -> list[pa.Array]:
        return [
            fitted(table[i], column.name, column.type, self._plan.targets[name])
            for i, (column, name) in enumerate(zip(self._schema, self._plan.columns, strict=True))
        ]

    def _begin(self) -> None:
        """Does what comes before the first row, once. Raises TargetFailed where the database refuses it: no row is at fault."""
        plan = self._plan
        if plan.is_begun:
            return
        try:
            with self._transaction.savepoint():
                self._transaction.around.run_before()
                for statement in plan.before:
                    self._session.execute(statement)
                if self._mode == REPLACE and self._is_there and not plan.moving:
                    self._check_nobody_loses()  # once more: our DELETE lets nobody come to refer to it
                if not plan.targets.keys() >= set(plan.columns):
                    plan.targets = self._targets(plan.into)
        except psycopg.OperationalError:
            raise
        except (psycopg.Error, ProgramError) as error:
            raise TargetFailed(words(error)) from error
        self._transaction.around.note_begun()
        plan.is_begun = True

    def _copy(self, columns: list[pa.Array]) -> int:
        """How many of the rows the table took: a trigger may keep some out."""
        names = ", ".join(map(quoted, self._plan.columns))
        statement = f"COPY {quoted_table(self._plan.into)} ({names}) FROM STDIN (FORMAT csv)"
        texts = [writable(values) for values in columns]
        table = pa.table(texts, names=[str(i) for i in range(len(texts))])
        cursor = self._session.connection.cursor()
        try:
            with cursor.copy(statement.encode()) as copy:
                for start in range(0, len(table), ROWS_AT_ONCE):
                    copy.write(lines(table.slice(start, ROWS_AT_ONCE)))
        except psycopg.Error as error:
            raise self._row_refused(error, texts) or error from error
        return cursor.rowcount

    def _row_refused(self, error: psycopg.Error, columns: list[pa.Array]) -> RowRefused | None:
        """The row that COPY's context names by its line; None where it names none, or only the one that waited.

        A trigger that names a table which is not there may fail at each row; behind the line would stand the column whose value does.
        """
        if is_operational(error) or not self._session.is_in_transaction:
            return None
        name = re.escape(self._plan.into.name)
        found = re.search(rf"^COPY {name}, \S+ (\d+)(,?)", error.diag.context or "", re.MULTILINE)
        if found is None or (names_what_is_not_there(error) and not found[2]):
            return None
        index = row_of_line(int(found[1]), columns)
        is_one = 0 <= index < len(columns[0])
        return RowRefused(index, words(error), error.diag.column_name) if is_one else None

    # ------------------------------------------------ after the rows

    def finish(self) -> None:
        self._begin()
        with self._transaction.savepoint():
            for statement in self._plan.after:
                self._session.execute(statement)
            if self._plan.moving:
                self._check_nobody_loses()  # as in _begin: this DELETE comes at the end
                self.tally.found = self.tally.rows - self._session.execute(self._plan.moving)
            for sequence in self._plan.sequences:
                self._set(sequence)
            self._transaction.finish(lambda: self._run("after", self._around.after))

    def _run(self, when: str, statement: str) -> None:
        """Raises StatementFailed, also where it is more than one statement."""
        if not statement:
            return
        try:
            text = bound(self._session, statement)
            self._session.prepared(text)
            self._session.execute(text)
        except (psycopg.Error, ProgramError) as error:
            raise StatementFailed(
                f"SQL {when} the rows of {self._written}: {words(error)}"
            ) from error

    def _set(self, sequence: NumberSequence) -> None:
        """The next value must be one that is not there; a sequence is never set back."""
        if sequence.last is None:
            return
        self._session.rows(
            "SELECT setval(seqrelid, %s) FROM pg_catalog.pg_sequence"
            " WHERE seqrelid = %s::regclass AND sign(seqincrement) * (%s"
            " - coalesce(pg_sequence_last_value(seqrelid), seqstart - sign(seqincrement))) > 0",
            [sequence.last, sequence.name, sequence.last],
        )

    def commit(self) -> None:
        self._transaction.commit()

    def undo(self) -> None:
        end_transaction(self._url)
