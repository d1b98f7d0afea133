"""The gate before a connection: what it lets through to find the types of a query, and nothing more.

tests/security/programs/test_sqlite.py attacks it through whole programs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from program_lib.databases.sqlite.gate import SqliteGate
from program_lib.databases.sqlite.link import Link, Place
from program_lib.databases.sqlite.reader import SqliteReader, described
from program_lib.errors import ProgramError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "in.db")) as database:
        database.executescript(
            """
            CREATE TABLE t (n INTEGER);
            INSERT INTO t VALUES (1);
            CREATE VIRTUAL TABLE docs USING fts5 (body);
            CREATE VIEW through AS SELECT body AS n FROM docs;
            CREATE VIEW token AS SELECT hex(fts3_tokenizer('simple')) AS n;
            """
        )
    return tmp_path / "in.db"


@pytest.fixture
def link(path: Path) -> Iterator[Link]:
    link = Link(Place(str(path)), writes=False)
    yield link
    link.close()


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TEMP VIEW other AS SELECT 1",
        "CREATE TEMP TABLE other (n)",
        "CREATE VIEW known AS SELECT 1",
        "CREATE VIEW main.known AS SELECT 1",
        "CREATE TABLE main.known (n)",
        "CREATE TEMP TRIGGER known AFTER INSERT ON t BEGIN SELECT 1; END",
        "CREATE TEMP VIEW known AS SELECT load_extension('x')",
        "INSERT INTO t VALUES (2)",
        "DELETE FROM t",
        "DROP TABLE t",
        "DROP VIEW through",
        "PRAGMA query_only = OFF",
        "PRAGMA trusted_schema = ON",
        "ATTACH 'x.db' AS x",
    ],
)
def test_while_types_are_found_nothing_but_its_own_temporary_names_is_let_through(
    path: Path, link: Link, sql: str
) -> None:
    before = path.read_bytes()
    with link.gate.describing(link.connection, "known"):
        if "load_extension" in sql:  # to make it is harmless; to ask it is not
            link.execute(sql)
            sql = "SELECT * FROM known"
        with pytest.raises((ProgramError, sqlite3.Error)):
            link.execute(sql)
    assert path.read_bytes() == before


def test_afterwards_the_gate_is_shut_again(link: Link) -> None:
    assert [column.name for column in described(link, "SELECT n FROM t")] == ["n"]
    assert link.execute("SELECT count(*) FROM sqlite_temp_master").fetchone() == (0,)
    for sql in ("CREATE TEMP TABLE known (n)", "CREATE TEMP VIEW known AS SELECT 1"):
        with pytest.raises(ProgramError, match="it must be a SELECT"):
            link.execute(sql)
    link.connection.set_authorizer(None)
    assert link.connection.execute("PRAGMA query_only").fetchone() == (1,)


@pytest.mark.parametrize(
    "query", ["SELECT n FROM missing", "SELECT 1 AS a UNION SELECT 2, 3", "SELECT 1 FROM"]
)
def test_it_is_shut_after_an_error_too(link: Link, query: str) -> None:
    with pytest.raises(sqlite3.Error):
        described(link, query)
    with pytest.raises(ProgramError, match="refused"):
        link.execute("CREATE TEMP TABLE known (n)")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT body FROM docs",
        "SELECT n FROM through",
        "SELECT id FROM docs_data",
        "SELECT n FROM token",
        "SELECT (SELECT hex(fts3_tokenizer('simple'))) AS n",
        "SELECT n FROM t WHERE n IN (SELECT body FROM docs)",
        "SELECT n FROM t ORDER BY load_extension('x')",
        "WITH a AS (SELECT name FROM dbstat) SELECT * FROM a",
    ],
)
@pytest.mark.parametrize("shape", ["{}", "SELECT * FROM ({})", "EXPLAIN {}"])
def test_what_a_query_may_not_reach_is_refused_before_its_types_are_found(
    path: Path, query: str, shape: str
) -> None:
    reader = SqliteReader(path, shape.format(query))
    with pytest.raises((ProgramError, sqlite3.Error), match=r"refused|unsafe|no such"):
        reader.open()
    reader.close()


@pytest.mark.parametrize("table", ["docs", "docs_data", "DOCS", "through", "token"])
def test_a_table_may_be_no_more_than_a_query(path: Path, table: str) -> None:
    reader = SqliteReader(path, table=table)
    with pytest.raises((ProgramError, sqlite3.Error), match=r"refused|unsafe"):
        reader.open()
    reader.close()


def test_a_function_in_words_is_what_sqlalchemy_gave_programs_so_far(path: Path) -> None:
    reader = SqliteReader(
        path, "SELECT 'abc' REGEXP 'B' AS a, 'abc' REGEXP 'b' AS b, NULL REGEXP 'b' AS c"
    )
    reader.open()
    assert [batch.to_pylist() for batch in reader.batches()] == [[{"a": 0, "b": 1, "c": None}]]
    reader.close()


def test_every_limit_is_set_on_a_connection(link: Link) -> None:
    assert link.connection.getlimit(sqlite3.SQLITE_LIMIT_ATTACHED) == 0
    assert link.connection.getlimit(sqlite3.SQLITE_LIMIT_LENGTH) == 256 << 20
    assert link.connection.getlimit(sqlite3.SQLITE_LIMIT_COLUMN) == 2_000


def test_the_gate_of_a_reader_and_that_of_a_writer_differ_in_rows_and_tables() -> None:
    reads, writes = SqliteGate(writes=False), SqliteGate(writes=True)
    for action in (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_CREATE_TABLE):
        assert reads.judge(action, "t", None) == sqlite3.SQLITE_DENY
        assert writes.judge(action, "t", None) == sqlite3.SQLITE_OK
    for gate in (reads, writes):
        assert gate.judge(sqlite3.SQLITE_ATTACH, "x", None) == sqlite3.SQLITE_DENY
        assert gate.judge(9_999, "of a later SQLite", None) == sqlite3.SQLITE_DENY
