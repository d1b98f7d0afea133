"""What one browser is sent: straight to the kernel while it takes all, else by a writer thread."""

import logging
import threading
from collections.abc import Sequence
from enum import Enum

from realtime.clients.send_buffer import Part, SendBuffer, Waiting
from realtime.sockets import frames
from realtime.sockets.close_codes import CloseCode
from realtime.sockets.websocket import DEAD, WebSocket

LOG = logging.getLogger(__name__)

WRITE_WAIT = 10.0  # seconds in which something must move while we write
WRITER_LINGER = 1.0  # seconds a writer waits for more before its thread ends


class Sending(Enum):
    """Who writes to the socket of one browser, and what."""

    DIRECT = "direct"  # whoever pushes; nothing waits
    WRITING = "writing"  # the writer, a frame that the kernel took in part and what waits behind it
    CLOSING = "closing"  # the writer, the rest of a frame and then the close frame
    GONE = "gone"  # nobody: the close frame is sent, or the connection is over


# Looked up once: each time costs 0.1 µs in Python 3.11
DIRECT, WRITING = Sending.DIRECT, Sending.WRITING
CLOSING, GONE = Sending.CLOSING, Sending.GONE

MOVES = {
    DIRECT: {WRITING, CLOSING, GONE},
    WRITING: {DIRECT, CLOSING, GONE},
    CLOSING: {GONE},
    GONE: {GONE},
}


class Outgoing:
    """The sending half of a client. Any thread may call any of its methods.

    What each does in each state, and to which state that leads:

    | state   | push                               | close                                     | the writer            |
    |---------|------------------------------------|-------------------------------------------|-----------------------|
    | DIRECT  | sends; taken in part: WRITING      | sends: GONE; taken in part: CLOSING       | there is none         |
    | WRITING | waits in the buffer, or is refused | drops what waits: CLOSING                 | nothing comes: DIRECT |
    | CLOSING | is dropped                         | nothing: the first reason wins            | all is sent: GONE     |
    | GONE    | is dropped                         | notes the reason, where there is none yet | ends                  |

    A connection that is lost and `release` lead to GONE from every state.
    """

    __slots__ = ("_lock", "_reason", "_rest", "_socket", "_writer", "buffer", "state")

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._lock = threading.Lock()  # guards the sending side of the socket and what follows
        self.state = DIRECT  # changed by `_move` alone
        self.buffer = SendBuffer(self._lock)
        self._rest = b""  # what the writer sends before anything of the buffer
        self._writer: threading.Thread | None = None
        self._reason: tuple[int, str] | None = None  # why this side closed it; set once

    def push(self, data: bytes, parts: Sequence[Part] | None = None) -> bool:
        """Sends whole frames without blocking; False when the buffer is full.

        `parts`: the frames in `data` one by one, so that a count that waits can be replaced.
        """
        with self._lock:
            if self.state is DIRECT:
                if (sent := self._socket.try_send(data)) != len(data):
                    self._go_on(data, sent, WRITING)
            elif self.state is WRITING:
                return self.buffer.put(parts or [(None, data)])
            return True

    def close(self, code: int, reason: str) -> None:
        """Drops what waits and sends a close frame after the frame at hand; never blocks.

        The first reason wins. Whoever calls this sees to it that `abort` follows in time.
        """
        with self._lock:
            if self._reason is not None:
                return
            self._reason = (code, reason)
            goodbye = frames.close_frame(code, reason)
            if self.state is WRITING:
                self._rest += goodbye
                self._move(CLOSING)
            elif self.state is DIRECT:
                if (sent := self._socket.try_send(goodbye)) == len(goodbye):
                    self._finish()
                else:
                    self._go_on(goodbye, sent, CLOSING)

    def abort(self) -> None:
        """Ends the connection at once; every thread that waits on it wakes up."""
        self._socket.abort()

    def release(self) -> None:
        """Ends the connection and the writer. After this gunicorn closes the socket, and its number is used anew."""
        self._socket.abort()
        with self._lock:
            writer = self._writer
            self._move(GONE)
        if writer is not None:
            writer.join()  # its socket is shut down, so it ends at once
        self._socket.release()

    @property
    def closed_with(self) -> int | None:
        """The code that this side closed it with; None: it did not."""
        return self._reason[0] if self._reason else None

    @property
    def reason(self) -> str | None:
        """The code and the words that this side closed it with; None: it did not."""
        return "{} {}".format(*self._reason) if self._reason else None

    # ---- with the lock

    def _go_on(self, data: bytes, sent: int, state: Sending) -> None:
        """After the kernel did not take all of `data`: a writer sends the rest, in this state."""
        if sent == DEAD:
            self._lose()
        else:
            self._rest = data[sent:]
            self._start_writer(state)

    def _start_writer(self, state: Sending) -> None:
        self.buffer.open()
        writer = threading.Thread(target=self.write_pump, name="ws-writer", daemon=True)
        try:
            writer.start()
        except RuntimeError as error:  # no thread left, and half a frame cannot be taken back
            LOG.error("no thread for the writer of a client: %s", error)
            self._reason = self._reason or (CloseCode.SERVER_ERROR, str(error))
            self._lose()
        else:
            self._writer = writer
            self._move(state)

    def _finish(self) -> None:
        """The peer has been sent all that it will be."""
        self._move(GONE)
        self._socket.end_sending()

    def _lose(self) -> None:
        """The connection is over: its reader wakes up and sees to the rest."""
        self._move(GONE)
        self._socket.abort()

    def _move(self, state: Sending) -> None:
        """The only place where the state changes."""
        assert self._lock.locked()
        assert state in MOVES[self.state], f"{self.state.value} cannot become {state.value}"
        if self.state is WRITING and state is not DIRECT:
            self.buffer.drop()
        if state is DIRECT or state is GONE:
            self._writer, self._rest = None, b""
        self.state = state
        assert (self._writer is None) is (state is DIRECT or state is GONE), "one writer at a time"
        assert self._reason is None or state is CLOSING or state is GONE

    # ---- the writer thread

    def write_pump(self) -> None:
        """Sends what waits; ends when nothing more comes, or after the close frame."""
        try:
            while (waiting := self._next()) is not None:
                self._socket.send_all(waiting, WRITE_WAIT)
        except TimeoutError as error:  # stuck within a frame, so no close frame can follow
            with self._lock:
                self._reason = self._reason or (CloseCode.TOO_SLOW, str(error))
                self._lose()
        except OSError:
            with self._lock:
                self._lose()

    def _next(self) -> bytes | None:
        """What to write next, maybe nothing; None when this thread is to end."""
        is_through = self.state is WRITING and not self._rest
        waiting = self.buffer.wait(WRITER_LINGER) if is_through else None
        with self._lock:
            if self._rest:
                rest, self._rest = self._rest, b""
                return rest
            if self.state is WRITING:
                return self._next_waiting(waiting)
            if self.state is CLOSING:
                self._finish()
            return None

    def _next_waiting(self, waiting: Waiting | None) -> bytes | None:
        """`waiting` is what the buffer gave, if it gave anything."""
        if waiting is not None:
            return self.buffer.take(waiting)
        if not self.buffer.is_empty:
            return b""  # something came in just now: take it in the next turn
        self._move(DIRECT)
        return None
