"""Connections to PostgreSQL on which no wait is longer than its limit, also when the server hangs.

A server that hangs (stopped, swapping, behind a cut line) leaves the connection open and says nothing. Its own
statement_timeout does not end that, so each wait ends on our side.
"""

import contextlib
from collections.abc import Sequence
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg.abc import RV, PQGen
from sqlalchemy.engine import URL, Engine

from jobs.store.connections.native_pool import KEPT_OPEN, NativePool
from settings.defaults import DatabaseLimits

# Seconds that a transaction of ours may do nothing. Then its process stands still, or its machine is gone, and PostgreSQL
# would keep its locks for hours. Fewer than a runner is silent until others end its runs
IDLE_IN_TRANSACTION = 20
WHILE_TABLES_CHANGE = 3_600.0  # seconds of a statement: an index of millions of rows takes minutes
# What a database or a role may have for all sessions, and must not end a change of tables
_LIMITS = ("statement_timeout", "lock_timeout", "transaction_timeout")
# Milliseconds. Whoever comes after one that waits for a whole table waits behind it, so that we must not wait for long; less
# than the second after which PostgreSQL looks for deadlocks: it is we who give way
_WAIT_FOR_TABLES = 500
# Of what writes; said of each transaction, since a database or a role may have another default: then what runs beside one fails it
ISOLATION = "READ COMMITTED"
_INTERVAL = 0.1  # seconds between two looks for a signal; psycopg's own


CANCEL_WAIT = 1.0  # seconds for the server to hear that a statement is given up


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that is closed when an answer takes longer than `limit` seconds."""

    limit = 10.0
    _commits = False

    def commit(self) -> None:
        self._commits = True
        try:
            super().commit()
        finally:
            self._commits = False

    def wait(self, gen: PQGen[RV], interval: float = _INTERVAL, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, self.limit if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:
            self._give_up()
            raise psycopg.OperationalError(f"no answer within {self.limit:g} s") from None

    def _give_up(self) -> None:
        """Also what the server is at: while a session waits for a lock it does not see that its client is gone, and keeps its own locks and its place.

        A COMMIT that is cancelled while it waits for a standby would be there, and lost when that takes over.
        """
        if not self._commits:
            with contextlib.suppress(psycopg.Error):
                self.cancel_safe(timeout=CANCEL_WAIT)
        self.pgconn.finish()


def new_engine(url: URL, limits: DatabaseLimits | None) -> Engine:
    """An engine whose connections keep to the limits."""
    if limits is None:
        return sa.create_engine(
            url, poolclass=NativePool, pool_pre_ping=True, isolation_level=ISOLATION
        )
    return _bounded(url, limits)


def _bounded(url: URL, limits: DatabaseLimits) -> Engine:
    kept = min(KEPT_OPEN, limits.pool)
    engine = sa.create_engine(
        url,
        poolclass=NativePool,
        isolation_level=ISOLATION,
        pool_pre_ping=True,
        pool_timeout=limits.pool_wait,
        pool_size=kept,
        max_overflow=limits.pool - kept,
    )
    if engine.driver != "psycopg":
        return engine
    sa.event.listen(engine, "handle_error", _leave_a_standby)

    def connect(_dialect: object, _record: object, args: Any, options: Any) -> BoundedConnection:
        own = {"connect_timeout": limits.connect, "application_name": "progress", **options}
        # behind a pooler each transaction may be another session's, which knows other prepared statements
        own["prepare_threshold"] = None
        connection = BoundedConnection.connect(*args, **own)
        idle(connection)
        connection.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION}s'")
        connection.commit()
        return connection

    def idle(connection: BoundedConnection | None, *_: object) -> None:
        if connection is not None:  # as it is of one that has failed
            connection.limit = limits.connect  # of the question whether it still lives

    def in_use(connection: BoundedConnection, *_: object) -> None:
        connection.limit = limits.statement

    sa.event.listen(engine, "do_connect", connect)
    sa.event.listen(engine, "checkin", idle)
    sa.event.listen(engine, "checkout", in_use)
    return engine


def _leave_a_standby(context: sa.engine.ExceptionContext) -> None:
    """A server that has become a standby keeps its connections; new ones may find the server that takes writes now."""
    if isinstance(context.original_exception, psycopg.errors.ReadOnlySqlTransaction):
        context.is_disconnect = True


def let_tables_change(connection: sa.Connection) -> None:
    """Lets the statements of this transaction take as long as a change of tables may take."""
    driver = connection.connection.driver_connection
    if isinstance(driver, BoundedConnection):
        driver.limit = WHILE_TABLES_CHANGE  # until the connection is given back
    _set_for_transaction(connection, "0", *_LIMITS)


def give_way(connection: sa.Connection) -> None:
    """Has a statement of this transaction refused that waits for a lock of others for longer than _WAIT_FOR_TABLES."""
    _set_for_transaction(connection, str(_WAIT_FOR_TABLES), "lock_timeout")


def lock_tables(connection: sa.Connection, tables: Sequence[str]) -> None:
    """Keeps all others from these tables until the transaction ends.

    It is refused, with nothing done yet, where somebody has used one of them for long: whoever asks for a table meanwhile
    would wait, too.
    """
    give_way(connection)
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(map(quote, tables))}")
    _set_for_transaction(connection, "0", "lock_timeout")


def _set_for_transaction(connection: sa.Connection, value: str, *names: str) -> None:
    """Sets those that the server knows."""
    known = sa.text(
        "SELECT set_config(name, :value, true) FROM pg_settings WHERE name = ANY(:names)"
    )
    connection.execute(known, {"value": value, "names": list(names)})
