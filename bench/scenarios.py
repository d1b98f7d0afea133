"""What is measured: S1 to S6 as the load generator in Go defines them, and how cost grows."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.load.flooder import FLOODED, REFUSED, flooding
from bench.machine import MAX_FILES
from bench.run import Load, Result, Run, Show
from bench.target import Target

MAX_LAG = 500.0  # ms that 99 % of the messages stay within at a sustained rate
MAX_IN_LAG = 200.0  # ms; the same for S6, which loads only the bridge
SEARCH_STEPS = 3  # halvings of the last doubling; the result is within 9 %
MAX_RATE = 1_000_000.0  # messages/s
# A publisher that takes longer than this times the duration has not kept its rate
PUBLISHED_IN_TIME = 1.05
COUNT_WAIT, COUNT_LOOK = 0.2, 0.01  # seconds for a server's count; between looks
IN_JOBS = 100  # jobs that are published in turn; one of them is watched
CUT_BY = "4002"  # close code of a client that is too slow

Figures = dict[str, float]


@dataclass(slots=True)
class Outcome:
    """One measurement of one scenario on one target."""

    figures: Figures
    faults: list[str] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Figure:
    """A row of the table."""

    key: str
    label: str
    better: Literal["less", "more", ""] = ""  # "": no ratio is made of it
    digits: int = 0


class Bench:
    """The scale and duration of a bench, and new job ids for each run."""

    def __init__(self, scale: float, seconds: float | None, show: Show) -> None:
        self._scale = scale
        self._seconds = seconds
        self.show = show
        # a server that is not ours may remember the jobs of an earlier bench
        self._next_job = 1_000_000 + int(time.time()) % 9_000 * 1_000

    def scaled(self, number: int) -> int:
        return max(1, round(number * self._scale))

    def seconds(self, full: float) -> float:
        return self._seconds or full

    def jobs(self, count: int) -> int:
        """The first of `count` ids that were not used before."""
        first = self._next_job
        self._next_job += count
        return first

    def run(self, target: Target, load: Load) -> Result:
        return Run(target, load, self.jobs(load.jobs), self.show).measure()


def one_hot_job(bench: Bench, target: Target) -> Outcome:
    load = Load(bench.scaled(1_000), rate=100, seconds=bench.seconds(5))
    return _fan_out(bench.run(target, load))


def many_jobs(bench: Bench, target: Target) -> Outcome:
    return _many_jobs(bench, target, 10_000)


def many_fast_jobs(bench: Bench, target: Target) -> Outcome:
    return _many_jobs(bench, target, 40_000)


def _many_jobs(bench: Bench, target: Target, rate: int) -> Outcome:
    clients = bench.scaled(1_000)
    load = Load(clients, jobs=clients, rate=bench.scaled(rate), seconds=bench.seconds(5))
    return _fan_out(bench.run(target, load))


def _fan_out(result: Result) -> Outcome:
    figures = {
        **_costs(result),
        "p50": result.latency["p50"],
        "p99": result.latency["p99"],
        "received": result.received,
        "lost": result.lost,
    }
    return Outcome(figures, result.faults(), [result.document()])


def _costs(result: Result) -> Figures:
    """The CPU time of a delivery. Empty for a server whose processes are not known."""
    us = result.us_per_delivery
    return {} if us is None else {"us": us}


def most_sustained(bench: Bench, target: Target) -> Outcome:
    runs: list[dict[str, Any]] = []
    best: list[Result] = []

    def is_sustained(rate: float) -> bool:
        load = Load(bench.scaled(500), rate=rate, seconds=bench.seconds(5))
        result = bench.run(target, load)
        runs.append(result.document())
        in_time = result.publish_seconds <= load.seconds * PUBLISHED_IN_TIME
        good = in_time and result.latency["p99"] <= MAX_LAG and not result.faults()
        if good:
            best.append(result)
        return good

    _search(is_sustained, 500.0)
    if not best:
        return Outcome({}, ["not even the lowest rate was sustained"], runs)
    most = max(best, key=lambda result: result.per_second)
    figures = {**_costs(most), "per_second": most.per_second, "p99": most.latency["p99"]}
    return Outcome(figures, [], runs)


def _search(is_sustained: Callable[[float], bool], first: float) -> float:
    """The highest rate that is sustained: doubled until it is not, then halved in between."""
    rate = first
    while is_sustained(rate):
        if rate >= MAX_RATE:
            return rate
        rate *= 2
    low, high = rate / 2, rate
    for _ in range(SEARCH_STEPS):
        middle = math.sqrt(low * high)
        if is_sustained(middle):
            low = middle
        else:
            high = middle
    return low


def idle_connections(bench: Bench, target: Target) -> Outcome:
    load = Load(bench.scaled(5_000), jobs=bench.scaled(50), is_idle=True, seconds=bench.seconds(3))
    target.restart()
    return _idle(bench.run(target, load))


def _idle(result: Result) -> Outcome:
    figures: Figures = {"connects": result.connects_per_second, "held": result.connected}
    if result.kb_per_connection is not None:
        figures["kb"] = result.kb_per_connection
    if result.connect_cpu is not None and result.connected:
        figures["connect_us"] = result.connect_cpu * 1e6 / result.connected
    return Outcome(figures, result.faults(), [result.document()])


def burst(bench: Bench, target: Target) -> Outcome:
    load = Load(
        bench.scaled(100),
        rate=0,
        count=bench.scaled(20_000),
        seconds=bench.seconds(10),
        most_drain=30,
    )
    result = bench.run(target, load)
    figures = {
        **_costs(result),
        "share": 100 * result.received / max(result.expected, 1),
        "per_second": result.per_second,
        "wall": result.wall,
        "cut": result.cut,
    }
    return Outcome(figures, result.faults(), [result.document()])


def slow_readers(bench: Bench, target: Target) -> Outcome:
    """S1 in which a twentieth of the clients stops reading, long enough for the server to cut them."""
    slow = bench.scaled(50)
    load = Load(bench.scaled(1_000), rate=100, seconds=bench.seconds(15), slow=slow)
    result = bench.run(target, load)
    cut = sum(result.slow_ends.values())
    figures = {
        **_costs(result),
        "p99": result.latency["p99"],
        "lost": result.lost,
        "cut": cut,
        "with_4002": result.slow_ends.get(CUT_BY, 0),
    }
    if result.server_cut is not None:
        figures["server_cut"] = result.server_cut
    faults = result.faults()
    if cut != slow:
        faults.append(f"{slow - cut} of {slow} clients that stopped reading were not cut")
    return Outcome(figures, faults, [result.document()])


def nats_in(bench: Bench, target: Target) -> Outcome:
    """The highest rate that one bridge takes in. One client measures the lag.

    It watches one of IN_JOBS jobs, which are published in turn, so 1 % of the messages is delivered.
    """
    runs: list[dict[str, Any]] = []
    best: list[float] = []

    def is_sustained(rate: float) -> bool:
        load = Load(1, rate=rate, jobs=IN_JOBS, seconds=bench.seconds(5))
        counted = _received(target)
        result = bench.run(target, load)
        runs.append(result.document())
        in_time = result.publish_seconds <= load.seconds * PUBLISHED_IN_TIME
        good = in_time and result.latency["p99"] <= MAX_IN_LAG and not result.faults()
        good = good and _has_received(target, counted, result.published)
        if good:
            best.append(result.published / result.publish_seconds)
        return good

    _search(is_sustained, bench.scaled(10_000))
    if not best:
        return Outcome({}, ["not even the lowest rate was taken"], runs)
    return Outcome({"in": max(best)}, [], runs)


def _has_received(target: Target, before: float | None, published: int) -> bool:
    """Whether the server has counted all messages. Its count gets the last batch a little later."""
    deadline = time.monotonic() + COUNT_WAIT
    while (now := _received(target)) is not None and before is not None:
        if now - before >= published:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(COUNT_LOOK)
    return True


def _received(target: Target) -> float | None:
    """Messages that the server says it got from NATS."""
    counters = target.counters()
    return None if counters is None else counters.get("progress_received_total")


def growth_with_clients(bench: Bench, target: Target) -> Outcome:
    figures: Figures = {}
    faults: list[str] = []
    runs = []
    for full in (10, 100, 1_000, 3_000, 10_000):
        load = Load(bench.scaled(full), rate=10, seconds=bench.seconds(5))
        result = bench.run(target, load)
        figures |= {f"{full}": us for us in _costs(result).values()}
        faults += [f"{full} clients: {fault}" for fault in result.faults()]
        runs.append(result.document())
    return Outcome(figures, faults, runs)


def growth_with_jobs(bench: Bench, target: Target) -> Outcome:
    """10,000 deliveries/s to 1,000 clients each time, spread over more and more jobs."""
    figures: Figures = {}
    faults: list[str] = []
    runs = []
    for full in (1, 10, 100, 1_000):
        load = Load(
            bench.scaled(1_000),
            jobs=bench.scaled(full),
            rate=10 * bench.scaled(full),
            seconds=bench.seconds(5),
        )
        result = bench.run(target, load)
        figures |= {f"{full}": us for us in _costs(result).values()}
        faults += [f"{full} jobs: {fault}" for fault in result.faults()]
        runs.append(result.document())
    return Outcome(figures, faults, runs)


def flood(bench: Bench, target: Target) -> Outcome:
    """What other clients notice of one that sends as fast as it can and reconnects whenever it is cut."""
    load = Load(bench.scaled(20), rate=100, seconds=bench.seconds(10))
    calm = bench.run(target, load)
    outcome = Outcome({"calm": calm.latency["p99"]}, calm.faults(), [calm.document()])
    for key, with_new_tokens in (("flood", False), ("renewed", True)):
        with flooding(target, with_new_tokens=with_new_tokens) as counts:
            result = bench.run(target, load)
            outcome.figures |= {
                key: result.latency["p99"],
                f"{key}_times": result.latency["p99"] / calm.latency["p99"],
                f"{key}_cut": counts[FLOODED],
                f"{key}_refused": counts[REFUSED],
            }
        outcome.faults += result.faults()
        outcome.runs.append(result.document())
    return outcome


def held_connections(bench: Bench, target: Target) -> Outcome:
    """As many connections as two workers and one client process may open: idle for a minute, then at S1's rate."""
    clients = min(bench.scaled(19_000), MAX_FILES - 500)
    target.restart()
    idle = bench.run(target, Load(clients, jobs=19, is_idle=True, seconds=bench.seconds(60)))
    outcome = _idle(idle)
    # 100,000 deliveries/s, as in S1
    load = Load(clients, jobs=19, rate=100 * bench.scaled(1_000) / clients * 19, seconds=5)
    told = bench.run(target, load)
    outcome.figures |= {**_costs(told), "p99": told.latency["p99"], "lost": told.lost}
    outcome.faults += told.faults()
    outcome.runs.append(told.document())
    return outcome


@dataclass(frozen=True, slots=True)
class Scenario:
    name: str
    title: str
    measure: Callable[[Bench, Target], Outcome]
    figures: tuple[Figure, ...]


US = Figure("us", "CPU per delivery, µs", "less", 2)
P50, P99 = Figure("p50", "p50, ms", "less", 1), Figure("p99", "p99, ms", "less", 1)
LOST = Figure("lost", "lost")

SCENARIOS: dict[str, Scenario] = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "S1",
            "one hot job: 1,000 clients, 100 messages/s",
            one_hot_job,
            (US, P50, P99, Figure("received", "delivered"), LOST),
        ),
        Scenario(
            "S2",
            "most sustained: 500 clients, p99 within 500 ms, nobody cut",
            most_sustained,
            (Figure("per_second", "deliveries/s", "more"), US, P99),
        ),
        Scenario(
            "S3",
            "many jobs: 1,000 clients, 1,000 jobs, 10,000 messages/s",
            many_jobs,
            (US, P50, P99, LOST),
        ),
        Scenario(
            "S3F",
            "many fast jobs: S3 with 40,000 messages/s",
            many_fast_jobs,
            (US, P50, P99, LOST),
        ),
        Scenario(
            "S4",
            "idle: 5,000 connections, 50 jobs",
            idle_connections,
            (
                Figure("kb", "memory per connection, KB", "less", 1),
                Figure("connects", "connects/s", "more"),
                Figure("connect_us", "CPU per connect, µs", "less"),
                Figure("held", "held"),
            ),
        ),
        Scenario(
            "S5",
            "burst: 20,000 messages at once to 100 clients",
            burst,
            (
                Figure("share", "delivered, %", "", 1),
                Figure("per_second", "deliveries/s", "more"),
                Figure("wall", "seconds", "less", 2),
                US,
                Figure("cut", "clients cut"),
            ),
        ),
        Scenario(
            "S6",
            "S1 with 50 of the clients not reading",
            slow_readers,
            (
                Figure("p99", "p99 of the others, ms", "less", 1),
                US,
                LOST,
                Figure("cut", "slow clients cut"),
                Figure("with_4002", "… and told so with 4002"),
            ),
        ),
        Scenario(
            "IN",
            "from NATS: messages that nobody watches, a probe's p99 within 200 ms",
            nats_in,
            (Figure("in", "messages/s", "more"),),
        ),
        Scenario(
            "FLOOD",
            "20 clients, 100 messages/s, beside one that floods and comes back",
            flood,
            (
                Figure("calm", "p99 without a flood, ms", "less", 1),
                Figure("flood", "p99 beside it, ms", "less", 1),
                Figure("flood_times", "… times that without", "", 2),
                Figure("flood_cut", "… it was cut"),
                Figure("flood_refused", "… and refused"),
                Figure("renewed", "p99, with a new token each time, ms", "less", 1),
                Figure("renewed_times", "… times that without", "", 2),
                Figure("renewed_cut", "… it was cut"),
                Figure("renewed_refused", "… and refused"),
            ),
        ),
        Scenario(
            "CLIENTS",
            "growth with clients: one job, 10 messages/s",
            growth_with_clients,
            tuple(
                Figure(str(number), f"CPU per delivery, µs, {number:,} clients", "less", 1)
                for number in (10, 100, 1_000, 3_000, 10_000)
            ),
        ),
        Scenario(
            "JOBS",
            "growth with jobs: 1,000 clients, 10,000 deliveries/s",
            growth_with_jobs,
            tuple(
                Figure(str(number), f"CPU per delivery, µs, {number:,} jobs", "less", 1)
                for number in (1, 10, 100, 1_000)
            ),
        ),
        Scenario(
            "HELD",
            "19,000 connections held for 60 s, then 100,000 deliveries/s",
            held_connections,
            (
                Figure("held", "held"),
                Figure("kb", "memory per connection, KB", "less", 1),
                Figure("connects", "connects/s", "more"),
                US,
                P99,
                LOST,
            ),
        ),
    )
}
DEFAULT = ("S1", "S2", "S3", "S4", "S5", "S6", "IN")
