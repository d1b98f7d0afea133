"""Databases that the operator adds a driver for: rows come and go by SQLAlchemy.

What its types do not tell exactly is refused. docs/databases.md says what differs from PostgreSQL and MariaDB.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID as PythonUuid

import pyarrow as pa
import sqlalchemy
from sqlalchemy.dialects import mssql, mysql, oracle
from sqlalchemy.engine import URL, Connection, CursorResult
from sqlalchemy.types import TypeEngine

from program_lib.databases.fitting import SECOND_DIGITS, Target, check, fitted
from program_lib.databases.names import Table, find_table, is_there_already, no_table, spelt
from program_lib.databases.turns import spelled_alike, turn_of
from program_lib.errors import ProgramError, RowRefused
from program_lib.parameters import taken
from program_lib.parameters.placeholders import POSTGRESQL, placeholders
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, BATCH_SECONDS, Uncounted, WritesAll
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    MAX_DIGITS,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
    listed,
)
from program_lib.write_modes import KEYED

CREATE, APPEND, REPLACE = "create", "append", "replace"
FETCHED = 1_000  # rows at a time
READ_ONLY = {"oracle": "SET TRANSACTION READ ONLY", "cockroachdb": "SET TRANSACTION READ ONLY"}


# --- types -------------------------------------------------------------------------------------------

_BY_CLASS: list[tuple[type[TypeEngine[Any]], Type]] = [
    (sqlalchemy.Boolean, BOOLEAN),
    (sqlalchemy.SmallInteger, replace(INTEGER, bits=16)),
    (sqlalchemy.BigInteger, INTEGER),
    (sqlalchemy.Integer, replace(INTEGER, bits=32)),
    (sqlalchemy.Float, DOUBLE),
    (sqlalchemy.Uuid, UUID),
    (sqlalchemy.LargeBinary, BYTES),
    (sqlalchemy.types._Binary, BYTES),
    (sqlalchemy.Date, DATE),
    (sqlalchemy.Time, TIME),
]


def type_of(type_: TypeEngine[Any]) -> Type | None:
    """What a reflected type holds; None where that is not known here."""
    if isinstance(type_, sqlalchemy.Numeric) and not isinstance(type_, sqlalchemy.Float):
        return _number(type_.precision, type_.scale)
    if isinstance(type_, sqlalchemy.String):
        return replace(TEXT, length=type_.length, is_padded=isinstance(type_, sqlalchemy.CHAR))
    if isinstance(type_, sqlalchemy.DateTime):
        return TIMESTAMPTZ if type_.timezone else TIMESTAMP
    return next((ours for theirs, ours in _BY_CLASS if isinstance(type_, theirs)), None)


def _number(precision: int | None, scale: int | None) -> Type:
    if precision is None or scale is None or not 0 <= scale <= precision <= MAX_DIGITS:
        return NUMERIC
    return decimal(precision, scale)


def type_of_code(connection: Connection, column: Sequence[Any]) -> Type | None:
    """What a driver says of a column of a result (PEP 249); None where it does not tell."""
    code, precision, scale = column[1], column[4], column[5]
    if isinstance(code, type):
        return _number(precision, scale) if code is Decimal else _BY_PYTHON.get(code)
    dbapi = connection.dialect.dbapi
    kinds = {"STRING": TEXT, "BINARY": BYTES, "NUMBER": _number(precision, scale)}
    return next(
        (type_ for name, type_ in kinds.items() if code == getattr(dbapi, name, None)), None
    )


_BY_PYTHON: dict[type, Type] = {
    bool: BOOLEAN,
    int: INTEGER,
    float: DOUBLE,
    str: TEXT,
    bytes: BYTES,
    bytearray: BYTES,
    datetime.date: DATE,
    datetime.time: TIME,
    datetime.datetime: TIMESTAMP,
    PythonUuid: UUID,
}

# what Time() and DateTime() alone become there has no fraction of a second, or a rounded one
_TIME = sqlalchemy.Time().with_variant(mysql.TIME(fsp=SECOND_DIGITS), "mysql", "mariadb")
_TIMESTAMP = (
    sqlalchemy.DateTime()
    .with_variant(mysql.DATETIME(fsp=SECOND_DIGITS), "mysql", "mariadb")
    .with_variant(mssql.DATETIME2(SECOND_DIGITS), "mssql")  # type: ignore[no-untyped-call]
    .with_variant(oracle.TIMESTAMP(), "oracle")
)

_DECLARED: dict[Kind, Callable[[Type], TypeEngine[Any]]] = {
    Kind.BOOLEAN: lambda type_: sqlalchemy.Boolean(),
    Kind.INTEGER: lambda type_: {16: sqlalchemy.SmallInteger(), 32: sqlalchemy.Integer()}.get(
        type_.bits, sqlalchemy.BigInteger()
    ),
    Kind.DECIMAL: lambda type_: sqlalchemy.Numeric(type_.precision, type_.scale),
    Kind.DOUBLE: lambda type_: sqlalchemy.Double(),
    Kind.BYTES: lambda type_: sqlalchemy.LargeBinary(),
    Kind.DATE: lambda type_: sqlalchemy.Date(),
    Kind.TIME: lambda type_: _TIME,
    Kind.TIMESTAMP: lambda type_: _TIMESTAMP,
    Kind.TIMESTAMPTZ: lambda type_: sqlalchemy.DateTime(timezone=True),
    Kind.TEXT: lambda type_: sqlalchemy.String(type_.length) if type_.length else sqlalchemy.Text(),
}


def declared(type_: Type) -> TypeEngine[Any]:
    """How a new table declares a type; numbers without a scale, and what is known to one database alone, are texts."""
    make = _DECLARED.get(type_.kind)
    return make(type_) if make else sqlalchemy.Text()


# --- values ------------------------------------------------------------------------------------------


def column_of(values: Sequence[Any], column: Column) -> pa.Array:
    """A column of a driver's values. Raises RowRefused for the first that its type does not have."""
    exact = _EXACT.get(column.type.kind, str)
    made = []
    for index, value in enumerate(values):
        try:
            made.append(None if value is None else exact(value))
        except (ValueError, ArithmeticError):
            said = f"{value!r:.60} is a {type(value).__name__}, and the column is {column.type}"
            raise RowRefused(index, said, column.name) from None
    try:
        return pa.array(made, column.type.arrow())
    except (pa.ArrowInvalid, OverflowError):
        return pa.array([_one(made, i, column) for i in range(len(made))], column.type.arrow())


def _one(values: list[Any], index: int, column: Column) -> Any:
    try:
        pa.array([values[index]], column.type.arrow())
    except (pa.ArrowInvalid, OverflowError):
        said = f"{values[index]!s:.60} does not fit into {column.type}"
        raise RowRefused(index, said, column.name) from None
    return values[index]


def _of(*classes: type) -> Callable[[Any], Any]:
    def exact(value: Any) -> Any:
        if type(value) not in classes:
            raise ValueError
        return value

    return exact


def _whole(value: Any) -> int:
    if isinstance(value, float) or int(value) != value:
        raise ValueError
    return int(value)


def _truth(value: Any) -> bool:
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _digits(value: Any) -> str:
    return format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")


def _decimal(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(str(value))


def _naive(value: Any) -> datetime.datetime:
    if type(value) is not datetime.datetime or value.tzinfo is not None:
        raise ValueError
    return value


def _instant(value: Any) -> datetime.datetime:
    if type(value) is not datetime.datetime or value.tzinfo is None:
        raise ValueError
    return value


def _day(value: Any) -> datetime.date:
    if isinstance(value, datetime.datetime):
        if value.time() != datetime.time() or value.tzinfo is not None:
            raise ValueError
        return value.date()
    if type(value) is not datetime.date:
        raise ValueError
    return value


_EXACT: dict[Kind, Callable[[Any], Any]] = {
    Kind.BOOLEAN: _truth,
    Kind.INTEGER: _whole,
    Kind.DECIMAL: _decimal,
    Kind.NUMERIC: _digits,
    Kind.DOUBLE: _of(float),
    Kind.TEXT: _of(str),
    Kind.BYTES: bytes,
    Kind.DATE: _day,
    Kind.TIME: _of(datetime.time),
    Kind.TIMESTAMP: _naive,
    Kind.TIMESTAMPTZ: _instant,
}


# --- names -------------------------------------------------------------------------------------------


def _connected(url: URL) -> Connection:
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect()


def _tables(connection: Connection, written: str) -> list[Table]:
    """The tables and views that a name may mean."""
    inspector = sqlalchemy.inspect(connection)
    here = [*inspector.get_table_names(), *inspector.get_view_names()]
    found = [Table("", name, is_near=True) for name in here]
    schema, dot, _ = written.partition(".")
    if dot and schema in inspector.get_schema_names():
        there = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        found += [Table(schema, name, is_near=False) for name in there]
    return found


def _existing(connection: Connection, written: str) -> Table:
    tables = _tables(connection, written)
    table = find_table(written, tables)
    if table is None:
        raise ProgramError(no_table(written, tables))
    return table


def _reflected(connection: Connection, table: Table) -> sqlalchemy.Table:
    found = sqlalchemy.Table(
        table.name, sqlalchemy.MetaData(), schema=table.schema or None, autoload_with=connection
    )
    for column in found.columns:
        if isinstance(column.type, sqlalchemy.Float):
            column.type.asdecimal = False  # it would cut doubles after ten digits
    return found


def _unknown(name: str, spelt_type: object) -> ProgramError:
    return ProgramError(
        f"the column {name} is {spelt_type}, which is not carried from or into this kind of database:"
        " make it a text or a number, in SQL by CAST"
    )


# --- reading -----------------------------------------------------------------------------------------


class OtherReader(Uncounted):
    """Rows of a query or a table."""

    def __init__(self, url: URL, query: str | None, table: str | None) -> None:
        assert (query is None) != (table is None)
        self._url, self._query, self._table = url, query, table
        self._connection: Connection | None = None

    def open(self) -> Schema:
        self._connection = connection = _connected(self._url)
        if command := READ_ONLY.get(self._url.get_backend_name()):
            connection.exec_driver_sql(command)
        options = connection.execution_options(stream_results=True, max_row_buffer=FETCHED)
        if self._table is not None:
            table = _reflected(connection, _existing(connection, self._table))
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
                Column(name, _known(name, type_, theirs), nullable is not False)
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


def _known(name: str, type_: Type | None, theirs: object) -> Type:
    if type_ is None:
        raise _unknown(name, theirs)
    return type_


# --- writing -----------------------------------------------------------------------------------------


@dataclass
class Shared:
    """The transaction of all writers into one database, and the tables that were made for them."""

    connection: Connection
    made: list[sqlalchemy.Table] = field(default_factory=list)
    is_committed: bool = False

    def close(self) -> None:
        """Takes back what is not committed. Never raises."""
        with suppress(Exception):
            self.connection.close()
        if not self.is_committed:
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
            _SHARED[self._key] = Shared(_connected(self._url))
        self._shared = _SHARED[self._key]
        self._connection = self._shared.connection
        if self._mode == APPEND:
            self._there: Table | None = _existing(self._connection, self._written)
        else:
            self._there = find_table(self._written, _tables(self._connection, self._written))
        if self._mode == CREATE and self._there is not None:
            raise ProgramError(is_there_already(self._written))

    def open(self, schema: Schema) -> None:
        self._schema = schema
        if self._there is None:
            self._into = self._made()
            self._names = schema.names
        else:
            self._into = _reflected(self._connection, self._there)
            self._names = spelt(schema.names, list(self._into.columns.keys()), self._written)
        self._is_emptied = self._there is None or self._mode == APPEND
        there = _reflected(self._connection, self._there or self._place())
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
            _python(fitted(table[i], column.name, column.type, target), target.type)
            for i, (column, target) in enumerate(zip(self._schema, self._targets, strict=True))
        ]
        rows = [dict(zip(self._names, row, strict=True)) for row in zip(*columns, strict=True)]
        was_emptied = self._is_emptied
        try:
            with self._connection.begin_nested():
                self._empty()
                self._connection.execute(self._into.insert(), rows)
        except sqlalchemy.exc.SQLAlchemyError:
            self._is_emptied = was_emptied
            raise

    def _empty(self) -> None:
        if not self._is_emptied:
            self._connection.execute(self._into.delete())
            self._is_emptied = True

    def finish(self) -> None:
        self._empty()

    def commit(self) -> None:
        if not self._shared.is_committed:
            self._connection.commit()
            self._shared.is_committed = True

    def undo(self) -> None:
        if shared := _SHARED.pop(self._key, None):
            shared.close()


def _target(column: sqlalchemy.Column[Any]) -> Target:
    type_ = _known(column.name, type_of(column.type), column.type)
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


def _python(values: pa.Array, type_: Type) -> list[Any]:
    """The values as a driver takes them."""
    made: list[Any] = values.to_pylist()
    if type_.kind is Kind.NUMERIC:
        return [None if value is None else Decimal(value) for value in made]
    if type_.kind is Kind.UUID:
        return [None if value is None else PythonUuid(value) for value in made]
    return made
