"""The end of a listening socket, in which nobody who connected is lost.

The kernel resets each connection that waits in a listener when it is closed, with the request that its
client has sent. So a worker that stops lets in who waits, and closes then. Between the last look and the
close one more may come: where no other worker listens on, new clients are kept out of that moment.
"""

import array
import contextlib
import mmap
import select
import socket
import struct
from collections.abc import Callable
from typing import Any

MOST_WAITING = 4096  # the backlog; in a reload others go on to connect, and a worker has to end

_SO_ATTACH_FILTER = 26  # Linux; no constant of Python's
_SYN = 0x02
_TCP_FLAGS = 13  # offset in the header
# Classic BPF over the TCP header: load the flags; is SYN set? drop : keep
_DROP_SYN = struct.pack(
    "=" + "HBBI" * 4,
    *(0x30, 0, 0, _TCP_FLAGS),
    *(0x45, 0, 1, _SYN),
    *(0x06, 0, 0, 0),
    *(0x06, 0, 0, 0xFFFFFFFF),
)


class Ending:
    """Whether the whole server ends: said by gunicorn's master, seen by all of its workers.

    A worker that ends alone, as in a reload, must know: the others go on with the same listener.
    """

    def __init__(self) -> None:
        self._byte = mmap.mmap(-1, 1)  # shared with what is forked

    def begin(self) -> None:
        self._byte[0] = 1

    def has_begun(self) -> bool:
        return self._byte[0] == 1


def let_in_who_waits(listener: Any, accept: Callable[[], object], ending: Ending | None) -> None:
    """To be called before `listener` is closed; `accept` takes one client."""
    if ending is not None and ending.has_begun():
        keep_newcomers_out(listener)
    for _ in range(MOST_WAITING):
        if not select.select([listener], [], [], 0)[0]:
            return
        accept()


def keep_newcomers_out(listener: Any) -> None:
    """The kernel forgets what would open a connection. The client asks again after a second, and is refused then.

    A client in the middle of its handshake gets in. Where the kernel has no such filter, nothing changes.
    """
    program = array.array("B", _DROP_SYN)
    address, size = program.buffer_info()
    described = struct.pack("HP", size // struct.calcsize("=HBBI"), address)
    with contextlib.suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)
