"""Whole programs between databases: what the page tells, and what stands afterwards."""

from __future__ import annotations

import signal
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.harness import eventually
from tests.program_lib.databases.mysql.test_mysql_writing import TABLES
from tests.programs import chain, graph, node, outcome, run, start
from tests.servers.databases import PASSWORD, Database


def source(**config: Any) -> dict[str, Any]:
    return node(1, "db_input", connection="SOURCE", **config)


def target(
    number: int, table: str, mode: str, connection: str = "TARGET", **config: Any
) -> dict[str, Any]:
    return node(number, "db_output", connection=connection, table=table, mode=mode, **config)


@pytest.fixture(params=["postgresql", "mariadb"])
def database(request: pytest.FixtureRequest) -> Database:
    found: Database = request.getfixturevalue(request.param)
    found.execute("CREATE TABLE s (k integer NOT NULL, price decimal(10,2))")
    values = ", ".join(f"({k}, {k}.25)" for k in range(1, 3_001))
    found.execute(f"INSERT INTO s VALUES {values}")
    return found


def environment(database: Database) -> dict[str, str]:
    return {"CONNECTION_SOURCE": database.url, "CONNECTION_TARGET": database.url}


def test_a_program_moves_what_its_filter_keeps(database: Database, tmp_path: Path) -> None:
    document = chain(
        source(table="s"),
        node(2, "filter", condition="price == 9.25 or k > 2990"),
        target(3, "t", "create"),
    )
    ended = run(document, tmp_path, **environment(database))
    assert ended.code == 0, ended.stderr
    assert [ended.state(number) for number in (1, 2, 3)] == [
        ("completed", 3_000),
        ("completed", 11),
        ("completed", 11),
    ]
    assert database.rows("SELECT min(k), max(k), count(*) FROM t") == [(9, 3_000, 11)]


def test_the_row_that_a_table_refuses_is_named(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (k integer NOT NULL, price decimal(6,2))")
    document = chain(
        source(
            sql="SELECT k, CASE WHEN k = 2345 THEN 12345.25 ELSE price END AS price FROM s ORDER BY k"
        ),
        target(2, "t", "append"),
    )
    ended = run(document, tmp_path, **environment(database))
    assert ended.code == 1
    assert "12345.25" in ended.reason(2)
    assert "decimal(6,2)" in ended.reason(2) or "numeric(6,2)" in ended.reason(2)
    assert "row 2,345: k=2345, price=12345.25" in ended.reason(2)
    assert database.rows("SELECT * FROM t") == []
    assert PASSWORD not in ended.stderr


def test_the_row_that_a_constraint_refuses_is_named(database: Database, tmp_path: Path) -> None:
    database.execute("CREATE TABLE t (k integer PRIMARY KEY, price decimal(10,2))")
    query = "SELECT CASE WHEN k = 2345 THEN 7 ELSE k END AS k, price FROM s ORDER BY s.k"
    ended = run(
        chain(source(sql=query), target(2, "t", "append")), tmp_path, **environment(database)
    )
    assert ended.code == 1
    assert "uplicate" in ended.reason(2)
    assert "row 2,345" in ended.reason(2)
    assert database.rows("SELECT * FROM t") == []


def test_what_became_of_rows_with_a_key_is_told(database: Database, tmp_path: Path) -> None:
    database.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, price decimal(10,2))",
        "INSERT INTO t SELECT k, 0 FROM s WHERE k > 200",
    )
    document = chain(source(table="s"), target(2, "t", "upsert", key=["k"]))
    ended = run(document, tmp_path, **environment(database))
    assert ended.code == 0, ended.stderr
    assert ended.state(2) == ("completed", 3_000)
    assert ended.last(2)["message"] == "3,000 rows written: 200 inserted, 2,800 updated"
    assert database.rows("SELECT count(*), min(price) FROM t") == [(3_000, Decimal("1.25"))]


def test_the_row_that_a_table_refuses_is_named_in_a_mode_with_a_key(
    database: Database, tmp_path: Path
) -> None:
    database.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, price decimal(10,2), CHECK (price < 2345))",
        "INSERT INTO t VALUES (1, 0), (2345, 0)",
    )
    document = chain(source(sql="SELECT * FROM s ORDER BY k"), target(2, "t", "upsert", key=["k"]))
    ended = run(document, tmp_path, **environment(database))
    assert ended.code == 1
    assert "row 2,345: k=2345, price=2345.25" in ended.reason(2)
    assert ended.last(2)["message"].startswith("0 rows written") or ended.state(2)[1] == 0
    assert database.rows("SELECT * FROM t ORDER BY k") == [(1, 0), (2345, 0)]


TRIGGERS = {
    "postgresql": (
        "CREATE FUNCTION no_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.k = 2345 THEN RAISE EXCEPTION 'not this one' USING ERRCODE = '{code}'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER no_row BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION no_row()",
    ),
    "mysql": (
        "CREATE TRIGGER no_row BEFORE INSERT ON t FOR EACH ROW BEGIN"
        " IF NEW.k = 2345 THEN SIGNAL SQLSTATE '{code}' SET MESSAGE_TEXT = 'not this one'; END IF; END",
    ),
}


@pytest.mark.parametrize("mode", ["append", "upsert", "insert_or_ignore"])
@pytest.mark.parametrize("code", ["P0001", "45000"])
def test_the_row_that_a_trigger_refuses_is_rejected(
    database: Database, tmp_path: Path, mode: str, code: str
) -> None:
    """Of a PostgreSQL the run failed in the modes with a key, and no row was named."""
    trigger = TRIGGERS["postgresql" if database.url.startswith("postgresql") else "mysql"]
    database.execute("CREATE TABLE t (k integer PRIMARY KEY, price decimal(10,2))")
    database.execute(*(statement.replace("{code}", code) for statement in trigger))
    key = None if mode == "append" else ["k"]
    bad = node(3, "csv_output", path="bad.csv")
    nodes = [source(sql="SELECT * FROM s ORDER BY k"), target(2, "t", mode, key=key), bad]
    ended = run(graph(nodes, [(1, 2), (2, 3, "rejected")]), tmp_path, **environment(database))
    assert ended.code == 0, ended.stderr
    assert database.value("SELECT count(*) FROM t") == 2_999
    [_, row] = (tmp_path / "bad.csv").read_text().splitlines()
    assert row.startswith("2345,2345.25,not this one")


@pytest.mark.parametrize("mode", ["append", "upsert"])
def test_rows_that_a_table_refuses_are_rejected_and_all_others_written(
    database: Database, tmp_path: Path, mode: str
) -> None:
    database.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, price decimal(10,2), CHECK (price <> 2345.25))",
        "CREATE TABLE bad (k integer, price decimal(10,2), reject_reason text, reject_column text,"
        " reject_row integer, reject_place text)",
    )
    query = (
        "SELECT CASE WHEN k = 7 AND price > 5 THEN NULL ELSE k END AS k, price FROM s ORDER BY s.k"
    )
    key = ["k"] if mode == "upsert" else None
    document = graph(
        [source(sql=query), target(2, "t", mode, key=key), target(3, "bad", "append")],
        [(1, 2), (2, 3, "rejected")],
    )
    ended = run(document, tmp_path, **environment(database))
    assert ended.code == 0, ended.stderr
    assert database.rows("SELECT count(*), min(k), max(k) FROM t") == [(2_998, 1, 3_000)]
    refused = database.rows(
        "SELECT k, price, reject_row, reject_place FROM bad ORDER BY reject_row"
    )
    assert refused == [(None, Decimal("7.25"), 7, "row 7"), (2345, Decimal("2345.25"), 2345, "row 2,345")]  # fmt: skip
    assert ended.state(2) == ("completed", 2_998)
    told = ": 2,998 inserted, 0 updated" if mode == "upsert" else ""
    assert ended.last(2)["message"] == f"2,998 rows written{told}, 2 rejected"


def test_a_run_that_fails_leaves_the_replaced_and_no_new_table(
    database: Database, tmp_path: Path
) -> None:
    """Today a failed run on MariaDB loses the old rows for good."""
    database.execute(
        "CREATE TABLE old (k integer, price decimal(10,2))", "INSERT INTO old VALUES (1, 1)"
    )
    document = graph(
        [
            source(table="s"),
            node(2, "filter", condition="1 / (k - 2500) != 0"),
            target(3, "old", "replace"),
            target(4, "new", "create"),
        ],
        [(1, 3), (1, 2), (2, 4)],
    )
    ended = run(document, tmp_path, **environment(database))
    assert ended.code == 1
    assert "zero" in ended.reason(2)
    assert "row 2,500" in ended.reason(2)
    assert [row[0] for row in database.rows("SELECT k FROM old")] == [1]
    tables = (
        TABLES.replace("database()", "current_schema()")
        if database.server.name == "postgresql"
        else TABLES
    )
    assert [name for (name,) in database.rows(tables)] == ["old", "s"]


def test_two_databases_of_which_the_second_says_no_at_the_end(
    postgresql: Database, mariadb: Database, tmp_path: Path
) -> None:
    """A deferred constraint is checked before the other database commits."""
    postgresql.execute(
        "CREATE TABLE s AS SELECT 1 AS k",
        "CREATE TABLE parent (k integer PRIMARY KEY)",
        "CREATE TABLE t (k integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    )
    document = graph(
        [source(table="s"), target(2, "new", "create", "OTHER"), target(3, "t", "append")],
        [(1, 2), (1, 3)],
    )
    ended = run(document, tmp_path, CONNECTION_OTHER=mariadb.url, **environment(postgresql))
    assert ended.code == 1
    assert "violates foreign key constraint" in ended.reason(3)
    assert mariadb.rows(TABLES) == []
    assert postgresql.rows("SELECT * FROM t") == []


IMPATIENT = {  # what ends a statement after 0.2 s, in the URL; what is said then
    "postgresql": ("options=-c+lock_timeout%3D200", "canceling statement due to lock timeout"),
    "mariadb": (
        "init_command=SET+SESSION+max_statement_time%3D0.2",
        "Query execution was interrupted (max_statement_time exceeded)",
    ),
}


@pytest.mark.parametrize("rejects", [False, True])
def test_a_statement_that_the_server_ends_is_no_row_s_fault(
    database: Database, tmp_path: Path, rejects: bool
) -> None:
    """A good row was named as at fault, or good rows were rejected in a run that completed."""
    database.execute(
        "CREATE TABLE t (k integer PRIMARY KEY, price decimal(10,2))", "INSERT INTO t VALUES (2, 0)"
    )
    nodes = [source(table="s"), target(2, "t", "append"), node(3, "csv_output", path="bad.csv")]
    document = graph(nodes, [(1, 2), (2, 3, "rejected")]) if rejects else chain(*nodes[:2])
    option, said = IMPATIENT[database.server.name]
    with closing(database.connect()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("DELETE FROM t")  # whoever inserts 2 waits for what becomes of it
        ended = run(
            document,
            tmp_path,
            CONNECTION_SOURCE=database.url,
            CONNECTION_TARGET=f"{database.url}?{option}",
        )
        assert ended.code == 1
        assert ended.reason(2).startswith(said)
        assert "k=" not in ended.reason(2)
        cursor.execute("ROLLBACK")
    assert database.rows("SELECT k FROM t") == [(2,)]
    assert not (tmp_path / "bad.csv").exists()


@pytest.mark.parametrize("waits", ["for a lock", "for a query"])
def test_of_a_program_that_is_killed_postgresql_keeps_no_session(
    postgresql: Database, tmp_path: Path, waits: str
) -> None:
    """It waited for the lock and kept those that it had, or worked on the query, for as long as that took."""
    postgresql.execute("CREATE TABLE t (k integer PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    query = (
        "SELECT 1 AS k"
        if waits == "for a lock"
        else "SELECT count(*) AS k FROM generate_series(1, 1000000000000)"
    )
    document = chain(source(sql=query), target(2, "t", "append"))

    def sessions() -> object:
        """Of the program, that are at work."""
        return postgresql.value(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND application_name = 'job' AND state = 'active'"
        )

    with closing(postgresql.connect()) as other:
        other.execute("BEGIN; DELETE FROM t")  # whoever inserts 1 waits for what becomes of it
        process = start(document, tmp_path, **environment(postgresql))
        eventually(lambda: sessions() == 1, what="the program waits")
        process.kill()
        outcome(process, tmp_path)
        eventually(lambda: sessions() == 0, what="its session ends")


BUSY = "SELECT BENCHMARK(1000000000000, MD5('busy')) AS k"  # it does not look whether anybody waits for it


@pytest.mark.parametrize("waits", ["for a lock", "for a query", "for two queries"])
def test_of_a_program_that_is_stopped_mariadb_keeps_no_session(
    mariadb: Database, tmp_path: Path, waits: str
) -> None:
    """It went on with the statement, and with all locks, until it was done or `innodb_lock_wait_timeout` was over."""
    mariadb.execute("CREATE TABLE t (k integer PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    first = source(sql="SELECT 1 AS k" if waits == "for a lock" else BUSY)
    document = chain(first, target(2, "t", "append"))
    if waits == "for two queries":
        second = {**first, "id": 3}
        document = graph([first, target(2, "t", "append"), second], [(1, 2), (3, 2)])

    def at_work() -> object:
        """Statements of the program."""
        return mariadb.value(
            "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()"
            " AND (info LIKE 'SELECT BENCHMARK%' OR info LIKE 'INSERT%')"
        )

    with closing(mariadb.connect()) as other:
        other.begin()
        other.cursor().execute("DELETE FROM t")  # whoever inserts 1 waits for what becomes of it
        process = start(document, tmp_path, **environment(mariadb))
        expected = 2 if waits == "for two queries" else 1
        eventually(lambda: at_work() == expected, what="the program waits")
        process.terminate()
        assert outcome(process, tmp_path).code == 128 + signal.SIGTERM
        eventually(lambda: at_work() == 0, what="its statements end")
