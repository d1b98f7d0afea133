"""What is counted of runs and of the database, in every process that has to do with them.

Names follow Prometheus: the unit at the end, _total for what only grows. What a part of the product counts for itself is
made into families where that part is known (realtime/figures.py, jobs/run/figures.py).
"""

import platform
import tomllib
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

START_BOUNDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
RUN_BOUNDS = (0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400)

RUNS_ENDED = Counter(
    "progress_runs_ended", "Runs by how they ended", ["status", "reason"], registry=None
)
RUN_START = Histogram(
    "progress_run_start_seconds",
    "From execute to the runner that takes the run",
    buckets=START_BOUNDS,
    registry=None,
)
RUN_TIME = Histogram(
    "progress_run_seconds", "From a run's start to its end", buckets=RUN_BOUNDS, registry=None
)
ROWS = Counter(
    "progress_rows",
    "Rows that the graphs of ended runs have read, written and rejected",
    ["way"],
    registry=None,
)
for _way in ("read", "written", "rejected"):
    ROWS.labels(_way)
DATABASE_ERRORS = Counter(
    "progress_database_errors",
    "Transactions that the database did not take, or not in time",
    registry=None,
)
WEBHOOK_DELIVERIES = Counter(
    "progress_webhook_deliveries",
    "Attempts to deliver, by how they ended",
    ["outcome"],
    registry=None,
)
for _outcome in (
    "delivered",
    "retried",
    "failed",
    "tested",
):  # at 0: Prometheus sees no increase else
    WEBHOOK_DELIVERIES.labels(_outcome)


def _version() -> str:
    """The product's, as pyproject.toml has it; "unknown" where that was not copied with the code."""
    file = Path(__file__).resolve().parent.parent / "pyproject.toml"
    try:
        return str(tomllib.loads(file.read_text())["project"]["version"])
    except (OSError, LookupError, ValueError):
        return "unknown"


BUILD = Gauge(
    "progress_build_info",
    "Always 1; the labels say what this process runs",
    ["version", "python"],
    registry=None,
)
BUILD.labels(_version(), platform.python_version()).set(1)


def new_registry() -> CollectorRegistry:
    """A registry with what every process tells, its memory and CPU time among it."""
    registry = CollectorRegistry()
    for family in (RUNS_ENDED, RUN_START, RUN_TIME, ROWS, DATABASE_ERRORS, WEBHOOK_DELIVERIES):
        registry.register(family)
    registry.register(BUILD)
    ProcessCollector(registry=registry)
    return registry
