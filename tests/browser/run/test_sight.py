"""What a node's last minute was like, who holds the others, and what of the graph is seen: rules, and the page in Chromium."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import WIDE, ports_graph
from tests.browser.pages import assert_accessible
from tests.browser.run.runs import Publisher, amounts_job
from tests.browser.run.test_playground import FILTER, expect_run, node
from tests.harness import Product, eventually

RATES = """async ([events, until]) => {
  const { Throughput, ratesOf } = await import('/playground/run/node/throughput.js');
  const throughput = new Throughput();
  for (const [runId, ts, rowCount] of events) throughput.hear({ nodeId: 1, runId, rowCount, ts }, 9e9);
  return ratesOf(throughput.of(1, events.at(-1)[0]), until);
}"""
HOLDING = """async ([edges, views, now]) => {
  const { holding } = await import('/playground/graph/holding.js');
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


# ---------------------------------------------------------------- what of the graph is seen


def long_graph(count: int, gap: int = 300) -> dict[str, Any]:
    """Nodes in a row, each fed by the one before it."""
    url = "sqlite:///shop.db"
    first = {"id": 1, "type": "db_input", "name": "Orders of the quarter before the last one"}
    nodes: list[dict[str, Any]] = [{**first, "config": {"connection": url, "table": "orders"}}]
    nodes += [
        {"id": place, "type": "filter", "name": "طلبات", "config": {"condition": "id > 5"}}
        for place in range(2, count + 1)
    ]
    for place, made in enumerate(nodes):
        made["position"] = {"x": 40 + gap * place, "y": 80}
    edges = [{"from": place, "to": place + 1} for place in range(1, count)]
    return {"nodes": nodes, "edges": edges, "engine": 2}


def test_a_minimap_is_there_while_the_graph_does_not_fit_and_leads_where_one_points(
    edit: Any,
) -> None:
    editor = edit(graph=long_graph(12))
    page = editor.page
    minimap = page.locator("#minimap")
    expect(minimap).to_be_visible()
    expect(page.locator(".minimap-node")).to_have_count(12)
    assert_accessible(page, "the minimap")
    assert page.locator("#minimap").get_attribute("aria-hidden") == "true"
    assert page.locator("#minimap :focus, #minimap [tabindex], #minimap button").count() == 0
    page.mouse.click(*editor.middle(page.locator('.minimap-node[data-node-id="12"]')))
    expect(editor.node(12)).to_be_in_viewport(ratio=1)
    expect(editor.node(1)).not_to_be_in_viewport()
    editor.drag(
        editor.middle(page.locator('.minimap-node[data-node-id="12"]')),
        editor.middle(page.locator('.minimap-node[data-node-id="1"]')),
    )
    expect(editor.node(1)).to_be_in_viewport(ratio=1)
    expect(page.locator("#unsaved")).to_be_hidden()  # nothing was moved but the camera
    page.click("#fit")
    expect(minimap).to_be_hidden()


def test_from_afar_cards_show_their_title_and_their_state(edit: Any) -> None:
    editor = edit(graph=long_graph(12))
    page = editor.page
    page.click("#fit")
    expect(page.locator("#graph")).not_to_have_attribute("data-far", "0")
    name = editor.node(1).locator(".node-name")
    size = "(e) => parseFloat(getComputedStyle(e).fontSize) * e.getBoundingClientRect().width / e.offsetWidth"
    eventually(lambda: name.evaluate(size) >= 8)  # pixels of the screen
    expect(editor.node(1).locator(".node-message")).to_be_hidden()
    expect(editor.node(1)).to_have_accessible_name(
        re.compile("Idle")
    )  # to a screen reader it is as near as ever
    assert_accessible(page, "the graph from afar")
    publisher = Publisher(editor.product, editor.job_id, "afar")
    publisher.status("running")
    publisher.node(1, "running", 9)
    expect(editor.node(1)).to_have_attribute("data-state", "running")
    colour = "(e) => getComputedStyle(e).backgroundColor"
    eventually(lambda: editor.node(1).evaluate(colour) != editor.node(2).evaluate(colour))
    assert_accessible(page, "the graph from afar, running")


def test_titles_take_two_lines_and_begin_where_their_script_does(edit: Any) -> None:
    editor = edit(graph=long_graph(3))
    name = editor.node(1).locator(".node-name")
    lines = "(e) => e.getBoundingClientRect().height / parseFloat(getComputedStyle(e).lineHeight)"
    zoomed = "(e) => e.getBoundingClientRect().width / e.offsetWidth"
    eventually(lambda: round(name.evaluate(lines) / name.evaluate(zoomed)) == 2)
    assert editor.node(1).evaluate("(e) => e.offsetHeight") == editor.node(2).evaluate(
        "(e) => e.offsetHeight"
    )
    assert (
        editor.node(2).locator(".node-name").evaluate("(e) => getComputedStyle(e).direction")
        == "rtl"
    )


def test_each_kind_of_node_has_its_colour(edit: Any) -> None:
    editor = edit(graph=ports_graph())
    for number, kind in enumerate(("input", "combine", "combine", "output"), 1):
        expect(editor.node(number)).to_have_attribute("data-kind", kind)
    colour = "(e) => getComputedStyle(e, '::before').backgroundColor"
    assert len({editor.node(number).evaluate(colour) for number in (1, 2, 4)}) == 3


def test_edges_flow_while_rows_come_and_stand_still_for_who_wants_that(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job({"name": "Flows", "graph": long_graph(3)})
    page = open_playground(job_id, viewport=WIDE, reduced_motion="no-preference")
    publisher = Publisher(shop, job_id, "flows")
    publisher.status("running")
    publisher.node(1, "running", 100)
    edge = page.locator('.edge[data-from="1"]')
    expect(edge).to_have_attribute("data-flowing", "true")
    expect(page.locator('.edge[data-from="2"]')).to_have_attribute("data-flowing", "false")
    animation = "(e) => getComputedStyle(e).animationName"
    eventually(lambda: edge.evaluate(animation) == "flow")
    page.emulate_media(reduced_motion="reduce")
    eventually(lambda: edge.evaluate(animation) == "none")
    publisher.node(1, "completed", 100)
    expect(edge).to_have_attribute("data-flowing", "false")
