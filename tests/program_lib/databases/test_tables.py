"""The tables of real databases with their columns, and that no password is told of one that cannot be asked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from program_lib.databases import tables
from program_lib.databases.tables import MOST_COLUMNS, MOST_TABLES, find_tables
from program_lib.editor.table_search import run_table_search
from program_lib.types import COLUMN_TYPES, Kind, Type, decimal, type_named
from tests.servers.databases import Database


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Database:
    made: Database = request.getfixturevalue(request.param)
    monkeypatch.setenv("CONNECTION_IT", made.url)
    return made


postgresql = pytest.mark.parametrize("named", ["postgresql"], indirect=True)
mariadb = pytest.mark.parametrize("named", ["mariadb"], indirect=True)
both = pytest.mark.parametrize("named", ["postgresql", "mariadb"], indirect=True)


def found() -> dict[str, list[tuple[str, str]]]:
    return {table.name: list(table.columns) for table in find_tables("IT")}


@postgresql
def test_of_postgresql_those_that_a_name_finds_come_first_and_others_with_their_schema(
    named: Database,
) -> None:
    named.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, amount numeric(10,2), gone int, at timestamptz, addr inet)",
        "ALTER TABLE orders DROP COLUMN gone",
        "CREATE VIEW a_view AS SELECT id AS number FROM orders",
        "CREATE SCHEMA far",
        'CREATE TABLE far.orders ("Odd ""one" text, note varchar(9))',
    )
    assert list(found()) == ["a_view", "orders", "far.orders"]
    assert found()["orders"] == [
        ("id", "integer"),
        ("amount", "decimal(10,2)"),
        ("at", "timestamptz"),
        ("addr", "inet"),
    ]
    assert found()["far.orders"] == [('Odd "one', "text"), ("note", "text")]


@mariadb
def test_of_mariadb_each_column_has_the_type_of_a_read(named: Database) -> None:
    named.execute(
        "CREATE TABLE orders (id int unsigned PRIMARY KEY, doc json, at datetime(6), kind enum('a','b'))",
        "CREATE VIEW a_view AS SELECT id AS number FROM orders",
    )
    assert found()["orders"] == [
        ("id", "integer"),
        ("doc", "json"),
        ("at", "timestamp"),
        ("kind", "text"),
    ]
    assert found()["a_view"] == [("number", "integer")]


@both
def test_another_kind_of_database_is_asked_by_sqlalchemy(named: Database) -> None:
    named.execute("CREATE TABLE orders (id integer, name varchar(20), price decimal(10,2))")
    [orders] = [one for one in tables._of_other(make_url(named.url)) if one.name == "orders"]
    assert orders.columns == [("id", "integer"), ("name", "text"), ("price", "decimal(10,2)")]


@both
def test_many_tables_and_wide_ones_are_cut(named: Database, tmp_path: Path) -> None:
    wide = ", ".join(f"c{number} int" for number in range(MOST_COLUMNS + 10))
    named.execute(f"CREATE TABLE a_wide ({wide})")
    named.execute(*(f"CREATE TABLE t{number:04} (a int)" for number in range(MOST_TABLES + 10)))
    several = find_tables("IT")
    assert len(several) == MOST_TABLES + 1
    assert len(several[0].columns) == MOST_COLUMNS


def test_of_sqlite_what_is_not_declared_has_no_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "a b.db")) as database, database:
        database.execute("CREATE TABLE t (a INTEGER, b, c DECIMAL(5,1))")
        database.execute("CREATE INDEX i ON t (a)")
    monkeypatch.setenv("CONNECTION_IT", f"sqlite:///{tmp_path}/a b.db")
    assert found() == {"t": [("a", "integer"), ("b", ""), ("c", "decimal(5,1)")]}


def test_a_password_is_no_part_of_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(
        "CONNECTION_IT", "postgresql://a:9c1hiddenword@127.0.0.1:9/x?password=also7hidden"
    )
    assert run_table_search("IT", seconds=20) == 1
    told = Path("preview.json").read_text()
    assert "message" in told
    assert "hidden" not in told


def test_the_text_of_a_type_makes_the_type_again() -> None:
    plain = [Type(kind) for kind in Kind if kind is not Kind.DECIMAL]
    for of in (*plain, *COLUMN_TYPES.values(), decimal(10, 2), decimal(38, 0)):
        assert type_named(str(of)) == of
    assert str(type_named("int4range")) == "int4range"
    assert type_named("int4range").kind is Kind.OTHER
