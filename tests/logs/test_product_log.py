"""LOG_FORMAT=json: every line of a whole server is JSON, from each of its processes, and tells what it is about."""

from __future__ import annotations

import json
import re
import signal
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
    more = {"LOG_FORMAT": "json", "ACCESS_LOG": "on", "SAMPLE_ORDERS": "2000"}
    product = start_product(worker_class=worker_class, **more)
    job_id = product.sample_job_id()
    asked = {"X-Request-ID": "from-the-proxy_1", "X-Forwarded-For": "203.0.113.9"}
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

    of_client = {"client": "203.0.113.9", "method": "POST", "status": 202}
    eventually(lambda: of(request="from-the-proxy_1", **of_client))
    eventually(lambda: of(request=made, status=401, path=f"/api/jobs/{job_id}"))
    eventually(lambda: of(process="runner", run=run_id, job=str(job_id), tenant="default"))
    eventually(lambda: of(logger="realtime.door", tenant="default"))
    assert {entry["process"] for entry in entries(product)} >= {"web", "runner"}
    assert all({"time", "level", "message"} <= entry.keys() for entry in entries(product))


def test_what_the_master_says_of_its_parts_is_json_too(start_product: StartProduct) -> None:
    product = start_product(LOG_FORMAT="json", SAMPLE_ORDERS="0")
    [supervisor] = [each for each in product.processes() if each.role == "supervisor"]
    supervisor.signal(signal.SIGKILL)
    eventually(lambda: "the supervisor" in product.log())
    [gone] = [entry for entry in entries(product) if "the supervisor" in entry["message"]]
    assert (gone["process"], gone["level"]) == ("master", "error")


def test_a_line_of_a_request_has_its_time_its_client_and_its_id(
    start_product: StartProduct,
) -> None:
    """A client's address is what a known proxy says, and nobody else."""
    product = start_product(
        ACCESS_LOG="on", SAMPLE_ORDERS="0", RUNNER="off", FORWARDED_ALLOW_IPS="127.0.0.1"
    )
    for forwarded, id_ in (("203.0.113.9", "told"), ("203.0.113.9, 198.51.100.7", "beyond")):
        headers = {"X-Forwarded-For": forwarded, "X-Request-ID": id_}
        assert product.get("/healthz", headers=headers).status == 200

    def line(client: str, id_: str) -> object:
        time = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"
        wanted = rf'{time} {re.escape(client)} "GET /healthz" 200 \d+ \d+ms {id_}'
        return [found for found in product.log().splitlines() if re.fullmatch(wanted, found)]

    eventually(lambda: line("203.0.113.9", "told"))
    eventually(lambda: line("198.51.100.7", "beyond"))
