"""The threads in which a gthread worker serves its connections."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from typing import Any

Call = tuple[Future[Any], Callable[[], Any]]


class ThreadPool(Executor):
    """Runs each call in a thread that has nothing to do, else in a new one; with `most` threads a call waits for one.

    Python looks at each thread that is no daemon when it starts another, and those of ThreadPoolExecutor are none: with
    5,000 browsers that was a third of what it cost to let one in (docs/decisions/connections.md).
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._numbers = itertools.count()
        self._changed = threading.Condition()  # guards what follows
        self._calls: deque[Call] = deque()  # that no thread has taken
        self._idle = 0  # threads that wait for a call
        self._threads = 0
        self._is_shut = False

    def submit(self, function: Callable[..., Any], /, *args: Any, **named: Any) -> Future[Any]:
        """Raises RuntimeError when it is shut, or the first thread cannot be started."""
        future: Future[Any] = Future()
        with self._changed:
            if self._is_shut:
                raise RuntimeError("the pool of threads is shut")
            self._calls.append((future, partial(function, *args, **named)))
            if self._idle >= len(self._calls):
                self._changed.notify()
                return future
            is_full = self._threads >= self._most
            self._threads += not is_full
        if not is_full:
            self._start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more calls. Those that it has are served, and nobody waits for that: its threads are daemons."""
        with self._changed:
            self._is_shut = True
            self._changed.notify_all()

    def _start(self) -> None:
        name = f"request-{next(self._numbers)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no thread left on this machine: the call waits for one of ours
            with self._changed:
                self._threads -= 1
                if not self._threads:
                    self._calls.clear()
                    raise

    def _serve(self) -> None:
        while (call := self._next()) is not None:
            _run(*call)
            del call  # or the connection lives until the next one

    def _next(self) -> Call | None:
        """The next call; None when there will be none."""
        with self._changed:
            self._idle += 1
            while not self._calls and not self._is_shut:
                self._changed.wait()
            self._idle -= 1
            return self._calls.popleft() if self._calls else None


def _run(future: Future[Any], call: Callable[[], Any]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
