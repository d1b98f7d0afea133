"""Rows from MariaDB and into it: every type, every value, or a refusal that names the row."""

from __future__ import annotations

import pymysql
import pytest

from program_lib.errors import ProgramError
from program_lib.types import INTEGER, Kind
from tests.program_lib.moving import move, read, rows_of, schema_of, write, writing
from tests.servers.databases import Database

# a type of MariaDB, and values that lie at its ends, as SQL
TYPES = {
    "tinyint(1)": ["0", "1", "-128", "127"],
    "tinyint(3) unsigned": ["255"],
    "smallint(6)": ["-32768", "32767"],
    "mediumint(9)": ["-8388608", "8388607"],
    "int(11)": ["-2147483648", "2147483647"],
    "int(10) unsigned": ["0", "4294967295"],
    "bigint(20)": ["-9223372036854775808", "9223372036854775807", "9007199254740993"],
    "bigint(20) unsigned": ["0", "18446744073709551615"],
    "int(5) unsigned zerofill": ["42"],
    "bit(1)": ["b'0'", "b'1'"],
    "bit(64)": ["18446744073709551615"],
    "decimal(10,2)": ["19.99", "-99999999.99"],
    "decimal(38,18)": ["12345678901234567890.123456789012345678"],
    "decimal(65,30)": ["1" * 35 + "." + "7" * 30, "-0." + "0" * 29 + "1"],
    "float": ["0.1", "0.123456789", "3.4028234e38", "16777216"],
    "double": ["0.1", "1.7976931348623157e308", "5e-324", "-0e0", "0.30000000000000004"],
    "float(10,2)": ["1.25"],
    "char(5)": ["'ab'", "'abcde'", "''", "'é'"],
    "varchar(3)": ["''", "'a  '", "'é😀x'"],
    "tinytext": ["'x'"],
    "text": ["'a\\nb'", "'it''s'", "'back\\\\slash'", "'\\0nul'", "'\"'", "'%s'", "'NULL'", "' '"],
    "longtext": ["repeat('x', 300000)"],
    "json": ['\'{"b": 1,  "a": [1.0, null]}\'', "'\"1\"'", "'null'", "'12345678901234567890.123'"],
    "enum('sad','it''s, ok')": ["'sad'", "'it''s, ok'"],
    "set('x','y')": ["''", "'x'", "'x,y'"],
    "binary(4)": ["x'01'", "x'00270a5c'"],
    "varbinary(5)": ["''", "x'00ff'"],
    "longblob": ["x'00'", "x'275c0a22'"],
    "date": ["'0001-01-01'", "'9999-12-31'", "'2024-02-29'"],
    "time": ["'00:00:00'", "'23:59:59'"],
    "time(6)": ["'01:02:03.456789'"],
    "datetime": ["'2026-07-01 12:00:00'", "'0001-01-01 00:00:00'"],
    "datetime(6)": ["'9999-12-31 23:59:59.999999'", "'2026-07-01 12:00:00.5'"],
    "timestamp": ["'1970-01-02 00:00:01'", "'2038-01-18 03:14:07'"],
    "timestamp(6)": ["'2026-10-25 00:30:00.123456'", "'2026-10-25 01:30:00.123456'"],
    "year(4)": ["0", "1901", "2155", "1970"],
    "uuid": ["'123e4567-e89b-12d3-a456-426614174000'"],
    "inet6": ["'::1'"],
    "point": ["POINT(1.5, 2)"],
}


def column_types(database: Database, table: str) -> list[tuple[str, str]]:
    return database.rows(
        "SELECT column_type, is_nullable FROM information_schema.columns"
        f" WHERE table_schema = database() AND table_name = '{table}' ORDER BY ordinal_position"
    )


def is_same(database: Database, one: str, other: str) -> bool:
    """Whether two tables have the same rows, byte for byte."""
    query = "SELECT k, hex(v), v FROM {} ORDER BY k"
    return database.rows(query.format(one)) == database.rows(query.format(other))


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("nulls", ["at both ends", "only"])
def test_each_type_comes_into_a_new_table_as_it_was(
    mariadb: Database, type_: str, nulls: str
) -> None:
    values = ["NULL"] if nulls == "only" else ["NULL", *TYPES[type_], "NULL"]
    mariadb.execute(
        f"CREATE TABLE s (k int NOT NULL, v {type_} NULL)",
        *(f"INSERT INTO s VALUES ({k}, {value})" for k, value in enumerate(values)),
    )
    assert move(mariadb.url, mariadb.url, "t", table="s") == len(values)
    assert is_same(mariadb, "s", "t")
    assert column_types(mariadb, "t") == column_types(mariadb, "s")
    # and once more into the table that is there
    assert move(mariadb.url, mariadb.url, "t", "replace", table="s") == len(values)
    assert is_same(mariadb, "s", "t")
    if "float" not in type_:
        assert move(mariadb.url, mariadb.url, "q", query="SELECT k, v FROM s;") == len(values)
        assert is_same(mariadb, "s", "q")
        assert column_types(mariadb, "q")[1] == column_types(mariadb, "s")[1]


@pytest.mark.parametrize(
    "setting",
    [
        "sql_select_limit = 1",
        "sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'",
        "sql_mode = 'TRADITIONAL'",  # one of our own settings was refused
    ],
)
def test_what_is_read_does_not_depend_on_the_servers_settings(
    mariadb: Database, setting: str
) -> None:
    mariadb.execute("CREATE TABLE t (c char(5))", "INSERT INTO t VALUES ('ab'), (' c'), (NULL)")
    url = f"{mariadb.url}?init_command=SET {setting}"
    for rows in read(url, table="t"), read(url, "SELECT c FROM t"):
        assert rows["c"].to_pylist() == ["ab", " c", None]
    move(url, url, "copy", table="t")
    assert mariadb.rows("SELECT c FROM copy") == [("ab",), (" c",), (None,)]


def test_json_is_json_however_the_server_quotes_names(mariadb: Database) -> None:
    mariadb.execute('CREATE TABLE t (`o``d"d` json, plain longtext CHECK (length(plain) < 9))')
    for mode in ("", "ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"):
        columns = schema_of(f"{mariadb.url}?init_command=SET sql_mode = '{mode}'", table="t")
        assert [column.type.kind for column in columns] == [Kind.JSON, Kind.TEXT]


def test_a_transaction_may_be_silent_for_as_long_as_its_run_wants(mariadb: Database) -> None:
    """Such a server ended runs whose rows came late."""
    url = f"{mariadb.url}?init_command=SET idle_transaction_timeout = 1"
    assert read(url, "SELECT @@idle_transaction_timeout AS n")["n"].to_pylist() == [0]


def test_mariadb_is_known_behind_a_proxy_that_greets_as_mysql(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ProxySQL does: a JSON column was a text, a new one was a longtext, and a silent transaction was ended."""
    mariadb.execute("CREATE TABLE s (k json)")
    monkeypatch.setattr(pymysql.Connection, "get_server_info", lambda self: "8.0.30")
    url = f"{mariadb.url}?init_command=SET idle_transaction_timeout = 1"
    assert read(url, "SELECT @@idle_transaction_timeout AS n")["n"].to_pylist() == [0]
    assert move(mariadb.url, mariadb.url, "t", table="s") == 0
    assert [column.type.kind for column in schema_of(mariadb.url, table="t")] == [Kind.JSON]


def test_what_is_written_does_not_depend_on_the_servers_transactions(mariadb: Database) -> None:
    """With autocommit no table could be made; where transactions only read by default, none could be written."""
    columns = {"k": INTEGER}
    for number, option in enumerate(
        ("autocommit=true", "init_command=SET SESSION TRANSACTION READ ONLY")
    ):
        url = f"{mariadb.url}?{option}"
        with writing(url, f"t{number}", "create", **columns) as writer:
            writer.write(rows_of(columns, [(1,)]))
            [helper] = mariadb.rows("SHOW TABLES LIKE 'job\\_rows\\_%'")
            assert mariadb.rows(f"SELECT k FROM `{helper[0]}`") == []
            writer.finish()
            writer.commit()
        write(url, f"t{number}", "append", columns, [(2,)])
        assert mariadb.rows(f"SELECT k FROM t{number} ORDER BY k") == [(1,), (2,)]


def test_a_value_that_the_server_cuts_fails_the_run(mariadb: Database) -> None:
    """By default MySQL cuts what GROUP_CONCAT and JSON_ARRAYAGG give after 1,024 bytes, and says so by a warning alone."""
    url = f"{mariadb.url}?init_command=SET group_concat_max_len = 1024"
    numbers = "SELECT group_concat(seq), json_arrayagg(seq) FROM seq_1_to_1000"
    assert [len(values[0].as_py()) for values in read(url, numbers).columns] == [3892, 3894]
    with pytest.raises(ProgramError, match=r"a value of the query is cut: .*max_allowed_packet"):
        read(url, "SELECT 1 AS n, repeat('a', @@max_allowed_packet + 1) AS t")
    division = read(url, "SELECT 1 / 0 AS n, CAST('12a' AS INTEGER) AS i")  # other warnings
    assert division.to_pylist() == [{"n": None, "i": 12}]


@pytest.mark.parametrize("others", [0, 64, 1_000])
def test_a_value_that_is_cut_behind_other_warnings_fails_the_run(
    mariadb: Database, others: int
) -> None:
    """By default the server keeps 64 warnings of a statement."""
    url = f"{mariadb.url}?init_command=SET max_error_count = {64 if others else 0}"
    first = f"SELECT CAST('x' AS INTEGER) AS n, 'b' AS t FROM seq_1_to_{others} UNION ALL "
    query = "SELECT 1 AS n, repeat('a', @@max_allowed_packet + 1) AS t"
    with pytest.raises(ProgramError, match=r"a value of the query is cut: .*max_allowed_packet"):
        read(url, first + query if others else query)


def test_texts_of_another_character_set_have_room_in_a_new_table(mariadb: Database) -> None:
    mariadb.execute(
        "CREATE TABLE t (a tinytext, b text) CHARACTER SET latin1",
        "INSERT INTO t VALUES (repeat('é', 255), repeat('€', 65535))",
    )
    move(mariadb.url, mariadb.url, "copy", table="t")
    assert mariadb.rows("SELECT a = repeat('é', 255), b = repeat('€', 65535) FROM copy") == [(1, 1)]
    assert column_types(mariadb, "copy") == [("text", "YES"), ("mediumtext", "YES")]
