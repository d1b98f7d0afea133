"""PostgreSQL that hangs: it keeps its connections and says nothing. A request costs its time-outs, and no more."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hosting.product import Answer
from tests.databases import Database, Postgresql, Running, skip_where_missing
from tests.harness import Product, StartProduct, children, eventually, freeze

# connect and ask whether a kept connection lives: 2 s each; a statement: 3 s
LIMITS = {"DATABASE_CONNECT_TIMEOUT": "2", "DATABASE_TIMEOUT": "3", "DATABASE_POOL_TIMEOUT": "1"}
FROZEN = 45.0  # seconds; a request that waits for the thaw takes that long
SOON = 20.0  # far above all time-outs together on a slow machine, far below FROZEN
ASKERS = 12


@pytest.fixture
def own_postgresql(tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """Two databases on a server of this test's own, which may be frozen."""
    skip_where_missing(Postgresql)
    server = Postgresql(tmp_path)
    with server.used() as port:
        running = Running(server, port)
        with running.database() as one, running.database() as another:
            yield one, another


@contextlib.contextmanager
def frozen(database: Database) -> Iterator[None]:
    """The server with all its sessions, stopped as by a hypervisor."""
    master = int((database.server.directory() / "data" / "postmaster.pid").read_text().split()[0])
    stopped = [master]
    freeze(master)  # first, so that it makes no more sessions
    try:
        for child in children(master):
            freeze(child)
            stopped.append(child)
        yield
    finally:
        for pid in reversed(stopped):
            os.kill(pid, signal.SIGCONT)


def timed(product: Product, method: str, path: str, body: object = None) -> tuple[Answer, float]:
    began = time.monotonic()
    answer = product.request(method, path, body, timeout=FROZEN)
    return answer, time.monotonic() - began


@pytest.mark.slow
def test_a_database_that_hangs_costs_a_request_its_time_out(
    own_postgresql: tuple[Database, Database], start_product: StartProduct
) -> None:
    products = [
        start_product(
            worker_class=worker_class,
            DATABASE_URL=database.url,
            DATABASE_POOL="3",
            SAMPLE_ORDERS="0",
            RUNNER="off",
            **LIMITS,
        )
        for worker_class, database in zip(("gthread", "gevent"), own_postgresql, strict=True)
    ]
    asked = [("GET", "/api/jobs", None), ("POST", "/api/jobs", {"name": "a", "graph": {}})]
    with ThreadPoolExecutor(2 * (ASKERS + 1)) as pool, frozen(own_postgresql[0]):
        requests = [
            pool.submit(timed, product, *asked[number % 2])
            for product in products
            for number in range(ASKERS)
        ]
        probes = [pool.submit(timed, product, "GET", "/readyz") for product in products]
        for product in products:
            assert product.get("/healthz").status == 200
        answers = [request.result() for request in (*requests, *probes)]
    assert {answer.status for answer, _ in answers} == {503}
    assert max(took for _, took in answers) < SOON, sorted(took for _, took in answers)
    detail = answers[0][0].json()["detail"]
    assert "the database does not answer" in detail
    for product in products:
        eventually(lambda: product.get("/readyz").status == 200, 30.0)  # noqa: B023
        assert product.get("/api/jobs").status == 200
