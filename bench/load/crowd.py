"""The clients of a run: one process with one epoll loop connects them all and reads what they are sent."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import os
import select
import socket
import time
from collections import Counter, deque
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

from bench.load import child
from bench.load.meter import Ear, Meter
from bench.load.wire import (
    CLOSE,
    PING,
    PONG,
    BadFrame,
    client_frame,
    close_code,
    handshake,
    subscription,
)

IN_FLIGHT = 32  # handshakes at a time
HANDSHAKE_WAIT = 15.0  # seconds for the answer to one
READ = 65_536  # bytes of one read; more would cost a mapping each
MOST_READS = 16  # reads of one socket in a row
# Seconds for slow clients to see that they were cut; the server's write wait is 10
LEAVE_WAIT = 12.0
SLOW_BUFFER = 4_096  # bytes that the kernel buffers for a slow client
# Bytes, as on a network. With loopback's segments of 64 KB, buffers would hide two minutes of not reading.
SLOW_SEGMENT = 1_460
EVENTS = 1_024  # sockets served between two updates of the shared counts
TICK = 0.1  # seconds
END_WAIT = 10.0  # seconds for the process to end

CONNECTED, FAILED, WARM_SEEN, RECEIVED, GONE, CONNECT_NS = range(6)  # the shared counts

_processes = multiprocessing.get_context("fork")


@dataclass(frozen=True, slots=True)
class Plan:
    """Client i watches job i % jobs; the first `slow` ones stop reading after the warm-up."""

    address: tuple[str, int]
    host: str  # for the Host header
    path: str  # includes the token
    clients: int
    jobs: int
    job_base: int
    slow: int = 0


@dataclass(slots=True)
class Heard:
    """What all clients heard together."""

    received: int
    skipped: int
    doubled: int
    strange: int
    first_strange: str
    first_failure: str
    last_at: int  # ns
    longest: int  # ns
    percentiles: dict[str, float]  # name → milliseconds
    ends: dict[str, int]  # close code, "eof", "reset" or "protocol" → clients
    last_seqs: list[int]  # of each connected client that reads
    last_jobs: list[int]  # index of the same clients' jobs


class CrowdFailed(Exception):
    """The clients' process ended before it was told to."""


class Crowd:
    """Starts and controls the clients' process. `counts`, `watchers` and `warm` are shared memory."""

    def __init__(self, plan: Plan) -> None:
        self.counts = _processes.RawArray("q", 6)
        self.watchers = _processes.RawArray("q", plan.jobs)  # clients of each job
        self.warm = _processes.RawArray("q", plan.jobs)  # those that have received something
        self._pipe, theirs = _processes.Pipe()
        self._process = _processes.Process(
            target=_serve, args=(plan, self, theirs, self._pipe), name="bench-clients", daemon=True
        )
        child.start(self._process)
        theirs.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def is_connecting(self) -> bool:
        """Whether clients are still connecting. Raises CrowdFailed."""
        if not self._process.is_alive():
            raise CrowdFailed(f"the clients' process ended with {self._process.exitcode}")
        return not self.counts[CONNECT_NS]

    def stop_reading(self) -> None:
        """From now on the slow clients read nothing."""
        self._ask("stop")

    def report(self) -> Heard:
        """What was heard until now."""
        heard: Heard = self._ask("report")
        return heard

    def slow_ends(self) -> dict[str, int]:
        """Lets the slow clients read again, and returns how their connections ended: end → clients."""
        ends: dict[str, int] = self._ask("read on")
        return ends

    def _ask(self, what: str) -> Any:
        try:
            self._pipe.send(what)
            return self._pipe.recv()
        except (EOFError, OSError):
            raise CrowdFailed("the clients' process ended by itself: see above") from None

    def close(self) -> None:
        """Ends every client. Harmless when it has ended."""
        self._pipe.close()
        self._process.join(END_WAIT)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(plan: Plan, shared: Crowd, pipe: Connection, not_ours: Connection) -> None:
    """The main function of the clients' process."""
    child.begin()
    not_ours.close()
    gc.freeze()
    gc.disable()  # a collection would add latency; there are no cycles
    _Clients(plan, shared, pipe).run()


@dataclass(slots=True)
class _Client:
    ear: Ear
    is_slow: bool
    greeting: bytes | None = b""  # HTTP answer so far; None: the WebSocket is open
    opened: float = 0.0  # monotonic seconds


class _Clients:
    def __init__(self, plan: Plan, shared: Crowd, pipe: Connection) -> None:
        self._plan = plan
        self._shared = shared
        self._counts = shared.counts
        self._pipe = pipe
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._meter = Meter(plan.jobs, plan.job_base, shared.warm)
        self._clients: dict[int, _Client] = {}  # descriptor → client
        self._to_open = deque(range(plan.clients))
        self._in_flight: set[int] = set()
        self._gone: list[_Client] = []
        self._ends: Counter[str] = Counter()
        self._slow_ends: Counter[str] = Counter()
        self._first_failure = ""
        self._running = True

    def run(self) -> None:
        began = time.monotonic_ns()
        for _ in range(IN_FLIGHT):
            self._open_next()
        while self._in_flight:
            self._turn()
            self._give_up_late()
        self._counts[CONNECT_NS] = time.monotonic_ns() - began
        while self._running:
            self._turn()

    # ---- reading: the hot loop

    def _turn(self) -> None:
        clients, pipe = self._clients, self._pipe.fileno()
        for descriptor, _ in self._epoll.poll(TICK, EVENTS):
            if descriptor == pipe:
                self._obey()
            elif (client := clients.get(descriptor)) is not None:
                self._read(descriptor, client)
        counts, meter = self._counts, self._meter
        counts[RECEIVED] = meter.received
        counts[WARM_SEEN] = meter.warm_seen

    def _read(self, descriptor: int, client: _Client) -> None:
        """Reads what waits, up to MOST_READS. Unread bytes would make the server's next sends small."""
        for _ in range(MOST_READS):
            try:
                data = os.read(descriptor, READ)
            except BlockingIOError:
                return
            except OSError:
                self._end(descriptor, client, "reset")
                return
            self._take(descriptor, client, data)
            if len(data) < READ or self._clients.get(descriptor) is not client:
                return

    def _take(self, descriptor: int, client: _Client, data: bytes) -> None:
        if not data:
            self._end(descriptor, client, "eof")
        elif client.greeting is not None:
            self._greet(descriptor, client, data)
        else:
            try:
                control = self._meter.hear(client.ear, data, time.time_ns())
            except BadFrame as error:
                self._first_failure = self._first_failure or str(error)
                self._end(descriptor, client, "protocol")
                return
            if control:
                self._answer(descriptor, client, control)

    def _answer(self, descriptor: int, client: _Client, control: list[tuple[int, bytes]]) -> None:
        for opcode, payload in control:
            if opcode == PING:
                self._send(descriptor, client_frame(PONG, payload))
            elif opcode == CLOSE:
                self._send(descriptor, client_frame(CLOSE, payload[:2]))
                self._end(descriptor, client, str(close_code(payload)))
                return

    def _send(self, descriptor: int, frame: bytes) -> None:
        with contextlib.suppress(OSError):  # the next read finds a broken connection
            os.write(descriptor, frame)

    def _end(self, descriptor: int, client: _Client, how: str) -> None:
        os.close(descriptor)
        del self._clients[descriptor]
        if client.greeting is not None:
            self._fail(descriptor, f"handshake: {how} after {client.greeting[:200]!r}")
            return
        (self._slow_ends if client.is_slow else self._ends)[how] += 1
        self._gone.append(client)
        self._counts[GONE] += 1

    # ---- connecting

    def _open_next(self) -> None:
        """Begins the next handshake, if one is left."""
        while self._to_open:
            number = self._to_open.popleft()
            try:
                descriptor = self._connect(is_slow=number < self._plan.slow)
                os.write(descriptor, handshake(self._plan.host, self._plan.path))
            except OSError as error:
                self._fail(-1, f"connect: {error}")
                continue
            client = _Client(Ear(number % self._plan.jobs), number < self._plan.slow)
            client.opened = time.monotonic()
            self._clients[descriptor] = client
            self._in_flight.add(descriptor)
            self._epoll.register(descriptor, select.EPOLLIN)
            return

    def _connect(self, *, is_slow: bool) -> int:
        connection = socket.socket()
        try:
            if is_slow:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SLOW_BUFFER)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SLOW_SEGMENT)
            connection.settimeout(HANDSHAKE_WAIT)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.connect(self._plan.address)
            connection.setblocking(False)
        except OSError:
            connection.close()
            raise
        return connection.detach()

    def _greet(self, descriptor: int, client: _Client, data: bytes) -> None:
        assert client.greeting is not None
        client.greeting += data
        answer, found, rest = client.greeting.partition(b"\r\n\r\n")
        if not found:
            return
        if not answer.startswith(b"HTTP/1.1 101"):
            self._end(descriptor, client, "no 101")
            return
        client.greeting = None
        self._in_flight.discard(descriptor)
        self._send(descriptor, subscription(self._plan.job_base + client.ear.job))
        self._shared.watchers[client.ear.job] += 1
        self._counts[CONNECTED] += 1
        if rest:
            self._meter.hear(client.ear, rest, time.time_ns())
        self._open_next()

    def _fail(self, descriptor: int, why: str) -> None:
        self._first_failure = self._first_failure or why
        self._counts[FAILED] += 1
        if descriptor in self._in_flight:
            self._in_flight.discard(descriptor)
            self._open_next()

    def _give_up_late(self) -> None:
        latest = time.monotonic() - HANDSHAKE_WAIT
        for descriptor in [d for d in self._in_flight if self._clients[d].opened < latest]:
            self._end(descriptor, self._clients[descriptor], "silence")

    # ---- what the parent asks for

    def _obey(self) -> None:
        try:
            wish = self._pipe.recv()
        except (EOFError, OSError):  # the parent has ended, or closed the pipe
            self._running = False
            self._to_open.clear()
            self._in_flight.clear()
            return
        if wish == "stop":
            for descriptor in self._slow():
                self._epoll.unregister(descriptor)
            self._pipe.send(None)
        elif wish == "report":
            self._pipe.send(self._report())
        else:
            self._read_on()

    def _slow(self) -> list[int]:
        return [descriptor for descriptor, client in self._clients.items() if client.is_slow]

    def _read_on(self) -> None:
        for descriptor in self._slow():
            self._epoll.register(descriptor, select.EPOLLIN)
        deadline = time.monotonic() + LEAVE_WAIT
        while self._slow() and time.monotonic() < deadline:
            self._turn()
        self._pipe.send(dict(self._slow_ends))

    def _report(self) -> Heard:
        meter = self._meter
        readers = [c.ear for c in (*self._clients.values(), *self._gone) if not c.is_slow]
        shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
        percentiles = {n: meter.latencies.percentile(share) for n, share in shares.items()}
        return Heard(
            received=meter.received,
            skipped=meter.skipped,
            doubled=meter.doubled,
            strange=meter.strange,
            first_strange=meter.first_strange,
            first_failure=self._first_failure,
            last_at=meter.last_at,
            longest=meter.latencies.longest,
            percentiles=percentiles,
            ends=dict(self._ends),
            last_seqs=[ear.last_seq for ear in readers],
            last_jobs=[ear.job for ear in readers],
        )
