"""Publishes progress over one plain NATS connection, at a fixed rate or as fast as it goes."""

from __future__ import annotations

import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from bench.load.wire import Template

FLUSH = 16 << 10  # bytes gathered before they are sent
AT_ONCE = 16  # messages of a burst that share a time stamp
LEAST_SLEEP = 0.001  # seconds; shorter, each message would be a packet of its own
LOOK_PERIOD = 0.2  # seconds between two looks at what NATS says
ANSWER_WAIT = 10.0  # seconds for NATS to greet and to answer a PING


class NatsRefused(Exception):
    """NATS refused something, or closed the connection."""


@dataclass(slots=True)
class Published:
    count: int = 0
    expected: int = 0  # messages times the clients that watched their job
    seconds: float = 0.0
    late: float = 0.0  # seconds; the longest that a message was behind its time


class Publisher:
    """One connection. It publishes for `jobs` jobs of `tenant`, from id `job_base` on, in turn."""

    def __init__(self, nats_url: str, tenant: str, job_base: int, jobs: int) -> None:
        url = urlsplit(nats_url)
        self._templates = [Template(tenant, job_base + number) for number in range(jobs)]
        self._socket = socket.create_connection((url.hostname, url.port or 4222), ANSWER_WAIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._heard = b""
        self._next_look = 0.0
        self._wait_for(b"INFO")
        self._socket.sendall(_connect(url))
        self.settle()

    def close(self) -> None:
        self._socket.close()

    def counts(self) -> list[int]:
        """Live messages of each job so far."""
        return [template.count for template in self._templates]

    def warm(self, places: list[int]) -> None:
        """Publishes a warm-up message, which is not counted, for each of these jobs."""
        self._socket.sendall(b"".join(self._templates[place].warm() for place in places))

    def settle(self) -> None:
        """Returns when NATS has taken all that was sent."""
        self._socket.sendall(b"PING\r\n")
        self._wait_for(b"PONG")

    def at_rate(
        self, rate: float, seconds: float, watchers: list[int], look: Callable[[int], None]
    ) -> Published:
        """Publishes `rate` messages/s in all. Calls `look` with their number a few times a second."""
        total = int(rate * seconds)
        done = Published()
        turns = _turns(self._templates, watchers)
        start = time.monotonic()
        while done.count < total:
            elapsed = time.monotonic() - start
            due = min(int(elapsed * rate) + 1, total)
            if due > done.count:
                done.late = max(done.late, elapsed - done.count / rate)
            self._put(done, due, turns)
            self._look(done.count, look)
            pause = done.count / rate - (time.monotonic() - start)
            if pause > 0 and done.count < total:
                time.sleep(max(pause, LEAST_SLEEP))
        done.seconds = time.monotonic() - start
        return done

    def _put(self, done: Published, due: int, turns: Iterator[tuple[Template, int]]) -> None:
        batch: list[bytes] = []
        size = 0
        while done.count < due and size < FLUSH:
            template, watching = next(turns)
            message = template.live(time.time_ns())
            batch.append(message)
            size += len(message)
            done.count += 1
            done.expected += watching
        self._socket.sendall(b"".join(batch))

    def burst(
        self, count: int, seconds: float, watchers: list[int], look: Callable[[int], None]
    ) -> Published:
        """Publishes `count` messages as fast as NATS takes them, for at most `seconds`."""
        done = Published()
        turns = _turns(self._templates, watchers)
        start = time.monotonic()
        batch: list[bytes] = []
        while done.count < count and time.monotonic() - start < seconds:
            now = time.time_ns()
            for _ in range(min(AT_ONCE, count - done.count)):
                template, watching = next(turns)
                batch.append(template.live(now))
                done.count += 1
                done.expected += watching
            if len(batch) * len(batch[0]) >= FLUSH:
                self._socket.sendall(b"".join(batch))
                batch.clear()
                self._look(done.count, look)
        self._socket.sendall(b"".join(batch))
        done.seconds = time.monotonic() - start
        return done

    # ---- what NATS says

    def _look(self, count: int, look: Callable[[int], None]) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        self._next_look = now + LOOK_PERIOD
        look(count)
        if select.select([self._socket], [], [], 0.0)[0]:
            self._take(self._socket.recv(65_536))

    def _wait_for(self, word: bytes) -> None:
        while not self._take(self._socket.recv(65_536), word):
            pass

    def _take(self, heard: bytes, word: bytes = b"\0") -> bool:
        """Answers NATS's PINGs. Returns whether one of its lines begins with `word`. Raises NatsRefused."""
        if not heard:
            raise NatsRefused("NATS closed the publisher's connection")
        *lines, self._heard = (self._heard + heard).split(b"\r\n")
        for line in lines:
            if line.startswith(b"-ERR"):
                raise NatsRefused(f"NATS says {line.decode(errors='replace')}")
            if line == b"PING":
                self._socket.sendall(b"PONG\r\n")
        return any(line.startswith(word) for line in lines)


def _connect(url: SplitResult) -> bytes:
    """The CONNECT line for NATS, with the user and password of its URL."""
    words: dict[str, object] = {"verbose": False, "pedantic": False, "name": "bench"}
    words |= {"lang": "python", "version": "0"}
    if url.username:
        words |= {"user": unquote(url.username), "pass": unquote(url.password or "")}
    return f"CONNECT {json.dumps(words)}\r\n".encode()


def _turns(templates: list[Template], watchers: list[int]) -> Iterator[tuple[Template, int]]:
    """(A job's template, how many clients watch it), for one job after another, for ever."""
    while True:
        yield from zip(templates, watchers, strict=True)
