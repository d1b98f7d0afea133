"""What a run's nodes said last is not lost, whoever was away when they said it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from jobs.store.runs.run_states import RunStatus
from tests.faults.handwritten import Programs, kill, the_only
from tests.faults.watching import Watcher
from tests.harness import NatsServer, StartProduct, eventually

LOST = 45.0  # seconds until a run whose runner died has its end
BUSY = """
rows = 0
while True:
    rows += 1
    say(1, "running", rows)
    time.sleep(0.02)
"""

pytestmark = [pytest.mark.faults, pytest.mark.slow]


ROWS = 400_000  # some seconds of work, so that NATS can be taken away in the middle of it


def test_a_lost_run_keeps_the_counts_that_browsers_have_seen(start_product: StartProduct) -> None:
    product = start_product(SAMPLE_ORDERS="0")
    with Programs(product) as programs:
        run = programs.running(programs.execute(BUSY))
        with Watcher(product, run.job_id) as watcher:
            eventually(lambda: watcher.rows()[-1:] > [60])
            kill(the_only(product, "jobs.runner"))
            assert programs.ended(run, LOST).status is RunStatus.LOST
            eventually(lambda: watcher.statuses()[-1:] == ["lost"])
            rows = watcher.rows()
            assert rows == sorted(rows), "a count went back"
            status, counted, _ = programs.states(run)[1]
            assert (status, counted) == ("failed", rows[-1])


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_run_that_ended_well_while_nats_was_away_has_every_row(
    start_product: StartProduct, nats_server: NatsServer, is_cancelled: bool
) -> None:
    """Also when it was cancelled after its rows were written: then it has completed."""
    product = start_product(NATS_URL=nats_server.url)
    job_id = product.create_job(counting_job())
    with Watcher(product, job_id) as watcher:
        run_id = product.execute(job_id)
        eventually(lambda: watcher.rows(2)[-1] >= 1000)
        nats_server.stop()
        if is_cancelled:
            eventually(lambda: written(product.data_dir / "copy.db") == ROWS, 60.0)
            product.post(f"/api/runs/{run_id}/cancel")
        end = product.run_end(run_id, 60.0)
        assert (end["status"], end["reason"]) == ("completed", None)
        said = {node["nodeId"]: (node["status"], node["rowCount"]) for node in end["nodes"]}
        assert said == {1: ("completed", ROWS), 2: ("completed", ROWS)}
        assert written(product.data_dir / "copy.db") == ROWS
        nats_server.start()
        eventually(lambda: watcher.statuses()[-1:] == ["completed"])
        eventually(lambda: {node["rowCount"] for node in watcher.nodes().values()} == {ROWS})
        assert {node["status"] for node in watcher.nodes().values()} == {"completed"}


def written(database: Any) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM copy").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet, or not committed
        return 0


def counting_job() -> dict[str, Any]:
    counting = (
        "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n "
        f"WHERE id < {ROWS}) SELECT id FROM n"
    )
    source = {"connection": "sqlite:///shop.db", "sql": counting}
    target = {"connection": "sqlite:///copy.db", "table": "copy", "mode": "replace"}
    nodes = [
        {"id": 1, "type": "db_input", "config": source},
        {"id": 2, "type": "db_output", "config": target},
    ]
    return {"name": "Count", "graph": {"nodes": nodes, "edges": [{"from": 1, "to": 2}]}}
