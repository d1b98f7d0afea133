"""What a table refuses whatever the rows are is no row's fault: the run fails, where each row was rejected, and the run completed."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from program_lib.databases.mysql import catalog, session
from program_lib.databases.mysql.session import Session
from program_lib.errors import ProgramError, RowRefused, TargetFailed
from program_lib.types import INTEGER, TEXT
from program_lib.write_modes import KEYED
from tests.program_lib.databases.test_upsert import Sqlite, Target, writing
from tests.program_lib.moving import rows_of
from tests.program_lib.moving import writing as plainly_writing
from tests.servers.databases import Database

COLUMNS = {"k": INTEGER, "v": INTEGER}


def refused(target: Target, mode: str, said: str, *meanwhile: str) -> None:
    """Writes two rows into `t`, twice, as one that looks for a row at fault does; `meanwhile` comes before the first one."""
    with writing(target, mode, ["k"] if mode in KEYED else [], COLUMNS) as writer:
        target.execute(*meanwhile)
        for _ in range(2):
            with pytest.raises(TargetFailed, match=said):
                writer.write(rows_of(COLUMNS, [(1, 2), (2, 3)]))


RAISING = (
    "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'closed for today'; END $$",
    "CREATE TRIGGER closed BEFORE INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION closed()",
)
OF_POSTGRESQL = [
    pytest.param(
        "upsert",
        ["CREATE RULE also AS ON INSERT TO t DO ALSO DELETE FROM child"],
        "cannot be used with table that has INSERT or UPDATE rules",
        id="a rule",
    ),
    pytest.param("append", RAISING, "closed for today", id="a trigger of statements"),
    pytest.param("insert_or_ignore", RAISING, "closed for today", id="such a trigger, with a key"),
    pytest.param(
        "replace",
        ["INSERT INTO t VALUES (9)", "INSERT INTO child VALUES (9)"],
        "still referenced from table",
        id="rows that others need",
    ),
]


@pytest.mark.parametrize(("mode", "made", "said"), OF_POSTGRESQL)
def test_of_postgresql(postgresql: Database, mode: str, made: list[str], said: str) -> None:
    postgresql.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, v integer)",
        "CREATE TABLE child (k integer REFERENCES t)",
        *made,
    )
    refused(postgresql, mode, said)


def test_a_trigger_of_postgresql_that_may_not_do_its_work(postgresql: Database) -> None:
    role = f"role_{postgresql.name}"
    postgresql.execute(
        "CREATE TABLE t (k integer, v integer)",
        "CREATE TABLE log (k integer)",
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO log VALUES (NEW.k); RETURN NEW; END'",
        "CREATE TRIGGER note BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION note()",
        f"CREATE ROLE {role}",
        f"GRANT ALL ON t TO {role}",
    )
    url = f"{postgresql.url}?options=-c role={role}"
    denied = pytest.raises(InsufficientPrivilege, match="permission denied for table log")
    try:
        with plainly_writing(url, "t", "append", **COLUMNS) as writer, denied:
            writer.write(rows_of(COLUMNS, [(1, 2)]))
    finally:
        postgresql.execute("DROP TABLE t", f"DROP ROLE {role}")


NAMES_NO_TABLE = "BEGIN INSERT INTO log VALUES (NEW.k); RETURN NEW; END"
RAISES = (
    "BEGIN IF NEW.v = 3 THEN RAISE 'not yours' USING ERRCODE = '42501'; END IF; RETURN NEW; END"
)


ROUTES = "BEGIN EXECUTE format('INSERT INTO %I SELECT ($1).*', 'of_' || NEW.v) USING NEW; RETURN NULL; END"


@pytest.mark.parametrize("mode", ["append", "insert_or_ignore"])
@pytest.mark.parametrize(
    ("does", "said", "row"),
    [
        (NAMES_NO_TABLE, 'relation "log" does not exist', None),
        (RAISES, "not yours", 1),
        (ROUTES, 'relation "of_3" does not exist', 1),
    ],
    ids=["names what is not there", "says no to a row", "names the table of a row"],
)
def test_of_a_trigger_for_each_row(
    postgresql: Database, does: str, said: str, row: int | None, mode: str
) -> None:
    """COPY names a row for all, but where a function names what is not there no row can help it."""
    postgresql.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, v integer)",
        "CREATE TABLE of_2 (k integer, v integer)",
        f"CREATE FUNCTION also() RETURNS trigger LANGUAGE plpgsql AS $$ {does} $$",
        "CREATE TRIGGER also BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION also()",
    )
    with writing(postgresql, mode, ["k"] if mode in KEYED else [], COLUMNS) as writer:
        with pytest.raises(Exception, match=said) as refused:
            writer.write(rows_of(COLUMNS, [(1, 2), (2, 3)]))
        if mode in KEYED:  # where the row is found by halves
            assert isinstance(refused.value, ProgramError) == (row is not None)
        else:
            assert getattr(refused.value, "index", None) == row


def test_a_value_that_is_no_name_of_a_table_is_its_rows(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (k regclass)")
    with writing(postgresql, "append", [], {"k": TEXT}) as writer:
        with pytest.raises(RowRefused, match='relation "nix" does not exist') as refused:
            writer.write(rows_of({"k": TEXT}, [("t",), ("nix",)]))
        assert refused.value.index == 1


@pytest.mark.parametrize("said", ["'none at ' || clock_timestamp()", "now()::text"])
def test_a_trigger_of_statements_that_tells_the_time(postgresql: Database, said: str) -> None:
    trigger = [statement.replace("'closed for today'", f"'%', {said}") for statement in RAISING]
    postgresql.execute("CREATE TABLE t (k integer, v integer)", *trigger)
    refused(postgresql, "append", "20[0-9][0-9]-")


def test_a_trigger_of_statements_that_fails_for_no_row_alone(postgresql: Database) -> None:
    """The run failed by its division by zero, where one row was at fault."""
    postgresql.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, v integer CHECK (v > 0))",
        "CREATE FUNCTION mean() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM 1 / count(*) FROM added; RETURN NULL; END $$",
        "CREATE TRIGGER mean AFTER INSERT ON t REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION mean()",
    )
    with writing(postgresql, "insert_or_ignore", ["k"], COLUMNS) as writer:
        with pytest.raises(psycopg.IntegrityError, match="violates check constraint"):
            writer.write(rows_of(COLUMNS, [(1, 0)]))
        writer.write(rows_of(COLUMNS, [(2, 1)]))


def test_a_try_without_rows_leaves_nothing(postgresql: Database) -> None:
    """What triggers of statements did for it was committed: an entry of a log, or a NOTIFY, for no row."""
    postgresql.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, v integer CHECK (v > 0))",
        "CREATE TABLE log (at timestamptz)",
        "CREATE FUNCTION logged() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN INSERT INTO log VALUES (now()); RETURN NULL; END $$",
        "CREATE TRIGGER logged AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION logged()",
    )
    with writing(postgresql, "upsert", ["k"], COLUMNS) as writer:
        with pytest.raises(psycopg.IntegrityError):
            writer.write(rows_of(COLUMNS, [(1, 0)]))
        writer.write(rows_of(COLUMNS, [(2, 1)]))
        writer.finish()
        writer.commit()
    assert postgresql.value("SELECT count(*) FROM log") == 1


OF_MARIADB = [
    pytest.param(
        "append",
        "CREATE DEFINER=ghost@localhost TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET NEW.v = 1",
        "definer .* does not exist",
        id="a trigger of nobody",
    ),
    pytest.param("append", "RENAME TABLE t TO u", "t' doesn't exist", id="a table that is gone"),
    pytest.param("append", "ALTER TABLE t DROP v", "Unknown column", id="a column that is gone"),
    pytest.param(
        "append",
        "ALTER TABLE t MODIFY v decimal(9,1)",
        "the columns of t were changed",
        id="a type",
    ),
    pytest.param(
        "append", "DROP TABLE child; ALTER TABLE t ENGINE = Aria", "kept by Aria", id="an engine"
    ),
    pytest.param(
        "replace", "INSERT INTO child VALUES (9)", "a foreign key constraint fails", id="a child"
    ),
]


@pytest.mark.parametrize(("mode", "meanwhile", "said"), OF_MARIADB)
def test_of_mariadb(mariadb: Database, mode: str, meanwhile: str, said: str) -> None:
    mariadb.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, v integer)",
        "CREATE TABLE child (k integer, FOREIGN KEY (k) REFERENCES t (k))",
        "INSERT INTO t VALUES (9, 9)",
    )
    refused(mariadb, mode, said, *meanwhile.split("; "))


def test_of_mysql_whose_transactions_see_the_catalog_of_before(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MySQL 8 keeps it in tables, so that a session is shown the columns that it has seen."""
    mariadb.execute("CREATE TABLE t (k integer, v integer)")
    columns, seen = catalog.columns, dict[Session, list[catalog.Declared]]()
    monkeypatch.setattr(
        catalog, "columns", lambda session, t: seen.setdefault(session, columns(session, t))
    )
    monkeypatch.setattr(session, "_VERSION", "SELECT '8.0.36' AS of_the_server")
    altered = "ALTER TABLE t MODIFY v decimal(9,1)"
    refused(mariadb, "append", "the columns of t were changed", altered)


TABLE = "CREATE TABLE t (k INTEGER PRIMARY KEY, v INTEGER)"
TRIGGER = "CREATE TRIGGER also AFTER INSERT ON t BEGIN INSERT INTO log VALUES (NEW.k); END"
OF_SQLITE = [
    pytest.param(
        "append", [TABLE, "CREATE VIEW u AS SELECT * FROM t"],
        "DROP TABLE t", "there is no table t", id="a table that is gone",
    ),
    pytest.param(
        "append", ["CREATE TABLE u (k, v)", "CREATE VIEW t AS SELECT * FROM u"],
        "SELECT 1", "cannot modify t because it is a view", id="a view",
    ),
    pytest.param(
        "upsert", [TABLE, TRIGGER], "SELECT 1", "no such table: main.log", id="a trigger into a table that is not there",
    ),
    pytest.param(
        "append", [TABLE, "CREATE VIRTUAL TABLE log USING fts5(k)", TRIGGER],
        "SELECT 1", "the query is refused: it would use log", id="a trigger into a virtual table",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("mode", "made", "meanwhile", "said"), OF_SQLITE)
def test_of_sqlite(tmp_path: Path, mode: str, made: list[str], meanwhile: str, said: str) -> None:
    target = Sqlite(tmp_path / "t.db")
    target.execute(*made)
    refused(target, mode, said, meanwhile)
