"""What went wrong once, in this product or in tools of its kind: each with what is right, and its siblings.

Whole graphs, run as programs against real files and servers. Where a row is refused, the reason names it, and
nothing is written.
"""

from __future__ import annotations

import csv
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from jobs.graph.errors import GraphInvalid
from jobs.graph.parsing import parse_graph
from tests.harness import eventually
from tests.programs import (
    Outcome,
    chain,
    execute,
    graph,
    node,
    outcome,
    program_of,
    rows_of,
    run,
    start,
)
from tests.servers.databases import Database

Node = dict[str, Any]
Graph = dict[str, Any]
OUT = "sqlite:///out.db"


def from_csv(path: str = "in.csv", node_id: int = 1, **config: Any) -> Node:
    return node(node_id, "csv_input", path=path, **config)


def from_query(connection: str, sql: str, node_id: int = 1) -> Node:
    return node(node_id, "db_input", connection=connection, sql=sql)


def from_table(connection: str, table: str, node_id: int = 1) -> Node:
    return node(node_id, "db_input", connection=connection, table=table)


def into_csv(path: str = "out.csv", node_id: int = 9, **config: Any) -> Node:
    return node(node_id, "csv_output", path=path, **config)


def into(connection: str = OUT, table: str = "t", mode: str = "create", node_id: int = 9) -> Node:
    return node(node_id, "db_output", connection=connection, table=table, mode=mode)


def computing(column: str, expression: str, node_id: int = 5) -> Node:
    columns = [{"column": column, "expression": expression}]
    return node(node_id, "map", columns=columns, keep="none")


def keeping(condition: str, node_id: int = 5) -> Node:
    return node(node_id, "filter", condition=condition)


class Place:
    """A directory of data, and the databases that connections name."""

    def __init__(self, directory: Path, request: pytest.FixtureRequest) -> None:
        self.directory = directory
        self._request = request

    def file(self, name: str, content: str | bytes) -> None:
        raw = content.encode() if isinstance(content, str) else content
        (self.directory / name).write_bytes(raw)

    def text(self, name: str = "out.csv") -> str:
        return (self.directory / name).read_bytes().decode()

    def sqlite(self, name: str, *statements: str) -> None:
        execute(self.directory / name, *statements)

    def rows(self, query: str, name: str = "out.db") -> list[tuple[Any, ...]]:
        return rows_of(self.directory / name, query)

    def server(self, kind: str) -> Database:
        found: Database = self._request.getfixturevalue(kind)
        return found

    def run(self, document: Graph) -> Outcome:
        return run(document, self.directory, **self._connections(document))

    def start(self, document: Graph) -> Any:
        return start(document, self.directory, **self._connections(document))

    def _connections(self, document: Graph) -> dict[str, str]:
        named = {entry["config"].get("connection") for entry in document["nodes"]}
        kinds = {"PG": "postgresql", "MY": "mariadb"}
        return {f"CONNECTION_{n}": self.server(kinds[n]).url for n in kinds if n in named}

    def done(self, *nodes: Node) -> Outcome:
        """A chain of nodes that completes."""
        ended = self.run(chain(*nodes))
        assert ended.code == 0, ended.stderr
        return ended

    def refused(self, *nodes: Node, by: int = 1) -> str:
        """The reason for which a chain of nodes fails."""
        ended = self.run(chain(*nodes))
        assert ended.code == 1, ended
        assert not (self.directory / "out.csv").exists()
        return ended.reason(by)

    def csv_of(self, *nodes: Node) -> str:
        """The CSV file into which a chain of nodes writes."""
        self.done(*nodes, into_csv())
        return self.text()


@pytest.fixture
def place(tmp_path: Path, request: pytest.FixtureRequest) -> Place:
    return Place(tmp_path, request)


# ---------------------------------------------------------------- types of new tables


def two_files(place: Place, first: str, second: str, target: Node, **config: Any) -> None:
    """Rows of one CSV file, then of another, into one table."""
    place.file("a.csv", first)
    place.file("b.csv", second)
    sources = [from_csv("a.csv", 1, **config), from_csv("b.csv", 2, **config)]
    ended = place.run(graph([*sources, target], [(1, 9), (2, 9)]))
    assert ended.code == 0, ended.stderr


NUMBERS = {"numbers": ["id", "score"]}


@pytest.mark.parametrize(
    "first", ["id,score\n1,\n", "id,score\n", "id,score\n" + "1,\n" * 1_500, "score,id\n,1\n"]
)
def test_a_column_that_is_null_at_first_is_of_its_type(place: Place, first: str) -> None:
    two_files(place, first, "id,score\n2,9\n3,100\n", into(), **NUMBERS)
    assert place.rows("SELECT max(score), typeof(max(score)) FROM t") == [(100, "integer")]


@pytest.mark.parametrize(("kind", "name"), [("postgresql", "PG"), ("mariadb", "MY")])
def test_a_column_of_a_server_that_is_null_at_first_is_of_its_type(
    place: Place, kind: str, name: str
) -> None:
    server = place.server(kind)
    server.execute("CREATE TABLE s (id integer, score integer, price decimal(10,2))")
    values = ", ".join(f"({n}, NULL, NULL)" for n in range(1_500))
    server.execute(f"INSERT INTO s VALUES {values}", "INSERT INTO s VALUES (9999, 100, 2.50)")
    place.done(from_query(name, "SELECT * FROM s ORDER BY id"), into(name, "t"))
    place.done(from_query(name, "SELECT * FROM s ORDER BY id"), into(OUT, "t"))
    assert server.rows("SELECT max(score), sum(price) FROM t")[0][0] == 100
    assert place.rows("SELECT max(score), typeof(max(score)), max(price) FROM t") == [
        (100, "integer", 2.5)
    ]
    assert place.rows("SELECT type FROM pragma_table_info('t')")[2] == ("DECIMAL(10,2)",)


def test_a_computed_column_that_is_null_at_first_is_of_its_type(place: Place) -> None:
    place.file("in.csv", "id,score\n" + "1,5\n" * 1_500 + "2,500\n")
    found = computing("high", "score if score > 100 else None")
    place.done(from_csv(numbers=["id", "score"]), found, into())
    assert place.rows("SELECT max(high), typeof(max(high)) FROM t") == [(500, "integer")]


@pytest.mark.parametrize(
    ("first", "second", "total"),
    [
        ("id,score\n1,5\n", "id,score\n2,10.5\n", "15.5"),
        ("id,score\n" + "1,1\n" * 1_200, "id,score\n1,2.5\n1,0.4\n", "1202.9"),
        ("id,score\n1,\n", "id,score\n2,0.1\n3,0.2\n", "0.3"),
        ("id,score\n1,1\n", "id,score\n2,12345678901234567890.123456789\n", "12345678901234567891.123456789"),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("kind", "name"), [("postgresql", "PG"), ("mariadb", "MY")])
def test_numbers_that_are_whole_at_first_keep_their_digits(
    place: Place, kind: str, name: str, first: str, second: str, total: str
) -> None:
    two_files(place, first, second, into(name), **NUMBERS)
    found = place.server(kind).value("SELECT sum(score) FROM t")
    assert f"{found:f}".rstrip("0") == total


# ---------------------------------------------------------------- CSV: quotes and numbers


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('id,name\n1,"Ann\n2,Bob\n3,Cy\n', "line 2 of in.csv"),
        ('id,name\n1,Ann\n2,"Bob', "line 3 of in.csv"),
        ('id,"name\n1,Ann\n', "line 1 of in.csv"),
        ("id,name\n" + "1,Ann\n" * 120_000 + '2,"Bob\n3,Cy\n', "line 120,002 of in.csv"),
        ('id,name\n1,"Ann ""\n2,Bob\n', "line 2 of in.csv"),
    ],
)
def test_a_quote_that_nothing_closes_is_refused_with_its_line(
    place: Place, content: str, line: str
) -> None:
    place.file("in.csv", content)
    reason = place.refused(from_csv(), into())
    assert reason == f"{line} opens a quote that nothing closes"
    assert place.rows("SELECT name FROM sqlite_master") == []


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('id,name\n1,"Ann" x\n2,Bob\n', "line 2 of in.csv"),
        ('id,name\n1,"Ann" \n2,Bob\n', "line 2 of in.csv"),
        ('id,"name"s\n1,Ann\n', "line 1 of in.csv"),
        ('id,name\n1,Ann\n2,"Bob"",x\n"3"4,Cy\n', "line 3 of in.csv"),
    ],
)
def test_text_after_a_quote_is_refused_with_its_line(place: Place, content: str, line: str) -> None:
    place.file("in.csv", content)
    assert line in place.refused(from_csv(), into())


@pytest.mark.parametrize(
    "number", ["12_34", "nan", "1_000", "1e400", "1e5", "0x10", "Infinity", "١٢", "1,000", "--1", "x"]
)  # fmt: skip
def test_a_number_that_is_not_plain_is_refused_with_its_line(place: Place, number: str) -> None:
    place.file("in.csv", f"a;b\n1;2\n{number};3\n")
    reason = place.refused(from_csv(delimiter="semicolon", numbers=["a"]), into())
    assert "line 3 of in.csv" in reason
    assert repr(number) in reason


@pytest.mark.parametrize(
    ("of", "value"),
    [
        ("integer", "9223372036854775808"),
        ("integer", "1.0"),
        ("date", "2026-13-01"),
        ("date", "2026-02-29"),
        ("timestamp", "2026-07-01 25:00"),
        ("timestamptz", "2026-07-01 12:00"),
        ("boolean", "yes"),
        ("double", "1e400"),
    ],
)
def test_a_value_that_is_none_of_its_type_is_refused_with_its_line(
    place: Place, of: str, value: str
) -> None:
    place.file("in.csv", f"a\n\n{value}\n")
    reason = place.refused(from_csv(types=[{"column": "a", "type": of}]), into())
    assert "line 3 of in.csv" in reason
    assert value in reason


# ---------------------------------------------------------------- CSV: NULL and the empty text


def test_an_empty_field_is_null_in_a_table_that_is_there(place: Place) -> None:
    place.file("in.csv", "id,born,n\n1,,\n")
    place.sqlite("out.db", "CREATE TABLE t(id INT, born DATE, n INT)")
    place.done(from_csv(), into(mode="append"))
    assert place.rows("SELECT typeof(born), typeof(n) FROM t") == [("null", "null")]


@pytest.mark.parametrize("of", ["date", "integer", "numeric", "boolean", "timestamp", "text"])
def test_an_empty_field_is_null_in_a_table_of_a_server(place: Place, of: str) -> None:
    place.file("in.csv", "id,x\n1,\n")
    postgresql = place.server("postgresql")
    postgresql.execute(f"CREATE TABLE t (id text, x {of})")
    place.done(from_csv(types=[{"column": "x", "type": of}]), into("PG", mode="append"))
    assert postgresql.rows("SELECT * FROM t") == [("1", None)]


def test_an_empty_text_in_quotes_is_one(place: Place) -> None:
    place.file("in.csv", 'id,x\n1,""\n2,\n3,NULL\n')
    place.done(from_csv(), into())
    assert place.rows("SELECT id, x FROM t") == [("1", ""), ("2", None), ("3", "NULL")]


def test_a_marker_of_its_own_stands_for_null(place: Place) -> None:
    place.file("in.csv", 'id,x\n1,""\n2,\n3,NULL\n4,"NULL"\n')
    place.done(from_csv(null_marker="NULL"), into())
    rows = place.rows("SELECT id, x FROM t")
    assert rows == [("1", ""), ("2", ""), ("3", None), ("4", "NULL")]
    place.done(from_table(OUT, "t"), into_csv(null_marker="NULL"))
    assert place.text().splitlines()[-2:] == ["3,NULL", '4,"NULL"']


def test_null_and_the_empty_text_come_back_from_our_own_file(place: Place) -> None:
    postgresql = place.server("postgresql")
    postgresql.execute(
        "CREATE TABLE s (k int, v text)",
        "INSERT INTO s VALUES (1, NULL), (2, ''), (3, ' '), (4, '\"'), (5, ',')",
        "CREATE TABLE t (k int, v text)",
    )
    place.done(from_query("PG", "SELECT * FROM s ORDER BY k"), into_csv())
    assert place.text().startswith('k,v\n1,\n2,""\n')
    types = [{"column": "k", "type": "integer"}]
    place.done(from_csv("out.csv", types=types), into("PG", mode="append"))
    assert postgresql.rows("SELECT * FROM t ORDER BY k") == postgresql.rows(
        "SELECT * FROM s ORDER BY k"
    )


def test_a_file_of_one_column_keeps_its_rows_of_null(place: Place) -> None:
    place.sqlite("out.db", "CREATE TABLE s (v TEXT)", "INSERT INTO s VALUES ('a'), (NULL), ('')")
    place.done(from_table(OUT, "s"), into_csv())
    assert place.text() == 'v\na\n\n""\n'
    place.done(from_csv("out.csv"), into())
    assert place.rows("SELECT v FROM t") == [("a",), (None,), ("",)]


# ---------------------------------------------------------------- CSV: what we write we can read


COMES_BACK = {
    "a carriage return": "'a' || char(13) || 'b'",
    "both line ends": "'a' || char(13, 10) || 'b' || char(10)",
    "a carriage return at the end": "'a' || char(13)",
    "one alone": "char(13)",
    "a long field": "printf('%.140000c', 'x')",
    "a field of 10 MB": "printf('%.10000000c', 'x')",
    "a long field of quotes": "replace(printf('%.200000c', 'x'), 'x', '\"')",
    "a long field of lines": "replace(printf('%.200000c', 'x'), 'x', 'y' || char(10))",
    "spaces around": "'  a  '",
    "a byte order mark": "char(65279) || 'a'",
    "quotes, commas": '\',",""\'',
}


@pytest.mark.parametrize("value", COMES_BACK.values(), ids=COMES_BACK)
def test_a_text_comes_back_from_our_own_file(place: Place, value: str) -> None:
    place.sqlite("src.db", "CREATE TABLE s (id INTEGER, t TEXT, n INTEGER)")
    place.sqlite("src.db", f"INSERT INTO s VALUES (1, {value}, 7), (2, 'next', 8)")
    place.done(from_table("sqlite:///src.db", "s"), into_csv())
    types = [{"column": name, "type": "integer"} for name in ("id", "n")]
    place.done(from_csv("out.csv", types=types), into())
    assert place.rows("SELECT * FROM t") == place.rows("SELECT * FROM s", "src.db")


# ---------------------------------------------------------------- CSV: the first line


@pytest.mark.parametrize(
    ("content", "columns", "row"),
    [
        ("id, name,\n1, Ann,\n", ["id", "name"], ("1", " Ann")),
        ("\ufeffid,name\n1,Ann\n", ["id", "name"], ("1", "Ann")),
        ('id," name "\r\n1,Ann\r\n', ["id", " name "], ("1", "Ann")),
        ("id , name\t,\n1,Ann,\n", ["id", "name"], ("1", "Ann")),
    ],
)
def test_names_of_columns_are_found(
    place: Place, content: str, columns: list[str], row: tuple[str, ...]
) -> None:
    place.file("in.csv", content)
    place.done(from_csv(), into())
    assert place.rows("SELECT name FROM pragma_table_info('t')") == [(name,) for name in columns]
    assert place.rows("SELECT * FROM t") == [row]


def test_a_column_with_spaces_around_its_name_is_found_by_its_name(place: Place) -> None:
    place.file("in.csv", "id, name,\n1,Ann,\n2,Bob,\n")
    assert place.csv_of(from_csv(), keeping("name == 'Ann'")) == "id,name\n1,Ann\n"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("id,name,,\n1,Ann,,\n", "columns 3 and 4 of in.csv"),
        ("id,,name\n1,2,Ann\n", "column 2 of in.csv"),
        (", ,\n1,2,3\n", "line 1 of in.csv is empty: it must name the columns"),
        (",,id\n1,2,3\n", "columns 1 and 2 of in.csv"),
        ("id,name,\n1,Ann,\n2,Bob,x\n", "column 3"),
        ("id,name,id\n1,Ann,2\n", "columns 1 and 3 of in.csv are called 'id'"),
    ],
)
def test_columns_that_have_no_name_of_their_own_are_told_by_their_place(
    place: Place, content: str, told: str
) -> None:
    place.file("in.csv", content)
    assert told in place.refused(from_csv(), into())


# ---------------------------------------------------------------- CSV: one text form


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT x'00ff' AS b", "\\x00ff"),
        ("SELECT x'' AS b UNION ALL SELECT NULL", "\\x\n"),
        ("SELECT 0.00001 AS f, 1e16 AS g", "0.00001,10000000000000000"),
        ("SELECT 1e22 AS f, 0.1 AS g", "10000000000000000000000,0.1"),
        ("SELECT 1e300 AS f", "1" + "0" * 300),
        ("SELECT 5e-324 AS f", "0." + "0" * 323 + "5"),
        ("SELECT 2.5 AS f UNION ALL SELECT 3.0", "2.5\n3"),
        ("SELECT 1e999 AS f UNION ALL SELECT -1e999", "Infinity\n-Infinity"),
    ],
)
def test_a_value_of_sqlite_is_written_in_its_one_form(place: Place, sql: str, text: str) -> None:
    place.sqlite("src.db", "CREATE TABLE x(a)")
    written = place.csv_of(from_query("sqlite:///src.db", sql))
    assert written.split("\n", 1)[1] == text + "\n"


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("'\\x00ff'::bytea", "\\x00ff"),
        ("0.0000001::numeric", "0.0000001"),
        ("1e16::float8", "10000000000000000"),
        ("0.1::float4", "0.1"),
        ("interval '1 month'", "1 mon"),
        ("ARRAY[1, NULL, 3]", '"{1,NULL,3}"'),
        ("inet '10.0.0.1/8'", "10.0.0.1/8"),
        ("time '01:02:03.450'", "01:02:03.45"),
        ("timetz '12:00+05'", "12:00:00+05"),
        ("timestamptz '2026-07-01 12:00+02'", "2026-07-01 10:00:00+00"),
        ("true", "true"),
        ("'ab'::char(5)", "ab"),
    ],
)
def test_a_value_of_postgresql_is_written_in_its_one_form(
    place: Place, sql: str, text: str
) -> None:
    assert place.csv_of(from_query("PG", f"SELECT {sql} AS v")) == f"v\n{text}\n"


# ---------------------------------------------------------------- json, uuid, interval and others


JSON = [
    ('{"a":null}', '{"a": null}'),
    ('"1"', '"1"'),
    ("null", "null"),
    ("[1, [2, {}]]", "[1, [2, {}]]"),
    ("12345678901234567890.123456789", "12345678901234567890.123456789"),
    ("1.50", "1.50"),
]


@pytest.mark.parametrize(("given", "kept"), JSON)
def test_json_stays_json(place: Place, given: str, kept: str) -> None:
    postgresql = place.server("postgresql")
    source = from_query("PG", f"SELECT '{given}'::jsonb AS j, 1 AS id")
    outputs = [into_csv(node_id=7), into(node_id=8), into("PG", node_id=9)]
    ended = place.run(graph([source, *outputs], [(1, 7), (1, 8), (1, 9)]))
    assert ended.code == 0, ended.stderr
    quoted = '"' + kept.replace('"', '""') + '"' if '"' in kept or "," in kept else kept
    assert place.text() == f"j,id\n{quoted},1\n"
    assert place.rows("SELECT j FROM t") == [(kept,)]
    assert postgresql.rows("SELECT j::text, pg_typeof(j)::text FROM t") == [(kept, "jsonb")]
    place.done(from_table(OUT, "t"), into("PG", "back"))
    assert postgresql.rows("SELECT j::text FROM back") == [(kept,)]


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("'6F1C2A54-3f1e-4b7e-9f9a-0a2b6c1d2e3f'::uuid", "6f1c2a54-3f1e-4b7e-9f9a-0a2b6c1d2e3f"),
        ("inet '::1'", "::1"),
        ("ARRAY['a', 'b,c', NULL]", '{a,"b,c",NULL}'),
        ("interval '1 month'", "1 mon"),
        ("interval '-1 day 2 hours'", "-1 days +02:00:00"),
        ("int4range(1, 5)", "[1,5)"),
        ("timetz '12:00+05'", "12:00:00+05"),
    ],
)
def test_what_sqlite_has_not_is_text_there_and_comes_back(
    place: Place, sql: str, text: str
) -> None:
    postgresql = place.server("postgresql")
    postgresql.execute(f"CREATE TABLE back AS SELECT {sql} AS u LIMIT 0")
    place.done(from_query("PG", f"SELECT {sql} AS u UNION ALL SELECT NULL"), into())
    assert place.rows("SELECT u, typeof(u) FROM t") == [(text, "text"), (None, "null")]
    place.done(from_query(OUT, "SELECT u FROM t"), into("PG", "back", "append"))
    same = postgresql.rows(f"SELECT u::text = ({sql})::text FROM back ORDER BY u IS NULL")
    assert same == [(True,), (None,)]


@pytest.mark.parametrize(
    ("sql", "type_name", "text"),
    [
        ("interval '1 month'", "interval", "1 mon"),
        ("interval '1 year 3 days 04:05:06.789'", "interval", "1 year 3 days 04:05:06.789"),
        ("interval '-30 days'", "interval", "-30 days"),
        ("timetz '12:00+05'", "time with time zone", "12:00:00+05"),
        ("'1'::jsonb", "jsonb", "1"),
        ("ARRAY[1,2]", "integer[]", "{1,2}"),
        ("'ab'::char(5)", "character", "ab   "),
        ("12345678901234567890.123456789012345678::numeric(38,18)", "numeric", "12345678901234567890.123456789012345678"),
        ("'\\x00ff'::bytea", "bytea", "\\x00ff"),
        ("'6f1c2a54-3f1e-4b7e-9f9a-0a2b6c1d2e3f'::uuid", "uuid", "6f1c2a54-3f1e-4b7e-9f9a-0a2b6c1d2e3f"),
    ],
)  # fmt: skip
def test_what_postgresql_has_stays_what_it_is(
    place: Place, sql: str, type_name: str, text: str
) -> None:
    postgresql = place.server("postgresql")
    postgresql.execute("SET IntervalStyle = 'postgres'", "SET bytea_output = 'hex'")
    place.done(from_query("PG", f"SELECT {sql} AS i"), into("PG"))
    shown = "rpad(i, 5)" if type_name == "character" else "i::text"
    assert postgresql.rows(f"SELECT {shown}, pg_typeof(i)::text FROM t") == [(text, type_name)]


# ---------------------------------------------------------------- instants


INSTANTS = [
    "2026-07-01 12:00+00",
    "2026-10-25 00:30:00.123456+00",  # twice the same hour in Berlin, where the sessions are
    "2026-10-25 01:30:00.123456+00",
    "2026-03-29 02:30+01",
    "1900-01-01 00:00+00",
]


def test_an_instant_stays_that_instant(place: Place) -> None:
    postgresql = place.server("postgresql")
    values = ", ".join(f"({k}, '{instant}')" for k, instant in enumerate(INSTANTS))
    postgresql.execute(
        "CREATE TABLE s (k integer, t timestamptz)",
        f"INSERT INTO s VALUES {values}, (99, NULL)",
        "CREATE TABLE back (k integer, t timestamptz)",
    )
    outputs = [into_csv(node_id=7), into(node_id=8), into("PG", node_id=9)]
    ended = place.run(graph([from_table("PG", "s"), *outputs], [(1, 7), (1, 8), (1, 9)]))
    assert ended.code == 0, ended.stderr
    assert (
        postgresql.value("SELECT pg_typeof(t)::text FROM t LIMIT 1") == "timestamp with time zone"
    )
    same = "SELECT count(*) FROM s JOIN {0} USING (k) WHERE {0}.t IS NOT DISTINCT FROM s.t"
    assert postgresql.value(same.format("t")) == len(INSTANTS) + 1
    types = [{"column": "k", "type": "integer"}, {"column": "t", "type": "timestamptz"}]
    sources = [from_csv("out.csv", types=types), from_table(OUT, "t", 2)]
    ended = place.run(graph([*sources, into("PG", "back", "append")], [(1, 9), (2, 9)]))
    assert ended.code == 0, ended.stderr
    assert postgresql.value(same.format("back")) == 2 * (len(INSTANTS) + 1)


def test_a_time_without_a_zone_stays_without(place: Place) -> None:
    postgresql = place.server("postgresql")
    place.done(from_query("PG", "SELECT TIMESTAMP '2026-03-29 02:30' AS t"), into("PG"))
    postgresql.execute("SET DateStyle = 'ISO'")
    found = postgresql.rows("SELECT t::text, pg_typeof(t)::text FROM t")
    assert found == [("2026-03-29 02:30:00", "timestamp without time zone")]


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("DATE 'infinity'", "infinity"),
        ("TIMESTAMP '-infinity'", "-infinity"),
        ("TIMESTAMPTZ 'infinity'", "infinity"),
        ("DATE '0044-03-15 BC'", "BC"),
        ("DATE '20000-01-01'", "20000"),
    ],
)
def test_a_date_that_cannot_be_carried_is_refused_with_its_row_and_column(
    place: Place, sql: str, value: str
) -> None:
    kind = sql.split()[0]
    query = f"SELECT 1 AS id, {kind} '2026-01-01' AS until UNION ALL SELECT 2, {sql} ORDER BY id"
    reason = place.refused(from_query("PG", query), into_csv())
    assert "until" in reason
    assert "row 2" in reason
    assert value in reason


# ---------------------------------------------------------------- decimals


SOURCES = ["9.99::numeric", "9.99::numeric(10,2)", "9.9900::numeric(12,4)"]


@pytest.mark.parametrize("price", SOURCES)
def test_a_decimal_times_a_literal_is_exact(place: Place, price: str) -> None:
    source = from_query("PG", f"SELECT {price} AS price")
    [_, value] = place.csv_of(source, computing("gross", "price * 1.19")).splitlines()
    assert value.rstrip("0") == "11.8881"


def test_decimals_of_other_sources_times_a_literal_are_exact(place: Place) -> None:
    place.file("in.csv", "price\n9.99\n")
    gross = computing("gross", "price * 1.19")
    assert place.csv_of(from_csv(numbers=["price"]), gross) == "gross\n11.8881\n"
    place.sqlite("src.db", "CREATE TABLE s (price DECIMAL(10,2))", "INSERT INTO s VALUES (9.99)")
    assert place.csv_of(from_table("sqlite:///src.db", "s"), gross) == "gross\n11.8881\n"
    mariadb = place.server("mariadb")
    mariadb.execute("CREATE TABLE s (price DECIMAL(10,2))", "INSERT INTO s VALUES (9.99)")
    assert place.csv_of(from_table("MY", "s"), gross) == "gross\n11.8881\n"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("x * 1", "12345678901234567890.123456789012345678"),
        ("-x", "-12345678901234567890.123456789012345678"),
        ("round(y, 2)", "2.68"),
        ("round(-y, 2)", "-2.68"),
        ("str(z)", "0.0000001"),
        ("int(y) % 3 - 7 % -4", "-1"),
    ],
)
def test_what_is_computed_of_decimals_is_what_postgresql_computes(
    place: Place, expression: str, value: str
) -> None:
    source = from_query(
        "PG",
        "SELECT 12345678901234567890.123456789012345678::numeric(38,18) AS x,"
        " 2.675::numeric AS y, 0.0000001::numeric AS z",
    )
    assert place.csv_of(source, computing("v", expression)) == f"v\n{value}\n"


EQUAL = {  # of 9.99 and 10.50 so many are kept
    "price == 9.99": 1,
    "price in (9.99, 1.1)": 1,
    "price != 9.99": 1,
    "price not in (9.99, 10.5)": 0,
    "price >= 9.99 and price < 9.995": 1,
    "price * 100 == 999": 1,
}


@pytest.mark.parametrize("source", ["numeric", "numeric(10,2)", "csv", "sqlite", "mariadb"])
def test_a_decimal_equals_a_literal(place: Place, source: str) -> None:
    if source == "csv":
        place.file("in.csv", "price\n9.99\n10.50\n")
        reads = from_csv(numbers=["price"])
    elif source == "sqlite":
        place.sqlite("src.db", "CREATE TABLE s (price DECIMAL(10,2))")
        place.sqlite("src.db", "INSERT INTO s VALUES (9.99), (10.50)")
        reads = from_table("sqlite:///src.db", "s")
    elif source == "mariadb":
        mariadb = place.server("mariadb")
        mariadb.execute("CREATE TABLE s (price DECIMAL(10,2))")
        mariadb.execute("INSERT INTO s VALUES (9.99), (10.50)")
        reads = from_table("MY", "s")
    else:
        values = f"SELECT v::{source} AS price FROM (VALUES (9.99),(10.50)) x(v)"
        reads = from_query("PG", values)
    filters = [keeping(condition, number) for number, condition in enumerate(EQUAL, 10)]
    outputs = [into_csv(f"{one['id']}.csv", one["id"] + 10) for one in filters]
    edges = [(1, one["id"]) for one in filters] + [(o["id"] - 10, o["id"]) for o in outputs]
    ended = place.run(graph([reads, *filters, *outputs], edges))
    assert ended.code == 0, ended.stderr
    assert [ended.state(one["id"])[1] for one in filters] == list(EQUAL.values())


@pytest.mark.parametrize(
    ("sql", "values"),
    [
        ("SELECT 42.42::numeric AS p", ["42.42"]),
        ("SELECT 19.99::numeric(10,2) AS p UNION ALL SELECT NULL", ["19.99", None]),
        ("SELECT sum(0.30::numeric) AS p FROM generate_series(1, 100)", ["30.00"]),
        ("SELECT 12345678901234567890.123456789::numeric AS p", ["12345678901234567890.123456789"]),
    ],
)
def test_a_numeric_of_postgresql_keeps_its_digits_in_mariadb(
    place: Place, sql: str, values: Sequence[str | None]
) -> None:
    place.done(from_query("PG", sql), into("MY"))
    found = [value for (value,) in place.server("mariadb").rows("SELECT p FROM t")]
    assert len(found) == len(values)
    for value, wanted in zip(found, values, strict=True):
        assert (value is None) == (wanted is None)
        assert wanted is None or f"{value:f}".rstrip("0") == wanted.rstrip("0")


# ---------------------------------------------------------------- expressions, one for each old surprise


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("n != 5", ["1"]),
        ("n in (1, 5)", ["1", "5"]),
        ("not (n == 5)", ["1"]),
        ("code in ('DE')", ["1"]),
        ("code in ('DE', 'FR')", ["1", "5"]),
        ("coalesce(n, 0) == 0", ["9"]),
        ("n is None", ["9"]),
        ("n % 3 == 1 or n % 3 == 2", ["1", "5"]),
    ],
)
def test_a_condition_keeps_what_is_true(place: Place, condition: str, kept: list[str]) -> None:
    place.file("in.csv", "id,n,code\n1,1,DE\n5,5,FR\n9,,D\n")
    written = place.csv_of(from_csv(types=[{"column": "n", "type": "integer"}]), keeping(condition))
    assert [line.split(",")[0] for line in written.splitlines()[1:]] == kept


@pytest.mark.parametrize(
    "condition",
    ["n == '5'", "amount == 100", "amount > 100", "flag == 'true'", "flag == 1", "amount", "n"],
)
def test_types_that_are_mixed_are_refused_before_the_first_row(
    place: Place, condition: str
) -> None:
    place.sqlite("src.db", "CREATE TABLE s (n INTEGER, amount TEXT, flag BOOLEAN)")
    place.sqlite("src.db", "INSERT INTO s VALUES (5, '100', 1)")
    ended = place.run(chain(from_table("sqlite:///src.db", "s"), keeping(condition), into_csv()))
    assert ended.code == 1
    assert f"(in {condition})" in ended.reason(5)
    assert ended.state(1) == ("running", 0)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize("name", ["OUT", "PG", "MY"])
def test_a_column_is_written_as_the_table_spells_it(place: Place, name: str) -> None:
    kinds = {"PG": "postgresql", "MY": "mariadb"}
    connection = OUT if name == "OUT" else name
    place.file("in.csv", "ID\n1\n")
    if name == "OUT":
        place.sqlite("out.db", "CREATE TABLE t (id int)")
    else:
        place.server(kinds[name]).execute("CREATE TABLE t (id int)")
    place.done(
        from_csv(types=[{"column": "ID", "type": "integer"}]), into(connection, mode="replace")
    )
    rows = place.rows("SELECT id FROM t") if name == "OUT" else place.server(kinds[name]).rows("SELECT id FROM t")  # fmt: skip
    assert rows == [(1,)]


def test_a_column_that_two_could_be_is_matched_exactly_or_refused(place: Place) -> None:
    postgresql = place.server("postgresql")
    postgresql.execute('CREATE TABLE t (id text, "ID" text)')
    place.file("in.csv", "ID\n1\n")
    place.done(from_csv(), into("PG", mode="append"))
    assert postgresql.rows("SELECT * FROM t") == [(None, "1")]
    place.file("in.csv", "Id\n1\n")
    reason = place.refused(from_csv(), into("PG", mode="append"), by=9)
    assert "Id" in reason
    assert len(postgresql.rows("SELECT * FROM t")) == 1


ODD_NAMES = ["order", "a b", 'a"b', "a.b", "é", "x:y(z)", "50%", "A", "Ä" * 31, "select"]


@pytest.mark.parametrize("connection", [OUT, "PG", "MY"])
def test_names_are_as_they_are(place: Place, connection: str) -> None:
    row = [str(number) for number in range(len(ODD_NAMES))]
    with (place.directory / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([ODD_NAMES, row])
    for mode in ("create", "append", "replace"):
        place.done(from_csv(), into(connection, 'my "odd" table', mode))
    back = place.csv_of(from_table(connection, 'my "odd" table'))
    assert list(csv.reader(back.splitlines())) == [ODD_NAMES, row]


@pytest.mark.parametrize("mode", ["create", "append", "replace"])
def test_columns_that_sqlite_tells_apart_are_two(place: Place, mode: str) -> None:
    place.file("in.csv", "\u00c9,\u00e9,e\u0301,\u212a,k\n1,2,3,4,5\n")
    place.done(from_csv(), into())
    place.done(from_csv(), into(mode=mode, table="t" if mode != "create" else "u"))
    assert place.rows("SELECT * FROM t")[-1] == ("1", "2", "3", "4", "5")


@pytest.mark.parametrize("written", ["sales.2026", "main.sales.2026"])
def test_a_table_with_a_dot_in_its_name_is_read_and_written(place: Place, written: str) -> None:
    place.sqlite("src.db", 'CREATE TABLE "sales.2026"(a)', 'INSERT INTO "sales.2026" VALUES (1)')
    assert place.csv_of(from_table("sqlite:///src.db", written)) == "a\n1\n"
    place.file("in.csv", "a\n2\n")
    typed = from_csv(types=[{"column": "a", "type": "integer"}])
    place.done(typed, into("sqlite:///src.db", written, "append"))
    assert place.rows('SELECT a FROM "sales.2026"', "src.db") == [(1,), (2,)]


def test_a_dot_parts_schema_and_table_of_a_server(place: Place) -> None:
    postgresql = place.server("postgresql")
    postgresql.execute(
        "CREATE SCHEMA sales",
        'CREATE TABLE sales."2026" AS SELECT 1 AS a',
        'CREATE TABLE "sales.2027" AS SELECT 2 AS a',
    )
    assert place.csv_of(from_table("PG", "sales.2026")) == "a\n1\n"
    assert place.csv_of(from_table("PG", "sales.2027")) == "a\n2\n"


@pytest.mark.parametrize("table", ["sales.2025", 'main."sales.2025"'])
def test_the_reason_says_that_a_dot_parts_schema_and_table(place: Place, table: str) -> None:
    place.sqlite("src.db", 'CREATE TABLE "sales.2026"(a)')
    reason = place.refused(from_table("sqlite:///src.db", table), into_csv())
    assert "a dot parts schema and table" in reason
    assert "sales.2026" in reason


# ---------------------------------------------------------------- replace


OTHERS = ["orders__new", "orders__old", "_orders_new", "orders__snapshot"]


@pytest.mark.parametrize(
    ("connection", "other"),
    [*((OUT, other) for other in OTHERS), ("PG", OTHERS[0]), ("MY", OTHERS[0])],
)
def test_replace_touches_nobody_elses_table(place: Place, connection: str, other: str) -> None:
    place.file("in.csv", "id,extra\n1,x\n" if connection != "MY" else "id\n1\n")
    statements = (
        "CREATE TABLE orders(id varchar(9))",
        f"CREATE TABLE {other}(keep varchar(9))",
        f"INSERT INTO {other} VALUES('mine')",
    )
    kinds = {"PG": "postgresql", "MY": "mariadb"}
    if connection == OUT:
        place.sqlite("out.db", *statements)
    else:
        place.server(kinds[connection]).execute(*statements)
    place.done(from_csv(), into(connection, "orders", "replace"))
    asked = place.rows if connection == OUT else place.server(kinds[connection]).rows
    assert asked(f"SELECT * FROM {other}") == [("mine",)]
    assert asked("SELECT id FROM orders") == [("1",)]


LONG = {
    "sqlite": ("x" * 50 + "a", "x" * 50 + "b"),
    "postgresql": ("x" * 62 + "a", "x" * 62 + "b"),
    "umlauts": ("ä" * 31 + "a", "ä" * 31 + "b"),
    "mariadb": ("x" * 63 + "a", "x" * 63 + "b"),
}


@pytest.mark.parametrize(
    ("connection", "which"),
    [(OUT, "sqlite"), ("PG", "postgresql"), ("PG", "umlauts"), ("MY", "mariadb")],
)
@pytest.mark.parametrize("is_there", [True, False])
def test_two_tables_with_long_names_are_both_replaced(
    place: Place, connection: str, which: str, is_there: bool
) -> None:
    columns = ("extra", "more") if connection != "MY" or not is_there else ("id", "id")
    kinds = {"PG": "postgresql", "MY": "mariadb"}
    for file, column, value in zip(("a.csv", "b.csv"), columns, "AB", strict=True):
        place.file(file, f"{column}\n{value}\n")
    for name in LONG[which] if is_there else ():
        if connection == OUT:
            place.sqlite("out.db", f"CREATE TABLE {name}(id varchar(9))")
        else:
            place.server(kinds[connection]).execute(f"CREATE TABLE {name}(id varchar(9))")
    sources = [from_csv("a.csv", 1), from_csv("b.csv", 2)]
    targets = [
        into(connection, name, "replace", number)
        for number, name in zip((3, 4), LONG[which], strict=True)
    ]
    ended = place.run(graph([*sources, *targets], [(1, 3), (2, 4)]))
    assert ended.code == 0, ended.stderr
    asked = place.rows if connection == OUT else place.server(kinds[connection]).rows
    found = [
        asked(f"SELECT {column} FROM {name}")
        for column, name in zip(columns, LONG[which], strict=True)
    ]
    assert found == [[("A",)], [("B",)]]


# ---------------------------------------------------------------- two outputs, one file


def two_outputs(first: Node, second: Node) -> Graph:
    sources = [from_csv("a.csv", 1), from_csv("b.csv", 2)]
    return graph([*sources, first, second], [(1, 3), (2, 4)])


@pytest.mark.parametrize(
    "path", ["./out.csv", "out.csv", "././out.csv", "x/../out.csv", "out.csv/", ".//out.csv"]
)
def test_two_outputs_into_one_file_are_refused_while_editing(path: str) -> None:
    with pytest.raises(GraphInvalid):
        parse_graph(two_outputs(into_csv("out.csv", 3), into_csv(path, 4)))


@pytest.mark.parametrize(
    ("connection", "table"),
    [("sqlite:///./out.db", "t"), ("sqlite:///out.db?timeout=9", "T"), (OUT, "main.t")],
)
def test_two_outputs_into_one_table_are_refused_while_editing(connection: str, table: str) -> None:
    with pytest.raises(GraphInvalid, match="writes the same table as node 3"):
        parse_graph(two_outputs(into(node_id=3), into(connection, table, node_id=4)))


@pytest.mark.parametrize("is_link", [True, False])
def test_two_outputs_into_one_file_by_another_way_are_refused_before_a_row_is_read(
    place: Place, is_link: bool
) -> None:
    """A link, and a path from the root, are seen when the program runs."""
    place.file("a.csv", "n\n1\n")
    place.file("b.csv", "n\n2\n")
    place.file("out.csv", "before\n")
    other = str(place.directory / "out.csv")
    if is_link:
        (place.directory / "link.csv").symlink_to("out.csv")
        other = "link.csv"
    ended = place.run(two_outputs(into_csv("out.csv", 3), into_csv(other, 4)))
    assert ended.code == 1
    assert "out.csv is written by another node, too" in ended.reason(4)
    assert place.text() == "before\n"
    assert [path.name for path in place.directory.glob(".*")] == []


def test_a_file_is_not_written_as_a_database_and_as_csv(place: Place) -> None:
    place.file("a.csv", "n\n1\n")
    place.file("b.csv", "n\n2\n")
    place.sqlite("out.db", "CREATE TABLE t (n)")
    (place.directory / "link.csv").symlink_to("out.db")
    ended = place.run(two_outputs(into(mode="append", node_id=3), into_csv("link.csv", 4)))
    assert ended.code == 1
    assert "as a database" in ended.reason(4)
    assert place.rows("SELECT * FROM t") == []


@pytest.mark.parametrize("connection", ["sqlite:///link.db", "sqlite:////{directory}/src.db"])
def test_a_database_that_a_node_reads_is_not_replaced_by_a_file(
    place: Place, connection: str
) -> None:
    """Where the two paths are spelt alike the graph is refused; here the run would have ended the database."""
    place.sqlite("src.db", "CREATE TABLE t (n)", "INSERT INTO t VALUES (1)")
    (place.directory / "link.db").symlink_to("src.db")
    read = from_table(connection.format(directory=str(place.directory).strip("/")), "t")
    ended = place.run(chain(read, into_csv("src.db")))
    assert ended.code == 1
    assert ended.reason(9).startswith("src.db is a SQLite database")
    assert rows_of(place.directory / "src.db", "SELECT n FROM t") == [(1,)]


# ---------------------------------------------------------------- SQLite's lock


@pytest.fixture
def slow_csv(tmp_path: Path) -> Iterator[threading.Event]:
    """slow.csv gives one row, and its end only when the event is set."""
    os.mkfifo(tmp_path / "slow.csv")
    enough = threading.Event()

    def feed() -> None:
        with os.fdopen(os.open(tmp_path / "slow.csv", os.O_RDWR), "w") as pipe:
            pipe.write("n\n1\n")
            pipe.flush()
            enough.wait(60.0)

    feeder = threading.Thread(target=feed, name="feeder")
    feeder.start()
    yield enough
    enough.set()
    feeder.join(10.0)


def second_directory(place: Place) -> Path:
    """Where a second program keeps what it says; its data is the first one's."""
    directory = place.directory / "second"
    directory.mkdir()
    return directory


@pytest.mark.parametrize("mode", ["create", "replace", "append"])
def test_two_programs_that_write_one_database_take_turns(
    place: Place, slow_csv: threading.Event, mode: str
) -> None:
    place.file("in.csv", "n\n1\n")
    if mode != "create":
        place.sqlite("out.db", "CREATE TABLE b (n TEXT)", "INSERT INTO b VALUES ('old')")
    first = place.start(chain(from_csv("slow.csv"), into(table="a")))
    said = place.directory / "progress.jsonl"
    eventually(lambda: '"row_count": 1, "message": "1 rows written"' in said.read_text())
    waits = second_directory(place)
    data = {"DATA_DIR": str(place.directory)}
    second = start(chain(from_csv("in.csv"), into(table="b", mode=mode)), waits, **data)
    told = waits / "progress.jsonl"
    eventually(lambda: "waits for the lock of out.db" in told.read_text())
    slow_csv.set()
    assert outcome(first, place.directory).code == 0
    ended = outcome(second, waits)
    assert ended.code == 0, ended.stderr
    assert place.rows("SELECT n FROM a") == [("1",)]
    assert ("1",) in place.rows("SELECT n FROM b")


def test_a_slow_source_holds_no_lock_before_its_first_row(place: Place, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "slow.csv")
    place.file("in.csv", "n\n1\n")
    with os.fdopen(os.open(tmp_path / "slow.csv", os.O_RDWR), "w") as pipe:
        pipe.write("n\n")
        pipe.flush()
        first = place.start(chain(from_csv("slow.csv"), into(table="a")))
        said = place.directory / "progress.jsonl"
        eventually(lambda: said.read_text().count("Started") == 2)
        directory = second_directory(place)
        ended = run(
            chain(from_csv("in.csv"), into(table="b")), directory, DATA_DIR=str(place.directory)
        )
        assert ended.code == 0, ended.stderr
    assert outcome(first, place.directory).code == 0
    assert place.rows("SELECT * FROM a, b") == []
    assert place.rows("SELECT n FROM b") == [("1",)]


LIBRARY = (
    "CREATE TABLE s(a)",
    "INSERT INTO s WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<3000)"
    " SELECT i FROM n",
    "CREATE TABLE t(a)",
)


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_reader_that_stays_does_not_fail_a_run(place: Place, journal: str) -> None:
    """In WAL mode it is in nobody's way; else the run waits for it, and says so."""
    place.sqlite("src.db", "CREATE TABLE x(a)")
    place.sqlite("lib.db", *LIBRARY)
    place.rows(f"PRAGMA journal_mode = {journal}", "lib.db")
    document = chain(
        from_query("sqlite:///src.db", "SELECT 1 AS a"), into("sqlite:///lib.db", mode="append")
    )
    with closing(sqlite3.connect(place.directory / "lib.db")) as other:
        cursor = other.execute("SELECT a FROM s")
        cursor.fetchone()
        process = place.start(document)
        if journal == "wal":
            assert outcome(process, place.directory).code == 0
        else:
            told = place.directory / "progress.jsonl"
            eventually(lambda: "waits for the lock of lib.db" in told.read_text())
        cursor.close()
    assert outcome(process, place.directory).code == 0
    assert place.rows("SELECT a FROM t", "lib.db") == [(1,)]


def test_what_a_graph_reads_is_as_it_was_before_it_writes(place: Place) -> None:
    """A second source reads the table that the first one's output replaces."""
    place.sqlite("out.db", "CREATE TABLE t (n INTEGER)", "INSERT INTO t VALUES (1)")
    place.file("in.csv", "n\n9\n")
    sources = [from_csv(types=[{"column": "n", "type": "integer"}]), from_table(OUT, "t", 2)]
    targets = [into(mode="replace", node_id=3), into_csv(node_id=4)]
    ended = place.run(graph([*sources, *targets], [(1, 3), (2, 4)]))
    assert ended.code == 0, ended.stderr
    assert place.text() == "n\n1\n"
    assert place.rows("SELECT n FROM t") == [(9,)]


def test_the_programs_of_these_graphs_are_short() -> None:
    program = program_of(chain(from_csv(), keeping("n == '1'"), into()))
    assert len(program.splitlines()) < 70
