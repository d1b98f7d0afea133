"""What the reader of SQLite hands on: typed columns, or a refusal that names the row."""

from __future__ import annotations

import os
import pwd
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from program_lib.databases.sqlite.link import Link, Place
from program_lib.databases.sqlite.reader import SqliteReader, begin, counted
from program_lib.databases.sqlite.types import type_of
from program_lib.databases.sqlite.writer import SqliteWriter
from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.types import Schema


def execute(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
    return path


def read(
    path: Path, query: str | None = None, table: str | None = None
) -> tuple[Schema, list[Any]]:
    reader = SqliteReader(path, query, table)
    try:
        schema = reader.open()
        rows: list[Any] = []
        for batch in reader.batches():
            assert len(batch) > 0
            assert batch.schema == schema.arrow()
            rows += zip(*(column.to_pylist() for column in batch.columns), strict=True)
        return schema, rows
    finally:
        reader.close()


def values_of(path: Path, declared: str, *values: str) -> tuple[str, list[Any]]:
    """The type and the values of a column that is declared so, into which literals were inserted."""
    rows = ", ".join(f"({value})" for value in values)
    execute(path, f"CREATE TABLE t (c {declared})", f"INSERT INTO t VALUES {rows}")
    schema, found = read(path, table="t")
    return str(schema[0].type), [row[0] for row in found]


# ---------------------------------------------------------------- types


@pytest.mark.parametrize(
    ("declared", "literals", "type_", "values"),
    [
        ("INTEGER", ["1", "NULL", "-9223372036854775808"], "integer", [1, None, -(2**63)]),
        ("int unsigned", ["7"], "integer", [7]),
        ("BIGINT(20)", ["9223372036854775807"], "integer", [2**63 - 1]),
        ("DOUBLE", ["1", "0.1", "9e999", "NULL"], "double", [1.0, 0.1, float("inf"), None]),
        ("double precision", ["1e-7"], "double", [1e-7]),
        ("BOOLEAN", ["1", "0", "NULL"], "boolean", [True, False, None]),
        (
            "DECIMAL(10,2)",
            ["'19.99'", "20", "NULL", "-0.01", "99999999.99"],
            "decimal(10,2)",
            [
                Decimal("19.99"),
                Decimal("20.00"),
                None,
                Decimal("-0.01"),
                Decimal("99999999.99"),
            ],
        ),
        (
            "DECIMAL_TEXT(38,18)",
            ["'12345678901234567890.123456789012345678'", "NULL"],
            "decimal(38,18)",
            [Decimal("12345678901234567890.123456789012345678"), None],
        ),
        ("DECIMAL(18,0)", ["999999999999999999"], "decimal(18,0)", [Decimal(10**18 - 1)]),
        (
            "NUMERIC",
            ["'10.50'", "100", "0.00001", "1e16"],
            "numeric",
            ["10.5", "100", "0.00001", "10000000000000000"],
        ),
        ("decimal", ["2.5", "3"], "numeric", ["2.5", "3"]),
        ("NUMERIC_TEXT", ["'10.50'", "'0.1000'"], "numeric", ["10.50", "0.1000"]),
        ("VARCHAR(3)", ["'abc'", "''", "NULL", "'007'"], "text", ["abc", "", None, "007"]),
        ("CLOB", ["'a' || char(0) || 'b'"], "text", ["a\0b"]),
        ("BLOB", ["x'00ff'", "x''", "NULL"], "bytes", [b"\0\xff", b"", None]),
        ("DATE", ["'2026-07-01'", "NULL"], "date", [date(2026, 7, 1), None]),
        (
            "DATETIME",
            ["'2026-07-01 12:00:00'", "'2026-07-01T12:00:00.5'", "'2026-07-01 12:00:00.000001'"],
            "timestamp",
            [
                datetime(2026, 7, 1, 12),
                datetime(2026, 7, 1, 12, 0, 0, 500_000),
                datetime(2026, 7, 1, 12, 0, 0, 1),
            ],
        ),
        (
            "TIMESTAMP WITH TIME ZONE",
            ["'2026-07-01 14:00:00+02:00'", "'2026-07-01 12:00:00Z'"],
            "timestamptz",
            [datetime(2026, 7, 1, 12, tzinfo=UTC)] * 2,
        ),
        ("TIME", ["'01:02:03.5'"], "time", [time(1, 2, 3, 500_000)]),
        (
            "UUID",
            ["'6F1C2A54-3f1e-4b7e-9f9a-0a2b6c1d2e3f'"],
            "uuid",
            ["6f1c2a54-3f1e-4b7e-9f9a-0a2b6c1d2e3f"],
        ),
        (
            "JSON",
            ["'{\"a\": null}'", "'1'", "'\"1\"'", "2.5"],
            "json",
            ['{"a": null}', "1", '"1"', "2.5"],
        ),
        ("DURATION_TEXT", ["'1 mon'"], "interval", ["1 mon"]),
        ("", ["1", "2"], "integer", [1, 2]),
        ("", ["1", "2.5"], "double", [1.0, 2.5]),
        ("", ["'x'", "NULL"], "text", ["x", None]),
        ("", ["NULL"], "text", [None]),
        ("", ["x'00'"], "bytes", [b"\0"]),
        ("STRING", ["'abc'"], "text", ["abc"]),
    ],
)
def test_a_column_has_the_type_that_it_declares(
    tmp_path: Path, declared: str, literals: list[str], type_: str, values: list[Any]
) -> None:
    assert values_of(tmp_path / "in.db", declared, *literals) == (type_, values)


@pytest.mark.parametrize(
    ("declared", "literal", "said"),
    [
        ("INTEGER", "'n/a'", "the TEXT 'n/a' stands in a column of type integer"),
        ("INTEGER", "10.5", "the REAL 10.5 stands"),
        ("INTEGER", "x'01'", "the BLOB"),
        ("TEXT", "x'61'", "the BLOB"),
        ("BLOB", "'a'", "the TEXT 'a'"),
        ("BOOLEAN", "2", "2 stands in a column of type boolean"),
        ("BOOLEAN", "'true'", "the TEXT 'true'"),
        ("DOUBLE", "'abc'", "the TEXT 'abc'"),
        ("DECIMAL(10,2)", "0.1 + 0.2", "0.30000000000000004"),
        ("DECIMAL(10,2)", "19.999", "19.999"),
        ("DECIMAL(4,2)", "100", "100"),
        ("DECIMAL(10,2)", "9e999", "Infinity"),
        ("NUMERIC", "'n/a'", "n/a"),
        ("NUMERIC", "9e999", "Infinity"),
        ("DATE", "20260701", "the INTEGER 20260701"),
        ("DATE", "'2026-13-01'", "2026-13-01"),
        ("DATE", "'2026-7-1'", "2026-7-1"),
        ("DATETIME", "1782900000", "unixepoch"),
        ("DATETIME", "'2026-07-01 12:00:00+02:00'", "without a zone"),
        ("TIMESTAMPTZ", "'2026-07-01 12:00:00'", "with its zone"),
        ("TIME", "'25:00:00'", "25:00:00"),
        ("UUID", "'123'", "123"),
    ],
)
def test_a_value_that_is_none_of_its_type_is_refused_with_its_row(
    tmp_path: Path, declared: str, literal: str, said: str
) -> None:
    rows = ", ".join(["(NULL)"] * 1_500 + [f"({literal})"])
    path = execute(
        tmp_path / "in.db", f"CREATE TABLE t (c {declared})", f"INSERT INTO t VALUES {rows}"
    )
    refused = refusal(path)
    assert (refused.index, refused.column) == (1_500, "c")
    assert said in str(refused)


def refusal(path: Path) -> RowRefused:
    """What is raised while the table is read; its index counts from the first row of all."""
    reader = SqliteReader(path, table="t")
    reader.open()
    given = 0
    with pytest.raises(RowRefused) as refused:
        for batch in reader.batches():
            given += len(batch)
    reader.close()
    refused.value.index += given
    return refused.value


def test_rows_in_batches_that_were_handed_on_do_not_count_in_a_refusal(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "in.db",
        "CREATE TABLE t (c INTEGER)",
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 60000) SELECT i FROM n",
        "UPDATE t SET c = 'x' WHERE c = 55555",
    )
    assert refusal(path).index == 55_554  # beyond one batch of rows


def test_a_query_has_the_types_of_the_columns_that_it_passes_on(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "in.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(10,2) NOT NULL, name VARCHAR(9), b BLOB, u)",
        "INSERT INTO t VALUES (1, 9.99, 'a', x'00', 5), (2, 10, 'b', NULL, 6)",
    )
    query = """
    -- with a comment, and a semicolon
    WITH q AS (SELECT id, price, name, b, u FROM t)
    SELECT id, price AS p, upper(name) AS n, b, u, price * 2 AS twice, count(*) OVER () AS c, NULL AS no,
      CAST(id AS TEXT) AS i, (SELECT max(price) FROM t) AS most, name
    FROM q; -- the end
    """
    schema, rows = read(path, query)
    assert list(schema.shown()) == [
        "id integer",
        "p decimal(10,2)",
        "n text",
        "b bytes",
        "u integer",
        "twice double",
        "c integer",
        "no text",
        "i text",
        "most integer",
        "name text",
    ]
    assert rows[0] == (1, Decimal("9.99"), "A", b"\0", 5, 19.98, 2, None, "1", 10, "a")
    assert schema[10].type.length == 9
    table, _ = read(path, table="t")
    assert [column.is_nullable for column in table] == [False, False, True, True, True]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1 AS a, 2 AS a", "two columns are called 'a'"),
        ("SELECT column1 AS v FROM (VALUES (1), ('x'))", "values of integer and text"),
        ("DELETE FROM t", "must be a SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM t RETURNING c", "must be a SELECT"),
        ("INSERT INTO t VALUES (1) RETURNING c", "must be a SELECT"),
        ("SELECT unknown FROM t", "no such column"),
        ("SELECT c FROM missing", "no such table"),
        ("", "must be a SELECT"),
        ("-- nothing", "must be a SELECT"),
        ("SELECT ?", "bindings"),
        ("SELECT c FROM t; DROP TABLE t", "one statement"),
        ("SELECT load_extension('x')", "load_extension"),
    ],
)
def test_what_is_no_single_select_is_refused(tmp_path: Path, query: str, said: str) -> None:
    path = execute(tmp_path / "in.db", "CREATE TABLE t (c)", "INSERT INTO t VALUES (1)")
    before = path.read_bytes()
    with pytest.raises((ProgramError, sqlite3.Error, sqlite3.Warning, ValueError), match=said):
        read(path, query)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("query", "row"),
    [
        ("PRAGMA user_version", (0,)),
        ("PRAGMA table_info(t)", (0, "c", "", 0, None, 0)),
        ("VALUES (1, 'x')", (1, "x")),
        ("/* a */ select c from t", (1,)),
    ],
)
def test_a_query_that_only_tells_something_is_read(
    tmp_path: Path, query: str, row: tuple[Any, ...]
) -> None:
    path = execute(tmp_path / "in.db", "CREATE TABLE t (c)", "INSERT INTO t VALUES (1)")
    assert read(path, query)[1] == [row]


def test_a_table_is_found_by_its_whole_name_then_by_its_schema(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "in.db",
        'CREATE TABLE "sales.2026" (a)',
        'INSERT INTO "sales.2026" VALUES (1)',
        'CREATE TABLE "quo""te d" (a)',
        'INSERT INTO "quo""te d" VALUES (2)',
        'CREATE VIEW v AS SELECT a + 1 AS b FROM "sales.2026"',
    )
    assert read(path, table="sales.2026")[1] == [(1,)]
    assert read(path, table="main.sales.2026")[1] == [(1,)]
    assert read(path, table="SALES.2026")[1] == [(1,)]
    assert read(path, table='quo"te d')[1] == [(2,)]
    assert read(path, table="V")[1] == [(2,)]
    with pytest.raises(
        ProgramError, match=r'there is no table nope; there are quo"te d, sales.2026, v'
    ):
        read(path, table="nope")


def test_a_tables_rows_are_counted_in_the_state_that_is_read(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "a.db",
        "PRAGMA journal_mode=WAL",
        "CREATE TABLE t (c INTEGER)",
        "CREATE VIEW v AS SELECT c FROM t",
        "INSERT INTO t VALUES (1), (2), (3)",
    )
    reader = SqliteReader(path, table="t")
    assert reader.total() is None
    reader.open()
    execute(path, "INSERT INTO t VALUES (4)")
    assert (reader.total(), sum(map(len, reader.batches()))) == (3, 3)
    reader.close()
    for of in ({"table": "v"}, {"query": "SELECT c FROM t"}):  # to count these is to compute them
        other = SqliteReader(path, **of)
        other.open()
        assert other.total() is None
        other.close()


def test_a_count_that_takes_too_long_is_given_up_and_the_rows_are_read(tmp_path: Path) -> None:
    path = execute(tmp_path / "a.db", "CREATE TABLE t (c INTEGER)", "INSERT INTO t VALUES (1)")
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 50000000)"
    link = Link(Place.of(path), writes=False)
    try:
        begin(link)
        assert counted(link, f"({many} SELECT i FROM n)") is None
        assert counted(link, "t") == 1
    finally:
        link.close()


def test_there_is_no_database_where_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(ProgramError, match="there is no database"):
        read(tmp_path / "none.db", "SELECT 1")
    assert list(tmp_path.iterdir()) == []
    assert read(Path(":memory:"), "SELECT 1 AS n")[1] == [(1,)]


def test_a_text_that_is_not_utf8_is_refused_with_its_row(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "in.db",
        "CREATE TABLE t (id INTEGER, b BLOB, c TEXT)",
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 60000) SELECT i, x'ff', 'é' FROM n",
        "UPDATE t SET c = CAST(x'61ff62' AS TEXT) WHERE id = 54321",
    )
    refused = refusal(path)
    assert (refused.index, refused.column) == (54_320, "c")
    assert "a\\\\xffb" in str(refused)


# ---------------------------------------------------------------- batches


def test_a_batch_has_bounds_in_rows_and_bytes(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "in.db",
        "CREATE TABLE t (c BLOB)",
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 100000) SELECT x'00' FROM n",
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 300) SELECT zeroblob(300000) FROM n",
    )
    reader = SqliteReader(path, table="t")
    reader.open()
    sizes = [(len(batch), batch.nbytes) for batch in reader.batches()]
    assert sum(rows for rows, _ in sizes) == 100_300
    assert max(rows for rows, _ in sizes) <= BATCH_ROWS
    assert max(size for _, size in sizes) <= 4 * BATCH_BYTES, (
        "in the step in which rows become large"
    )
    assert sum(size > BATCH_BYTES + (2 << 20) for _, size in sizes) <= 1
    reader.close()


def test_a_reader_sees_the_state_in_which_it_was_opened(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "in.db", "CREATE TABLE t (c INTEGER)", "INSERT INTO t VALUES (1), (2)"
    )
    writer = SqliteWriter(path, "t", "replace")
    writer.start(print)
    reader = SqliteReader(path, table="t")
    schema = reader.open()
    second = SqliteReader(path, "SELECT sum(c) AS s FROM t")
    second.open()
    writer.open(schema)
    batches = []
    for batch in reader.batches():
        batches.append(batch)
        writer.write(batch)
        writer.write(batch)
    writer.finish()
    writer.commit()
    assert [row for batch in second.batches() for row in batch.to_pylist()] == [{"s": 3}]
    for each in (reader, second):
        each.close()
    writer.undo()
    assert [len(batch) for batch in batches] == [2]
    assert read(path, "SELECT count(*) AS n FROM t")[1] == [(4,)]


def test_a_reader_waits_for_a_lock_as_long_as_its_url_says(tmp_path: Path) -> None:
    path = execute(tmp_path / "in.db", "CREATE TABLE t (c)")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        reader = SqliteReader(f"sqlite:///{path}?timeout=0.3", table="t")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            reader.open()
        reader.close()
        threading.Timer(0.5, lambda: other.execute("COMMIT")).start()
        reader = SqliteReader(f"sqlite:///{path}", table="t")
        assert reader.open().names == ["c"]
        reader.close()


@pytest.mark.parametrize("timeout", ["x", "-1", "nan", "inf", ""])
def test_a_timeout_is_a_number_of_seconds(timeout: str) -> None:
    if timeout == "":
        SqliteReader("sqlite:///a.db?timeout=", table="t")  # as if it were not there
        return
    with pytest.raises(ProgramError, match="timeout"):
        SqliteReader(f"sqlite:///a.db?timeout={timeout}", table="t")


def test_where_a_row_is() -> None:
    assert SqliteReader(":memory:", "SELECT 1").where(1_234) == "row 1,234"


@pytest.mark.parametrize(
    "declared", ["a(b", "DECIMAL(2,5)", "DECIMAL(0)", "DECIMAL(99,2)", "POINT", ")("]
)
def test_an_odd_declaration_is_no_error(declared: str) -> None:
    assert type_of(declared) is None or str(type_of(declared)) == "numeric"


# ---------------------------------------------------------------- a directory in which nothing may be made


@contextmanager
def nobody_may_write() -> Iterator[Path]:
    """A directory with shop?.db in WAL mode, as a DB Output leaves one, on a disk that is only read; also for root."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # TMPDIR may be root's alone
        directory = Path(name)
        read(execute(directory / "other.db", "CREATE TABLE t (n INTEGER)"), table="t")  # imports
        path = execute(
            directory / "shop?.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (n INTEGER)"
        )
        execute(path, "INSERT INTO t VALUES (1), (2)")
        directory.chmod(0o555)
        is_root = os.geteuid() == 0
        if is_root:
            os.seteuid(pwd.getpwnam("nobody").pw_uid)
        try:
            yield path
        finally:
            if is_root:
                os.seteuid(0)
            directory.chmod(0o755)


def test_a_database_that_an_output_left_is_read_where_nothing_may_be_written() -> None:
    """SQLite wants to make files beside one in WAL mode: “attempt to write a readonly database”."""
    with nobody_may_write() as path:
        assert read(path, table="t")[1] == [(1,), (2,)]
        assert read(path, "SELECT sum(n) AS n FROM t")[1] == [(3,)]


def test_one_that_is_written_to_meanwhile_is_an_error() -> None:
    with nobody_may_write() as path:
        reader = SqliteReader(path, None, "t")
        reader.open()
        batches = reader.batches()
        next(batches)
        if os.getuid() == 0:  # who may write
            os.seteuid(0)
        os.utime(path, (0, 0))  # now may be the very time at which it was made
        with pytest.raises(
            ProgramError, match=r"shop\?.db was written to while it was read: run it"
        ):
            next(batches)
        reader.close()
