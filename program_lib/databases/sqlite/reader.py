"""Reads the rows of a query or a table of SQLite, as they stood when it was opened."""

from __future__ import annotations

import re
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

import pyarrow as pa

from program_lib.databases.sqlite.link import MEMORY, Link, Place, quoted
from program_lib.databases.sqlite.parameters import bound
from program_lib.databases.sqlite.tables import TableColumn, columns_of, find_table, there_is_no
from program_lib.databases.sqlite.types import type_by_classes, type_of
from program_lib.databases.sqlite.values import Gathering, Value
from program_lib.errors import ProgramError, RowRefused
from program_lib.files.data_files import check_database
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, BATCH_SECONDS, Uncounted
from program_lib.process import settings
from program_lib.texts import shown
from program_lib.two_threads import in_two_threads
from program_lib.types import Column, Schema, Type

Row = tuple[Value, ...]

MOST_ROWS = 2_000  # that are worked on at once: few enough to stay in the processor's caches
MOST_BYTES = (
    1 << 20
)  # of rows that are worked on at once, judged by those before; at first it is one row
STEP_ROWS = 64  # that are fetched before it is looked whether they come slowly, or are large:
STEP_SECONDS = 0.01  # then what came is worked on, since it may be more than MOST_BYTES
PREVIEWED = 1_000  # rows of a preview that tell the types of columns of which SQLite knows none
# For a table's count, which a page's percentage is worth and a run does not feel: about 1,000,000 rows
COUNT_SECONDS = 0.05
MOST_ANSWERS = 100_000  # rows of a PRAGMA or an EXPLAIN, which are held in memory

_COMMENTS = re.compile(r"(?:\s+|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))*", re.S)
_SELECTS = ("select", "with", "values")


class SqliteReader(Uncounted):
    """Implements program_lib.ports.Reader. It has a connection of its own, which can write nothing."""

    def __init__(
        self, where: str | Path, query: str | None = None, table: str | None = None
    ) -> None:
        """`where` is a path or a sqlite:// URL; one of query and table is given."""
        assert (query is None) != (table is None)
        self._place, self._query, self._table = Place.of(where), query, table
        self._link: Link | None = None
        self._rows: Rows | None = None

    def open(self) -> Schema:
        if self._place.path != MEMORY:
            check_database(self._place.path)
        self._link = link = Link(self._place, writes=False)
        with link.explained():
            self._rows = link.patiently(lambda: self._start(link))
        return self._rows.schema

    def _start(self, link: Link) -> Rows:
        if self._table is not None:
            return rows_of_table(link, self._table)
        assert self._query is not None
        return rows_of_query(link, bound(link, self._query))

    def batches(self) -> Iterator[pa.Table]:
        assert self._rows is not None, "open comes first"
        assert self._link is not None
        yield from self._rows.batches()
        self._link.check_same()

    def total(self) -> int | None:
        return None if self._rows is None else self._rows.total

    def where(self, number: int) -> str:
        return f"row {number:,}"

    def close(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None


# --- what is asked, and its types -----------------------------------------------------------------


def rows_of_table(link: Link, name: str) -> Rows:
    begin(link)
    table = find_table(link, name)
    if table is None:
        raise there_is_no(link, name)
    columns = decided(link, table.sql, table.columns)
    total = None if table.is_view or settings.is_preview() else counted(link, table.sql)
    return Rows(link, f"SELECT * FROM {table.sql}", columns, total)  # noqa: S608 (it is quoted)


def counted(link: Link, table: str) -> int | None:
    """How many rows a table has, in the state that is read; None where SQLite needs longer than COUNT_SECONDS."""
    watch = threading.Timer(COUNT_SECONDS, link.connection.interrupt)
    watch.name, watch.daemon = "sqlite-count", True
    watch.start()
    try:
        [(count,)] = link.execute(f"SELECT count(*) FROM {table}").fetchall()  # noqa: S608 (it is quoted)
        return int(count)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return None
    finally:  # what is asked next must not be interrupted
        watch.cancel()
        watch.join()


def rows_of_query(link: Link, query: str) -> Rows:
    """Raises ProgramError for what is no SELECT, PRAGMA or EXPLAIN, or changes something."""
    if not is_select(query):
        return _answers(link, query)
    begin(link)
    link.execute(f"EXPLAIN {query}").close()  # judged by the gate, before a view hides what it does
    return Rows(link, query, described(link, query))


def begin(link: Link) -> None:
    """What is read from now on is of one state."""
    if not link.connection.in_transaction:
        link.execute("BEGIN")


def is_select(query: str) -> bool:
    start = _COMMENTS.match(query)
    assert start is not None  # it matches nothing, too
    word = re.compile(r"\w*").match(query, start.end())
    return word is not None and word[0].lower() in _SELECTS


def described(link: Link, query: str) -> list[Column]:
    """The columns of a SELECT with their types: SQLite tells those of a view and a table alone."""
    view, table = (f"{what}_{secrets.token_hex(8)}" for what in ("view", "table"))
    with link.gate.describing(link.connection, view, table):
        link.execute(f"CREATE TEMP VIEW {view} AS {query}")
        try:
            columns = columns_of(link, view, "temp")
            if any(_tells_nothing(column) for column in columns):
                columns = _with_casts(link, view, table, columns)
            return decided(link, f"temp.{view}", columns)
        finally:
            link.execute(f"DROP VIEW IF EXISTS temp.{view}")  # out of memory, SQLite rolls it back


def _tells_nothing(column: TableColumn) -> bool:
    """SQLite from 3.41 on says BLOB of a query's column of which it knows nothing."""
    return column.declared in ("", "BLOB")


def _with_casts(
    link: Link, view: str, table: str, columns: Sequence[TableColumn]
) -> tuple[TableColumn, ...]:
    """Columns that are declared nowhere get the type to which the query casts them; "" where it does not."""
    made_like = f"CREATE TEMP TABLE {table} AS SELECT * FROM temp.{view} LIMIT 0"  # noqa: S608 (our names)
    link.execute(made_like)
    try:
        made = columns_of(link, table, "temp")
    finally:
        link.execute(f"DROP TABLE temp.{table}")
    return tuple(
        replace(column, declared=like.declared.replace("BLOB", ""))
        if _tells_nothing(column)
        else column
        for column, like in zip(columns, made, strict=True)
    )


def decided(link: Link, source: str, columns: Sequence[TableColumn]) -> list[Column]:
    """Columns with types: the declared one, else what all values are, which takes a look at every row of a run."""
    known = {column.name: type_of(column.declared) for column in columns}
    unknown = [name for name, of in known.items() if of is None]
    types = {name: of for name, of in known.items() if of is not None}
    types |= _by_their_values(link, source, unknown)
    return [
        Column(c.name, types[c.name], is_nullable=not (c.is_not_null or c.is_rowid))
        for c in columns
    ]


def _by_their_values(link: Link, source: str, names: Sequence[str]) -> dict[str, Type]:
    """Types of columns by typeof() of all their values, in the same transaction; for a preview, of the first ones."""
    if not names:
        return {}
    if settings.is_preview():
        source = f"(SELECT {', '.join(map(quoted, names))} FROM {source} LIMIT {PREVIEWED})"  # noqa: S608
    classes = ", ".join(f"group_concat(DISTINCT typeof({quoted(name)}))" for name in names)
    found = link.execute(f"SELECT {classes} FROM {source}").fetchone()  # noqa: S608
    return {
        name: _type_by_classes(name, frozenset((listed or "null").split(",")))
        for name, listed in zip(names, found, strict=True)
    }


def _type_by_classes(name: str, classes: frozenset[str]) -> Type:
    found = type_by_classes(classes)
    if found is None:
        mixed = " and ".join(sorted(classes - {"null"}))
        raise ProgramError(
            f"the column {name} declares no type, and holds values of {mixed}: "
            f"choose one in the SELECT, as in CAST({quoted(name)} AS TEXT)"
        )
    return found


def _answers(link: Link, query: str) -> Rows:
    """Of a PRAGMA or an EXPLAIN: few rows, whose values tell their types."""
    cursor = link.execute(query)
    if cursor.description is None:
        raise ProgramError("the query gives no rows: it must be a SELECT")
    rows = cursor.fetchmany(MOST_ANSWERS + 1)
    if len(rows) > MOST_ANSWERS:
        raise ProgramError(f"a PRAGMA may give {MOST_ANSWERS:,} rows at most")
    names = [name for name, *_ in cursor.description]
    values = list(zip(*rows, strict=True)) or [()] * len(names)
    classes = [frozenset(_CLASSES[type(value)] for value in column) for column in values]
    types = map(_type_by_classes, names, classes)
    return Rows(link, query, [Column(*column) for column in zip(names, types, strict=True)])


_CLASSES = {type(None): "null", int: "integer", float: "real", str: "text", bytes: "blob"}


# --- rows ------------------------------------------------------------------------------------------


class Rows:
    """The rows of a query, fetched a few at a time and handed on as tables."""

    def __init__(
        self, link: Link, query: str, columns: Sequence[Column], total: int | None = None
    ) -> None:
        self._link, self._query, self.total = link, query, total
        self._cursor = link.execute(query)
        names = [name for name, *_ in self._cursor.description]
        self.schema = Schema(  # by the query's own names: a view numbers those that are there twice
            replace(column, name=name) for column, name in zip(columns, names, strict=True)
        )
        self._arrow = self.schema.arrow()
        self._most = 1  # rows of the next fetch
        self._given = 0  # rows in tables that were handed on

    def batches(self) -> Iterator[pa.Table]:
        while (table := self._batch()) is not None:
            self._given += len(table)
            yield table

    def _batch(self) -> pa.Table | None:
        """Rows until one of the bounds of a batch is met; None at the end."""
        columns = [Gathering(column) for column in self.schema]
        count, size, ends = 0, 0, time.monotonic() + BATCH_SECONDS
        while count < BATCH_ROWS and size < BATCH_BYTES and not (count and time.monotonic() > ends):
            rows = self._fetch(min(self._most, BATCH_ROWS - count), count)
            if not rows:
                break
            values, width = list(chain.from_iterable(rows)), len(columns)
            taken = sum(columns[place].add(values[place::width]) for place in range(width))
            count, size = count + len(rows), size + taken
            self._most = max(
                1, min(MOST_ROWS, 2 * self._most, len(rows) * MOST_BYTES // (taken or 1))
            )
        if not count:
            return None
        return pa.table(in_two_threads(Gathering.finish, columns), schema=self._arrow)

    def _fetch(self, most: int, before: int) -> list[Row]:
        """The next rows; fewer than `most` where they come slowly. `before` are in this batch already."""
        rows: list[Row] = []
        ends = time.monotonic() + STEP_SECONDS
        try:
            with self._link.explained():
                while len(rows) < most and not (rows and time.monotonic() > ends):
                    step = self._cursor.fetchmany(min(STEP_ROWS, most - len(rows)))
                    if not step:
                        break
                    rows += step
        except sqlite3.OperationalError as error:
            if "decode to UTF-8" in str(error):
                raise self._not_utf8(before, most) from error
            raise
        return rows

    def _not_utf8(self, before: int, count: int) -> RowRefused:
        """Reads again, to find the row: the cursor is at its end after such an error."""
        connection = self._link.connection
        connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        try:
            rows = connection.execute(self._query)
            start = self._given + before
            for index, row in enumerate(islice(rows, start, start + count)):
                for value, column in zip(row, self.schema, strict=True):
                    if isinstance(value, str) and _ESCAPED.search(value):
                        return RowRefused(before + index, _not_text(value), column.name)
        finally:
            connection.text_factory = str
        return RowRefused(before, "one of the next rows holds a text that is not UTF-8")


_ESCAPED = re.compile("[\udc80-\udcff]")  # what surrogateescape makes of a byte that is no UTF-8


def _not_text(value: str) -> str:
    raw = value.encode(errors="surrogateescape")
    cut = shown(raw.decode(errors="backslashreplace"))
    return f"the text {cut} is not UTF-8; CAST(… AS BLOB) reads its bytes"
