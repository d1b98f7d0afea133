"""How long a POST execute takes, against a running server: python -m bench.execute [--count N]

URL (http://127.0.0.1:8080) and TOKEN say where. Each POST is for a job of its own, made before and deleted after; start the
server with RUNNER=off, so that nothing but execute is measured.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
import time
from typing import Any
from urllib.parse import urlsplit

GRAPH = {
    "nodes": [
        {"id": 1, "type": "csv_input", "config": {"path": "in.csv"}},
        {"id": 2, "type": "filter", "config": {"condition": "n > 1 and name != 'x'"}},
        {"id": 3, "type": "csv_output", "config": {"path": "out.csv"}},
    ],
    "edges": [{"from": 1, "to": 2}, {"from": 2, "to": 3}],
}


class Server:
    """One kept connection to the server."""

    def __init__(self, url: str, token: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and document of the answer."""
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, content, self._headers)
        answer = self._connection.getresponse()
        told = answer.read()
        return answer.status, json.loads(told) if told else None


def measure(server: Server, count: int) -> list[float]:
    """Seconds of each POST."""
    jobs = [
        server.ask("POST", "/api/jobs", {"name": "bench", "graph": GRAPH})[1] for _ in range(count)
    ]
    took, runs = [], []
    for job in jobs:
        began = time.perf_counter()
        status, told = server.ask("POST", f"/api/jobs/{job['id']}/execute")
        took.append(time.perf_counter() - began)
        assert status == 202, told
        runs.append(told["runId"])
    for run_id, job in zip(runs, jobs, strict=True):
        server.ask("POST", f"/api/runs/{run_id}/cancel")
        server.ask("DELETE", f"/api/jobs/{job['id']}")
    return took


def main() -> None:
    parser = argparse.ArgumentParser(
        "python -m bench.execute",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--count", type=int, default=300, help="how many POSTs (300)")
    count = parser.parse_args().count
    url, token = os.environ.get("URL", "http://127.0.0.1:8080"), os.environ.get("TOKEN")
    if not token:
        parser.error("TOKEN is not set: export TOKEN=$(scripts/token)")
    try:
        took = sorted(measure(Server(url, token), count))
    except OSError as error:
        sys.exit(f"no server answers at {url}: {error}")
    p50, p99 = statistics.median(took), took[int(len(took) * 0.99)]
    print(f"{count} POSTs: p50 {p50 * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms")


if __name__ == "__main__":
    main()
