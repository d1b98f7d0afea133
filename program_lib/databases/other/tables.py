"""Tables of a database, by their names."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy.engine import URL, Connection

from program_lib.databases.names import Table, find_table, no_table
from program_lib.errors import ProgramError


def connected(url: URL) -> Connection:
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool).connect()


def tables_meant(connection: Connection, written: str) -> list[Table]:
    """The tables and views that a name may mean."""
    inspector = sqlalchemy.inspect(connection)
    here = [*inspector.get_table_names(), *inspector.get_view_names()]
    found = [Table("", name, is_near=True) for name in here]
    schema, dot, _ = written.partition(".")
    if dot and schema in inspector.get_schema_names():
        there = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        found += [Table(schema, name, is_near=False) for name in there]
    return found


def existing(connection: Connection, written: str) -> Table:
    tables = tables_meant(connection, written)
    table = find_table(written, tables)
    if table is None:
        raise ProgramError(no_table(written, tables))
    return table


def reflected(connection: Connection, table: Table) -> sqlalchemy.Table:
    found = sqlalchemy.Table(
        table.name, sqlalchemy.MetaData(), schema=table.schema or None, autoload_with=connection
    )
    for column in found.columns:
        if isinstance(column.type, sqlalchemy.Float):
            column.type.asdecimal = False  # it would cut doubles after ten digits
    return found
