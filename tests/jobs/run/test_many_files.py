"""Excel files, patterns, split outputs and commits on the way, in the running product: confined, told over HTTP, recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Product, eventually, running_product
from tests.programs import chain, execute, node, rows_of


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("files") / "data"
    with running_product(data_dir, shop_database) as product:
        (data_dir / "in-1.csv").write_text("k,n\na,1\nb,2\n")
        (data_dir / "in-2.csv").write_text("n,k\n3,a\n")
        yield product


def ran(product: Product, graph: dict[str, Any]) -> dict[str, Any]:
    """How a run of the graph ended, as the API tells it, once it has."""
    job = product.post("/api/jobs", {"name": "x", "graph": graph}).json()
    started = product.post(f"/api/jobs/{job['id']}/execute")
    assert started.status == 202, started
    run_id = started.json()["runId"]

    def end() -> dict[str, Any] | None:
        run: dict[str, Any] = product.get(f"/api/runs/{run_id}").json()
        return run if run["endedAt"] else None

    found = eventually(end, 60.0, what="the run ends")
    assert found is not None
    return found


ALL_FILES = node(1, "csv_input", path="in-*.csv", file_column="file")


def test_a_preview_shows_the_rows_of_all_files_that_match(product: Product) -> None:
    asked = {"graph": chain(ALL_FILES), "nodeId": 1}
    found = product.ask_runner("/api/jobs/preview", asked).json()
    assert found["columns"] == ["k", "n", "file"]
    assert found["rows"] == [["a", "1", "in-1.csv"], ["b", "2", "in-1.csv"], ["a", "3", "in-2.csv"]]


def test_a_confined_run_splits_its_rows_and_replaces_files_of_before(product: Product) -> None:
    (product.data_dir / "out-a.csv").write_text("old")
    (product.data_dir / "out-z.csv").write_text("of before")
    output = node(2, "csv_output", "Files", path="out-*.csv", split_by="k")
    run = ran(product, chain(ALL_FILES, output))
    assert run["status"] == "completed", run
    assert (product.data_dir / "out-a.csv").read_text() == "k,n,file\na,1,in-1.csv\na,3,in-2.csv\n"
    assert (product.data_dir / "out-z.csv").read_text() == "of before"
    assert not list(product.data_dir.glob(".out-*"))


def test_a_confined_run_writes_and_reads_excel_files(product: Product) -> None:
    run = ran(product, chain(ALL_FILES, node(2, "excel_output", path="book.xlsx", sheet="All")))
    assert run["status"] == "completed", run
    source = node(1, "excel_input", path="book.xlsx", sheet="all")
    run = ran(product, chain(source, node(2, "csv_output", path="back.csv")))
    assert run["status"] == "completed", run
    assert (product.data_dir / "back.csv").read_text().splitlines()[1] == "a,1,in-1.csv"


def test_the_history_tells_what_was_committed_on_the_way(product: Product) -> None:
    database = product.data_dir / "t.db"
    execute(database, "CREATE TABLE t (n integer PRIMARY KEY)")
    lines = "".join(f"{n}\n" for n in [*range(2500), 7])
    (product.data_dir / "many.csv").write_text(f"n\n{lines}")
    source = node(1, "csv_input", path="many.csv", types=[{"column": "n", "type": "integer"}])
    output = node(
        2,
        "db_output",
        "Shop",
        connection="sqlite:///t.db",
        table="t",
        mode="append",
        commit_rows=1000,
    )
    run = ran(product, chain(source, output))
    assert run["status"] == "failed"
    assert run["reason"].endswith("2,000 rows of Shop are committed, and stand")
    assert rows_of(database, "SELECT count(*) FROM t") == [(2000,)]
    history = product.get(f"/api/runs/{run['runId']}/history").json()
    said = [event["payload"] for event in history["events"] if event["type"] == "job.progress"]
    assert [payload["rowCount"] for payload in said if payload["nodeId"] == 2][-1] == 2000
