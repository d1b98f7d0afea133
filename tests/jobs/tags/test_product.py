"""A job that asks for a tag, against the running product with two runners of which one has it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.harness import NatsServer, Product, eventually, running_product
from tests.programs import chain, node

WAIT = 60.0


@contextmanager
def runner(product: Product, data_dir: Path, **settings: str) -> Iterator[subprocess.Popen[bytes]]:
    """A runner as an operator starts it, with files of its own."""
    data_dir.mkdir()
    database = f"sqlite:///{product.data_dir / 'progress.db'}"
    own = {"DATA_DIR": str(data_dir), "DATABASE_URL": database, "PROGRAM_SPARES": "0"}
    with (data_dir / "runner.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jobs.runner"],
            env={**os.environ, **own, **settings},
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(30)
            print((data_dir / "runner.log").read_text())


@pytest.fixture(params=["gthread", "gevent"])
def product(
    request: pytest.FixtureRequest, tmp_path: Path, shop_database: Path, nats_server: NatsServer
) -> Iterator[Product]:
    with running_product(
        tmp_path / "web",
        shop_database,
        worker_class=request.param,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        NATS_URL=nats_server.url,
    ) as product:
        yield product


def graph(tag: str | None) -> dict[str, Any]:
    made = chain(
        node(1, "db_input", connection="sqlite:///place.db", sql="SELECT name FROM place"),
        node(2, "csv_output", path="place.csv"),
    )
    return {**made, "runnerTag": tag}


def place(data_dir: Path, name: str) -> None:
    """A file that each runner has with another content."""
    with sqlite3.connect(data_dir / "place.db") as database:
        database.execute("CREATE TABLE place (name text)")
        database.execute("INSERT INTO place VALUES (?)", (name,))
    database.close()


def test_its_runs_and_previews_come_from_the_runner_with_the_tag(
    product: Product, nats_server: NatsServer, tmp_path: Path
) -> None:
    def told(run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = product.get(f"/api/runs/{run_id}").json()
        return found

    def preview(tag: str | None) -> Any:
        return product.post("/api/jobs/preview", {"graph": graph(tag), "nodeId": 1})

    urls = {"NATS_URL": nats_server.url}
    with runner(product, tmp_path / "plain", **urls):
        place(tmp_path / "plain", "plain")
        jobs = {
            tag: product.create_job({"name": str(tag), "graph": graph(tag)})
            for tag in ("gpu", None)
        }
        waiting = product.execute(jobs["gpu"])
        assert product.run_end(product.execute(jobs[None]), WAIT)["status"] == "completed"
        found = told(waiting)
        assert (found["status"], found["runnerTag"]) == ("queued", "gpu")
        assert (found["queuePosition"], found["waitReason"]) == (
            0,
            "no runner with the tag gpu is there",
        )
        [entry] = product.get("/api/runs?status=queued").json()["runs"]
        assert (entry["runnerTag"], entry["waitReason"]) == ("gpu", found["waitReason"])
        refused = preview("gpu")
        assert refused.status == 503
        assert "no runner with the tag gpu answered" in refused.json()["detail"]
        assert preview(None).json()["rows"] == [["plain"]]
        assert product.get("/readyz", token=None).json()["taggedRuns"] == "ok"

        tagged = {**urls, "RUNNER_TAGS": "eu, gpu", "RUNNER_UNTAGGED": "off"}
        place_of_gpu = tmp_path / "gpu"
        with runner(product, place_of_gpu, **tagged):
            place(place_of_gpu, "gpu")
            end = product.run_end(waiting, WAIT)
            assert (end["status"], end["waitReason"], end["runnerTag"]) == (
                "completed",
                None,
                "gpu",
            )
            assert (place_of_gpu / "place.csv").read_text().split() == ["name", "gpu"]
            assert (tmp_path / "plain" / "place.csv").read_text().split() == ["name", "plain"]
            shown = {str(eventually(lambda: preview("gpu").json().get("rows"))) for _ in range(5)}
            assert shown == {"[['gpu']]"}
            assert {str(preview(None).json()["rows"]) for _ in range(5)} == {"[['plain']]"}


def test_a_run_keeps_the_tag_that_it_was_started_with(product: Product) -> None:
    job_id = product.create_job({"name": "moved", "graph": graph("gpu")})
    run_id = product.execute(job_id)
    answer = product.request("PUT", f"/api/jobs/{job_id}", {"name": "moved", "graph": graph("eu")})
    assert answer.status == 200
    assert product.get(f"/api/runs/{run_id}").json()["runnerTag"] == "gpu"
    assert product.post(f"/api/runs/{run_id}/cancel").status == 200
    later = product.execute(job_id)
    assert product.get(f"/api/runs/{later}").json()["runnerTag"] == "eu"
    asked = {**graph(None), "runnerTag": "GPU"}
    for path in ("/api/jobs/preview", "/api/jobs/find-types"):
        refused = product.post(path, {"graph": asked, "nodeId": 1})
        assert (refused.status, refused.json()["errors"][0]["field"]) == (422, "runnerTag")
