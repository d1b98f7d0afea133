"""Addresses of runs, nodes and moments, past versions of a job, two runs compared, and being told of a run's end: in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, ViewportSize, expect

from tests.browser.conftest import OpenPlayground
from tests.browser.edit.editing import WIDE, small_graph
from tests.browser.pages import (
    assert_accessible,
    go_within,
    hold,
    hold_first,
    picture,
    wait_for_held,
)
from tests.browser.run.runs import Publisher, amounts_job, make_amounts, move_slider
from tests.browser.run.test_playground import FILTER, expect_run, node
from tests.harness import Product, eventually

NARROW: ViewportSize = {"width": 320, "height": 640}
FIRST, SECOND = "amount >= 0", "amount >= 50"


class TwoRuns:
    """A job that ran with one condition, was changed, and ran with another."""

    def __init__(self, product: Product, url: str, name: str) -> None:
        self.product = product
        document = amounts_job(name, url)
        self.job_id = product.create_job(document)
        self.first = product.execute(self.job_id)
        assert product.run_end(self.first)["status"] == "completed"
        self.change(SECOND)
        self.second = product.execute(self.job_id)
        assert product.run_end(self.second)["status"] == "completed"

    def change(self, condition: str) -> None:
        job = self.stored()
        filter_of(job)["condition"] = condition
        body = {"name": job["name"], "graph": job["graph"]}
        assert self.product.request("PUT", f"/api/jobs/{self.job_id}", body).status == 200

    def stored(self) -> dict[str, Any]:
        job: dict[str, Any] = self.product.get(f"/api/jobs/{self.job_id}").json()
        return job


def filter_of(job: dict[str, Any]) -> dict[str, Any]:
    config: dict[str, Any] = next(n for n in job["graph"]["nodes"] if n["id"] == FILTER)["config"]
    return config


@pytest.fixture(scope="module")
def amounts(shop: Product) -> str:
    return make_amounts(shop)


@pytest.fixture(scope="module")
def two(shop: Product, amounts: str) -> TwoRuns:
    return TwoRuns(shop, amounts, "Twice")


def go(page: Page, product: Product, query: str) -> None:
    page.goto(f"{product.url}/?{query}")


def release(page: Page, held: list[Route]) -> None:
    """Lets through what `hold` held back, and waits until the page has it."""
    wait_for_held(page, held)
    while held:  # more may come meanwhile
        route = held.pop(0)
        with page.expect_response(route.request.url) as answer:
            route.continue_()
        answer.value.finished()
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def expect_no_past_beside_a_run_under_way(page: Page, job_id: int) -> None:
    """Its address leads from a past run to what is true now."""
    run = {"runId": "c" * 32, "jobId": job_id, "status": "running", "reason": None}
    page.route(f"**/api/runs/{'c' * 32}", lambda route: route.fulfill(json=run))
    told = {"source": "stream", "events": []}
    page.route(f"**/api/runs/{'c' * 32}/history", lambda route: route.fulfill(json=told))
    go_within(page, f"job={job_id}&run={'c' * 32}")
    expect(page.locator("#past")).to_be_hidden()
    page.unroute_all()


def expect_what_comes_late_to_change_nothing(page: Page, two: TwoRuns) -> None:
    """A run, and another to compare it with, that come when the person has gone on."""
    held = hold(page, f"**/api/runs/{two.first}/history")
    now, second = f"job={two.job_id}", f"job={two.job_id}&run={two.second}"
    go_within(page, f"{now}&run={two.first}")
    wait_for_held(page, held)
    go_within(page, now)
    release(page, held)
    expect(page.locator("#past")).to_be_hidden()
    go_within(page, second)
    expect(page.locator("#past")).to_be_visible()
    go_within(page, f"{second}&with={two.first}")
    wait_for_held(page, held)
    go_within(page, second)
    release(page, held)
    expect(page.locator("#compare")).to_be_hidden()
    go_within(page, now)
    go_within(page, f"{now}&run={two.first}")
    wait_for_held(page, held)
    page.route("**/execute", lambda route: route.fulfill(status=503, json={}))
    page.click("#execute")
    release(page, held)
    expect(page).to_have_url(re.compile(rf"\?{now}$"))
    go_within(page, second)
    expect(page.locator("#past")).to_be_visible()
    page.unroute_all()


def choose(page: Page, key: str) -> None:
    """The menu is made when it is opened, and has what compares once the page knows of another run."""
    entry = page.locator(f'#past-menu-list [data-key="{key}"]')

    def is_offered() -> bool:
        page.click("#past-menu")
        if entry.count() == 0:
            page.keyboard.press("Escape")
        return entry.count() > 0

    eventually(is_offered, what=f"{key} is offered")
    entry.click()


def seconds_of(page: Page) -> float:
    """Where the slider of a past run of some seconds stands."""
    time = page.locator("#past-time")
    expect(time).to_have_text(re.compile(r"^[0-9.]+ s$"))
    return float(time.inner_text().removesuffix(" s"))


def test_a_past_run_a_moment_of_it_and_a_node_have_an_address_that_brings_them_back(
    open_playground: OpenPlayground, shop: Product, two: TwoRuns
) -> None:
    page = open_playground(two.job_id, viewport=WIDE)
    expect_run(page, "completed")
    page.click('[data-drawer="runs"]')
    page.click(f'#run-table tr[data-run-id="{two.first}"] button')
    expect(page).to_have_url(re.compile(rf"\?job={two.job_id}&run={two.first}$"))
    move_slider(page, 0.5)
    node(page, FILTER).click()
    expect(page).to_have_url(re.compile(rf"run={two.first}&node={FILTER}&t=\d+(\.\d+)?$"))
    moment = seconds_of(page)
    page.reload()
    expect(page.locator("#details-name")).to_have_text("Filter")
    expect(page.locator("#past")).to_be_visible()
    # the address holds milliseconds, and the page shows hundredths
    eventually(lambda: abs(seconds_of(page) - moment) < 0.011, what="the same moment")
    page.click("#past-close")
    expect(page).to_have_url(re.compile(rf"\?job={two.job_id}$"))
    page.go_back()
    expect(page.locator("#past")).to_be_visible()
    expect_no_past_beside_a_run_under_way(page, two.job_id)
    expect_what_comes_late_to_change_nothing(page, two)
    go_within(page, f"job={two.job_id}&run={'0' * 32}")
    expect(page.locator("#notice")).to_contain_text("no run")
    expect(page.locator("#past")).to_be_hidden()


def test_a_node_chosen_while_a_link_is_on_its_way_stays_chosen(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.create_job({"name": "Chosen", "graph": small_graph()})
    page = open_playground(job_id, viewport=WIDE)
    held = hold(page, f"**/api/jobs/{job_id}/runs?*")
    go(page, shop, f"job={job_id}&node=2")
    node(page, 1).click()
    expect(page.locator("#details-name")).to_have_text("Orders")
    wait_for_held(page, held)
    for route in held:
        route.continue_()
    page.unroute_all()
    expect(page).to_have_url(re.compile(rf"\?job={job_id}&node=1$"))
    expect(page.locator("#details-name")).to_have_text("Orders")


def test_a_link_to_a_run_of_another_job_is_told_and_one_under_way_is_shown_live(
    open_playground: OpenPlayground, shop: Product, two: TwoRuns
) -> None:
    other = shop.create_job({"name": "Other", "graph": two.stored()["graph"]})
    page = open_playground(other, f"run={two.first}", viewport=WIDE)
    expect(page.locator("#notice")).to_contain_text("is one of another job")
    expect(page.locator("#past")).to_be_hidden()


def test_the_version_of_a_past_run_comes_back_as_one_step_that_undo_takes_back(
    open_playground: OpenPlayground, shop: Product, two: TwoRuns
) -> None:
    page = open_playground(two.job_id, f"run={two.first}", viewport=WIDE)
    expect(node(page, FILTER)).to_contain_text(FIRST)
    choose(page, "restore")
    expect(page.locator("#notice")).to_contain_text("It is not saved yet")
    expect(page.locator("#unsaved")).to_be_visible()
    expect(node(page, FILTER)).to_contain_text(FIRST)
    assert filter_of(two.stored())["condition"] == SECOND
    page.keyboard.press("Control+z")
    expect(node(page, FILTER)).to_contain_text(SECOND)
    expect(page.locator("#unsaved")).to_be_hidden()
    go_within(page, f"job={two.job_id}&run={two.second}")
    expect(page.locator("#past")).to_be_visible()
    choose(page, "restore")  # what it is already
    expect(page.locator("#notice")).to_contain_text("The job is as it was in the run of")
    expect(page.locator("#unsaved")).to_be_hidden()


def test_a_past_version_is_run_once_more_when_the_person_says_so(
    open_playground: OpenPlayground, shop: Product, amounts: str
) -> None:
    two = TwoRuns(shop, amounts, "Once more")
    page = open_playground(two.job_id, f"run={two.first}", viewport=WIDE)
    choose(page, "run")
    page.click("#confirm-yes")
    expect(page.locator("#past")).to_be_hidden()
    expect_run(page, "completed")
    eventually(lambda: len(shop.get(f"/api/jobs/{two.job_id}/runs").json()["runs"]) == 3)
    expect_run(page, "completed")
    runs = shop.get(f"/api/jobs/{two.job_id}/runs").json()["runs"]
    ran = shop.get(f"/api/runs/{runs[0]['runId']}").json()
    assert filter_of(ran)["condition"] == FIRST
    assert filter_of(two.stored())["condition"] == FIRST


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_two_runs_are_compared_at_an_address_of_its_own(
    open_playground: OpenPlayground, shop: Product, two: TwoRuns, tmp_path: Path, scheme: Any
) -> None:
    page = open_playground(two.job_id, f"run={two.second}", viewport=WIDE, color_scheme=scheme)
    choose(page, "compare")
    changed = page.locator(f'#compare-settings tr[data-node-id="{FILTER}"][data-field="condition"]')
    expect(changed.locator("td")).to_have_text(["condition", FIRST, SECOND])
    expect(page.locator("#compare-settings tbody tr")).to_have_count(1)
    rows = page.locator(f'#compare-nodes tr[data-node-id="{FILTER}"] td')
    expect(rows.nth(1)).to_have_text("20,000")
    expect(rows.nth(2)).to_have_text("10,000")
    expect(rows.nth(3)).to_have_text("−10,000")
    expect(page).to_have_url(re.compile(rf"run={two.second}&with={two.first}$"))
    late = hold_first(page, "**/api/jobs/*/runs?*")
    page.reload()
    expect(changed).to_be_visible()
    wait_for_held(page, late)
    late[0].continue_()  # there is more to choose from than the two
    expect(page.locator("#compare-other option")).to_have_count(2)
    expect_no_figures_of_other_runs(page, two)
    for size in (WIDE, NARROW):
        page.set_viewport_size(size)
        picture(page, f"compare-{size['width']}-{scheme}", tmp_path)
        assert_accessible(page, f"compare, {size['width']}")
    page.keyboard.press("Escape")
    expect(page.locator("#compare")).to_be_hidden()
    expect(page).to_have_url(re.compile(rf"run={two.second}$"))


def expect_no_figures_of_other_runs(page: Page, two: TwoRuns) -> None:
    """Below the name of a run that is chosen and cannot be had; here it is the first one, beside itself."""
    compared = page.locator("#compare")
    both = f"job={two.job_id}&run={two.second}&with={two.first}"
    held = hold(page, f"**/api/runs/{two.first}/history")
    page.select_option("#compare-other", two.first)
    expect(compared).to_have_attribute("data-state", "loading")
    wait_for_held(page, held)
    held[0].continue_()
    wait_for_held(page, held, 2)
    held[1].fulfill(status=500, json={"detail": "no history"})
    expect(compared).to_be_hidden()
    expect(page.locator("#notice-text")).to_have_text("No history.")
    expect(page).to_have_url(re.compile(rf"run={two.first}$"))
    page.unroute_all()
    go_within(page, both)
    expect(compared).to_have_attribute("data-state", "shown")
    expect(compared).to_be_visible()
    held = hold(page, f"**/api/runs/{two.first}/history")
    page.select_option("#compare-other", two.first)
    wait_for_held(page, held)
    go_within(page, both)  # back to those before, which cannot be had now
    wait_for_held(page, held, 2)
    held[1].fulfill(status=500, json={"detail": "no history"})
    expect(compared).to_be_hidden()
    page.unroute_all()
    go_within(page, both)
    expect(compared).to_have_attribute("data-state", "shown")
    expect(compared).to_be_visible()


RECORDER = """
window.shownNotifications = [];
window.Notification = class {
  static permission = 'default';
  static async requestPermission() { return (Notification.permission = window.permissionGiven ?? 'granted'); }
  constructor(title, options) { shownNotifications.push({ title, ...options }); }
  close() {}
};
"""


def test_who_wants_it_is_told_once_that_a_run_has_ended_and_the_tabs_icon_says_how(
    open_playground: OpenPlayground, shop: Product, two: TwoRuns
) -> None:
    page = open_playground(two.job_id, token=None, viewport=WIDE)
    page.add_init_script(RECORDER)
    hold(page, re.compile(r"/api/jobs\?"))  # the list of all: the job itself tells its name
    go(page, shop, f"job={two.job_id}&token={shop.token()}")
    expect(page.locator("#job-name")).to_have_text("Twice")
    icon = page.locator('link[rel="icon"]')
    expect(icon).to_have_attribute("data-state", "completed")
    page.click("#job-notify")
    expect(page.locator("#job-notify")).to_have_attribute("aria-pressed", "true")
    said = Publisher(shop, two.job_id, "f" * 32)
    said.status("running")
    expect(icon).to_have_attribute("data-state", "running")
    said.status("failed", "no disk")
    expect(icon).to_have_attribute("data-state", "failed")
    page.wait_for_function("shownNotifications.length > 0")
    told = page.evaluate("shownNotifications")
    assert [(one["title"], one["body"]) for one in told] == [("Twice: failed", "No disk.")]
    page.click("#job-notify")
    expect(page.locator("#job-notify")).to_have_attribute("aria-pressed", "false")
    page.evaluate("window.permissionGiven = 'denied'; Notification.permission = 'denied'")
    page.click("#job-notify")
    expect(page.locator("#notice")).to_contain_text("does not let this page send notifications")
    expect(page.locator("#job-notify")).to_have_attribute("aria-pressed", "false")


def test_a_place_is_asked_for_once_the_page_knows_who_is_there(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """Who went somewhere and back before had the job opened twice: the second took an open menu with it."""
    page = open_playground(viewport=WIDE)
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    asked: list[str] = []

    def note(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_()

    page.route(f"**/api/jobs/{shop.sample_job_id()}", note)
    held = hold(page, "**/api/session")
    page.reload()
    page.click('.page-link[data-page-link="home"]')
    expect(page.locator("html")).to_have_attribute("data-page", "home")
    page.go_back()
    expect(page.locator("html")).to_have_attribute("data-page", "job")
    assert asked == []
    release(page, held)
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    assert len(asked) == 1


WRITTEN = {"parameters": '.parameter [data-member="name"]', "json": "#json-text"}


def expect_to_be_asked_before_it_goes(page: Page, field: Locator) -> None:
    """With what was written, which nothing keeps: then the person goes."""
    field.fill("day")
    leaves = "dispatchEvent(new Event('beforeunload', { cancelable: true }))"
    assert not page.evaluate(leaves), "the browser asks before a reload"
    here = page.url
    page.go_forward()
    expect(page.locator("#confirm-title")).to_have_text("Discard what you wrote?")
    page.click("#confirm-no")
    expect(field).to_have_value("day")
    expect(page).to_have_url(here)
    page.go_back()
    page.click("#confirm-yes")


@pytest.mark.parametrize("key", ["delete", "parameters", "json", "webhooks"])
def test_back_takes_the_dialog_of_a_job_with_it(
    open_playground: OpenPlayground, shop: Product, key: str
) -> None:
    page = open_playground(viewport=WIDE)
    page.click('.page-link[data-page-link="home"]')
    page.go_back()
    page.click("#job-menu")
    page.click(f'.menu-item[data-key="{key}"]')
    expect(page.locator("dialog[open]")).to_have_count(1)
    if key in WRITTEN:
        expect_to_be_asked_before_it_goes(page, page.locator(WRITTEN[key]))
    else:
        page.go_forward()
    expect(page.locator("html")).to_have_attribute("data-page", "home")
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert shop.get(f"/api/jobs/{shop.sample_job_id()}").status == 200


@pytest.mark.parametrize(
    "press",
    [
        lambda entry: entry.click(modifiers=["Control"]),
        lambda entry: entry.click(button="middle"),
        lambda entry: entry.press("Control+Enter"),
    ],
)
def test_a_job_of_the_list_is_opened_in_another_tab_as_a_link_is(
    open_playground: OpenPlayground, shop: Product, press: Callable[[Locator], None]
) -> None:
    """It took the place of what was shown, with Ctrl; the middle button and Ctrl+Enter did nothing."""
    other = shop.create_job({"name": "In a tab", "graph": small_graph()})
    page = open_playground()
    entry = page.locator(f'button.job[data-job-id="{other}"]')
    there = page.url
    with page.context.expect_page() as opened:
        press(entry)
    expect(opened.value).to_have_url(re.compile(rf"\?job={other}$"))
    expect(page).to_have_url(there)
    opened.value.close()


def test_a_key_opens_a_job_of_the_list_here_and_the_middle_button_begins_no_scrolling(
    open_playground: OpenPlayground, shop: Product
) -> None:
    """Shift+Enter, as who has Shift still down from Shift+Tab, opened another window; Windows scrolls by the middle button."""
    first, second = (
        shop.create_job({"name": name, "graph": small_graph()}) for name in ("By Enter", "By Space")
    )
    page = open_playground()
    before = page.context.pages
    for job_id, key in ((first, "Shift+Enter"), (second, "Shift+Space")):
        entry = page.locator(f'button.job[data-job-id="{job_id}"]')
        entry.press(key)
        expect(entry).to_have_attribute("aria-current", "true")
    assert page.context.pages == before
    made = "new MouseEvent('mousedown', { button, cancelable: true })"
    is_left = f"(entry, button) => entry.dispatchEvent({made})"
    assert [entry.evaluate(is_left, button) for button in (0, 1)] == [True, False]
