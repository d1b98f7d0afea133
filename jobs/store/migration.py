"""Brings the tables of a database to the form that this program reads and writes.

A new database gets its tables at once. One of an earlier release is changed step by step by Alembic, in the transaction
of the caller. One that is newer than this program, or that no release made, is refused: to work on it would lose data.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from jobs.store.tables import METADATA

LOG = logging.getLogger(__name__)

LATEST = "0010"  # the name of the last step in migrations/versions
FIRST = "0001"  # the tables of databases that have no version
MIGRATIONS = Path(__file__).parent / "migrations"

_VERSION = sa.table("alembic_version", sa.column("version_num", sa.String(32)))
_FIRST_COLUMNS: Mapping[str, str] = {
    "jobs": "job_id tenant_id name graph created_at updated_at",
    "runs": "run_id tenant_id job_id job_name status reason exit_code graph program idempotency_key request_hash"
    " created_at started_at ended_at queued_at cancel_requested_at runner program_pid program_start beat",
    "node_states": "run_id node_id payload",
}


class SchemaUnusable(Exception):
    """The tables of the database are none that this program can work with; the text says what to do."""


def is_up_to_date(connection: Connection) -> bool:
    """Whether the tables are this release's; changes nothing. Raises SchemaUnusable."""
    if _version_of(connection) != LATEST:
        return False
    _check_latest_columns(connection)
    return True


def bring_up_to_date(connection: Connection) -> None:
    """Makes or changes the tables, within the connection's transaction. Raises SchemaUnusable, or a refusal of PostgreSQL to lock them."""
    version = _version_of(connection)
    if version is None:
        METADATA.create_all(connection)
        connection.exec_driver_sql(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
        )
        connection.execute(sa.insert(_VERSION).values(version_num=LATEST))
        return
    if version != LATEST:
        _migrate(connection, version)
    _check_latest_columns(connection)


def _version_of(connection: Connection) -> str | None:
    """The step that the database has come to; None for a database without our tables. Raises SchemaUnusable."""
    tables = set(sa.inspect(connection).get_table_names())
    if "alembic_version" in tables:
        versions = list(connection.execute(sa.select(_VERSION)).scalars())
        return _checked(versions)
    if not tables & set(_FIRST_COLUMNS):
        return None
    wanted = {table: columns.split() for table, columns in _FIRST_COLUMNS.items()}
    _check_columns(connection, wanted, "so no release made these tables")
    return FIRST


def _checked(versions: list[str]) -> str:
    if len(versions) != 1 or not versions[0].isdecimal():
        raise SchemaUnusable(
            "the database belongs to another program: its table alembic_version holds "
            f"{', '.join(map(repr, versions)) or 'nothing'}; name a database of its own in DATABASE_URL"
        )
    if versions[0] > LATEST:
        raise SchemaUnusable(
            f"the database was made by a newer release (its tables are of step {versions[0]}, this program knows "
            f"{LATEST}): start that release, or go back to the backup that you made before it"
        )
    return versions[0]


def _check_latest_columns(connection: Connection) -> None:
    """The number of a step may be wrong, as after a restore of some tables alone: each request would fail then."""
    try:
        with connection.begin_nested():
            for table in METADATA.sorted_tables:
                connection.execute(sa.select(table).where(sa.false()))
    except DBAPIError:
        wanted = {table.name: table.columns.keys() for table in METADATA.sorted_tables}
        _check_columns(connection, wanted, f"though its tables are of step {LATEST}")
        raise


def _check_columns(
    connection: Connection, wanted: Mapping[str, Sequence[str]], why_not: str
) -> None:
    inspector = sa.inspect(connection)
    tables = inspector.get_table_names()
    for table, columns in wanted.items():
        found = (
            {column["name"] for column in inspector.get_columns(table)}
            if table in tables
            else set()
        )
        if missing := sorted(set(columns) - found):
            raise SchemaUnusable(
                f"the database has no column {table}.{missing[0]}, {why_not}: "
                "go back to a backup, or name an empty database in DATABASE_URL"
            )


def _migrate(connection: Connection, version: str) -> None:
    from alembic import command  # 0.4 s, and only where something is to be changed
    from alembic.config import Config

    if connection.dialect.name == "postgresql":  # SQLite's is locked as a whole
        from jobs.store.connections.postgresql import lock_tables

        there = sa.inspect(connection).get_table_names()
        lock_tables(connection, [table for table in METADATA.tables if table in there])
    LOG.warning("the database's tables are brought from step %s to %s", version, LATEST)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    if version == FIRST:
        command.stamp(config, FIRST)
    command.upgrade(config, LATEST)
