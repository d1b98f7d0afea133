"""Processes that the bench forks: Ctrl-C is the parent's alone, and is not lost while one is forked."""

from __future__ import annotations

import signal
from multiprocessing.process import BaseProcess

from hosting.interrupting import ENDING


def start(process: BaseProcess) -> None:
    """Forks it. What a signal's handler raises within Python's own hooks around a fork is swallowed,
    so the signals that end the bench wait until that is over."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """The first thing that such a process does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
