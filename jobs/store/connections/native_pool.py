"""A pool of connections for native threads of a gevent worker: what they share has no locks of gevent's.

SQLAlchemy's own pool has, and so has what it does once with a first connection, as gevent takes the place of `threading`. Such a lock
loses wake-ups between threads without a loop (gevent issue 2013, and with 26.9.0 still): a thread that was held up for some milliseconds
while it had one had all others wait for ever, and with them each request of the worker.
"""

import logging
from _queue import Empty, SimpleQueue  # these are in C, and gevent leaves them
from _thread import RLock
from types import SimpleNamespace
from typing import Any

from sqlalchemy.event import attr
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import queue

KEPT_OPEN = 5  # connections of a process that stay open; those beyond are closed after use


class NativePool(QueuePool):
    """Any thread, but a greenlet would hold up its loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._overflow_lock = RLock()  # type: ignore[assignment]  # only entered and left


class _Kept(queue.QueueCommon[ConnectionPoolEntry]):
    """The connections that nobody uses. Two that are given back at once may be one more than `maxsize`."""

    def __init__(self, maxsize: int = 0, use_lifo: bool = False) -> None:
        assert not use_lifo
        self.maxsize, self.use_lifo = maxsize, use_lifo
        self._kept: SimpleQueue[ConnectionPoolEntry] = SimpleQueue()

    def qsize(self) -> int:
        return self._kept.qsize()

    def put(
        self, item: ConnectionPoolEntry, block: bool = True, timeout: float | None = None
    ) -> None:
        """Never waits: raises Full."""
        if 0 < self.maxsize <= self._kept.qsize():
            raise queue.Full
        self._kept.put(item)

    def get(self, block: bool = True, timeout: float | None = None) -> ConnectionPoolEntry:
        try:
            return self._kept.get(block, timeout)
        except Empty:
            raise queue.Empty from None


NativePool._queue_class = _Kept
# SQLAlchemy says of its own classes alone that only warnings are to be told
logging.getLogger(f"{__name__}.{NativePool.__name__}").setLevel(logging.WARNING)
# All that it uses of threading
attr.threading = SimpleNamespace(Lock=RLock)  # type: ignore[assignment, attr-defined]
