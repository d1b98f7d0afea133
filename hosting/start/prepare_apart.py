"""What gunicorn's master has done before its first worker, in a process of its own: the preparation (hosting/start/prepare.py)."""

from __future__ import annotations

import contextlib
import gc
import math
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator

from settings import Settings

INTERRUPTED = 128 + signal.SIGINT
# Seconds for what was begun to be taken back: a half sample's rows, or tables that were being changed
TAKE_BACK_WAIT = 30.0
TICK = 0.005  # seconds between two looks


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

    It is a fork, which finds imported what it needs, and which ends with this process. This process has no thread yet. Where the
    fork was killed, that is said, and 1.
    """
    parent = os.getpid()
    child = None
    try:
        # Ctrl-C waits until the fork is known: else nobody would end it
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        child = os.fork()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if child == 0:
            try:
                os._exit(_prepared(settings, parent))
            finally:  # whatever is raised: what called us is the master's
                os._exit(INTERRUPTED)
        status = _status(child)
    except KeyboardInterrupt:
        if os.getpid() != parent:  # the fork, which has not begun
            os._exit(INTERRUPTED)
        if child is not None:
            _end(child)
        return INTERRUPTED
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        guess = ", as by the system where memory is short" if number == signal.SIGKILL else ""
        how = signal.strsignal(number)
        print(f"the preparation was ended by a signal ({how}){guess}", file=sys.stderr)
        return 1
    return os.waitstatus_to_exitcode(status)


def _end(child: int) -> None:
    """Stops the fork, and waits until it has taken back what it was making; kills it where that takes too long."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one says nothing new
    with contextlib.suppress(ProcessLookupError, ChildProcessError):  # it has just been waited for
        os.kill(child, signal.SIGTERM)
        try:
            _status(child, time.monotonic() + TAKE_BACK_WAIT)
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


def _status(child: int, deadline: float = math.inf) -> int:
    """How the fork ended. It looks again and again: a signal that came just before a wait without an end would not end that.

    Raises TimeoutError where it has not ended by the deadline (monotonic seconds).
    """
    while (found := os.waitpid(child, os.WNOHANG)) == (0, 0):
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(TICK)
    return found[1]


def _prepared(settings: Settings, parent: int) -> int:
    """(in the fork) The exit code. Raises KeyboardInterrupt where the stop comes at its very end."""
    try:
        _end_with(parent)
        with no_collection():
            # not in the master: where gevent serves, it must not import these packages
            from hosting.start.prepare import prepare
        code = prepare(settings)
        sys.stdout.flush()
    except KeyboardInterrupt:  # what it was making is taken back
        return INTERRUPTED
    except BaseException:
        traceback.print_exc()
        return 1
    return code


def _end_with(parent: int) -> None:
    """(in the fork) The end of the parent raises KeyboardInterrupt here, once. Ctrl-C reaches the parent, too, and that ends us."""
    # in the fork alone, as all that follows
    from hosting.stop_signals import end_with_parent, stop_once

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(
        signal.SIGTERM, signal.SIG_DFL
    )  # also where whoever started the parent ignores it
    stop_once([signal.SIGTERM])  # a parent sends one, and another at its end
    end_with_parent(parent)
