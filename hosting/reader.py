"""For commands whose output may go into a pipe: they end without a traceback when its reader leaves, as `head` does."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable

READER_GONE = 128 + signal.SIGPIPE  # as a shell tells it of other commands


def ended_with_reader(command: Callable[[], int]) -> int:
    """Does `command` and returns its exit code, or READER_GONE."""
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:
        if not _reader_is_gone():
            raise
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # for what is flushed at the exit
        return READER_GONE


def _reader_is_gone() -> bool:
    """Whether it is our output that broke, and not a connection."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
