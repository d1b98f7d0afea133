"""Forks processes of the bench so that Ctrl-C reaches only the parent, and is not lost during a fork."""

from __future__ import annotations

import signal
from multiprocessing.process import BaseProcess

from hosting.stop_signals import ENDING, heeded


def start(process: BaseProcess) -> None:
    """Forks a process. Blocks the signals that end the bench meanwhile, since Python's hooks around a fork
    swallow what a signal handler raises."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """Ignores Ctrl-C. A forked process calls it first."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    for number in heeded((signal.SIGTERM, signal.SIGHUP)):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
