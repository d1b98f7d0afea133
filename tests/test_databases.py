"""A database that one test has used is as a new one for the next."""

from __future__ import annotations

import pytest

from tests.servers.databases import Running

STATE = """
    SELECT (SELECT array_agg(nspname ORDER BY nspname) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'),
        (SELECT nspacl::text || pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname = 'public'),
        (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_type), (SELECT count(*) FROM pg_proc),
        current_setting('search_path'), current_setting('timezone')
"""


def test_what_a_test_made_is_gone_for_the_next(postgresql_server: Running) -> None:
    postgresql_server.free.clear()
    with postgresql_server.database() as first:
        state = first.rows(STATE)
        first.execute(
            "CREATE TABLE a (n int)",
            "CREATE TEMP TABLE b (n int)",
            'CREATE SCHEMA "the other"',
            """CREATE TYPE "the other".mood AS ENUM ('good')""",
            "CREATE EXTENSION IF NOT EXISTS plpgsql",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "SET search_path = 'the other'",
            "SET timezone = 'UTC'",
        )
    with postgresql_server.database() as second:
        assert second.name == first.name
        assert second.rows(STATE) == state


@pytest.mark.parametrize(
    "statement",
    [
        "DO $$ BEGIN EXECUTE 'ALTER DATABASE ' || current_database() || ' SET timezone = 1'; END $$",
        "SELECT lo_create(0)",
    ],
)
def test_a_database_that_keeps_something_is_lent_to_nobody(
    postgresql_server: Running, statement: str
) -> None:
    with postgresql_server.database() as first:
        first.execute(statement)
    with postgresql_server.database() as second:
        assert second.name != first.name


def test_a_database_that_another_still_uses_is_lent_to_nobody(postgresql_server: Running) -> None:
    with postgresql_server.database() as first:
        other = first.connect()
    with other, postgresql_server.database() as second:
        assert second.name != first.name
