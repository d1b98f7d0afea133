"""What waits for one browser that reads more slowly than its jobs talk. Not locked.

A running count that still waits is replaced by a newer one of the same node: a browser that comes
late wants the latest. A change of status is never replaced, nor is a message without `runId` and
`seq`, whose sender has not said that it supersedes another.
"""

import queue
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realtime.hub import ProgressEvent

SEND_BUFFER = 256  # sends that may wait; a round of the hub is one
SEND_BUFFER_BYTES = 8 << 20  # bytes that may wait; the bound that a burst meets

Part = tuple["ProgressEvent | None", bytes]
"""A frame, and the running count that it tells, if it tells one that may be replaced."""

_Key = tuple[object, int, str | None]  # job, node, run


class _Send:
    """The frames of one push that still wait."""

    __slots__ = ("frames", "keys")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.keys: list[_Key] = []


class SendBuffer:
    """A `queue.Queue` of sends with a bound in bytes, whose counts are kept new.

    The client's lock guards all but `wait`, which may wait without it.
    """

    def __init__(self) -> None:
        self._queue: queue.Queue[_Send | None] | None = None  # None in it: look again
        self._counts: dict[_Key, tuple[_Send, int]] = {}  # where a count waits
        self.waiting_bytes = 0

    def open(self) -> None:
        """Before the first `put` or `wait`: most browsers never need a queue, which is 1.6 KB."""
        if self._queue is None:
            self._queue = queue.Queue(SEND_BUFFER)

    @property
    def is_empty(self) -> bool:
        return self._queue is None or self._queue.empty()

    def put(self, parts: Sequence[Part]) -> bool:
        """Adds the frames of one send; False when the buffer is full, and the browser to be cut."""
        assert self._queue is not None
        send = _Send()
        for count, frame in parts:
            self._add(send, count, frame)
        if self.waiting_bytes > SEND_BUFFER_BYTES:
            return False
        if not send.frames:
            return True
        try:
            self._queue.put_nowait(send)
        except queue.Full:
            return False
        return True

    def _add(self, send: _Send, count: "ProgressEvent | None", frame: bytes) -> None:
        self.waiting_bytes += len(frame)
        if count is not None:
            key = (count.topic, count.progress.node_id, count.progress.run_id)
            older, place = self._counts.get(key, (send, -1))
            if place >= 0:
                self.waiting_bytes -= len(older.frames[place])
                older.frames[place] = frame
                return
            self._counts[key] = send, len(send.frames)
            send.keys.append(key)
        send.frames.append(frame)

    def wait(self, seconds: float) -> "_Send | None":
        """The next send, for `take`; None when there is none, or only a wake-up."""
        assert self._queue is not None
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None

    def take(self, send: _Send) -> bytes:
        """The bytes of what `wait` gave, as they are now."""
        for key in send.keys:
            self._counts.pop(key, None)  # none left after `drop`
        data = b"".join(send.frames)
        self.waiting_bytes -= len(data)
        return data

    def drop(self) -> None:
        """Forgets all that waits and wakes who waits for it."""
        assert self._queue is not None
        while not self._queue.empty():
            self._queue.get_nowait()
        self._counts.clear()
        self._queue.put_nowait(None)
