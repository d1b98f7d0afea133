"""How long a request waits for its client, and how many requests may wait at a time.

Sockets of connections that speak HTTP wait here, for a body as for room for an answer. What a client
has taken is measured by what the kernel still holds for it: a socket turns writable only when a third of a
buffer of megabytes is free again, which says nothing for minutes of a client that reads slowly but steadily.
"""

import errno
import fcntl
import select
import socket
import struct
import termios
import time
from collections.abc import Callable
from typing import Any

from web.serving.gevent_sockets import is_ready, raw

STILL_WAIT = 12.0  # seconds that a client may stand still; with LOOK_PERIOD it is under 15
# Bytes/s, averaged over the time in which we wait; the slowest of phones does more
LEAST_RATE = 4_096
LOOK_PERIOD = 1.0  # seconds between two looks at what a client has taken
# Slow clients that may hold one of the 40 threads for HTTP; when full, the slowest is cut
SLOW_CLIENTS = 20
UNTAKEN = 65_536  # bytes of earlier answers; beyond, the client's next request waits until it reads
UNTAKEN_PERIOD = 0.1  # seconds between two looks whether it does

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_NOW = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER: drop what was not taken, at once


class TooSlow(TimeoutError):
    """A client was given up. gunicorn takes it for a connection that was reset: no traceback."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ECONNRESET, reason)


class Patience:
    """What is left for one client; pure.

    Waiting costs it, bytes that move give it back, and it is never more than `most`. It stays with the
    connection from one request to the next, or each small answer would begin with all of it.
    """

    __slots__ = ("is_cut", "left", "most", "owed", "seen", "sent")

    def __init__(self, most: float = STILL_WAIT) -> None:
        self.left = self.most = most  # seconds
        # Seconds waited beyond what the bytes were worth; negative for a quick client
        self.owed = 0.0
        self.sent = 0  # bytes given to the kernel
        # Of the bytes sent, those that the client had taken at the last look; may begin below 0
        self.seen = 0
        self.is_cut = False  # by another thread, which needed the place

    def spend(self, seconds: float, moved: int) -> None:
        earned = moved / LEAST_RATE
        self.left = min(self.left - seconds + earned, self.most)
        self.owed += seconds - earned

    def took(self, waiting: int) -> int:
        """How many bytes more the client has taken, when `waiting` are still in the kernel."""
        moved, self.seen = self.sent - waiting - self.seen, self.sent - waiting
        return max(moved, 0)

    @property
    def is_over(self) -> bool:
        return self.is_cut or self.left <= 0


class Waits:
    """The waits of one worker: at most `most` at a time.

    Used by all request threads without a lock: each touches its own connection only, by one step of a
    dict. Two that find it full at the same time may cut the same client; then one more waits.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.still_wait = STILL_WAIT  # seconds
        self._patience: dict[Any, Patience] = {}  # of each connection that was waited for
        self._waiting: dict[Any, int] = {}  # sockets that are waited for now, and the poll's event

    def recv(self, sock: Any, size: int) -> bytes:
        """Some bytes, or none at the end. Raises TooSlow."""
        while True:
            try:
                received: bytes = raw(sock).recv(size, _NOW)
            except (BlockingIOError, InterruptedError):
                self._wait(sock, select.POLLIN, lambda patience: 0)
                continue
            if (patience := self._patience.get(sock)) is not None:
                patience.spend(0, len(received))
            return received

    def send_all(self, sock: Any, data: Any) -> None:
        """Sends all of it. Raises TooSlow, and OSError when the client left."""
        rest = memoryview(data)
        while rest := rest[self._send_now(sock, rest) :]:
            self._wait(sock, select.POLLOUT, lambda patience: patience.took(untaken(sock)))

    def until_taken(self, sock: Any) -> None:
        """Returns when the client has taken its earlier answers. Raises TooSlow.

        Who sends requests ahead and reads no answer costs no more work than UNTAKEN bytes of answers.
        """
        while untaken(sock) > UNTAKEN:
            self._wait(
                sock, 0, lambda patience: patience.took(untaken(sock)), most_seconds=UNTAKEN_PERIOD
            )

    def begin_request(self, request: Any, sock: Any) -> None:
        """Waits until earlier answers are taken, then asks for a body that waits to be asked for. Raises TooSlow.

        gunicorn does the first not at all, and the second without a deadline.
        """
        self.until_taken(sock)
        if request._expected_100_continue:
            request._expected_100_continue = False
            self.send_all(sock, CONTINUE)

    def forget(self, sock: Any) -> None:
        """Drops what is known of a connection that was closed."""
        self._patience.pop(sock, None)

    def _send_now(self, sock: Any, data: memoryview) -> int:
        try:
            sent: int = raw(sock).send(data, _NOW)
        except (BlockingIOError, InterruptedError):
            return 0
        if (patience := self._patience.get(sock)) is not None:
            patience.sent += sent
        return sent

    def _wait(
        self,
        sock: Any,
        event: int,
        moved: Callable[[Patience], int],
        most_seconds: float | None = None,
    ) -> None:
        """Waits for `event`, at most `most_seconds`. Raises TooSlow."""
        patience = self._patience_of(sock)
        self._waiting[sock] = event
        self._make_room()
        step = most_seconds or LOOK_PERIOD
        try:
            is_due = False
            while not is_due:
                began = time.monotonic()
                is_due = is_ready(sock, event, step) or most_seconds is not None
                patience.spend(time.monotonic() - began, moved(patience))
                if patience.is_over:
                    self._give_up(sock, event)
        finally:
            self._waiting.pop(sock, None)

    def _patience_of(self, sock: Any) -> Patience:
        patience = self._patience.get(sock)
        if patience is None:
            patience = self._patience[sock] = Patience(self.still_wait)
            patience.seen = -untaken(sock)
        return patience

    def _make_room(self) -> None:
        """Cuts the slowest client, when too many are waited for."""
        waiting = list(self._waiting)
        if len(waiting) <= self.most:
            return
        known = [(self._patience.get(sock), sock) for sock in waiting]
        slow = [(patience.owed, id(sock), sock) for patience, sock in known if patience is not None]
        slowest = max(slow)[2]
        self._patience_of(slowest).is_cut = True
        event = self._waiting.pop(slowest, 0)
        # who sends a body can still be told; who takes no answer cannot
        shut(slowest, socket.SHUT_RD if event == select.POLLIN else socket.SHUT_RDWR)

    def _give_up(self, sock: Any, event: int) -> None:
        if event != select.POLLIN:
            _abort_at_close(sock)
        raise TooSlow(
            f"the client was slower than {LEAST_RATE} bytes/s for {self.still_wait:g} s, or the slowest of {self.most}"
        )


def untaken(sock: Any) -> int:
    """Bytes that were sent and that the client's machine has not taken."""
    try:
        found = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
    except (OSError, ValueError):
        return 0  # it is closed
    return int.from_bytes(found, "little")


def shut(sock: Any, how: int) -> None:
    """Wakes who waits on it; harmless when it is closed."""
    try:
        raw(sock).shutdown(how)
    except OSError:
        pass


def _abort_at_close(sock: Any) -> None:
    try:
        raw(sock).setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
    except OSError:
        pass
    shut(sock, socket.SHUT_RDWR)


WAITS = Waits(SLOW_CLIENTS)
"""Those of this process: a web worker has one pool of threads."""


class PatientSocket:
    """For a socket class to inherit first: reads and writes of a blocking socket are waits of `WAITS`."""

    __slots__ = ()

    def recv(self, size: int, flags: int = 0) -> bytes:
        if flags or self.gettimeout() == 0:  # type: ignore[attr-defined]
            received: bytes = super().recv(size, flags)  # type: ignore[misc]
            return received
        return WAITS.recv(self, size)

    def sendall(self, data: Any, flags: int = 0) -> None:
        if flags or self.gettimeout() == 0:  # type: ignore[attr-defined]
            super().sendall(data, flags)  # type: ignore[misc]
        else:
            WAITS.send_all(self, data)
