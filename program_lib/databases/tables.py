"""The tables of a database with their columns, for whoever writes a query: some of many, and nothing of their rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import sqlalchemy
from sqlalchemy.engine import URL

from program_lib.databases.connections import check_is_there, database_url

MOST_TABLES = 500
MOST_COLUMNS = 200  # of a table
_MOST_REFLECTED = 100  # tables of a database that is asked for the columns of each


@dataclass(frozen=True, slots=True)
class TableFound:
    """A table or view as a node may name it, and its columns: (name, type); "" where no type is known."""

    name: str
    columns: Sequence[tuple[str, str]]


def find_tables(connection: str) -> list[TableFound]:
    """At most MOST_TABLES and one more. Raises ProgramError, OSError or the database's error."""
    url = database_url(connection)
    check_is_there(url)
    match url.get_backend_name():
        case "sqlite":
            found = _of_sqlite(url)
        case "postgresql":
            found = _of_postgresql(url)
        case "mysql" | "mariadb":
            found = _of_mysql(url)
        case _:
            found = _of_other(url)
    return list(islice(found, MOST_TABLES + 1))


def _of_sqlite(url: URL) -> Iterator[TableFound]:
    from program_lib.databases.sqlite.link import Link, Place
    from program_lib.databases.sqlite.tables import columns_of, shown_names
    from program_lib.databases.sqlite.types import type_of

    link = Link(Place.of(url.render_as_string(hide_password=False)), writes=False)
    try:
        for name in shown_names(link)[: MOST_TABLES + 1]:
            columns = columns_of(link, name, "main")[:MOST_COLUMNS]
            yield TableFound(name, [(c.name, str(type_of(c.declared) or "")) for c in columns])
    finally:
        link.close()


def _of_postgresql(url: URL) -> Iterator[TableFound]:
    from program_lib.databases.postgresql.catalog import shown_columns
    from program_lib.databases.postgresql.native import types_of
    from program_lib.databases.postgresql.session import READING, Session

    session = Session(url, READING)
    try:
        rows = shown_columns(session, MOST_TABLES + 1, MOST_COLUMNS)
        types = types_of(session, [(oid, mod) for *_, oid, mod in rows])
    finally:
        session.close()
    yield from _by_table(
        (name if is_near else f"{schema}.{name}", column, str(of))
        for (schema, name, is_near, column, _, _), of in zip(rows, types, strict=True)
    )


def _of_mysql(url: URL) -> Iterator[TableFound]:
    from program_lib.databases.mysql.catalog import columns, shown_tables
    from program_lib.databases.mysql.native import type_of_declared
    from program_lib.databases.mysql.session import READING, Session

    session = Session(url, READING)
    try:
        for table in shown_tables(session)[: MOST_TABLES + 1]:
            there = columns(session, table)[:MOST_COLUMNS]
            name = table.name if table.is_near else f"{table.schema}.{table.name}"
            yield TableFound(name, [(c.name, str(type_of_declared(c))) for c in there])
    finally:
        session.close()


def _of_other(url: URL) -> Iterator[TableFound]:
    from program_lib.databases.other.types import type_of

    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    inspector = sqlalchemy.inspect(engine)
    names = sorted([*inspector.get_table_names(), *inspector.get_view_names()])
    for place, name in enumerate(names):
        there = inspector.get_columns(name)[:MOST_COLUMNS] if place < _MOST_REFLECTED else []
        yield TableFound(name, [(c["name"], str(type_of(c["type"]) or "")) for c in there])


def _by_table(rows: Iterable[tuple[str, str, str]]) -> Iterator[TableFound]:
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, of in rows:
        found.setdefault(table, []).append((column, of))
    return (TableFound(table, columns) for table, columns in found.items())
