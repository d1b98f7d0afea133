"""A client of a gthread worker while no thread is its own: before a request's header is here, and after the last answer.

The worker's main loop serves these two with a poller, and never waits for one of them.
"""

import socket
import time
from collections.abc import Callable
from enum import Enum, auto
from functools import partial
from selectors import EVENT_READ, BaseSelector
from typing import Any

from gunicorn import util
from gunicorn.workers.gthread import TConn

from web.serving.patience import LEAST_RATE, WAITS, PatientSocket, untaken

HEADER_WAIT = 10.0  # seconds from a connection's first byte to the end of its header
HEAD_BYTES = 16_384  # of a header that the main loop gathers; a longer one is read on by a thread
RECEIVE_BYTES = 8_192
WAITING = 512  # connections whose header is awaited; full: the oldest is closed for the new one
LINGER_WAIT = 5.0  # seconds to close, for a client that has had its last answer; again while it still takes that
LINGER_BYTES = 8 << 20  # read away meanwhile, of a body that nobody wanted
LINGERING = 256  # connections; full: the oldest is closed for the new one
DISCARD_BYTES = 65_536  # in one turn of the main loop

END_OF_HEADER = b"\r\n\r\n"


class HttpSocket(PatientSocket, socket.socket):
    """The socket of a gthread worker's client."""

    __slots__ = ()


class Head(Enum):
    """How much of a request's header is here."""

    PART = auto()
    WHOLE = auto()
    GONE = auto()  # the client left


class Connection(TConn):  # type: ignore[misc]
    """gunicorn's connection, with the bytes of its next request that were read before a thread has it."""

    def __init__(
        self,
        cfg: Any,
        client: Any,
        address: Any,
        server: Any,
        linger: Callable[["Connection"], None],
    ) -> None:
        sock = HttpSocket(client.family, client.type, client.proto, fileno=client.detach())
        super().__init__(cfg, sock, address, server)
        self._linger = linger
        self.head = b""  # (main thread, until a thread is given the connection)
        self.discarded = 0  # (main thread) bytes, after the last answer
        self.untaken = 0  # (main thread) bytes of the last answer, at the last look

    def read_head(self) -> Head:
        """Reads what is here (main thread). The socket does not block."""
        assert self.sock.gettimeout() == 0, "the main loop waits for nobody"
        if self.parser is not None:
            self.head += self.parser.unreader.take_buffered()  # sent ahead, with the last request
        if self._is_whole(0):
            return Head.WHOLE
        try:
            received = self.sock.recv(RECEIVE_BYTES)
        except (BlockingIOError, InterruptedError):
            return Head.PART
        except OSError:
            return Head.GONE
        if not received:
            return Head.GONE
        before = len(self.head)
        self.head += received
        return Head.WHOLE if self._is_whole(before) else Head.PART

    def _is_whole(self, looked_at: int) -> bool:
        if len(self.head) >= HEAD_BYTES:
            return True
        return self.head.find(END_OF_HEADER, max(looked_at - len(END_OF_HEADER), 0)) >= 0

    def begin(self) -> None:
        """Gives the parser what was read (request thread)."""
        self.sock.setblocking(True)
        self.init()
        self.parser.unreader.unread(self.head)
        self.head = b""

    def close(self, graceful: bool = False) -> None:
        """Closes at once, or lets the client read its last answer first; never waits."""
        WAITS.forget(self.sock)
        if graceful:
            self._linger(self)
        else:
            util.close(self.sock)


class Heads:
    """Connections whose header is awaited, the oldest first. Main thread only."""

    def __init__(
        self,
        poller: BaseSelector,
        ready: Callable[[Connection], None],
        gone: Callable[[Connection], None],
    ) -> None:
        """`ready` is called with a connection whose header is here, `gone` with one to be closed."""
        self._poller = poller
        self._ready = ready
        self._gone = gone
        self._since: dict[Connection, float] = {}

    def add(self, conn: Connection) -> None:
        """Takes a connection, and calls `ready` or `gone` with it, now or later."""
        conn.sock.setblocking(False)  # a thread may have had it
        head = conn.read_head()
        if head is Head.PART:
            if len(self._since) >= WAITING:
                self.end_oldest()
            self._since[conn] = time.monotonic()
            self._poller.register(conn.sock, EVENT_READ, partial(self._read_on, conn))
        else:
            self._decide(conn, head)

    def end_oldest(self) -> bool:
        """Closes the connection that has waited longest; False when there is none."""
        oldest = next(iter(self._since), None)
        if oldest is not None:
            self._end(oldest)
        return oldest is not None

    def end_late(self, wait: float) -> None:
        """Ends those that have waited longer than that."""
        limit = time.monotonic() - wait
        while self._since:
            conn, since = next(iter(self._since.items()))
            if since > limit:
                return
            self._end(conn)

    def _read_on(self, conn: Connection, _: object) -> None:
        if conn not in self._since:
            return  # it was ended since the poller saw it
        head = conn.read_head()
        if head is not Head.PART:
            self._take(conn)
            self._decide(conn, head)

    def _end(self, conn: Connection) -> None:
        self._take(conn)
        self._gone(conn)

    def _take(self, conn: Connection) -> None:
        del self._since[conn]
        self._poller.unregister(conn.sock)

    def _decide(self, conn: Connection, head: Head) -> None:
        if head is Head.WHOLE:
            self._ready(conn)
        else:
            self._gone(conn)


def goes_on(before: int, now: int) -> bool:
    """Whether a client that has had its last answer still takes it: bytes that wait, LINGER_WAIT ago and now."""
    return now > 0 and before - now >= LEAST_RATE * LINGER_WAIT


class Lingering:
    """Connections that had their last answer: closed when their clients close. Main thread only.

    A socket that is closed with unread bytes resets the connection, and a reset overtakes the
    answer. gunicorn waits in its main loop for that, 2 s for each.
    """

    def __init__(self, poller: BaseSelector) -> None:
        self._poller = poller
        self._until: dict[Connection, float] = {}

    def add(self, conn: Connection) -> None:
        """Takes a connection, and closes it when its client does. Never raises."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            conn.sock.setblocking(False)
            if not self._has_ended(conn):
                self._keep(conn)
                return
        except (OSError, ValueError, KeyError):
            pass  # it is over
        util.close(conn.sock)

    def end_late(self) -> None:
        now = time.monotonic()
        while self._until:
            conn, until = next(iter(self._until.items()))
            if until > now:
                return
            before, conn.untaken = conn.untaken, untaken(conn.sock)
            if goes_on(before, conn.untaken):
                del self._until[conn]  # to the end of the line
                self._until[conn] = now + LINGER_WAIT
            else:
                self._end(conn)

    def end_oldest(self) -> bool:
        """Closes the connection that has waited longest; False when there is none."""
        oldest = next(iter(self._until), None)
        if oldest is not None:
            self._end(oldest)
        return oldest is not None

    def end_all(self) -> None:
        while self.end_oldest():
            pass

    def _keep(self, conn: Connection) -> None:
        self._poller.register(conn.sock, EVENT_READ, partial(self._read_on, conn))
        if len(self._until) >= LINGERING:
            self.end_oldest()
        self._until[conn] = time.monotonic() + LINGER_WAIT
        conn.untaken = untaken(conn.sock)

    def _read_on(self, conn: Connection, _: object) -> None:
        if conn in self._until and self._has_ended(conn):  # not ended since the poller saw it
            self._end(conn)

    def _has_ended(self, conn: Connection) -> bool:
        """Reads and forgets; whether the client closed, or sent too much."""
        try:
            received = len(conn.sock.recv(DISCARD_BYTES))
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True
        conn.discarded += received
        return not received or conn.discarded > LINGER_BYTES

    def _end(self, conn: Connection) -> None:
        del self._until[conn]
        self._poller.unregister(conn.sock)
        util.close(conn.sock)
