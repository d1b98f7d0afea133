"""Outputs that are kept, against the running product: a run that begins again, what a node gave, what is refused."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from jobs.graph.documents.again import Again, Stands
from jobs.run.sweeps.retention import OldRuns
from jobs.store.records import NewRun
from jobs.store.store import NotFound, Store
from jobs.store.tables import RUNS
from jobs.work.run_files import RunFiles
from settings.defaults import KeptOutputs, Retention
from tests.harness import ROOT, NatsServer, Product, running_product
from tests.jobs.tags.test_product import place, runner
from tests.programs import chain, graph, node

WAIT = 60.0


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("kept") / "data"
    with running_product(data_dir, shop_database) as product:
        yield product


def failing(product: Product, name: str, **more: Any) -> tuple[int, dict[str, Any], str]:
    """A job of 1,000 orders that fails in its third node, once another output has been fed; its graph and its run."""
    (product.data_dir / f"{name}.csv").write_text(
        "id,price\n" + "".join(f"{n},{n}.50\n" for n in range(1, 1001))
    )
    made = graph(
        [
            node(
                1,
                "csv_input",
                "Orders",
                path=f"{name}.csv",
                types=[{"column": "id", "type": "integer"}, {"column": "price", "type": "numeric"}],
            ),
            node(2, "filter", "Good", condition="id > 10"),
            node(3, "map", "Totals", columns=[{"column": "t", "expression": "1000 // (id - 500)"}]),
            node(4, "csv_output", "Out", path=f"{name}-out.csv"),
        ],
        [(1, 2), (2, 3), (3, 4)],
    )
    document = {**made, "keepOutputs": True, **more}
    job_id = product.create_job({"name": name, "graph": document})
    run_id = product.execute(job_id)
    end = product.run_end(run_id, WAIT)
    assert end["status"] == "failed"
    assert "division by zero" in end["reason"], end["reason"]
    return job_id, document, run_id


def mended(document: dict[str, Any]) -> dict[str, Any]:
    nodes = [dict(one) for one in document["nodes"]]
    nodes[2] = node(3, "map", "Totals", columns=[{"column": "t", "expression": "id * 2"}])
    return {**document, "nodes": nodes}


def save(product: Product, job_id: int, document: dict[str, Any]) -> None:
    body = {"name": f"job {job_id}", "graph": document}
    assert product.request("PUT", f"/api/jobs/{job_id}", body).status == 200


def begin(product: Product, job_id: int, run_id: str, node_id: int, **more: Any) -> Any:
    body = {"fromRun": run_id, "fromNode": node_id, **more}
    return product.post(f"/api/jobs/{job_id}/execute", body)


def run_of(product: Product, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = product.get(f"/api/runs/{run_id}").json()
    return found


def test_a_failed_run_begins_again_at_the_node_that_failed(shop: Product) -> None:
    job_id, document, failed = failing(shop, "again")
    told = run_of(shop, failed)
    assert told["kept"]["deleted"] is False
    kept = {one["nodeId"]: one for one in told["kept"]["nodes"]}
    assert (kept[1]["rows"], kept[2]["rows"], kept[2]["reason"]) == (1000, 990, None)
    assert kept[3]["reason"] == "it was not done when the run ended"
    save(shop, job_id, mended(document))
    (shop.data_dir / "again.csv").unlink()  # it is not read again
    answer = begin(shop, job_id, failed, 3)
    assert answer.status == 202, answer
    end = shop.run_end(answer.json()["runId"], WAIT)
    assert end["status"] == "completed", end
    assert (end["fromRun"], end["fromNode"]) == (failed, 3)
    nodes = {one["nodeId"]: one for one in end["nodes"]}
    assert [nodes[n].get("fromRun") for n in (1, 2, 3, 4)] == [failed, failed, None, None]
    assert [nodes[n]["rowCount"] for n in (1, 2, 3, 4)] == [1000, 990, 990, 990]
    assert end["rows"] == {"in": 0, "out": 990, "rejected": 0}, (
        "what was kept is not read from a source"
    )
    lines = (shop.data_dir / "again-out.csv").read_text().splitlines()
    assert (lines[0], lines[1], len(lines)) == ("id,price,t", "11,11.50,22", 991)
    second = begin(shop, job_id, end["runId"], 3)
    assert second.status == 202, "from a run that began itself so"
    assert shop.run_end(second.json()["runId"], WAIT)["status"] == "completed"


def test_an_output_that_stands_is_not_written_again(shop: Product) -> None:
    with sqlite3.connect(shop.data_dir / "stands.db") as database:
        database.execute("CREATE TABLE a (n int)")
        database.execute("CREATE TABLE b (n int)")
    database.close()
    made = graph(
        [
            node(1, "db_input", "One", connection="sqlite:///stands.db", sql="SELECT 1 AS n"),
            node(2, "filter", "Left", condition="True"),
            node(3, "db_output", "A", connection="sqlite:///stands.db", table="a", mode="append"),
            node(4, "filter", "Right", condition="True"),
            node(5, "csv_output", "B", path="stands.csv"),
        ],
        [(1, 2), (2, 3), (1, 4), (4, 5)],
    )
    job_id = shop.create_job({"name": "stands", "graph": {**made, "keepOutputs": True}})
    first = shop.execute(job_id)
    assert shop.run_end(first, WAIT)["status"] == "completed"
    (shop.data_dir / "stands.csv").unlink()
    end = shop.run_end(begin(shop, job_id, first, 4).json()["runId"], WAIT)
    assert end["status"] == "completed", end
    assert (shop.data_dir / "stands.csv").read_text().split() == ["n", "1"]
    with sqlite3.connect(shop.data_dir / "stands.db") as database:
        assert database.execute("SELECT count(*) FROM a").fetchone() == (1,)
    database.close()
    nodes = {one["nodeId"]: one for one in end["nodes"]}
    assert nodes[3]["fromRun"] == first
    assert nodes[3]["message"] == f"not run again: 1 rows in run {first}"


def test_what_a_node_gave_is_told_with_its_figures(shop: Product) -> None:
    _, _, failed = failing(shop, "figures")
    page = shop.get(f"/api/runs/{failed}/kept/2").json()
    assert (page["columns"], page["types"]) == (["id", "price"], ["integer", "numeric"])
    assert (page["count"], page["seen"], len(page["rows"]), page["truncated"]) == (
        990,
        990,
        50,
        True,
    )
    assert page["rows"][0] == [11, "11.50"]
    assert page["figures"] == [
        {"nulls": 0, "min": 11, "max": 1000},
        {"nulls": 0, "min": "11.50", "max": "1000.50"},
    ]
    not_kept = shop.get(f"/api/runs/{failed}/kept/3")
    assert not_kept.status == 409
    assert "it was not done when the run ended" in not_kept.json()["detail"]
    assert shop.get(f"/api/runs/{failed}/kept/77").status == 404
    assert shop.get(f"/api/runs/{failed}/kept/2?output=no").status == 422


def preview(product: Product, document: dict[str, Any], node_id: int, run_id: Any) -> Any:
    body = {"graph": document, "nodeId": node_id, "fromRun": run_id}
    return product.ask_runner("/api/jobs/preview", body)


def test_a_preview_shows_what_a_run_kept_as_far_as_the_graph_is_as_it_was(shop: Product) -> None:
    _, document, failed = failing(shop, "preview")
    (shop.data_dir / "preview.csv").write_text("id,price\n1000000,1\n")  # no row of it is kept
    same = preview(shop, document, 2, failed).json()
    assert (same["rows"][0], same["truncated"]) == ([11, "11.50"], True)
    assert (same["fromRun"], same["fromNodes"]) == (failed, [2])
    after = preview(shop, mended(document), 3, failed).json()
    assert (after["rows"][0], after["fromNodes"]) == ([11, "11.50", 22], [2])
    nodes = [dict(one) for one in document["nodes"]]
    nodes[1] = node(2, "filter", "Good", condition="id > 998")
    other = {**document, "nodes": nodes}
    assert preview(shop, other, 2, failed).json()["rows"] == [[999, "999.50"], [1000, "1000.50"]]
    nodes[0] = {**nodes[0], "config": {**nodes[0]["config"], "types": []}}
    nodes[1] = node(2, "filter", "Good", condition="True")
    anew = preview(shop, {**document, "nodes": nodes}, 2, failed).json()
    assert (anew["rows"], "fromRun" in anew) == ([["1000000", "1"]], False)


def test_a_preview_of_what_is_not_there_any_more_reads_anew(shop: Product) -> None:
    _, document, failed = failing(shop, "gone")
    RunFiles(shop.data_dir, failed).remove_kept()
    (shop.data_dir / "gone.csv").write_text("id,price\n20,1\n")
    found = preview(shop, document, 2, failed).json()
    assert (found["rows"], "fromRun" in found) == ([[20, "1"]], False)


def test_a_preview_with_other_values_than_the_run_reads_anew(shop: Product) -> None:
    least = {"name": "least", "type": "number", "default": "10"}
    _, document, failed = failing(shop, "values", parameters=[least])
    body = {"graph": document, "nodeId": 2, "fromRun": failed}
    assert shop.ask_runner("/api/jobs/preview", body).json()["fromRun"] == failed
    others = shop.ask_runner("/api/jobs/preview", {**body, "parameters": {"least": "11"}}).json()
    assert "fromRun" not in others
    undeclared = {key: value for key, value in document.items() if key != "parameters"}
    plain = preview(shop, undeclared, 2, failed)
    assert (plain.status, "fromRun" in plain.json()) == (200, False), plain.json()


def test_a_preview_of_a_run_that_is_none_is_refused(shop: Product) -> None:
    document = {**chain(node(1, "csv_input", path="none.csv"))}
    assert preview(shop, document, 1, "0" * 32).status == 404
    for wrong in (7, "../x", ["a"]):
        assert preview(shop, document, 1, wrong).status == 422


def test_what_has_changed_or_is_asked_wrongly_is_refused_with_a_sentence(shop: Product) -> None:
    job_id, document, failed = failing(shop, "refused")
    other = shop.create_job({"name": "another", "graph": document})
    assert begin(shop, other, failed, 3).status == 404, "as one that is not there"
    assert begin(shop, job_id, "0" * 32, 3).status == 404
    assert begin(shop, job_id, "../x", 3).status == 422
    assert begin(shop, job_id, failed, "3").status == 422  # type: ignore[arg-type]
    nothing = begin(shop, job_id, failed, 1)
    assert (nothing.status, nothing.json()["nodeId"]) == (409, 1)
    nodes = [dict(one) for one in document["nodes"]]
    nodes[1] = node(2, "filter", "Good", condition="id > 11")
    save(shop, job_id, {**document, "nodes": nodes})
    changed = begin(shop, job_id, failed, 3)
    assert (changed.status, changed.json()["nodeId"]) == (409, 2)
    assert changed.json()["detail"] == "Good has changed since that run"


def test_values_of_parameters_are_those_of_the_run_before_and_no_others(shop: Product) -> None:
    declared = [{"name": "n", "type": "number", "default": 1}]
    job_id, _, failed = failing(shop, "values", parameters=declared)
    again = begin(shop, job_id, failed, 3)
    assert again.status == 202
    shop.run_end(again.json()["runId"], WAIT)
    refused = begin(shop, job_id, failed, 3, parameters={"n": 2})
    assert refused.status == 409
    assert "values of the parameters" in refused.json()["detail"]


def test_a_job_that_keeps_nothing_keeps_nothing(shop: Product) -> None:
    job_id, _, run_id = failing(shop, "nothing", keepOutputs=False)
    assert run_of(shop, run_id)["kept"] is None
    assert not (shop.data_dir / "runs" / run_id / "kept").exists()
    refused = begin(shop, job_id, run_id, 3)
    assert refused.status == 409
    assert "has kept nothing" in refused.json()["detail"]
    assert shop.get(f"/api/runs/{run_id}/kept/2").status == 404


def test_the_script_begins_at_a_node(shop: Product) -> None:
    job_id, document, failed = failing(shop, "script")
    save(shop, job_id, mended(document))
    command = [str(ROOT / "scripts/execute.sh"), str(job_id), "--watch"]
    environment = {**os.environ, "TOKEN": shop.token(), "URL": shop.url}

    def executed(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, *options], env=environment, capture_output=True, text=True, check=False
        )

    alone = executed("--from-run", failed)
    assert (alone.returncode, "go together" in alone.stderr) == (2, True)
    refused = executed("--from-run", failed, "--from-node", "1")
    assert (refused.returncode, "nothing comes before Orders" in refused.stderr) == (2, True)
    done = executed("--from-run", failed, "--from-node=3")
    assert done.returncode == 0, done.stderr
    assert run_of(shop, done.stdout.split()[0])["fromRun"] == failed


def test_a_retry_of_such_a_run_begins_at_the_same_node(shop: Product) -> None:
    job_id, document, failed = failing(shop, "retried")
    save(shop, job_id, {**document, "retries": {"count": 1, "wait": 1}})
    first = begin(shop, job_id, failed, 3).json()["runId"]
    assert shop.run_end(first, WAIT)["status"] == "failed"
    retry = shop.get(f"/api/jobs/{job_id}/runs").json()["runs"][0]
    assert (retry["retryOf"], retry["fromRun"], retry["fromNode"]) == (first, failed, 3)
    end = shop.run_end(retry["runId"], WAIT)
    assert "fromRun" in {one["nodeId"]: one for one in end["nodes"]}[2]


def test_what_a_run_kept_is_not_told_to_another_tenant(shop: Product) -> None:
    _, _, failed = failing(shop, "tenants")
    store = Store(f"sqlite:///{shop.data_dir / 'progress.db'}")
    store.open()
    try:
        assert store.kept("default", failed) is not None
        with pytest.raises(NotFound):
            store.kept("acme", failed)
        assert store.kept_bytes("acme") == 0
    finally:
        store.close()
    assert not RunFiles(shop.data_dir, failed).has_kept("acme", 1)
    assert shop.get(f"/api/runs/{failed}/kept/1", token=shop.token(scope="jobs:read")).status == 403


def test_what_is_gone_is_refused_as_gone_and_what_is_deleted_with_its_run(shop: Product) -> None:
    job_id, _, failed = failing(shop, "gone")
    directory = shop.data_dir / "runs" / failed / "kept"
    assert directory.exists()
    (directory / "default" / "2.0.parquet").unlink()
    refused = begin(shop, job_id, failed, 3)
    assert (refused.status, refused.json()["nodeId"]) == (410, 2)
    assert shop.request("DELETE", f"/api/runs/{failed}").status == 204
    assert not directory.exists()
    assert begin(shop, job_id, failed, 3).status == 404


def test_kept_outputs_have_days_of_their_own_and_what_is_over_is_said(shop: Product) -> None:
    job_id, _, failed = failing(shop, "days")
    kept = shop.data_dir / "runs" / failed / "kept"
    with_url = Store(f"sqlite:///{shop.data_dir / 'progress.db'}")
    with_url.open()
    try:
        assert with_url.kept_bytes("default") > 0
        sweep = OldRuns(with_url, shop.data_dir, Retention(), KeptOutputs(days=2))
        sweep.sweep()
        assert kept.exists(), "its days are not over"
        aged = sa.update(RUNS).where(RUNS.c.run_id == failed)
        aged = aged.values(ended_at=RUNS.c.ended_at - 3 * 86_400)
        with_url._write(lambda connection: connection.execute(aged))
        sweep.sweep()
    finally:
        with_url.close()
    assert not kept.exists()
    assert run_of(shop, failed)["kept"]["deleted"] is True
    assert shop.get(f"/api/runs/{failed}/kept/2").status == 410
    assert begin(shop, job_id, failed, 3).status == 410


def test_a_tenant_has_a_bound_and_the_run_goes_on_without(
    tmp_path: Path, shop_database: Path
) -> None:
    with running_product(tmp_path / "data", shop_database, KEEP_OUTPUTS_TENANT_MB="0") as product:
        _, _, failed = failing(product, "full")
        [orders, *_] = run_of(product, failed)["kept"]["nodes"]
        assert orders["reason"] == "all that may be kept of this tenant is 0 MB"


@pytest.mark.slow
def test_runners_with_files_of_their_own_begin_only_with_what_they_have(
    nats_server: NatsServer, tmp_path: Path, shop_database: Path
) -> None:
    with running_product(
        tmp_path / "web",
        shop_database,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        NATS_URL=nats_server.url,
    ) as product:
        made = chain(
            node(
                1,
                "db_input",
                "Place",
                connection="sqlite:///place.db",
                sql="SELECT name FROM place",
            ),
            node(2, "filter", "Same", condition="True"),
            node(3, "csv_output", path="place.csv"),
        )
        job_id = product.create_job({"name": "Two", "graph": {**made, "keepOutputs": True}})
        urls = {"NATS_URL": nats_server.url}
        here, there = tmp_path / "here", tmp_path / "there"
        with runner(product, here, **urls):
            place(here, "here")
            first = product.execute(job_id)
            assert product.run_end(first, WAIT)["status"] == "completed"
            assert product.get(f"/api/runs/{first}/kept/1").json()["rows"] == [["here"]]
        with runner(product, there, **urls):
            place(there, "there")
            # a runner is there, and takes runs
            assert product.run_end(product.execute(job_id), WAIT)["status"] == "completed"
            refused = begin(product, job_id, first, 2)
            assert refused.status == 503
            assert "no runner answered that has what this run kept" in refused.json()["detail"]
            # as if the runner that has it had gone between its answer and the start
            end = product.run_end(recorded_again(product, job_id, first), WAIT)
            assert end["status"] == "failed"
            assert "lies on another machine" in end["reason"]


def recorded_again(product: Product, job_id: int, run_id: str) -> str:
    """A run that is to begin with what another kept, recorded without a question to its runner."""
    store = Store(f"sqlite:///{product.data_dir / 'progress.db'}")
    store.open()
    try:
        document, kept = store.graph_of_run("default", run_id), store.kept("default", run_id)
        assert kept is not None
        again = Again(run_id, 2, kept.place, {1: Stands(1, is_read=True)})
        program = store.program("default", run_id)
        new = NewRun(job_id, document, program, request_hash="x", again=again)
        return store.record_run("default", new).run.run_id
    finally:
        store.close()
