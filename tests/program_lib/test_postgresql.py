"""Rows from PostgreSQL and into it: every type, every value, or a refusal that names the row."""

from __future__ import annotations

import pytest

from tests.databases import Database
from tests.program_lib.moving import move, read

# a type of PostgreSQL, and values that lie at its ends
TYPES = {
    "boolean": ["true", "false"],
    "smallint": ["-32768", "32767"],
    "integer": ["-2147483648", "2147483647", "0"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "9007199254740993"],
    "oid": ["0", "4294967295"],
    "numeric": [
        "0.0000001",
        "12345678901234567890.1234567890123456789012345",
        "1e40",
        "-0.50",
        "NaN",
    ],
    "numeric(10,2)": ["19.99", "99999999.99", "-0.01"],
    "numeric(38,18)": ["12345678901234567890.123456789012345678"],
    "numeric(38,0)": ["99999999999999999999999999999999999999"],
    "numeric(3,5)": ["0.00999"],
    "numeric(3,-2)": ["99900"],
    "numeric(50,10)": ["1234567890123456789012345678901234567890.0123456789"],
    "real": ["0.1", "3.4028235e+38", "1.1754944e-38", "NaN", "-Infinity", "16777217"],
    "double precision": [
        "0.1",
        "1.7976931348623157e+308",
        "5e-324",
        "-0",
        "NaN",
        "Infinity",
        "0.3",
    ],
    "text": ["", " ", "a\nb", "a\rb", 'x"y', "\\.", "\\N", "NULL", "null", "é😀", "a,b", "'", "\t"],
    "varchar(3)": ["", "abc", "é😀x"],
    "char(5)": ["ab", "abcde", "", "é"],
    "name": ["x" * 63],
    "bytea": ["\\x", "\\x00ff", "\\x5c22270a2c"],
    "date": ["0001-01-01", "9999-12-31", "2024-02-29", "1582-10-10"],
    "time": ["00:00:00", "23:59:59.999999", "01:02:03.5"],
    "time(3)": ["01:02:03.456"],
    "timetz": ["12:00:00+05", "00:00:00.000001-11:30"],
    "timestamp": ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999", "2026-07-01 12:00:00.5"],
    "timestamp(0)": ["2026-07-01 12:00:00"],
    "timestamptz": [
        "2026-10-25 00:30:00.123456+00",
        "2026-10-25 01:30:00.123456+00",
        "1900-01-01+00",
    ],
    "interval": ["1 month", "-1 day 02:03:04.000005", "178000000 years", "00:00:00"],
    "interval(0)": ["1 month 2 seconds"],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-4fff-bfff-ffffffffffff"],
    "json": ['{"b": 1,  "a": [1.0, null]}', '"1"', "null", "12345678901234567890.123456789"],
    "jsonb": [
        '{"a": null}',
        "[1, 2, 3]",
        '"1"',
        '"true"',
        "null",
        "12345678901234567890.123456789",
    ],
    "xml": ["<a>x &amp; y</a>"],
    "money": ["-$1,234.56"],
    "inet": ["10.0.0.0/8", "::1", "192.168.0.1"],
    "cidr": ["10.0.0.0/8"],
    "macaddr": ["08:00:2b:01:02:03"],
    "bit(3)": ["101"],
    "varbit": ["", "10110"],
    "integer[]": ["{}", "{7}", "{1,NULL,3}", "{{1,2},{3,4}}"],
    "text[]": ['{"a,b","NULL",NULL,"x\\"y",""}'],
    "numeric(10,2)[]": ["{19.99}"],
    "int4range": ["[1,5)", "empty"],
    "tstzrange": ['["2026-01-01 00:00:00+00",)'],
    "point": ["(1.5,2)"],
    "tsvector": ["'a':1 'b':2"],
    '"char"': ["x"],
    "mood": ["sad", "it's, ok"],
    '"Odd Schema"."Odd Type"': ["x y"],
    "pair": ['(1,"a,b")'],
    "short_text": ["abc"],
}
CHANGED = {"short_text": "character varying(3)"}  # what a domain declares goes with its rows


@pytest.fixture
def database(postgresql: Database) -> Database:
    postgresql.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'it''s, ok')",
        'CREATE SCHEMA "Odd Schema"',
        'CREATE TYPE "Odd Schema"."Odd Type" AS ENUM (\'x y\')',
        "CREATE TYPE pair AS (n integer, t text)",
        "CREATE DOMAIN short_text AS varchar(3)",
    )
    return postgresql


def is_same(database: Database, one: str, other: str) -> bool:
    """Whether two tables have the same rows, as text."""
    query = "SELECT t::text FROM {} AS t ORDER BY 1"
    return database.rows(query.format(one)) == database.rows(query.format(other))


def column_types(database: Database, table: str) -> list[str]:
    rows = database.rows(
        "SELECT format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END"
        f" FROM pg_attribute WHERE attrelid = '{table}'::regclass AND attnum > 0 ORDER BY attnum"
    )
    return [text for (text,) in rows]


def fill(database: Database, table: str, type_: str, values: list[str | None]) -> None:
    database.execute(f"CREATE TABLE {table} (k integer NOT NULL, v {type_})")
    with database.connection.cursor() as cursor:
        insert = f"INSERT INTO {table} VALUES (%s, %s::text::{type_})"
        cursor.executemany(insert, list(enumerate(values)))


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("nulls", ["at both ends", "only"])
def test_each_type_comes_into_a_new_table_as_it_was(
    database: Database, type_: str, nulls: str
) -> None:
    values = [None] if nulls == "only" else [None, *TYPES[type_], None]
    fill(database, "s", type_, values)
    assert move(database.url, database.url, "t", table="s") == len(values)
    assert is_same(database, "s", "t")
    declared = CHANGED.get(type_) or column_types(database, "s")[1]
    assert column_types(database, "t") == ["integer NOT NULL", declared]
    # and once more into the table that is there
    assert move(database.url, database.url, "t", "replace", table="s") == len(values)
    assert is_same(database, "s", "t")


def test_a_table_of_one_column_keeps_its_nulls_and_empty_texts(database: Database) -> None:
    database.execute(
        "CREATE TABLE s (v text)", "INSERT INTO s VALUES (NULL), (''), (NULL), ('\\.'), ('')"
    )
    assert read(database.url, table="s")["v"].to_pylist() == [None, "", None, "\\.", ""]
    move(database.url, database.url, "t", table="s")
    assert is_same(database, "s", "t")
