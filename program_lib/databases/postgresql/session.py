"""One connection to PostgreSQL and its one transaction, with settings that do not depend on the server's."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias, cast

import psycopg
from psycopg import generators, pq, sql
from sqlalchemy.engine import URL

from program_lib.databases.names import Table
from program_lib.errors import ProgramError

CONNECT_SECONDS = 30  # for a server that does not answer; connect_timeout in the URL says otherwise

# The forms of values on the wire, and how long it may be silent; LOCAL, so that a pooler hands the connection on as it was.
SETTINGS = "".join(
    f"; SET LOCAL {name} = {value}"
    for name, value in {
        "TimeZone": "'UTC'",
        "DateStyle": "'ISO, YMD'",
        "IntervalStyle": "'postgres'",
        "bytea_output": "'hex'",
        "extra_float_digits": "3",
        "lc_monetary": "'C'",
        "array_nulls": "on",  # else {NULL} is read as a text of four letters
        "xmloption": "'content'",
        "idle_in_transaction_session_timeout": "0",  # a run may read elsewhere, and has deadlines
    }.items()
)
# So that a server that works on a statement, or waits for a lock, notices that its client is gone. Servers before 14 do not
# know the setting, and some other systems do not take it.
SETTINGS += (
    "; SELECT set_config('client_connection_check_interval', '2s', true)"
    " WHERE current_setting('client_connection_check_interval', true) = '0' AND version() LIKE '%linux%'"
)
# A transaction takes as long as its run. Servers before 17 do not know the setting
SETTINGS += (
    "; SELECT set_config('transaction_timeout', '0', true)"
    " WHERE current_setting('transaction_timeout', true) <> '0'"
)
READING = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY{SETTINGS}"
WRITING = f"BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE{SETTINGS}"

Result: TypeAlias = pq.abc.PGresult


class Session:
    """A connection in a transaction."""

    def __init__(self, url: URL, begin: str) -> None:
        """`begin` is READING or WRITING. Raises psycopg.Error."""
        self.connection = psycopg.connect(
            **_arguments(url), autocommit=True, prepare_threshold=None
        )
        try:
            self.execute(begin)
        except BaseException:
            self.close()
            raise

    @property
    def pgconn(self) -> pq.abc.PGconn:
        return self.connection.pgconn

    @property
    def is_in_transaction(self) -> bool:
        """Not where the connection is lost, or a proxy has lost the server and would go on with another session of it."""
        status = self.pgconn.transaction_status
        return status not in (pq.TransactionStatus.IDLE, pq.TransactionStatus.UNKNOWN)

    def execute(self, statement: str | sql.Composable) -> int:
        """The number of rows that it touched, where it tells one."""
        text = statement if isinstance(statement, str) else statement.as_string(self.connection)
        return self.connection.execute(text.encode()).rowcount

    def rows(self, query: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(query.encode(), parameters or None).fetchall()

    def value(self, query: str, parameters: Sequence[object] = ()) -> Any:
        [(value,)] = self.rows(query, parameters)
        return value

    def prepared(self, query: str) -> Result:
        """Tells the columns of a query, without running it. Raises psycopg.Error for more than one statement."""
        self.pgconn.send_prepare(b"", query.encode())
        self.result()
        self.pgconn.send_describe_prepared(b"")
        return self.result()

    def result(self) -> Result:
        """Waits for the answer to what was sent; signals are handled meanwhile."""
        results = self.connection.wait(generators.execute(self.pgconn))
        last = cast("Result", results[-1])
        if last.status == pq.ExecStatus.FATAL_ERROR:
            raise psycopg.errors.error_from_result(last, encoding="utf-8")
        return last

    def interrupt(self) -> None:
        """Whoever waits for the server gets an error, and the connection is lost. Any thread."""
        with (
            suppress(OSError, psycopg.Error),
            socket.socket(fileno=os.dup(self.pgconn.socket)) as sock,
        ):
            sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Rolls back what is not committed. May be called twice."""
        self.connection.close()


def _arguments(url: URL) -> dict[str, Any]:
    """What libpq gets: the URL's parts and options, whichever driver the URL names."""
    arguments = url.translate_connect_args(username="user", database="dbname")
    options = {
        name: value if isinstance(value, str) else ",".join(value)
        for name, value in url.query.items()
    }
    ours = {"connect_timeout": CONNECT_SECONDS, "fallback_application_name": "job"}
    # what we send and read is UTF-8, whatever the URL says: é in latin1 would be stored as Ã©
    return {**ours, **arguments, **options, "client_encoding": "utf8"}


def words(error: Exception) -> str:
    """The database's own sentence, with the values that it names and what it advises."""
    if not isinstance(error, psycopg.Error) or not error.diag.message_primary:
        return str(error)
    said = error.diag.message_primary
    if error.diag.message_detail:
        said += f" ({error.diag.message_detail})"
    if error.diag.message_hint:
        said += f"; {error.diag.message_hint}"
    return said


def quoted(*names: str) -> str:
    """A name of one or more parts, whatever stands in it."""
    if any("\0" in name for name in names):
        raise ProgramError("a name has a character NUL in it")
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def quoted_table(table: Table) -> str:
    return quoted(table.schema, table.name)
