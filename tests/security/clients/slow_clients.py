"""Clients that hold what they can: connections that do too little, kept up for as long as a test wants."""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.harness import Product, eventually

TICK = 0.25  # seconds between two looks at all clients
OF_FEW_CLIENTS = {  # settings of a product that a crowd of slow clients could fill
    "MAX_CLIENTS": "20",
    "MAX_CLIENTS_PER_TOKEN": "20",
    "MAX_BODY_BYTES": str(32 << 20),
    "ACCESS_LOG": "off",
}
GET = b"GET %s HTTP/1.1\r\nHost: x\r\n"
COME_BACK = 2.0  # seconds until one that was cut is there again


@dataclass(frozen=True)
class Habit:
    """What a client sends at once, and then each `period` seconds; it reads and closes nothing."""

    first: bytes
    drop: bytes = b""
    period: float = 0.5
    receive_buffer: int | None = None


class SlowClient:
    """One connection with a habit; it may come back when it was cut."""

    def __init__(self, port: int, habit: Habit) -> None:
        self._port = port
        self._habit = habit
        self.was_cut = False
        self._ended = 0.0
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.socket()
        if self._habit.receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._habit.receive_buffer)
        self.socket.settimeout(10.0)
        self.socket.connect(("127.0.0.1", self._port))
        self.socket.setblocking(False)
        self._dropped = time.monotonic()
        self._rest = self._habit.first
        self._is_there = True
        self._send()

    def look(self, comes_back: bool) -> None:
        """Goes on with its habit; notes it when the server has ended the connection."""
        now = time.monotonic()
        if not self._is_there:
            if comes_back and now - self._ended > COME_BACK:
                self._connect()
            return
        if self._has_ended():
            self.was_cut = True
            self._is_there, self._ended = False, now
            self.socket.close()
            return
        if now - self._dropped >= self._habit.period:
            self._dropped = now
            self._rest += self._habit.drop
        self._send()

    def _has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def _send(self) -> None:
        try:
            while self._rest:
                self._rest = self._rest[self.socket.send(self._rest) :]
        except OSError:
            pass  # full, or cut: the next look tells


@contextmanager
def crowd(
    product: Product, habits: list[Habit], *, comes_back: bool = False
) -> Iterator[list[SlowClient]]:
    """A client of each habit, kept up by a thread until the block ends."""
    clients = [SlowClient(product.api_port, habit) for habit in habits]
    over = threading.Event()

    def keep_up() -> None:
        while not over.wait(TICK):
            for client in clients:
                client.look(comes_back)

    thread = threading.Thread(target=keep_up, name="slow-clients", daemon=True)
    thread.start()
    try:
        yield clients
    finally:
        over.set()
        thread.join()
        for client in clients:
            client.socket.close()


def asked_for(
    product: Product, seconds: float, period: float = 0.1, *, may_be_cut: bool = False
) -> list[float]:
    """Asks /healthz every `period` seconds; how long each answer took.

    `may_be_cut`: where connections without a request are sent away, a machine that is held up between the two makes ours one of them.
    """

    def is_answered() -> bool:
        return product.get("/healthz", token=None, timeout=60.0).status == 200

    took: list[float] = []
    pause, end = threading.Event(), time.monotonic() + seconds
    while (began := time.monotonic()) < end:
        if may_be_cut:
            eventually(is_answered)  # it counts as one answer, that takes longer
        else:
            assert is_answered()
        took.append(time.monotonic() - began)
        pause.wait(max(period - took[-1], 0))
    return took


def stood_still(took: list[float]) -> float:
    """Seconds in which the product answered nobody, of how long its answers took: a busy machine adds few.

    The first answer comes after those to a whole crowd that has just come: that is work, and no standstill.
    """
    return sum(seconds for seconds in took[1:] if seconds > 1.0)


def held_by_the_kernel(product: Product) -> int:
    """Bytes of answers that clients have not taken, of connections that the product has closed, too."""
    port = f":{product.api_port:04X}"
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table][1:]
    return sum(int(row[4].partition(":")[0], 16) for row in rows if row[1].endswith(port))


def same_worker(product: Product, pid: int) -> None:
    assert product.worker_pid == pid
    assert "WORKER TIMEOUT" not in product.log()
