"""Runs a generated program and writes how its main thread spent its time.

    python -m bench.metered_program program.py FIGURES.json yes|no

The last argument says whether the program reports.
"""

import json
import runpy
import sys
import time
from collections.abc import Callable
from operator import sub
from pathlib import Path
from typing import Any

import progress_lib
from progress_lib import Progress, ProgressFunc


class Silent:
    """A reporter that does nothing and connects to nothing."""

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __enter__(self) -> "Silent":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def report_func(self) -> ProgressFunc:
        return _forget


def _forget(progress: Progress) -> None:
    pass


class Inside:
    """CPU seconds that the program's own thread spends in its reporter."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def meter(self, owner: type, name: str) -> None:
        work: Callable[..., Any] = getattr(owner, name)

        def metered(*args: Any, **options: Any) -> Any:
            began = time.thread_time()
            try:
                return work(*args, **options)
            finally:
                self.seconds += time.thread_time() - began

        setattr(owner, name, metered)


def clocks() -> tuple[float, float, float]:
    return time.perf_counter(), time.thread_time(), time.process_time()


def main(program: str, figures: str, reports: str) -> None:
    inside = Inside()
    if reports == "yes":
        for name in ("__init__", "report", "__exit__"):
            inside.meter(progress_lib.ProgressReporter, name)
    else:
        vars(progress_lib)["ProgressReporter"] = Silent
    before = clocks()
    try:
        runpy.run_path(program, run_name="__main__")
    finally:  # the program ends with sys.exit
        took, thread_took, process_took = map(sub, clocks(), before)
        measured = {
            "seconds": took,
            "waited": took - thread_took,
            "inside": inside.seconds,
            "others": process_took - thread_took,
        }
        Path(figures).write_text(json.dumps(measured), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
