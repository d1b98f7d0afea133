"""Wake: what a thread sleeps on until another one has work for it."""

import contextlib
import os
import threading


class Wake:
    """As `threading.Event`, but `set` may interrupt itself, as a signal's handler does: an Event's would wait for itself for ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # is free while it is set
        self._lock.acquire()

    def set(self) -> None:
        with contextlib.suppress(RuntimeError):  # it is set already
            self._lock.release()

    def wait(self, timeout: float | None) -> None:
        """Returns once it is set, and clears it; at the latest after `timeout` seconds."""
        self._lock.acquire(timeout=-1 if timeout is None else timeout)


def rest_in_child(process: int) -> None:
    """Never returns in a forked child of `process`, where threads of gevent live on: Python prints an error of one that ends there."""
    if os.getpid() != process:
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
