"""A stop of a web server loses no request: what it took is answered, and what it did not take is refused at once."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.harness import Product, StartProduct, eventually, freeze
from tests.programs import chain, node

COPY = chain(node(1, "csv_input", path="in.csv"), node(2, "csv_output", path="out.csv"))
POSTERS = 8
CROWD = 150  # gevent accepts 100 at once
MAIN_LOOP = 1.2  # seconds; gunicorn's looks once in one whether it is to stop


class Poster(threading.Thread):
    """Makes jobs one after another, each over a connection of its own, until it is refused."""

    def __init__(self, product: Product) -> None:
        super().__init__(daemon=True)
        self.product, self.token = product, product.token()
        self.ends: Counter[str] = Counter()

    def run(self) -> None:
        while "ConnectionRefusedError" not in self.ends:
            try:
                with closing(_post(self.product, self.token)) as connection:
                    self.ends[str(connection.getresponse().status)] += 1
            except (OSError, http.client.HTTPException) as error:
                self.ends[type(error).__name__] += 1


def _post(product: Product, token: str) -> http.client.HTTPConnection:
    """Sends what makes a job, over a connection of its own; reads nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", product.api_port, timeout=30.0)
    body = b'{"name": "a", "graph": {"nodes": [], "edges": []}}'
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/jobs", body, headers)
    return connection


def _is_pending(pid: int, number: int) -> bool:
    """Whether the process was sent the signal and did not see it yet."""
    return bool(int(_status(pid, "ShdPnd")[0], 16) & 1 << (number - 1))


def _status(pid: int, field: str) -> list[str]:
    """The words of a field in what Linux says of a process (proc(5))."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1:] for line in lines if line.startswith(field + ":"))


@pytest.mark.faults
@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_requests_that_come_while_a_server_stops_are_answered_or_refused(
    worker_class: str, start_product: StartProduct
) -> None:
    product = start_product(worker_class=worker_class, SAMPLE_ORDERS="0", RUNNER="off")
    with product.websocket() as browser:
        posters = [Poster(product) for _ in range(POSTERS)]
        for poster in posters:
            poster.start()
        eventually(lambda: all(poster.ends["201"] > 5 for poster in posters))
        os.kill(product.pid, signal.SIGTERM)
        for poster in posters:
            poster.join(30.0)
            assert not poster.is_alive()
        browser.close()
    ends = sum((poster.ends for poster in posters), Counter[str]())
    assert ends.pop("ConnectionRefusedError") == POSTERS
    assert set(ends) == {"201"}, ends


@pytest.mark.faults
@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_who_waits_for_a_busy_worker_is_answered_though_it_is_told_to_stop(
    worker_class: str, start_product: StartProduct
) -> None:
    product = start_product(worker_class=worker_class, SAMPLE_ORDERS="0", RUNNER="off")
    worker = product.worker_pid
    freeze(worker)  # as one that computes
    eventually(lambda: _status(worker, "State")[0] == "T")
    stopped, token = time.monotonic(), product.token()
    waiting = [_post(product, token) for _ in range(CROWD)]
    os.kill(product.pid, signal.SIGTERM)
    eventually(lambda: _is_pending(worker, signal.SIGTERM))
    eventually(lambda: time.monotonic() > stopped + MAIN_LOOP)
    os.kill(worker, signal.SIGCONT)
    assert [connection.getresponse().status for connection in waiting] == [201] * CROWD
    for connection in waiting:
        connection.close()


@pytest.mark.faults
@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_who_follows_a_run_over_http_is_sent_away_and_does_not_hold_up_the_stop(
    worker_class: str, start_product: StartProduct
) -> None:
    product = start_product(
        worker_class=worker_class,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        GUNICORN_CMD_ARGS="--graceful-timeout 60",
    )
    run_id = product.execute(product.create_job({"name": "waits", "graph": COPY}))
    with product.stream(f"/api/runs/{run_id}/wait", timeout=30.0) as followed:
        assert b'"queued"' in followed.readline()
        os.kill(product.pid, signal.SIGTERM)
        followed.read()  # raises IncompleteRead where it is cut, and not ended
    eventually(lambda: not product.is_running)
