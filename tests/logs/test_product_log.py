"""LOG_FORMAT=json: every line of a whole server is JSON, from each of its processes, and tells what it is about."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.harness import Product, StartProduct, eventually
from tests.realtime.raw import Raw


def entries(product: Product) -> list[dict[str, Any]]:
    """All lines of the log; one that is no JSON fails the test."""
    return [json.loads(line) for line in product.log().splitlines()]


@pytest.mark.parametrize("worker_class", ["gthread", "gevent"])
def test_every_line_is_json_and_names_request_tenant_job_and_run(
    start_product: StartProduct, worker_class: str
) -> None:
    product = start_product(worker_class=worker_class, LOG_FORMAT="json", ACCESS_LOG="on")
    job_id = product.sample_job_id()
    asked = {"X-Request-ID": "from-the-proxy_1"}
    answer = product.request("POST", f"/api/jobs/{job_id}/execute", headers=asked)
    assert answer.header("X-Request-ID") == "from-the-proxy_1"
    run_id = answer.json()["runId"]
    assert product.run_end(run_id)["status"] == "completed"
    refused = product.get(f"/api/jobs/{job_id}", token="nobody", headers={"X-Request-ID": "a b\t"})
    made = str(refused.header("X-Request-ID"))
    assert len(made) == 16, "an odd id is replaced"
    with Raw(product):
        pass

    def of(**wanted: object) -> list[dict[str, Any]]:
        return [entry for entry in entries(product) if wanted.items() <= entry.items()]

    eventually(lambda: of(request="from-the-proxy_1", method="POST", status=202))
    eventually(lambda: of(request=made, status=401, path=f"/api/jobs/{job_id}"))
    eventually(lambda: of(process="runner", run=run_id, job=str(job_id), tenant="default"))
    eventually(lambda: of(logger="realtime.door", tenant="default"))
    assert {entry["process"] for entry in entries(product)} >= {"web", "runner"}
    assert all({"time", "level", "message"} <= entry.keys() for entry in entries(product))
