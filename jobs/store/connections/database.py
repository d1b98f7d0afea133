"""Connections to the database: SQLite (WAL, busy_timeout, BEGIN IMMEDIATE for each write) or PostgreSQL, by URL."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import DBAPIError

from jobs.store.connections.native_pool import KEPT_OPEN, NativePool
from jobs.store.connections.native_thread import NativeThreads, NoThreadFree
from jobs.store.migration import bring_up_to_date, is_up_to_date
from settings.defaults import DatabaseLimits

T = TypeVar("T")

# Without limits, and to SQLite
MOST_CONNECTIONS = 15
CONNECTION_WAIT = 30.0  # seconds until one of them is free
BUSY_TIMEOUT = 10.0  # seconds that a write waits for another process's write
_BUSY_PAUSE = 0.01  # seconds between two tries where SQLite itself does not wait
_SNAPSHOT = "REPEATABLE READ"  # PostgreSQL's isolation of what is read
_WRITES = "jobs_writes"  # execution option: this transaction will write
ASK_THE_LOG = "the database does not answer; the server's log says why"
_READ_ONLY = "25006"  # PostgreSQL's code of a write that it refuses
_DISK_FULL = "53100"
_DEADLOCK = "40P01"
_LOCK_REFUSED = "55P03"
REFUSED_FOR = 30.0  # seconds for which a write that had no room counts, where none succeeds
LEAST_ROOM = 65_536  # bytes free beside SQLite's file: its log grows by pages of 4,096, and each run writes files there
_SCHEMA_LOCK = 0x6A6F6273  # PostgreSQL advisory lock; one process makes the tables


class InTransaction(Protocol):
    """Does work on a connection, in a transaction of its own, and gives what the work gives. Raises StoreUnavailable."""

    def __call__(self, work: Callable[[Connection], T], /) -> T: ...


class StoreUnavailable(Exception):
    """The database did not answer, or not in time. The same call may work later.

    The text is for the log, since a driver's message may name hosts and users. `public` is for clients.
    """

    def __init__(self, text: str, public: str = ASK_THE_LOG) -> None:
        super().__init__(text)
        self.public = public


class ReadOnly(StoreUnavailable):
    """The database answers and takes no writes, so no run can be recorded."""

    def __init__(
        self, why: str = "it is a standby, or default_transaction_read_only is on"
    ) -> None:
        text = f"the database takes no writes: {why}"
        super().__init__(text, text)


class NoRoom(StoreUnavailable):
    """The database answers, and its disk is full."""

    def __init__(self) -> None:
        text = "the database takes no writes: its disk is full"
        super().__init__(text, text)


class Deadlocked(StoreUnavailable):
    """Transactions waited for each other, and PostgreSQL took this one back: it may be done again at once."""


class Locked(StoreUnavailable):
    """Another transaction holds what was asked for, and was not waited for any longer."""


class Database:
    """Connections for reading and for writing. It connects in `open`, so it may be made before a fork."""

    def __init__(self, url: str, limits: DatabaseLimits | None = None) -> None:
        self._url = make_url(url)
        self._limits = None if self.is_sqlite else limits
        self._threads = (
            NativeThreads(MOST_CONNECTIONS, CONNECTION_WAIT)
            if self._limits is None
            else NativeThreads(self._limits.pool, self._limits.pool_wait)
        )
        self._engine: Engine | None = None
        self._full_at = -REFUSED_FOR  # monotonic seconds of the last write, where that had no room
        self._file: tuple[int, int] | None = None  # device and inode of SQLite's

    @property
    def is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def open(self) -> None:
        """Connects, and makes or changes the tables where needed; harmless when repeated.

        Raises SchemaUnusable, and Locked where others use tables that are to be changed: the caller tries again.
        """
        if self._engine is None:
            self._engine = self._new_engine()
        try:
            is_ready = self._is_up_to_date()
        except Locked as error:
            sentence = "tables are locked by others, as by another start that changes them, VACUUM FULL or LOCK TABLE"
            raise Locked(f"{sentence}: {error}", f"the database's {sentence}") from error
        if is_ready:
            return
        try:
            self._make_tables()
        except Locked as error:
            sentence = "tables are to be made or changed, and others use them, as a backup, a report or another start does"
            raise Locked(f"{sentence}: {error}", f"the database's {sentence}") from error

    def _is_up_to_date(self) -> bool:
        """Asked first, without the patience that a change of tables needs: a worker that starts answers what needs no database."""
        with self.read() as connection:
            if self.is_sqlite and self._file is None:
                self._file = _file_of(self._url.database)
            if connection.dialect.name == "postgresql":
                from jobs.store.connections.postgresql import give_way

                give_way(connection)
            return is_up_to_date(connection)

    def _make_tables(self) -> None:
        with self.write() as connection:
            if connection.dialect.name == "postgresql":
                from jobs.store.connections.postgresql import let_tables_change

                let_tables_change(connection)
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
            bring_up_to_date(connection)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = self._file = None

    def off_the_loop(self, call: Callable[[], T]) -> T:
        """Does what asks this database; in a gevent worker on native threads, one for each connection. Raises StoreUnavailable, too.

        Without a bound for the wait, those who ask a database that hangs would wait for each other's time-outs.
        """
        try:
            return self._threads.run(call)
        except NoThreadFree:
            most, wait = self._threads.most, self._threads.wait
            raise StoreUnavailable(
                f"all {most} connections to the database were in use for {wait:g} s"
            ) from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, and writes nothing. Raises StoreUnavailable."""
        with _named_faults(), self._connected() as connection:
            if not self.is_sqlite:  # where it is so by itself
                connection = connection.execution_options(isolation_level=_SNAPSHOT)
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write, alone on SQLite. Raises StoreUnavailable."""
        try:
            with _named_faults(), self._connected() as connection:
                writing = connection.execution_options(**{_WRITES: True})
                with writing.begin():
                    yield writing
        except NoRoom:
            self._full_at = time.monotonic()
            raise
        self._full_at = -REFUSED_FOR

    def check_takes_writes(self) -> None:
        """Raises ReadOnly or NoRoom, or StoreUnavailable. A full disk of PostgreSQL is known by a write that it refused just now."""
        if self.is_sqlite:
            _check_file(self._url.database, self._file)
        with self.read() as connection:
            _check_no_standby(connection)
        if time.monotonic() - self._full_at < REFUSED_FOR:
            raise NoRoom()

    def _connected(self) -> Connection:
        assert self._engine is not None, "Store.open() comes first"
        return self._engine.connect()

    def _new_engine(self) -> Engine:
        if not self.is_sqlite:
            from jobs.store.connections.postgresql import (
                new_engine,
            )  # with its driver, which SQLite does without

            return new_engine(self._url, self._limits)
        engine = sa.create_engine(
            self._url,
            poolclass=NativePool,
            pool_size=KEPT_OPEN,
            max_overflow=MOST_CONNECTIONS - KEPT_OPEN,
            pool_timeout=CONNECTION_WAIT,
            connect_args={"timeout": BUSY_TIMEOUT},
        )
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine


def _file_of(name: str | None) -> tuple[int, int] | None:
    """None where there is no such file, as of a database in memory."""
    try:
        found = os.stat(name or "")
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _check_file(name: str | None, opened: tuple[int, int] | None) -> None:
    """Raises ReadOnly for a file that is not the one that was opened, and for a file system that became read-only, as after an error of its disk.

    Raises NoRoom where that disk is full.
    """
    found = _file_of(name)
    if opened not in (None, found):
        why = "its file was deleted or replaced, and what is written goes with the old one"
        raise ReadOnly(f"{why}: stop the server, and start it with the file that is right")
    if not name or found is None:
        return
    if not os.access(name, os.W_OK):
        raise ReadOnly("its file, or the file system of that, is read-only")
    if _room_beside(name) < LEAST_ROOM:
        raise NoRoom()


def _room_beside(name: str) -> int:
    """Bytes that our user may still write on the disk of this file; root may take what is kept from others."""
    disk = os.statvfs(name)
    if not disk.f_blocks:  # a file system that tells no figures
        return LEAST_ROOM
    return disk.f_frsize * (disk.f_bavail if os.geteuid() else disk.f_bfree)


def _check_no_standby(connection: Connection) -> None:
    """Raises ReadOnly. What a standby refuses is asked for beforehand."""
    if connection.dialect.name != "postgresql":
        connection.execute(sa.select(1)).scalar_one()
    elif connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on":
        connection.invalidate()  # where the server has become a standby, a new connection may find the other one
        raise ReadOnly()


def size_on_disk(connection: Connection) -> int:
    """Bytes of the whole database, with what SQLite keeps beside its file."""
    if connection.dialect.name == "postgresql":
        asked = sa.select(sa.func.pg_database_size(sa.func.current_database()))
        return int(connection.execute(asked).scalar_one())
    file = connection.exec_driver_sql("PRAGMA database_list").one()[2]
    parts = (Path(f"{file}{suffix}") for suffix in ("", "-wal", "-shm"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions itself
    _keep_a_wal(connection)
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _keep_a_wal(connection: Any) -> None:
    # When several processes turn a new file into WAL, SQLite fails with "locked" without waiting.
    deadline = time.monotonic() + BUSY_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            # The low byte of an extended error code is the primary one.
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
            time.sleep(_BUSY_PAUSE)
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and then writes may fail with BUSY_SNAPSHOT without waiting.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except (sa.exc.IntegrityError, sa.exc.DataError):
        raise  # what was asked for is at fault, and would be again
    except (DBAPIError, sa.exc.TimeoutError) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if getattr(cause, "sqlstate", None) == _READ_ONLY:
            raise ReadOnly() from error
        if _is_full(cause):
            raise NoRoom() from error
        text = f"the database did not take the request: {cause}"
        if getattr(cause, "sqlstate", None) == _DEADLOCK:
            raise Deadlocked(text) from error
        is_plain = isinstance(cause, sqlite3.Error)  # its text names no host and no user
        fault = Locked if _is_locked(cause) else StoreUnavailable
        raise fault(text, text if is_plain else ASK_THE_LOG) from error


def _is_locked(cause: object) -> bool:
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return getattr(cause, "sqlstate", None) == _LOCK_REFUSED


def _is_full(cause: object) -> bool:
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
    return getattr(cause, "sqlstate", None) == _DISK_FULL
