"""What waits for one browser that reads more slowly than its jobs talk. It has no lock of its own.

A running count that still waits is replaced by a newer one of the same node: a browser that comes
late wants the latest. A change of status is never replaced, nor is a message without `runId` and
`seq`, whose sender has not said that it supersedes another.
"""

import queue
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from realtime.events import ProgressEvent

SEND_BUFFER = 256  # sends that may wait; a round of the hub is one
SEND_BUFFER_BYTES = 8 << 20  # bytes that may wait; the bound that a burst meets

Part = tuple["ProgressEvent | None", bytes]
"""A frame, and the running count that it tells, if it tells one that may be replaced."""

_Key = tuple[object, int, str | None]  # job, node, run


class Waiting:
    """The frames of one push that still wait."""

    __slots__ = ("frames", "keys")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.keys: list[_Key] = []


class SendBuffer:
    """A `queue.Queue` of sends with a bound in bytes, whose counts are kept new.

    The client's lock guards all but `wait`, which may wait without it.
    """

    conflated: ClassVar[int] = 0  # (hub thread) counts replaced, of all buffers of this process

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock
        self._queue: queue.Queue[Waiting | None] | None = None  # None in it: look again
        self._counts: dict[_Key, tuple[Waiting, int]] = {}  # where a count waits
        self.waiting_bytes = 0

    def open(self) -> None:
        """Before the first `put` or `wait`: most browsers never need a queue, which is 1.6 KB."""
        if self._queue is None:
            self._queue = queue.Queue(SEND_BUFFER)

    @property
    def is_empty(self) -> bool:
        return self._queue is None or self._queue.empty()

    def put(self, parts: Sequence[Part]) -> bool:
        """Adds the frames of one send; False when the buffer is full, and the browser to be cut.

        All or nothing: a refused send leaves the buffer as it was.
        """
        assert self._lock.locked()
        assert self._queue is not None
        added = self._growth(parts)
        if self.waiting_bytes + added > SEND_BUFFER_BYTES or self._queue.full():
            return False
        send = Waiting()
        for count, frame in parts:
            self._add(send, count, frame)
        if send.frames:
            self._queue.put_nowait(send)
        return True

    def _growth(self, parts: Sequence[Part]) -> int:
        """Bytes that these would add, beside those of the counts that they replace."""
        growth = 0
        # Of counts among them that later ones among them replace
        lengths: dict[_Key, int] = {}
        for count, frame in parts:
            growth += len(frame)
            if count is not None:
                key = _key(count)
                growth -= lengths.get(key, self._length(key))
                lengths[key] = len(frame)
        return growth

    def _length(self, key: _Key) -> int:
        """Bytes of a count that waits; 0 where none does."""
        send, place = self._counts.get(key, (None, -1))
        return 0 if send is None else len(send.frames[place])

    def _add(self, send: Waiting, count: "ProgressEvent | None", frame: bytes) -> None:
        self.waiting_bytes += len(frame)
        if count is not None:
            key = _key(count)
            older, place = self._counts.get(key, (send, -1))
            if place >= 0:
                self.waiting_bytes -= len(older.frames[place])
                older.frames[place] = frame
                SendBuffer.conflated += 1
                return
            self._counts[key] = send, len(send.frames)
            send.keys.append(key)
        send.frames.append(frame)

    def wait(self, seconds: float) -> Waiting | None:
        """The next send, for `take`; None when there is none, or only a wake-up."""
        assert self._queue is not None
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None

    def take(self, send: Waiting) -> bytes:
        """The bytes of what `wait` gave, as they are now."""
        assert self._lock.locked()
        for key in send.keys:
            self._counts.pop(key, None)  # none left after `drop`
        data = b"".join(send.frames)
        self.waiting_bytes -= len(data)
        return data

    def drop(self) -> None:
        """Forgets all that waits and wakes who waits for it."""
        assert self._lock.locked()
        assert self._queue is not None
        with suppress(queue.Empty):  # the writer may take the last one meanwhile
            while True:
                self._queue.get_nowait()
        self._counts.clear()
        self.waiting_bytes = 0
        self._queue.put_nowait(None)


def _key(count: "ProgressEvent") -> _Key:
    return count.topic, count.progress.node_id, count.progress.run_id
