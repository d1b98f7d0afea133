"""scripts/run --once: the sample job is executed over HTTP, and its nodes are shown until the run's end."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException
from typing import Any

from hosting.start.errors import LaunchError
from hosting.start.server import direct


class Api:
    """A client of the HTTP API, with a token."""

    def __init__(self, url: str, token: str):
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str) -> Any:
        body = b"{}" if method == "POST" else None
        with self._open(method, path, body, 30.0) as answer:
            return json.load(answer)

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Each line of an NDJSON answer as it comes; ends where the stream ends or breaks."""
        broken = contextlib.suppress(OSError, HTTPException)
        with self._open("GET", path, None, 60.0) as answer, broken:
            for line in answer:
                if not line.endswith(b"\n"):
                    return  # it broke within a line
                if line.strip():
                    yield json.loads(line)

    @contextlib.contextmanager
    def _open(self, method: str, path: str, body: bytes | None, timeout: float) -> Iterator[Any]:
        request = urllib.request.Request(self._url + path, body, self._headers, method=method)
        try:
            answer = direct.open(request, timeout=timeout)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read(2000).decode(errors="replace").strip()
            raise LaunchError(f"{method} {path}: {error.code} {text}") from error
        except OSError as error:
            raise LaunchError(f"{method} {path}: {error}") from error
        with answer:
            yield answer


def run_sample(api: Api) -> int:
    """Executes the sample job and shows its nodes until the run's end; 0 when it completed."""
    from hosting.start.run_table import Board, Screen

    job = _sample_job(api)
    run_id = api.ask("POST", f"/api/jobs/{job['id']}/execute")["runId"]
    print(f"run {run_id} of job {job['id']}, {job['name']}", flush=True)
    nodes = api.ask("GET", f"/api/runs/{run_id}")["graph"]["nodes"]  # what runs has been checked
    board = Board((int(node["id"]), str(node.get("name") or "")) for node in nodes)
    screen = Screen(board, sys.stdout)
    while not board.ended:
        for event in api.lines(f"/api/runs/{run_id}/wait"):
            screen.show(board.take(event))
        # The stream may break, so the end is read from the run's document.
        run = api.ask("GET", f"/api/runs/{run_id}")
        for progress in run["nodes"]:
            board.take_progress(progress)
        board.take_status(run)
    screen.finish()
    return 0 if board.run_status == "completed" else 1


def _sample_job(api: Api) -> dict[str, Any]:
    """The job that the first start stores, by its name."""
    from jobs.graph.gallery import ORDER_REPORT

    name = ORDER_REPORT.name
    named = f"/api/jobs?limit=500&q={urllib.parse.quote(name)}"
    jobs: list[dict[str, Any]] = api.ask("GET", named)["jobs"]
    found = sorted((job for job in jobs if job["name"] == name), key=lambda job: int(job["id"]))
    if not found:
        raise LaunchError(f"there is no job called {name!r} any more; start with an empty DATA_DIR")
    return found[0]
