"""Signals that end `progress-report`: none is missed, also not one that comes just before we begin to wait.

Python runs a handler between two steps of its own. A signal that comes after the last of them and before a system
call that waits is noted, and the call waits on: `waitpid` for a command that never ends, say. So the signal's number
is written to a pipe, too (signal.set_wakeup_fd), and every wait here waits for that pipe as well.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Iterator
from typing import NoReturn

STOPS = (signal.SIGTERM, signal.SIGHUP)


class Stopped(SystemExit):
    """A signal ends us; its text is why the node failed."""

    def __init__(self, number: int) -> None:
        super().__init__(f"ended by {signal_name(number)}")
        self.number = number


class Stops:
    """Raises Stopped, or KeyboardInterrupt, in the main thread, which alone may call this."""

    def __init__(self) -> None:
        self._came, wakes = os.pipe()
        for end in (self._came, wakes):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # with a handler it wakes us
        for number in STOPS:
            if _is_handled(number):
                signal.signal(number, _stop)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """A signal that comes in the block is handled at its end: a command that is just being started would be left alone."""
        came: list[int] = []
        handled = {
            number: signal.signal(number, lambda number, _: came.append(number))
            for number in (signal.SIGINT, *STOPS)
            if _is_handled(number)
        }
        try:
            yield
        finally:
            for number, handler in handled.items():
                signal.signal(number, handler)
        for one in came:
            signal.raise_signal(one)

    def wait_for_input(self, source: int) -> None:
        """Returns when the file descriptor can be read, or has ended."""
        while source not in self._wait(source):
            pass

    def wait_for_end(self, process: subprocess.Popen[bytes]) -> int:
        """The exit code; negative: the signal that ended it."""
        while (code := process.poll()) is None:
            self._wait()
        return code

    def _wait(self, *sources: int) -> list[int]:
        ready, _, _ = select.select([self._came, *sources], [], [])
        if self._came in ready:
            os.read(self._came, 512)
        return ready


def _is_handled(number: int) -> bool:
    return signal.getsignal(number) is not signal.SIG_IGN  # as nohup sets it


def _stop(number: int, _: object) -> NoReturn:
    raise Stopped(number)


def die_of(number: int) -> NoReturn:
    """Ends this process by a signal, so that a shell sees one, and stops its script on Ctrl-C."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    raise SystemExit(128 + number)  # where it is blocked


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
