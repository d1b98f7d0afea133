"""How long a page of a list takes where there is much: python -m bench.lists [--runs N] [--jobs N] [--database URL [--postmaster PID]]

Fills a new database (SQLite in a temporary directory; or the empty one at the URL), starts the product on it, without a runner, and asks
for each list over HTTP. One job has 20,000 of the runs. A table goes to standard output: entries of the page, median and slowest answer, and the web
worker's CPU time for one, which other load of the machine changes less. SQLite's work is in it; PostgreSQL's where its postmaster is named.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bench.execute import Server
from hosting.stop_signals import Interrupted, interruptible, uninterruptible
from hosting.trial.product import Product
from jobs.http.pages import job_cursor, run_cursor
from jobs.store.store import Store

TENANT = "default"
RUNS_OF_THE_LARGEST = 20_000
BEGAN = 1_790_000_000  # when the first run was created; one a second follows
# Of three nodes, and as long as a short program is
GRAPH = """{"nodes": [{"id": 1, "type": "csv_input", "name": "In", "config": {"path": "in.csv", "columns": "a, b, c"}},
{"id": 2, "type": "filter", "name": "Filter", "config": {"condition": "n > 1 and name != ''x''"}},
{"id": 3, "type": "csv_output", "name": "Out", "config": {"path": "out.csv"}}], "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}]}"""
PROGRAM = "# one line of a program, which is followed by others\n" * 40
STATE = (
    '{"nodeId": %d, "nodeName": "Node", "status": "completed", "rowCount": 12345, "message": ""}'
)

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
JOBS = """INSERT INTO jobs (tenant_id, name, graph, created_at, updated_at)
{numbers} SELECT :tenant, 'Orders of shop ' || i || CASE WHEN i % 500 = 7 THEN ' (Ärger)' ELSE '' END, :graph, {began}, {began} FROM n"""
RUNS = """INSERT INTO runs (run_id, tenant_id, job_id, job_name, status, graph, program, request_hash, created_at, started_at,
 ended_at, queued_at, beat, runner, rows_in, rows_out)
{numbers} SELECT {id}, :tenant, CASE WHEN i % {nth} = 0 THEN 1 ELSE 2 + i % ({jobs} - 1) END, 'Orders',
 CASE WHEN i % 100003 = 5 THEN 'lost' WHEN i % 20 = 3 THEN 'failed' WHEN i % 200 = 4 THEN 'cancelled' ELSE 'completed' END,
 :graph, :program, '', {began} + i, {began} + i + 0.5, {began} + i + 9.5, {began} + i, 3, 'machine/123/456', 12345, 12000 FROM n"""
STATES = (
    "INSERT INTO node_states (run_id, node_id, payload) SELECT run_id, :node, :payload FROM runs"
)
IDS = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "md5(i::text)"}


def fill(url: str, jobs: int, runs: int) -> None:
    """Makes the tables, and in them the jobs and runs."""
    store = Store(url)
    store.open()
    store.close()
    engine = sa.create_engine(url)
    values = {"tenant": TENANT, "graph": GRAPH, "program": PROGRAM}
    nth = max(runs // RUNS_OF_THE_LARGEST, 1)
    parts = {"id": IDS[engine.dialect.name], "began": BEGAN, "jobs": jobs, "nth": nth}
    with engine.begin() as connection:
        many = sa.text(JOBS.format(numbers=NUMBERS.format(last=jobs - 1), **parts))
        connection.execute(many, values)
        many = sa.text(RUNS.format(numbers=NUMBERS.format(last=runs - 1), **parts))
        connection.execute(many, values)
        for node in (1, 2, 3):
            connection.execute(sa.text(STATES), {"node": node, "payload": STATE % node})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if engine.dialect.name == "postgresql":  # as autovacuum does of itself, some time later
            connection.execute(sa.text("VACUUM ANALYZE"))
    engine.dispose()


def lists(jobs: int, runs: int) -> dict[str, str]:
    """Each list with what it is; those in the middle begin at a cursor."""
    middle = BEGAN + runs // 2
    of_runs = "before=" + run_cursor("8" * 32, middle)
    of_jobs = "before=" + job_cursor(jobs // 2)
    return {
        "all runs": "/api/runs",
        "all runs, from the middle": f"/api/runs?{of_runs}",
        "all runs, 500": "/api/runs?limit=500",
        "runs of a day": f"/api/runs?since={middle}&until={middle + 86_400}",
        "failed runs": "/api/runs?status=failed",
        "lost runs, 10 in a million": "/api/runs?status=lost",
        "failed, lost and cancelled, from the middle": f"/api/runs?status=failed,lost,cancelled&{of_runs}",
        "runs of the largest job": "/api/jobs/1/runs",
        "the same, from the middle": f"/api/jobs/1/runs?{of_runs}",
        "its lost and cancelled ones": "/api/runs?job=1&status=lost,cancelled",
        "runs of another job": "/api/runs?job=17",
        "jobs": "/api/jobs",
        "jobs with 14 runs each": "/api/jobs?runs=14",
        "the same, from the middle, 50": f"/api/jobs?limit=50&runs=14&{of_jobs}",
        "jobs by a part of the name": "/api/jobs?q=ärger&runs=14".replace("ä", "%C3%A4"),
        "jobs by a name that none has": "/api/jobs?q=nothing",
        "jobs whose last run failed": "/api/jobs?status=failed",
        "jobs whose last run was lost": "/api/jobs?status=lost&runs=14",
    }


def measure(server: Server, path: str, rounds: int) -> tuple[list[float], int]:
    """Seconds of each answer, and how many entries it has."""
    took: list[float] = []
    told: Any = None
    for _ in range(rounds):
        began = time.perf_counter()
        status, told = server.ask("GET", path)
        took.append(time.perf_counter() - began)
        assert status == 200, told
    return took, len(told.get("runs", told.get("jobs")))


def rows(
    server: Server, cpu_of: Callable[[], float], jobs: int, runs: int, rounds: int
) -> Iterator[str]:
    yield "| list | entries | median | slowest | CPU |"
    yield "|---|---|---|---|---|"
    for name, path in lists(jobs, runs).items():
        began = cpu_of()
        took, entries = measure(server, path, rounds)
        cpu = (cpu_of() - began) / rounds * 1000
        median, slowest = statistics.median(took) * 1000, max(took) * 1000
        yield f"| {name}: `{path}` | {entries} | {median:.1f} ms | {slowest:.1f} ms | {cpu:.1f} ms |"


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def cpu_seconds(pid: int) -> float:
    """What a process has used; in hundredths."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m bench.lists",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--runs", type=int, default=1_000_000, help="how many (1000000)")
    parser.add_argument("--jobs", type=int, default=5_000, help="how many (5000)")
    parser.add_argument("--rounds", type=int, default=21, help="questions for each list (21)")
    parser.add_argument("--database", metavar="URL", help="of an empty database (SQLite)")
    parser.add_argument("--postmaster", metavar="PID", type=int, help="of a PostgreSQL here")
    return parser.parse_args()


def main() -> int:
    options = parse()
    directory = Path(tempfile.mkdtemp(prefix="bench-lists-"))
    url = options.database or f"sqlite:///{directory / 'lists.db'}"
    product = Product(
        directory / "data",
        DATABASE_URL=url,
        RUNNER="off",
        SAMPLE_ORDERS="0",
        KEEP_RUNS_DAYS="0",
        KEEP_RUNS_PER_JOB="0",
    )
    try:
        interruptible()
        (directory / "data").mkdir()
        began = time.monotonic()
        fill(url, options.jobs, options.runs)
        print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        product.start()
        server = Server(product.url, product.token())
        [worker] = [process.pid for process in product.processes() if process.role == "worker"]

        def cpu_of() -> float:
            sessions = children(options.postmaster) if options.postmaster else []
            return sum(map(cpu_seconds, (worker, *sessions)))

        for line in rows(server, cpu_of, options.jobs, options.runs, options.rounds):
            print(line, flush=True)
    except Interrupted:
        return 130
    finally:
        uninterruptible()
        product.end()
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
