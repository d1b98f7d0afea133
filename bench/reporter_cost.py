"""Measures what reporting costs the program that reports.

    python -m bench.reporter_cost

Starts a nats-server of its own. First runs the loop of a job in this process, in turn with and without
reporting. Then runs the sample job's program, in turn with the same program and a reporter that does
nothing. Figures are medians of the turns.

The run time of a program differs by 5 % from turn to turn, with and without reporting. So the bench
compares how long reporting keeps its main thread from working: the time that it waits without a core
(for the interpreter's lock, for the last message), and its CPU time inside the reporter.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench.target import nats_of_its_own
from hosting.start.sample import make_shop_database
from hosting.stop_signals import Interrupted, interruptible
from jobs.graph.gallery import ORDER_REPORT, SHOP_DATABASE
from jobs.graph.parsing import parse_graph
from jobs.program.generator import generate_program
from progress_lib import Progress, ProgressFunc, ProgressReporter, Status
from progress_lib.nats.link import Link, Message
from progress_lib.subjects import progress_subject

TURNS = 7
REPORTS = 200_000
ROWS = 2_000_000
EVERY = 1_000  # rows between two reports, as in generated programs
SECONDS = 2.0  # seconds of reporting as fast as possible
JOB = 1
PAIRS = 15  # turns of the sample job, with and without reporting
ROOT = Path(__file__).resolve().parents[1]


class Run(NamedTuple):
    """Seconds of one run of a program, as bench/metered_program.py writes them."""

    seconds: float
    waited: float  # time of the main thread without a core
    inside: float  # CPU time of the main thread in the reporter
    others: float  # CPU time of the other threads


class Cost(NamedTuple):
    """What reporting costs a program, as shares of its run time without reporting."""

    slower: float
    waiting: float  # part of `slower`: the main thread waits
    inside: float  # the rest of it: the main thread is in the reporter
    others: float  # CPU time of the reporter's own threads, beside it


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def waited(work: Callable[[], None]) -> float:
    """Does the work. Returns the seconds in which this thread had no core."""
    began = time.thread_time()
    return seconds(work) - (time.thread_time() - began)


def slower(report: ProgressFunc, one_report: float) -> float:
    """By what share a loop over rows is slower when it reports."""
    turns = range(TURNS)
    waiting = median(
        waited(lambda: work_on_rows(report)) - waited(lambda: work_on_rows(None)) for _ in turns
    )
    took = median(seconds(lambda: work_on_rows(None)) for _ in turns)
    return (waiting + ROWS / EVERY * one_report) / took


def report_often(report: ProgressFunc) -> None:
    for rows in range(REPORTS):
        report(Progress(1, "DB Input", Status.RUNNING, rows, "Processing rows..."))


def work_on_rows(report: ProgressFunc | None) -> None:
    """Works on rows. A row costs about as much as in the cheapest node of a generated program."""
    rows = 0
    for number in range(ROWS):
        row = {"id": number, "price": number * 1.19}
        if row["price"] < 0:
            raise AssertionError
        rows += 1  # noqa: SIM113 (the count is what is measured)
        if rows % EVERY == 0 and report is not None:
            report(Progress(1, "DB Input", Status.RUNNING, rows, "Processing rows..."))


def count_rows() -> None:
    rows = 0
    for _ in range(ROWS):
        rows += 1  # noqa: SIM113 (the count is what is measured)
        if rows % EVERY == 0:
            pass


def only_loop() -> None:
    for _ in range(ROWS):
        pass


def leaving_each_second(url: str, report: ProgressFunc) -> float:
    """Messages a second that leave while one node is reported as fast as possible."""
    heard: list[Message] = []
    link = Link(url, name="bench")
    link.subscribe(progress_subject("default", JOB), heard.append)
    link.start()
    assert link.wait_up(5.0)
    assert link.flush()
    before, end, rows = len(heard), time.monotonic() + SECONDS, 0
    while time.monotonic() < end:
        rows += 1
        report(Progress(1, "DB Input", Status.RUNNING, rows))
    link.flush()
    left = (len(heard) - before) / SECONDS
    link.close()
    return left


class SampleJob:
    """The sample job over 200,000 orders, in a folder of its own."""

    def __init__(self, directory: Path, nats_url: str) -> None:
        make_shop_database(directory / SHOP_DATABASE)
        sample = ORDER_REPORT.document()
        graph = parse_graph(sample["graph"])
        program = generate_program(graph, job_id=JOB, tenant_id="default", job_name=sample["name"])
        (directory / "program.py").write_text(program, encoding="utf-8")
        self._directory, self._nats_url = directory, nats_url

    def run(self, *, reports: bool) -> Run:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(self._directory),
            "NATS_URL": self._nats_url,
        }
        metered = [sys.executable, "-m", "bench.metered_program", "program.py", "figures.json"]
        done = subprocess.run(
            [*metered, "yes" if reports else "no"],
            cwd=self._directory,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,  # the program's log
            text=True,
        )
        assert done.returncode == 0, f"the sample job ended with {done.returncode}:\n{done.stderr}"
        return Run(**json.loads((self._directory / "figures.json").read_text(encoding="utf-8")))

    def cost(self) -> Cost:
        loud, silent = list[Run](), list[Run]()
        for pair in range(PAIRS):
            for reports in (True, False) if pair % 2 else (False, True):
                (loud if reports else silent).append(self.run(reports=reports))
            print(f"pair {pair + 1} of {PAIRS} of the sample job", file=sys.stderr)
        took = median(run.seconds for run in silent)
        waiting = median(run.waited for run in loud) - median(run.waited for run in silent)
        inside = median(run.inside for run in loud)
        others = median(run.others for run in loud) - median(run.others for run in silent)
        return Cost((waiting + inside) / took, waiting / took, inside / took, others / took)


def main() -> int:
    argparse.ArgumentParser(
        "python -m bench.reporter_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args()
    interruptible()
    try:
        measure()
    except Interrupted:
        return 130
    return 0


def measure() -> None:
    with nats_of_its_own() as url, ProgressReporter(url, "default", JOB) as reporter:
        report = reporter.report_func()
        turns = range(TURNS)
        one_report = median(seconds(lambda: report_often(report)) / REPORTS for _ in turns)
        one_row = median((seconds(count_rows) - seconds(only_loop)) / ROWS for _ in turns)
        loop = slower(report, one_report)
        leaving = leaving_each_second(url, report)
    with nats_of_its_own() as url, tempfile.TemporaryDirectory() as directory:
        cost = SampleJob(Path(directory), url).cost()
    print(f"report(Progress(…))                {one_report * 1e6:8.2f} µs")
    print(f"counting a row                     {one_row * 1e9:8.0f} ns")
    print(f"a job that reports every {EVERY:,} rows {loop * 100:7.2f} % slower")
    print(f"messages of a node that leave      {leaving:8.1f} each second")
    print(f"the sample job                     {cost.slower * 100:7.2f} % slower:")
    print(f"  its main thread waits            {cost.waiting * 100:7.2f} %")
    print(f"  and is in the reporter           {cost.inside * 100:7.2f} %")
    print(f"the reporter's own threads         {cost.others * 100:7.2f} % of a core")


if __name__ == "__main__":
    sys.exit(main())
