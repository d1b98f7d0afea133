"""For commands whose output may go into a pipe or a file: they end without a traceback when its reader leaves, as `head` does, or there is no room."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from io import TextIOWrapper
from typing import Any, TextIO

READER_GONE = 128 + signal.SIGPIPE  # as a shell tells it of other commands
NO_ROOM = 1


def ended_with_reader(command: Callable[[], int]) -> int:
    """Does `command` and returns its exit code; or READER_GONE; or NO_ROOM where its output takes no more, which is said.

    A sign that the output's encoding does not have is written as an escape, as on standard error.
    """
    if sys.stdout is None:  # it is closed
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - until the exit
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")
    output, sys.stdout = sys.stdout, _Output(sys.stdout)
    watched: Any = sys.stdout
    try:
        code = command()
        sys.stdout.flush()
        return code
    except OSError as error:
        if error is not watched.error:  # it is a connection that broke, or another file
            raise
        # for what is flushed at the exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), output.fileno())
        if isinstance(error, BrokenPipeError):
            return READER_GONE
        print(f"standard output: {error.strerror}", file=sys.stderr)
        return NO_ROOM
    finally:
        sys.stdout = output


class _Output:
    """Standard output, which keeps the error that it raised last."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        return int(self._noted(lambda: self._stream.write(text)))

    def flush(self) -> None:
        self._noted(self._stream.flush)

    def _noted(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except OSError as error:
            self.error = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
