"""What a node's last minute was like, who holds the others, and what of the graph is seen: rules, and the page in Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.editing import WIDE
from tests.browser.pages import assert_accessible
from tests.browser.runs import Publisher, amounts_job
from tests.browser.test_playground import FILTER, expect_run, node
from tests.harness import Product

RATES = """async ([events, until]) => {
  const { Throughput, ratesOf } = await import('/playground/room/throughput.js');
  const throughput = new Throughput();
  for (const [runId, ts, rowCount] of events) throughput.hear({ nodeId: 1, runId, rowCount, ts }, 9e9);
  return ratesOf(throughput.of(1, events.at(-1)[0]), until);
}"""
HOLDING = """async ([edges, views, now]) => {
  const { holding } = await import('/playground/room/holding.js');
  const ids = Object.keys(views).map(Number);
  const graph = { nodes: ids.map((id) => ({ id, config: {} })), edges };
  return [...holding(graph, (id) => views[id], now)];
}"""
AMOUNTS = "sqlite:///amounts.db"
Event = tuple[str, float, int]


def rates(page: Page, *events: Event, until: float) -> list[float | None]:
    found: list[float | None] = page.evaluate(RATES, [[list(event) for event in events], until])
    assert len(found) == 60
    return found


def test_the_rates_of_the_last_minute_by_second(modules: Page) -> None:
    found = rates(modules, ("a", 100.0, 0), ("a", 101.0, 500), ("a", 103.0, 700), until=103.0)
    assert found[-3:] == [500, 100, 100]
    assert set(found[:-3]) == {None}  # before its first word nobody knows


def test_a_silence_is_not_drawn_as_a_rate_and_rows_taken_back_are_none(modules: Page) -> None:
    found = rates(
        modules, ("a", 100.0, 0), ("a", 101.0, 10), ("a", 120.0, 900), ("a", 121.0, 0), until=121.0
    )
    assert found[-1] == 0
    assert found[-10] is None
    assert found[-21] == 10


def test_another_run_begins_anew_and_old_samples_go(modules: Page) -> None:
    assert (
        rates(modules, ("a", 100.0, 0), ("a", 101.0, 9), ("b", 101.5, 0), until=102.0)[-2] is None
    )
    long = [("a", 100.0 + 0.3 * place, 30 * place) for place in range(2_000)]
    assert {round(rate or 0) for rate in rates(modules, *long, until=690.0)} == {100}


Views = dict[int, dict[str, Any]]


def view(state: str, rows: int, began: float | None = 0.0) -> dict[str, Any]:
    return {"state": state, "rowCount": rows, "startedAt": began}


CHAIN = [{"from": 1, "to": 2}, {"from": 2, "to": 3}, {"from": 3, "to": 4}]
WAITS = {3: view("running", 0), 4: view("running", 0)}


@pytest.mark.parametrize(
    ("views", "held"),
    [
        ({1: view("running", 9), 2: view("running", 0), **WAITS}, [[2, [3, 4]]]),
        ({1: view("success", 9), 2: view("stalled", 0), **WAITS}, [[2, [3, 4]]]),
        ({1: view("running", 0), 2: view("running", 0), **WAITS}, [[1, [2, 3, 4]]]),
        # rows have come through: nobody knows who is the slowest
        ({1: view("running", 9), 2: view("running", 5), **WAITS}, [[3, [4]]]),
        ({1: view("running", 9), 2: view("running", 5), 3: view("running", 1), 4: WAITS[4]}, []),
        # it has not had time yet, has ended, or has nobody behind it
        ({1: view("running", 9), 2: view("running", 0, 8.0), **WAITS}, []),
        (
            {
                1: view("error", 9),
                2: view("stopped", 0),
                3: view("stopped", 0),
                4: view("stopped", 0),
            },
            [],
        ),
        ({4: view("running", 0)}, []),
    ],
)
def test_who_holds_the_others(modules: Page, views: Views, held: list[Any]) -> None:
    edges = [edge for edge in CHAIN if {edge["from"], edge["to"]} <= views.keys()]
    assert modules.evaluate(HOLDING, [edges, views, 10.0]) == held


def test_who_gets_only_rejected_rows_does_not_wait(modules: Page) -> None:
    views = {1: view("running", 9), 2: view("running", 0), 3: view("running", 0)}
    edges: list[dict[str, Any]] = [
        {"from": 1, "to": 2},
        {"from": 2, "to": 3, "fromPort": "rejected"},
    ]
    assert modules.evaluate(HOLDING, [edges, views, 10.0]) == []


def test_a_node_that_holds_the_others_is_marked_until_its_first_row_comes(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job(amounts_job("Held", AMOUNTS))
    page = open_playground(job_id, viewport=WIDE)
    publisher = Publisher(shop, job_id, "held")
    now = page.evaluate("Date.now() / 1000")
    publisher.status("running")
    publisher.node(1, "running", 5_000)
    publisher.node(2, "running", 0, ts=now - 5)
    expect_run(page, "running")
    mark = node(page, FILTER).locator(".node-holds")
    expect(mark).to_have_text("2 nodes wait for its rows")
    node(page, FILTER).click()
    expect(page.locator("#details .facts")).to_contain_text("2 nodes wait for its rows")
    assert_accessible(page, "a node that holds the others")
    publisher.node(2, "running", 7)
    publisher.node(3, "running", 7)
    expect(mark).to_be_hidden()


def test_the_last_minute_of_a_node_is_drawn_and_told(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job(amounts_job("Charted", AMOUNTS))
    page = open_playground(job_id, viewport=WIDE)
    publisher = Publisher(shop, job_id, "charted")
    publisher.status("running")
    now = page.evaluate("Date.now() / 1000")
    for second, rows in ((4, 0), (3, 100), (2, 300), (1, 300)):
        publisher.node(1, "running", rows, ts=now - second)
    expect_run(page, "running")
    node(page, 1).click()
    chart = page.locator(".chart")
    expect(chart).to_have_attribute(
        "aria-label", re.compile(r"^Rows a second over \d+ seconds: .* at most, 0 at least$")
    )
    expect(page.locator(".chart-line")).to_have_attribute("d", re.compile(r"^M.*L"))
    assert_accessible(page, "the chart of a node")
