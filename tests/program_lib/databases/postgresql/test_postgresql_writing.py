"""What happens to a table of PostgreSQL: all rows exactly, or none and the reason."""

from __future__ import annotations

import datetime
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from program_lib.databases import write_rows
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
from tests.harness import eventually
from tests.program_lib.moving import move, read, rows_of, say, write, writing
from tests.servers.databases import Database

NOON = datetime.datetime(2026, 7, 1, 12, 0, 0, 123456)


def refused_write(
    database: Database, table: str, columns: dict[str, Type], rows: list[Any]
) -> RowRefused:
    with writing(database.url, table, "append", **columns) as writer:
        with pytest.raises(RowRefused) as refused:
            writer.write(rows_of(columns, rows))
        return refused.value


# ---------------------------------------------------------------- new tables


def test_a_new_table_is_declared_as_its_source_was(postgresql: Database) -> None:
    columns = {
        "flag": BOOLEAN,
        "small": Type(Kind.INTEGER, bits=16),
        "whole": Type(Kind.INTEGER, bits=32),
        "big": INTEGER,
        "price": decimal(10, 2),
        "free": NUMERIC,
        "ratio": DOUBLE,
        "single": Type(Kind.DOUBLE, bits=32),
        "name": TEXT,
        "code": Type(Kind.TEXT, length=3),
        "padded": Type(Kind.TEXT, length=3, is_padded=True),
        "raw": BYTES,
        "day": DATE,
        "clock": TIME,
        "at": TIMESTAMP,
        "instant": TIMESTAMPTZ,
        "span": INTERVAL,
        "id": UUID,
        "doc": JSON,
        "foreign": Type(Kind.OTHER, native="mysql:geometry"),
        "unknown": Type(Kind.OTHER, native="postgresql:mood"),
    }
    write(postgresql.url, "t", "create", columns, [])
    found = postgresql.rows(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert dict(found) == {
        "flag": "boolean",
        "small": "smallint",
        "whole": "integer",
        "big": "bigint",
        "price": "numeric(10,2)",
        "free": "numeric",
        "ratio": "double precision",
        "single": "real",
        "name": "text",
        "code": "character varying(3)",
        "padded": "character(3)",
        "raw": "bytea",
        "day": "date",
        "clock": "time without time zone",
        "at": "timestamp without time zone",
        "instant": "timestamp with time zone",
        "span": "interval",
        "id": "uuid",
        "doc": "json",
        "foreign": "text",
        "unknown": "text",
    }


def test_what_is_there_is_not_created_again(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "CREATE VIEW v AS SELECT 1 AS a")
    for name in ("t", "v"):
        with pytest.raises(ProgramError, match=f"the table {name} is there already: choose append"):
            write(postgresql.url, name, "create", {"a": INTEGER}, [])


def test_a_table_that_comes_meanwhile_is_not_touched(postgresql: Database) -> None:
    with writing(postgresql.url, "t", "create", a=INTEGER) as writer:
        postgresql.execute("CREATE TABLE t (mine text)", "INSERT INTO t VALUES ('x')")
        with pytest.raises(TargetFailed, match='relation "t" already exists'):
            writer.finish()
    assert postgresql.rows("SELECT * FROM t") == [("x",)]


def test_nobody_sees_a_new_table_before_the_commit_and_nothing_stays_after_an_undo(
    postgresql: Database,
) -> None:
    there = "SELECT count(*) FROM pg_class WHERE relname = 't'"
    with writing(postgresql.url, "t", "create", a=INTEGER) as writer:
        writer.write(rows_of({"a": INTEGER}, [(1,)]))
        writer.finish()
        assert postgresql.value(there) == 0
    assert postgresql.value(there) == 0


# ---------------------------------------------------------------- append


def test_columns_are_matched_by_case_where_it_is_the_only_one(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (id integer, \"Name\" text, extra text DEFAULT 'd')")
    write(postgresql.url, "T", "append", {"ID": INTEGER, "name": TEXT}, [(1, "x")])
    assert postgresql.rows('SELECT id, "Name", extra FROM t') == [(1, "x", "d")]
    with pytest.raises(ProgramError, match="the table t has no column nam; it has id, Name, extra"):
        write(postgresql.url, "t", "append", {"nam": TEXT}, [])
    with pytest.raises(ProgramError, match="ID, id would all go into the column id of t"):
        write(postgresql.url, "t", "append", {"ID": INTEGER, "id": INTEGER}, [])
    postgresql.execute('ALTER TABLE t ADD COLUMN "ID" integer')
    write(postgresql.url, "t", "append", {"ID": INTEGER, "id": INTEGER}, [(2, 3)])
    assert postgresql.rows('SELECT "ID", id FROM t WHERE "ID" = 2') == [(2, 3)]
    with pytest.raises(ProgramError, match="the column Id may be any of id, ID in t"):
        write(postgresql.url, "t", "append", {"Id": INTEGER}, [])


def test_there_must_be_a_table_to_append_to(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE other (a integer)")
    with pytest.raises(ProgramError, match="there is no table t; there are other"):
        write(postgresql.url, "t", "append", {"a": INTEGER}, [])


# source type, value, the column's type, what it holds then (None: refused)
FITS: list[tuple[Type, Any, str, Any]] = [
    (decimal(10, 3), Decimal("19.990"), "numeric(10,2)", Decimal("19.99")),
    (decimal(10, 3), Decimal("19.999"), "numeric(10,2)", None),
    (decimal(12, 2), Decimal("1234567890.12"), "numeric(10,2)", None),
    (NUMERIC, "19.9900", "numeric(10,2)", Decimal("19.99")),
    (NUMERIC, "19.999", "numeric(10,2)", None),
    (NUMERIC, "NaN", "numeric(10,2)", None),
    (NUMERIC, "NaN", "numeric", Decimal("NaN")),
    (NUMERIC, "Infinity", "numeric", Decimal("Infinity")),
    (NUMERIC, "Infinity", "numeric(50,2)", None),
    (NUMERIC, "1" * 48 + ".25", "numeric(50,2)", Decimal("1" * 48 + ".25")),
    (NUMERIC, "1.255", "numeric(50,2)", None),
    (NUMERIC, "5.00", "integer", 5),
    (NUMERIC, "5.01", "integer", None),
    (DOUBLE, 0.1, "numeric(10,2)", Decimal("0.10")),
    (DOUBLE, 0.125, "numeric(10,2)", None),
    (DOUBLE, 1e20, "numeric", Decimal(10**20)),
    (DOUBLE, float("nan"), "numeric", Decimal("NaN")),
    (DOUBLE, float("nan"), "numeric(5,2)", None),
    (DOUBLE, 3.0, "integer", 3),
    (DOUBLE, 3.5, "integer", None),
    (DOUBLE, 0.1, "real", pytest.approx(0.1)),
    (DOUBLE, 0.123456789, "real", None),
    (DOUBLE, 1e39, "real", None),
    (DOUBLE, float("inf"), "real", float("inf")),
    (INTEGER, 2**53, "double precision", float(2**53)),
    (INTEGER, 2**53 + 1, "double precision", None),
    (INTEGER, 2**24 + 1, "real", None),
    (INTEGER, 2**31, "integer", None),
    (INTEGER, 40_000, "smallint", None),
    (INTEGER, -1, "oid", None),
    (INTEGER, 2**32 - 1, "oid", 2**32 - 1),
    (INTEGER, 7, "numeric(3,2)", Decimal("7.00")),
    (INTEGER, 70, "numeric(3,2)", None),
    (INTEGER, 1, "boolean", True),
    (INTEGER, 2, "boolean", None),
    (INTEGER, 7, "text", "7"),
    (BOOLEAN, True, "integer", 1),
    (BOOLEAN, True, "text", "true"),
    (decimal(38, 18), Decimal("0.000000000000000001"), "text", "0.000000000000000001"),
    (decimal(38, 18), Decimal("0.1"), "double precision", 0.1),
    (decimal(38, 18), Decimal("0.100000000000000001"), "double precision", None),
    (TEXT, "abc", "varchar(3)", "abc"),
    (TEXT, "abcd", "varchar(3)", None),
    (TEXT, "abc ", "varchar(3)", None),  # PostgreSQL would cut the space
    (TEXT, "abc ", "char(3)", "abc"),
    (TEXT, "é😀x", "varchar(3)", "é😀x"),
    (TEXT, "x" * 64, "name", None),
    (TEXT, "é" * 32, "name", None),
    (TEXT, "a\0b", "text", None),
    (TEXT, " 42 ", "integer", 42),
    (TEXT, "4_2", "integer", None),
    (TEXT, "007", "integer", None),
    (TEXT, "0", "integer", 0),
    (TEXT, "0.50", "numeric(5,2)", Decimal("0.50")),
    (TEXT, "00.5", "numeric(5,2)", None),
    (TEXT, "", "integer", None),
    (TEXT, "1e3", "integer", None),
    (TEXT, "19.999", "numeric(10,2)", None),
    (TEXT, "1e5", "numeric", None),
    (TEXT, "2026-07-31", "date", datetime.date(2026, 7, 31)),
    (TEXT, "2026-13-01", "date", None),
    (TEXT, "31.07.2026", "date", None),
    (TEXT, "today", "date", None),
    (TEXT, "now", "timestamp", None),
    (TEXT, "2026-07-01 12:00:00", "timestamptz", None),
    (TEXT, "true", "boolean", True),
    (TEXT, "yes", "boolean", None),
    (TEXT, "{1,2}", "integer[]", [1, 2]),
    (TEXT, "{1,x}", "integer[]", None),
    (TEXT, '{"a": 1}', "jsonb", {"a": 1}),
    (TEXT, "{a: 1}", "jsonb", None),
    (TEXT, "sad", "mood", "sad"),
    (TEXT, "SAD", "mood", None),
    (TEXT, "\\x00ff", "bytea", b"\x00\xff"),
    (TEXT, "00ff", "bytea", None),
    (TIMESTAMP, NOON, "timestamp(3)", None),
    (TIMESTAMP, NOON.replace(microsecond=123000), "timestamp(3)", NOON.replace(microsecond=123000)),
    (TIMESTAMP, NOON, "timestamp(0)", None),
    (TIMESTAMP, NOON, "date", None),
    (TIMESTAMP, datetime.datetime(2026, 7, 1), "date", datetime.date(2026, 7, 1)),
    (TIME, NOON.time(), "time(0)", None),
    (DATE, datetime.date(2026, 7, 1), "timestamp", datetime.datetime(2026, 7, 1)),
    (INTERVAL, "1 mon", "interval", "P1M"),
    (UUID, "x", "uuid", None),
]


@pytest.mark.parametrize(
    ("source", "value", "declared", "held"),
    FITS,
    ids=[f"{s} {v!r:.20} into {d}" for s, v, d, _ in FITS],
)
def test_a_value_fits_exactly_or_is_refused_with_its_row(
    postgresql: Database, source: Type, value: Any, declared: str, held: Any
) -> None:
    postgresql.execute(
        "CREATE TYPE mood AS ENUM ('sad')", f"CREATE TABLE t (k integer, v {declared})"
    )
    columns = {"k": INTEGER, "v": source}
    rows = [(1, None), (2, value), (3, None)]
    if held is None:
        refused = refused_write(postgresql, "t", columns, rows)
        assert refused.index == 1
        assert refused.reason
    else:
        write(postgresql.url, "t", "append", columns, rows)
        shown = "v::text" if source is INTERVAL else "v"
        [(found,)] = postgresql.rows(f"SELECT {shown} FROM t WHERE k = 2")
        if isinstance(held, Decimal) and held.is_nan():
            assert found.is_nan()
        else:
            assert found == held or found.rstrip() == held
        assert postgresql.rows("SELECT k FROM t WHERE v IS NULL ORDER BY k") == [(1,), (3,)]


@pytest.mark.parametrize(
    ("source", "declared"),
    [
        (TIMESTAMP, "timestamptz"),
        (TIMESTAMPTZ, "timestamp"),
        (BOOLEAN, "numeric"),
        (DATE, "integer"),
        (INTEGER, "date"),
        (JSON, "integer"),
        (BYTES, "uuid"),
        (NUMERIC, "money"),
        (NUMERIC, "numeric(3,-2)"),
        (INTERVAL, "interval(3)"),
        (TEXT, "money"),
        (TEXT, '"char"'),
        (TEXT, "money[]"),
        (TEXT, '"char"[]'),
        (TEXT, "name[]"),
        (TEXT, "varchar(3)[]"),
        (TEXT, "interval(0)"),
        (TEXT, "interval year to month"),
        (TEXT, "numeric(10,2)[]"),
        (TEXT, "timestamp(0)[]"),
        (TEXT, "char(3)[]"),
        (Type(Kind.OTHER, native="postgresql:time with time zone"), "time"),
        (Type(Kind.OTHER, native="postgresql:integer[]"), "text[]"),
    ],
)
def test_types_that_do_not_go_together_are_refused_before_any_row(
    postgresql: Database, source: Type, declared: str
) -> None:
    postgresql.execute(f"CREATE TABLE t (v {declared})")
    with pytest.raises(ProgramError, match=r"the column v is ") as refused:
        write(postgresql.url, "t", "append", {"v": source}, [])
    assert not isinstance(refused.value, RowRefused)


@pytest.mark.parametrize("line_breaks", [False, True])
@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("a integer, t text NOT NULL", (2_345, None), "violates not-null constraint"),
        ("a integer CHECK (a <> 2345), t text", (2_345, "x"), "violates check constraint"),
        ("a integer PRIMARY KEY, t text", (7, "x"), r"Key \(a\)=\(7\) already exists"),
        ("a integer, t jsonb", (2_345, "{"), "invalid input syntax for type json"),
        ("a integer, t mood", (2_345, "x"), "invalid input value for enum"),
        ("a integer, t text", (2_345, "a\0b"), "0x00"),
    ],
)
def test_the_row_at_fault_is_named_by_the_database(
    postgresql: Database, table: str, row: tuple[Any, ...], words: str, line_breaks: bool
) -> None:
    value = '"a\nb"' if line_breaks else '"ab"'
    postgresql.execute(
        "CREATE TYPE mood AS ENUM ('\"ab\"', '\"a\nb\"')", f"CREATE TABLE t ({table})"
    )
    if "jsonb" in table:
        value = "[\n1]" if line_breaks else "[1]"
    rows = [(i, value) for i in range(5_000)]
    rows[2_345] = row
    refused = refused_write(postgresql, "t", {"a": INTEGER, "t": TEXT}, rows)
    assert refused.index == 2_345
    assert re.search(words, refused.reason)


def test_after_a_refused_batch_others_are_taken(postgresql: Database) -> None:
    columns = {"a": INTEGER}
    for mode in ("append", "replace"):
        postgresql.execute("DROP TABLE IF EXISTS t", "CREATE TABLE t (a integer PRIMARY KEY)")
        postgresql.execute("INSERT INTO t VALUES (100)")
        with writing(postgresql.url, "t", mode, **columns) as writer:
            with pytest.raises(RowRefused):
                writer.write(rows_of(columns, [(1,), (1,)]))
            writer.write(rows_of(columns, [(1,)]))
            with pytest.raises(RowRefused):
                writer.write(rows_of(columns, [(2,), (1,)]))
            writer.write(rows_of(columns, [(2,)]))
            writer.finish()
            writer.commit()
        assert postgresql.rows("SELECT a FROM t ORDER BY a") == [
            (1,),
            (2,),
            *([(100,)] if mode == "append" else []),
        ]


def test_refused_batches_leave_no_locks(postgresql: Database) -> None:
    """Each of them held one until the end: after some 6,000 the server had no memory for more, and the run failed."""
    postgresql.execute("CREATE TABLE t (a integer CHECK (a > 0))")
    with writing(postgresql.url, "t", "append", a=INTEGER) as writer:
        for _ in range(5):
            writer.write(rows_of({"a": INTEGER}, [(1,)]))
            with pytest.raises(RowRefused):
                writer.write(rows_of({"a": INTEGER}, [(0,)]))
        held = (
            "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'transactionid' AND datname = current_database()"
        )
        assert postgresql.value(held) == 1
        writer.finish()
        writer.commit()
    assert postgresql.value("SELECT count(*) FROM t") == 5


# ---------------------------------------------------------------- identity and generated columns


@pytest.mark.parametrize(
    "column", ["integer GENERATED BY DEFAULT AS IDENTITY", "serial", "bigserial", "smallserial"]
)
@pytest.mark.parametrize("mode", ["append", "replace"])
def test_the_next_insert_works_after_ids_were_given(
    postgresql: Database, column: str, mode: str
) -> None:
    postgresql.execute(f'CREATE TABLE "T t" ("Id" {column} PRIMARY KEY, name text)')
    postgresql.execute("INSERT INTO \"T t\" (name) VALUES ('first')")
    columns = {"Id": INTEGER, "name": TEXT}
    write(postgresql.url, "T t", mode, columns, [(7, "a"), (5, "b"), (2, "c")])
    postgresql.execute("INSERT INTO \"T t\" (name) VALUES ('next')")
    assert postgresql.value('SELECT "Id" FROM "T t" WHERE name = \'next\'') == 8
    write(postgresql.url, "T t", mode, columns, [(3, "a")])  # a sequence is never set back
    postgresql.execute("INSERT INTO \"T t\" (name) VALUES ('last')")
    assert postgresql.value('SELECT "Id" FROM "T t" WHERE name = \'last\'') == 9


@pytest.mark.parametrize(
    ("ids", "following"),
    [(["9", "10", "NaN"], "11"), (["-5"], "1"), (["7.5"], "8"), (["1" + "0" * 30], "1")],
)
def test_the_next_insert_works_where_a_sequence_numbers_a_numeric(
    postgresql: Database, ids: list[str], following: str
) -> None:
    postgresql.execute(
        "CREATE SEQUENCE s",
        "CREATE TABLE t (id numeric PRIMARY KEY DEFAULT nextval('s'), name text)",
        "ALTER SEQUENCE s OWNED BY t.id",
    )
    write(postgresql.url, "t", "append", {"id": NUMERIC}, [(id_,) for id_ in ids])
    postgresql.execute("INSERT INTO t (name) VALUES ('next')")
    assert postgresql.value("SELECT id::text FROM t WHERE name = 'next'") == following


def test_the_next_insert_works_where_a_sequence_counts_down(postgresql: Database) -> None:
    counting = "GENERATED BY DEFAULT AS IDENTITY (INCREMENT BY -1)"
    postgresql.execute(f"CREATE TABLE t (id integer {counting} PRIMARY KEY, name text)")
    write(postgresql.url, "t", "append", {"id": INTEGER}, [(-1,), (-7,), (5,)])
    write(postgresql.url, "t", "append", {"id": INTEGER}, [(-3,)])
    postgresql.execute("INSERT INTO t (name) VALUES ('next')")
    assert postgresql.value("SELECT id FROM t WHERE name = 'next'") == -8


def test_a_text_that_is_made_of_a_sequence_takes_any_text(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE SEQUENCE s",
        "CREATE TABLE t (code text PRIMARY KEY DEFAULT 'A' || nextval('s'))",
        "ALTER SEQUENCE s OWNED BY t.code",
    )
    write(postgresql.url, "t", "append", {"code": TEXT}, [("A9",), ("10",)])
    assert postgresql.rows("SELECT code FROM t ORDER BY 1") == [("10",), ("A9",)]


def test_ids_that_are_not_given_are_counted(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, name text)")
    write(postgresql.url, "t", "append", {"name": TEXT}, [("a",), ("b",)])
    assert postgresql.rows("SELECT id, name FROM t ORDER BY id") == [(1, "a"), (2, "b")]


@pytest.mark.parametrize(
    "column",
    ["id integer GENERATED ALWAYS AS IDENTITY", "id integer GENERATED ALWAYS AS (1) STORED"],
)
def test_columns_that_are_always_generated_are_not_given(postgresql: Database, column: str) -> None:
    postgresql.execute(f"CREATE TABLE t ({column}, name text)")
    with pytest.raises(ProgramError, match="the column id of t is GENERATED ALWAYS"):
        write(postgresql.url, "t", "append", {"id": INTEGER, "name": TEXT}, [])


def test_a_column_that_must_be_given_is_missed_before_any_row(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (a integer NOT NULL, b integer)")
    with pytest.raises(ProgramError, match="the column a of t is NOT NULL and has no default"):
        write(postgresql.url, "t", "append", {"b": INTEGER}, [])


# ---------------------------------------------------------------- replace

OWN = """
    SELECT
        (SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass),
        (SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass AND NOT tgisinternal),
        (SELECT count(*) FROM pg_constraint WHERE conrelid = 't'::regclass),
        has_table_privilege('pg_monitor', 't', 'SELECT'),
        (SELECT column_default FROM information_schema.columns WHERE table_name = 't' AND column_name = 'b'),
        obj_description('t'::regclass)
"""


def make_rich_table(database: Database) -> None:
    database.execute(
        "CREATE TABLE t (a integer PRIMARY KEY, b text DEFAULT 'd' CHECK (b <> ''))",
        "CREATE INDEX ON t (b)",
        "GRANT SELECT ON t TO pg_monitor",
        "COMMENT ON TABLE t IS 'mine'",
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.b := upper(NEW.b); RETURN NEW; END'",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()",
        "CREATE VIEW v AS SELECT * FROM t",
        "INSERT INTO t VALUES (1, 'old')",
    )


@pytest.mark.parametrize("new_column", [False, True])
def test_replace_keeps_what_the_table_has(postgresql: Database, new_column: bool) -> None:
    make_rich_table(postgresql)
    before = postgresql.rows(OWN)
    columns: dict[str, Type] = {"a": INTEGER, "b": TEXT} | (
        {"New": decimal(5, 2)} if new_column else {}
    )
    row = (1, "new", Decimal("1.25"))[: len(columns)]
    write(postgresql.url, "t", "replace", columns, [row])
    assert postgresql.rows(OWN) == before
    assert postgresql.rows("SELECT * FROM t") == [(1, "NEW", *row[2:])]
    assert postgresql.rows("SELECT * FROM v") == [(1, "NEW")]
    write(postgresql.url, "t", "replace", {"a": INTEGER}, [(5,)])
    assert postgresql.rows("SELECT a, b FROM t") == [(5, "D")]


def test_a_replace_that_fails_leaves_all_as_it_was(postgresql: Database) -> None:
    make_rich_table(postgresql)
    for columns in ({"a": INTEGER}, {"a": INTEGER, "c": INTEGER}):
        row = (5, 6)[: len(columns)]
        with writing(postgresql.url, "t", "replace", **columns) as writer:
            writer.write(rows_of(columns, [row]))
            assert postgresql.rows("SELECT * FROM t") == [(1, "OLD")]
            writer.finish()
        assert postgresql.rows("SELECT * FROM t") == [(1, "OLD")]


@pytest.mark.parametrize("columns", [{"v": INTEGER}, {"v": INTEGER, "new": INTEGER}])
@pytest.mark.parametrize(
    "keeping",
    [
        'CREATE RULE r AS ON DELETE TO "it\'s" DO INSTEAD UPDATE "it\'s" SET gone = true WHERE v = OLD.v',
        'CREATE TRIGGER tr BEFORE DELETE ON "it\'s" FOR EACH ROW EXECUTE FUNCTION keep()',
    ],
)
def test_replace_fails_where_rows_of_before_would_stay(
    postgresql: Database, keeping: str, columns: dict[str, Type]
) -> None:
    postgresql.execute(
        'CREATE TABLE "it\'s" (v integer, gone boolean DEFAULT false)',
        'INSERT INTO "it\'s" VALUES (1)',
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        keeping,
    )
    said = "a trigger, a rule or a policy of it's keeps rows"
    with pytest.raises((TargetFailed, psycopg.Error), match=said):
        write(postgresql.url, "it's", "replace", columns, [(2,) * len(columns)])
    assert postgresql.rows('SELECT * FROM "it\'s"') == [(1, False)]
    postgresql.execute('DROP TRIGGER IF EXISTS tr ON "it\'s"', 'DROP RULE IF EXISTS r ON "it\'s"')
    write(postgresql.url, "it's", "replace", columns, [(2,) * len(columns)])
    assert postgresql.rows('SELECT v FROM "it\'s"') == [(2,)]


KEEPING = "CREATE TRIGGER kept {} DELETE ON {} FOR EACH ROW EXECUTE FUNCTION keep()"
PUTTING = "CREATE TRIGGER put INSTEAD OF INSERT ON t FOR EACH ROW EXECUTE FUNCTION put()"


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(
            ["CREATE VIEW t AS SELECT v FROM below", PUTTING, KEEPING.format("INSTEAD OF", "t")],
            id="a view's",
        ),
        pytest.param(
            ["CREATE VIEW t AS SELECT v FROM below", PUTTING, KEEPING.format("BEFORE", "below")],
            id="of the table behind a view",
        ),
        pytest.param(
            [
                "CREATE TABLE t (v integer) PARTITION BY LIST (v)",
                "CREATE TABLE part PARTITION OF t DEFAULT",
                "INSERT INTO t VALUES (1)",
                KEEPING.format("BEFORE", "part"),
            ],
            id="of a partition",
        ),
    ],
)
def test_replace_fails_where_another_ones_trigger_keeps_rows(
    postgresql: Database, made: list[str]
) -> None:
    """The run completed, and the rows of before stood beside the new ones."""
    postgresql.execute(
        "CREATE TABLE below (v integer)",
        "INSERT INTO below VALUES (1)",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "CREATE FUNCTION put() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO below VALUES (NEW.v); RETURN NEW; END'",
        *made,
    )
    with pytest.raises(
        TargetFailed, match=r"a trigger, a rule or a policy of t keeps rows.*adds rows meanwhile"
    ):
        write(postgresql.url, "t", "replace", {"v": INTEGER}, [(2,)])
    assert postgresql.rows("SELECT v FROM t") == [(1,)]


def test_replace_fails_where_a_policy_keeps_rows(postgresql: Database) -> None:
    role = f"role_{postgresql.name}"
    postgresql.execute(
        "CREATE TABLE t (v integer)",
        "INSERT INTO t VALUES (1), (2)",
        "CREATE POLICY reads ON t USING (true)",
        "CREATE POLICY deletes ON t AS RESTRICTIVE FOR DELETE USING (v = 1)",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE t FORCE ROW LEVEL SECURITY",
        f"CREATE ROLE {role}",
        f"GRANT ALL ON SCHEMA public TO {role}",
        f"ALTER TABLE t OWNER TO {role}",
    )
    url = f"{postgresql.url}?options=-c role={role}"
    try:
        with pytest.raises(
            psycopg.Error,
            match=r"a trigger, a rule or a policy of t keeps rows.*adds rows meanwhile",
        ):
            write(url, "t", "replace", {"v": INTEGER, "new": INTEGER}, [(3, 3)])
        with pytest.raises(ProgramError, match=r"on for t.* mode with a key, or a user who has BY"):
            write(url, "t", "append", {"v": INTEGER}, [])
        postgresql.execute(
            "ALTER TABLE t OWNER TO CURRENT_USER", "ALTER TABLE t NO FORCE ROW LEVEL SECURITY"
        )
        with pytest.raises(ProgramError, match="a key, or a user who owns it or has BYPASSRLS"):
            write(url, "t", "append", {"v": INTEGER}, [])
        assert postgresql.rows("SELECT v FROM t ORDER BY v") == [(1,), (2,)]
    finally:
        postgresql.execute("DROP TABLE t", f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_rows_that_a_trigger_keeps_out_are_told_where_replace_adds_a_column(
    postgresql: Database,
) -> None:
    postgresql.execute(
        "CREATE TABLE t (v integer)",
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.v = 2 THEN RETURN NULL; END IF; RETURN NEW; END'",
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION keep()",
    )
    columns = {"v": INTEGER, "new": INTEGER}
    with writing(postgresql.url, "t", "replace", **columns) as writer:
        writer.write(rows_of(columns, [(1, 1), (2, 2)]))
        writer.finish()
        assert writer.told().startswith("2 rows written: the table took 1, a trigger keeps")


def test_a_trigger_that_only_looks_at_what_replace_deletes_does_not_stop_it(
    postgresql: Database,
) -> None:
    postgresql.execute(
        "CREATE TABLE t (v integer)",
        "INSERT INTO t VALUES (1)",
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
        "CREATE TRIGGER tr BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION see()",
    )
    write(postgresql.url, "t", "replace", {"v": INTEGER}, [(2,)])
    assert postgresql.rows("SELECT v FROM t") == [(2,)]


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("tables", [["t", "t"], ["t", "part"], ["part", "t"]], ids="-".join)
def test_of_two_runs_that_replace_a_table_at_once_the_rows_of_the_last_one_stand(
    postgresql: Database, before: int, tables: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of both stood together: the second DELETE did not see what the first run had added."""
    of_each_run = "SELECT current_setting('application_name')"  # two outputs of one are refused
    monkeypatch.setattr("program_lib.databases.postgresql.transaction.WHICH_DATABASE", of_each_run)
    postgresql.execute(
        "CREATE TABLE t (k bigint) PARTITION BY LIST (k)",
        "CREATE TABLE part PARTITION OF t DEFAULT",
        f"INSERT INTO t SELECT 0 FROM generate_series(1, {before})",
    )
    name = "?application_name={}".format  # or they would share a transaction

    def second() -> None:
        with writing(postgresql.url + name("second"), tables[1], "replace", k=INTEGER) as writer:
            writer.write(rows_of({"k": INTEGER}, [(2,)]))
            writer.finish()
            writer.commit()

    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = 'second' AND wait_event_type = 'Lock'"
    )
    with (
        ThreadPoolExecutor(1) as thread,
        writing(postgresql.url + name("first"), tables[0], "replace", k=INTEGER) as writer,
    ):
        writer.write(rows_of({"k": INTEGER}, [(1,)]))
        other = thread.submit(second)
        eventually(lambda: other.done() or postgresql.value(waiting) == 1)
        writer.finish()
        writer.commit()
        other.result(30)
    assert postgresql.rows("SELECT k FROM t") == [(2,)]


def test_replace_without_rows_empties_the_table(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)")
    write(postgresql.url, "t", "replace", {"a": INTEGER}, [])
    assert postgresql.rows("SELECT * FROM t") == []


def test_other_tables_with_helpful_names_are_untouched(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE TABLE orders (a integer)",
        "CREATE TABLE orders__new (precious text)",
        "INSERT INTO orders__new VALUES ('x')",
    )
    write(postgresql.url, "orders", "replace", {"a": INTEGER, "b": INTEGER}, [(1, 2)])
    assert postgresql.rows("SELECT * FROM orders__new") == [("x",)]
    assert postgresql.rows("SELECT * FROM orders") == [(1, 2)]


@pytest.mark.parametrize("action", ["CASCADE", "SET NULL", "SET DEFAULT"])
def test_replace_does_not_reach_into_other_tables(postgresql: Database, action: str) -> None:
    postgresql.execute(
        "CREATE TABLE t (a integer PRIMARY KEY)",
        f"CREATE TABLE child (a integer REFERENCES t ON DELETE {action})",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO child VALUES (1)",
    )
    with pytest.raises(ProgramError, match="would delete rows or values of child"):
        write(postgresql.url, "t", "replace", {"a": INTEGER}, [(1,)])
    assert postgresql.rows("SELECT * FROM child") == [(1,)]


@pytest.mark.parametrize("new", [{}, {"b": INTEGER}], ids=["", "a new column"])
def test_replace_takes_no_rows_along_that_came_to_refer_to_it_meanwhile(
    postgresql: Database, new: dict[str, Type]
) -> None:
    """It is told before the first row, where the rows do not wait beside the table for a new column."""
    columns = {"a": INTEGER, **new}
    postgresql.execute(
        "CREATE TABLE t (a integer PRIMARY KEY)",
        "CREATE TABLE child (a integer)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO child VALUES (1)",
    )
    with writing(postgresql.url, "t", "replace", **columns) as writer:
        postgresql.execute("ALTER TABLE child ADD FOREIGN KEY (a) REFERENCES t ON DELETE CASCADE")
        with pytest.raises(ProgramError, match="would delete rows or values of child") as refused:
            writer.write(rows_of(columns, [(2, 3)[: len(columns)]]))
            writer.finish()
        assert isinstance(refused.value, TargetFailed) != bool(new)
    assert postgresql.rows("SELECT * FROM child") == [(1,)]


def test_what_inherits_after_a_replace_has_deleted_has_lost_nothing(postgresql: Database) -> None:
    """The run failed at its end: such a table “would lose its rows, too”."""
    postgresql.execute("CREATE TABLE t (a integer)")
    with writing(postgresql.url, "t", "replace", a=INTEGER) as writer:
        writer.write(rows_of({"a": INTEGER}, [(2,)]))
        postgresql.execute("CREATE TABLE heir () INHERITS (t)", "INSERT INTO heir VALUES (9)")
        writer.finish()
        writer.commit()
    assert postgresql.rows("SELECT a FROM t ORDER BY a") == [(2,), (9,)]


def test_replace_of_rows_that_others_need_fails_with_the_databases_words(
    postgresql: Database,
) -> None:
    postgresql.execute(
        "CREATE TABLE t (a integer PRIMARY KEY)",
        "CREATE TABLE child (a integer REFERENCES t)",
        "INSERT INTO t VALUES (1)",
        "INSERT INTO child VALUES (1)",
    )
    with pytest.raises(TargetFailed, match="still referenced"):
        write(postgresql.url, "t", "replace", {"a": INTEGER}, [(1,)])
    postgresql.execute(
        "ALTER TABLE child ALTER CONSTRAINT child_a_fkey DEFERRABLE INITIALLY DEFERRED"
    )
    write(postgresql.url, "t", "replace", {"a": INTEGER}, [(1,), (2,)])
    assert postgresql.rows("SELECT * FROM t") == [(1,), (2,)]


def test_replace_leaves_the_rows_of_heirs_and_goes_through_partitions(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "CREATE TABLE heir () INHERITS (t)")
    with pytest.raises(ProgramError, match="other tables inherit from t"):
        write(postgresql.url, "t", "replace", {"a": INTEGER}, [(1,)])
    postgresql.execute(
        "CREATE TABLE p (a integer) PARTITION BY RANGE (a)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "INSERT INTO p VALUES (1)",
    )
    write(postgresql.url, "p", "replace", {"a": INTEGER}, [(2,), (3,)])
    assert postgresql.rows("SELECT a FROM p1 ORDER BY a") == [(2,), (3,)]
    assert refused_write(postgresql, "p", {"a": INTEGER}, [(5,), (50,)]).index == 1


@pytest.mark.parametrize("new_column", [False, True])
def test_a_table_is_read_and_replaced_by_one_program(
    postgresql: Database, new_column: bool
) -> None:
    postgresql.execute(
        "CREATE TABLE t (a integer)", "INSERT INTO t SELECT * FROM generate_series(1, 120000)"
    )
    more = ", a * 2 AS b" if new_column else ""
    query = f"SELECT a + 1 AS a{more} FROM t"
    assert move(postgresql.url, postgresql.url, "t", "replace", query=query) == 120_000
    assert postgresql.rows("SELECT min(a), max(a), count(*) FROM t") == [(2, 120_001, 120_000)]


# ---------------------------------------------------------------- transactions


def test_all_writers_into_one_database_commit_together(postgresql: Database) -> None:
    first, second = (write_rows(postgresql.url, name, "create") for name in ("one", "two"))
    schema = Schema([Column("a", INTEGER)])
    for writer in (first, second):
        writer.start(say)
        writer.open(schema)
        writer.write(rows_of({"a": INTEGER}, [(1,)]))
    assert first.turn == second.turn
    for writer in (first, second):
        writer.finish()
    first.commit()
    second.commit()
    assert postgresql.rows("SELECT one.a, two.a FROM one, two") == [(1, 1)]
    for writer in (first, second, first):
        writer.undo()


def test_a_deferred_constraint_is_checked_before_any_commit(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE TABLE parent (a integer PRIMARY KEY)",
        "CREATE TABLE t (a integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    )
    with writing(postgresql.url, "t", "append", a=INTEGER) as writer:
        writer.write(rows_of({"a": INTEGER}, [(1,)]))
        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="violates foreign key"):
            writer.finish()
    assert postgresql.rows("SELECT * FROM t") == []


def expect_one_table(url: str, *names: str) -> None:
    """Of two outputs none may replace what the other one appends to, in whichever order they begin."""
    for first, second in itertools.permutations(names, 2):
        with (
            writing(url, first, "append", a=INTEGER),
            pytest.raises(ProgramError, match=f"another node writes .* the table {second}"),
            writing(url, second, "replace", a=INTEGER),
        ):
            pass


def test_a_table_and_its_partition_are_one_table_for_two_outputs(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE TABLE p (a integer) PARTITION BY RANGE (a)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20)",
    )
    expect_one_table(postgresql.url, "p", "p1")
    with (
        writing(postgresql.url, "p1", "append", a=INTEGER),
        writing(postgresql.url, "p2", "replace", a=INTEGER),
    ):
        pass


def test_a_table_of_partitions_of_partitions_is_looked_at_without_a_lock(
    postgresql: Database,
) -> None:
    """Whoever drops an old partition at night would wait for the run, and all others for him."""
    postgresql.execute(
        "CREATE TABLE p (a integer) PARTITION BY RANGE (a)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (a)",
        "CREATE TABLE p11 PARTITION OF p1 FOR VALUES FROM (0) TO (5)",
    )
    locks = "SELECT count(*) FROM pg_locks WHERE relation IN ('p'::regclass, 'p11'::regclass) AND pid <> pg_backend_pid()"
    with writing(postgresql.url, "p1", "append", a=INTEGER):
        assert postgresql.rows(locks) == [(0,)]
    expect_one_table(postgresql.url, "p", "p11")


@pytest.mark.parametrize("mode", ["append", "replace"])
def test_parents_may_come_after_children(postgresql: Database, mode: str) -> None:
    """Replaced with a new column, their rows wait beside the table for the end."""
    postgresql.execute(
        "CREATE TABLE parent (a integer PRIMARY KEY)",
        "CREATE TABLE t (a integer REFERENCES parent DEFERRABLE INITIALLY DEFERRED)",
    )
    parents = {"a": INTEGER, "b": INTEGER} if mode == "replace" else {"a": INTEGER}
    with (
        writing(postgresql.url, "t", "append", a=INTEGER) as children_writer,
        writing(postgresql.url, "parent", mode, **parents) as parents_writer,
    ):
        children_writer.write(rows_of({"a": INTEGER}, [(1,)]))
        parents_writer.write(rows_of(parents, [(1,) * len(parents)]))
        for writer in (children_writer, parents_writer):
            writer.finish()
        for writer in (children_writer, parents_writer):
            writer.commit()
    assert postgresql.rows("SELECT a FROM t") == [(1,)]


def test_before_the_first_row_nobody_waits_for_a_writer(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)")
    with writing(postgresql.url, "t", "replace", a=INTEGER) as writer:
        postgresql.execute(
            "SET lock_timeout = '100ms'", "UPDATE t SET a = 2", "INSERT INTO t VALUES (3)"
        )
        writer.write(rows_of({"a": INTEGER}, [(9,)]))
        writer.finish()
        writer.commit()
    assert postgresql.rows("SELECT a FROM t") == [(9,)]


# ---------------------------------------------------------------- faults


def end_sessions(database: Database) -> None:
    """As an operator does who ends all other sessions of the database."""
    database.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    eventually(lambda: database.value(query) == 1, what="all other sessions are gone")


def test_a_connection_that_is_ended_while_writing_is_told_and_nothing_stays(
    postgresql: Database,
) -> None:
    postgresql.execute("CREATE TABLE t (a integer)", "INSERT INTO t VALUES (1)")
    columns = {"a": INTEGER}
    with writing(postgresql.url, "t", "replace", **columns) as writer:
        writer.write(rows_of(columns, [(2,)]))
        end_sessions(postgresql)
        with pytest.raises(
            psycopg.OperationalError, match=r"terminating connection|closed"
        ) as first:
            writer.write(rows_of(columns, [(3,)]))
        with pytest.raises(psycopg.OperationalError) as second:  # no other row may follow
            writer.write(rows_of(columns, [(4,)]))
        assert str(second.value) == str(first.value)
        with pytest.raises(psycopg.OperationalError):
            writer.finish()
        with pytest.raises(psycopg.OperationalError):
            writer.commit()
    assert postgresql.rows("SELECT a FROM t") == [(1,)]


def test_a_session_that_ends_at_a_row_does_not_refuse_it(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows before it were tried for ever: no statement was sent, and the same row was refused again."""
    shutdown = psycopg.errors.AdminShutdown  # as if it were one that rows have, too
    monkeypatch.setattr("program_lib.databases.postgresql.refusals.OF_A_ROW", shutdown)
    postgresql.execute(
        "CREATE TABLE t (a integer)",
        "CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.a = 3 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NEW; END $$",
        "CREATE TRIGGER stop BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION stop()",
    )
    with writing(postgresql.url, "t", "append", a=INTEGER) as writer:
        for rows in ([(2,), (3,)], [(2,)]):
            with pytest.raises(TargetFailed, match="terminating connection"):
                writer.write(rows_of({"a": INTEGER}, rows))


def test_a_connection_that_is_ended_while_reading_is_told(postgresql: Database) -> None:
    from program_lib.databases import read_rows

    reader = read_rows(
        postgresql.url, "SELECT i, repeat('x', 1000) AS t FROM generate_series(1, 200000) i"
    )
    reader.open()
    batches = reader.batches()
    next(batches)
    end_sessions(postgresql)
    with pytest.raises(psycopg.OperationalError, match=r"terminating connection|closed"):
        list(batches)
    reader.close()


def test_a_statement_timeout_is_told_in_the_databases_words(postgresql: Database) -> None:
    url = postgresql.url + "?options=-c%20statement_timeout%3D300"
    with pytest.raises(
        psycopg.errors.QueryCanceled, match="canceling statement due to statement timeout"
    ):
        read(url, "SELECT count(*) AS n FROM generate_series(1, 1000000000)")
    postgresql.execute("CREATE TABLE t (a integer)")
    with writing(url, "t", "append", a=INTEGER) as writer, postgresql.connect() as other:
        other.execute("BEGIN; LOCK TABLE t IN EXCLUSIVE MODE")
        with pytest.raises(psycopg.errors.QueryCanceled):
            writer.write(rows_of({"a": INTEGER}, [(1,)]))
        other.execute("ROLLBACK")


def test_a_server_that_is_not_there_is_told_without_the_password(postgresql: Database) -> None:
    from hosting.trial.ports import free_port

    url = postgresql.url.replace(f":{postgresql.port}/", f":{free_port()}/")
    with pytest.raises(psycopg.OperationalError, match="Connection refused") as refused:
        read(url, "SELECT 1")
    assert "hush" not in str(refused.value)


def test_a_million_characters_and_many_columns_go_through(postgresql: Database) -> None:
    columns = {f"c{i}": TEXT for i in range(1_600)}
    row = tuple("xyz" for _ in columns)
    write(postgresql.url, "wide", "create", columns, [row, row])
    assert read(postgresql.url, table="wide").num_columns == 1_600
    write(postgresql.url, "long", "create", {"t": TEXT}, [("é" * 10_000_000,)])
    assert postgresql.value("SELECT length(t) FROM long") == 10_000_000
    assert len(read(postgresql.url, table="long")["t"][0].as_py()) == 10_000_000


def test_two_outputs_of_one_table_do_not_wait_for_each_other_for_ever(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two URLs they have two transactions, and two rows of one key: the second waited until the first would commit."""
    monkeypatch.setattr("program_lib.databases.postgresql.transaction.PATIENCE", "50ms")
    postgresql.execute("CREATE TABLE t (k bigint PRIMARY KEY)")
    schema, rows = Schema([Column("k", INTEGER)]), rows_of({"k": INTEGER}, [(1,)])
    with ExitStack() as stack:
        first, second = (
            write_rows(f"{postgresql.url}?application_name={name}", "t", "append")
            for name in ("first", "second")
        )
        for writer in first, second:
            stack.callback(writer.undo)
            writer.start(say)
            writer.open(schema)
        second.write(rows)  # the one that comes first is bound, too
        with pytest.raises(psycopg.errors.LockNotAvailable, match="lock timeout"):
            first.write(rows)


def test_an_output_does_not_wait_for_ever_for_what_another_ones_rows_refer_to(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By two URLs they have two transactions: the run stood still, as one waited for the parents that the other replaces."""
    monkeypatch.setattr("program_lib.databases.postgresql.transaction.PATIENCE", "50ms")
    postgresql.execute(
        "CREATE TABLE parent (k bigint PRIMARY KEY)",
        "INSERT INTO parent VALUES (1)",
        "CREATE TABLE child (k bigint REFERENCES parent)",
    )
    schema, rows = Schema([Column("k", INTEGER)]), rows_of({"k": INTEGER}, [(1,)])
    with ExitStack() as stack:
        parents = write_rows(f"{postgresql.url}?application_name=other", "parent", "replace")
        children = write_rows(postgresql.url, "child", "append")
        for writer in parents, children:
            stack.callback(writer.undo)
            writer.start(say)
            writer.open(schema)
        parents.write(rows)
        with pytest.raises(psycopg.errors.LockNotAvailable, match="lock timeout"):
            children.write(rows)
