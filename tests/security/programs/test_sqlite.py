"""SQLite is a door: what a query of a graph asks of it beyond reading and computing is refused."""

from __future__ import annotations

import os
import sqlite3
import struct
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Product, eventually, product_of_each_class
from tests.programs import Outcome, chain, execute, node, rows_of, run, start
from tests.programs import graph as graph_of

FILE_LIMIT = 8 << 20  # bytes; PROGRAM_FILE_MB=8
SUPER_MAGIC = bytes.fromhex("d9d505f920a163d7")
ADDRESS = "x'4141414141414141'"
DB = "sqlite:///in.db"

product = product_of_each_class("sqlite", RUNNER="embedded")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A tenant's database: a table, and what an operator's own application may have there."""
    execute(
        tmp_path / "in.db",
        "CREATE TABLE t (n INTEGER, name TEXT)",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
        "CREATE TABLE other (n INTEGER)",
        "CREATE VIRTUAL TABLE docs USING fts5 (body)",
        "INSERT INTO docs VALUES ('a text')",
        "CREATE VIRTUAL TABLE boxes USING rtree (id, x0, x1)",
        "CREATE VIEW token AS SELECT hex(fts3_tokenizer('simple')) AS n",
        "CREATE VIEW through AS SELECT body AS n FROM docs",
    )
    return tmp_path


def reading(sql: str, out: str = "out.csv") -> dict[str, Any]:
    """Reads by a connection of its own."""
    return chain(node(1, "db_input", connection=DB, sql=sql), node(2, "csv_output", path=out))


def sharing(sql: str) -> dict[str, Any]:
    """Reads the database that the same program writes."""
    source = node(1, "db_input", connection=DB, sql=sql)
    return chain(source, node(2, "db_output", connection=DB, table="made"))


HARMFUL = {
    "SELECT hex(fts3_tokenizer('simple')) AS n": "fts3_tokenizer",
    f"SELECT fts3_tokenizer('simple', {ADDRESS}) AS n": "fts3_tokenizer",
    f"SELECT FTS3_TOKENIZER('x', {ADDRESS}) AS n": "fts3_tokenizer",
    f"SELECT \"fts3_tokenizer\"('x', {ADDRESS}) AS n": "fts3_tokenizer",
    f"WITH a (n) AS (SELECT [fts3_tokenizer]('x', {ADDRESS})) SELECT n FROM a": "fts3_tokenizer",
    f"SELECT n FROM t ORDER BY fts3_tokenizer('x', {ADDRESS})": "fts3_tokenizer",
    f"SELECT count(*) FILTER (WHERE fts3_tokenizer('x', {ADDRESS})) AS n FROM t": "fts3_tokenizer",
    "SELECT n FROM token": "fts3_tokenizer",
    "SELECT load_extension('x') AS n": "load_extension",
    "SELECT sqlite_log(1, 'x') AS n": "sqlite_log",
    "SELECT rtreecheck('boxes') AS n": "rtreecheck",
    "SELECT input AS n FROM fts3tokenize": "fts3tokenize",
    "SELECT name AS n FROM dbstat": "dbstat",
    "SELECT sql AS n FROM sqlite_stmt": "sqlite_stmt",
    "SELECT body AS n FROM docs": "virtual table",
    "SELECT body AS n FROM docs WHERE docs MATCH 'text'": "virtual table",
    "SELECT id AS n FROM Docs_Data": "docs_data",
    "SELECT n FROM through": "docs",
    "SELECT id AS n FROM boxes": "boxes",
    "SELECT rtreenode(2, data) AS n FROM boxes_node": "rtreenode",
    "SELECT name AS n FROM pragma_function_list": "function_list",
    "ATTACH DATABASE 'new.db' AS x": "another file",
    "VACUUM": "another file",
    "VACUUM INTO 'new.db'": "another file",
}


@pytest.mark.parametrize("sql", HARMFUL)
def test_a_query_reaches_no_code_and_no_file_beside_its_tables(data: Path, sql: str) -> None:
    done = run(reading(sql), data)
    assert (done.code, done.of_node(2)) == (1, []), done
    assert_refused(done, HARMFUL[sql])
    if sql.startswith(("SELECT", "WITH")):
        shared = run(sharing(sql), data)
        assert shared.code == 1
        assert_refused(shared, HARMFUL[sql])
    assert not (data / "new.db").exists()


def assert_refused(done: Outcome, named: str) -> None:
    """An error of the query that names what was refused, by the gate or before it by SQLite itself."""
    assert any(word in done.reason(1) for word in ("refused", "unsafe", "no such function")), done
    assert named in done.reason(1), done


def test_a_virtual_table_that_is_spelled_otherwise_is_none_the_less_one(tmp_path: Path) -> None:
    """SQLite reads the stored text of a schema, which a forged file spells as it likes."""
    forged = "CREATE /* x */ -- y\nVIRTUAL/**/TABLE docs USING fts5 (body)"
    with closing(sqlite3.connect(tmp_path / "in.db")) as database:
        database.execute("CREATE VIRTUAL TABLE docs USING fts5 (body)")
        database.execute("PRAGMA writable_schema = ON")
        update = "UPDATE sqlite_master SET sql = ?, rootpage = 2 WHERE name = 'docs'"
        database.execute(update, (forged,))
        database.commit()
    with closing(sqlite3.connect(tmp_path / "in.db")) as database:
        assert database.execute("SELECT * FROM docs").fetchall() == []
    assert_refused(run(reading("SELECT body AS n FROM docs"), tmp_path), "virtual table")


@pytest.mark.parametrize("table", ["docs", "docs_data", "DOCS_config", "boxes_node"])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_no_output_writes_into_a_virtual_table_or_what_it_keeps(
    data: Path, table: str, mode: str
) -> None:
    before = rows_of(data / "in.db", f"SELECT * FROM {table}")
    source = node(1, "db_input", connection="sqlite://", sql="SELECT 1 AS id, 'x' AS body")
    done = run(chain(source, node(2, "db_output", connection=DB, table=table, mode=mode)), data)
    assert done.code == 1
    assert "refused" in done.reason(2)
    assert rows_of(data / "in.db", f"SELECT * FROM {table}") == before


HOSTILE_KEYS = ['n") DO NOTHING; DROP TABLE t; --', "n') --", '"n"', "n; ATTACH 'x' AS y", "rowid"]


@pytest.mark.parametrize("key", HOSTILE_KEYS)
def test_a_key_is_a_name_and_never_sql(data: Path, key: str) -> None:
    """A column may have any name; where the table has none such, the key is refused with it."""
    spelt = '"' + key.replace('"', '""') + '"'
    execute(data / "in.db", f"CREATE TABLE odd ({spelt} INTEGER PRIMARY KEY, name TEXT)")
    before = rows_of(data / "in.db", "SELECT * FROM t")
    source = node(1, "db_input", connection="sqlite://", sql=f"SELECT 1 AS {spelt}, 'x' AS name")
    for mode in ("upsert", "update", "insert_or_ignore"):
        sink = node(2, "db_output", connection=DB, table="odd", mode=mode, key=[key])
        assert run(chain(source, sink), data).code == 0
    assert rows_of(data / "in.db", "SELECT * FROM odd") == [(1, "x")]
    sink = node(2, "db_output", connection=DB, table="t", mode="upsert", key=[key])
    plain = node(1, "db_input", connection="sqlite://", sql="SELECT 1 AS n, 'x' AS name")
    done = run(chain(plain, sink), data)
    assert done.code == 1
    assert f"has no column {key}" in done.reason(2)
    assert rows_of(data / "in.db", "SELECT * FROM t") == before


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("COMMIT", "must be one INSERT, UPDATE or DELETE"),
        ("DROP TABLE t", "must be one INSERT, UPDATE or DELETE"),
        ("/* */ DELETE FROM t", "begin with that word"),
        ("PRAGMA writable_schema = ON", "must be one"),
        ("DELETE FROM t; COMMIT", "one statement"),
        ("DELETE FROM t; ATTACH 'x' AS y", "one statement"),
        (f"INSERT INTO t SELECT 1, fts3_tokenizer('x', {ADDRESS})", "fts3_tokenizer"),
        ("INSERT INTO t SELECT 1, load_extension('x')", "load_extension"),
        ("INSERT INTO t SELECT 1, sql FROM sqlite_dbpage", "sqlite_dbpage"),
        ("DELETE FROM docs", "virtual table"),
        ("DELETE FROM docs_config", "docs_config"),
        ("DELETE FROM sqlite_master", "sqlite_master"),
        ("UPDATE sqlite_master SET sql = 'x'", "sqlite_master"),
    ],
)
def test_sql_around_the_rows_changes_rows_of_tables_and_no_more(
    data: Path, statement: str, said: str
) -> None:
    before = (data / "in.db").read_bytes()
    source = node(1, "db_input", connection="sqlite://", sql="SELECT 3 AS n, 'x' AS name")
    for when in ("before", "after"):
        sink = node(2, "db_output", connection=DB, table="t", mode="append", **{when: statement})
        done = run(chain(source, sink), data)
        assert done.code == 1
        assert said in done.reason(2)
        assert f"SQL {when} the rows" in done.reason(2)
    assert rows_of(data / "in.db", "SELECT * FROM t") == [(1, "one"), (2, "two")]
    assert len(before) == (data / "in.db").stat().st_size
    assert not (data / "x").exists()


@pytest.mark.parametrize("table", ["docs_config", "boxes_node", "sqlite_stat1"])
def test_no_key_opens_a_table_that_is_closed(data: Path, table: str) -> None:
    execute(data / "in.db", "CREATE INDEX i ON t (n)", "ANALYZE")
    before = rows_of(data / "in.db", f"SELECT * FROM {table}")
    names = [row[1] for row in rows_of(data / "in.db", f"PRAGMA table_info({table})")]
    sql = "SELECT " + ", ".join(f"1 AS {name}" for name in names)
    source = node(1, "db_input", connection="sqlite://", sql=sql)
    sink = node(2, "db_output", connection=DB, table=table, mode="upsert", key=names[:1])
    assert run(chain(source, sink), data).code == 1
    assert rows_of(data / "in.db", f"SELECT * FROM {table}") == before


@pytest.mark.parametrize("table", ["sqlite_stat1", "main.sqlite_stat1", "SQLITE_STAT1"])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_no_output_writes_the_statistics_that_sqlite_plans_by(
    data: Path, table: str, mode: str
) -> None:
    execute(data / "in.db", "CREATE INDEX i ON t (n)", "ANALYZE")
    forged = "SELECT 't' AS tbl, 'i' AS idx, '9223372036854775807 -1' AS stat"
    source = node(1, "db_input", connection="sqlite://", sql=forged)
    done = run(chain(source, node(2, "db_output", connection=DB, table=table, mode=mode)), data)
    assert done.code == 1
    assert rows_of(data / "in.db", "SELECT stat FROM sqlite_stat1 WHERE idx = 'i'") == [("2 1",)]


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE t",
        "DELETE FROM t RETURNING n",
        "INSERT INTO t VALUES (3, 'three') RETURNING n",
        "UPDATE t SET name = 'x' RETURNING n",
        "CREATE TABLE made (n)",
        "CREATE TEMP TABLE made AS SELECT 1 AS n",
        "CREATE VIRTUAL TABLE made USING fts5 (body)",
        "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT fts3_tokenizer('a', x'00'); END",
        "CREATE VIEW made AS SELECT 1 AS n",
        "CREATE INDEX made ON t (n)",
        "ALTER TABLE t RENAME TO u",
        "ANALYZE",
        "REINDEX",
        "PRAGMA user_version = 77",
        "PRAGMA journal_mode = WAL",
        "PRAGMA journal_mode = DELETE",
        "PRAGMA main.journal_mode(PERSIST)",
        "PRAGMA query_only = OFF",
        "PRAGMA writable_schema = ON",
        "PRAGMA trusted_schema = ON",
        "PRAGMA temp_store_directory = '/tmp'",
        "PRAGMA wal_checkpoint(TRUNCATE)",
        "PRAGMA optimize",
        "PRAGMA incremental_vacuum(1)",
        "PRAGMA locking_mode = EXCLUSIVE",
        "PRAGMA application_id = 7",
        "EXPLAIN DELETE FROM t",
        "WITH a AS (SELECT 1 AS n) DELETE FROM t RETURNING n",
        "WITH a (n, m) AS (SELECT 3, 'x') INSERT INTO t SELECT n, m FROM a RETURNING n",
        "/* SELECT */ UPDATE t SET n = 7 RETURNING n",
    ],
)
def test_an_input_changes_nothing_whether_its_run_fails_or_not(data: Path, sql: str) -> None:
    before = (data / "in.db").read_bytes()
    done = run(reading(sql), data)
    assert done.code == 1
    assert "refused" in done.reason(1)
    assert (data / "in.db").read_bytes() == before
    assert sorted(path.name for path in data.glob("in.db*")) == ["in.db"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT n FROM t; DELETE FROM t",
        "SELECT n FROM t -- the first\n; DROP TABLE t",
        "SELECT n FROM t UNION ALL SELECT 1; CREATE TABLE made (n)",
        "VALUES (1); PRAGMA query_only = OFF",
        "SELECT 1 AS n; SELECT 2 AS n",
    ],
)
def test_a_query_is_one_statement(data: Path, sql: str) -> None:
    """Its types are found by a temporary view of it, which is one statement, too."""
    before = (data / "in.db").read_bytes()
    done = run(reading(sql), data)
    assert done.code == 1
    assert "one statement" in done.reason(1)
    assert (data / "in.db").read_bytes() == before


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT n, upper(name) AS u FROM t WHERE name LIKE 't%'", 1),
        ("SELECT value AS n FROM json_each('[1, 2, 3]')", 3),
        ("SELECT j.value AS n FROM t, json_each('[' || n || ']') AS j", 2),
        ("SELECT name AS n FROM pragma_table_info('t')", 2),
        ("PRAGMA table_info(t)", 2),
        ("PRAGMA user_version", 1),
        ("SELECT name AS n FROM sqlite_master WHERE name = 't'", 1),
        (
            "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 9) SELECT n FROM c",
            9,
        ),
        ("SELECT row_number() OVER (ORDER BY n DESC) AS n FROM t", 2),
        (
            "SELECT strftime('%Y', '2026-11-27') AS y, round(2.5) AS r, name REGEXP 'o' AS o FROM t",
            2,
        ),
        ("EXPLAIN QUERY PLAN SELECT n FROM t", 1),
    ],
)
@pytest.mark.parametrize("shape", [reading, sharing])
def test_a_query_reads_and_computes(data: Path, sql: str, rows: int, shape: Any) -> None:
    done = run(shape(sql), data)
    assert done.code == 0, done
    assert done.state(1) == ("completed", rows)


def test_thousands_of_aggregates_break_nothing(data: Path) -> None:
    """More than columns: SQLite before 3.50.2 miscounts beyond 32,767, which no query of ours can hold."""
    terms = ", ".join(f"sum({n})" for n in range(9_000))
    done = run(reading(f"SELECT count(*) AS n FROM t HAVING 1 IN ({terms})"), data)
    assert done.code in (0, 1), "a signal would be a fault of memory"


def test_outputs_still_do_all_they_did(data: Path) -> None:
    """A new table, a table of the same columns replaced, one of other columns, and one appended to."""
    source = node(1, "db_input", connection=DB, sql="SELECT n, name FROM t")
    outputs = [
        node(2, "db_output", connection=DB, table="fresh"),
        node(3, "db_output", connection=DB, table="t", mode="replace"),
        node(4, "db_output", connection=DB, table="other", mode="replace"),
    ]
    done = run(graph_of([source, *outputs], [(1, 2), (1, 3), (1, 4)]), data)
    assert done.code == 0, done
    again = node(2, "db_output", connection=DB, table="fresh", mode="append")
    assert run(chain(source, again), data).code == 0
    counts = [rows_of(data / "in.db", f"SELECT count(name) FROM {n}")[0][0] for n in ("t", "other")]
    assert (counts, len(rows_of(data / "in.db", "SELECT * FROM fresh"))) == ([2, 2], 4)


# ---------------------------------------------------------------- journals


def super_journal_end(victim: Path) -> bytes:
    """The end of a journal by which SQLite deletes `victim` after the roll-back."""
    name = os.fsencode(victim)
    return b"\0\0\0\1" + name + struct.pack(">II", len(name), sum(name)) + SUPER_MAGIC


PHASES = """
import resource, signal, sqlite3, sys
from pathlib import Path
directory, end, size, limit = Path(sys.argv[1]), bytes.fromhex(sys.argv[2]), *map(int, sys.argv[3:])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
victim, database = directory / "precious.csv", directory / "trial.db"
for phase in range(len(end)):
    victim.write_text("n\\n1\\n")
    database.unlink(missing_ok=True)
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("CREATE TABLE t (b)")
    db.execute("INSERT INTO t VALUES (?)", ((end * (size // len(end) + 2))[phase : phase + size],))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        db.execute("BEGIN IMMEDIATE")
        db.execute("DELETE FROM t")
        db.execute("INSERT INTO t VALUES (zeroblob(?))", (size,))
    except sqlite3.OperationalError:
        pass
    db.close()
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    if not victim.exists():
        sys.exit(print(phase))
"""
SIZE = 2_044 * 4_092  # bytes of a blob whose table fits the limit, and whose journal does not


def test_a_journal_that_is_cut_short_has_sqlite_delete_nothing(tmp_path: Path) -> None:
    """At the limit of a file's size; a full disk or a quota cuts it in the same way."""
    victim = tmp_path / "precious.csv"
    end = super_journal_end(victim)
    search = [sys.executable, "-c", PHASES, str(tmp_path), end.hex(), str(SIZE), str(FILE_LIMIT)]
    found = subprocess.run(search, capture_output=True, text=True, timeout=60, check=True).stdout
    assert found, "SQLite itself no longer does what this test defends against: look again"
    phase = int(found)
    victim.write_text("n\n1\n")
    blob = (end * (SIZE // len(end) + 2))[phase : phase + SIZE]
    with closing(sqlite3.connect(tmp_path / "out.db")) as database:
        database.execute("CREATE TABLE t (b)")
        database.execute("INSERT INTO t VALUES (?)", (blob,))
        database.commit()
    source = node(1, "db_input", connection="sqlite://", sql=f"SELECT zeroblob({SIZE}) AS b")
    sink = node(2, "db_output", connection="sqlite:///out.db", table="t", mode="replace")
    limits = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({FILE_LIMIT}, {FILE_LIMIT}))"
    under = f"import os, resource, sys; {limits}; os.execv(sys.argv[1], sys.argv[1:])"
    done = run(chain(source, sink), tmp_path, prefix=[sys.executable, "-c", under])
    assert done.code == 1
    assert "PROGRAM_FILE_MB" in done.reason(2)
    assert victim.exists()
    assert rows_of(tmp_path / "out.db", "SELECT b FROM t") == [(blob,)], "all or nothing"
    assert not (tmp_path / "out.db-journal").exists()


@pytest.mark.parametrize("writes", [False, True])
def test_a_journal_that_was_left_behind_and_names_a_file_is_not_rolled_back(
    data: Path, writes: bool
) -> None:
    victim = data / "precious.csv"
    victim.write_text("n\n1\n")
    (data / "in.db-journal").write_bytes(bytes(4_096) + super_journal_end(victim))
    output = node(2, "db_output", connection=DB, table="made")
    source = node(1, "db_input", connection="sqlite://", sql="SELECT 1 AS n")
    done = run(chain(source, output) if writes else reading("SELECT n FROM t"), data)
    assert "in.db-journal names another file" in done.reason(2 if writes else 1)
    assert victim.exists()


def test_a_program_that_is_killed_leaves_the_database_as_it_was(tmp_path: Path) -> None:
    """What is written is in a write-ahead log, not in the file under a journal in memory."""
    execute(tmp_path / "out.db", "CREATE TABLE t (b)", "INSERT INTO t VALUES ('kept')")
    endless = (  # with a type: the values of a column without one are all looked at first
        "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c)"
        " SELECT CAST(n AS INTEGER) AS b FROM c"
    )
    source = node(1, "db_input", connection="sqlite://", sql=endless)
    sink = node(2, "db_output", connection="sqlite:///out.db", table="t", mode="replace")
    process = start(chain(source, sink), tmp_path)
    log = tmp_path / "out.db-wal"
    try:
        eventually(lambda: log.stat().st_size > 4 << 20, 90.0, what="much is written")
    finally:
        process.kill()
        process.communicate()
    assert rows_of(tmp_path / "out.db", "PRAGMA integrity_check") == [("ok",)]
    assert rows_of(tmp_path / "out.db", "SELECT b FROM t") == [("kept",)]


# ---------------------------------------------------------------- files and memory


@pytest.mark.parametrize("name", [":beside.db", ":Memory:", ":memory:.db", " :memory:"])
def test_only_memory_is_called_memory(tmp_path: Path, name: str) -> None:
    """Another name that begins with a colon is a file: under a root, and seen by the same rules."""
    source = node(1, "csv_input", path="in.csv")
    (tmp_path / "in.csv").write_text("n\n1\n")
    (tmp_path / "elsewhere").mkdir()
    sink = node(2, "db_output", connection=f"sqlite:///{name}", table="t")
    done = run(chain(source, sink), tmp_path)
    assert done.code == 0, done
    assert (tmp_path / name).exists()
    (tmp_path / name).unlink()
    outside = run(chain(source, sink), tmp_path, DATA_ROOTS=str(tmp_path / "elsewhere"))
    assert "DATA_ROOTS" in outside.reason(2)
    assert not (tmp_path / name).exists()


# ---------------------------------------------------------------- the real processes


def test_no_preview_reaches_code_or_changes_a_file(product: Product) -> None:
    file = product.data_dir / "preview.db"
    execute(file, "CREATE TABLE t (n)", "INSERT INTO t VALUES (1)")
    before = file.read_bytes()
    fine = node(1, "db_input", connection="sqlite:///preview.db", table="t")
    seen = {"graph": graph_of([fine], []), "nodeId": 1}
    assert product.ask_runner("/api/jobs/preview", seen).status == 200, "a runner is there"
    for sql, named in {
        "SELECT hex(fts3_tokenizer('simple')) AS n": "fts3_tokenizer",
        "PRAGMA journal_mode = WAL": "journal_mode",
        "DROP TABLE t": "SELECT",
    }.items():
        source = node(1, "db_input", connection="sqlite:///preview.db", sql=sql)
        question = {"graph": graph_of([source], []), "nodeId": 1}
        answer = product.ask_runner("/api/jobs/preview", question)
        assert answer.status == 422, answer
        assert named in answer.json()["detail"]
    assert file.read_bytes() == before
    assert product.ask_runner("/api/jobs/preview", seen).json()["rows"] == [[1]]


def test_two_inputs_on_the_connection_of_an_output_reach_no_code(product: Product) -> None:
    """The first would register an address, the second would call it: a SIGSEGV without the gate."""
    file = product.data_dir / "both.db"
    execute(file, "CREATE TABLE t (n)")
    both = "sqlite:///both.db"
    register = f"SELECT length(fts3_tokenizer('evil', {ADDRESS})) AS n"
    call = "SELECT count(*) AS n FROM fts3tokenize WHERE input = 'a'"
    nodes = [
        node(1, "db_input", connection=both, sql=register),
        node(2, "db_input", connection=both, sql=call),
        node(3, "db_output", connection=both, table="made"),
    ]
    job_id = product.create_job({"name": "both", "graph": graph_of(nodes, [(1, 3), (2, 3)])})
    end = product.run_end(product.execute(job_id))
    assert end["status"] == "failed"
    assert "the query is refused: it would use the function fts3_tokenizer" in end["reason"]
