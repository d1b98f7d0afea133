"""Measures what moving rows costs: programs of graphs, in turn with the same done by hand.

    scripts/bench programs                              all jobs
    scripts/bench programs --only copy,work --rounds 5
    scripts/bench programs --large                      besides, what gathers rows with ten times as many; writes docs/bench-programs.md
    scripts/bench programs --show FILE.json             table of an earlier bench

Exit code: 0 when both wrote the same rows each time; 1 when they did not, or a process failed; 2 for a wrong
option; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from bench.files import check_place, of_caller, read_document
from bench.machine import described
from bench.programs.inputs import make_csv, make_customers, make_postgresql, make_sqlite
from bench.programs.jobs import JOBS, LARGE, Job
from bench.programs.report import Document, chart, heading, large_table, page, table
from bench.programs.running import Differs, Failed, Place, one_turn
from bench.programs.server import NoServer, postgresql
from bench.target import TargetFailed, nats_of_its_own
from hosting.reader import ended_with_reader
from hosting.start.server import ROOT
from hosting.stop_signals import Interrupted, interruptible, uninterruptible

ROWS, POSTGRESQL_SHARE = 1_000_000, 0.3
ROUNDS = 3
PAGE, CHART = ROOT / "docs" / "bench-programs.md", ROOT / "docs" / "bench-programs.svg"


def parse(arguments: list[str]) -> argparse.Namespace:
    assert __doc__ is not None
    names = ",".join(job.name for job in JOBS)
    parser = argparse.ArgumentParser(
        prog="scripts/bench programs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="jobs:\n" + "\n".join(f"  {job.name:<9} {job.title}" for job in JOBS),
    )
    parser.add_argument("--only", default=names, metavar="J,…", help=f"of {names}")
    parser.add_argument(
        "--rows", type=int, default=ROWS, metavar="N", help="(%(default)d; for PostgreSQL 30 %%)"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help="(%(default)d)")
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="start our programs in fresh interpreters, not as forks of a warm one",
    )
    parser.add_argument(
        "--large",
        action="store_true",
        help=f"besides, one turn of what gathers rows with {LARGE} times as many: half an hour",
    )
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    parser.add_argument("--show", metavar="FILE", help="measure nothing: table of a --json")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := [name for name in options.only if name not in names.split(",")]:
        parser.error(f"--only {','.join(unknown)}: there are {names}")
    if options.rows < 1 or options.rounds < 1:
        parser.error("--rows and --rounds must be 1 or more")
    check_place(parser, "--json", options.json)
    return options


class Bench:
    """One run of the command: its inputs, its servers, its figures."""

    def __init__(self, options: argparse.Namespace, arguments: list[str]) -> None:
        self._options = options
        self._jobs = [job for job in JOBS if job.name in options.only]
        self._began = time.monotonic()
        self.document: Document = {
            "command": shlex.join(["scripts/bench", "programs", *arguments]),
            "machine": described(ROOT),
            "rows": {"files": options.rows, "postgresql": self._postgresql_rows},
            "turns": {},
            "large": {},
            "left_out": [],
        }

    @property
    def _postgresql_rows(self) -> int:
        return max(1, int(self._options.rows * POSTGRESQL_SHARE))

    def run(self) -> None:
        """Raises Failed, Differs, TargetFailed, Interrupted."""
        with ExitStack() as stack:
            try:
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
                nats_url = stack.enter_context(nats_of_its_own())
                place = Place(directory, nats_url, self._postgresql(stack), self._options.fresh)
                self._make_inputs(place)
                for job in self._jobs:
                    self._measure(place, job)
                if self._options.large:
                    self._measure_large(place)
            finally:
                uninterruptible()  # what it started is ended now

    def _postgresql(self, stack: ExitStack) -> str | None:
        """A server, where a job needs one and it is there; such jobs are left out else."""
        needing = [job for job in self._jobs if job.is_postgresql]
        if not needing:
            return None
        try:
            return stack.enter_context(postgresql()).url
        except NoServer as error:
            names = ", ".join(job.name for job in needing)
            self.document["left_out"].append(f"{names}: {error}")
            self._jobs = [job for job in self._jobs if not job.is_postgresql]
            return None

    def _make_inputs(self, place: Place) -> None:
        self._say("making inputs")
        sources = {job.source for job in self._jobs}
        if "csv" in sources:
            make_csv(place.directory / "in.csv", self._options.rows)
            make_customers(place.directory / "customers.csv")
        if "sqlite" in sources:
            make_sqlite(place.directory / "in.db", self._options.rows)
        if place.postgresql_url is not None:
            make_postgresql(place.postgresql_url, self._postgresql_rows)

    def _measure(self, place: Place, job: Job) -> None:
        turns = self.document["turns"][job.name] = []
        for number in range(1, self._options.rounds + 1):
            self._say(f"{job.name}, turn {number} of {self._options.rounds}")
            turns.append(one_turn(place, job))

    def _measure_large(self, place: Place) -> None:
        jobs = [job for job in self._jobs if job.large]
        if jobs:
            self._say("making the large input")
            make_csv(place.directory / "in.csv", self._options.rows * LARGE)
        for job in jobs:
            self._say(f"{job.name}, large")
            self.document["large"][job.name] = [one_turn(place, job)]

    def _say(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:6.1f} s  {what}", file=sys.stderr, flush=True)


def write(options: argparse.Namespace, document: Document) -> None:
    """The figures where --json says; page and chart of a bench with --large that left nothing out."""
    if options.json:
        of_caller(options.json).write_text(json.dumps(document, indent=1) + "\n")
    if (
        options.rows == ROWS
        and options.rounds >= ROUNDS
        and options.large
        and not options.fresh
        and len(document["turns"]) == len(JOBS)
    ):
        PAGE.write_text(page(document), encoding="utf-8")
        CHART.write_text(chart(document), encoding="utf-8")


def shown(document: Document) -> list[str]:
    tables = [*table(document), *large_table(document), *document["left_out"]]
    return [*heading(document), "", *tables]


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    interruptible()
    try:
        if options.show:
            document = read_document(options.show, "turns", "large", "rows", "left_out")
        else:
            bench = Bench(options, arguments)
            bench.run()
            document = bench.document
        with suppress(BrokenPipeError):
            print("\n".join(shown(document)))
        if not options.show:
            write(options, document)
    except Interrupted:
        return 130
    except (Failed, Differs, TargetFailed, OSError, ValueError) as error:
        print(f"scripts/bench programs: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(ended_with_reader(lambda: main(sys.argv[1:])))
