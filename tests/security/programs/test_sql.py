"""The SQL node, as an attacker writes its query: it computes over its own inputs, and reaches, tells and changes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from program_lib.nodes import Node, NodeFailed, Output, Source
from program_lib.sql.node import Sql, sql
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.in_memory import Kept, ran, rows_of
from tests.program_lib.nodes.gathered import Handed, handed_on, table_of
from tests.programs import chain, node, run

SCHEMA = Schema([Column("n", INTEGER), Column("t", TEXT)])
ROWS = [(1, "a"), (2, "b")]
SECRET = "what lies in the run's directory"

# Each with a part of the one sentence that refuses it. {dir} is the directory that DuckDB spills to, and so may open
REFUSED = {
    "SELECT * FROM read_csv('/etc/passwd')": "read_csv() is no table of this node",
    "SELECT * FROM READ_TEXT('{dir}/secret.txt')": "read_text() is no table of this node",
    "SELECT * FROM main.read_blob('{dir}/secret.txt')": "read_blob() is no table",
    "SELECT * FROM glob('{dir}/*')": "glob() is no table of this node",
    "SELECT * FROM '{dir}/secret.txt'": "there is no table '{dir}/secret.txt'",
    "SELECT * FROM \"{dir}/secret.csv\"": "there is no table '{dir}/secret.csv'",
    "SELECT (SELECT content FROM read_text('{dir}/secret.txt')) AS c FROM input": "read_text() is no table",
    "SELECT n FROM input WHERE EXISTS (FROM read_text('{dir}/secret.txt'))": "read_text() is no table",
    "SELECT n IN (SELECT size FROM read_text('{dir}/secret.txt')) AS x FROM input": "read_text() is no table",
    "SELECT * FROM input, LATERAL (SELECT * FROM read_text('{dir}/secret.txt'))": "read_text() is no table",
    "SELECT n FROM input ORDER BY (SELECT content FROM read_text('{dir}/secret.txt'))": "read_text() is no table",
    "SELECT n FROM input LIMIT (SELECT size FROM read_text('{dir}/secret.txt'))": "read_text() is no table",
    "SELECT n FROM input UNION ALL SELECT size FROM read_text('{dir}/secret.txt')": "read_text() is no table",
    "SELECT n FROM input QUALIFY (SELECT size FROM read_text('{dir}/secret.txt')) > 0": "read_text() is no table",
    "SELECT list_transform([1], lambda x: (SELECT size FROM read_text('{dir}/secret.txt'))) AS l": "read_text() is no table",
    "FROM (PIVOT read_text('{dir}/secret.txt') ON size IN (1) USING count(*))": "read_text() is no table",
    "SELECT * FROM query('SELECT 1')": "query() is no table",
    "SELECT * FROM query_table('input')": "query_table() is no table",
    "SELECT * FROM json_execute_serialized_sql('{{}}')": "json_execute_serialized_sql() is no table",
    "SELECT * FROM SCHEMA": "there is no table 'SCHEMA'",
    "SELECT * FROM rows": "there is no table 'rows'",
    "SELECT * FROM rows_of_input_1": "there is no table 'rows_of_input_1'",
    "SELECT * FROM temp.input": "there is no table 'temp.input'",
    "SELECT * FROM duckdb_settings()": "duckdb_settings() is no table",
    "SELECT * FROM duckdb_tables": "there is no table 'duckdb_tables'",
    "SELECT * FROM information_schema.tables": "there is no table 'information_schema.tables'",
    "WITH a AS (SELECT * FROM duckdb_tables), duckdb_tables AS (SELECT 1) SELECT * FROM a": "there is no table 'duckdb_tables'",
    "WITH duckdb_tables AS (SELECT * FROM duckdb_tables) SELECT * FROM duckdb_tables": "there is no table 'duckdb_tables'",
    "SELECT * FROM (WITH duckdb_tables AS (SELECT 1) SELECT 1), duckdb_tables": "there is no table 'duckdb_tables'",
    "SELECT current_setting('temp_directory') AS s": "the function current_setting is not for",
    "SELECT 'temp_directory'.current_setting() AS s": "the function current_setting is not for",
    "SELECT \"Current_Setting\"('temp_directory') AS s": "the function current_setting is not for",
    "SELECT getenv('HOME') AS s": "the function getenv is not for",
    "SELECT current_query() AS s": "the function current_query is not for",
    "SELECT write_log('x') AS s": "the function write_log is not for",
    "SELECT sleep_ms(100000) AS s": "the function sleep_ms is not for",
    "SELECT pg_sleep(100) AS s": "the function pg_sleep is not for",
    "WITH x AS (INSERT INTO input VALUES (3, 'c') RETURNING n) SELECT * FROM x": "it holds INSERT",
    "WITH x AS (DELETE FROM rows_of_input_1 RETURNING n) SELECT * FROM x": "it holds DELETE",
    "WITH x AS (UPDATE rows_of_input_1 SET n = 1 RETURNING n) SELECT * FROM x": "it holds UPDATE",
    "ATTACH '{dir}/made.db' AS made": "it holds ATTACH",
    "COPY (SELECT 1) TO '{dir}/made.csv'": "it holds COPY",
    "COPY input FROM '/etc/passwd'": "it holds COPY",
    "EXPORT DATABASE '{dir}/made'": "it holds EXPORT",
    "INSTALL httpfs": "it holds LOAD",
    "LOAD '{dir}/made'": "it holds LOAD",
    "PRAGMA database_list": "it holds PRAGMA",
    "SET enable_external_access = true": "it holds SET",
    "RESET lock_configuration": "it holds SET",
    "USE memory": "it holds SET",
    "CREATE TABLE made (a INTEGER)": "it holds CREATE",
    "CREATE TABLE made AS SELECT 1": "it holds CREATE",
    "DROP VIEW input": "it holds DROP",
    "INSERT INTO input VALUES (1, '')": "it holds INSERT",
    "DELETE FROM input": "it holds DELETE",
    "BEGIN": "it holds TRANSACTION",
    "CALL range(3)": "it holds CALL",
    "EXPLAIN ANALYZE SELECT 1": "it holds EXPLAIN",
    "PREPARE p AS SELECT 1": "it holds PREPARE",
    "VACUUM": "it holds VACUUM",
    "SHOW TABLES": "it holds DESCRIBE, SHOW or SUMMARIZE",
    "SUMMARIZE input": "it holds DESCRIBE, SHOW or SUMMARIZE",
    "SELECT * FROM (DESCRIBE input)": "it holds DESCRIBE, SHOW or SUMMARIZE",
    "PIVOT input ON t USING sum(n)": "this PIVOT finds its columns in the rows",
    "SELECT 1 AS a; DROP VIEW input": "it holds DROP",
    "SELECT 1 AS a; SELECT 2 AS a": "there are 2 statements",
    "SELECT 1 AS a /* ; */; COPY (SELECT 1) TO '{dir}/made.csv' --": "it holds COPY",
    "/* SELECT */ DROP VIEW input -- SELECT": "it holds DROP",
    "SELECT * FROM hidden_rows": "there is no table 'hidden_rows'",
    "SELECT " + "(" * 40_000 + "1" + ")" * 40_000 + " AS a": "Max expression depth limit",
    "SELECT " + "[" * 5_000 + "1" + "]" * 5_000 + " AS a": "Max expression depth limit",
    "SELECT " + "NOT " * 20_000 + "TRUE AS a": "Max expression depth limit",
    "SELECT " + "(SELECT " * 5_000 + "1" + ")" * 5_000 + " AS a": "Max expression depth limit",
}  # fmt: skip

# What an attacker may write, and what is nothing but a query
ALLOWED = {
    "SELECT ';DROP VIEW input; --' AS a, n FROM input -- ; DROP VIEW input": 2,
    "WITH duckdb_tables AS (SELECT n FROM input) SELECT * FROM duckdb_tables": 2,
    "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5) SELECT i FROM r": 5,
    "SELECT i.n, j.value FROM input AS i, json_each('[1, 2]') AS j ORDER BY ALL": 4,
    "SELECT DISTINCT ON (n) n FROM input ORDER BY n DESC LIMIT 50%": 1,
    "(SELECT n FROM input) EXCEPT (VALUES (2))": 1,
    "FROM (PIVOT input ON t IN ('a', 'b') USING sum(n))": 1,
    "SELECT n FROM INPUT AS \"duckdb_tables\" QUALIFY row_number() OVER (ORDER BY n DESC) = 1": 1,
    "FROM range(3)": 3,
}  # fmt: skip


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in ("secret.txt", "secret.csv"):
        (tmp_path / name).write_text(SECRET)
    return tmp_path


def asked(query: str) -> Handed:
    node = Sql(2, "Node", lambda: sql(query), feeds=[3])
    return handed_on(node, SCHEMA, table_of(SCHEMA, ROWS))


@pytest.mark.parametrize("query", REFUSED, ids=lambda query: query[:40])
def test_what_reaches_further_than_its_rows_is_refused(query: str, directory: Path) -> None:
    hidden_rows = "a variable of Python, which DuckDB may take for a table"
    with pytest.raises(NodeFailed) as caught:
        asked(query.replace("{dir}", str(directory)).replace("{{}}", "{}"))
    assert REFUSED[query].replace("{dir}", str(directory)) in caught.value.reason
    assert SECRET not in caught.value.reason
    assert hidden_rows not in caught.value.reason
    assert {path.name for path in directory.iterdir()} == {"secret.txt", "secret.csv"}


@pytest.mark.parametrize("query", ALLOWED, ids=lambda query: query[:40])
def test_what_only_computes_is_not(query: str) -> None:
    assert len(asked(query).rows()) == ALLOWED[query]


def test_a_query_sees_no_table_of_another_node() -> None:
    theirs, ours = Kept(), Kept()
    query = "SELECT count(*) AS n FROM "
    nodes: list[Node] = [
        Source(1, "Rows", lambda: rows_of(SCHEMA, ROWS), feeds=[(2, "theirs"), (3, "ours")]),
        Sql(2, "Theirs", lambda: sql(query + "theirs", ["theirs"]), feeds=[4]),
        Sql(3, "Ours", lambda: sql(query + "theirs", ["ours"]), feeds=[5]),
        Output(4, "Out", lambda: theirs),
        Output(5, "Out", lambda: ours),
    ]
    code, said = ran(*nodes)
    assert code == 1
    [failed] = [one for one in said if one.status == "failed"]
    assert (failed.node_id, "there is no table 'theirs'; there are ours" in failed.message) == (3, True)  # fmt: skip


# ------------------------------------------------ what costs much ends its own run, and nothing else


COSTLY = {
    # computed by DuckDB while it looks at the query, beside its own limit on memory
    "SELECT 1 AS a LIMIT length(repeat('x', 2000000000))": "600 MB of memory (PROGRAM_MEMORY_MB)",
    "SELECT length(CAST(list(range) AS VARCHAR)) AS a FROM range(100000000)": "600 MB of memory (PROGRAM_MEMORY_MB)",
    "SELECT a.range * b.range AS p FROM range(1000000) a, range(1000000) b ORDER BY p": "5 MB on disk (PROGRAM_FILE_MB)",
}  # fmt: skip


@pytest.mark.parametrize("query", COSTLY, ids=lambda query: query[:30])
def test_a_query_that_costs_too_much_fails_with_one_sentence(query: str, directory: Path) -> None:
    (directory / "in.csv").write_text("a\n1\n")
    nodes = (node(1, "csv_input", path="in.csv"), node(2, "sql", sql=query))
    limits = ("prlimit", f"--data={600 * 2**20}", f"--fsize={5 * 2**20}")
    done = run(chain(*nodes, node(3, "csv_output", path="out.csv")), directory, prefix=limits)
    assert done.code == 1
    assert COSTLY[query] in done.reason(2)
    assert not (directory / "out.csv").exists()
    assert not list(directory.glob("duckdb_temp_*"))
