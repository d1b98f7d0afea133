"""What reporting costs the program that reports.

    python -m scripts.benching.reporting

Starts a nats-server of its own and runs the loop of a job in this process, with and without
reporting in turn. Figures of one row and of one report are medians of the turns.
"""

import time
from collections.abc import Callable
from statistics import median

from progress_lib import Progress, ProgressFunc, ProgressReporter, Status
from progress_lib.nats import Link, Message
from progress_lib.subjects import progress_subject
from scripts.benching.target import nats_of_its_own

TURNS = 7
REPORTS = 200_000
ROWS = 2_000_000
EVERY = 1_000  # rows between two reports, as generated programs do it
SECONDS = 2.0  # of reporting as fast as can be, to see what leaves
JOB = 1


def seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def report_often(report: ProgressFunc) -> None:
    for rows in range(REPORTS):
        report(Progress(1, "DB Input", Status.RUNNING, rows, "Processing rows..."))


def work_on_rows(report: ProgressFunc | None) -> None:
    """A row of this job costs about what the cheapest node of a generated program does."""
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
    """Messages of one node that leave while it is reported as fast as can be."""
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


def main() -> None:
    with nats_of_its_own() as url, ProgressReporter(url, "default", JOB) as reporter:
        report = reporter.report_func()
        turns = range(TURNS)
        one_report = median(seconds(lambda: report_often(report)) / REPORTS for _ in turns)
        one_row = median((seconds(count_rows) - seconds(only_loop)) / ROWS for _ in turns)
        slower = median(
            seconds(lambda: work_on_rows(report)) / seconds(lambda: work_on_rows(None)) - 1
            for _ in turns
        )
        leaving = leaving_each_second(url, report)
    print(f"report(Progress(…))                {one_report * 1e6:8.2f} µs")
    print(f"counting a row                     {one_row * 1e9:8.0f} ns")
    print(f"a job that reports every {EVERY:,} rows {slower * 100:7.2f} % slower")
    print(f"messages of a node that leave      {leaving:8.1f} each second")


if __name__ == "__main__":
    main()
