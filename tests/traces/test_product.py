"""Traces of the running product: from a caller's span over web worker, queue and runner to each node."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.handwritten import the_only
from tests.harness import Product, eventually, running_product
from tests.programs import chain, node
from tests.traces.collector import Collector, collecting

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WAIT = 60.0


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def product(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    shop_database: Path,
    collector: Collector,
) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("traces") / request.param
    with running_product(
        data_dir,
        shop_database,
        worker_class=request.param,
        SAMPLE_ORDERS="0",
        WORKERS="2",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
        OTEL_EXPORTER_OTLP_HEADERS="authorization=s3cret-of-the-collector",
        OTEL_BSP_SCHEDULE_DELAY="100",
        OTEL_EXPORTER_OTLP_TIMEOUT=f"{WAIT:g}",
        PYTHON_NODES="on",
    ) as product:
        with sqlite3.connect(data_dir / "few.db") as database:
            database.execute("CREATE TABLE few (id int)")
            database.executemany("INSERT INTO few VALUES (?)", [(1,), (2,), (3,)])
        database.close()
        yield product


def graph(sql: str = "SELECT id FROM few") -> dict[str, Any]:
    reads = node(1, "db_input", connection="sqlite:///few.db", sql=sql)
    return chain(
        {**reads, "name": "Few"}, {**node(2, "csv_output", path="few.csv"), "name": "File"}
    )


def new_job(product: Product, document: dict[str, Any]) -> int:
    return product.create_job({"name": "few", "graph": document})


def test_a_run_is_one_trace_from_the_caller_to_its_nodes(
    product: Product, collector: Collector
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
    job_id = new_job(product, graph())
    run_id = product.post(f"/api/jobs/{job_id}/execute", headers=headers).json()["runId"]
    end = product.run_end(run_id, WAIT)
    assert (end["status"], end["traceId"]) == ("completed", TRACE)
    names = ("execute job", "wait in queue", "run job", "start program", "Few", "File")
    spans = collector.trace_of_run(run_id, *names)
    execute, queue, run, start, few, file = (spans[name] for name in names)
    assert {span.trace_id for span in spans.values()} == {TRACE}
    assert execute.parent_id == SPAN
    assert queue.parent_id == run.parent_id == execute.span_id
    assert start.parent_id == few.parent_id == file.parent_id == run.span_id
    assert [span.service for span in (execute, queue, run, few)] == [
        "progress-web",
        *["progress-runner"] * 3,
    ]
    assert execute.began <= queue.began <= queue.ended == run.began == start.began
    assert start.ended <= few.began <= few.ended <= run.ended
    assert abs(run.began - end["startedAt"]) < 0.01
    assert abs(run.ended - end["endedAt"]) < WAIT / 2
    assert run.attributes["progress.run.status"] == "completed"
    assert few.attributes == {
        "progress.node.id": 1,
        "progress.node.type": "db_input",
        "progress.node.rows": 3,
        "progress.node.status": "completed",
    }
    assert {span.error for span in spans.values()} == {None}
    assert {headers["authorization"] for headers in collector.headers} == {
        "s3cret-of-the-collector"
    }


def test_without_a_caller_each_execute_begins_a_trace_and_nonsense_is_no_caller(
    product: Product, collector: Collector
) -> None:
    job_id = new_job(product, graph())
    traces = set()
    for sent in ({}, {"traceparent": "nonsense"}, {"traceparent": f"00-{'0' * 32}-{SPAN}-01"}):
        answer = product.post(f"/api/jobs/{job_id}/execute", headers=sent)
        assert answer.status == 202
        end = product.run_end(answer.json()["runId"], WAIT)
        spans = collector.trace_of_run(end["runId"], "execute job", "File")
        assert spans["execute job"].parent_id == ""
        assert {span.trace_id for span in spans.values()} == {end["traceId"]}
        traces.add(end["traceId"])
    assert len(traces) == 3


def test_what_fails_is_an_error_that_quotes_no_row(product: Product, collector: Collector) -> None:
    sql = "SELECT id FROM nowhere_at_all"
    run_id = product.execute(new_job(product, {**graph(sql), "retries": {"count": 1, "wait": 1}}))
    end = product.run_end(run_id, WAIT)
    assert "nowhere_at_all" in end["reason"]
    spans = collector.trace_of_run(run_id, "run job", "Few")
    assert (spans["run job"].error, spans["Few"].error) == ("exit_code", "failed")

    def both_attempts() -> list[Any] | None:
        runs = [span for span in collector.of_run(run_id) if span.name == "run job"]
        return runs if len(runs) == 2 else None

    runs = eventually(both_attempts, WAIT, what="the retry is of the same trace")
    assert runs is not None
    assert [run.attributes["progress.run.attempt"] for run in runs] == [1, 2]
    assert "nowhere_at_all" not in str(collector.of_run(run_id))


def test_a_program_knows_nothing_of_the_collector(product: Product) -> None:
    code = "import os\nprint(sorted(name for name in os.environ if 'OTEL' in name))\n"
    asks = {
        "id": 3,
        "type": "python",
        "name": "Asks",
        "config": {
            "code": f"{code}\ndef transform(row):\n    return {{**row, 'n': 1}}\n",
            "columns": [{"column": "n", "type": "integer"}],
        },
    }
    job = chain(graph()["nodes"][0], asks, graph()["nodes"][1])
    run_id = product.execute(new_job(product, job))
    assert product.run_end(run_id, WAIT)["status"] == "completed"
    assert "[]" in product.get(f"/api/runs/{run_id}/log").json()["text"]


def test_a_run_whose_runner_dies_is_told_by_another(product: Product, collector: Collector) -> None:
    sql = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS id FROM n"
    run_id = product.execute(new_job(product, graph(sql)))
    eventually(lambda: product.get(f"/api/runs/{run_id}").json()["nodes"], WAIT)
    os.kill(the_only(product, "jobs.runner"), signal.SIGKILL)
    assert product.run_end(run_id, WAIT)["status"] == "lost"
    spans = collector.trace_of_run(run_id, "execute job", "run job")
    assert (spans["run job"].error, spans["run job"].parent_id) == (
        "lost",
        spans["execute job"].span_id,
    )


def test_a_collector_that_is_away_or_hangs_holds_nobody_up(
    product: Product, collector: Collector
) -> None:
    job_id = new_job(product, graph())
    collector.go.clear()
    try:
        for _ in range(3):
            began = time.monotonic()
            run_id = product.execute(job_id)
            assert time.monotonic() - began < WAIT / 2, "it waited for the collector"
            assert product.run_end(run_id, WAIT)["status"] == "completed"
        product.stop()
    finally:
        collector.go.set()
        product.start_again()
    assert product.run_end(product.execute(job_id), WAIT)["status"] == "completed"
