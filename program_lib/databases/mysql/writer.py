"""Writes a table of MariaDB or MySQL by INSERT of many rows at once; all or nothing, though DDL commits there.

append and replace work in one transaction of all writers into one database. A new table is filled under another
name, by a connection of its own, and gets its name when all that can fail has been done: docs/databases.md.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pymysql
from pymysql.constants import ER
from sqlalchemy.engine import URL

from program_lib.databases.fitting import check, fitted
from program_lib.databases.keys import Tally, check_no_null, match
from program_lib.databases.lost import TransactionLost
from program_lib.databases.mysql import catalog
from program_lib.databases.mysql.catalog import Declared
from program_lib.databases.mysql.literals import rows_of_literals
from program_lib.databases.mysql.merging import Merge
from program_lib.databases.mysql.native import declared, target
from program_lib.databases.mysql.session import READING, Session, quoted, quoted_table, words
from program_lib.databases.mysql.transaction import end_transaction, join_transaction
from program_lib.databases.names import (
    Table,
    is_there_already,
    must_be_given,
    others_would_lose,
    spelt,
)
from program_lib.databases.turns import spelled_alike, turn_of
from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.types import Schema
from program_lib.write_modes import KEYED, UPDATE

CREATE, APPEND, REPLACE = "create", "append", "replace"
STATEMENT_BYTES = 1024 * 1024  # of an INSERT, about: longer ones are not faster
PACKET_REST = 64  # bytes of a packet beside its statement, with room to spare
HELPER = "job_rows_"  # begins the name that a new table has until its rows are complete

# What a trigger's table, routine or definer lacks shows with rows alone, and so does a right, or a share, that ends meanwhile
_OF_NO_ROW = {
    *(ER.DBACCESS_DENIED_ERROR, ER.TABLEACCESS_DENIED_ERROR, ER.COLUMNACCESS_DENIED_ERROR),
    *(ER.SPECIFIC_ACCESS_DENIED_ERROR, ER.PROCACCESS_DENIED_ERROR, ER.USER_LIMIT_REACHED),
    *(ER.NO_SUCH_TABLE, ER.SP_DOES_NOT_EXIST, ER.NO_SUCH_USER),
}
_ROW = re.compile(r" at row (\d+)$")


class MysqlWriter:
    """Rows into one table.

    create: the table is new. append: it is there, and rows are added. replace: the rows take the place of those in it.
    The modes of databases.keys: it is there, and rows are found by `key`.
    """

    def __init__(self, url: URL, table: str, mode: str, key: Sequence[str] = ()) -> None:
        assert mode in (CREATE, APPEND, REPLACE, *KEYED)
        self._url, self._written, self._mode = url, table, mode
        self._key_columns = key
        self._merge: Merge | None = None  # of a mode with a key, once the columns are known
        self.tally = Tally(mode)
        self._is_begun = False  # whether what comes before the first row is done
        self._key = spelled_alike(url)

    @property
    def turn(self) -> tuple[int, int]:
        return turn_of(self._key)

    # ------------------------------------------------ before the rows

    def start(self, say: Callable[[str], None]) -> None:
        self._transaction = join_transaction(self._url)
        self._session = self._transaction.rows
        self._place, self._is_there = self._find()
        place = self._place.schema, self._place.name
        self._transaction.tables.claim(place, self._mode, self._written, self._key)
        if self._is_there:
            self._transaction.has_rows = True
            self._check_all_or_nothing(self._session)
        if self._mode == REPLACE and self._is_there:
            self._check_nobody_loses(self._session)

    def _find(self) -> tuple[Table, bool]:
        if self._mode in (APPEND, *KEYED):
            return catalog.existing(self._session, self._written), True
        table = catalog.find(self._session, self._written)
        if table is None:
            return catalog.place_of_new(self._session, self._written), False
        if self._mode == CREATE:
            raise ProgramError(is_there_already(self._written))
        return table, True

    def _check_all_or_nothing(self, session: Session) -> None:
        if why := catalog.why_not_all_or_nothing(session, self._place):
            raise ProgramError(f"the table {self._written} {why}")

    def _check_nobody_loses(self, session: Session) -> None:
        if losing := catalog.losing_tables(session, self._place):
            raise ProgramError(others_would_lose(self._written, losing))

    def open(self, schema: Schema) -> None:
        self._schema = schema
        if self._is_there:
            self._into, self._names = self._place, self._checked_names()
        else:
            self._into, self._names = self._made(), schema.names
        self._columns = catalog.columns(self._session, self._into)
        there = {column.name: target(column) for column in self._columns}
        self._targets = [there[name] for name in self._names]
        for column, column_target in zip(schema, self._targets, strict=True):
            check(column.name, column.type, column_target)
        if self._merge is not None:
            self._into = self._merge.beside
            self._merge.make(self._session, self._names)

    def _checked_names(self) -> list[str]:
        there = self._named(self._place)
        names = spelt(self._schema.names, list(there), self._written)
        if self._mode in KEYED:
            unique = catalog.unique_keys(self._session, self._place)
            found = match(self._mode, self._key_columns, names, list(there), unique, self._written)
            self._merge = Merge(self._place, found)
        for name in names if self._merge is None else self._merge.match.written:
            if there[name].is_generated:
                raise ProgramError(
                    f"the column {name} of {self._written} is GENERATED: its values cannot be given;"
                    " drop it with a Map before"
                )
        if self._mode != UPDATE:
            self._check_covered(there, names)
        return names

    def _check_covered(self, there: dict[str, Declared], names: list[str]) -> None:
        for column in there.values():
            is_needed = not (column.is_nullable or column.has_default or column.is_generated)
            if is_needed and column.name not in names:
                raise ProgramError(must_be_given(column.name, self._written))

    def _named(self, table: Table) -> dict[str, Declared]:
        return {column.name: column for column in catalog.columns(self._session, table)}

    def _made(self) -> Table:
        """The new table, under another name. It is made before any row is written, since DDL commits."""
        self._session = session = self._transaction.for_new_tables()
        lines = self._definitions(session.is_mariadb)
        made = Table(self._place.schema, f"{HELPER}{secrets.token_hex(8)}", is_near=False)
        self._transaction.helpers[made] = self._place
        session.execute(
            f"CREATE TABLE {quoted_table(made)} ({', '.join(lines)}) ENGINE=InnoDB CHARACTER SET utf8mb4"
        )
        return made

    def _definitions(self, is_mariadb: bool) -> list[str]:
        for column in self._schema:
            catalog.check_name(column.name, "column")
        types = declared([column.type for column in self._schema], is_mariadb)
        return [
            f"{quoted(column.name)} {type_} {'NULL' if column.is_nullable else 'NOT NULL'}"
            for column, type_ in zip(self._schema, types, strict=True)
        ]

    # ------------------------------------------------ rows

    def write(self, table: pa.Table) -> None:
        if self._transaction.lost is not None:
            raise self._transaction.lost
        values = [
            fitted(table[i], column.name, column.type, column_target)
            for i, (column, column_target) in enumerate(
                zip(self._schema, self._targets, strict=True)
            )
        ]
        if self._merge is not None:
            check_no_null(table, [self._names.index(name) for name in self._merge.match.key])
        rows = rows_of_literals(values, [column_target.type for column_target in self._targets])
        self._check_sizes(rows)
        try:
            self._begin()
            found = self._insert(rows)
        except TransactionLost as error:
            self._transaction.lost = error
            raise
        self.tally.add(len(table), found)

    def told(self) -> str:
        return self.tally.told() if self._mode in KEYED else ""

    def _insert(self, rows: pa.Array) -> int | None:
        """How many of the rows were found by their key, where the mode has one."""
        self._session.execute("SAVEPOINT batch")
        start, found, merge = 0, None, self._merge
        try:
            if merge is not None:
                merge.empty(self._session)
            for part in _parts(rows, min(STATEMENT_BYTES, self._room())):
                self._session.execute(self._inserting(f"VALUES {','.join(part.to_pylist())}"))
                start += len(part)
            if merge is not None:
                found = merge.run(self._session, len(rows))
        except pymysql.Error as error:
            self._session.execute("ROLLBACK TO SAVEPOINT batch")
            are_merged = start == len(rows)  # of which a statement has an order of its own
            raise self._refused(error, None if are_merged else start) from error
        self._session.execute("RELEASE SAVEPOINT batch")
        return found

    def _inserting(self, rows: str) -> str:
        names = ", ".join(map(quoted, self._names))
        same = "" if self._merge is None else self._merge.same_key
        return f"INSERT INTO {quoted_table(self._into)} ({names}) {rows}{same}"

    def _begin(self) -> None:
        """Stores no row, so that nobody changes the table from now on, looks whether somebody has, and empties it for `replace`.

        Raises TargetFailed where the table is another one, is gone, or may not be written: no row is at fault.
        """
        if self._is_begun:
            return
        nothing = ", ".join(["NULL"] * len(self._names))
        try:
            self._session.execute(self._inserting(f"SELECT {nothing} FROM DUAL WHERE FALSE"))
            if self._merge is not None:
                self._merge.run(self._session, 0)
            if self._is_there:
                self._check_is_as_it_was()
                if self._mode == REPLACE:
                    self._session.execute(f"DELETE FROM {quoted_table(self._into)}")
        except (pymysql.Error, ProgramError) as error:
            raise TargetFailed(self._said(error)) from error
        self._is_begun = True

    def _check_is_as_it_was(self) -> None:
        """Another column type, or another engine, would change values, or not take them back."""
        with self._seeing_what_is() as session:
            self._check_all_or_nothing(session)
            if self._mode == REPLACE:
                self._check_nobody_loses(session)
            if catalog.columns(session, self._place) != self._columns:
                raise ProgramError(
                    f"the columns of {self._written} were changed after this run had looked at them: run it again"
                )

    @contextmanager
    def _seeing_what_is(self) -> Iterator[Session]:
        """MySQL 8 keeps its catalog in tables of InnoDB: a transaction sees it as it was when it first looked."""
        if self._session.is_mariadb:
            yield self._session
            return
        session = Session(self._url, READING)
        try:
            yield session
        finally:
            session.close()

    def _said(self, error: Exception) -> str:
        return words(error).replace(self._into.name, self._place.name)

    def _refused(self, error: pymysql.Error, start: int | None) -> ProgramError:
        """With the row where the server names it: it counts those of the statement, which begins at `start`."""
        said = self._said(error)
        if error.args[0] in _OF_NO_ROW:
            return TargetFailed(said)
        found = _ROW.search(said)
        if found is None or start is None:
            return ProgramError(said)
        return RowRefused(start + int(found[1]) - 1, said[: found.start()])

    def _check_sizes(self, rows: pa.Array) -> None:
        """The server would drop the connection of a statement that is too long for it."""
        most, sizes = self._room(), pc.binary_length(rows)
        if pc.max(sizes).as_py() > most:
            index = pc.index(pc.greater(sizes, most), True).as_py()
            takes = sizes[index].as_py() + self._transaction.packet_bytes - most
            raise RowRefused(
                index,
                f"a statement with the row alone takes {takes:,} bytes, and the server's"
                f" max_allowed_packet is {self._transaction.packet_bytes:,}",
            )

    def _room(self) -> int:
        """Bytes of rows in a statement, at most."""
        beside = len(self._inserting("VALUES ").encode()) + PACKET_REST
        return self._transaction.packet_bytes - beside

    # ------------------------------------------------ after the rows

    def finish(self) -> None:
        if self._transaction.lost is not None:
            raise self._transaction.lost
        if self._mode == REPLACE:
            self._begin()
        try:
            # nobody sees a new table yet; else an answer says that the transaction is still there
            self._session.execute("DO 1" if self._is_there else "COMMIT")
        except pymysql.Error as error:
            raise ProgramError(words(error)) from error

    def commit(self) -> None:
        try:
            self._transaction.commit()
        except pymysql.Error as error:
            raise ProgramError(words(error)) from error

    def undo(self) -> None:
        end_transaction(self._url)


def _parts(rows: pa.Array, most: int) -> Iterator[pa.Array]:
    """As many rows as take so many bytes with commas between them, at least one."""
    ends = pc.cumulative_sum(pc.add(pc.cast(pc.binary_length(rows), pa.int64()), 1)).to_pylist()
    start, begin = 0, 0
    for i, end in enumerate(ends):
        if end - begin > most and i > start:
            yield rows.slice(start, i - start)
            start, begin = i, ends[i - 1]
    yield rows.slice(start)
