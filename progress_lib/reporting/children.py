"""Children of multiprocessing: they skip what ends other programs, and from Python 3.13 on they hide the exception that ended them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from progress_lib.ends import failure_of

# From 3.13 on what ends a child runs when its exception has been printed and is gone; before, while it is on its way up
HIDES = sys.version_info >= (3, 13)

_is_watching = False  # each child that begins from now on calls `_watch_run`
_ended_by: SystemExit | None = None  # (a child's main thread) stands for the exception
_of_parent: BaseException | None = None  # was being handled where this child was forked


def at_end_of_child(function: Callable[[], None]) -> None:
    """Calls it at the end of a child of multiprocessing, which skips what is registered with atexit before Python 3.13."""
    process = sys.modules.get("multiprocessing.process")
    if process is not None and process.parent_process() is not None:
        from multiprocessing.util import Finalize

        Finalize(None, function, exitpriority=-100)  # after its own children and its queues


def exception_of_child() -> BaseException | None:
    """The exception that ends this child, or one that means the same; None where none does, or it is not known."""
    if HIDES:
        return _ended_by
    error = sys.exc_info()[1]
    return None if error is _of_parent else error


def _watch_children() -> None:
    global _is_watching
    if HIDES and not _is_watching and "multiprocessing.util" in sys.modules:
        from multiprocessing.context import SpawnProcess
        from multiprocessing.util import register_after_fork

        register_after_fork(_watch_run, _watch_run)
        SpawnProcess._after_fork = _watch_run  # type: ignore[attr-defined]  # which calls nobody else
        _is_watching = True


def _watch_run(*_: Any) -> None:
    """Notes by which exception `run` of this child, which is about to be called, is left."""
    from multiprocessing import current_process

    process = current_process()
    run = process.run

    def watched() -> None:
        global _ended_by
        try:
            run()
        except BaseException as error:
            reason = failure_of(error)
            # the exception itself would keep what its frames have: files that nobody closed, say
            _ended_by = None if reason is None else SystemExit(reason)
            raise

    process.run = watched  # type: ignore[method-assign]


def _in_a_forked_child() -> None:
    global _of_parent
    _of_parent = sys.exc_info()[1]
    _watch_children()


_watch_children()  # a child that is spawned imports us before it runs, as a rule
os.register_at_fork(after_in_child=_in_a_forked_child)
