"""Runs blocking calls where they do not stall the other connections of a gevent worker."""

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

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

    def outcome() -> tuple[R | None, BaseException | None]:
        # The pool would print an exception of the call, so it is carried to the caller.
        try:
            return call(*args, **kwargs), None
        except BaseException as error:
            return None, error

    result, error = gevent.get_hub().threadpool.apply(outcome)
    if error is not None:
        raise error
    return cast(R, result)


def _on_a_gevent_loop() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))
