"""Where a blocking call may run without stalling others of its process."""

import sys
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def off_the_loop(call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Runs `call` and returns its result, or raises what it raised.

    In a gevent worker it runs on a native thread, since one SQLITE_BUSY in the loop's own thread
    would stall every connection of the worker for as long as SQLite waits. Elsewhere it runs here.
    """
    if not _on_a_gevent_loop():
        return call(*args, **kwargs)
    import gevent

    def outcome() -> tuple[R | None, BaseException | None]:
        # what a call raises is its caller's matter: the pool itself would print it
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
