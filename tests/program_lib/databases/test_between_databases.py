"""Rows from one kind of database into another: exactly, or refused."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from program_lib.databases import write_rows
from program_lib.databases.connections import database_url
from program_lib.databases.mysql.session import Session
from program_lib.errors import ProgramError, RowRefused
from program_lib.process.secrets import SECRETS, hidden
from program_lib.types import INTEGER, TEXT
from tests.program_lib.moving import move, read, say, write
from tests.servers.databases import PASSWORD, Database

# a value of PostgreSQL, the type of MariaDB that a new table has for it, and its text there
INTO_MARIADB = [
    ("true::boolean", "tinyint(1)", "1"),
    ("(-32768)::smallint", "smallint(6)", "-32768"),
    ("9223372036854775807::bigint", "bigint(20)", "9223372036854775807"),
    ("42.42::numeric", "decimal(65,30)", "42.42" + "0" * 28),
    ("19.99::numeric(10,2)", "decimal(10,2)", "19.99"),
    (
        "12345678901234567890.123456789012345678::numeric(38,18)",
        "decimal(38,18)",
        "12345678901234567890.123456789012345678",
    ),
    ("5e-324::float8", "double", "5e-324"),
    ("'é😀'::text", "longtext", "é😀"),
    ("'abc'::varchar(3)", "varchar(3)", "abc"),
    ("'ab'::char(5)", "char(5)", "ab"),
    ("'\\x00ff'::bytea", "longblob", "\0\xff"),
    ("'9999-12-31'::date", "date", "9999-12-31"),
    ("'01:02:03.456789'::time", "time(6)", "01:02:03.456789"),
    ("'2026-07-01 12:00:00.5'::timestamp", "datetime(6)", "2026-07-01 12:00:00.500000"),
    ("'2026-07-01 14:00:00.5+02'::timestamptz", "timestamp(6)", "2026-07-01 12:00:00.500000"),
    ("'1 month'::interval", "longtext", "1 mon"),
    (
        "'123e4567-e89b-12d3-a456-426614174000'::uuid",
        "char(36)",
        "123e4567-e89b-12d3-a456-426614174000",
    ),
    ("'{\"a\": null}'::jsonb", "longtext", '{"a": null}'),
    ("'{7}'::int[]", "longtext", "{7}"),
    ("'::1'::inet", "longtext", "::1"),
    ("'12:00+05'::timetz", "longtext", "12:00:00+05"),
]
# a type of MariaDB with a value, the type of PostgreSQL that a new table has for it, and its text there
INTO_POSTGRESQL = [
    ("tinyint(1)", "1", "smallint", "1"),
    ("tinyint unsigned", "255", "smallint", "255"),
    ("int unsigned", "4294967295", "bigint", "4294967295"),
    ("bigint unsigned", "18446744073709551615", "numeric(20,0)", "18446744073709551615"),
    ("bit(3)", "5", "smallint", "5"),
    ("decimal(65,30)", "0." + "0" * 29 + "1", "numeric", "0." + "0" * 29 + "1"),
    ("decimal(10,2)", "19.99", "numeric(10,2)", "19.99"),
    ("float", "0.1", "real", "0.1"),
    ("double", "5e-324", "double precision", "5e-324"),
    ("char(5)", "'ab'", "character(5)", "ab"),
    ("varchar(3)", "'a  '", "character varying(3)", "a  "),
    ("text", "'é😀'", "text", "é😀"),
    ("enum('sad','it''s')", "'it''s'", "text", "it's"),
    ("json", '\'{"b": 1,  "a": 2}\'', "json", '{"b": 1,  "a": 2}'),
    ("blob", "x'00ff'", "bytea", "\\x00ff"),
    ("date", "'2026-07-01'", "date", "2026-07-01"),
    ("time(6)", "'01:02:03.456789'", "time without time zone", "01:02:03.456789"),
    (
        "datetime(6)",
        "'2026-07-01 12:00:00.5'",
        "timestamp without time zone",
        "2026-07-01 12:00:00.5",
    ),
    (
        "timestamp(6)",
        "'2026-10-25 00:30:00.5'",
        "timestamp with time zone",
        "2026-10-25 00:30:00.5+00",
    ),
    ("year", "2026", "smallint", "2026"),
    (
        "uuid",
        "'123e4567-e89b-12d3-a456-426614174000'",
        "uuid",
        "123e4567-e89b-12d3-a456-426614174000",
    ),
]


@pytest.mark.parametrize(
    ("value", "declared", "text"), INTO_MARIADB, ids=[v for v, _, _ in INTO_MARIADB]
)
def test_each_type_of_postgresql_arrives_in_mariadb(
    postgresql: Database, mariadb: Database, value: str, declared: str, text: str
) -> None:
    kind = value.rpartition("::")[2]
    query = f"SELECT k, CASE WHEN k = 2 THEN {value} END::{kind} AS v FROM generate_series(1, 3) k"
    assert move(postgresql.url, mariadb.url, "t", query=query) == 3
    mariadb.execute("SET time_zone = '+00:00'")
    asked = "v" if "blob" not in declared else "convert(v using latin1)"
    if declared == "double":
        asked = "CAST(v AS CHAR)"
    rows = mariadb.rows(f"SELECT CAST({asked} AS CHAR) FROM t ORDER BY k")
    expected = text if "blob" not in declared else "\0ÿ"
    assert rows == [(None,), (expected,), (None,)]
    column = "SELECT column_type FROM information_schema.columns WHERE table_schema = database()"
    assert mariadb.rows(f"{column} AND column_name = 'v'") == [(declared,)]


@pytest.mark.parametrize(
    ("type_", "value", "declared", "text"),
    INTO_POSTGRESQL,
    ids=[t for t, _, _, _ in INTO_POSTGRESQL],
)
def test_each_type_of_mariadb_arrives_in_postgresql(
    postgresql: Database, mariadb: Database, type_: str, value: str, declared: str, text: str
) -> None:
    mariadb.execute(
        "SET time_zone = '+00:00'",
        f"CREATE TABLE s (k int, v {type_} NULL)",
        f"INSERT INTO s VALUES (1, NULL), (2, {value}), (3, NULL)",
    )
    assert move(mariadb.url, postgresql.url, "t", table="s") == 3
    postgresql.execute("SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET bytea_output = 'hex'")
    assert postgresql.rows("SELECT v::text FROM t ORDER BY k") == [(None,), (text,), (None,)]
    declared_there = postgresql.value(
        "SELECT format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = 't'::regclass AND attname = 'v'"
    )
    assert declared_there == declared


@pytest.mark.parametrize(
    "value",
    [
        "'2039-01-01 00:00:00+00'::timestamptz",
        "'NaN'::float8",
        "'NaN'::numeric",
        "'infinity'::float8",
    ],
)
def test_what_mariadb_does_not_have_is_refused_with_the_row(
    postgresql: Database, mariadb: Database, value: str
) -> None:
    kind = value.rpartition("::")[2]
    query = f"SELECT k, CASE WHEN k = 2 THEN {value} END::{kind} AS v FROM generate_series(1, 3) k"
    with pytest.raises(RowRefused) as refused:
        move(postgresql.url, mariadb.url, "t", query=query)
    assert refused.value.index == 1
    assert mariadb.rows("SHOW TABLES") == []


# ---------------------------------------------------------------- connections


def test_a_named_connection_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "CONNECTION_SHOP", "postgresql://me:s%40cret@db/shop?sslpassword=other%20one"
    )
    assert database_url("shop").host == "db"
    assert hidden("FATAL for s@cret, s%40cret and other one") == "FATAL for …, … and …"
    SECRETS.difference_update({"s@cret", "s%40cret", "other one", "other+one"})
    with pytest.raises(
        ProgramError, match="the connection till is not known: CONNECTION_TILL is not set"
    ):
        database_url("till")


@pytest.mark.parametrize("scheme", ["postgres", "PostgreSQL"])
def test_a_connection_may_be_written_as_libpq_knows_it(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECTION_SHOP", f"{scheme}://me:pw-of-51@db/shop\n")
    url = database_url("shop")
    assert (url.get_backend_name(), url.database) == ("postgresql", "shop")
    SECRETS.discard("pw-of-51")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("postgresql://me:s@cret@db/shop", "it is written %40"),
        ("postgresql://me:s3cret/shop", "is no URL of a database"),
        ("postgresql://me:pw@one:1,two:s3cret/shop", "is no URL of a database"),
        ("jdbc:postgresql://db/shop?password=s3cret", "is no URL of a database"),
    ],
)
def test_a_connection_that_cannot_be_read_tells_nothing_of_its_password(
    text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stood behind a second @ was told as a host that is not found, and what is no port as no number."""
    monkeypatch.setenv("CONNECTION_SHOP", text)
    with pytest.raises(ProgramError, match=f"the connection shop .*{reason}") as refused:
        database_url("shop")
    assert "cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("ssl-mode=REQUIRED", "among ssl-mode: .*; for TLS write ssl_ca="),
        ("ssl=true", "among ssl: .*; for TLS write ssl_ca="),
        ("connect_timeout=soon&charset=utf8", "among connect_timeout, charset: .*'soon'$"),
    ],
)
def test_an_option_that_the_driver_of_mariadb_does_not_take_is_told(
    option: str, reason: str
) -> None:
    """'str' object has no attribute 'get', it said."""
    url = make_url(f"mariadb://me@127.0.0.1:1/shop?{option}")
    with pytest.raises(ProgramError, match=reason):
        Session(url, [])


def test_a_named_file_of_sqlite_is_the_one_that_a_link_leads_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows were missing: SQLite has a WAL beside the file, and it was looked for beside the link."""
    (tmp_path / "current.db").symlink_to("old/shop.db")
    monkeypatch.setenv("CONNECTION_SHOP", f"sqlite:///{tmp_path}/current.db")
    assert database_url("shop").database == str(tmp_path.resolve() / "old/shop.db")


def test_secret_names_are_those_of_the_editor() -> None:
    from jobs.graph.fields.passwords import SECRET_NAMES as OF_GRAPHS
    from program_lib.databases.connections import SECRET_NAMES

    assert SECRET_NAMES == OF_GRAPHS


def test_a_wrong_password_is_told_without_it(postgresql: Database, mariadb: Database) -> None:
    for database in (postgresql, mariadb):
        url = database.url.replace(PASSWORD, "wrong-one-77")
        with pytest.raises(Exception, match=r"(?i)password|denied") as refused:
            move(url, url, "t", query="SELECT 1 AS a")
        assert "wrong-one-77" not in hidden(str(refused.value))


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("postgresql", "client_encoding=latin1"),
        ("mariadb", "init_command=SET NAMES utf8mb3"),
        ("mariadb", "charset=latin1&use_unicode=0"),
    ],
)
def test_texts_are_what_they_are_whatever_the_url_says_of_characters(
    kind: str, option: str, request: pytest.FixtureRequest
) -> None:
    """é was stored as Ã© in PostgreSQL, and 😀 read as ? from MariaDB."""
    database: Database = request.getfixturevalue(kind)
    url = f"{database.url}?{option}"
    write(url, "t", "create", {"a": TEXT}, [("é😀",)])
    assert database.rows("SELECT a FROM t") == [("é😀",)]
    assert read(url, "SELECT a, 'ß😀' AS b FROM t").to_pylist() == [{"a": "é😀", "b": "ß😀"}]


@pytest.mark.parametrize(
    "kind",
    ["postgresql", "postgresql by two URLs", "mariadb", "mariadb by two URLs", "sqlite"],
)
def test_two_outputs_write_one_table_by_two_names_only_if_both_append(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While editing, nobody knows that they are one. By two URLs they waited for each other: with PostgreSQL for ever."""
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    kind, *more = kind.split(" by ")
    if kind == "sqlite":
        url, schema = f"sqlite:///{tmp_path}/t.db", "main"
    else:
        database: Database = request.getfixturevalue(kind)
        url, schema = database.url, "public" if kind == "postgresql" else database.name
    write(url, "t", "create", {"a": INTEGER}, [(1,)])
    option = {"postgresql": "application_name=other", "mariadb": "connect_timeout=29"}
    other_url = f"{url}?{option[kind]}" if more else url

    def two(first: str, second: str) -> None:
        with ExitStack() as stack:
            for where, table, mode in (url, "t", first), (other_url, f"{schema}.t", second):
                writer = write_rows(where, table, mode)
                stack.callback(writer.undo)
                writer.start(say)

    two("append", "append")
    for modes in ("replace", "replace"), ("append", "replace"), ("replace", "append"):
        with pytest.raises(ProgramError, match=rf"another node writes the table {schema}\.t, too"):
            two(*modes)
    assert read(url, table="t")["a"].to_pylist() == [1]
