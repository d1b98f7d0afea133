"""Work of Arrow on two threads: it does not need Python's lock, and columns and rows do not need each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def in_two_threads(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """What `work` gives for each item, half of them by another thread. Raises what it raises for the first item."""
    half = (len(items) + 1) // 2
    later = on_other_thread(lambda: _all(work, items[half:]))
    try:
        first = _all(work, items[:half])
    finally:
        wait([later])  # nothing is at work any more, whatever happens
    return first + later.result()


def begin() -> None:
    """Starts the thread, before a stop may come: one in the midst of that would leave it where nobody ends it, at the exit neither."""
    on_other_thread(int)


def on_other_thread(work: Callable[[], R]) -> Future[R]:
    """Begins work there, after what was begun before."""
    return _other_thread().submit(work)


def _all(work: Callable[[T], R], items: Sequence[T]) -> list[R]:
    return [work(item) for item in items]


@cache
def _other_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="other")
