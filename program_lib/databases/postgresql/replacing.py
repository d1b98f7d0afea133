"""Statements by which rows take the place of those in a table."""

from __future__ import annotations

import secrets

from psycopg.sql import Literal

from program_lib.databases.names import Table, rows_are_there
from program_lib.databases.postgresql.session import quoted_table

REPLACING = 0x6A6F6273  # first part of the number of an advisory lock; the second is the table's


def alone_among_runs(table: Table) -> list[str]:
    """Statements that wait until no other run replaces the table: a DELETE does not see what another one adds meanwhile.

    Nor may one replace what it is a partition of; other partitions it may. They are in the way of no other reader or writer.
    """
    oid = f"{Literal(quoted_table(table)).as_string()}::regclass::oid"
    number = f"{REPLACING}, ({{}}::bigint - {2**31})::integer".format  # as an integer has it
    return [
        "WITH RECURSIVE above (oid) AS (SELECT i.inhparent FROM pg_catalog.pg_inherits i"
        " JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid"
        f" WHERE i.inhrelid = {oid} AND c.relispartition UNION"
        " SELECT i.inhparent FROM pg_catalog.pg_inherits i JOIN above ON i.inhrelid = above.oid)"
        f" SELECT pg_advisory_xact_lock_shared({number('oid')}) FROM above",
        f"SELECT pg_advisory_xact_lock({number(oid)})",
    ]


def failing_unless_empty(table: Table, written: str) -> str:
    """A statement that fails where a DELETE has left rows."""
    tag, said = f"$check_{secrets.token_hex(8)}$", Literal(rows_are_there(written)).as_string()
    return (
        f"DO {tag} BEGIN IF EXISTS (SELECT FROM {quoted_table(table)}) THEN"
        f" RAISE EXCEPTION USING MESSAGE = {said}; END IF; END {tag}"
    )
