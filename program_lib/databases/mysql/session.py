"""One connection to MariaDB or MySQL, with settings that do not depend on the server's."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pymysql
from pymysql import converters
from pymysql.constants import CR, ER
from pymysql.cursors import SSCursor
from sqlalchemy.engine import URL

from program_lib.databases.lost import ConnectionLost, TransactionLost
from program_lib.databases.names import Table
from program_lib.errors import ProgramError
from program_lib.types import listed

CONNECT_SECONDS = 30  # for a server that does not answer; connect_timeout in the URL says otherwise
# 23 days: a run may read elsewhere meanwhile, and has deadlines of its own
IDLE_SECONDS = 2_000_000
END_SECONDS = 2  # for each step of telling a server that nobody waits for it any more

_ALWAYS = (
    # whatever the URL's init_command says, as SET NAMES utf8: 😀 would be read as ?, and é of latin1 be written as Ã©
    "SET SESSION character_set_client = 'utf8mb4', character_set_results = 'utf8mb4', collation_connection ="
    " IF(@@collation_connection LIKE 'utf8mb4%', @@collation_connection, 'utf8mb4_general_ci')",
    "SET SESSION time_zone = '+00:00'",
    f"SET SESSION wait_timeout = {IDLE_SECONDS}",
    f"SET SESSION net_write_timeout = {IDLE_SECONDS}",
    f"SET SESSION sql_select_limit = {2**64 - 1}",  # else rows are left out without a word
    # else texts are cut without a word: MySQL's default is 1,024 bytes. A strict MariaDB refuses more than 1 GB
    f"SET SESSION group_concat_max_len = {2**30}",
)
# MariaDB's own, from 10.3 on: seconds that a transaction may be silent, which has no bound by default
_MAY_BE_SILENT = (
    "SET SESSION idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0,"
    " idle_write_transaction_timeout = 0"
)
READING = (
    *_ALWAYS,
    # all that the server can keep: a value that was cut is told by a warning alone, behind others perhaps
    "SET SESSION max_error_count = 65535",
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "START TRANSACTION WITH CONSISTENT SNAPSHOT",
)
# NO_AUTO_VALUE_ON_ZERO: a 0 that is given stays 0. Without NO_BACKSLASH_ESCAPES: see literals.py. Without
# NO_ZERO_DATE: rows have no 0000-00-00, but it is the default of many an old column.
WRITING = (
    *_ALWAYS,
    # keys that are looked for and not there stay so until the end, whatever the server's default is
    "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "NO_AUTO_VALUE_ON_ZERO'",
    "SET SESSION sql_safe_updates = 0",  # else it refuses what we write by: all rows of `replace`, and UPDATE … JOIN
    "START TRANSACTION",
)

# A proxy greets as it likes. ProxySQL also answers a plain SELECT VERSION() itself: github.com/sysown/proxysql/issues/5272
_VERSION = "SELECT version() AS of_the_server"
# Who has a session: its user, and the address and port that it came from
_KNOWN_AS = "SELECT user, host FROM information_schema.processlist WHERE id = %s"

# Values come as the texts that the server sends; what PyMySQL makes of them would lose digits or zones.
_AS_TEXT = {key: value for key, value in converters.conversions.items() if not isinstance(key, int)}

# ProxySQL, MaxScale and the like answer so where their own connection to the server broke; ours may stay. 1927: it was killed
_CONNECTION_IS_GONE = {
    *(CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST, CR.CR_SERVER_LOST_EXTENDED, 1927)
}
_TRANSACTION_IS_GONE = {ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT, ER.CHECKREAD}
# Somebody ended the statement, or the server cannot go on: no row is the reason, and another may only seem to be one
_SERVER_FAILED = {
    *(ER.QUERY_INTERRUPTED, ER.STATEMENT_TIMEOUT, ER.QUERY_TIMEOUT, ER.SERVER_SHUTDOWN),
    *(ER.DISK_FULL, ER.ERROR_ON_WRITE, ER.RECORD_FILE_FULL, ER.GET_ERRNO),
    *(ER.OUTOFMEMORY, ER.OUT_OF_SORTMEMORY, ER.OUT_OF_RESOURCES, ER.LOCK_TABLE_FULL),
    *(ER.OPTION_PREVENTS_STATEMENT, 1637, 1836),  # read-only; too many transactions; read-only
}


class Session:
    """A connection in a transaction."""

    def __init__(self, url: URL, settings: Sequence[str]) -> None:
        """`settings` is READING or WRITING. Raises pymysql.Error, and ProgramError for an option of the URL that is none."""
        try:
            self._options = _options(url)
            # PyMySQL bounds the way to the server's port alone: one that hangs takes connections, and says nothing
            bound = {"read_timeout": self._options["connect_timeout"]}
            self.connection = pymysql.connect(**bound | self._options)
        except (AttributeError, TypeError, ValueError) as error:  # of what it makes of the options
            if not url.query:
                raise
            raise ProgramError(_told_options(url, error)) from error
        self._is_asking = False  # whether an answer is to come
        self._is_interrupted = False
        self._known_as: list[tuple[Any, ...]] = []
        try:
            self._known_as = self.rows(_KNOWN_AS, [self.connection.thread_id()])
            self.is_mariadb = "mariadb" in str(self.value(_VERSION)).lower()
            with suppress(pymysql.Error):  # MySQL and an older MariaDB know no such bound
                self.execute(_MAY_BE_SILENT)
            for setting in settings:
                self.execute(setting)
        except BaseException:
            self.close()
            raise
        # a statement may take long, unless the URL says otherwise
        self.connection._read_timeout = self._options.get("read_timeout")

    @contextmanager
    def soon(self) -> Iterator[None]:
        """Within, the server must answer in `connect_timeout`, as while the session was made, or is lost: a run that ends hears no cancel."""
        self.connection._read_timeout = self.connection.connect_timeout
        try:
            yield
        finally:
            self.connection._read_timeout = self._options.get("read_timeout")

    def execute(self, statement: str) -> int:
        """The number of rows that it touched. Raises ConnectionLost, TransactionLost, or pymysql.Error."""
        with self._saying_what_is_lost():
            return int(self.connection.query(statement))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        self._is_asking = True
        try:
            yield
        except pymysql.Error:  # the server has answered, or is gone
            self._is_asking = self._is_interrupted
            raise
        self._is_asking = False

    @contextmanager
    def _saying_what_is_lost(self) -> Iterator[None]:
        try:
            with self._asking():
                yield
        except pymysql.Error as error:
            code = error.args[0] if error.args else None
            if not self.connection.open or code in _CONNECTION_IS_GONE:
                raise ConnectionLost(words(error)) from error
            if code in _TRANSACTION_IS_GONE | _SERVER_FAILED:
                raise TransactionLost(words(error)) from error
            raise

    def rows(self, query: str, parameters: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        """Values are texts, or None. Raises as `execute`."""
        with self._saying_what_is_lost(), self.connection.cursor() as cursor:
            cursor.execute(query, parameters or None)
            return [tuple(row) for row in cursor.fetchall()]

    def value(self, query: str, parameters: Sequence[str] = ()) -> Any:
        [(value,)] = self.rows(query, parameters)
        return value

    def streaming(self, query: str) -> SSCursor:
        """A cursor that has run the query, and gets its rows one by one."""
        cursor = SSCursor(self.connection)
        with self._asking():
            cursor.execute(query)
        return cursor

    def sees_at_work(self, other: Session) -> bool:
        """Whether the server still does what another session of it had asked for."""
        number = other.connection.thread_id()
        found = self.rows(f"{_KNOWN_AS} AND command <> 'Sleep'", [number])
        return bool(found) and found == other._known_as

    def interrupt(self) -> None:
        """Whoever waits for the server gets an error, and the connection is lost. Any thread."""
        self._is_interrupted = True
        with suppress(OSError, AttributeError):  # it is closed already
            self.connection._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Drops the connection at once: rows that were not read are not waited for. May be called twice.

        A server that is at work for it is told, by another connection: it would go on, with all locks, until it is done.
        """
        with suppress(Exception):
            self.connection._force_close()
        result = self.connection._result
        is_at_work = self._is_asking or (result is not None and result.unbuffered_active)
        self._is_asking = False
        if result is not None:
            result.unbuffered_active = False  # else it would look for its rows when it is collected
        if is_at_work:
            with suppress(Exception):
                self._end_at_the_server()

    def _end_at_the_server(self) -> None:
        """Only where the server knows the session as it did at first: another server may have another one of this number."""
        number = self.connection.thread_id()
        seconds = {f"{what}_timeout": END_SECONDS for what in ("connect", "read", "write")}
        with pymysql.connect(**self._options | seconds) as other, other.cursor() as cursor:
            cursor.execute(_KNOWN_AS, [number])
            if self._known_as and [*cursor.fetchall()] == self._known_as:
                cursor.execute(f"KILL {number}")


def _options(url: URL) -> dict[str, Any]:
    """What PyMySQL gets of a URL, and of us."""
    options = {"connect_timeout": CONNECT_SECONDS, **_arguments(url)}
    # a new table commits as it is made, and its rows would be none of a transaction with the URL's autocommit
    ours = {"charset": "utf8mb4", "use_unicode": True, "conv": _AS_TEXT, "autocommit": False}
    return options | ours


def _told_options(url: URL, error: Exception) -> str:
    """Why PyMySQL does not take what stands behind the ? of a URL; what is usual elsewhere, as ssl-mode, it does not know."""
    told = f"the connection's URL has an option that PyMySQL does not take, among {listed(url.query)}: {error}"
    is_of_tls = any(name.startswith("ssl") for name in url.query)
    return f"{told}; for TLS write ssl_ca=, and the file of the server's CA" if is_of_tls else told


def _arguments(url: URL) -> dict[str, Any]:
    """What PyMySQL gets, by the rules of SQLAlchemy: whichever driver the URL names."""
    dialect = url.set(drivername="mysql+pymysql").get_dialect()()
    _, options = dialect.create_connect_args(url)
    return dict(options)


def words(error: Exception) -> str:
    """The database's own sentence."""
    if isinstance(error, pymysql.Error) and len(error.args) > 1:
        return str(error.args[1])
    return str(error) or type(error).__name__


def quoted(*names: str) -> str:
    """A name of one or more parts, whatever stands in it."""
    if any("\0" in name for name in names):
        raise ProgramError("a name has a character NUL in it")
    return ".".join("`" + name.replace("`", "``") + "`" for name in names)


def quoted_table(table: Table) -> str:
    return quoted(table.schema, table.name)
