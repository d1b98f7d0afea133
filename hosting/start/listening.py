"""The word to who started a server and waits for it that its sockets listen: one byte through the pipe of LISTENING_FD (hosting/start/server.py)."""

from __future__ import annotations

import contextlib
import os

PIPE = "LISTENING_FD"


class Listening:
    """The pipe, kept from every process that we start. Without one, nothing is said."""

    def __init__(self) -> None:
        self._fd = _taken(os.environ.pop(PIPE, ""))

    def tell(self) -> None:
        """Says it, once."""
        if self._fd is None:
            return
        with contextlib.suppress(OSError):
            os.write(self._fd, b"!")
        os.close(self._fd)
        self._fd = None


def _taken(number: str) -> int | None:
    if not number.isdigit():
        return None
    try:
        os.set_inheritable(int(number), False)
    except OSError:
        return None
    return int(number)
