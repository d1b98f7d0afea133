"""When the nodes of a run waited, worked and ended: the rules, and the table in Chromium, live and of a past run."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import WIDE, box_of
from tests.browser.pages import assert_accessible
from tests.browser.run.runs import Publisher, amounts_job, make_amounts
from tests.browser.run.test_playground import expect_run
from tests.harness import Product

SECONDS = re.compile(r"^\d+\.\d+ s$")
TIMES = "async (asked) => (await import('/playground/run/drawers/times.js')).timesOf(asked)"
TICKS = "async (s) => (await import('/playground/run/drawers/times.js')).ticksOf(s).map(({ text }) => text)"


def run(began: float | None, end: float | None = None) -> dict[str, Any]:
    return {"startedAt": began, "endedAt": end, "ended": end is not None}


def view(number: int, state: str, began: float | None, end: float | None = None) -> dict[str, Any]:
    heard = state not in ("idle", "notrun")
    return {
        "nodeId": number,
        "state": state,
        "startedAt": began,
        "endedAt": end,
        "heard": heard,
    }


def times(page: Page, views: list[dict[str, Any]], **asked: Any) -> dict[str, Any] | None:
    found: dict[str, Any] | None = page.evaluate(TIMES, {"views": views, **asked})
    return found


def test_the_axis_of_a_live_run_ends_now_and_who_has_not_begun_waits(modules: Page) -> None:
    views = [view(1, "success", 10.5, 12.0), view(2, "running", 11.0), view(3, "idle", None)]
    found = times(modules, views, run=run(10.0), now=14.0)
    assert found is not None
    assert (found["from"], found["to"]) == (10.0, 14.0)
    assert [(bar["waited"], bar["took"]) for bar in found["bars"]] == [
        (0.5, 1.5),
        (1.0, 3.0),
        (4.0, None),
    ]


def test_the_bars_of_a_run_that_ended_end_with_it(modules: Page) -> None:
    views = [view(1, "cancelled", 10.0), view(2, "notrun", None), view(3, "success", None, 19.0)]
    found = times(modules, views, run=run(10.0, 20.0), now=99.0)
    assert found is not None
    assert found["to"] == 20.0
    assert [(bar["from"], bar["to"], bar["waited"]) for bar in found["bars"]] == [
        (10.0, 20.0, 0.0),
        (None, None, None),  # it never began: it does not wait any more
        (None, None, None),  # nobody knows when it began: no bar is made up
    ]


def test_at_a_moment_of_a_past_run_the_axis_is_that_of_the_whole_run(modules: Page) -> None:
    found = times(modules, [view(1, "running", 11.0)], run=run(10.0), now=12.0, end=30.0)
    assert found is not None
    assert (found["to"], found["bars"][0]["to"]) == (30.0, 12.0)


def test_of_a_run_whose_beginning_nobody_knows_there_is_no_axis(modules: Page) -> None:
    assert times(modules, [view(1, "running", None)], run=run(None), now=12.0) is None


def test_an_axis_has_few_round_ticks(modules: Page) -> None:
    assert modules.evaluate(TICKS, 0.09) == ["0.00 s", "0.02 s", "0.04 s", "0.06 s", "0.08 s"]
    assert modules.evaluate(TICKS, 8) == ["0 s", "2 s", "4 s", "6 s", "8 s"]
    assert modules.evaluate(TICKS, 4000) == ["0 s", "15:00", "30:00", "45:00", "1:00:00"]
    assert modules.evaluate(TICKS, 0) == ["0 s"]


def cell(page: Page, number: int, name: str) -> Locator:
    return page.locator(f'#times-table tr[data-node-id="{number}"] [data-cell="{name}"]')


def bar(page: Page, number: int) -> dict[str, float]:
    found = box_of(page.locator(f'#times-table tr[data-node-id="{number}"] .times-bar'))
    return {"left": found["x"], "right": found["x"] + found["width"]}


def test_a_past_run_and_a_moment_of_it(open_playground: OpenPlayground, shop: Product) -> None:
    job_id = shop.create_job(amounts_job("Timed", make_amounts(shop)))
    run_id = shop.execute(job_id)
    assert shop.run_end(run_id)["status"] == "completed"
    page = open_playground(job_id, f"run={run_id}", viewport=WIDE)
    page.click('[data-drawer="times"]')
    for number in (1, 2, 3, 4):
        expect(cell(page, number, "state")).to_have_text("Success")
        expect(cell(page, number, "took")).to_have_text(SECONDS)
        expect(cell(page, number, "waited")).to_have_text(SECONDS)
    first, last = bar(page, 1), bar(page, 4)
    assert first["left"] <= last["left"]
    assert first["right"] > first["left"]
    assert_accessible(page, "the nodes' times")
    page.locator("#past-slider").fill("0")
    expect(page.locator("#times-note")).to_have_text("The run has not begun.")
    expect(page.locator("#times-table")).to_be_hidden()


def test_a_live_run_grows_and_the_one_that_waits_says_so(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job(amounts_job("Timed live", "sqlite:///amounts.db"))
    page = open_playground(job_id, viewport=WIDE)
    page.click('[data-drawer="times"]')
    expect(page.locator("#times-note")).to_have_text("This job has not run yet.")
    publisher = Publisher(shop, job_id, "timed")
    publisher.status("running")
    publisher.node(1, "running", 0)
    expect_run(page, "running")
    expect(cell(page, 1, "state")).to_have_text("Running")
    expect(cell(page, 2, "took")).to_have_text("–")
    expect(cell(page, 2, "waited")).not_to_have_text("–")
    publisher.node(1, "completed", 9)
    publisher.node(2, "running", 0)
    expect(cell(page, 2, "state")).to_have_text("Running")
    assert bar(page, 1)["left"] < bar(page, 2)["left"]
    publisher.status("cancelled")
    expect(cell(page, 2, "state")).to_have_text("Cancelled")
    expect(cell(page, 3, "waited")).to_have_text("–")
    page.click('#times-table tr[data-node-id="2"] button')
    expect(page.locator("#details-name")).to_have_text("Filter")
