"""Rows of databases that only SQLAlchemy knows: tried on PostgreSQL and MariaDB, past what is made for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from program_lib.databases.other.reader import OtherReader
from program_lib.databases.other.writer import OtherWriter
from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.moving import moved, rows_of, say
from tests.servers.databases import Database

COLUMNS = {
    "k": ("integer", ["1", "2"]),
    "small": ("smallint", ["-32768", "32767"]),
    "big": ("bigint", ["-9223372036854775808", "9223372036854775807"]),
    "price": ("decimal(10,2)", ["19.99", "-0.01"]),
    "wide": ("decimal(38,18)", ["12345678901234567890.123456789012345678", "0"]),
    "ratio": ("double precision", ["0.1", "5e-324"]),
    "name": ("varchar(20)", ["'it''s'", "''"]),
    "day": ("date", ["'0001-01-01'", "'9999-12-31'"]),
    "at": ("{timestamp}", ["'2026-07-01 12:00:00.5'", "'1900-01-01 00:00:00'"]),
    "clock": ("{time}", ["'23:59:59.999999'", "'00:00:00'"]),
    "raw": ("{bytes}", ["'a'", "''"]),
}
SPELT = {
    "postgresql": {"timestamp": "timestamp", "time": "time", "bytes": "bytea"},
    "mariadb": {"timestamp": "datetime(6)", "time": "time(6)", "bytes": "blob"},
}


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    made: Database = request.getfixturevalue(request.param)
    types = [kind.format(**SPELT[request.param]) for kind, _ in COLUMNS.values()]
    definitions = [f"{name} {type_}" for name, type_ in zip(COLUMNS, types, strict=True)]
    made.execute(f"CREATE TABLE s ({', '.join(definitions)})")
    for values in zip(*(values for _, values in COLUMNS.values()), strict=True):
        made.execute(f"INSERT INTO s VALUES ({', '.join(values)})")
    made.execute("INSERT INTO s (k) VALUES (3)")
    return made


def reader(database: Database, query: str | None = None, table: str | None = None) -> OtherReader:
    return OtherReader(make_url(database.url), query, table)


def writer(database: Database, table: str, mode: str) -> OtherWriter:
    return OtherWriter(make_url(database.url), table, mode)


@contextmanager
def closed(output: OtherWriter) -> Iterator[OtherWriter]:
    """Nothing of it holds a lock afterwards, whatever happens."""
    try:
        yield output
    finally:
        output.undo()


def rows(database: Database, table: str) -> list[tuple[Any, ...]]:
    return database.rows(f"SELECT * FROM {table} ORDER BY k")


def test_a_table_comes_as_it_was_into_a_new_one_and_into_one_that_is_there(
    database: Database,
) -> None:
    assert moved(reader(database, table="s"), writer(database, "t", "replace")) == 3
    assert rows(database, "t") == rows(database, "s")
    assert moved(reader(database, table="S"), writer(database, "t", "replace")) == 3
    assert rows(database, "t") == rows(database, "s")
    database.execute("DELETE FROM t")
    assert moved(reader(database, table="s"), writer(database, "t", "append")) == 3
    assert rows(database, "t") == rows(database, "s")


def test_a_char_comes_without_the_spaces_that_the_database_adds(database: Database) -> None:
    """A file held "ab   " of PostgreSQL, and a Union with a text made two values of one."""
    database.execute("CREATE TABLE codes (code char(5))")
    database.execute("INSERT INTO codes VALUES ('ab'), (' a'), (''), (NULL)")
    source = reader(database, table="codes")
    source.open()
    codes = [code for part in source.batches() for code in part["code"].to_pylist()]
    source.close()
    assert codes == ["ab", " a", "", None]


def test_a_run_that_fails_leaves_no_new_table_and_the_old_rows(database: Database) -> None:
    for table, mode in (("t", "create"), ("s", "replace")):
        output = writer(database, table, mode)
        output.start(say)
        output.open(Schema([Column("k", INTEGER)]))
        output.write(rows_of({"k": INTEGER}, [(9,)]))
        output.finish()
        output.undo()
    assert len(rows(database, "s")) == 3
    with pytest.raises(ProgramError, match="there is no table t; there are s"):
        reader(database, table="t").open()


def test_after_a_refused_batch_others_are_taken(database: Database) -> None:
    output = writer(database, "s", "replace")
    columns = {"k": INTEGER, "name": TEXT}
    output.start(say)
    output.open(Schema(Column(name, type_) for name, type_ in columns.items()))
    with pytest.raises(RowRefused, match="does not fit into the column name") as refused:
        output.write(rows_of(columns, [(1, "a"), (2, "x" * 21)]))
    assert (refused.value.index, refused.value.column) == (1, "name")
    with pytest.raises(RowRefused, match="does not fit into the column k") as refused:
        output.write(rows_of(columns, [(2**31, "a")]))
    output.write(rows_of(columns, [(1, "a")]))
    output.finish()
    output.commit()
    output.undo()
    assert [row[0] for row in rows(database, "s")] == [1]


def test_what_is_there_is_not_created_again(database: Database) -> None:
    output = writer(database, "s", "create")
    with pytest.raises(ProgramError, match="the table s is there already"):
        output.start(say)
    output.undo()


def test_a_statement_that_gives_no_rows_is_refused(database: Database) -> None:
    source = reader(database, query="DELETE FROM s WHERE k = 3")
    with pytest.raises(Exception, match=r"it must be a SELECT|syntax error at or near"):
        source.open()
    source.close()
    assert len(rows(database, "s")) == 3


def test_replace_takes_no_rows_of_other_tables_along(database: Database) -> None:
    """It deleted them without a word."""
    database.execute(
        "CREATE TABLE parents (k integer PRIMARY KEY)",
        "CREATE TABLE children (k integer, FOREIGN KEY (k) REFERENCES parents (k) ON DELETE CASCADE)",
    )
    refused = pytest.raises(ProgramError, match="would delete rows or values of children")
    with closed(writer(database, "parents", "replace")) as output, refused:
        output.start(say)


def test_replace_needs_no_right_to_read(postgresql: Database) -> None:
    role = f"role_{postgresql.name}"
    postgresql.execute(
        "CREATE TABLE t (k integer)",
        "INSERT INTO t VALUES (1)",
        f"CREATE ROLE {role}",
        f"GRANT INSERT, DELETE ON t TO {role}",
    )
    url = make_url(postgresql.url).update_query_dict({"options": f"-c role={role}"})
    try:
        with closed(OtherWriter(url, "t", "replace")) as output:
            output.start(say)
            output.open(Schema([Column("k", INTEGER)]))
            output.write(rows_of({"k": INTEGER}, [(2,)]))
            output.finish()
            output.commit()
        assert postgresql.rows("SELECT k FROM t") == [(2,)]
    finally:
        postgresql.execute("DROP TABLE t", f"DROP ROLE {role}")


def test_rows_that_replace_cannot_delete_fail_the_run(postgresql: Database) -> None:
    """Old and new rows stood together; where a key keeps them, the first new row was blamed."""
    postgresql.execute(
        "CREATE TABLE soft (k integer)",
        "CREATE TABLE hard (k integer PRIMARY KEY)",
        "CREATE TABLE children (k integer REFERENCES hard)",
        "CREATE TABLE loud (k integer)",
        *(f"INSERT INTO {table} VALUES (1)" for table in ("soft", "hard", "children", "loud")),
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE TRIGGER kept BEFORE DELETE ON soft FOR EACH ROW EXECUTE FUNCTION keep()",
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'old rows stay' USING ERRCODE = '22000'; END $$",
        "CREATE TRIGGER kept BEFORE DELETE ON loud FOR EACH ROW EXECUTE FUNCTION shout()",
    )
    why = {"soft": "of soft keeps rows", "hard": "violates foreign key", "loud": "old rows stay"}
    for table, said in why.items():
        with closed(writer(postgresql, table, "replace")) as output:
            output.start(say)
            output.open(Schema([Column("k", INTEGER)]))
            with pytest.raises(TargetFailed, match=said):
                output.write(rows_of({"k": INTEGER}, [(2,)]))


def test_two_outputs_write_one_table_by_two_spellings_only_if_both_append(
    database: Database,
) -> None:
    """The second one deleted what the first one had written."""
    named = "public" if database.server.name == "postgresql" else database.name
    for mode in ("append", "replace"):
        refused = pytest.raises(ProgramError, match=r"another node writes the table .*\.s, too")
        may = refused if mode == "replace" else nullcontext()
        with closed(writer(database, "s", mode)) as one:
            one.start(say)
            with closed(writer(database, f"{named}.s", mode)) as other, may:
                other.start(say)
