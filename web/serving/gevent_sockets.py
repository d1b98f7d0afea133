"""Sockets of both classes of workers: gevent's wait whatever the flags, the one inside each does not.

The only file that names attributes which gevent keeps to itself; they are there on a gevent socket alone.
"""

import select
from typing import Any


def is_gevents(sock: Any) -> bool:
    return hasattr(sock, "_sock")


def raw(sock: Any) -> Any:
    """The socket itself, which never waits with MSG_DONTWAIT."""
    return getattr(sock, "_sock", sock)


def is_ready(sock: Any, event: int, seconds: float) -> bool:
    """Whether `event` (select.POLLIN or POLLOUT), or the connection's end, came within so many seconds.

    On gevent's the socket's own watcher waits: its poll would make another, which takes three times as long, and 5 KB.
    """
    if event and is_gevents(sock):
        from gevent.socket import wait  # only where gevent serves

        try:
            wait(sock._read_event if event == select.POLLIN else sock._write_event, seconds)
        except TimeoutError:
            return False
        return True
    poll = select.poll()
    poll.register(sock, event)
    return bool(poll.poll(seconds * 1000))
