"""One run of the bench: connects the clients, warms up, publishes, waits for the last messages, and checks all counts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.load.crowd import (
    CONNECT_NS,
    CONNECTED,
    FAILED,
    GONE,
    RECEIVED,
    WARM_SEEN,
    Crowd,
    Heard,
    Plan,
)
from bench.load.publisher import Published, Publisher
from bench.machine import Usage
from bench.target import Target

WARM_WAIT = 30.0  # seconds until each client must have received something
QUIET = 0.2  # seconds without a warm-up message that end a round
SETTLE = 0.5  # seconds between warm-up and publishing
# Seconds without a message, after the last one was published, until none is expected any more
DRAIN_QUIET = 2.0
LOOK = 0.02  # seconds between two looks

Show = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """What the clients and the publisher do. With rate 0, `count` messages are published as fast as possible."""

    clients: int
    jobs: int = 1
    rate: float = 100.0  # messages/s over all jobs
    seconds: float = 5.0
    count: int = 0
    slow: int = 0  # clients that stop reading after the warm-up
    is_idle: bool = False  # nothing is published
    most_drain: float = 10.0  # seconds to wait after the last message is published


@dataclass(slots=True)
class Result:
    """The figures of a run. Times are seconds, latencies milliseconds, memory KB."""

    load: Load
    connected: int = 0
    failed: int = 0  # connections that failed
    connect_seconds: float = 0.0
    published: int = 0
    publish_seconds: float = 0.0
    late: float = 0.0
    expected: int = 0  # deliveries, without those to slow clients
    received: int = 0
    skipped: int = 0
    doubled: int = 0
    strange: int = 0
    unwarmed: int = 0  # clients that received no warm-up message
    behind: int = 0  # clients that did not get the last message of their job
    cut: int = 0  # clients that were disconnected, without the slow ones
    ends: dict[str, int] = field(default_factory=dict)
    slow_ends: dict[str, int] = field(default_factory=dict)
    server_cut: int | None = None  # clients that the server says it cut
    wall: float = 0.0  # from the first message published to the last one read
    cpu: float | None = None  # of the server
    nats_cpu: float | None = None
    own_cpu: float = 0.0  # of the clients' process
    rss_before: int = 0
    rss_connected: int = 0
    pss_connected: int = 0
    connect_cpu: float | None = None
    latency: dict[str, float] = field(default_factory=dict)
    first_fault: str = ""

    @property
    def lost(self) -> int:
        return self.expected - self.received

    @property
    def per_second(self) -> float:
        return self.received / self.wall if self.wall else 0.0

    @property
    def us_per_delivery(self) -> float | None:
        return self.cpu * 1e6 / self.received if self.cpu is not None and self.received else None

    @property
    def kb_per_connection(self) -> float | None:
        if self.cpu is None or not self.connected:
            return None
        return (self.rss_connected - self.rss_before) / self.connected

    @property
    def connects_per_second(self) -> float:
        return self.connected / self.connect_seconds if self.connect_seconds else 0.0

    def faults(self) -> list[str]:
        """What does not add up; empty when every delivery is accounted for."""
        found = {
            "connections failed": self.failed,
            "clients never heard anything": self.unwarmed,
            f"of {self.expected} deliveries lost": self.lost,
            "deliveries doubled or out of order": self.doubled,
            "messages were not what was published": self.strange,
            "clients did not get the last message": self.behind,
            f"clients were disconnected ({self.ends})": self.cut,
        }
        why = f" (first: {self.first_fault})" if self.first_fault else ""
        return [f"{number} {what}{why}" for what, number in found.items() if number]

    def document(self) -> dict[str, Any]:
        derived = {
            "lost": self.lost,
            "per_second": self.per_second,
            "us_per_delivery": self.us_per_delivery,
            "kb_per_connection": self.kb_per_connection,
            "connects_per_second": self.connects_per_second,
        }
        return {**asdict(self), **derived}


class Run:
    """One load on one target. `job_base` must be new, since the server repeats the last messages of used jobs."""

    def __init__(self, target: Target, load: Load, job_base: int, show: Show) -> None:
        self._target = target
        self._load = load
        self._job_base = job_base
        self._show = show
        self._pids = target.pids()
        self._nats_pids = target.nats_pids()
        self._result = Result(load)

    def measure(self) -> Result:
        load, target, result = self._load, self._target, self._result
        before = Usage.of(self._pids, with_memory=True)
        crowd = Crowd(plan_of(target, load, self._job_base))
        try:
            self._connect(crowd, before)
            publisher = Publisher(target.nats_url, target.tenant, self._job_base, load.jobs)
            try:
                self._warm(crowd, publisher)
                self._publish(crowd, publisher, before)
            finally:
                publisher.close()
        finally:
            crowd.close()
        return result

    def _connect(self, crowd: Crowd, before: Usage) -> None:
        while crowd.is_connecting():
            self._show(f"{crowd.counts[CONNECTED]:,} of {self._load.clients:,} connected")
            time.sleep(LOOK)
        result = self._result
        result.connected, result.failed = crowd.counts[CONNECTED], crowd.counts[FAILED]
        result.connect_seconds = crowd.counts[CONNECT_NS] / 1e9
        if self._pids:
            result.connect_cpu = Usage.of(self._pids).cpu - before.cpu

    def _warm(self, crowd: Crowd, publisher: Publisher) -> None:
        warm_up(crowd, publisher, self._show)
        self._result.unwarmed = self._result.connected - sum(crowd.warm)
        crowd.stop_reading()
        time.sleep(SETTLE)

    def _publish(self, crowd: Crowd, publisher: Publisher, before: Usage) -> None:
        load, result = self._load, self._result
        gone = crowd.counts[GONE]
        connected = Usage.of(self._pids, with_memory=True)
        nats, own = Usage.of(self._nats_pids), Usage.of([crowd.pid])
        result.rss_before, result.rss_connected = before.rss, connected.rss
        result.pss_connected = connected.pss
        watchers = self._reading(crowd)
        start = time.time_ns()
        published = self._let_publish(publisher, crowd, watchers)
        self._drain(crowd, published)
        if self._pids:
            result.cpu = Usage.of(self._pids).cpu - connected.cpu
        if self._nats_pids:
            result.nats_cpu = Usage.of(self._nats_pids).cpu - nats.cpu
        result.own_cpu = Usage.of([crowd.pid]).cpu - own.cpu
        heard = crowd.report()
        result.cut = crowd.counts[GONE] - gone
        if load.slow:
            counters = self._target.counters() or {}
            if "progress_clients_cut_total" in counters:
                result.server_cut = int(counters["progress_clients_cut_total"])
            self._show("the slow clients read on")
            result.slow_ends = crowd.slow_ends()
        self._take(published, heard, publisher.counts(), start)

    def _reading(self, crowd: Crowd) -> list[int]:
        """How many clients of each job must get its messages. Those that stop reading do not count."""
        watchers = list(crowd.watchers)
        for number in range(self._load.slow):
            watchers[number % self._load.jobs] -= 1
        return watchers

    def _let_publish(self, publisher: Publisher, crowd: Crowd, watchers: list[int]) -> Published:
        load = self._load

        def look(count: int) -> None:
            self._show(f"{count:,} published, {crowd.counts[RECEIVED]:,} delivered")

        if load.is_idle:
            end = time.monotonic() + load.seconds
            while (left := end - time.monotonic()) > 0:
                self._show(f"{self._result.connected:,} idle, {left:.0f} s to go")
                time.sleep(min(left, 0.5))
            return Published()
        if load.rate:
            return publisher.at_rate(load.rate, load.seconds, watchers, look)
        return publisher.burst(load.count, load.seconds, watchers, look)

    def _drain(self, crowd: Crowd, published: Published) -> None:
        deadline = time.monotonic() + self._load.most_drain
        received, at = -1, time.monotonic()
        while crowd.counts[RECEIVED] < published.expected:
            now = time.monotonic()
            if crowd.counts[RECEIVED] != received:
                received, at = crowd.counts[RECEIVED], now
            if now > deadline or now > at + DRAIN_QUIET:
                return
            self._show(f"{published.count:,} published, {received:,} delivered, draining")
            time.sleep(LOOK / 10)

    def _take(self, published: Published, heard: Heard, counts: list[int], start: int) -> None:
        result = self._result
        result.published, result.expected = published.count, published.expected
        result.publish_seconds, result.late = published.seconds, published.late
        result.received, result.skipped = heard.received, heard.skipped
        result.doubled, result.strange = heard.doubled, heard.strange
        result.latency = {**heard.percentiles, "max": heard.longest / 1e6}
        result.ends = heard.ends
        result.wall = max(heard.last_at - start, 0) / 1e9
        result.first_fault = heard.first_strange or heard.first_failure
        last = zip(heard.last_seqs, heard.last_jobs, strict=True)
        result.behind = sum(seq != counts[job] for seq, job in last)


def plan_of(target: Target, load: Load, job_base: int) -> Plan:
    return Plan(
        target.address,
        target.host,
        target.path_of("bench"),
        load.clients,
        load.jobs,
        job_base,
        load.slow,
    )


def warm_up(crowd: Crowd, publisher: Publisher, show: Show) -> None:
    """Publishes until each client has received a message of its job, and no more are under way."""
    deadline = time.monotonic() + WARM_WAIT
    while cold := [place for place, warm in enumerate(crowd.warm) if warm < crowd.watchers[place]]:
        if time.monotonic() > deadline:
            break
        show(f"warming up: {sum(crowd.warm):,} of {crowd.counts[CONNECTED]:,}")
        publisher.warm(cold)
        _wait_until_quiet(lambda: crowd.counts[WARM_SEEN], QUIET)
    _wait_until_quiet(lambda: crowd.counts[WARM_SEEN], QUIET)


def _wait_until_quiet(count: Callable[[], int], quiet: float) -> None:
    """Returns when `count` has not changed for `quiet` seconds."""
    last, since = count(), time.monotonic()
    while time.monotonic() < since + quiet:
        time.sleep(LOOK)
        if count() != last:
            last, since = count(), time.monotonic()
