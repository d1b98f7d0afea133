"""How many small runs a second the whole product does: python -m bench.small_runs [--count N] [--slots N] [--worker-class C] [--backlog N]

Starts the product with its runner (SQLite, its own nats-server) on free ports in a temporary directory. Each run reads a CSV file of ten
rows, filters it and writes another. All are asked for at once, each of a job of its own. Runs a second count from the first POST to the end of the last run.
Then another tenant asks for one run while `--backlog` runs of the first wait: a fair queue starts it at once.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.execute import Server
from hosting.reader import ended_with_reader
from hosting.stop_signals import Interrupted, interruptible, uninterruptible
from hosting.trial.product import Product

LOOK = 0.05  # seconds between two looks at a run
ROWS = "n,name\n" + "".join(f"{n},row {n}\n" for n in range(10))
FIRST, OTHER = "acme", "globex"


class Tenant:
    """One tenant's jobs and runs, over HTTP."""

    def __init__(self, product: Product, name: str) -> None:
        self._product, self._name = product, name
        self.connect()
        directory = product.data_dir / "tenants" / name
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "in.csv").write_text(ROWS)

    def connect(self) -> None:
        """Anew: the server closes a connection that was idle for seconds."""
        self._server = Server(self._product.url, self._product.token(tenant_id=self._name))

    def make_jobs(self, count: int) -> list[int]:
        return [int(self._ask("POST", "/api/jobs", _job(n))["id"]) for n in range(count)]

    def execute(self, job_id: int) -> str:
        return str(self._ask("POST", f"/api/jobs/{job_id}/execute")["runId"])

    def end(self, run_id: str) -> dict[str, Any]:
        """The run's document when it has ended."""
        while True:
            run: dict[str, Any] = self._ask("GET", f"/api/runs/{run_id}")
            if run["status"] not in ("queued", "running"):
                assert run["status"] == "completed", run
                return run
            time.sleep(LOOK)

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        status, told = self._server.ask(method, path, body)
        assert status < 300, (status, told)
        return told


def busy_seconds() -> float:
    """CPU seconds of the machine so far, whoever used them."""
    with open("/proc/stat") as told:
        user, nice, system, _idle, _waiting, *rest = map(int, told.readline().split()[1:])
    return (user + nice + system + sum(rest[:3])) / os.sysconf("SC_CLK_TCK")


def _job(number: int) -> dict[str, Any]:
    parts = [
        ("csv_input", {"path": "in.csv", "numbers": ["n"]}),
        ("filter", {"condition": "n > 1 and name != 'x'"}),
        ("csv_output", {"path": f"out-{number}.csv"}),
    ]
    nodes = [
        {"id": id, "type": kind, "config": config} for id, (kind, config) in enumerate(parts, 1)
    ]
    edges = [{"from": 1, "to": 2}, {"from": 2, "to": 3}]
    return {"name": f"small {number}", "graph": {"nodes": nodes, "edges": edges}}


def measure(product: Product, count: int, backlog: int) -> None:
    first, other = Tenant(product, FIRST), Tenant(product, OTHER)
    jobs = first.make_jobs(max(count, backlog) + 1)
    [single] = other.make_jobs(1)
    first.end(first.execute(jobs.pop()))  # what only the first run of a server costs
    alone = [_timed(other, single) for _ in range(5)]
    print(f"one run alone, from POST to its end: {statistics.median(alone):.2f} s")
    first.connect()
    began, busy = time.monotonic(), busy_seconds()
    runs = [first.execute(job) for job in jobs[:count]]
    asked = time.monotonic() - began
    for run_id in runs:
        first.end(run_id)
    took, busy = time.monotonic() - began, busy_seconds() - busy
    print(
        f"{count} runs asked for in {asked:.1f} s, ended after {took:.1f} s: {count / took:.1f} runs/s"
    )
    print(f"CPU time of the whole machine for one: {busy / count:.2f} s")
    if backlog:
        first.connect()
        for job in jobs[:backlog]:
            first.execute(job)
        print(f"one run of another tenant behind {backlog}: {_timed(other, single):.2f} s")


def _timed(tenant: Tenant, job_id: int) -> float:
    tenant.connect()
    began = time.monotonic()
    tenant.end(tenant.execute(job_id))
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(
        "python -m bench.small_runs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=200, help="runs (200)")
    parser.add_argument(
        "--slots", type=int, help="MAX_CONCURRENT_RUNS (the default of the product)"
    )
    parser.add_argument("--worker-class", default="gthread", help="gthread or gevent (gthread)")
    parser.add_argument(
        "--backlog", type=int, default=100, help="runs that wait before another tenant's (100)"
    )
    options = parser.parse_args()
    interruptible()
    slots = {"MAX_CONCURRENT_RUNS": str(options.slots)} if options.slots else {}
    with tempfile.TemporaryDirectory(prefix="small-runs-") as directory:
        product = Product(
            Path(directory) / "data",
            worker_class=options.worker_class,
            TENANT_ID="*",
            SAMPLE_ORDERS="0",
            **slots,
        )
        try:
            product.start()
            measure(product, options.count, options.backlog)
        except Interrupted:
            return 130
        finally:
            uninterruptible()
            product.end()
    return 0


if __name__ == "__main__":
    sys.exit(ended_with_reader(main))
