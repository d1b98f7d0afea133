"""What the tests of watching and finding out share: quick jobs, publishers that are not ours, axe, pictures."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.test_playground import chain, publish
from tests.harness import ROOT, Product

ROWS = 20_000  # of the table made here: a second of work
BAD_ROW = 9_000  # of the table that a filter cannot compare
STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def make_amounts(product: Product, *, bad_row: int | None = None) -> str:
    """A table `amounts` in a database of its own; returns the database's URL."""
    name = "amounts" if bad_row is None else "amounts_bad"
    with sqlite3.connect(product.data_dir / f"{name}.db") as database:
        database.execute("CREATE TABLE amounts (id INTEGER PRIMARY KEY, amount INTEGER)")
        rows = ((n, None if n == bad_row else n % 100) for n in range(1, ROWS + 1))
        database.executemany("INSERT INTO amounts VALUES (?, ?)", rows)
    database.close()
    return f"sqlite:///{name}.db"


def amounts_job(name: str, url: str) -> dict[str, Any]:
    return chain(name, url, source="amounts", target="doubled", mode="replace")


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


def shift_clock(page: Page, seconds: int) -> None:
    page.evaluate("(s) => { const now = Date.now; Date.now = () => now() + s * 1000; }", seconds)


def assert_accessible(page: Page, where: str) -> None:
    """No breach of WCAG 2.2 AA that axe-core can find. (It comes in over the debugger: our CSP lets no script in.)"""
    options = {"runOnly": {"type": "tag", "values": STANDARDS}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    told = [
        f"{breach['id']} ({breach['impact']}): {node['target']}: {node['failureSummary']}"
        for breach in found
        for node in breach["nodes"]
    ]
    assert not told, f"{where}: " + "\n".join(told)


def picture(page: Page, name: str, folder: Path, *, for_docs: bool = False) -> None:
    """Keeps a screenshot as an artefact; with UPDATE_SCREENSHOTS=1 some become the README's."""
    folder = Path(os.environ.get("ARTEFACTS", folder))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
    if for_docs and os.environ.get("UPDATE_SCREENSHOTS") == "1":
        page.screenshot(path=ROOT / "docs" / f"{name}.png")
