"""What gunicorn's master has done before its first worker, in a process of its own: the preparation (hosting/prepare.py)."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import traceback
from collections.abc import Iterator

from settings import Settings


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Without the collector of garbage, which takes a third of the time of imports and finds nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def prepare_apart(settings: Settings) -> int:
    """Prepares in a process of its own, and returns its exit code: the connections that it reads would stay in the memory of this one.

    It is a fork, which finds imported what it needs. This process has no thread yet. Where the fork was killed, that is said, and 1.
    """
    child = os.fork()
    if child == 0:
        os._exit(_prepared(settings))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        guess = ", as by the system where memory is short" if number == signal.SIGKILL else ""
        how = signal.strsignal(number)
        print(f"the preparation was ended by a signal ({how}){guess}", file=sys.stderr)
        return 1
    return os.waitstatus_to_exitcode(status)


def _prepared(settings: Settings) -> int:
    """(in the fork) The exit code. Raises nothing: what called us is the master's."""
    try:
        with no_collection():
            # not in the master: where gevent serves, it must not import these packages
            from hosting.prepare import prepare
        code = prepare(settings)
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
        return 1
    return code
