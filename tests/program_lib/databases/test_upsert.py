"""What the modes with a key leave in PostgreSQL, MariaDB and SQLite: the same, but for what a database cannot tell."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from program_lib.databases import write_rows
from program_lib.databases.sqlite.writer import SqliteWriter
from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import Writer
from program_lib.types import (
    BOOLEAN,
    DATE,
    DOUBLE,
    INTEGER,
    NUMERIC,
    TEXT,
    Column,
    Schema,
    Type,
    decimal,
)
from tests.program_lib.moving import rows_of, say
from tests.servers.databases import Database

ITEM = {"id": INTEGER, "name": TEXT}
PRICED = {"id": INTEGER, "price": DOUBLE}
MODES = ("upsert", "update", "insert_or_ignore")


@dataclass(frozen=True)
class Sqlite:
    """A file that is asked as a Database is."""

    path: Path

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query).fetchall()


Target = Database | Sqlite


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if request.param == "sqlite":
        return Sqlite(tmp_path / "t.db")
    made: Database = request.getfixturevalue(request.param)
    return made


def _writer(target: Target, table: str, mode: str, key: list[str]) -> Writer:
    if isinstance(target, Sqlite):
        return SqliteWriter(target.path, table, mode, key)
    return write_rows(target.url, table, mode, key)


@contextmanager
def writing(
    target: Target, mode: str, key: list[str], columns: dict[str, Type], table: str = "t"
) -> Iterator[Writer]:
    writer = _writer(target, table, mode, key)
    try:
        writer.start(say)
        writer.open(Schema(Column(name, type_) for name, type_ in columns.items()))
        yield writer
    finally:
        writer.undo()


def write(
    target: Target,
    mode: str,
    key: list[str],
    columns: dict[str, Type],
    *batches: list[Any],
    table: str = "t",
) -> str:
    """What the writer tells of batches that are committed."""
    with writing(target, mode, key, columns, table) as writer:
        for rows in batches:
            writer.write(rows_of(columns, rows))
        writer.finish()
        writer.commit()
        return writer.told()


def items(target: Target) -> list[tuple[Any, ...]]:
    return target.rows("SELECT id, name FROM t ORDER BY id")


def make_items(target: Target) -> None:
    target.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20), note varchar(20) DEFAULT 'new')",
        "INSERT INTO t VALUES (1, 'one', 'kept'), (2, 'two', 'kept')",
    )


@pytest.mark.parametrize(
    ("mode", "told", "left"),
    [
        (
            "upsert",
            "5 rows written: 2 inserted, 3 updated",
            [(1, "one"), (2, "zwei"), (3, "trois"), (4, "vier")],
        ),
        ("update", "5 rows: 1 updated, 4 not there", [(1, "one"), (2, "zwei")]),
        (
            "insert_or_ignore",
            "5 rows: 2 inserted, 3 ignored",
            [(1, "one"), (2, "two"), (3, "drei"), (4, "vier")],
        ),
    ],
)
def test_rows_are_found_by_their_key_as_if_they_came_one_by_one(
    target: Target, mode: str, told: str, left: list[Any]
) -> None:
    make_items(target)
    batches = [(2, "zwei"), (3, "drei"), (3, "three")], [(3, "trois"), (4, "vier")]
    assert write(target, mode, ["ID"], ITEM, *batches) == told
    assert items(target) == left
    kept = target.rows("SELECT id FROM t WHERE note = 'kept' ORDER BY id")
    assert kept == [(1,), (2,)]  # a column that the rows have not


def test_of_equal_keys_in_one_batch_the_last_row_updates_and_each_counts(target: Target) -> None:
    make_items(target)
    rows = [(2, "a"), (1, "b"), (2, "c"), (9, "d"), (2, "e")]
    assert write(target, "update", ["id"], ITEM, rows) == "5 rows: 4 updated, 1 not there"
    assert items(target) == [(1, "b"), (2, "e")]


def test_what_is_equal_is_what_the_column_says(target: Target) -> None:
    """MariaDB takes a for A by default, others where the column says so."""
    if isinstance(target, Sqlite):
        collated = "varchar(20) COLLATE NOCASE"
    elif target.server.name == "mariadb":
        collated = "varchar(20)"
    else:
        target.execute(
            "CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"
        )
        collated = "varchar(20) COLLATE nocase"
    target.execute(
        f"CREATE TABLE t (code {collated} PRIMARY KEY, n int)", "INSERT INTO t VALUES ('a', 1)"
    )
    columns = {"code": TEXT, "n": INTEGER}
    rows = [("A", 2), ("b", 3), ("B", 4)]
    assert write(target, "upsert", ["code"], columns, rows) == (
        "3 rows written: 1 inserted, 2 updated"
    )
    assert [n for (n,) in target.rows("SELECT n FROM t ORDER BY n")] == [2, 4]
    spelt = target.rows("SELECT code FROM t ORDER BY n")
    assert spelt == [("a",), ("b",)]  # as they came first


@pytest.mark.parametrize(
    ("declared", "of", "there", "values"),
    [
        ("numeric(10,2)", decimal(10, 2), "1.50", [Decimal("1.50"), Decimal("2.00")]),
        ("varchar(9)", TEXT, "'07'", ["07", "7"]),
        ("date", DATE, "'2026-01-31'", [date(2026, 1, 31), date(2026, 2, 1)]),
        ("numeric(10,2)", TEXT, "1.50", ["1.5", "2"]),  # of another type
    ],
)
def test_keys_of_any_type_are_found(
    target: Target, declared: str, of: Type, there: str, values: list[Any]
) -> None:
    target.execute(
        f"CREATE TABLE t (k {declared} NOT NULL, n int, UNIQUE (k))",
        f"INSERT INTO t VALUES ({there}, 1)",
    )
    columns = {"k": of, "n": INTEGER}
    rows = [(values[0], 2), (values[1], 3), (values[1], 4)]
    for mode, said in (
        ("update", "3 rows: 1 updated, 2 not there"),
        ("upsert", "3 rows written: 1 inserted, 2 updated"),
        ("insert_or_ignore", "3 rows: 0 inserted, 3 ignored"),
    ):
        assert write(target, mode, ["k"], columns, rows) == said
    assert target.rows("SELECT n FROM t ORDER BY n") == [(2,), (4,)]


def test_a_key_of_two_columns_with_odd_names(target: Target) -> None:
    quote = "`" if isinstance(target, Database) and target.server.name == "mariadb" else '"'
    names = ["Order %s", "it's; DROP TABLE t --", "latest"]
    first, second, third = (f"{quote}{name}{quote}" for name in names)
    target.execute(
        f"CREATE TABLE t ({first} int, {second} varchar(9), {third} int, UNIQUE ({second}, {first}))",
        "INSERT INTO t VALUES (1, 'a', 1), (1, 'b', 2)",
    )
    columns = dict(zip(names, (INTEGER, TEXT, INTEGER), strict=True))
    rows = [(1, "b", 20), (2, "b", 30)]
    for mode, said in (
        ("update", "2 rows: 1 updated, 1 not there"),
        ("insert_or_ignore", "2 rows: 1 inserted, 1 ignored"),
        ("upsert", "2 rows written: 0 inserted, 2 updated"),
    ):
        assert write(target, mode, names[:2], columns, rows) == said
    assert target.rows(f"SELECT {third} FROM t ORDER BY 1") == [(1,), (20,), (30,)]


def test_another_unique_key_is_no_key(target: Target) -> None:
    """ON DUPLICATE KEY UPDATE would rename row 1, whose name is meant to be that of row 7."""
    target.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20) UNIQUE)",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    )
    for mode in ("upsert", "insert_or_ignore"):
        with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
            write(target, mode, ["id"], ITEM, [(7, "one")])
    with pytest.raises(Exception, match=r"(?i)duplicate|unique"):
        write(target, "update", ["id"], ITEM, [(2, "one")])
    assert items(target) == [(1, "one"), (2, "two")]
    assert write(target, "upsert", ["name"], ITEM, [(8, "two")]) == (
        "1 rows written: 0 inserted, 1 updated"
    )
    assert items(target) == [(1, "one"), (8, "two")]


def test_after_an_error_other_rows_count_and_what_failed_does_not(target: Target) -> None:
    target.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20), CHECK (name <> 'bad'))",
        "INSERT INTO t VALUES (1, 'one')",
    )
    with writing(target, "upsert", ["id"], ITEM) as writer:
        with pytest.raises(Exception, match=r"(?i)check|constraint"):
            writer.write(rows_of(ITEM, [(1, "eins"), (2, "bad")]))
        writer.write(rows_of(ITEM, [(1, "uno"), (3, "tre")]))
        writer.finish()
        writer.commit()
        assert writer.told() == "2 rows written: 1 inserted, 1 updated"
    assert items(target) == [(1, "uno"), (3, "tre")]


KEEP_OUT = {
    "postgresql": [
        "CREATE FUNCTION keep_out() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN IF NEW.id > 1 THEN RETURN NULL; END IF; RETURN NEW; END'",
        "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION keep_out()",
    ],
    "sqlite": [
        "CREATE TRIGGER g BEFORE INSERT ON t WHEN NEW.id > 1 BEGIN SELECT RAISE(IGNORE); END"
    ],
}


@pytest.mark.parametrize("mode", ["append", "replace"])
@pytest.mark.parametrize("kind", KEEP_OUT)
def test_rows_that_a_trigger_keeps_out_are_told(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, mode: str
) -> None:
    target: Target = (
        Sqlite(tmp_path / "t.db") if kind == "sqlite" else request.getfixturevalue(kind)
    )
    target.execute("CREATE TABLE t (id int, name varchar(20))", *KEEP_OUT[kind])
    rows = [[(1, "one"), (2, "two")], [(3, "three")]]
    assert write(target, mode, [], ITEM, *rows) == (
        "3 rows written: the table took 1, a trigger keeps the others out or puts them elsewhere"
    )
    assert items(target) == [(1, "one")]


def test_nothing_is_told_of_triggers_where_all_rows_are_taken(target: Target) -> None:
    target.execute("CREATE TABLE t (id int, name varchar(20))")
    assert write(target, "append", [], ITEM, [(1, "one"), (2, "two")], [(3, "three")]) == ""


def test_a_run_that_is_undone_leaves_everything_as_it_was(target: Target) -> None:
    make_items(target)
    with writing(target, "upsert", ["id"], ITEM) as writer:
        writer.write(rows_of(ITEM, [(1, "eins"), (3, "drei")]))
        writer.finish()
    assert items(target) == [(1, "one"), (2, "two")]


@pytest.mark.parametrize("mode", MODES)
def test_null_in_the_key_and_values_that_do_not_fit_are_refused_with_their_row(
    target: Target, mode: str
) -> None:
    target.execute("CREATE TABLE t (id int UNIQUE, price numeric(10,2))")
    target.execute("INSERT INTO t VALUES (1, 5), (NULL, 6)")
    with writing(target, mode, ["id"], PRICED) as writer:
        with pytest.raises(RowRefused, match="NULL stands in the key") as refused:
            writer.write(rows_of(PRICED, [(1, 7.0), (None, 8.0)]))
        assert (refused.value.index, refused.value.column) == (1, "id")
        with pytest.raises(RowRefused, match=r"19\.999.*nothing is rounded") as refused:
            writer.write(rows_of(PRICED, [(1, 7.0), (2, 19.999)]))
        assert refused.value.index == 1
    rows = target.rows("SELECT price FROM t ORDER BY price")
    assert [Decimal(price) for (price,) in rows] == [5, 6]


@pytest.mark.parametrize(
    ("mode", "key", "columns", "said"),
    [
        ("upsert", ["name"], ITEM, r"\(name\) is no unique key of the table t: .*\(a, b\) and \(id\)"),
        ("update", ["a"], {"a": INTEGER, "id": INTEGER}, r"\(a\) is no unique key"),
        ("insert_or_ignore", ["nam"], ITEM, "has no column nam; it has id, name, a, b"),
        ("upsert", ["a", "b"], ITEM, "the key of t is a, b, and the rows have no a, b"),
        ("upsert", ["id"], {"id": INTEGER}, "the rows have no columns beside the key"),
        ("update", ["id"], {"id": INTEGER}, "choose insert_or_ignore"),
        ("upsert", ["id"], {"id": INTEGER, "name": TEXT}, "NOT NULL"),
    ],
)  # fmt: skip
def test_a_key_is_checked_before_the_first_row(
    target: Target, mode: str, key: list[str], columns: dict[str, Type], said: str
) -> None:
    needed = "int NOT NULL" if said == "NOT NULL" else "int"
    target.execute(
        f"CREATE TABLE t (id int PRIMARY KEY, name varchar(20), a {needed}, b int, UNIQUE (a, b))"
    )
    with pytest.raises(ProgramError, match=said), writing(target, mode, key, columns):
        pass


def test_a_table_must_be_there_and_have_a_key(target: Target) -> None:
    with pytest.raises(ProgramError, match="there is no table t"):
        write(target, "upsert", ["id"], ITEM, [])
    target.execute("CREATE TABLE t (id int, name varchar(20))")
    with pytest.raises(ProgramError, match="it has none that a mode may use"):
        write(target, "upsert", ["id"], ITEM, [])


def test_update_needs_no_columns_but_those_that_it_changes(target: Target) -> None:
    target.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(20), needed int NOT NULL)",
        "INSERT INTO t VALUES (1, 'one', 1)",
    )
    assert write(target, "update", ["id"], ITEM, [(1, "eins")]) == "1 rows: 1 updated, 0 not there"
    assert target.rows("SELECT * FROM t") == [(1, "eins", 1)]


def test_a_value_that_is_there_already_counts_as_updated(target: Target) -> None:
    make_items(target)
    assert write(target, "update", ["id"], ITEM, [(1, "one")]) == "1 rows: 1 updated, 0 not there"
    assert write(target, "upsert", ["id"], ITEM, [(1, "one")]) == (
        "1 rows written: 0 inserted, 1 updated"
    )


def test_many_rows_at_once(target: Target) -> None:
    make_items(target)
    rows = [(i % 1500, str(i)) for i in range(2500)]
    assert write(target, "upsert", ["id"], ITEM, rows) == (
        "2,500 rows written: 1,498 inserted, 1,002 updated"
    )
    found = target.rows("SELECT name FROM t WHERE id IN (0, 999, 1000, 1499) ORDER BY id")
    assert found == [("1500",), ("2499",), ("1000",), ("1499",)]


# --- each database's own -------------------------------------------------------------------------


def test_ids_that_are_given_set_the_sequence_and_update_does_not_write_them(
    postgresql: Database,
) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, name text)",
        "CREATE TABLE always (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text)",
        "INSERT INTO always (name) VALUES ('one')",
    )
    write(postgresql, "upsert", ["id"], ITEM, [(7, "seven")])
    postgresql.execute("INSERT INTO t (name) VALUES ('eight')")
    assert items(postgresql) == [(7, "seven"), (8, "eight")]
    write(postgresql, "update", ["id"], ITEM, [(1, "eins")], table="always")
    assert postgresql.rows("SELECT * FROM always") == [(1, "eins")]
    with pytest.raises(ProgramError, match="GENERATED ALWAYS"):
        write(postgresql, "upsert", ["id"], ITEM, [(1, "uno")], table="always")


def test_only_keys_that_a_conflict_may_name_are_keys(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int UNIQUE DEFERRABLE, name text, a int)",
        "CREATE UNIQUE INDEX ON t (name) WHERE a > 1",
        "CREATE UNIQUE INDEX ON t (lower(name))",
        "CREATE UNIQUE INDEX ON t (a) INCLUDE (name)",
    )
    with pytest.raises(ProgramError, match=r"its unique keys are \(a\);"):
        write(postgresql, "upsert", ["id"], ITEM, [])


def test_a_key_may_be_an_index_that_another_system_names_otherwise(postgresql: Database) -> None:
    """As YugabyteDB does: it had no unique keys."""
    renamed = "UPDATE pg_am SET amname = '{}' WHERE amname = '{}'".format
    postgresql.execute(
        "CREATE TABLE t (id integer PRIMARY KEY, name text)", renamed("lsm", "btree")
    )
    try:
        write(postgresql, "upsert", ["id"], ITEM, [(1, "one")])
        write(postgresql, "upsert", ["id"], ITEM, [(1, "uno")])
        assert items(postgresql) == [(1, "uno")]
    finally:  # other tests get this database, too
        postgresql.execute(renamed("btree", "lsm"))


def test_a_key_is_compared_as_its_index_does_wherever_the_operator_lies(
    postgresql: Database,
) -> None:
    """`update` compared texts where the search_path lacks the schema of citext: rows were not found."""
    postgresql.execute(
        'CREATE SCHEMA "e xt"',
        'CREATE EXTENSION citext SCHEMA "e xt"',
        'CREATE TABLE t (k "e xt".citext, day date, v integer, PRIMARY KEY (day, k) INCLUDE (v))',
        "CREATE UNIQUE INDEX ON t (k text_ops) WHERE v < 0",  # is no key, and compares otherwise
        "INSERT INTO t VALUES ('Ab', '2026-11-30', 1)",
    )
    columns = {"k": TEXT, "day": DATE, "v": INTEGER}
    with writing(postgresql, "update", ["k", "day"], columns) as writer:
        writer.write(rows_of(columns, [("aB", date(2026, 11, 30), 7)]))
        assert writer.told() == "1 rows: 1 updated, 0 not there"


def test_rows_of_partitions_are_written_and_their_inserts_not_told(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name text) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE high PARTITION OF t FOR VALUES FROM (10) TO (20)",
        "INSERT INTO t VALUES (1, 'one')",
    )
    assert write(postgresql, "upsert", ["id"], ITEM, [(1, "eins"), (11, "elf")]) == ""
    assert items(postgresql) == [(1, "eins"), (11, "elf")]
    assert write(postgresql, "update", ["id"], ITEM, [(11, "onze"), (12, "x")]) == (
        "2 rows: 1 updated, 1 not there"
    )


def test_a_table_whose_heirs_have_keys_of_their_own_is_refused(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (id int PRIMARY KEY, name text)")
    postgresql.execute("CREATE TABLE heir () INHERITS (t)")
    with pytest.raises(ProgramError, match="other tables inherit from t"):
        write(postgresql, "upsert", ["id"], ITEM, [])


def test_rows_that_a_trigger_keeps_out_make_the_counts_unknown(postgresql: Database) -> None:
    postgresql.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name text)",
        "CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.name = 'skip' THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER s BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION skip()",
    )
    assert write(postgresql, "upsert", ["id"], ITEM, [(1, "one"), (2, "skip")]) == ""
    assert items(postgresql) == [(1, "one")]


def test_rows_that_a_trigger_of_sqlite_keeps_out_make_the_counts_unknown(tmp_path: Path) -> None:
    """They were told as updated, and were not there."""
    target = Sqlite(tmp_path / "t.db")
    target.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)",
        "INSERT INTO t VALUES (1, 'old')",
        "CREATE TRIGGER x BEFORE INSERT ON t WHEN NEW.id = 2 BEGIN SELECT RAISE(IGNORE); END",
    )
    assert write(target, "upsert", ["id"], ITEM, [(1, "new"), (2, "out"), (3, "new")]) == ""
    assert items(target) == [(1, "new"), (3, "new")]


def test_columns_that_set_themselves_do_so_for_rows_that_change(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, name varchar(20) UNIQUE, n int,"
        " changed timestamp NULL DEFAULT NULL ON UPDATE CURRENT_TIMESTAMP)",
        "INSERT INTO t (name, n) VALUES ('one', 1), ('two', 2)",
    )
    columns = {"name": TEXT, "n": INTEGER}
    rows = [("two", 20), ("three", 3), ("two", 22)]
    write(mariadb, "upsert", ["name"], columns, rows)
    found = mariadb.rows("SELECT id, name, n, changed IS NOT NULL FROM t ORDER BY id")
    assert found == [(1, "one", 1, 0), (2, "two", 22, 1), (3, "three", 3, 0)]


@pytest.mark.parametrize("mode", ["upsert", "update"])
def test_rows_that_are_not_found_stay_free_for_others(mariadb: Database, mode: str) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, name varchar(20))")
    values = ", ".join(f"({i}, 'x')" for i in range(1, 41))
    mariadb.execute(f"INSERT INTO t VALUES {values}")
    with writing(mariadb, mode, ["id"], ITEM) as writer:
        numbers = (*range(1, 21), *range(100, 3000))  # a batch that is larger than the table
        writer.write(rows_of(ITEM, [(i, "y") for i in numbers]))
        free = mariadb.rows("SELECT count(*) FROM t WHERE id BETWEEN 22 AND 39 FOR UPDATE NOWAIT")
        assert free == [(18,)]
        with pytest.raises(Exception, match="Lock wait timeout"):
            mariadb.rows("SELECT * FROM t WHERE id = 1 FOR UPDATE NOWAIT")


def test_the_row_of_a_statement_that_merges_is_none_of_the_batch(mariadb: Database) -> None:
    """Who catches the error looks for the row by halves; the server counts rows as it came by them."""
    make_items(mariadb)
    mariadb.execute(
        "CREATE TRIGGER s BEFORE INSERT ON t FOR EACH ROW"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more rows at row 9'"
    )
    with pytest.raises(ProgramError, match="no more rows") as refused:
        write(mariadb, "upsert", ["id"], ITEM, [(1, "eins"), (7, "sieben")])
    assert not isinstance(refused.value, RowRefused)


def test_tables_without_transactions_and_keys_of_parts_are_refused(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (id int PRIMARY KEY, name varchar(20)) ENGINE=MyISAM")
    with pytest.raises(ProgramError, match="takes nothing back"):
        write(mariadb, "upsert", ["id"], ITEM, [])
    mariadb.execute("CREATE TABLE parts (id int, name text, UNIQUE (name(3)))")
    with pytest.raises(ProgramError, match="it has none"):
        write(mariadb, "upsert", ["name"], ITEM, [], table="parts")


def test_the_modes_are_refused_where_no_statement_is_known_for_them() -> None:
    with pytest.raises(ProgramError, match=r"upsert writes into PostgreSQL, .* not into oracle"):
        write_rows("oracle://h/d", "t", "upsert", ["id"])


def test_a_column_whose_default_is_no_date_is_written_and_left_out(mariadb: Database) -> None:
    """Many old tables have it, and today's modes of the server do not take it."""
    mariadb.execute(
        "CREATE TABLE t (id int PRIMARY KEY, day date NOT NULL DEFAULT '0000-00-00')",
        "INSERT INTO t (id) VALUES (1)",
    )
    columns, day = {"id": INTEGER, "day": DATE}, date(2026, 7, 31)
    for mode, number in ("update", 1), ("upsert", 2), ("insert_or_ignore", 3):
        write(mariadb, mode, ["id"], columns, [(number, day)])
    write(mariadb, "insert_or_ignore", ["id"], {"id": INTEGER}, [(4,)])
    assert mariadb.rows("SELECT CAST(day AS CHAR) FROM t ORDER BY id") == [
        *[("2026-07-31",)] * 3,
        ("0000-00-00",),
    ]


@pytest.mark.parametrize(
    ("declared", "other", "ours"),
    [
        ("DATETIME", "2026-07-31 12:00:00", "2026-07-31 12:00:00.000000"),
        ("DATETIME", "2026-07-31T12:00:00.000000", "2026-07-31 12:00:00.000000"),
        ("DATETIME", "2026-07-31", "2026-07-31 00:00:00.000000"),
        ("TIMESTAMPTZ", "2026-07-31 12:00:00Z", "2026-07-31 12:00:00.000000+00:00"),
        ("TIMESTAMPTZ", "2026-07-31 14:00:00.000000+02:00", "2026-07-31 12:00:00.000000+00:00"),
        ("TIME", "12:00", "12:00:00.000000"),
        ("DATE", "2026-07-31 00:00:00", "2026-07-31"),
        ("DECIMAL_TEXT(20,2)", "1.5", "1.50"),
        ("DECIMAL_TEXT(20,2)", "1.500", "-0.50"),
        ("DECIMAL_TEXT(20,2)", "00.50", "0.50"),
        ("DECIMAL_TEXT(20,0)", "15.", "15"),
        ("DECIMAL_TEXT(20,0)", "+15", "0"),
        *(
            ("NUMERIC_TEXT", other, "15")
            for other in ("1.50", "15.", "+15", "-0", "007", "1e5", ".5", "0.0", " 7", "00.5")
        ),
        (
            "UUID",
            "123E4567-E89B-12D3-A456-426614174000",
            "123e4567-e89b-12d3-a456-426614174000",
        ),
    ],
)
def test_a_key_that_sqlite_holds_in_another_spelling_is_refused(
    tmp_path: Path, declared: str, other: str, ours: str
) -> None:
    """Such a row would not be found, and its twin be inserted beside it."""
    target = Sqlite(tmp_path / "t.db")
    columns = {"place": TEXT, "at": TEXT, "n": INTEGER}
    for there in (other, ours):
        target.execute(
            "DROP TABLE IF EXISTS t",
            f"CREATE TABLE t (place TEXT, at {declared}, n INTEGER, PRIMARY KEY (place, at))",
            f"INSERT INTO t VALUES ('a', '{ours}', 1), ('b', '{there}', 2)",
        )
        rows = [("b", ours, 7)]
        if there == ours:
            assert write(target, "upsert", ["place", "at"], columns, rows).endswith("1 updated")
            continue
        for mode in MODES:
            with pytest.raises(ProgramError, match="the key at of t holds ") as refused:
                write(target, mode, ["place", "at"], columns, rows)
            assert repr(other) in str(refused.value)


def test_a_boolean_key_that_sqlite_holds_as_a_text_is_refused(tmp_path: Path) -> None:
    target = Sqlite(tmp_path / "t.db")
    target.execute(
        "CREATE TABLE t (b BOOLEAN PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES ('true', 1)"
    )
    with pytest.raises(ProgramError, match="the key b of t holds 'true'"):
        write(target, "upsert", ["b"], {"b": BOOLEAN, "n": INTEGER}, [(True, 2)])


def test_a_json_key_whose_equal_values_are_other_texts_for_sqlite_is_refused(
    tmp_path: Path,
) -> None:
    target = Sqlite(tmp_path / "t.db")
    target.execute("CREATE TABLE t (k JSON_TEXT PRIMARY KEY, n INTEGER)")
    for mode in MODES:
        with pytest.raises(ProgramError, match="the key k of t is JSON_TEXT, which SQLite"):
            write(target, mode, ["k"], {"k": TEXT, "n": INTEGER}, [('{"a":1}', 1)])


LONG_ID = "123456789012345678901"
NUMBERED = {"k": NUMERIC, "n": INTEGER}


@pytest.mark.parametrize("id_", [LONG_ID, f"-{LONG_ID}", "0", "1.5", "-0.05", "10.5", "NaN"])
def test_a_numeric_key_that_has_one_spelling_is_found(tmp_path: Path, id_: str) -> None:
    target = Sqlite(tmp_path / "t.db")
    target.execute(
        "CREATE TABLE t (k NUMERIC_TEXT PRIMARY KEY, n INTEGER)",
        f"INSERT INTO t VALUES ('{id_}', 1)",
    )
    assert write(target, "upsert", ["k"], NUMBERED, [(id_, 2), (f"7{LONG_ID}", 3)]) == (
        "2 rows written: 1 inserted, 1 updated"
    )
    assert write(target, "update", ["k"], NUMBERED, [(id_, 4)]) == "1 rows: 1 updated, 0 not there"
    assert "1 ignored" in write(target, "insert_or_ignore", ["k"], NUMBERED, [(id_, 5)])
    assert target.rows("SELECT k, n FROM t ORDER BY n") == [(f"7{LONG_ID}", 3), (id_, 4)]


@pytest.mark.parametrize("id_", ["15.0", "1.50", "0.0", "-10.00"])
def test_a_row_whose_numeric_key_has_several_spellings_is_refused(tmp_path: Path, id_: str) -> None:
    target = Sqlite(tmp_path / "t.db")
    target.execute("CREATE TABLE t (k NUMERIC_TEXT PRIMARY KEY, n INTEGER)")
    for mode in MODES:
        said = f"{id_} stands in the key k, which is NUMERIC_TEXT: .*DECIMAL_TEXT"
        with pytest.raises(RowRefused, match=said) as refused:
            write(target, mode, ["k"], NUMBERED, [("15", 1), (id_, 2)])
        assert (refused.value.index, refused.value.column) == (1, "k")
    assert write(target, "append", [], NUMBERED, [(id_, 1)]) == ""


def test_a_decimal_finds_its_numeric_key_without_the_zeros_of_its_type(tmp_path: Path) -> None:
    """Each 5.00 of a decimal(10,2) was refused, of which nobody could leave out the zeros."""
    target = Sqlite(tmp_path / "t.db")
    target.execute(
        "CREATE TABLE t (k NUMERIC_TEXT PRIMARY KEY, n INTEGER)", "INSERT INTO t VALUES ('5', 0)"
    )
    columns = {"k": decimal(10, 2), "n": INTEGER}
    numbers = ["5.00", "100.00", "1.50", "0.00", "-0.05", "10.10"]
    given = [(Decimal(number), at) for at, number in enumerate(numbers, 1)]
    assert "5 inserted, 1 updated" in write(target, "upsert", ["k"], columns, given)
    assert "0 inserted, 6 updated" in write(target, "upsert", ["k"], columns, given)
    kept = ["5", "100", "1.5", "0", "-0.05", "10.1"]
    assert target.rows("SELECT k FROM t ORDER BY n") == [(number,) for number in kept]


def test_a_double_that_is_minus_nought_is_the_numeric_key_0(tmp_path: Path) -> None:
    target = Sqlite(tmp_path / "t.db")
    target.execute("CREATE TABLE t (k NUMERIC_TEXT PRIMARY KEY, n INTEGER)")
    columns = {"k": DOUBLE, "n": INTEGER}
    assert "2 inserted" in write(target, "upsert", ["k"], columns, [(15.0, 1), (0.0, 2)])
    assert "0 inserted, 1 updated" in write(target, "upsert", ["k"], columns, [(-0.0, 3)])
    assert target.rows("SELECT * FROM t ORDER BY n") == [("15", 1), ("0", 3)]
