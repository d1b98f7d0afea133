"""The sample: the same shop for the same seed, made once, and a job over it that runs."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hosting.start.sample import ensure_sample, make_shop_database
from jobs.graph.gallery import ORDER_REPORT
from jobs.graph.parsing import parse_graph
from tests.harness import ROOT
from tests.programs import rows_of, run


class ListStore:
    """A store of jobs that is a file with a line for each."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def jobs(self, tenant_id: str) -> list[str]:
        if not self.path.exists():
            return []
        return [
            line for line in self.path.read_text().splitlines() if line.startswith(f"{tenant_id} ")
        ]

    def create_job(self, tenant_id: str, name: str, graph_document: dict[str, Any]) -> None:
        parse_graph(graph_document)
        with self.path.open("a") as file:
            file.write(f"{tenant_id} {name}\n")


def content(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        return hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()


def test_the_shop_has_the_orders_asked_for_and_is_consistent(tmp_path: Path) -> None:
    shop = make_shop_database(tmp_path / "shop.db", orders=2_000)
    assert rows_of(shop, "SELECT count(*) FROM orders") == [(2_000,)]
    assert rows_of(shop, "SELECT count(*) FROM products") == [(120,)]
    assert rows_of(shop, "SELECT count(*) >= 2000 FROM order_items") == [(1,)]
    assert rows_of(shop, "PRAGMA foreign_key_check") == []
    assert rows_of(shop, "PRAGMA integrity_check") == [("ok",)]
    days = rows_of(shop, "SELECT min(ordered_at) > '2023', max(ordered_at) < '2026-02' FROM orders")
    assert days == [(1, 1)]
    assert rows_of(shop, "SELECT count(DISTINCT status) FROM orders") == [(5,)]


def test_a_sample_that_has_no_room_is_told_in_one_line(tmp_path: Path) -> None:
    """As on a full disk: no file may grow beyond 4 MiB."""
    small = "import resource, sys; from hosting.start.prepare import main; "
    small += "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 22, 1 << 22)); sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", small],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path / "kept"), "SAMPLE_ORDERS": "200000"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "no sample can be made there" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "kept").glob("*shop.db*"))


def test_the_same_seed_gives_the_same_shop(tmp_path: Path) -> None:
    shops = [
        make_shop_database(tmp_path / f"{n}.db", orders=500, seed=s)
        for n, s in enumerate((1, 1, 2))
    ]
    first, second, other = [content(shop) for shop in shops]
    assert first == second
    assert first != other


def test_a_shop_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("mine")
    make_shop_database(tmp_path / "shop.db", orders=10)
    assert (tmp_path / "shop.db").read_text() == "mine"


def test_what_was_not_finished_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        make_shop_database(tmp_path / "shop.db", orders="many")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_the_making_is_no_line_in_a_log_of_json(tmp_path: Path) -> None:
    settings = {"LOG_FORMAT": "json", "SAMPLE_ORDERS": "10", "DATA_DIR": str(tmp_path / "var")}
    command = [sys.executable, "-m", "hosting.start.prepare"]
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "var" / "shop.db").exists()


def test_the_making_is_told_on_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_shop_database(tmp_path / "shop.db", orders=10)
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "making the sample shop: 10 orders"
    assert told[-1].startswith("the sample shop is made: 10 orders in ")


def ensure(directory: Path) -> None:
    ensure_sample(ListStore(directory / "jobs"), directory, "default", orders=500)


def test_processes_that_start_at_once_make_one_sample(tmp_path: Path) -> None:
    processes = [multiprocessing.Process(target=ensure, args=(tmp_path,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(30.0)
        assert process.exitcode == 0
    assert (tmp_path / "jobs").read_text() == "default Order report\n"
    assert rows_of(tmp_path / "shop.db", "SELECT count(*) FROM orders") == [(500,)]
    seen = sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".sample."))
    assert seen == ["jobs", "shop.db"]


def test_a_tenant_with_jobs_gets_no_sample_and_another_does(tmp_path: Path) -> None:
    store = ListStore(tmp_path / "jobs")
    for tenant in ("one", "one", "two"):
        ensure_sample(store, tmp_path, tenant, orders=10)
    assert (tmp_path / "jobs").read_text() == "one Order report\ntwo Order report\n"


def test_who_deletes_the_sample_job_does_not_find_it_again(tmp_path: Path) -> None:
    store = ListStore(tmp_path / "jobs")
    ensure_sample(store, tmp_path, "one", orders=10, database="a")
    (tmp_path / "jobs").write_text("")  # the tenant's last job is deleted
    ensure_sample(store, tmp_path, "one", orders=10, database="a")
    assert store.jobs("one") == []
    ensure_sample(store, tmp_path, "one", orders=10, database="another, which is new")
    assert len(store.jobs("one")) == 1


def test_the_sample_job_computes_what_sql_computes(tmp_path: Path) -> None:
    shop = make_shop_database(tmp_path / "shop.db", orders=3_000)
    expected = rows_of(
        shop,
        "SELECT i.order_id, i.line, upper(c.country), substr(o.ordered_at, 1, 7),"
        "       i.quantity * i.price * (1 - o.discount / 100)"
        " FROM order_items i JOIN orders o ON o.id = i.order_id JOIN customers c ON c.id = o.customer_id"
        " WHERE o.status IN ('paid', 'shipped') AND i.quantity * i.price >= 10 ORDER BY 1, 2",
    )
    for _ in range(2):  # a second run replaces the rows of the first
        done = run(ORDER_REPORT.document()["graph"], tmp_path)
        assert done.code == 0, done.stderr
    written = rows_of(
        tmp_path / "report.db",
        "SELECT order_id, line, country, month, net FROM order_report ORDER BY 1, 2",
    )
    assert [row[:4] for row in written] == [row[:4] for row in expected]
    assert [row[4] for row in written] == pytest.approx([row[4] for row in expected], abs=0.0051)
    items = rows_of(shop, "SELECT count(*) FROM order_items")[0][0]
    counts = [done.state(number) for number in (1, 2, 3, 4)]
    assert counts == [("completed", items)] + [("completed", len(expected))] * 3
