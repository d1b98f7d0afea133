"""Reads a table or a query from MariaDB or MySQL by a cursor that streams."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
from pymysql.constants import ER, FIELD_TYPE
from pymysql.cursors import SSCursor
from pymysql.protocol import FieldDescriptorPacket
from sqlalchemy.engine import URL

from program_lib.databases.mysql import catalog
from program_lib.databases.mysql.catalog import Declared
from program_lib.databases.mysql.native import type_of_declared, type_of_field
from program_lib.databases.mysql.parameters import streaming
from program_lib.databases.mysql.session import READING, Session, quoted, quoted_table
from program_lib.databases.names import Table
from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import BATCH_BYTES, BATCH_ROWS, BATCH_SECONDS, Uncounted
from program_lib.texts import parse_column
from program_lib.types import TIMESTAMP, Column, Kind, Schema, Type

Row: TypeAlias = Sequence[str | bytes | None]

FIRST_ROWS, MOST_ROWS = 16, 1_000  # that are fetched at once; then as many as are PART_BYTES
PART_BYTES = 1024 * 1024
# Warnings of a text that GROUP_CONCAT and the like cut, and of one beyond max_allowed_packet, which is NULL
_CUT = (ER.CUT_VALUE_GROUP_CONCAT, ER.WARN_ALLOWED_PACKET_OVERFLOWED)


class MysqlReader(Uncounted):
    """Rows of a query or a table, all as of the moment of `open`: program_lib.nodes.early.Waiting."""

    def __init__(self, url: URL, query: str | None, table: str | None) -> None:
        assert (query is None) != (table is None)
        self._url, self._query, self._table = url, query, table
        self._session: Session | None = None

    def open(self) -> Schema:
        self._session = session = Session(self._url, READING)
        if self._table is not None:
            self._open_table(session, catalog.existing(session, self._table))
        else:
            assert self._query is not None
            self._run(streaming(session, self._query))
            types = [_type(field, declared) for field, declared in self._origins()]
            self._schema = _schema(
                Column(field.name, type_) for field, type_ in zip(self._fields, types, strict=True)
            )
        return self._schema

    def _open_table(self, session: Session, table: Table) -> None:
        columns = [
            column for column in catalog.columns(session, table) if "INVISIBLE" not in column.extra
        ]
        listed = ", ".join(map(_selected, columns))
        self._run(session.streaming(f"SELECT {listed} FROM {quoted_table(table)}"))
        self._schema = _schema(
            Column(column.name, type_of_declared(column), column.is_nullable) for column in columns
        )

    def _run(self, cursor: SSCursor) -> None:
        self._cursor = cursor
        result = cursor._result
        if result is None or not result.field_count:
            raise ProgramError("the query gives no rows: it must be a SELECT")
        self._fields: list[FieldDescriptorPacket] = result.fields

    def _origins(self) -> list[tuple[FieldDescriptorPacket, Declared | None]]:
        """Each column of the query with the column of a table that it is, if it is one.

        Asked on a connection of its own: this one is sending rows.
        """
        tables = {_table_of(field) for field in self._fields} - {None}
        if not tables:
            return [(field, None) for field in self._fields]
        with_types = Session(self._url, READING)
        try:
            found = {
                (table, column.name): column
                for table in tables
                if table is not None
                for column in catalog.columns(with_types, table)
            }
        finally:
            with_types.close()
        return [
            (field, found.get((table, field.org_name)) if (table := _table_of(field)) else None)
            for field in self._fields
        ]

    def batches(self) -> Iterator[pa.Table]:
        parts: list[pa.Table] = []
        since = time.monotonic()
        for part in self._parts():
            parts.append(part)
            rows, size = sum(map(len, parts)), sum(part.nbytes for part in parts)
            is_late = time.monotonic() - since >= BATCH_SECONDS
            if rows + MOST_ROWS > BATCH_ROWS or size >= BATCH_BYTES or is_late:
                yield self._typed(pa.concat_tables(parts))
                parts, since = [], time.monotonic()
        if parts:
            yield self._typed(pa.concat_tables(parts))
        self.close()

    def _parts(self) -> Iterator[pa.Table]:
        """Some rows at a time, as the server sends them."""
        count = FIRST_ROWS
        names = [str(i) for i in range(len(self._fields))]
        types = [_raw_type(column.type, field) for column, field in self._columns()]
        while rows := self._cursor.fetchmany(count):
            columns = zip(*rows, strict=True)
            part = pa.table(
                [pa.array(values, type_) for values, type_ in zip(columns, types, strict=True)],
                names=names,
            )
            yield part
            count = max(1, min(MOST_ROWS, PART_BYTES * len(rows) // max(1, part.nbytes)))
        self._check_not_cut()

    def _check_not_cut(self) -> None:
        """Of a value that it has no room for the server sends the beginning, or NULL, and a warning after the last row."""
        assert self._session is not None
        result = self._cursor._result
        if result is None or not result.warning_count:
            return
        for _, code, said in self._session.rows("SHOW WARNINGS"):
            if int(code) in _CUT:
                raise ProgramError(f"a value of the query is cut: {said}")

    def _columns(self) -> Iterator[tuple[Column, FieldDescriptorPacket]]:
        return zip(self._schema, self._fields, strict=True)

    def _typed(self, raw: pa.Table) -> pa.Table:
        columns = [
            _parsed(raw[i].combine_chunks(), column, field)
            for i, (column, field) in enumerate(self._columns())
        ]
        return pa.table(columns, schema=self._schema.arrow())

    def where(self, number: int) -> str:
        return f"row {number:,}"

    def interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()


def _schema(columns: Iterator[Column]) -> Schema:
    try:
        return Schema(columns)
    except ValueError as error:
        raise ProgramError(str(error)) from None


def _selected(column: Declared) -> str:
    """A float is sent with six digits, unless it is a double."""
    name = quoted(column.name)
    return f"CAST({name} AS DOUBLE) AS {name}" if column.base == "float" else name


def _table_of(field: FieldDescriptorPacket) -> Table | None:
    schema = field.db.decode() if isinstance(field.db, bytes) else field.db
    return Table(schema, field.org_table, is_near=False) if schema and field.org_table else None


def _type(field: FieldDescriptorPacket, declared: Declared | None) -> Type:
    if field.type_code == FIELD_TYPE.FLOAT:
        raise ProgramError(
            f"the column {field.name} is a float, of which the server sends six digits only:"
            f" write CAST({field.name} AS DOUBLE) AS {field.name} in the query"
        )
    by_field = type_of_field(field)
    if declared is None:
        return by_field
    by_table = type_of_declared(declared)
    is_same = by_table.arrow() == by_field.arrow()
    return by_table if is_same else by_field


def _raw_type(type_: Type, field: FieldDescriptorPacket) -> pa.DataType:
    is_binary = type_.kind is Kind.BYTES or field.type_code == FIELD_TYPE.BIT
    return pa.binary() if is_binary else pa.string()


def _parsed(values: pa.Array, column: Column, field: FieldDescriptorPacket) -> pa.Array:
    """The values of what the server sent. Raises RowRefused for what has no exact form."""
    if field.type_code == FIELD_TYPE.BIT:
        values = pa.array(
            [
                None if bits is None else str(int.from_bytes(bits, "big"))
                for bits in values.to_pylist()
            ],
            pa.string(),
        )
    if column.type.kind is Kind.BYTES:
        return values
    try:
        if column.type.kind is Kind.TIMESTAMPTZ:  # sent without a zone, which is the session's
            return pc.assume_timezone(parse_column(values, TIMESTAMP, column.name), "UTC")
        if column.type.is_padded:  # sql_mode may ask for spaces up to the length
            return pc.utf8_rtrim(values, " ")
        return parse_column(values, column.type, column.name)
    except RowRefused as refused:
        advice = f"; CAST(`{column.name}` AS CHAR) in the query reads it as text"
        raise RowRefused(refused.index, refused.reason + advice, column.name) from refused
