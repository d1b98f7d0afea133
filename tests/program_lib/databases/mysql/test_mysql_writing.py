"""What happens to a table of MariaDB: all rows exactly, or none and the reason, though DDL commits there."""

from __future__ import annotations

import contextlib
import datetime
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pymysql
import pytest
from hypothesis import given
from hypothesis import strategies as st

from program_lib.databases import read_rows, write_rows
from program_lib.databases.lost import TransactionLost
from program_lib.databases.mysql import session
from program_lib.databases.mysql import writer as mysql_writer
from program_lib.databases.mysql.native import members_of
from program_lib.databases.mysql.session import Session
from program_lib.errors import EndUnknown, ProgramError, RowRefused
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.types import (
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    INTERVAL,
    JSON,
    NUMERIC,
    TEXT,
    TIME,
    TIMESTAMP,
    TIMESTAMPTZ,
    UUID,
    Column,
    Kind,
    Schema,
    Type,
    decimal,
)
from tests.harness import eventually
from tests.program_lib.moving import move, read, rows_of, say, schema_of, write, writing
from tests.servers.databases import Database

NOON = datetime.datetime(2026, 7, 1, 12, 0, 0, 123456)
TABLES = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = database() ORDER BY 1"
)


def refused_write(database: Database, columns: dict[str, Type], rows: list[Any]) -> RowRefused:
    with writing(database.url, "t", "append", **columns) as writer:
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(columns, rows))
        return refused.value


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    ("value", "column"),
    [
        ("-01:30:00", "time"),
        ("24:00:00", "time"),
        ("838:59:59", "time"),
        ("0000-00-00", "date"),
        ("2026-00-01", "date"),
        ("0000-00-00 00:00:00", "datetime"),
        ("0000-00-00 00:00:00", "timestamp"),
    ],
)
def test_times_that_others_do_not_have_are_refused_with_their_row(
    mariadb: Database, value: str, column: str
) -> None:
    mariadb.execute(
        f"CREATE TABLE t (k int, v {column} NULL)",
        "INSERT INTO t VALUES (1, NULL)",
        f"INSERT INTO t VALUES (2, '{value}')",
    )
    with pytest.raises(RowRefused, match=value) as refused:
        read(mariadb.url, "SELECT k, v FROM t ORDER BY k")
    assert (refused.value.index, refused.value.column) == (1, "v")
    assert "CAST(`v` AS CHAR) in the query reads it as text" in refused.value.reason
    as_text = read(mariadb.url, "SELECT CAST(`v` AS CHAR) AS v FROM t ORDER BY k")
    assert as_text["v"].to_pylist() == [None, value]


def test_a_float_of_a_query_is_refused_with_what_to_write(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (f float)", "INSERT INTO t VALUES (0.123456789)")
    with pytest.raises(ProgramError, match=r"write CAST\(f AS DOUBLE\) AS f in the query"):
        read(mariadb.url, "SELECT f FROM t")
    assert read(mariadb.url, "SELECT CAST(f AS DOUBLE) AS f FROM t")["f"].to_pylist() == [
        0.12345679104328156
    ]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1 AS a; SELECT 2 AS a", "SQL syntax"),
        ("INSERT INTO t VALUES (2)", "READ ONLY transaction"),
        ("DELETE FROM t", "READ ONLY transaction"),
        ("SET @x = 1", "must be a SELECT"),
        ("SELECT 1 AS a, 2 AS a", "two columns are called 'a'"),
        ("SELECT * FROM nowhere", "doesn't exist"),
        ("", "empty"),
    ],
)
def test_what_is_no_query_is_refused(mariadb: Database, query: str, words: str) -> None:
    mariadb.execute("CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    with pytest.raises((ProgramError, pymysql.Error), match=words):
        read(mariadb.url, query)
    assert mariadb.rows("SELECT n FROM t") == [(1,)]


def test_types_of_expressions_are_those_that_the_server_tells(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (b bigint unsigned, e enum('x','y') NOT NULL, j json, c char(3), n int)",
        "INSERT INTO t VALUES (18446744073709551615, 'x', '[1]', 'a', 1)",
    )
    query = (
        "SELECT b, e, j, c, n + 1 AS m, 1.50 * 2 AS d, concat(c, 'b') AS t, NULL AS nothing, 1/3 AS third,"
        " sum(b) AS s, 1e0 AS f, '%s' AS p, now() AS at, x'00' AS raw FROM t GROUP BY b, e, j, c, n;"
    )
    assert list(schema_of(mariadb.url, query).shown()) == [
        "b decimal(20,0)",
        "e text",
        "j json",
        "c text",
        "m integer",
        "d decimal(4,2)",
        "t text",
        "nothing text",
        "third decimal(5,4)",
        "s numeric",
        "f double",
        "p text",
        "at timestamp",
        "raw bytes",
    ]
    row = read(mariadb.url, query).to_pylist()[0]
    assert (row["s"], row["p"], row["third"]) == ("18446744073709551615", "%s", Decimal("0.3333"))


def test_batches_are_bounded_in_rows_and_bytes(mariadb: Database) -> None:
    for query, rows in (
        ("SELECT seq AS i, repeat('x', 100000) AS t FROM seq_1_to_400", 400),
        ("SELECT seq AS i FROM seq_1_to_120000", 120_000),
    ):
        reader = read_rows(mariadb.url, query)
        reader.open()
        sizes = [(len(table), table.nbytes) for table in reader.batches()]
        reader.close()
        assert sum(count for count, _ in sizes) == rows
        assert max(count for count, _ in sizes) <= BATCH_ROWS
        assert max(size for _, size in sizes) < 2 * BATCH_BYTES


def test_a_reader_that_is_closed_early_does_not_wait_for_its_rows(mariadb: Database) -> None:
    reader = read_rows(mariadb.url, "SELECT seq AS i FROM seq_1_to_2000000000")
    reader.open()
    assert len(next(reader.batches())) > 0
    reader.close()
    reader.close()


def test_rows_are_as_of_the_moment_of_open(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (n int)", "INSERT INTO t VALUES (1)")
    reader = read_rows(mariadb.url, table="t")
    reader.open()
    mariadb.execute("UPDATE t SET n = 2", "INSERT INTO t VALUES (3)")
    assert [table["n"].to_pylist() for table in reader.batches()] == [[1]]


# ---------------------------------------------------------------- names


def test_odd_names_are_kept(mariadb: Database) -> None:
    odd = ["Order Lines", "select", "a`b", "it's", 'q"', "x.y", "é", "%s", "x" * 64, "a\\nb", ";--"]
    columns = dict.fromkeys(odd, INTEGER)
    for table in ["Order Lines", "select", "q`t", "%(x)s", "y" * 64]:
        write(mariadb.url, table, "create", columns, [tuple(range(len(odd)))])
        assert read(mariadb.url, table=table).to_pylist() == [
            dict(zip(odd, range(len(odd)), strict=True))
        ]
    for name in ("z" * 65, "ends with a space ", "", "a 😀"):
        with pytest.raises(ProgramError, match="64 characters"):
            write(mariadb.url, "t", "create", {name: INTEGER}, [])
    with pytest.raises(ProgramError, match="there is no table 😀"):
        read(mariadb.url, table="😀")
    assert "t" not in [name for (name,) in mariadb.rows(TABLES)]


def test_a_dot_parts_database_and_table_unless_a_table_has_the_whole_name(
    mariadb: Database,
) -> None:
    mariadb.execute("CREATE TABLE `sales.2026` (n int)", "INSERT INTO `sales.2026` VALUES (2)")
    mariadb.execute("CREATE TABLE `Mixed` (n int)", "INSERT INTO `Mixed` VALUES (3)")
    assert read(mariadb.url, table="sales.2026")["n"].to_pylist() == [2]
    assert read(mariadb.url, table=f"{mariadb.name}.mixed")["n"].to_pylist() == [3]
    with pytest.raises(
        ProgramError, match=r"there is no table sales\.2027; a dot parts schema and table"
    ):
        read(mariadb.url, table="sales.2027")
    with pytest.raises(
        ProgramError, match="there is no database nowhere: a dot parts database and table"
    ):
        write(mariadb.url, "nowhere.t", "create", {"n": INTEGER}, [])


# ---------------------------------------------------------------- new tables


def test_a_new_table_is_declared_for_what_its_source_holds(mariadb: Database) -> None:
    columns = {
        "flag": BOOLEAN,
        "small": Type(Kind.INTEGER, bits=16),
        "whole": Type(Kind.INTEGER, bits=32),
        "big": INTEGER,
        "price": decimal(10, 2),
        "tiny": decimal(38, 38),
        "free": NUMERIC,
        "ratio": DOUBLE,
        "single": Type(Kind.DOUBLE, bits=32),
        "name": TEXT,
        "code": Type(Kind.TEXT, length=3),
        "padded": Type(Kind.TEXT, length=3, is_padded=True),
        "long": Type(Kind.TEXT, length=5_000),
        "raw": BYTES,
        "day": DATE,
        "clock": TIME,
        "at": TIMESTAMP,
        "instant": TIMESTAMPTZ,
        "span": INTERVAL,
        "id": UUID,
        "doc": JSON,
        "foreign": Type(Kind.OTHER, native="postgresql:inet"),
    }
    write(mariadb.url, "t", "create", columns, [])
    found = mariadb.rows(
        "SELECT column_name, column_type FROM information_schema.columns"
        " WHERE table_schema = database() AND table_name = 't'"
    )
    assert dict(found) == {
        "flag": "tinyint(1)",
        "small": "smallint(6)",
        "whole": "int(11)",
        "big": "bigint(20)",
        "price": "decimal(10,2)",
        "tiny": "decimal(65,30)",
        "free": "decimal(65,30)",
        "ratio": "double",
        "single": "float",
        "name": "longtext",
        "code": "varchar(3)",
        "padded": "char(3)",
        "long": "longtext",
        "raw": "longblob",
        "day": "date",
        "clock": "time(6)",
        "at": "datetime(6)",
        "instant": "timestamp(6)",
        "span": "longtext",
        "id": "char(36)",
        "doc": "longtext",
        "foreign": "longtext",
    }


def test_many_long_texts_fit_into_a_row(mariadb: Database) -> None:
    columns = {f"c{i}": Type(Kind.TEXT, length=900) for i in range(60)}
    write(mariadb.url, "t", "create", columns, [tuple("x" * 900 for _ in columns)])
    assert mariadb.value("SELECT length(c59) FROM t") == 900


def test_nothing_is_seen_of_a_new_table_and_nothing_is_left_of_one_that_fails(
    mariadb: Database,
) -> None:
    columns = {"a": INTEGER}
    with writing(mariadb.url, "t", "create", **columns) as writer:
        writer.write(rows_of(columns, [(1,)]))
        writer.finish()
        [(helper,)] = mariadb.rows(TABLES)
        assert helper.startswith("job_rows_")
    assert mariadb.rows(TABLES) == []
    write(mariadb.url, "t", "create", columns, [(1,)])
    assert mariadb.rows(TABLES) == [("t",)]
    assert mariadb.rows("SELECT * FROM t") == [(1,)]


def test_a_table_that_comes_meanwhile_is_not_touched_and_all_is_taken_back(
    mariadb: Database,
) -> None:
    """Today such a run loses the rows that it replaces for good."""
    mariadb.execute("CREATE TABLE old (a int)", "INSERT INTO old VALUES (1)")
    writers = [write_rows(mariadb.url, "old", "replace"), write_rows(mariadb.url, "new", "create")]
    for writer in writers:
        writer.start(say)
        writer.open(Schema([Column("a", INTEGER)]))
        writer.write(rows_of({"a": INTEGER}, [(2,)]))
    for writer in writers:
        writer.finish()
    mariadb.execute("CREATE TABLE new (mine int)")
    with pytest.raises(ProgramError, match="Table 'new' already exists"):
        writers[0].commit()
    for writer in writers:
        writer.undo()
    assert mariadb.rows("SELECT a FROM old") == [(1,)]
    assert mariadb.rows(TABLES) == [("new",), ("old",)]
    assert mariadb.rows("SELECT * FROM new") == []


@pytest.mark.parametrize("when", ["before the new tables have their names", "after that"])
def test_new_tables_stand_only_where_nobody_knows_whether_the_rows_beside_them_do(
    mariadb: Database, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They were dropped, with their rows, while the run said that they may be written; before that nobody need look, and a retry may follow."""
    mariadb.execute("CREATE TABLE old (a int)", "INSERT INTO old VALUES (1)")
    writers = [write_rows(mariadb.url, "old", "replace"), write_rows(mariadb.url, "new", "create")]
    for writer in writers:
        writer.start(say)
        writer.open(Schema([Column("a", INTEGER)]))
        writer.write(rows_of({"a": INTEGER}, [(2,)]))
    for writer in writers:
        writer.finish()
    shared = writers[0]._transaction  # type: ignore[attr-defined]
    rename, replacing = shared._rename, shared.rows.connection.thread_id()

    def rename_and_kill(session: Session) -> None:
        rename(session)
        mariadb.execute(f"KILL {replacing}")

    if when == "after that":
        monkeypatch.setattr(shared, "_rename", rename_and_kill)
    else:
        mariadb.execute(f"KILL {replacing}")
    with pytest.raises(EndUnknown if when == "after that" else TransactionLost):
        writers[0].commit()
    for writer in writers:
        writer.undo()
    assert mariadb.rows("SELECT a FROM old") == [(1,)]
    if when == "after that":
        assert mariadb.rows(TABLES) == [("new",), ("old",)]
        assert mariadb.rows("SELECT a FROM new") == [(2,)]
    else:
        assert mariadb.rows(TABLES) == [("old",)]


def test_replace_beside_create_in_one_program(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE old (a int)", "INSERT INTO old VALUES (1)")
    writers = [write_rows(mariadb.url, "old", "replace"), write_rows(mariadb.url, "new", "create")]
    for writer in writers:
        writer.start(say)
        writer.open(Schema([Column("a", INTEGER)]))
    assert writers[0].turn == writers[1].turn
    for writer in writers:
        writer.write(rows_of({"a": INTEGER}, [(2,)]))
    for writer in writers:
        writer.finish()
    assert mariadb.rows("SELECT a FROM old") == [(1,)]
    for writer in writers:
        writer.commit()
    for writer in writers:
        writer.undo()
    assert mariadb.rows("SELECT old.a, new.a FROM old, new") == [(2, 2)]


# ---------------------------------------------------------------- values

FITS: list[tuple[Type, Any, str, Any]] = [
    (decimal(10, 3), Decimal("19.990"), "decimal(10,2)", Decimal("19.99")),
    (decimal(10, 3), Decimal("19.999"), "decimal(10,2)", None),
    (NUMERIC, "42.42", "decimal(65,30)", Decimal("42.42")),
    (NUMERIC, "NaN", "decimal(65,30)", None),
    (NUMERIC, "0." + "0" * 30 + "1", "decimal(65,30)", None),
    (NUMERIC, "1" * 36, "decimal(65,30)", None),
    (DOUBLE, float("nan"), "double", None),
    (DOUBLE, float("-inf"), "double", None),
    (DOUBLE, 1.7976931348623157e308, "double", 1.7976931348623157e308),
    (DOUBLE, 5e-324, "double", 5e-324),
    (DOUBLE, 0.1, "float", 0.1),
    (DOUBLE, 0.123456789, "float", None),
    (DOUBLE, 1.255, "double(10,2)", None),
    (DOUBLE, 1.25, "double(10,2)", 1.25),
    (DOUBLE, 1.1, "double(20,15)", 1.1),
    (DOUBLE, 1e200, "double(255,30)", 1e200),
    (DOUBLE, 0.1, "float(7,4)", 0.1),
    (DOUBLE, 0.12345, "float(7,4)", None),
    (INTEGER, 2**53 + 1, "double", None),
    (INTEGER, 128, "tinyint", None),
    (INTEGER, -1, "tinyint unsigned", None),
    (INTEGER, 255, "tinyint unsigned", 255),
    (INTEGER, 2**23, "mediumint", None),
    (INTEGER, 2**32 - 1, "int unsigned", 2**32 - 1),
    (INTEGER, 2**32, "int unsigned", None),
    (INTEGER, -1, "bigint unsigned", None),
    (decimal(20, 0), Decimal(2**64 - 1), "bigint unsigned", 2**64 - 1),
    (decimal(20, 0), Decimal(2**64 - 1), "bigint", None),
    (INTEGER, 5, "bit(3)", b"\x05"),
    (INTEGER, 8, "bit(3)", None),
    (INTEGER, 70, "year", None),
    (INTEGER, 0, "year", 0),
    (INTEGER, 2026, "year", 2026),
    (TEXT, "70", "year", None),
    (BOOLEAN, True, "tinyint(1)", 1),
    (BOOLEAN, True, "boolean", 1),
    (TEXT, "abc", "varchar(3)", "abc"),
    (TEXT, "abcd", "varchar(3)", None),
    (TEXT, "abc ", "varchar(3)", None),
    (TEXT, "😀", "varchar(3) character set latin1", None),
    (TEXT, "é", "varchar(3) character set latin1", "é"),
    (TEXT, "x" * 256, "tinytext", None),
    (TEXT, "x" * 255 + " ", "tinytext", None),
    (TEXT, "é" * 127 + "  ", "tinytext", None),
    (TEXT, "é" * 127 + " ", "tinytext", "é" * 127 + " "),
    (TEXT, "x" * 65_535 + " ", "text", None),
    (TEXT, "a\\b'c\"d\0e\n\r\x1a%s", "text", "a\\b'c\"d\0e\n\r\x1a%s"),
    (TEXT, "'); DROP TABLE t; -- ", "text", "'); DROP TABLE t; -- "),
    (TEXT, "\\'", "text", "\\'"),
    (TEXT, "sad", "enum('sad','it''s')", "sad"),
    (TEXT, "it's", "enum('sad','it''s')", "it's"),
    (TEXT, "SAD", "enum('sad','it''s')", None),
    (TEXT, "1", "enum('sad','it''s')", None),
    (TEXT, "", "enum('sad','it''s')", None),
    (TEXT, "a\\b", r"enum('a\\b','C:\\','\n\r\0')", "a\\b"),
    (TEXT, "C:\\", r"enum('a\\b','C:\\','\n\r\0')", "C:\\"),
    (TEXT, "\n\r\0", r"enum('a\\b','C:\\','\n\r\0')", "\n\r\0"),
    (TEXT, "a\\b,it's", r"set('a\\b','it''s')", "a\\b,it's"),
    (TEXT, "x,y", "set('x','y')", "x,y"),
    (TEXT, "x,z", "set('x','y')", None),
    (TEXT, "3", "set('x','y')", None),
    (TEXT, "{", "json", None),
    (TEXT, "[1]", "json", "[1]"),
    (TEXT, "42", "int", 42),
    (TEXT, "abc", "int", None),
    (TEXT, "2026-13-01", "date", None),
    (TIMESTAMP, NOON, "datetime", None),
    (TIMESTAMP, NOON, "datetime(6)", NOON),
    (TIMESTAMP, NOON.replace(microsecond=0), "datetime", NOON.replace(microsecond=0)),
    (TIME, NOON.time(), "time(3)", None),
    (TIMESTAMPTZ, datetime.datetime(1969, 1, 1, tzinfo=datetime.UTC), "timestamp", None),
    (TIMESTAMPTZ, datetime.datetime(2039, 1, 1, tzinfo=datetime.UTC), "timestamp", None),
    (BYTES, b"\x00'\\\xff", "longblob", b"\x00'\\\xff"),
    (BYTES, b"abcd", "varbinary(3)", None),
    (UUID, "123e4567-e89b-12d3-a456-426614174000", "uuid", "123e4567-e89b-12d3-a456-426614174000"),
    (INTERVAL, "1 mon", "varchar(20)", "1 mon"),
]


@pytest.mark.parametrize(
    ("source", "value", "declared", "held"),
    FITS,
    ids=[f"{s} {v!r:.20} into {d}" for s, v, d, _ in FITS],
)
def test_a_value_fits_exactly_or_is_refused_with_its_row(
    mariadb: Database, source: Type, value: Any, declared: str, held: Any
) -> None:
    mariadb.execute(f"CREATE TABLE t (k int, v {declared} NULL)")
    columns = {"k": INTEGER, "v": source}
    rows = [(1, None), (2, value), (3, None)]
    if held is None:
        with writing(mariadb.url, "t", "append", **columns) as writer:
            with pytest.raises(ProgramError):  # the server does not name the row of a CHECK
                writer.write(rows_of(columns, rows[1:2]))
            with pytest.raises(ProgramError) as refused:
                writer.write(rows_of(columns, rows))
        assert declared == "json" or getattr(refused.value, "index", None) == 1
    else:
        write(mariadb.url, "t", "append", columns, rows)
        assert mariadb.rows("SELECT v FROM t WHERE k = 2") == [(held,)]
        assert mariadb.rows("SELECT k FROM t WHERE v IS NULL ORDER BY k") == [(1,), (3,)]


def test_two_instants_of_one_hour_stay_two(mariadb: Database) -> None:
    instants = [datetime.datetime(2026, 10, 25, hour, 30, tzinfo=datetime.UTC) for hour in (0, 1)]
    columns = {"at": TIMESTAMPTZ}
    write(mariadb.url, "t", "create", columns, [(instant,) for instant in instants])
    assert mariadb.rows("SELECT unix_timestamp(at) FROM t ORDER BY 1") == [
        (Decimal(f"{instant.timestamp():.6f}"),) for instant in instants
    ]
    assert read(mariadb.url, table="t")["at"].to_pylist() == instants


@pytest.mark.parametrize(
    ("source", "declared"),
    [
        (TIMESTAMP, "timestamp"),
        (TIMESTAMPTZ, "datetime"),
        (DATE, "int"),
        (BYTES, "int"),
        (JSON, "date"),
    ],
)
def test_types_that_do_not_go_together_are_refused_before_any_row(
    mariadb: Database, source: Type, declared: str
) -> None:
    mariadb.execute(f"CREATE TABLE t (v {declared} NULL)")
    with pytest.raises(ProgramError, match="the column v is ") as refused:
        write(mariadb.url, "t", "append", {"v": source}, [])
    assert not isinstance(refused.value, RowRefused)


@pytest.mark.parametrize(
    "null_into", ["int NOT NULL", "int NOT NULL AUTO_INCREMENT UNIQUE", "timestamp NOT NULL"]
)
def test_null_is_never_made_something_else(mariadb: Database, null_into: str) -> None:
    mariadb.execute(f"CREATE TABLE t (k int, v {null_into})")
    kind = TIMESTAMPTZ if "timestamp" in null_into else INTEGER
    refused = refused_write(mariadb, {"k": INTEGER, "v": kind}, [(1, None)])
    assert refused.reason == "NULL stands where the column v is NOT NULL"


def test_an_id_of_zero_stays_and_ids_that_are_not_given_are_counted(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, name text)")
    write(mariadb.url, "t", "append", {"ID": INTEGER, "name": TEXT}, [(0, "zero"), (7, "seven")])
    write(mariadb.url, "t", "append", {"name": TEXT}, [("next",)])
    assert mariadb.rows("SELECT id, name FROM t ORDER BY id") == [
        (0, "zero"),
        (7, "seven"),
        (8, "next"),
    ]


def test_generated_and_needed_columns_are_told_before_any_row(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (a int NOT NULL, g int AS (a + 1) STORED, d int NOT NULL DEFAULT 5)"
    )
    with pytest.raises(ProgramError, match="the column g of t is GENERATED"):
        write(mariadb.url, "t", "append", {"a": INTEGER, "g": INTEGER}, [])
    with pytest.raises(ProgramError, match="the column a of t is NOT NULL and has no default"):
        write(mariadb.url, "t", "append", {"d": INTEGER}, [])
    with pytest.raises(ProgramError, match="the table t has no column new; it has a, g, d"):
        write(mariadb.url, "t", "replace", {"a": INTEGER, "new": INTEGER}, [])
    write(mariadb.url, "t", "append", {"a": INTEGER}, [(1,)])
    assert mariadb.rows("SELECT * FROM t") == [(1, 2, 5)]


def test_a_row_that_is_too_long_for_the_server_is_named(mariadb: Database) -> None:
    most = mariadb.value("SELECT @@max_allowed_packet")
    mariadb.execute("CREATE TABLE t (k int, v longtext)")
    columns = {"k": INTEGER, "v": TEXT}
    refused = refused_write(mariadb, columns, [(1, "x"), (2, "x" * most)])
    assert refused.index == 1
    assert "max_allowed_packet" in refused.reason
    nearly = most - 200
    write(mariadb.url, "t", "append", columns, [(1, "x" * nearly), (2, "y" * 3_000_000)])
    assert mariadb.rows("SELECT length(v) FROM t ORDER BY k") == [(nearly,), (3_000_000,)]


def test_no_statement_is_too_long_for_the_server(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of a server whose max_allowed_packet is the 1 MB that it once was."""
    most = mariadb.value("SELECT @@max_allowed_packet")
    monkeypatch.setattr(mysql_writer, "STATEMENT_BYTES", most)
    mariadb.execute("CREATE TABLE t (k int, v longtext)")
    size = most // 16 - 10  # of which 16 would make a statement but for what stands beside them
    rows = [(k, "x" * size) for k in range(20)]
    write(mariadb.url, "t", "append", {"k": INTEGER, "v": TEXT}, rows)
    assert mariadb.rows("SELECT count(*), min(length(v)) FROM t") == [(20, size)]


@given(st.lists(st.text("x", max_size=9), min_size=1), st.integers(1, 30))
def test_rows_of_a_statement_have_room_with_their_commas(rows: list[str], most: int) -> None:
    parts = [part.to_pylist() for part in mysql_writer._parts(pa.array(rows, pa.string()), most)]
    assert [row for part in parts for row in part] == rows
    assert all(len(",".join(part)) <= most or len(part) == 1 for part in parts)


def test_after_a_refused_batch_others_are_taken(mariadb: Database) -> None:
    for mode, kept in (("append", [(100,)]), ("replace", [])):
        mariadb.execute("DROP TABLE IF EXISTS t", "CREATE TABLE t (a int PRIMARY KEY)")
        mariadb.execute("INSERT INTO t VALUES (100)")
        columns = {"a": INTEGER}
        with writing(mariadb.url, "t", mode, **columns) as writer:
            for good, bad in ((1, 1), (2, 1)):
                with pytest.raises(ProgramError, match="Duplicate entry '1'"):
                    writer.write(rows_of(columns, [(good,), (bad,)] if good > 1 else [(1,), (1,)]))
                writer.write(rows_of(columns, [(good,)]))
            writer.finish()
            writer.commit()
        assert mariadb.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,), *kept]


# ---------------------------------------------------------------- tables that cannot be taken back


@pytest.mark.parametrize("engine", ["MyISAM", "Aria", "MEMORY"])
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_table_whose_rows_cannot_be_taken_back_is_refused(
    mariadb: Database, engine: str, mode: str
) -> None:
    mariadb.execute(f"CREATE TABLE t (a int) ENGINE={engine}", "INSERT INTO t VALUES (1)")
    with pytest.raises(
        ProgramError, match=f"the table t is kept by {engine}, which takes nothing back"
    ):
        write(mariadb.url, "t", mode, {"a": INTEGER}, [(2,)])
    assert mariadb.rows("SELECT a FROM t") == [(1,)]
    assert read(mariadb.url, table="t")["a"].to_pylist() == [1]


def test_a_view_is_read_and_not_written(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (a int)", "CREATE VIEW v AS SELECT a FROM t", "INSERT INTO t VALUES (1)"
    )
    assert read(mariadb.url, table="v")["a"].to_pylist() == [1]
    with pytest.raises(ProgramError, match="the table v is a view"):
        write(mariadb.url, "v", "append", {"a": INTEGER}, [])


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL"])
def test_replace_does_not_reach_into_other_tables(mariadb: Database, action: str) -> None:
    mariadb.execute(
        "CREATE TABLE t (a int PRIMARY KEY)",
        f"CREATE TABLE child (a int, FOREIGN KEY (a) REFERENCES t (a) ON DELETE {action})",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO child VALUES (1)",
    )
    with pytest.raises(ProgramError, match=r"would delete rows or values of .*\.child"):
        write(mariadb.url, "t", "replace", {"a": INTEGER}, [(1,)])
    assert mariadb.rows("SELECT a FROM child") == [(1,)]


def test_replace_keeps_what_the_table_has(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b varchar(9) DEFAULT 'd', KEY (b)) COMMENT 'mine'",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.b = upper(NEW.b)",
        "INSERT INTO t VALUES (1, 'old')",
    )
    before = mariadb.rows("SHOW CREATE TABLE t")
    write(mariadb.url, "t", "replace", {"A": INTEGER, "b": TEXT}, [(1, "new")])
    assert mariadb.rows("SHOW CREATE TABLE t") == before
    assert mariadb.rows("SELECT * FROM t") == [(1, "NEW")]


def test_a_table_is_read_and_replaced_by_one_program(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (a int)", "INSERT INTO t SELECT seq FROM seq_1_to_120000")
    assert (
        move(mariadb.url, mariadb.url, "t", "replace", query="SELECT a + 1 AS a FROM t") == 120_000
    )
    assert mariadb.rows("SELECT min(a), max(a), count(*) FROM t") == [(2, 120_001, 120_000)]


# ---------------------------------------------------------------- faults


def others(database: Database) -> list[int]:
    rows = database.rows(
        "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()"
    )
    return [number for (number,) in rows]


def end_sessions(database: Database) -> None:
    for number in others(database):
        database.execute(f"KILL {number}")
    eventually(lambda: not others(database), what="all other sessions are gone")


@pytest.mark.parametrize("mode", ["append", "replace", "create"])
def test_a_connection_that_is_ended_while_writing_is_told_and_nothing_stays(
    mariadb: Database, mode: str
) -> None:
    table = "new" if mode == "create" else "t"
    mariadb.execute("CREATE TABLE t (a int)", "INSERT INTO t VALUES (1)")
    columns = {"a": INTEGER}
    with writing(mariadb.url, table, mode, **columns) as writer:
        writer.write(rows_of(columns, [(2,)]))
        end_sessions(mariadb)
        with pytest.raises(TransactionLost, match=r"Lost connection|gone away|[Kk]illed"):
            writer.write(rows_of(columns, [(3,)]))
        with pytest.raises(TransactionLost):  # no other row may follow
            writer.write(rows_of(columns, [(4,)]))
        with pytest.raises((TransactionLost, pymysql.Error, ProgramError)):
            writer.finish()
    assert mariadb.rows("SELECT a FROM t") == [(1,)]
    assert mariadb.rows(TABLES) == [("t",)]


def test_a_connection_that_is_ended_while_reading_is_told(mariadb: Database) -> None:
    reader = read_rows(mariadb.url, "SELECT seq AS i, repeat('x', 1000) AS t FROM seq_1_to_2000000")
    reader.open()
    batches = reader.batches()
    next(batches)
    end_sessions(mariadb)
    with pytest.raises((pymysql.Error, OSError), match=r"Lost connection|[Kk]illed|interrupted"):
        list(batches)
    reader.close()


def test_a_deadlock_ends_the_transaction_and_no_half_of_the_rows_follows(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b int)", "INSERT INTO t VALUES (1, 1), (2, 2)"
    )
    columns = {"a": INTEGER, "b": INTEGER}
    with writing(mariadb.url, "t", "append", **columns) as writer, mariadb.connect() as other:
        other.query("SET SESSION innodb_lock_wait_timeout = 1")
        writer.write(rows_of(columns, [(5, 5)]))
        other.query("BEGIN")
        other.query("INSERT INTO t VALUES (6, 6)")
        shared = writer._transaction  # type: ignore[attr-defined]
        shared.rows.execute("SET SESSION innodb_lock_wait_timeout = 1")
        with pytest.raises(TransactionLost, match="Lock wait timeout exceeded"):
            writer.write(rows_of(columns, [(6, 7)]))
        with pytest.raises(TransactionLost):
            writer.write(rows_of(columns, [(7, 7)]))
        other.query("ROLLBACK")
    assert mariadb.rows("SELECT a FROM t") == [(1,), (2,)]


def test_a_statement_timeout_is_told_in_the_databases_words(mariadb: Database) -> None:
    url = mariadb.url + "?init_command=SET SESSION max_statement_time=0.2"
    with pytest.raises(pymysql.Error, match="max_statement_time exceeded"):
        read(
            url,
            "SELECT count(*) AS n FROM seq_1_to_100000000 a, seq_1_to_100 b WHERE a.seq % 7 = b.seq",
        )


def test_a_server_that_is_not_there_is_told_without_the_password(mariadb: Database) -> None:
    from hosting.trial.ports import free_port

    url = mariadb.url.replace(f":{mariadb.port}/", f":{free_port()}/")
    with pytest.raises(pymysql.Error, match="Connection refused") as refused:
        read(url, "SELECT 1")
    assert "hush" not in str(refused.value)


def test_a_server_that_takes_a_connection_and_says_nothing_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As one does that is stopped, or a proxy whose server is away."""
    monkeypatch.setattr(session, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"mariadb+pymysql://me:secret@127.0.0.1:{listener.getsockname()[1]}/shop"
        with pytest.raises(pymysql.OperationalError, match="timed out"):
            read(url, table="t")


def test_the_end_of_a_run_waits_for_no_lock_for_ever(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waited for the server's bound, a day by default, and hears no cancel then."""
    writer = write_rows(mariadb.url, "t", "create")
    writer.start(say)
    writer.open(Schema([Column("k", INTEGER)]))
    [(made,)] = mariadb.rows("SHOW TABLES")
    monkeypatch.setattr(session, "CONNECT_SECONDS", 1)
    mariadb.execute(f"LOCK TABLES {made} READ")
    with ThreadPoolExecutor(1) as thread:
        try:
            thread.submit(writer.undo).result(20)
        finally:
            mariadb.execute("UNLOCK TABLES")


def test_a_server_that_hangs_before_commit_is_not_waited_for_for_ever(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute, seconds = Session.execute, dict[str, int | None]()

    def bounded(self: Session, statement: str) -> int:
        seconds[statement] = self.connection._read_timeout
        return execute(self, statement)

    monkeypatch.setattr(Session, "execute", bounded)
    mariadb.execute("CREATE TABLE t (k integer)")
    write(mariadb.url, "t", "append", {"k": INTEGER}, [(1,)])
    assert (seconds["DO 1"], seconds["COMMIT"]) == (session.CONNECT_SECONDS, None)


# Of a server: its greeting with the text for the password, in two parts
GREETING = (
    b"\x0a8.0.30\0\7\0\0\0"
    + (b"a" * 8 + b"\0\xff\xf7\x2d\0\0\xff\x81\x15" + bytes(10))
    + (b"b" * 12 + b"\0mysql_native_password\0")
)
DONE = bytes(7)  # an answer


def test_one_that_hangs_behind_a_proxy_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The proxy greets and lets in by itself; what the session then sets waits for the server."""
    monkeypatch.setattr(session, "CONNECT_SECONDS", 1)  # also for the proxy, on a busy machine
    asked: list[bytes] = []

    def let_in() -> None:
        near, _ = listener.accept()
        near.settimeout(10)
        with near, contextlib.suppress(TimeoutError):
            near.sendall(_packet(0, GREETING))
            while content := near.recv(65536):
                asked.append(content[4:])
                if len(asked) <= 2:  # who it is, and its characters
                    near.sendall(_packet(content[3] + 1, DONE))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = threading.Thread(target=let_in, daemon=True)
        proxy.start()
        url = f"mariadb+pymysql://me:secret@127.0.0.1:{listener.getsockname()[1]}/shop"
        with pytest.raises(TransactionLost, match="timed out"):
            read(url, table="t")
        proxy.join()
    assert len(asked) == 3
    assert b"information_schema.processlist" in asked[2]


def _packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number]) + content


def test_the_members_of_an_enum_are_read_from_its_declaration() -> None:
    assert members_of("enum('a','it''s','b,c','')") == ["a", "it's", "b,c", ""]
    assert members_of(r"enum('\\n','\\\\','\n')") == ["\\n", "\\\\", "\n"]


@pytest.mark.parametrize("mode", ["replace", "upsert", "update", "insert_or_ignore"])
def test_a_session_in_safe_update_mode_is_written_to(mariadb: Database, mode: str) -> None:
    """The server refused what we write by, whose WHERE it took for one without a key."""
    mariadb.execute("CREATE TABLE t (k int PRIMARY KEY, v text)", "INSERT INTO t VALUES (1, 'old')")
    url = f"{mariadb.url}?init_command=SET sql_safe_updates = 1"
    columns = {"k": INTEGER, "v": TEXT}
    writer = write_rows(url, "t", mode, key=() if mode == "replace" else ("k",))
    with contextlib.ExitStack() as undo:
        undo.callback(writer.undo)
        writer.start(say)
        writer.open(Schema(Column(name, of) for name, of in columns.items()))
        writer.write(rows_of(columns, [(1, "new")]))
        writer.finish()
        writer.commit()
    is_old = mode == "insert_or_ignore"
    assert mariadb.rows("SELECT * FROM t") == [(1, "old" if is_old else "new")]
