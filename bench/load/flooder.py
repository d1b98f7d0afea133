"""A client, in a process of its own, that sends as fast as it can and reconnects whenever it is cut."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import secrets
import socket
from collections.abc import Iterator
from typing import Any

from bench.load import child
from bench.load.wire import PING, client_frame, handshake, subscription
from bench.target import Target

WAIT = 5.0  # seconds for an answer, and for a send
AT_ONCE = 200  # subscriptions, and as many pings, in one send
FOREIGN_JOB = 1  # a job that nobody else watches
REFUSED, FLOODED = range(2)  # shared counts: refused handshakes, cut connections

_processes = multiprocessing.get_context("fork")


@contextlib.contextmanager
def flooding(target: Target, *, with_new_tokens: bool) -> Iterator[Any]:
    """Floods the target inside the `with` block. Yields the counts. Uses one token, or a new one each time."""
    counts = _processes.RawArray("q", 2)
    process = _processes.Process(
        target=_flood, args=(target, counts, with_new_tokens), name="bench-flooder", daemon=True
    )
    child.start(process)
    try:
        yield counts
    finally:
        process.kill()
        process.join()


def _flood(target: Target, counts: Any, with_new_tokens: bool) -> None:
    child.begin()
    os.nice(19)  # the flooder's own CPU time must not disturb the measurement
    frames = subscription(FOREIGN_JOB) * AT_ONCE + client_frame(PING, b"x") * AT_ONCE
    path = target.path_of("flooder")
    parent = os.getppid()
    while os.getppid() == parent:
        if with_new_tokens:
            path = target.path_of(f"flooder-{secrets.token_hex(8)}")
        with contextlib.suppress(OSError), socket.create_connection(target.address, WAIT) as client:
            client.sendall(handshake(target.host, path))
            if not client.recv(4_096).startswith(b"HTTP/1.1 101"):
                counts[REFUSED] += 1
                continue
            with contextlib.suppress(OSError):
                while True:
                    client.sendall(frames)
            counts[FLOODED] += 1
