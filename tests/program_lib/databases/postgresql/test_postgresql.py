"""Rows from PostgreSQL and into it: every type, every value, or a refusal that names the row."""

from __future__ import annotations

import threading

import psycopg
import pytest

from program_lib.databases import read_rows
from program_lib.databases.postgresql.native import numeric_digits
from program_lib.databases.postgresql.reader import parsed
from program_lib.databases.postgresql.statement import without_end
from program_lib.errors import ProgramError, RowRefused
from program_lib.ports import BATCH_BYTES, BATCH_ROWS
from program_lib.types import INTEGER, TEXT, Column, Schema
from tests.program_lib.moving import move, read, schema_of, write
from tests.servers.databases import Database

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
    values: list[str | None] = [None] if nulls == "only" else [None, *TYPES[type_], None]
    fill(database, "s", type_, values)
    assert move(database.url, database.url, "t", table="s") == len(values)
    assert is_same(database, "s", "t")
    declared = CHANGED.get(type_) or column_types(database, "s")[1]
    assert column_types(database, "t") == ["integer NOT NULL", declared]
    # and once more into the table that is there
    assert move(database.url, database.url, "t", "replace", table="s") == len(values)
    assert is_same(database, "s", "t")


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        ("\ufeffx\ny\n", ["\ufeffx", "y"]),
        ("\ufeff\n\n", ["\ufeff", None]),
        ('\ufeff\ufeff\n""\n', ["\ufeff\ufeff", ""]),
        ('"\ufeff,"\n\ufeff\n', ["\ufeff,", "\ufeff"]),
    ],
)
def test_a_byte_order_mark_is_part_of_a_text(lines: str, values: list[str | None]) -> None:
    assert parsed(lines.encode(), 2, Schema([Column("v", TEXT)]))["v"].to_pylist() == values


def test_a_table_of_one_column_keeps_its_nulls_and_empty_texts(database: Database) -> None:
    database.execute("CREATE TABLE s (v text)")
    database.execute("INSERT INTO s VALUES (NULL), (''), (NULL), ('\\.'), ('')")
    assert read(database.url, table="s")["v"].to_pylist() == [None, "", None, "\\.", ""]
    move(database.url, database.url, "t", table="s")
    assert is_same(database, "s", "t")


# ---------------------------------------------------------------- queries


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 AS n",
        "SELECT 1 AS n;",
        "SELECT 1 AS n -- the end",
        "SELECT 1 AS n; -- the ; end",
        "/* a /* nested; */ ; */ SELECT 1 AS n ; /* ; */",
        "SELECT 1 AS n WHERE ';' <> E'\\';' AND $$;$$ = ';' AND $a$ ; $$ $a$ <> ';';",
        'SELECT ";" AS n FROM (SELECT 1) AS x(";");',
        "WITH x AS (SELECT 1 AS n) SELECT n FROM x",
        "VALUES (1)",
        "TABLE one",
        "SELECT n FROM one UNION ALL SELECT n FROM one WHERE false ORDER BY 1;",
        "SELECT 1 AS n WHERE 100 % 7 = 2 AND 'a%s' LIKE '%s'",
        "(SELECT 1 AS n)",
    ],
)
def test_a_query_may_end_as_people_end_it(postgresql: Database, query: str) -> None:
    postgresql.execute("CREATE TABLE one (n integer)", "INSERT INTO one VALUES (1)")
    assert [next(iter(row.values())) for row in read(postgresql.url, query).to_pylist()] == [1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT 1; DROP TABLE one", "multiple commands"),
        ("INSERT INTO one VALUES (2) RETURNING n", "read-only transaction"),
        ("WITH x AS (DELETE FROM one RETURNING n) SELECT * FROM x", "read-only transaction"),
        ("SELECT nextval('one_seq')", "read-only transaction"),
        ("DELETE FROM one", "must be a SELECT"),
        ("", "must be a SELECT"),
        ("SELECT", "must be a SELECT"),
        ("SELECT 1 AS a, 2 AS a", "two columns are called 'a'"),
        ("SELECT * FROM nowhere", 'relation "nowhere" does not exist'),
        ("SELECT 1) TO PROGRAM 'true'; --", "syntax error"),
        ("SELECT n / 0 FROM one", "division by zero"),
        ("SELECT n FROM one WHERE n = $1", "parameter"),
    ],
)
def test_what_is_no_query_is_refused(postgresql: Database, query: str, words: str) -> None:
    postgresql.execute("CREATE TABLE one (n integer)", "INSERT INTO one VALUES (1)")
    postgresql.execute("CREATE SEQUENCE one_seq")
    with pytest.raises((ProgramError, psycopg.Error), match=words):
        read(postgresql.url, query)
    assert postgresql.rows("SELECT n FROM one") == [(1,)]


@pytest.mark.parametrize(
    ("query", "end"),
    [
        ("a;b", 1),
        ("'a;'';'", 7),
        ("$x$;$x$;", 7),
        ("a$b;c$b", 3),
        ("/*;/*;*/;*/;", 11),
        ("/* ;", 4),
    ],
)
def test_the_end_of_a_statement_is_found(query: str, end: int) -> None:
    assert without_end(query) == query[:end]


@pytest.mark.parametrize(
    "value",
    ["infinity", "-infinity", "0044-03-15 BC", "10000-01-01"],
)
@pytest.mark.parametrize("type_", ["date", "timestamp", "timestamptz"])
def test_dates_that_others_do_not_have_are_refused_with_their_row(
    postgresql: Database, type_: str, value: str
) -> None:
    query = f"SELECT i AS k, CASE WHEN i = 3 THEN '{value}'::{type_} END AS d FROM generate_series(1, 9) i"
    with pytest.raises(RowRefused) as refused:
        read(postgresql.url, query)
    assert (refused.value.index, refused.value.column) == (2, "d")
    assert value.split()[0] in refused.value.reason
    assert '"d"::text in the query reads it as text' in refused.value.reason
    as_text = query.replace("CASE", "(CASE").replace(" AS d", ")::text AS d")
    assert read(postgresql.url, as_text)["d"].to_pylist()[2].startswith(value.split()[0])


@pytest.mark.parametrize(("value", "type_"), [("24:00:00", "time"), ("NaN", "numeric(10,2)")])
def test_other_values_without_an_exact_form_are_refused(
    postgresql: Database, value: str, type_: str
) -> None:
    with pytest.raises(RowRefused, match=value) as refused:
        read(postgresql.url, f"SELECT v::{type_} FROM (VALUES (NULL), ('{value}')) AS t(v)")
    assert (refused.value.index, refused.value.column) == (1, "v")


def test_a_text_that_is_no_utf8_is_refused(postgresql: Database) -> None:
    name = f"{postgresql.name}_ascii"
    postgresql.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        query = "SELECT convert_from(x, 'SQL_ASCII') AS t FROM (VALUES (''::bytea), ('\\xff'::bytea)) AS v(x)"
        with pytest.raises(psycopg.Error, match='invalid byte sequence for encoding "UTF8"'):
            read(postgresql.url.replace(postgresql.name, name), query)
    finally:
        postgresql.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_a_query_knows_what_its_columns_are_declared_as(database: Database) -> None:
    database.execute("CREATE TABLE s (k integer NOT NULL, p numeric(10,2) NOT NULL, c varchar(3))")
    schema = schema_of(
        database.url, "SELECT a.k, b.p, b.c, b.p * 2 AS twice FROM s a LEFT JOIN s b USING (k)"
    )
    assert list(schema.shown()) == ["k integer", "p decimal(10,2)", "c text", "twice numeric"]
    assert [column.is_nullable for column in schema] == [True] * 4  # an outer join makes NULLs
    of_table = schema_of(database.url, table="s")
    assert [column.is_nullable for column in of_table] == [False, False, True]
    assert of_table[2].type.length == 3


@pytest.mark.parametrize("digits", [(10, 2), (1000, 1000), (3, 5), (3, -2), (1, -1000)])
def test_the_digits_of_a_numeric(postgresql: Database, digits: tuple[int, int]) -> None:
    postgresql.execute(f"CREATE TABLE s (n numeric({digits[0]},{digits[1]}))")
    query = "SELECT atttypmod FROM pg_attribute WHERE attrelid = 's'::regclass AND attnum = 1"
    assert numeric_digits(postgresql.value(query)) == digits


def test_rows_are_as_of_the_moment_of_open(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE s (n integer)", "INSERT INTO s VALUES (1)")
    reader = read_rows(postgresql.url, table="s")
    reader.open()
    postgresql.execute("UPDATE s SET n = 2", "INSERT INTO s VALUES (3)")
    assert [table["n"].to_pylist() for table in reader.batches()] == [[1]]
    reader.close()
    reader.close()


def test_batches_are_bounded_in_rows_and_bytes(postgresql: Database) -> None:
    reader = read_rows(
        postgresql.url, "SELECT i, repeat('x', 100000) AS t FROM generate_series(1, 400) i"
    )
    reader.open()
    sizes = [table.nbytes for table in reader.batches()]
    assert max(sizes) < 2 * BATCH_BYTES
    assert sum(sizes) > 40_000_000
    reader = read_rows(postgresql.url, "SELECT i FROM generate_series(1, 120000) i")
    reader.open()
    counts = [len(table) for table in reader.batches()]
    assert sum(counts) == 120_000
    assert max(counts) <= BATCH_ROWS


def test_what_a_slow_query_gave_is_handed_on_before_its_end(postgresql: Database) -> None:
    """The server sends what it has when 8 KB are full."""
    query = (
        "SELECT i, repeat('x', 9000) AS t FROM generate_series(1, 3) i"
        " WHERE i < 3 OR pg_advisory_lock(51) IS NOT NULL"
    )
    with postgresql.connect() as other:
        other.execute("SELECT pg_advisory_lock(51)")
        reader = read_rows(postgresql.url, query)
        reader.open()
        batches = reader.batches()
        assert next(batches)["i"].to_pylist() == [1]
    assert [i for table in batches for i in table["i"].to_pylist()] == [2, 3]
    reader.close()


def test_a_reader_that_is_closed_early_does_not_wait_for_its_rows(postgresql: Database) -> None:
    query = "SELECT i, repeat('x', 9000) AS t FROM generate_series(1, 9) i WHERE i < 3 OR pg_sleep(999) IS NULL"
    for take_one in (True, False):
        reader = read_rows(postgresql.url, query)
        reader.open()
        batches = reader.batches()
        if take_one:
            next(batches)
        threads = threading.active_count()
        reader.close()
        reader.close()
        assert threading.active_count() <= threads - take_one


# ---------------------------------------------------------------- names


ODD = [
    "Order Lines",
    "select",
    'a"b',
    "it's",
    "x.y",
    "é😀",
    "ALL CAPS",
    " lead",
    "%s",
    "x" * 63,
    "a\nb",
    ";--",
]


def test_odd_names_are_kept(postgresql: Database) -> None:
    columns = dict.fromkeys(ODD, INTEGER)
    for table in ["Order Lines", "select", 'q"t', "%(x)s", "y" * 63]:
        write(postgresql.url, table, "create", columns, [tuple(range(len(ODD)))])
        found = read(postgresql.url, table=table)
        assert found.column_names == ODD
        assert list(found.to_pylist()[0].values()) == list(range(len(ODD)))
        write(postgresql.url, table, "append", columns, [tuple(range(len(ODD)))])
        assert len(read(postgresql.url, table=table)) == 2


def test_a_table_is_found_whose_name_has_a_capital_beyond_ascii(postgresql: Database) -> None:
    postgresql.execute('CREATE SCHEMA "Köln"')
    for table, other_case in ("Übersicht", "ÜBERSICHT"), ("Köln.Éclairs", "kÖln.éclairs"):
        write(postgresql.url, table, "create", {"a": INTEGER}, [(1,)])
        write(postgresql.url, table, "append", {"a": INTEGER}, [(2,)])
        write(postgresql.url, table, "replace", {"a": INTEGER}, [(3,)])
        assert read(postgresql.url, table=other_case)["a"].to_pylist() == [3]
        with pytest.raises(ProgramError, match="is there already"):
            write(postgresql.url, table, "create", {"a": INTEGER}, [])


def test_names_that_would_be_cut_are_refused(postgresql: Database) -> None:
    with pytest.raises(ProgramError, match="63 bytes"):
        write(postgresql.url, "é" * 32, "create", {"a": INTEGER}, [])
    with pytest.raises(ProgramError, match="63 bytes"):
        write(postgresql.url, "t", "create", {"a" * 64: INTEGER}, [])


def test_a_dot_parts_schema_and_table_unless_a_table_has_the_whole_name(
    postgresql: Database,
) -> None:
    postgresql.execute(
        "CREATE SCHEMA sales",
        "CREATE TABLE sales.y2026 (n integer)",
        'CREATE TABLE "sales.2026" (n integer)',
        "INSERT INTO sales.y2026 VALUES (1)",
        'INSERT INTO "sales.2026" VALUES (2)',
        'CREATE TABLE "Mixed" (n integer)',
    )
    assert read(postgresql.url, table="sales.y2026")["n"].to_pylist() == [1]
    assert read(postgresql.url, table="sales.2026")["n"].to_pylist() == [2]
    assert read(postgresql.url, table="SALES.Y2026")["n"].to_pylist() == [1]
    assert len(read(postgresql.url, table="mixed")) == 0
    postgresql.execute('CREATE TABLE "MIXED" (n integer)')
    with pytest.raises(ProgramError, match=r"may be any of public\.MIXED, public\.Mixed"):
        read(postgresql.url, table="mixed")
    assert len(read(postgresql.url, table="Mixed")) == 0
    with pytest.raises(
        ProgramError, match="a dot parts schema and table; there are MIXED, Mixed, sales"
    ):
        read(postgresql.url, table="sales.y2027")
    write(postgresql.url, "sales.new", "create", {"n": INTEGER}, [(5,)])
    assert postgresql.rows("SELECT n FROM sales.new") == [(5,)]
    with pytest.raises(
        ProgramError, match="there is no schema nowhere: a dot parts schema and table"
    ):
        write(postgresql.url, "nowhere.new", "create", {"n": INTEGER}, [])


def test_what_is_read_and_written_does_not_depend_on_the_servers_settings(
    postgresql: Database,
) -> None:
    postgresql.execute(
        "CREATE TABLE t (a text[], x xml)",
        "INSERT INTO t VALUES ('{NULL,\"NULL\"}', 'no document')",
    )
    settings = "-c array_nulls=off -c xmloption=document -c idle_in_transaction_session_timeout=1"
    url = f"{postgresql.url}?options={settings}"
    move(url, url, "copy", table="t")
    assert postgresql.rows("SELECT a, x::text FROM copy") == [([None, "NULL"], "no document")]
