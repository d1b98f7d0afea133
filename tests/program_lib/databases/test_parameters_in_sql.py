"""Parameters in the SQL of inputs: bound by each database, whatever they hold; and where :name is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from program_lib.databases import write_rows
from program_lib.errors import ProgramError
from program_lib.parameters.placeholders import MYSQL, POSTGRESQL, SQLITE, placeholders
from program_lib.types import INTEGER, Column, Schema
from tests.program_lib.databases.test_upsert import Sqlite, Target
from tests.program_lib.given import given
from tests.program_lib.moving import read, rows_of, say
from tests.servers.databases import Database

ATTACKS = (
    "' OR '1'='1",
    "x'); DROP TABLE orders; --",
    "\\' OR 1=1 -- ",
    '" OR ""="',
    "%s {n} :day ? $1 @x",
    "Zoë 😀 \u202e",
    "line\nbreak\\",
    "",
)


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def shop(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr("program_lib.databases.connections.data_file", Path)  # any is data here
    is_sqlite = request.param == "sqlite"
    made: Target = (
        Sqlite(tmp_path / "t.db") if is_sqlite else request.getfixturevalue(request.param)
    )
    made.execute(
        "CREATE TABLE orders (id bigint PRIMARY KEY, day date, amount decimal(10,2), name varchar(80))",
        "INSERT INTO orders VALUES (1, '2026-11-27', 5.50, 'x'), (2, '2026-11-28', 7.25, 'Zoë'),"
        " (9007199254740993, NULL, 1, 'it''s'), (4, NULL, NULL, NULL)",
    )
    return made


def url(shop: Target) -> str:
    return f"sqlite:///{shop.path}" if isinstance(shop, Sqlite) else shop.url


def column(shop: Target, query: str) -> list[Any]:
    table = read(url(shop), query)
    return list(table.column(0).to_pylist())


def test_a_value_of_each_type_finds_its_rows(shop: Target) -> None:
    with given(day="2026-11-27", n="7.25", name="Zoë", country="FR"):
        assert column(shop, "SELECT id FROM orders WHERE day = :day") == [1]
        assert column(shop, "SELECT id FROM orders WHERE amount = :n;") == [2]
        assert column(shop, "SELECT id FROM orders WHERE name=:name -- :nobody\n") == [2]
        assert column(shop, "SELECT id FROM orders WHERE :country = 'FR' AND id < 3") == [1, 2]
        twice = "SELECT id FROM orders WHERE day = :day OR (amount >= :n AND day <> :day)"
        assert sorted(column(shop, twice)) == [1, 2]
    with given(n="9007199254740993", day="0001-01-01"):
        assert column(shop, "SELECT id FROM orders WHERE id = :n") == [9007199254740993]
        assert column(shop, "SELECT count(*) AS c FROM orders WHERE day > :day") == [2]


def test_a_parameter_without_a_value_is_null(shop: Target) -> None:
    with given():
        of = {"day": "day", "n": "amount", "name": "name", "country": "name"}
        for name, compared in of.items():
            assert column(shop, f"SELECT id FROM orders WHERE {compared} = :{name}") == []
            assert len(column(shop, f"SELECT id FROM orders WHERE :{name} IS NULL")) == 4


def test_what_an_attacker_writes_is_compared_and_nothing_else(shop: Target) -> None:
    for text in ATTACKS:
        with given(name=text):
            assert column(shop, "SELECT id FROM orders WHERE name = :name") == []
            same = "SELECT CAST(:name AS char(99)) AS c FROM orders WHERE id = 1"
            assert [told.rstrip() for told in column(shop, same)] == [text.rstrip()]
    assert shop.rows("SELECT count(*) FROM orders")[0][0] == 4


def test_a_name_that_is_no_parameter_is_refused_before_a_row_is_read(shop: Target) -> None:
    with (
        given(day="2026-11-27"),
        pytest.raises(ProgramError, match="the SQL names :dya, and there is no such parameter"),
    ):
        read(url(shop), "SELECT id FROM orders WHERE day = :dya")


def test_a_computed_column_has_the_type_of_the_value(shop: Target) -> None:
    with given(day="2026-02-28", n="12345678901234567890.5", name="a"):
        query = "SELECT CAST(:day AS char(10)) AS d, :name AS t FROM orders WHERE id = 1"
        assert read(url(shop), query).to_pylist() == [{"d": "2026-02-28", "t": "a"}]
        if isinstance(shop, Sqlite):
            with pytest.raises(ProgramError, match="SQLite has no exact number for"):
                read(url(shop), "SELECT :n AS n")
        else:
            assert str(column(shop, "SELECT :n + 1 AS n")[0]) == "12345678901234567891.5"


def test_a_text_is_compared_with_columns_of_any_collation_and_a_number_bounds_rows(
    mariadb: Database,
) -> None:
    mariadb.execute(
        "CREATE TABLE c (a varchar(9) CHARACTER SET latin1, b varchar(9) COLLATE utf8mb4_bin)",
        "INSERT INTO c VALUES ('Zoë', 'Zoë'), ('x', 'x')",
    )
    with given(name="Zoë", n="1"):
        query = "SELECT a FROM c WHERE a = :name AND b = :name LIMIT :n"
        assert read(mariadb.url, query).to_pylist() == [{"a": "Zoë"}]


def test_sql_around_the_rows_of_an_output_takes_them_too(shop: Target) -> None:
    before = "DELETE FROM orders WHERE day = :day OR name = :name"
    with given(day="2026-11-28", n="5", name="x'; DROP TABLE orders; --"):
        if "mysql" in url(shop):
            with pytest.raises(ProgramError, match="for PostgreSQL and SQLite"):
                write_rows(url(shop), "orders", "append", before=before)
            return
        after = "UPDATE orders SET name = :name WHERE id = 77 AND :n = 5"
        writer = write_rows(url(shop), "orders", "append", before=before, after=after)
        try:
            writer.start(say)
            writer.open(Schema([Column("id", INTEGER)]))
            writer.write(rows_of({"id": INTEGER}, [(77,)]))
            writer.finish()
            writer.commit()
        finally:
            writer.undo()
    ids = [row[0] for row in shop.rows("SELECT id FROM orders ORDER BY id")]
    assert ids == [1, 4, 77, 9007199254740993]
    assert shop.rows("SELECT name FROM orders WHERE id = 77")[0][0] == "x'; DROP TABLE orders; --"


NOT_THERE = {
    "postgresql": (
        POSTGRESQL,
        "SELECT ':a', E'\\':b', \":c\", $x$ :d $x$, $$:e$$, x::date, a[1:n], a[(f):m], json_object('k':v) -- :f\n"
        "/* :g /* :h */ :i */ , b$c$:yes, ':' || :yes::date, :yes2",
    ),
    "mariadb": (
        MYSQL,
        "SELECT ':a', 'it\\'s :b', \"\\\":c\", `:d`, @x:=5 # :e\n, 1--1, :yes -- :f\n/* :g */, :yes2",
    ),
    "sqlite": (SQLITE, "SELECT ':a', \":b\", `:c`, [:d], ':' || :yes --:e\n/* :f */ , :yes2"),
}


@pytest.mark.parametrize("dialect", NOT_THERE)
def test_texts_quoted_names_comments_casts_and_ranges_hold_no_parameter(dialect: str) -> None:
    pattern, query = NOT_THERE[dialect]
    assert placeholders(query, pattern) == ["yes", "yes2"]


def test_a_program_without_parameters_leaves_sql_to_the_database(postgresql: Any) -> None:
    postgresql.execute("CREATE TABLE t (a int[])", "INSERT INTO t VALUES (ARRAY[1,2,3])")
    assert read(postgresql.url, "SELECT (a[1:2])::text AS a FROM t").to_pylist() == [{"a": "{1,2}"}]
