"""Moves rows from a source to a target, as a program with two nodes does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from program_lib.databases import read_rows, write_rows
from program_lib.ports import Reader, Writer
from program_lib.types import Column, Schema, Type


def say(message: str) -> None:
    """What a writer waits for is of no interest here."""


def moved(reader: Reader, writer: Writer) -> int:
    """All rows of the reader, committed; the number of rows. Nothing is left open."""
    count = 0
    try:
        writer.start(say)
        writer.open(reader.open())
        for table in reader.batches():
            writer.write(table)
            count += len(table)
        writer.finish()
        writer.commit()
    finally:
        reader.close()
        writer.undo()
    return count


def move(
    source: str,
    target: str,
    into: str,
    mode: str = "create",
    *,
    query: str | None = None,
    table: str | None = None,
) -> int:
    """Rows of a query or a table into another table."""
    return moved(read_rows(source, query, table), write_rows(target, into, mode))


def read(connection: str, query: str | None = None, table: str | None = None) -> pa.Table:
    """All rows, as one table."""
    reader = read_rows(connection, query, table)
    try:
        schema = reader.open()
        return pa.concat_tables([schema.arrow().empty_table(), *reader.batches()])
    finally:
        reader.close()


def schema_of(connection: str, query: str | None = None, table: str | None = None) -> Schema:
    reader = read_rows(connection, query, table)
    try:
        return reader.open()
    finally:
        reader.close()


@contextmanager
def writing(connection: str, table: str, mode: str, **columns: Type) -> Iterator[Writer]:
    """A writer that is open for rows of these columns; what is not committed is gone afterwards."""
    writer = write_rows(connection, table, mode)
    try:
        writer.start(say)
        writer.open(Schema(Column(name, type_) for name, type_ in columns.items()))
        yield writer
    finally:
        writer.undo()


def write(
    connection: str, table: str, mode: str, columns: dict[str, Type], rows: list[Any]
) -> None:
    """Rows of Python values, one tuple each, written and committed."""
    with writing(connection, table, mode, **columns) as writer:
        if rows:
            writer.write(rows_of(columns, rows))
        writer.finish()
        writer.commit()


def rows_of(columns: dict[str, Type], rows: list[Any]) -> pa.Table:
    schema = Schema(Column(name, type_) for name, type_ in columns.items()).arrow()
    values = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(schema)]
    return pa.table(values, schema=schema)
