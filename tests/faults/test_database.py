"""PostgreSQL that hangs, that is away, that only reads: what is told meanwhile, and that all works when it is back."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hosting.trial.product import Answer
from tests.harness import Product, StartProduct, children, eventually, freeze
from tests.servers.databases import Database, Postgresql, Running, skip_where_missing

# connect and ask whether a kept connection lives: 2 s each; a statement: 3 s
LIMITS = {"DATABASE_CONNECT_TIMEOUT": "2", "DATABASE_TIMEOUT": "3", "DATABASE_POOL_TIMEOUT": "1"}
FROZEN = 45.0  # seconds; a request that waits for the thaw takes that long
SOON = 20.0  # far above all time-outs together on a slow machine, far below FROZEN
ASKERS = 12
CSV_COPY = {
    "name": "Copy",
    "graph": {
        "engine": 2,
        "nodes": [
            {"id": 1, "type": "csv_input", "name": "In", "config": {"path": "in.csv"}},
            {"id": 2, "type": "csv_output", "name": "Out", "config": {"path": "out.csv"}},
        ],
        "edges": [{"from": 1, "to": 2}],
    },
}


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
            freeze(child, may_have_ended=True)
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
        eventually(lambda: product.get("/readyz").status == 200)  # noqa: B023
        assert product.get("/api/jobs").status == 200


@contextlib.contextmanager
def away(database: Database, another: Database) -> Iterator[None]:
    """The database takes no connections, and those that were there are cut."""
    another.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS false')
    another.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'"
    )
    try:
        yield
    finally:
        another.execute(f'ALTER DATABASE "{database.name}" ALLOW_CONNECTIONS true')


def state_of(product: Product) -> dict[str, object]:
    state: dict[str, object] = product.get("/readyz", token=None).json()
    return state


@pytest.mark.slow
@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_workers_that_begin_while_the_database_is_away_serve_and_find_it_when_it_is_back(
    worker_class: str,
    own_postgresql: tuple[Database, Database],
    start_product: StartProduct,
) -> None:
    database, another = own_postgresql
    product = start_product(worker_class=worker_class, DATABASE_URL=database.url, SAMPLE_ORDERS="0")
    job_id = product.create_job(CSV_COPY)
    (product.data_dir / "in.csv").write_text("a\n1\n")
    with away(database, another):
        killed = product.worker_pid
        os.kill(killed, signal.SIGKILL)
        replaced = eventually(lambda: other_worker(product, killed), what="a worker in its place")
        eventually(lambda: state_of(product)["database"] == "away")
        product.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        eventually(lambda: other_worker(product, replaced), what="a worker after SIGHUP")
        assert product.get("/healthz", token=None).status == 200
        assert product.post(f"/api/jobs/{job_id}/execute").status == 503
    eventually(lambda: state_of(product)["ready"], what="ready")
    eventually(lambda: state_of(product)["history"] == "on", what="the history")
    assert product.run_end(product.execute(job_id))["status"] == "completed"


def other_worker(product: Product, former: int) -> int | None:
    """The worker that serves, once it is not the former one."""
    assert product.is_running, product.log_tail()
    workers = [process.pid for process in product.processes() if process.role == "worker"]
    assert product.get("/healthz", token=None).status == 200
    return workers[0] if len(workers) == 1 and workers[0] != former else None


def test_a_database_that_only_reads_is_told_and_left_for_one_that_takes_writes(
    own_postgresql: tuple[Database, Database], start_product: StartProduct
) -> None:
    database, another = own_postgresql
    product = start_product(DATABASE_URL=database.url, SAMPLE_ORDERS="0", RUNNER="off")
    only_reads = f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = '
    another.execute(only_reads + "on")
    another.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database.name}'"
    )
    eventually(lambda: product.post("/api/jobs", CSV_COPY).status == 503)
    assert "takes no writes" in product.post("/api/jobs", CSV_COPY).json()["detail"]
    assert product.get("/readyz", token=None).status == 503
    assert state_of(product)["database"] == "read-only"
    eventually(lambda: product.figures()["progress_database_up"] == 0)
    assert product.post("/api/jobs", CSV_COPY).status == 503
    another.execute(only_reads + "off")  # for new connections
    assert product.post("/api/jobs", CSV_COPY).status == 201
    eventually(lambda: state_of(product)["ready"])
