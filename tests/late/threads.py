"""What threads and processes do where they meet comes late at random: in this process, and in each that it starts."""

from __future__ import annotations

import ctypes
import fcntl
import functools
import logging
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.late.chance import SEED, Lots

CHILDREN = Path(__file__).with_name("children")  # its sitecustomize.py is a child's make_late
HOW_LATE = ((0.1, 0.4), (1.0, 0.05))  # of ten calls that are late one by 0.4 s at most
SWITCH = 1e-5  # seconds that a thread may go on while another waits for its turn
# What is late, as the share of its calls before they are made, and before their answer is told
MEETINGS: tuple[tuple[Any, tuple[str, ...], float, float], ...] = (
    (queue.Queue, ("get", "put"), 0.02, 0.02),
    (threading.Condition, ("wait",), 0.0, 0.06),
    (threading.Event, ("set",), 0.03, 0.03),
    (socket.socket, ("send", "sendall", "recv", "recv_into"), 0.01, 0.01),
    (socket.socket, ("accept", "connect"), 0.0, 0.06),
    (socket.socket, ("close",), 0.02, 0.0),
    (subprocess.Popen, ("__init__",), 0.0, 0.25),
    (subprocess.Popen, ("_wait",), 0.0, 0.13),
    (os, ("kill", "fork"), 0.0, 0.25),
    (os, ("waitpid",), 0.0, 0.06),
    (os, ("replace", "rename", "link"), 0.06, 0.06),
    (os, ("read",), 0.01, 0.01),
    (fcntl, ("flock",), 0.06, 0.06),
    (time, ("sleep",), 0.0, 0.03),
    (logging.StreamHandler, ("emit",), 0.02, 0.0),
)
# A program is the first in its process to import SQLite, which reads then where temporary files may be
FOR_PROGRAMS = "jobs.sandbox"
COMMIT, THREAD, CHILD = 0.06, 0.3, 0.7  # the share of these that are late

Pause = Callable[[float], None]  # takes the share of its calls that are late

_sleep = time.sleep
_stand_still = ctypes.PyDLL(None).usleep  # keeps the interpreter's lock, so that no thread goes on


@functools.cache
def make_late() -> None:
    """From now on; a fork is late, too. Threads draw in the order in which they come: a seed is no promise of the same again."""
    pause = functools.partial(_pause, _lots())
    sys.setswitchinterval(SWITCH)
    _late_children()
    _late_threads(pause)
    if not any(FOR_PROGRAMS in argument for argument in sys.orig_argv):
        _late_commits(pause)
    for owner, names, before, after in MEETINGS:
        for name in names:
            _late(owner, name, before, after, pause)


def make_child_late() -> None:
    """The same in a process that one made late has started: it may begin late itself."""
    make_late()
    _pause(_lots(), CHILD)


def _lots() -> Lots:
    return Lots(*HOW_LATE, named=os.getpid())


def _pause(lots: Lots, share: float) -> None:
    seconds = lots.seconds(share)
    if not seconds:
        return
    if lots.one_in(3):
        _stand_still(int(seconds * 1e6))
    else:
        _sleep(seconds)


def _late(owner: Any, name: str, before: float, after: float, pause: Pause) -> None:
    method = getattr(owner, name)

    @functools.wraps(method)
    def late(*arguments: Any, **options: Any) -> Any:
        pause(before)
        try:
            return method(*arguments, **options)
        finally:
            pause(after)

    setattr(owner, name, late)


def _late_children() -> None:
    begin: Any = subprocess.Popen.__init__

    @functools.wraps(begin)
    def late(self: Any, *arguments: Any, env: Any = None, **options: Any) -> None:
        theirs = dict(os.environ if env is None else env)
        path = [theirs["PYTHONPATH"]] if "PYTHONPATH" in theirs else []
        theirs |= {"LATE": SEED, "PYTHONPATH": os.pathsep.join([*path, str(CHILDREN)])}
        begin(self, *arguments, env=theirs, **options)

    subprocess.Popen.__init__ = late  # type: ignore[method-assign]


def _late_threads(pause: Pause) -> None:
    start = threading.Thread.start

    @functools.wraps(start)
    def late(self: threading.Thread) -> None:
        run = self.run

        def late_run() -> None:
            del self.run  # which holds this thread: only the next look for garbage would find it
            pause(THREAD)
            try:
                run()
            finally:
                pause(THREAD)

        self.run = late_run  # type: ignore[method-assign]
        start(self)
        pause(THREAD / 3)

    threading.Thread.start = late  # type: ignore[method-assign]


def _late_commits(pause: Pause) -> None:
    import sqlite3

    class Connection(sqlite3.Connection):
        def commit(self) -> None:
            pause(COMMIT)
            super().commit()
            pause(COMMIT)

    sqlite3.connect = sqlite3.dbapi2.connect = functools.partial(  # type: ignore[assignment]
        sqlite3.connect, factory=Connection
    )
