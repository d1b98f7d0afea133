"""Measures the fan-out of the running product: S1 to S6, a table, a JSON document and a chart.

    scripts/bench                                               both worker classes, about six minutes
    scripts/bench --against /tmp/progress-bench/ref-go --rounds 4       in turn with another server
    scripts/bench --only S1,S4 --worker-class gevent --workers 1,2

Starts the real product (gunicorn with its embedded nats-server; history, snapshots and metrics on) on
free ports in a temporary directory, and one process of clients. Exit code: 0 when every delivery is
accounted for, 1 when one was lost, doubled or out of order, or a slow client was not cut; 2 for a wrong
option or a server that does not start; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.chart import chart
from bench.files import check_place, of_caller, read_document
from bench.load.crowd import CrowdFailed
from bench.load.publisher import NatsRefused
from bench.machine import described, raise_file_limit
from bench.report import heading, our_faults, table
from bench.scenarios import DEFAULT, SCENARIOS, Bench, Outcome, Scenario
from bench.target import (
    TENANT,
    OurTarget,
    ProgramTarget,
    RunningTarget,
    Target,
    TargetFailed,
)
from hosting.reader import ended_with_reader
from hosting.start.server import ROOT
from hosting.stop_signals import Interrupted, interruptible, uninterruptible
from hosting.trial.product import NotReady
from settings import WORKER_CLASSES

CHART = ROOT / "docs" / "bench.svg"
SHOW_PERIOD = 0.2  # seconds between two progress lines on a terminal


class Progress:
    """Progress on stderr: one line that changes on a terminal, else a line for each run."""

    def __init__(self) -> None:
        self._what = ""
        self._next = 0.0
        self._began = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def begin(self, what: str) -> None:
        self._what = f"{time.monotonic() - self._began:6.1f} s  {what}"
        if not self._is_terminal:
            print(self._what, file=sys.stderr, flush=True)

    def show(self, doing: str) -> None:
        now = time.monotonic()
        if self._is_terminal and now >= self._next:
            self._next = now + SHOW_PERIOD
            print(f"\r\033[K{self._what}: {doing}"[:160], end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self._is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def measure(
    targets: list[Target], scenarios: list[Scenario], rounds: int, bench: Bench, progress: Progress
) -> list[dict[str, Any]]:
    """Runs each scenario on the servers in turn, so that other load of the machine affects all of them."""
    results = []
    for scenario in scenarios:
        for number in range(1, rounds + 1):
            for target in targets:
                progress.begin(f"{scenario.name} {target.name}, round {number} of {rounds}")
                outcome = _outcome(scenario, bench, target)
                results.append(
                    {
                        "scenario": scenario.name,
                        "target": target.name,
                        "round": number,
                        "figures": outcome.figures,
                        "faults": outcome.faults,
                        "runs": outcome.runs,
                    }
                )
    progress.end()
    return results


def _outcome(scenario: Scenario, bench: Bench, target: Target) -> Outcome:
    """The outcome of a scenario. A server that fails under load gives an outcome with that fault."""
    try:
        return scenario.measure(bench, target)
    except (CrowdFailed, NatsRefused, OSError) as error:
        return Outcome({}, [f"not measured: {error}"])


# ---------------------------------------------------------------- the command


def parse(arguments: list[str]) -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="scenarios:\n"
        + "\n".join(f"  {s.name:<8} {s.title}" for s in SCENARIOS.values())
        + f"\n\nwithout --only: {','.join(DEFAULT)}",
    )
    names = ",".join(SCENARIOS)
    parser.add_argument("--only", default=",".join(DEFAULT), metavar="S,…", help=f"of {names}")
    parser.add_argument(
        "--worker-class",
        default=",".join(WORKER_CLASSES),
        metavar="C,…",
        help="of gthread,gevent; none: only what --against names (%(default)s)",
    )
    parser.add_argument("--workers", default="1", metavar="N,…", help="web workers (%(default)s)")
    parser.add_argument("--rounds", type=int, default=1, metavar="N", help="(%(default)d)")
    parser.add_argument(
        "--against",
        metavar="SERVER",
        help="measure this one in turn: a program that takes -addr, -nats, -tenant and JWT_SECRET, "
        "or the ws:// URL of one that runs",
    )
    parser.add_argument("--against-nats", metavar="URL", help="NATS server that feeds the latter")
    parser.add_argument("--against-pids", default="", metavar="P,…", help="its processes, for CPU")
    parser.add_argument("--against-tenant", default=TENANT, metavar="T", help="(%(default)s)")
    parser.add_argument("--scale", type=float, default=1.0, metavar="F", help="part of the load")
    parser.add_argument("--seconds", type=float, metavar="N", help="of each run, not as defined")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--chart", metavar="FILE", help="SVG; a full bench writes docs/bench.svg, another none"
    )
    parser.add_argument(
        "--show", metavar="FILE", help="measure nothing: table and chart of a --json"
    )
    options = parser.parse_args(arguments)
    _check(parser, options)
    return options


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    options.only = options.only.upper().split(",")
    if unknown := [name for name in options.only if name not in SCENARIOS]:
        parser.error(f"--only {','.join(unknown)}: there are {', '.join(SCENARIOS)}")
    classes = options.worker_class.split(",")
    if unknown := [name for name in classes if name not in (*WORKER_CLASSES, "none")]:
        parser.error(f"--worker-class {','.join(unknown)}: there are {', '.join(WORKER_CLASSES)}")
    options.worker_class = [name for name in classes if name != "none"]
    if not options.worker_class and not options.against and not options.show:
        parser.error("--worker-class none leaves nothing to measure without --against")
    try:
        options.workers = [int(number) for number in options.workers.split(",")]
        options.against_pids = [int(pid) for pid in options.against_pids.split(",") if pid]
    except ValueError:
        parser.error("--workers and --against-pids are numbers, separated by commas")
    if min(options.workers) < 1 or options.rounds < 1:
        parser.error("--workers and --rounds must be 1 or more")
    if not 0 < options.scale <= 1 or (options.seconds is not None and not options.seconds > 0):
        parser.error("--scale must be more than 0 and at most 1, --seconds more than 0")
    if _is_url(options.against):
        if not options.against_nats:
            parser.error("--against URL needs --against-nats, which feeds that server")
        if not os.environ.get("JWT_SECRET"):
            parser.error("--against URL needs JWT_SECRET, with which that server checks tokens")
    check_place(parser, "--json", options.json)
    check_place(parser, "--chart", options.chart)


def _is_url(text: str | None) -> bool:
    return bool(text) and "://" in str(text)


def targets_of(options: argparse.Namespace, directory: Path) -> list[Target]:
    targets: list[Target] = []
    if _is_url(options.against):
        targets.append(
            RunningTarget(
                options.against,
                options.against_nats,
                os.environ["JWT_SECRET"],
                options.against_tenant,
                options.against_pids,
            )
        )
    elif options.against:
        targets.append(ProgramTarget(of_caller(options.against), directory))
    for worker_class in options.worker_class:
        targets += [OurTarget(directory, worker_class, number) for number in options.workers]
    return targets


def bench(options: argparse.Namespace, arguments: list[str]) -> dict[str, Any]:
    """Runs the bench and returns its document. Raises Interrupted, TargetFailed, NotReady."""
    machine = described(ROOT)
    directory = Path(tempfile.mkdtemp(prefix="bench-"))
    progress = Progress()
    targets: list[Target] = []
    try:
        targets = targets_of(options, directory)
        for target in targets:
            progress.begin(f"starting {target.name}")
            progress.show("…")
            target.start()
        scenarios = [SCENARIOS[name] for name in dict.fromkeys(options.only)]
        loads = Bench(options.scale, options.seconds, progress.show)
        results = measure(targets, scenarios, options.rounds, loads, progress)
    finally:
        uninterruptible()
        progress.end()
        for target in targets:
            target.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return {
        "command": shlex.join(["scripts/bench", *arguments]),
        "machine": machine,
        "options": {k: getattr(options, k) for k in ("rounds", "scale", "seconds", "only")},
        "targets": [{"name": target.name, "is_ours": target.is_ours} for target in targets],
        "results": results,
    }


def _write(options: argparse.Namespace, document: dict[str, Any]) -> None:
    if options.json:
        of_caller(options.json).write_text(json.dumps(document, indent=1) + "\n")
    is_full = options.scale == 1 and options.seconds is None and set(DEFAULT) <= set(options.only)
    if options.chart:
        of_caller(options.chart).write_text(chart(document))
    elif is_full and not options.show:
        CHART.write_text(chart(document))


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    interruptible()
    files = raise_file_limit()
    if files < 2_000:
        print(f"only {files} open files are allowed: ulimit -n 20000", file=sys.stderr)
    try:
        if options.show:
            document = read_document(options.show, "targets", "results")
        else:
            document = bench(options, arguments)
        with contextlib.suppress(BrokenPipeError):
            print("\n".join([*heading(document), "", *table(document)]).rstrip())
        _write(options, document)
    except Interrupted:
        return 130
    except (TargetFailed, NotReady, OSError, ValueError) as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 2
    return 1 if our_faults(document) else 0


if __name__ == "__main__":
    sys.exit(ended_with_reader(lambda: main(sys.argv[1:])))
