"""What the writer of SQLite leaves: exactly the rows that it got, all or none of them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from program_lib.databases.sqlite.reader import SqliteReader
from program_lib.databases.sqlite.writer import SqliteWriter
from program_lib.errors import ProgramError, RowRefused, TargetFailed
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
from tests.harness import DEADLINE, eventually


def silent(said: str) -> None:
    """Nobody is to be told."""


def execute(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)
    return path


def rows_of(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def schema_of(**types: Type) -> Schema:
    return Schema(Column(name, of) for name, of in types.items())


def table_of(schema: Schema, *rows: tuple[Any, ...]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(c, of.type) for c, of in zip(columns, schema.arrow(), strict=True)]
    return pa.table(arrays, schema=schema.arrow())


def write(
    path: Path,
    mode: str,
    schema: Schema,
    *rows: tuple[Any, ...],
    table: str = "t",
    key: Sequence[str] = (),
) -> None:
    """A whole run of one output."""
    writer = SqliteWriter(path, table, mode, key)
    try:
        writer.start(silent)
        writer.open(schema)
        if rows:
            writer.write(table_of(schema, *rows))
        writer.finish()
        writer.commit()
    finally:
        writer.undo()


ONE = Column("v", INTEGER)
N = Schema([ONE])


# ---------------------------------------------------------------- new tables


@pytest.mark.parametrize(
    ("of", "value", "declared", "stored"),
    [
        (INTEGER, 2**63 - 1, "INTEGER", ("integer", 2**63 - 1)),
        (DOUBLE, 0.1, "DOUBLE", ("real", 0.1)),
        (DOUBLE, float("-inf"), "DOUBLE", ("real", float("-inf"))),
        (BOOLEAN, True, "BOOLEAN", ("integer", 1)),
        (decimal(10, 2), Decimal("19.99"), "DECIMAL(10,2)", ("real", 19.99)),
        (
            decimal(15, 15),
            Decimal("0.999999999999999"),
            "DECIMAL(15,15)",
            ("real", 0.999999999999999),
        ),
        (decimal(18, 0), Decimal(10**18 - 1), "DECIMAL(18,0)", ("integer", 10**18 - 1)),
        (decimal(16, 2), Decimal("19.90"), "DECIMAL_TEXT(16,2)", ("text", "19.90")),
        (
            decimal(38, 18),
            Decimal("12345678901234567890.123456789012345678"),
            "DECIMAL_TEXT(38,18)",
            ("text", "12345678901234567890.123456789012345678"),
        ),
        (NUMERIC, "100", "NUMERIC", ("integer", 100)),
        (NUMERIC, "10.50", "NUMERIC", ("real", 10.5)),
        (NUMERIC, "9223372036854775807", "NUMERIC", ("integer", 2**63 - 1)),
        (NUMERIC, "0.0000000000000000000001", "NUMERIC", ("real", 1e-22)),
        (TEXT, "007\0é", "TEXT", ("text", "007\0é")),
        (Type(Kind.TEXT, length=9), "1e3", "VARCHAR(9)", ("text", "1e3")),
        (Type(Kind.TEXT, length=3, is_padded=True), "ab", "CHAR(3)", ("text", "ab")),
        (BYTES, b"\0\xff", "BLOB", ("blob", b"\0\xff")),
        (DATE, date(2026, 7, 1), "DATE", ("text", "2026-07-01")),
        (TIME, time(1, 2, 3), "TIME", ("text", "01:02:03.000000")),
        (TIMESTAMP, datetime(2026, 7, 1, 12), "DATETIME", ("text", "2026-07-01 12:00:00.000000")),
        (
            TIMESTAMPTZ,
            datetime.fromisoformat("2026-07-01T14:00:00+02:00"),
            "TIMESTAMPTZ",
            ("text", "2026-07-01 12:00:00.000000+00:00"),
        ),
        (
            UUID,
            "6f1c2a54-3f1e-4b7e-9f9a-0a2b6c1d2e3f",
            "UUID",
            ("text", "6f1c2a54-3f1e-4b7e-9f9a-0a2b6c1d2e3f"),
        ),
        (JSON, "1.0", "JSON_TEXT", ("text", "1.0")),
        (INTERVAL, "1 mon", "DURATION_TEXT", ("text", "1 mon")),
        (Type(Kind.OTHER, native="postgresql:int[]"), "{7}", "TEXT", ("text", "{7}")),
    ],
)
def test_a_new_table_declares_the_types_and_holds_the_values(
    tmp_path: Path, of: Type, value: Any, declared: str, stored: tuple[str, Any]
) -> None:
    path = tmp_path / "out.db"
    write(path, "create", schema_of(v=of), (None,), (value,))
    assert rows_of(path, "SELECT type FROM pragma_table_info('t')") == [(declared,)]
    assert rows_of(path, "SELECT typeof(v), v FROM t") == [("null", None), stored]


def test_columns_that_are_never_null_are_declared_so(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    write(path, "create", Schema([Column("a", TEXT, is_nullable=False), ONE]), ("x", None))
    query = "SELECT name, \"notnull\" FROM pragma_table_info('t')"
    assert rows_of(path, query) == [("a", 1), ("v", 0)]


@pytest.mark.parametrize("mode", ["create", "replace"])
def test_a_table_without_rows_is_made_with_its_types(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "out.db"
    write(path, mode, schema_of(a=INTEGER, b=decimal(5, 2)))
    query = "SELECT name, type FROM pragma_table_info('t')"
    assert rows_of(path, query) == [("a", "INTEGER"), ("b", "DECIMAL(5,2)")]


@pytest.mark.parametrize("name", ["sales.2026", 'a "b"', "select", "ü" * 40, "main.x", " t "])
def test_a_table_and_a_column_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out.db"
    write(path, "create", schema_of(**{name: INTEGER}), (1,), table=name)
    write(path, "append", schema_of(**{name: INTEGER}), (2,), table=name)
    made = name.removeprefix("main.")
    assert rows_of(path, "SELECT name FROM sqlite_master") == [(made,)]
    reader = SqliteReader(path, table=name)
    assert reader.open().names == [name]
    assert [row for batch in reader.batches() for row in batch.to_pylist()] == [
        {name: 1},
        {name: 2},
    ]
    reader.close()


@pytest.mark.parametrize(
    ("schema", "table", "said"),
    [
        (schema_of(a=INTEGER, A=INTEGER), "t", "does not tell the columns a and A apart"),
        (N, "sqlite_x", "reserved"),
        (N, "temp.t", "gone when the run ends"),
        (N, "there", "is there already: choose append or replace"),
        (N, "THERE", "is there already"),
        (N, "seen", "is there already"),
    ],
)
def test_a_table_that_cannot_be_made_is_refused(
    tmp_path: Path, schema: Schema, table: str, said: str
) -> None:
    path = execute(tmp_path / "out.db", "CREATE TABLE there (v)", "CREATE VIEW seen AS SELECT 1")
    with pytest.raises((ProgramError, sqlite3.Error), match=said):
        write(path, "create", schema, table=table)


# ---------------------------------------------------------------- values that cannot be held


@pytest.mark.parametrize(
    ("of", "value", "said"),
    [
        (DOUBLE, float("nan"), "NaN"),
        (NUMERIC, "NaN", "not held exactly"),
        (NUMERIC, "Infinity", "not held exactly"),
        (NUMERIC, "12345678901234567.89", "not held exactly"),
        (NUMERIC, "9223372036854775808", "not held exactly"),
        (DATE, 3_000_000, "years 1 to 9999"),
        (TIMESTAMP, -(10**17), "years 1 to 9999"),
        (TIMESTAMPTZ, -(10**17), "years 1 to 9999"),
    ],
)
def test_a_value_that_would_change_is_refused_with_its_row(
    tmp_path: Path, of: Type, value: Any, said: str
) -> None:
    path = tmp_path / "out.db"
    with pytest.raises(RowRefused, match=said) as refused:
        write(path, "create", schema_of(v=of), *[(None,)] * 2_500, (value,), (None,))
    assert (refused.value.index, refused.value.column) == (2_500, "v")
    assert rows_of(path, "SELECT * FROM sqlite_master") == []


@pytest.mark.parametrize("mode", ["create", "append"])
def test_a_text_that_utf_16_would_change_is_refused_with_its_row(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "out.db"
    execute(path, "PRAGMA encoding = 'UTF-16le'", "CREATE TABLE other (k INT, v TEXT)")
    table = "other" if mode == "append" else "t"
    columns = schema_of(k=INTEGER, v=TEXT)
    good = [(1, "\ufeffx"), (2, "😀"), (3, None), (4, "\ufffd\0\ue000")]
    with pytest.raises(RowRefused, match=r"'\\ufffe' holds U\+FFFE") as refused:
        write(path, mode, columns, *good, (5, "\ufffe"), table=table)
    assert (refused.value.index, refused.value.column) == (4, "v")
    write(path, mode, columns, *good, table=table)
    assert rows_of(path, f"SELECT k, v FROM {table}") == good


# ---------------------------------------------------------------- tables that are there


@pytest.mark.parametrize(
    ("declared", "of", "value", "stored"),
    [
        ("INTEGER", NUMERIC, "7", ("integer", 7)),
        ("INTEGER", NUMERIC, "7.0", ("integer", 7)),
        ("INTEGER", decimal(10, 2), Decimal("7.00"), ("integer", 7)),
        ("INTEGER", TEXT, "7", ("integer", 7)),
        ("INTEGER", BOOLEAN, True, ("integer", 1)),
        ("BOOLEAN", INTEGER, 1, ("integer", 1)),
        ("TEXT", INTEGER, 7, ("text", "7")),
        ("TEXT", DOUBLE, 0.1 + 0.2, ("text", "0.30000000000000004")),
        ("TEXT", DATE, date(2026, 7, 1), ("text", "2026-07-01")),
        ("VARCHAR(3)", TEXT, "SQLite keeps longer ones", ("text", "SQLite keeps longer ones")),
        ("DATE", TEXT, "2026-07-01", ("text", "2026-07-01")),
        ("DOUBLE", INTEGER, 2**53, ("real", 2.0**53)),
        ("DOUBLE", NUMERIC, "0.10", ("real", 0.1)),
        ("NUMERIC", DOUBLE, 0.1, ("real", 0.1)),
        ("DECIMAL(10,2)", NUMERIC, "19.990", ("real", 19.99)),
        ("DECIMAL(20,2)", decimal(20, 2), Decimal("19.99"), ("real", 19.99)),
        ("NUMERIC_TEXT", NUMERIC, "10.50", ("text", "10.50")),
        ("JSON", JSON, '{"a": 1.0}', ("text", '{"a": 1.0}')),
        ("JSON", JSON, "1", ("integer", 1)),
        ("", TEXT, "007", ("text", "007")),
        ("", INTEGER, 7, ("integer", 7)),
        ("", decimal(10, 2), Decimal("19.99"), ("real", 19.99)),
        ("STRING", TEXT, "abc", ("text", "abc")),
        ("POINT", TEXT, "(1,2)", ("text", "(1,2)")),
        ("MYTEXT", DOUBLE, 0.1 + 0.2, ("text", "0.30000000000000004")),
    ],
)
def test_values_go_into_a_column_of_another_type_where_they_stay_what_they_are(
    tmp_path: Path, declared: str, of: Type, value: Any, stored: tuple[str, Any]
) -> None:
    path = execute(tmp_path / "out.db", f"CREATE TABLE t (v {declared})")
    write(path, "append", schema_of(v=of), (value,), (None,))
    assert rows_of(path, "SELECT typeof(v), v FROM t") == [stored, ("null", None)]


@pytest.mark.parametrize(
    ("declared", "of", "value"),
    [
        ("INTEGER", TEXT, "007"),
        ("INTEGER", TEXT, "n/a"),
        ("INTEGER", TEXT, ""),
        ("INTEGER", NUMERIC, "10.5"),
        ("INTEGER", DOUBLE, 10.5),
        ("INTEGER", NUMERIC, "9223372036854775808"),
        ("NUMERIC", TEXT, "007"),
        ("NUMERIC", DOUBLE, float("nan")),
        ("DOUBLE", INTEGER, 2**53 + 1),
        ("DOUBLE", NUMERIC, "0.12345678901234567890"),
        ("DOUBLE", decimal(38, 18), Decimal("12345678901234567890.5")),
        ("DECIMAL(10,2)", NUMERIC, "19.999"),
        ("DECIMAL(10,2)", decimal(12, 3), Decimal("19.999")),
        ("DECIMAL(4,2)", INTEGER, 100),
        ("DECIMAL(20,2)", decimal(20, 2), Decimal("123456789012345678.99")),
        ("BOOLEAN", INTEGER, 2),
        ("DATE", TEXT, "2026-13-01"),
        ("JSON", JSON, "1.0"),
        ("JSON", JSON, "12345678901234567890"),
        ("STRING", TEXT, "007"),
        ("STRING", TEXT, "5"),
        ("INTERVAL", TEXT, "5"),
        ("POINT", TEXT, "1e3"),
        ("MYREAL", INTEGER, 2**53 + 1),
        ("", NUMERIC, "12345678901234567.89"),
        ("", decimal(38, 18), Decimal("12345678901234567890.5")),
    ],
)
def test_a_value_that_a_column_would_change_is_refused_with_its_row(
    tmp_path: Path, declared: str, of: Type, value: Any
) -> None:
    path = execute(tmp_path / "out.db", f"CREATE TABLE t (v {declared})")
    with pytest.raises(RowRefused) as refused:
        write(path, "append", schema_of(v=of), *[(None,)] * 2_100, (value,))
    assert (refused.value.index, refused.value.column) == (2_100, "v")
    assert rows_of(path, "SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    ("declared", "of"),
    [
        ("INTEGER", DATE),
        ("DATE", INTEGER),
        ("DATETIME", TIMESTAMPTZ),
        ("BLOB", INTEGER),
        ("DOUBLE", BOOLEAN),
        ("UUID", JSON),
    ],
)
def test_types_that_do_not_go_together_are_refused_before_the_first_row(
    tmp_path: Path, declared: str, of: Type
) -> None:
    path = execute(tmp_path / "out.db", f"CREATE TABLE t (v {declared})")
    writer = SqliteWriter(path, "t", "append")
    writer.start(silent)
    with pytest.raises(ProgramError, match=f"v is {of}, and the column v is {declared}"):
        writer.open(schema_of(v=of))
    writer.undo()


def test_columns_are_matched_exactly_then_by_case_and_spelt_as_the_table_does(
    tmp_path: Path,
) -> None:
    path = execute(
        tmp_path / "out.db",
        "CREATE TABLE t (ID INTEGER, \"First Name\" TEXT, rest TEXT DEFAULT 'd')",
    )
    write(path, "append", schema_of(**{"first name": TEXT, "id": INTEGER}), ("Ann", 1))
    assert rows_of(path, "SELECT * FROM t") == [(1, "Ann", "d")]


def test_a_letter_that_two_others_stand_for_is_not_those_in_another_case(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "out.db", "CREATE TABLE Masse (Masse INTEGER)", "INSERT INTO Masse VALUES (80)"
    )
    write(path, "replace", schema_of(maße=INTEGER), (7,), table="Maße")
    assert rows_of(path, "SELECT * FROM Masse") == [(80,)]
    assert rows_of(path, "SELECT maße FROM Maße") == [(7,)]
    with pytest.raises(ProgramError, match="the table Masse has no column maße; it has Masse"):
        write(path, "append", schema_of(maße=INTEGER), (7,), table="Masse")
    write(path, "append", schema_of(MAßE=INTEGER), (8,), table="mAße")
    assert rows_of(path, "SELECT maße FROM Maße") == [(7,), (8,)]


@pytest.mark.parametrize(
    ("made", "names", "said"),
    [
        ("a INTEGER", ["b"], "the table t has no column b; it has a"),
        ("a INTEGER", ["a", "A"], "would all go into the column a"),
        ("a INTEGER, g AS (a * 2)", ["a", "g"], "computes the column g"),
        ("a INTEGER, k TEXT NOT NULL", ["a"], "rows of t need k"),
    ],
)
def test_columns_that_do_not_fit_are_refused(
    tmp_path: Path, made: str, names: list[str], said: str
) -> None:
    path = execute(tmp_path / "out.db", f"CREATE TABLE t ({made})")
    with pytest.raises(ProgramError, match=said):
        write(path, "append", schema_of(**dict.fromkeys(names, INTEGER)))


def test_what_the_table_fills_in_itself_may_be_left_out(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "out.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, v INTEGER, d TEXT NOT NULL DEFAULT 'd', g AS (v * 2))",
    )
    write(path, "append", N, (7,), (8,))
    assert rows_of(path, "SELECT * FROM t") == [(1, 7, "d", 14), (2, 8, "d", 16)]


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_a_row_without_an_id_gets_none_of_its_own(tmp_path: Path, mode: str) -> None:
    path = execute(tmp_path / "out.db", "CREATE TABLE t (ID INTEGER PRIMARY KEY, v INTEGER)")
    with pytest.raises(RowRefused) as refused:
        write(path, mode, schema_of(id=INTEGER, v=INTEGER), (5, 1), (None, 2))
    assert (refused.value.index, refused.value.column) == (1, "id")
    assert refused.value.reason == "NULL would become the next number of the column ID"
    assert rows_of(path, "SELECT * FROM t") == []


def test_replace_fails_where_rows_of_before_would_stay(tmp_path: Path) -> None:
    path = execute(
        tmp_path / "out.db",
        "CREATE TABLE t (v INTEGER)",
        "INSERT INTO t VALUES (1)",
        "CREATE TRIGGER tr BEFORE DELETE ON t BEGIN SELECT raise(ignore); END",
    )
    with pytest.raises(ProgramError, match=r"^a trigger of t keeps rows"):
        write(path, "replace", N, (2,))
    assert rows_of(path, "SELECT * FROM t") == [(1,)]


def test_there_is_nothing_to_append_to(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "CREATE TABLE orders (v)")
    with pytest.raises(ProgramError, match="there is no table t; there are orders"):
        write(path, "append", N)


def test_replace_keeps_the_table_and_adds_the_columns_that_it_lacks(tmp_path: Path) -> None:
    """Also beside tables of which another tool would make helpers."""
    long_name = "x" * 50
    path = execute(
        tmp_path / "out.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT UNIQUE DEFAULT 'k')",
        "CREATE INDEX i ON t (k)",
        "CREATE TABLE log (id)",
        "CREATE TRIGGER tr AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id); END",
        "INSERT INTO t VALUES (1, 'old')",
        "CREATE TABLE t__new (keep)",
        "INSERT INTO t__new VALUES ('mine')",
        f"CREATE TABLE {long_name}a (id)",
        f"CREATE TABLE {long_name}b (id)",
    )
    write(path, "replace", schema_of(ID=INTEGER, price=decimal(10, 2)), (5, Decimal("1.50")))
    assert rows_of(path, "SELECT * FROM t") == [(5, "k", 1.5)]
    assert rows_of(path, "SELECT * FROM log") == [(1,), (5,)]
    assert rows_of(path, "SELECT * FROM t__new") == [("mine",)]
    made = rows_of(path, "SELECT name, type FROM pragma_table_info('t')")
    assert made == [("id", "INTEGER"), ("k", "TEXT"), ("price", "DECIMAL(10,2)")]
    assert ("i",) in rows_of(path, "SELECT name FROM sqlite_master WHERE type = 'index'")
    for name in ("a", "b"):
        write(path, "replace", schema_of(id=TEXT, more=TEXT), (name, "x"), table=long_name + name)
        assert rows_of(path, f"SELECT * FROM {long_name}{name}") == [(name, "x")]


# ---------------------------------------------------------------- errors, and all or nothing


@pytest.mark.parametrize(
    ("made", "bad", "said", "column"),
    [
        ("v INTEGER UNIQUE", 1_234, "UNIQUE constraint failed: t.v", "v"),
        ("v INTEGER CHECK (v <> -1)", -1, "CHECK constraint failed", None),
        ("v INTEGER NOT NULL", None, "NOT NULL constraint failed: t.v", "v"),
    ],
)
def test_a_row_that_the_table_refuses_is_named(
    tmp_path: Path, made: str, bad: int | None, said: str, column: str | None
) -> None:
    path = execute(tmp_path / "out.db", f"CREATE TABLE t ({made})")
    rows: list[tuple[int | None]] = [(number,) for number in range(5_000)]
    rows[4_321] = (bad,)
    with pytest.raises(RowRefused, match=said) as refused:
        write(path, "append", N, *rows)
    assert (refused.value.index, refused.value.column) == (4_321, column)
    assert rows_of(path, "SELECT count(*) FROM t") == [(0,)]


@pytest.mark.parametrize(
    ("made", "mode", "bad", "said"),
    [
        ("k INTEGER, v INTEGER UNIQUE ON CONFLICT REPLACE", "append", (4, 1), "UNIQUE"),
        ("k INTEGER, v INTEGER UNIQUE ON CONFLICT FAIL", "append", (4, 1), "UNIQUE"),
        ("k, v NOT NULL on  conflict replace DEFAULT 7", "append", (4, None), "NOT NULL"),
        ("k PRIMARY KEY, v INTEGER UNIQUE ON CONFLICT REPLACE", "upsert", (6, 1), "UNIQUE"),
        ("k PRIMARY KEY, v INTEGER UNIQUE ON CONFLICT REPLACE", "update", (3, 1), "UNIQUE"),
    ],
)
def test_what_a_table_says_of_conflicts_deletes_and_changes_no_row(
    tmp_path: Path, made: str, mode: str, bad: tuple[int, int | None], said: str
) -> None:
    """REPLACE deleted the row of another key, and wrote the default for NULL; after FAIL the first row was told."""
    three = "INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)"
    path = execute(tmp_path / "out.db", f"CREATE TABLE t ({made})", three)
    good = (2, 20) if mode == "update" else (5, 5)
    key = () if mode == "append" else ("k",)
    with pytest.raises(RowRefused, match=f"{said} constraint failed: t.v") as refused:
        write(path, mode, schema_of(k=INTEGER, v=INTEGER), good, bad, key=key)
    assert refused.value.index == 1
    assert rows_of(path, "SELECT * FROM t") == [(1, 1), (2, 2), (3, 3)]


@pytest.mark.parametrize(
    "made",
    [
        ("CREATE TABLE t (v INTEGER UNIQUE ON CONFLICT ROLLBACK)",),
        (
            "CREATE TABLE t (v INTEGER)",
            "CREATE TRIGGER x BEFORE INSERT ON t WHEN NEW.v = 1"
            " BEGIN SELECT RAISE(ROLLBACK, 'failed: t.v'); END",
        ),
    ],
    ids=["conflict", "trigger"],
)
def test_what_rolls_back_all_rows_is_told_and_no_row_is_blamed(
    tmp_path: Path, made: Sequence[str]
) -> None:
    """The first row of the batch was told as the one at fault, and the reason as “has rolled back what this run wrote”."""
    path = execute(tmp_path / "out.db", *made)
    with pytest.raises(TargetFailed, match=r"failed: t.v: all that this run wrote is rolled back"):
        write(path, "append", N, (5,), (1,), (1,))
    assert rows_of(path, "SELECT v FROM t") == []


def test_foreign_keys_are_not_checked_as_is_said_in_the_documents(tmp_path: Path) -> None:
    """SQLite itself does so for connections alone that ask for it."""
    parent = "CREATE TABLE p (v INTEGER PRIMARY KEY)"
    child = "CREATE TABLE t (v INTEGER REFERENCES p ON DELETE CASCADE)"
    path = execute(tmp_path / "out.db", parent, child, "INSERT INTO p VALUES (1)")
    write(path, "append", N, (1,), (7,))
    write(path, "replace", N, (2,), table="p")
    assert rows_of(path, "SELECT v FROM t") == [(1,), (7,)]


def test_after_an_error_other_rows_may_be_written(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "CREATE TABLE t (v INTEGER UNIQUE)")
    writer = SqliteWriter(path, "t", "append")
    writer.start(silent)
    writer.open(N)
    writer.write(table_of(N, (1,), (2,)))
    with pytest.raises(RowRefused):
        writer.write(table_of(N, (3,), (1,), (4,)))
    writer.write(table_of(N, (3,), (4,)))
    writer.finish()
    writer.commit()
    writer.undo()
    assert rows_of(path, "SELECT v FROM t") == [(1,), (2,), (3,), (4,)]


def test_a_run_that_is_undone_leaves_everything_as_it_was(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "CREATE TABLE t (v INTEGER)", "INSERT INTO t VALUES (1)")
    writers = [SqliteWriter(path, "t", "replace"), SqliteWriter(path, "new", "create")]
    for writer in writers:
        writer.start(silent)
        writer.open(schema_of(v=INTEGER, more=TEXT))
    for writer in writers:
        writer.write(table_of(schema_of(v=INTEGER, more=TEXT), (2, "x")))
        writer.finish()
    for writer in writers:
        writer.undo()
        writer.undo()
    assert rows_of(path, "SELECT name FROM sqlite_master") == [("t",)]
    assert rows_of(path, "SELECT * FROM t") == [(1,)]


def test_a_rollback_by_the_table_itself_ends_the_run(tmp_path: Path) -> None:
    """Rows that come after it would be written for good, alone."""
    path = execute(tmp_path / "out.db", "CREATE TABLE t (v INTEGER UNIQUE ON CONFLICT ROLLBACK)")
    writer = SqliteWriter(path, "t", "append")
    writer.start(silent)
    writer.open(N)
    writer.write(table_of(N, (1,)))
    with pytest.raises(
        TargetFailed, match=r"UNIQUE .* t.v: all that this run wrote is rolled back"
    ):
        writer.write(table_of(N, (1,)))
    has_ended = "has rolled back what this run wrote"
    with pytest.raises(TargetFailed, match=has_ended):
        writer.write(table_of(N, (2,)))
    with pytest.raises(TargetFailed, match=has_ended):
        writer.finish()
    with pytest.raises(TargetFailed, match=has_ended):
        writer.commit()
    writer.undo()
    assert rows_of(path, "SELECT * FROM t") == []


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_file_that_is_deleted_or_replaced_while_it_is_written_fails_the_run(
    tmp_path: Path, is_replaced: bool
) -> None:
    """The run completed: its rows were in a file that nobody saw, or were mixed into the other one by their WAL.

    Where more rows come, none of them is at fault.
    """
    path = execute(tmp_path / "t.db", "CREATE TABLE t (a INTEGER)")
    other = execute(tmp_path / "other.db", "CREATE TABLE t (a)", "INSERT INTO t VALUES ('other')")
    schema = schema_of(a=INTEGER)
    writer = SqliteWriter(path, "t", "append")
    writer.start(silent)
    writer.open(schema)
    writer.write(table_of(schema, (1,), (2,)))
    writer.finish()
    if is_replaced:
        other.replace(path)
    else:
        path.unlink()
    said = r"t\.db was deleted, or another file took its place"
    with pytest.raises(TargetFailed, match=said):
        writer.write(table_of(schema, (3,)))
    with pytest.raises(ProgramError, match=said):
        writer.commit()
    writer.undo()
    if is_replaced:
        assert rows_of(path, "SELECT a FROM t") == [("other",)]


def test_one_file_by_two_hard_links_is_refused(tmp_path: Path) -> None:
    """They waited for each other for ever, since each name had a transaction."""
    path = tmp_path / "out.db"
    execute(path, "CREATE TABLE a (n INTEGER)", "CREATE TABLE b (n INTEGER)")
    (tmp_path / "link.db").hardlink_to(path)
    first = SqliteWriter(path, "a", "append")
    second = SqliteWriter(tmp_path / "link.db", "b", "append")
    first.start(silent)
    with pytest.raises(ProgramError, match=r"link\.db and out\.db are one file by two names"):
        second.start(silent)
    first.undo()
    second.start(silent)
    second.undo()


def test_all_writers_of_one_file_share_one_transaction(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    (tmp_path / "link.db").symlink_to(path)
    first = SqliteWriter(path, "a", "create")
    second = SqliteWriter(f"sqlite:///{tmp_path}/link.db", "b", "create")
    other = SqliteWriter(tmp_path / "other.db", "c", "create")
    for writer in (first, second, other):
        writer.start(silent)
        writer.open(N)
        writer.write(table_of(N, (1,)))
    assert first.turn == second.turn != other.turn
    assert rows_of(path, "SELECT * FROM sqlite_master") == []
    first.finish()
    second.finish()
    first.commit()
    second.commit()
    assert rows_of(path, "SELECT * FROM a, b") == [(1, 1)]
    for writer in (first, second, other):
        writer.undo()
    assert rows_of(tmp_path / "other.db", "SELECT * FROM sqlite_master") == []


def test_a_database_of_a_writer_is_in_wal_mode_and_has_nothing_beside_it_afterwards(
    tmp_path: Path,
) -> None:
    path = tmp_path / "out.db"
    write(path, "create", N, (1,))
    assert rows_of(path, "PRAGMA journal_mode") == [("wal",)]
    assert [file.name for file in tmp_path.iterdir()] == ["out.db"]


# ---------------------------------------------------------------- locks


def test_no_lock_is_taken_before_the_first_row(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "CREATE TABLE a (v)", "CREATE TABLE b (v)")
    slow, quick = SqliteWriter(path, "a", "append"), SqliteWriter(path, "b", "append")
    slow.start(silent)
    slow.open(N)
    with closing(sqlite3.connect(path, timeout=0)) as other:
        other.execute("INSERT INTO b VALUES (1)")
        other.commit()
    quick.start(silent)
    for writer in (slow, quick):
        writer.undo()


def test_a_second_run_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (v)")
    said: list[str] = []
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO t VALUES (1)")
        writer = SqliteWriter(path, "t", "append")
        writer.start(said.append)
        writer.open(N)
        assert said == []

        def commit_once_it_waits() -> None:
            eventually(lambda: bool(said), what="the writer waits")
            other.execute("COMMIT")

        thread = threading.Thread(target=commit_once_it_waits)
        thread.start()
        writer.write(table_of(N, (2,)))
        thread.join()
    writer.finish()
    writer.commit()
    writer.undo()
    assert said == ["waits for the lock of out.db, which somebody else holds"]
    assert rows_of(path, "SELECT v FROM t") == [(1,), (2,)]


def test_a_reader_that_stays_does_not_stop_a_run(tmp_path: Path) -> None:
    """In WAL mode at all; else the run waits until the file can be turned into it, and says so."""
    path = execute(tmp_path / "out.db", "CREATE TABLE s (a)", "INSERT INTO s VALUES (1), (2)")
    said: list[str] = []
    with closing(sqlite3.connect(path, check_same_thread=False)) as other:
        cursor = other.execute("SELECT a FROM s")
        cursor.fetchone()

        def end_once_it_waits() -> None:
            eventually(lambda: bool(said), what="the writer waits")
            cursor.close()

        thread = threading.Thread(target=end_once_it_waits)
        thread.start()
        writer = SqliteWriter(path, "t", "create")
        writer.start(said.append)
        thread.join()
        stays = other.execute("SELECT a FROM s")
        stays.fetchone()
        writer.open(N)
        writer.write(table_of(N, (1,)))
        writer.finish()
        writer.commit()
        writer.undo()
        assert len(said) == 1
        assert stays.fetchall() == [(2,)]
    assert rows_of(path, "SELECT * FROM t") == [(1,)]


def test_the_url_may_say_how_long_to_wait(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (v)")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer = SqliteWriter(f"sqlite:///{path}?timeout=0.3", "t", "append")
        writer.start(silent)
        writer.open(N)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            writer.write(table_of(N, (1,)))
        other.execute("COMMIT")
        writer.write(table_of(N, (2,)))
        writer.finish()
        writer.commit()
        writer.undo()
    assert rows_of(path, "SELECT v FROM t") == [(2,)]


WAITING = """
import signal, sys
import pyarrow as pa
from program_lib.databases.sqlite.writer import SqliteWriter
from program_lib.types import INTEGER, Column, Schema
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
writer = SqliteWriter(sys.argv[1], "t", "append")
writer.start(lambda said: print(said, flush=True))
writer.open(Schema([Column("v", INTEGER)]))
writer.write(pa.table({"v": pa.array([1], pa.int64())}))
"""


def test_a_run_that_waits_ends_at_once_when_it_is_told_to(tmp_path: Path) -> None:
    path = execute(tmp_path / "out.db", "PRAGMA journal_mode = WAL", "CREATE TABLE t (v)")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        command = [sys.executable, "-c", WAITING, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                assert process.stdout.readline().startswith("waits for the lock of out.db")
                os.kill(process.pid, signal.SIGTERM)
                assert process.wait(DEADLINE) == 143
            finally:
                process.kill()


def test_wide_rows_and_long_batches_are_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.db"
    wide = Schema(Column(f"c{number}", INTEGER) for number in range(1_999))
    writer = SqliteWriter(path, "wide", "create")
    writer.start(silent)
    writer.open(wide)
    writer.write(pa.table([pa.array(range(21), pa.int64())] * len(wide), schema=wide.arrow()))
    writer.finish()
    writer.commit()
    writer.undo()
    assert rows_of(path, "SELECT count(*), sum(c0), sum(c1998) FROM wide") == [(21, 210, 210)]
    many = Schema([ONE, Column("s", TEXT)])
    write(path, "create", many, *((number, json.dumps(number)) for number in range(12_345)))
    assert rows_of(path, "SELECT count(*), sum(v = s), max(rowid) FROM t WHERE v + 1 = rowid") == [
        (12_345, 12_345, 12_345)
    ]


@pytest.mark.parametrize("row", [(None,), (1,)], ids=["refused", "taken back"])
def test_a_run_that_fails_leaves_no_database_that_was_not_there(
    tmp_path: Path, row: tuple[Any, ...]
) -> None:
    path, schema = tmp_path / "new.db", Schema([Column("v", INTEGER, False)])
    writer = SqliteWriter(path, "t", "create")
    writer.start(silent)
    writer.open(schema)
    if row == (None,):
        with pytest.raises(RowRefused):
            writer.write(table_of(N, row))
    else:
        writer.write(table_of(N, row))
        writer.finish()
    writer.undo()
    writer.undo()
    assert os.listdir(tmp_path) == []
    write(path, "create", N, (1,))
    assert rows_of(path, "SELECT v FROM t") == [(1,)]


@pytest.mark.parametrize("before", [b"", b"no database"], ids=["empty", "other"])
def test_a_file_that_was_there_stays_where_a_run_fails(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "old.db"
    path.write_bytes(before)
    writer = SqliteWriter(path, "t", "create")
    try:
        writer.start(silent)
    except sqlite3.DatabaseError:
        assert before
    writer.undo()
    assert path.read_bytes().startswith(before)


def test_what_another_one_wrote_into_a_database_that_a_failed_run_made_stays(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new.db"
    writer = SqliteWriter(path, "t", "create")
    writer.start(silent)
    writer.open(N)
    execute(path, "CREATE TABLE theirs (v)", "INSERT INTO theirs VALUES (1)")
    writer.undo()
    assert rows_of(path, "SELECT v FROM theirs") == [(1,)]


def test_a_database_that_a_failed_run_made_stays_while_another_one_has_it_open(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new.db"
    writer = SqliteWriter(path, "t", "create")
    writer.start(silent)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("SELECT * FROM sqlite_master")
        writer.undo()
        other.execute("CREATE TABLE theirs (v)")
    assert rows_of(path, "SELECT * FROM theirs") == []
