"""Whether this bench reads what the generator in Go reads, off the same deliveries.

    python -m bench.agreement /path/of/loadgen --worker-class gevent
    python -m bench.agreement /path/of/loadgen --against /tmp/progress-bench/ref-go

Measured in turn, two generators see different seconds of a machine that drifts. Here each has half of the
clients of one server, and the generator in Go publishes. Who connects last is served last: they take turns
at it. Exit code: 0 when the medians of both are within 10 % of each other at every percentile; 1 when they
are not, or one of them did not get all; 2 for a wrong option or a server that does not start; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bench.crowd import RECEIVED, Crowd, CrowdFailed
from bench.machine import raise_file_limit
from bench.publisher import NatsRefused, Publisher
from bench.run import LOOK, Load, plan_of, warm_up
from bench.target import (
    OurTarget,
    ProgramTarget,
    Target,
    TargetFailed,
    nats_of_its_own,
)
from hosting.interrupting import Interrupted, interruptible, uninterruptible
from settings import WORKER_CLASSES
from soak.product import DidNotComeBack

FIRST_JOB = 1_000_000
SETTLE = (
    4  # seconds between the generator's warm-up and its first message, for our clients to connect
)
READ_WAIT = 10.0  # seconds for our clients to read what the generator's have read
AGREES = 0.10  # of the generator's figure

PERCENTILES = {"p50": "lat_p50_ms", "p90": "lat_p90_ms", "p99": "lat_p99_ms"}  # ours → in Go


class GeneratorFailed(Exception):
    """The generator in Go ended early; the text is what it said."""


FAILURES = (
    *(TargetFailed, DidNotComeBack, GeneratorFailed, CrowdFailed, NatsRefused),
    *(OSError, ValueError),  # of a server or a generator that broke off
)


@dataclass(frozen=True, slots=True)
class Turn:
    """Milliseconds by percentile, and the deliveries that each of them lacks."""

    ours: dict[str, float]
    theirs: dict[str, float]
    ours_lost: int
    theirs_lost: int


class Generator:
    """The one in Go: half of the clients, and the publisher."""

    def __init__(self, program: Path, target: Target, load: Load, job_base: int) -> None:
        given = {
            "ws": target.ws_url,
            "nats": target.nats_url,
            "tenant": target.tenant,
            "secret": target.secret,
            "clients": load.clients,
            "jobs": load.jobs,
            "job-base": job_base,
            "rate": load.rate,
            "duration": f"{load.seconds}s",
            "settle": f"{SETTLE}s",
        }
        options = [word for name, value in given.items() for word in (f"-{name}", str(value))]
        self._process = subprocess.Popen(
            [program.absolute(), "-v", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_until_warm(self) -> None:
        assert self._process.stderr is not None
        said = ""
        for line in self._process.stderr:
            said += line
            if "warm after" in line:
                return
        raise GeneratorFailed(f"the generator ended before it published:\n{said}")

    def figures(self) -> dict[str, float]:
        """When it has ended, which it does by itself."""
        said, complaint = self._process.communicate()
        if self._process.returncode:
            raise GeneratorFailed(
                f"the generator ended with {self._process.returncode}:\n{complaint}"
            )
        figures: dict[str, float] = json.loads(said)
        return figures

    def close(self) -> None:
        """Harmless when it has ended."""
        self._process.kill()
        self._process.wait()


@contextmanager
def our_half(target: Target, load: Load, job_base: int) -> Iterator[Crowd]:
    """Clients that are connected and have heard something."""
    with closing(Crowd(plan_of(target, load, job_base))) as crowd:
        while crowd.is_connecting():
            time.sleep(LOOK)
        publisher = Publisher(target.nats_url, target.tenant, job_base, load.jobs)
        with closing(publisher):
            warm_up(crowd, publisher, lambda _: None)
        yield crowd


@contextmanager
def their_half(program: Path, target: Target, load: Load, job_base: int) -> Iterator[Generator]:
    """The same of the generator in Go, which publishes SETTLE seconds later."""
    with closing(Generator(program, target, load, job_base)) as generator:
        generator.wait_until_warm()
        yield generator


def turn(program: Path, target: Target, load: Load, job_base: int, *, ours_first: bool) -> Turn:
    ours = our_half(target, load, job_base)
    theirs = their_half(program, target, load, job_base)
    if ours_first:
        with ours as crowd, theirs as generator:
            return compare(crowd, generator, load)
    with theirs as generator, ours as crowd:
        return compare(crowd, generator, load)


def compare(crowd: Crowd, generator: Generator, load: Load) -> Turn:
    theirs = generator.figures()
    expected = int(theirs["published"]) * load.clients // load.jobs
    deadline = time.monotonic() + READ_WAIT
    while crowd.counts[RECEIVED] < expected and time.monotonic() < deadline:
        time.sleep(LOOK)
    heard = crowd.report()
    return Turn(
        heard.percentiles,
        {name: theirs[key] for name, key in PERCENTILES.items()},
        expected - heard.received,
        expected - int(theirs["received"]),
    )


def table(turns: list[Turn]) -> list[str]:
    """Medians of both and their ratio, a line each; how far the p99 was apart in one turn at most."""
    lines = [f"{'':6}{'here':>9}{'in Go':>9}{'×':>7}   ms, medians of {len(turns)} turns"]
    for name, (ours, theirs) in medians(turns).items():
        lines.append(f"{name:6}{ours:9.2f}{theirs:9.2f}{ours / theirs:7.2f}")
    apart = max(abs(turn.ours["p99"] / turn.theirs["p99"] - 1) for turn in turns)
    lines.append(f"p99 of a single turn: at most {apart:.1%} apart")
    return lines


def medians(turns: list[Turn]) -> dict[str, tuple[float, float]]:
    return {
        name: (median(t.ours[name] for t in turns), median(t.theirs[name] for t in turns))
        for name in PERCENTILES
    }


def agree(turns: list[Turn]) -> bool:
    return not any(turn.ours_lost or turn.theirs_lost for turn in turns) and all(
        abs(ours - theirs) <= AGREES * theirs for ours, theirs in medians(turns).values()
    )


def parse(arguments: list[str]) -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python -m bench.agreement",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("generator", type=Path, help="loadgen of the original's bench")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--worker-class", default=WORKER_CLASSES[0], choices=WORKER_CLASSES)
    choice.add_argument("--against", type=Path, metavar="PROGRAM", help="this server, not ours")
    parser.add_argument("--clients", type=int, default=1_000, metavar="N", help="(%(default)d)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="(%(default)d)")
    parser.add_argument("--rate", type=float, default=100, metavar="N", help="messages/s (100)")
    parser.add_argument("--seconds", type=int, default=5, metavar="N", help="(%(default)d)")
    parser.add_argument("--rounds", type=int, default=4, metavar="N", help="two turns each (4)")
    options = parser.parse_args(arguments)
    for program in filter(None, (options.generator, options.against)):
        if not os.access(program, os.X_OK):
            parser.error(f"{program}: no such program, or it may not be executed")
    if min(options.clients, options.jobs, options.rate, options.seconds, options.rounds) < 1:
        parser.error("all numbers must be 1 or more")
    if options.clients % 2 or options.clients // 2 % options.jobs:
        parser.error("--clients must be twice a multiple of --jobs: each job has as many of both")
    return options


def measure(options: argparse.Namespace, target: Target) -> list[Turn]:
    load = Load(options.clients // 2, options.jobs, options.rate, options.seconds)
    turns: list[Turn] = []
    for number in range(options.rounds * 2):
        job_base = FIRST_JOB + number * options.jobs
        ours_first = number % 4 in (0, 3)
        one = turn(options.generator, target, load, job_base, ours_first=ours_first)
        turns.append(one)
        first = "ours first" if ours_first else "Go first"
        print(
            f"turn {number + 1} of {options.rounds * 2} ({first}): p99 {one.ours['p99']:.2f} here, "
            f"{one.theirs['p99']:.2f} in Go; lost {one.ours_lost:,} and {one.theirs_lost:,}",
            file=sys.stderr,
            flush=True,
        )
    return turns


@contextmanager
def started(options: argparse.Namespace, directory: Path) -> Iterator[Target]:
    """The generator in Go knows no password, so that NATS must not ask for one."""
    with ExitStack() as ends:
        target: Target
        if options.against:
            target = ProgramTarget(options.against.absolute(), directory)
        else:
            nats_url = ends.enter_context(nats_of_its_own(directory / "streams"))
            target = OurTarget(directory, options.worker_class, 1, nats_url)
        ends.callback(target.stop)
        ends.callback(uninterruptible)
        print(f"starting {target.name}", file=sys.stderr, flush=True)
        target.start()
        yield target


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    interruptible()
    raise_file_limit()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as directory,
            started(options, Path(directory)) as target,
        ):
            turns = measure(options, target)
    except Interrupted:
        return 130
    except FAILURES as error:
        print(f"agreement: {error}", file=sys.stderr)
        return 2
    print(f"{target.name}: {shlex.join(arguments)}")
    print("\n".join(table(turns)))
    return 0 if agree(turns) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
