"""Runs for pages to show: quick jobs, a publisher that tells of runs which nobody runs; and a moment of a past one."""

from __future__ import annotations

import sqlite3
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.run.test_playground import chain, publish
from tests.harness import Product

ROWS = 20_000  # of the table made here: a second of work
BAD_ROW = 9_000  # of the table that cannot be computed
TOO_LARGE = 2**62  # to be doubled in 64 bits
BLOCK_WEBSOCKETS = """() => {
  window.tried = 0;
  window.WebSocket = class {
    constructor() { window.tried += 1; setTimeout(() => this.onclose?.({ code: 1006, reason: '' })); }
    close() {}
  };
}"""


def make_amounts(product: Product, *, bad_row: int | None = None) -> str:
    """A table `amounts` in a database of its own; returns the database's URL."""
    name = "amounts" if bad_row is None else "amounts_bad"
    with sqlite3.connect(product.data_dir / f"{name}.db") as database:
        database.execute("CREATE TABLE amounts (id INTEGER PRIMARY KEY, amount INTEGER)")
        rows = ((n, TOO_LARGE if n == bad_row else n % 100) for n in range(1, ROWS + 1))
        database.executemany("INSERT INTO amounts VALUES (?, ?)", rows)
    database.close()
    return f"sqlite:///{name}.db"


def amounts_job(name: str, url: str) -> dict[str, Any]:
    return chain(name, url, source="amounts", target="doubled", mode="replace")


def move_slider(page: Page, share: float) -> None:
    """Goes to a moment of the past run that is looked at, once the page has its history."""
    slider = page.locator("#past-slider")
    expect(slider).to_be_visible()
    script = "(s, share) => { s.value = s.max * share; s.dispatchEvent(new Event('input')); }"
    slider.evaluate(script, share)


class Publisher:
    """Tells of a run of a job, as the runner and its program would."""

    def __init__(self, product: Product, job_id: int, run_id: str) -> None:
        self._product = product
        self._subject = f"tenant.{product.tenant_id}.job.{job_id}"
        self._run_id = run_id
        self._seq = 0

    def status(self, status: str, reason: str | None = None) -> None:
        payload = {"runId": self._run_id, "status": status, "reason": reason}
        publish(self._product, f"{self._subject}.status", payload)

    def node(self, node_id: int, status: str, rows: int, **more: Any) -> None:
        self._seq += 1
        payload = {
            "nodeId": node_id,
            "nodeName": f"Node {node_id}",
            "status": status,
            "rowCount": rows,
            "message": "",
            "runId": self._run_id,
            "seq": self._seq,
            **more,
        }
        publish(self._product, f"{self._subject}.progress", payload)
