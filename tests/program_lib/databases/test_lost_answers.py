"""The connection breaks while the database works on the end of a transaction: are the rows there, and what is told?"""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from psycopg import OperationalError
from psycopg.errors import ConnectionFailure, TransactionTimeout
from sqlalchemy.engine import make_url

from program_lib.databases import lost
from program_lib.databases.lost import ConnectionLost, TransactionLost
from program_lib.databases.mysql import catalog
from program_lib.databases.mysql.session import Session as MysqlSession
from program_lib.databases.mysql.transaction import Transaction
from program_lib.databases.names import Table
from program_lib.databases.other.writer import OtherWriter
from program_lib.databases.postgresql.session import Session
from program_lib.errors import EndUnknown, TargetFailed
from program_lib.types import INTEGER, Column, Schema
from tests.harness import eventually
from tests.program_lib.moving import say, writing
from tests.servers.databases import Database

ROWS = pa.table({"k": pa.array([1, 2, 3], pa.int64())})
LAST = {"postgresql": b"COMMIT\0", "mariadb": b"\x03COMMIT"}
RENAME = b"\x03RENAME TABLE"
BROKEN = b"SFATAL\0C%s\0Mserver conn crashed?\0\0"  # of PostgreSQL
UNKNOWN = "it is not known whether these rows are written: look"


class Between:
    """Passes bytes on to a database until `last` comes from its client: then both connections end, before or after its answer."""

    def __init__(
        self, port: int, last: bytes, *, passes: bool, returns: bool, told: bytes, earlier: int
    ) -> None:
        """`passes`: the database gets `last`, and its answer is lost. `returns`: later connections are let through.

        `told`: the client is told this instead of the answer, and stays connected. `earlier`: as many of `last` come before it.
        """
        self._earlier = earlier
        self._target, self._last = ("127.0.0.1", port), last
        self._passes, self._returns, self._told = passes, returns, told
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                is_cut = threading.Event()
                for way in (_pass_on, self._up):
                    threading.Thread(target=way, args=(near, far, is_cut), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket, is_cut: threading.Event) -> None:
        with contextlib.suppress(OSError), near, far:
            while content := near.recv(65536):
                if self._last not in content or self._is_earlier():
                    far.sendall(content)
                    continue
                is_cut.set()
                self._cut(near, far, content)
                if not self._told:
                    return

    def _is_earlier(self) -> bool:
        self._earlier -= 1
        return self._earlier >= 0

    def _cut(self, near: socket.socket, far: socket.socket, content: bytes) -> None:
        if not self._returns:
            self._listener.shutdown(socket.SHUT_RDWR)
        if not self._told:
            near.shutdown(socket.SHUT_WR)
        if self._passes:
            far.sendall(content)
        far.shutdown(socket.SHUT_WR)  # its session ends after what it got
        if self._told:
            near.sendall(self._told)


def _pass_on(near: socket.socket, far: socket.socket, is_cut: threading.Event) -> None:
    """What the database says, until its answer is not to arrive."""
    with contextlib.suppress(OSError):
        while content := far.recv(65536):
            if is_cut.is_set():
                return
            near.sendall(content)


@contextlib.contextmanager
def cut_off(
    database: Database,
    last: bytes,
    *,
    passes: bool = True,
    returns: bool = True,
    told: bytes = b"",
    earlier: int = 0,
) -> Iterator[str]:
    """The URL of the database behind what loses an answer."""
    between = Between(
        database.port, last, passes=passes, returns=returns, told=told, earlier=earlier
    )
    with contextlib.closing(between):
        yield database.url.replace(f":{database.port}/", f":{between.port}/")


def write_to(url: str, mode: str) -> None:
    with writing(url, "t", mode, k=INTEGER) as writer:
        writer.write(ROWS)
        writer.finish()
        writer.commit()


@pytest.mark.parametrize("mode", ["create", "append"])
def test_postgresql_is_asked_whether_it_has_committed(postgresql: Database, mode: str) -> None:
    """The run failed, though its rows were there: a retry wrote them twice."""
    if mode == "append":
        postgresql.execute("CREATE TABLE t (k bigint)")
    with cut_off(postgresql, LAST["postgresql"]) as url:
        write_to(url, mode)
    assert postgresql.rows("SELECT k FROM t") == [(1,), (2,), (3,)]


@pytest.mark.parametrize(
    ("code", "passes"), [(b"08006", True), (b"58000", True), (b"57P01", True), (b"08006", False)]
)
def test_postgresql_is_asked_where_a_proxy_says_that_its_connection_broke(
    postgresql: Database, code: bytes, passes: bool
) -> None:
    """The client stays connected, so that the run was taken to have failed for sure, and a retry wrote its rows twice."""
    postgresql.execute("CREATE TABLE t (k bigint)")
    said = BROKEN % code
    told = b"E" + (len(said) + 4).to_bytes(4, "big") + said + b"Z\0\0\0\5I"
    refused = contextlib.nullcontext() if passes else pytest.raises(psycopg.OperationalError)
    with cut_off(postgresql, LAST["postgresql"], passes=passes, told=told) as url, refused:
        write_to(url, "append")
    assert postgresql.value("SELECT count(*) FROM t") == (3 if passes else 0)


CRASHED = "server conn crashed?"


def test_postgresql_that_a_proxy_lost_just_before_commit_has_committed_nothing(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run completed, with nothing written: COMMIT went to a session that had no transaction."""
    postgresql.execute("CREATE TABLE t (k bigint)")
    with writing(postgresql.url, "t", "append", k=INTEGER) as writer:
        writer.write(ROWS)
        writer.finish()
        _lose(monkeypatch, at="SELECT txid_current")
        with pytest.raises(psycopg.OperationalError, match=re.escape(CRASHED)):
            writer.commit()
    assert postgresql.rows("SELECT k FROM t") == []


@pytest.mark.parametrize(
    ("at", "error", "told"),
    [
        ("SAVEPOINT", ConnectionFailure, OperationalError),
        ("RELEASE", ConnectionFailure, OperationalError),
        ("SAVEPOINT", TransactionTimeout, TargetFailed),  # by the server itself: an InternalError
    ],
)
def test_no_row_is_tried_after_postgresql_was_lost(
    postgresql: Database,
    monkeypatch: pytest.MonkeyPatch,
    at: str,
    error: type[psycopg.Error],
    told: type[Exception],
) -> None:
    """Each row was blamed: “SAVEPOINT can only be used in transaction blocks”."""
    postgresql.execute("CREATE TABLE t (k bigint)")
    with writing(postgresql.url, "t", "append", k=INTEGER) as writer:
        writer.write(ROWS)
        _lose(monkeypatch, at, error)
        for _ in range(2):
            with pytest.raises(told, match=re.escape(CRASHED)):
                writer.write(ROWS)


def _lose(
    monkeypatch: pytest.MonkeyPatch, at: str, error: type[psycopg.Error] = ConnectionFailure
) -> None:
    """A proxy loses the server at a statement that begins so, once; the next one goes to a new session, with no transaction."""
    execute, is_told = psycopg.Connection.execute, False

    def lost(self: psycopg.Connection[Any], query: bytes, *others: Any) -> object:
        nonlocal is_told
        if not is_told and query.startswith(at.encode()):
            is_told = True
            execute(self, "ROLLBACK")
            raise error(CRASHED)
        return execute(self, query, *others)

    monkeypatch.setattr(psycopg.Connection, "execute", lost)


def test_postgresql_has_not_committed_where_it_says_so(postgresql: Database) -> None:
    postgresql.execute("CREATE TABLE t (k bigint)")
    cut = cut_off(postgresql, LAST["postgresql"], passes=False)
    said = "server closed the connection"
    with cut as url, pytest.raises(psycopg.OperationalError, match=said):
        write_to(url, "append")
    assert postgresql.rows("SELECT k FROM t") == []


def test_postgresql_that_does_not_come_back_leaves_it_open(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost, "ASK_SECONDS", 0.3)
    postgresql.execute("CREATE TABLE t (k bigint)")
    cut = cut_off(postgresql, LAST["postgresql"], returns=False)
    with cut as url, pytest.raises(EndUnknown, match=UNKNOWN):
        write_to(url, "append")


def test_a_server_without_such_a_question_commits_all_the_same(
    postgresql: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Session.value

    def refused(self: Session, query: str, parameters: Sequence[object] = ()) -> object:
        return asked(self, query.replace("txid_current_if", "nothing_if"), parameters)

    monkeypatch.setattr(Session, "value", refused)
    write_to(postgresql.url, "create")
    assert postgresql.rows("SELECT k FROM t") == [(1,), (2,), (3,)]


@pytest.mark.parametrize("is_told", [False, True])
def test_mariadb_is_looked_at_whether_a_new_table_has_its_name(
    mariadb: Database, is_told: bool
) -> None:
    with cut_off(mariadb, RENAME, told=_lost_backend(2013) if is_told else b"") as url:
        write_to(url, "create")
    assert mariadb.rows("SELECT k FROM t") == [(1,), (2,), (3,)]


def test_mariadb_that_hangs_is_not_waited_for_where_no_cancel_is_heard(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds: list[float | None] = []
    columns = catalog.columns

    def noted(session: MysqlSession, table: Table) -> list[catalog.Declared]:
        bounds.append(session.connection._read_timeout)
        return columns(session, table)

    monkeypatch.setattr(catalog, "columns", noted)
    with cut_off(mariadb, RENAME) as url:
        write_to(f"{url}?connect_timeout=29", "create")
    assert bounds == [None, 29]  # of the new table before its rows, and of its name


def test_a_new_table_of_mariadb_that_has_not_its_name_is_dropped(mariadb: Database) -> None:
    with cut_off(mariadb, RENAME, passes=False) as url, pytest.raises(TransactionLost):
        write_to(url, "create")
    assert mariadb.rows("SHOW TABLES") == []


def test_a_new_table_of_mariadb_may_get_its_name_after_the_answer_was_lost(
    mariadb: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server waited for a backup: the run failed as one that wrote nothing, and then the table stood there with its rows."""
    execute, has_names = MysqlSession.execute, Transaction._has_names
    waiting = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'RENAME%{}%'"
    thread, answers = ThreadPoolExecutor(1), list[bool | None]()

    def lost(self: MysqlSession, statement: str) -> int:
        if not statement.startswith("RENAME"):
            return execute(self, statement)
        [(made,)] = mariadb.rows("SHOW TABLES")
        mariadb.execute(f"LOCK TABLES {made} READ")
        thread.submit(execute, self, statement)
        eventually(lambda: mariadb.value(waiting.format(made)) == 1)
        raise ConnectionLost("Lost connection")

    def asked(self: Transaction, renaming: MysqlSession) -> bool | None:
        answers.append(has_names(self, renaming))
        mariadb.execute("UNLOCK TABLES")
        return answers[-1]

    monkeypatch.setattr(MysqlSession, "execute", lost)
    monkeypatch.setattr(Transaction, "_has_names", asked)
    with thread:
        try:
            write_to(mariadb.url, "create")
        finally:
            mariadb.execute("UNLOCK TABLES")
    assert answers[0] is None
    assert mariadb.rows("SELECT k FROM t") == [(1,), (2,), (3,)]


def test_mariadb_cannot_tell_whether_it_has_committed(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (k decimal(5))")
    cut = cut_off(mariadb, LAST["mariadb"])
    with cut as url, pytest.raises(EndUnknown, match=UNKNOWN):
        write_to(url, "append")
    assert mariadb.rows("SELECT k FROM t") in ([], [(Decimal(k),) for k in (1, 2, 3)])


@pytest.mark.parametrize("code", [2013, 2006, 1927])
def test_a_proxy_that_lost_mariadb_cannot_tell_whether_it_has_committed(
    mariadb: Database, code: int
) -> None:
    """ProxySQL answers with an error of its own, and keeps its client."""
    mariadb.execute("CREATE TABLE t (k decimal(5))")
    cut = cut_off(mariadb, LAST["mariadb"], told=_lost_backend(code))
    with cut as url, pytest.raises(EndUnknown, match=f"^Lost connection.* {UNKNOWN}"):
        write_to(url, "append")


def _lost_backend(code: int) -> bytes:
    """The answer of a proxy of MariaDB that has lost the server."""
    said = b"\xff" + code.to_bytes(2, "little") + b"#HY000Lost connection to the backend"
    return len(said).to_bytes(3, "little") + b"\1" + said


@pytest.mark.parametrize(
    ("kind", "mode"), [("postgresql", "create"), ("postgresql", "append"), ("mariadb", "append")]
)
def test_of_databases_that_only_sqlalchemy_knows_nobody_can_tell(
    request: pytest.FixtureRequest, kind: str, mode: str
) -> None:
    """The run failed as one that left nothing, so that a retry wrote its rows twice; a new table was dropped, with its rows."""
    database: Database = request.getfixturevalue(kind)
    if mode == "append":
        database.execute("CREATE TABLE t (k integer)")
    making = int(mode == "create")  # commits, too
    with cut_off(database, LAST[kind], earlier=making) as url:
        writer = OtherWriter(make_url(url), "t", mode)
        try:
            writer.start(say)
            writer.open(Schema([Column("k", INTEGER)]))
            writer.write(ROWS)
            writer.finish()
            with pytest.raises(EndUnknown, match=UNKNOWN):
                writer.commit()
        finally:
            writer.undo()
    eventually(lambda: database.rows("SELECT k FROM t") == [(1,), (2,), (3,)])
