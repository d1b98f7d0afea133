"""Retries under real faults: a database that is away, a server that is restarted meanwhile, a person who cancels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.relay import Relay
from tests.harness import Product, eventually, running_product
from tests.programs import chain, node
from tests.servers.databases import PASSWORD, USER, Database

WAIT = 60.0  # seconds until a retry that is due has ended, on a busy machine


@pytest.fixture
def relay(postgresql: Database) -> Iterator[Relay]:
    """The way from programs to a database that has three rows; it is cut."""
    postgresql.execute("CREATE TABLE orders (id int)", "INSERT INTO orders VALUES (1), (2), (3)")
    with Relay(postgresql.port) as relay:
        relay.cut()
        yield relay


@pytest.fixture
def product(
    relay: Relay, postgresql: Database, tmp_path: Path, shop_database: Path
) -> Iterator[Product]:
    url = f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{relay.port}/{postgresql.name}"
    with running_product(tmp_path / "data", shop_database, CONNECTION_SHOP=url) as product:
        yield product


def job(product: Product, **retries: int) -> int:
    made = chain(
        node(1, "db_input", connection="SHOP", sql="SELECT id FROM orders WHERE id > :n"),
        node(2, "csv_output", path="orders.csv"),
    )
    declared = [{"name": "n", "type": "number", "default": 0}]
    graph = {**made, "retries": retries, "parameters": declared}
    return product.create_job({"name": "Orders", "graph": graph})


def runs(product: Product, job_id: int) -> list[dict[str, Any]]:
    """The job's runs, the oldest first."""
    found: list[dict[str, Any]] = product.get(f"/api/jobs/{job_id}/runs").json()["runs"]
    return found[::-1]


def ended(product: Product, job_id: int, count: int) -> list[dict[str, Any]]:
    """The job's runs once so many have ended."""

    def found() -> list[dict[str, Any]] | None:
        known = runs(product, job_id)
        return known if sum(run["endedAt"] is not None for run in known) >= count else None

    known: list[dict[str, Any]] = eventually(found, WAIT)
    return known


def test_a_database_that_is_away_for_the_first_attempts_is_read_by_a_later_one(
    product: Product, relay: Relay
) -> None:
    job_id = job(product, count=3, wait=1)
    first = product.execute(job_id, n=1)
    ended(product, job_id, 2)
    relay.restore()
    known = eventually(
        lambda: [r for r in runs(product, job_id) if r["status"] == "completed"], WAIT
    )
    [completed] = known
    told = runs(product, job_id)
    assert [run["attempt"] for run in told] == list(range(1, len(told) + 1))
    assert {run["attempts"] for run in told} == {4}
    assert told[0]["runId"] == first
    assert [run["retryOf"] for run in told] == [None, *(run["runId"] for run in told[:-1])]
    assert [run["status"] for run in told[:-1]] == ["failed"] * (len(told) - 1)
    assert told[1]["dueAt"] >= told[0]["endedAt"] + 0.9
    assert told[2]["dueAt"] >= told[1]["endedAt"] + 1.9
    assert all(run["startedAt"] >= run["dueAt"] for run in told[1:])
    assert {run["parameters"]["n"] for run in told} == {"1"}
    assert (product.data_dir / "orders.csv").read_text().split() == ["id", "2", "3"]
    assert completed == told[-1]


def test_a_retry_survives_a_restart_of_web_and_runner(product: Product, relay: Relay) -> None:
    job_id = job(product, count=1, wait=5)
    assert product.run_end(product.execute(job_id))["status"] == "failed"
    [_, retry] = eventually(lambda: (r := runs(product, job_id))[1:] and r)
    product.stop()
    relay.restore()
    product.start_again()
    assert product.run_end(retry["runId"], WAIT)["status"] == "completed"
    assert len(runs(product, job_id)) == 2


def test_a_retry_that_waits_is_told_as_such_and_ends_with_a_cancel(
    product: Product, relay: Relay
) -> None:
    job_id = job(product, count=10, wait=3_600)
    failed = product.run_end(product.execute(job_id))
    assert (failed["attempt"], failed["attempts"], failed["retryOf"]) == (1, 11, None)
    [_, waiting] = eventually(lambda: (r := runs(product, job_id))[1:] and r)
    told = product.get(f"/api/runs/{waiting['runId']}").json()
    assert (told["status"], told["retryOf"], told["queuePosition"]) == (
        "queued",
        failed["runId"],
        None,
    )
    assert told["dueAt"] > time.time() + 3_000
    refused = product.post(f"/api/jobs/{job_id}/execute")
    assert (refused.status, refused.json()["runId"]) == (409, waiting["runId"])
    assert product.post(f"/api/runs/{waiting['runId']}/cancel").status == 200
    relay.restore()
    assert product.run_end(product.execute(job_id), WAIT)["status"] == "completed"
    assert [run["status"] for run in runs(product, job_id)] == ["failed", "cancelled", "completed"]


def test_the_last_attempt_is_followed_by_none(product: Product) -> None:
    job_id = job(product, count=1, wait=1)
    product.execute(job_id)
    told = ended(product, job_id, 2)
    assert [run["status"] for run in told] == ["failed", "failed"]
    assert product.post(f"/api/jobs/{job_id}/execute").status == 202
