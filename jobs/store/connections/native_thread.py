"""Runs blocking calls where they do not stall the other connections of a gevent worker."""

import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def off_the_loop(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs `call` and returns its result, or raises what it raised.

    In a gevent worker the call runs on a native thread: on the loop's thread, one wait for SQLite's
    lock, or for a disk, would stall every connection of the worker. Elsewhere it runs on the caller's thread.
    """
    if not _on_a_gevent_loop():
        return call(*args, **kwargs)
    import gevent

    return _done_by(gevent.get_hub().threadpool, lambda: call(*args, **kwargs), lambda: None)


class NoThreadFree(Exception):
    """All threads were at work for as long as a call may wait for one."""


class NativeThreads:
    """Native threads of a gevent worker for one purpose, as the database: where that hangs, files and names of hosts have theirs.

    Elsewhere each call runs on its caller's thread. Made before a fork, used after it.
    """

    def __init__(self, most: int, wait: float) -> None:
        """`wait`: seconds that a call waits for one of the `most` threads."""
        self.most, self.wait = most, wait
        self._free: Any = None  # (loop) gevent's, made by the first call, as is the next
        self._pool: Any = None

    def run(self, call: Callable[[], R]) -> R:
        """What the call gives or raises. Raises NoThreadFree."""
        if not _on_a_gevent_loop():
            return call()
        if self._pool is None:
            self._open()
        if not self._free.acquire(timeout=self.wait):
            raise NoThreadFree
        return _done_by(self._pool, call, self._free.release)

    def _open(self) -> None:
        from gevent.lock import Semaphore
        from gevent.threadpool import ThreadPool

        self._free, self._pool = Semaphore(self.most), ThreadPool(self.most)


def _done_by(pool: Any, call: Callable[[], R], ended: Callable[[], object]) -> R:
    """`ended` is called once the thread is free again: a greenlet that is killed ends before."""

    def outcome() -> tuple[R | None, BaseException | None]:
        # The pool would print an exception of the call, so it is carried to the caller.
        try:
            return call(), None
        except BaseException as error:
            return None, error

    result, error = _spawned(pool, outcome, ended).get()
    if error is not None:
        raise error
    return cast(R, result)


def _spawned(pool: Any, outcome: Callable[[], Any], ended: Callable[[], object]) -> Any:
    """gevent's result to come."""
    try:
        result = pool.spawn(outcome)
    except BaseException:
        ended()
        raise
    result.rawlink(lambda _: ended())
    return result


def _on_a_gevent_loop() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
