"""Tables of a database, by their names."""

from __future__ import annotations

import sqlalchemy
from sqlalchemy.engine import URL, Connection

from program_lib.databases.names import Table, find_table, no_table
from program_lib.errors import ProgramError

ON_DELETE = ("CASCADE", "SET NULL", "SET DEFAULT")


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


def place_of(connection: Connection, table: Table) -> tuple[str, str]:
    """The schema and the name of a table, whether or not it was named with its schema."""
    return table.schema or sqlalchemy.inspect(connection).default_schema_name or "", table.name


def losing_tables(connection: Connection, table: Table) -> list[str]:
    """Other tables of its schema that would lose rows or values with a row of this one, by ON DELETE."""
    inspector = sqlalchemy.inspect(connection)
    schema, default = table.schema or None, inspector.default_schema_name
    return sorted(
        name
        for (_, name), keys in inspector.get_multi_foreign_keys(schema=schema).items()
        for key in keys
        if name != table.name
        and key["referred_table"] == table.name
        and (key["referred_schema"] or schema or default) == (schema or default)
        and key.get("options", {}).get("ondelete", "").upper() in ON_DELETE
    )


def reflected(connection: Connection, table: Table) -> sqlalchemy.Table:
    found = sqlalchemy.Table(
        table.name, sqlalchemy.MetaData(), schema=table.schema or None, autoload_with=connection
    )
    for column in found.columns:
        if isinstance(column.type, sqlalchemy.Float):
            column.type.asdecimal = False  # it would cut doubles after ten digits
    return found
