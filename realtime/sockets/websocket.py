"""One accepted browser connection: whole frames, bounded waits, no thread of its own.

simple-websocket opens it (realtime/sockets/handshake.py) and wsproto parses the frames, but for short ones (realtime/sockets/short_frames.py). Reading runs in the handler's
thread instead of simple-websocket's own, and writing goes around it: its thread answers pings
without a lock in the middle of our frames, and has no deadline for a write
(docs/decisions/websocket.md lists each defect and its guard).
"""

import select
import socket
import time
from collections.abc import Iterator
from typing import Any

from wsproto import ConnectionType, events
from wsproto.connection import Connection
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from realtime.sockets.close_codes import CloseCode
from realtime.sockets.short_frames import take_short_frames
from web.serving.gevent_sockets import is_ready, raw

MAX_MESSAGE = 4_096  # bytes of one message from a browser
RECEIVE_BYTES = 4_096
DISCARD_BYTES = 262_144
DEAD = -1

_NO_WAIT = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


class Closed(Exception):
    """The conversation is over. `code` is for our close frame; None: there is nobody to read it."""

    def __init__(self, code: int | None, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class WebSocket:
    """Reads in the handler's thread; sends from whoever holds the client's lock.

    The socket stays gunicorn's: it is shut down here, and closed there.
    """

    __slots__ = ("_protocol", "_raw", "_socket", "last_heard")

    def __init__(self, sock: Any) -> None:
        """`sock` has shaken hands (`realtime.sockets.handshake.accept`)."""
        # (reader thread) parses frames; None while all were whole and short
        self._protocol: Connection | None = None
        self._socket = sock
        self._raw = raw(sock)
        self.last_heard = time.monotonic()  # (reader thread)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            self._raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    # ---- reading (the handler's thread)

    def wait_readable(self, wait: float) -> bool:
        """Whether something can be read, at the latest after `wait` seconds."""
        return is_ready(self._socket, select.POLLIN, max(wait, 0))

    def read(self) -> Iterator[events.Event]:
        """The events of one read. Raises Closed at the end of the stream."""
        try:
            received = self._socket.recv(RECEIVE_BYTES)
        except (OSError, ValueError) as error:
            raise Closed(None, f"connection lost: {error}") from None
        if not received:
            raise Closed(None, "connection lost")
        self.last_heard = time.monotonic()
        if self._protocol is None:
            found, received = take_short_frames(received)
            yield from found
            if not received:
                return
            self._protocol = Connection(ConnectionType.SERVER)
        try:
            self._protocol.receive_data(received)
            yield from self._protocol.events()
        except (LocalProtocolError, RemoteProtocolError) as error:
            raise Closed(CloseCode.PROTOCOL_ERROR, str(error)) from None

    def discard(self) -> bool:
        """Reads and forgets; False at the end of the stream."""
        try:
            return bool(self._socket.recv(DISCARD_BYTES))
        except (OSError, ValueError):
            return False

    # ---- writing (whoever holds the client's lock)

    def try_send(self, data: bytes | memoryview) -> int:
        """Sends what the kernel takes at once: a count of bytes, 0 when none, DEAD when it is over."""
        try:
            sent: int = self._raw.send(data, _NO_WAIT)
            return sent
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            return DEAD

    def send_all(self, data: bytes, wait: float) -> None:
        """Sends all of `data`. Raises TimeoutError when nothing moves for `wait` seconds, OSError."""
        rest = memoryview(data)
        while rest:
            sent = self.try_send(rest)
            if sent == DEAD:
                raise ConnectionError("connection lost")
            rest = rest[sent:]
            if rest and not is_ready(self._socket, select.POLLOUT, wait):
                raise TimeoutError(f"nothing was read for {wait:g} s")

    # ---- ending (any thread, any number of times)

    def end_sending(self) -> None:
        """No more from us: the peer reads what was sent, then the end."""
        self._shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Ends both directions and wakes every thread that waits on this socket."""
        self._shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Ends the parser, after which counts of references free all of it.

        It is a generator that holds its owner, so that only a search for garbage would find the two. wsproto has no
        name for that in public; its attributes are named here alone.
        """
        if self._protocol is not None:
            self._protocol._proto._parse_more.close()

    def _shutdown(self, how: int) -> None:
        try:
            self._raw.shutdown(how)
        except OSError:
            pass


class MessageReader:
    """Puts fragments together, within MAX_MESSAGE bytes; pure."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0

    def add(self, event: events.TextMessage) -> str | None:
        """The whole message once its last fragment is there. Raises Closed when it is too big."""
        self._size += len(event.data.encode("utf-8", "surrogatepass"))
        if self._size > MAX_MESSAGE:
            raise Closed(CloseCode.MESSAGE_TOO_BIG, f"message over {MAX_MESSAGE} bytes")
        if event.data:  # empty fragments without end must not add up
            self._parts.append(event.data)
        if not event.message_finished:
            return None
        text, self._parts, self._size = "".join(self._parts), [], 0
        return text
