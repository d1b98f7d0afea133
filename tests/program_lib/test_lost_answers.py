"""The connection breaks while the database works on the end of a transaction: are the rows there, and what is told?"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal

import psycopg
import pyarrow as pa
import pytest

from program_lib.databases import lost
from program_lib.databases.lost import TransactionLost
from program_lib.databases.postgresql.session import Session
from program_lib.errors import EndUnknown
from program_lib.types import INTEGER
from tests.databases import Database
from tests.program_lib.moving import writing

ROWS = pa.table({"k": pa.array([1, 2, 3], pa.int64())})
LAST = {"postgresql": b"COMMIT\0", "mariadb": b"\x03COMMIT"}
RENAME = b"\x03RENAME TABLE"
UNKNOWN = "it is not known whether these rows are written: look"


class Between:
    """Passes bytes on to a database until `last` comes from its client: then both connections end, before or after its answer."""

    def __init__(self, port: int, last: bytes, *, passes: bool, returns: bool) -> None:
        """`passes`: the database gets `last`, and its answer is lost. `returns`: later connections are let through."""
        self._target, self._last = ("127.0.0.1", port), last
        self._passes, self._returns = passes, returns
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
                answers = threading.Thread(target=_pass_on, args=(far, near), daemon=True)
                answers.start()
                threading.Thread(target=self._up, args=(near, far), daemon=True).start()

    def _up(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError), near, far:
            while content := near.recv(65536):
                if self._last in content:
                    self._cut(near, far, content)
                    return
                far.sendall(content)

    def _cut(self, near: socket.socket, far: socket.socket, content: bytes) -> None:
        if not self._returns:
            self._listener.shutdown(socket.SHUT_RDWR)
        near.shutdown(socket.SHUT_WR)  # the answer does not arrive
        if self._passes:
            far.sendall(content)
        far.shutdown(socket.SHUT_WR)  # its session ends after what it got


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)


@contextlib.contextmanager
def cut_off(
    database: Database, last: bytes, *, passes: bool = True, returns: bool = True
) -> Iterator[str]:
    """The URL of the database behind what loses an answer."""
    between = Between(database.port, last, passes=passes, returns=returns)
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


def test_mariadb_is_looked_at_whether_a_new_table_has_its_name(mariadb: Database) -> None:
    with cut_off(mariadb, RENAME) as url:
        write_to(url, "create")
    assert mariadb.rows("SELECT k FROM t") == [(1,), (2,), (3,)]


def test_a_new_table_of_mariadb_that_has_not_its_name_is_dropped(mariadb: Database) -> None:
    with cut_off(mariadb, RENAME, passes=False) as url, pytest.raises(TransactionLost):
        write_to(url, "create")
    assert mariadb.rows("SHOW TABLES") == []


def test_mariadb_cannot_tell_whether_it_has_committed(mariadb: Database) -> None:
    mariadb.execute("CREATE TABLE t (k decimal(5))")
    cut = cut_off(mariadb, LAST["mariadb"])
    with cut as url, pytest.raises(EndUnknown, match=UNKNOWN):
        write_to(url, "append")
    assert mariadb.rows("SELECT k FROM t") in ([], [(Decimal(k),) for k in (1, 2, 3)])
