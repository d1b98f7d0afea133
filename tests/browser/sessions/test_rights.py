"""The page offers what the token lets its user do: all of it, to look alone, or one job."""

from __future__ import annotations

import json
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser.conftest import OpenPlayground, shop_with
from tests.browser.pages import assert_accessible
from tests.browser.run.runs import Publisher
from tests.browser.run.test_playground import expect_run
from tests.harness import FEW_ORDERS, Product, eventually
from web.callers.limits import Limit

shop = shop_with(SAMPLE_ORDERS=str(FEW_ORDERS))

MAKING = ("#job-new", "#job-import", "#job-edit", "#save", "#add", ".palette")


def refusals(page: Page) -> list[str]:
    """What the server answers with an error from now on."""
    found: list[str] = []

    def note(response: Response) -> None:
        if response.status >= 400:
            found.append(f"{response.status} {response.url}")

    page.on("response", note)
    return found


def expect_only_to_look_at(page: Page) -> None:
    """The graph with its settings, and nothing that would change it."""
    expect(page.locator("#graph")).to_have_attribute("data-editable", "false")
    for part in MAKING:
        expect(page.locator(part)).to_be_hidden()
    page.locator(".node", has_text="Filter").click()
    expect(page.locator(".details-settings")).to_contain_text("status in ('paid', 'shipped')")
    expect(page.locator("#node-form")).to_be_hidden()
    page.keyboard.press("Escape")


def expect_to_be_exported(page: Page, stored: dict[str, Any]) -> None:
    page.click("#job-menu")
    expect(page.locator("#job-menu-list .menu-item")).to_have_count(1)
    with page.expect_download() as download:
        page.click('.menu-item[data-key="export"]')
    assert json.loads(download.value.path().read_bytes()) == stored
    expect(page.locator("#job-menu")).to_be_focused()


def test_a_token_of_one_job_shows_that_job_and_nothing_that_is_refused(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.sample_job_id()
    page = open_playground(token=shop.token(sub="one", **Limit(job_id).claims))
    refused = refusals(page)
    page.goto(f"{shop.url}/")
    expect(page.locator("#job-name")).to_have_text("Order report")
    assert page.url.endswith(f"?job={job_id}")
    expect(page.locator("button.job")).to_have_count(1)
    expect(page.locator(".page-link:visible")).to_have_count(0)
    expect(page.locator(".node[data-kind='input']")).to_be_visible()  # in its colour
    expect_only_to_look_at(page)
    page.click("#execute")
    expect_run(page, "completed")
    page.click('[data-drawer="runs"]')
    expect(page.locator("#run-table tbody tr")).to_have_count(1)
    page.goto(f"{shop.url}/?view=runs")
    expect(page.locator("#job-name")).to_have_text("Order report")
    expect(page.locator("#notice")).to_be_hidden()
    assert refused == []
    assert_accessible(page, "a token of one job")


def test_who_may_only_look_is_offered_nothing_else(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=shop.token(sub="reader", scope="jobs:read"))
    refused = refusals(page)
    page.reload()
    expect(page.locator("#job-name")).to_have_text("Order report")
    expect_only_to_look_at(page)
    expect(page.locator("#execute")).to_be_disabled()
    stored = shop.get(f"/api/jobs/{shop.sample_job_id()}").json()
    expect_to_be_exported(page, {name: stored[name] for name in ("name", "graph")})
    run_id = shop.execute(shop.sample_job_id())
    expect_run(page, "completed")
    shop.run_end(run_id)  # is recorded a moment after it is shown
    page.click('[data-drawer="runs"]')
    page.click(f'#run-table tr[data-run-id="{run_id}"] button')
    page.click("#past-menu")
    expect(page.locator('.menu-item[data-key="link"]')).to_be_visible()
    expect(page.locator('.menu-item[data-key="restore"]')).to_have_count(0)
    page.keyboard.press("Escape")
    page.click('.page-link[data-page-link="home"]')
    expect(page.locator("#home-jobs")).to_be_visible()
    expect(page.locator("#job-menu")).to_be_hidden()
    for part in ("#home-new", "#home-import", "#greeting", "#gallery"):
        expect(page.locator(part)).to_be_hidden()
    assert refused == []


@pytest.mark.parametrize("scope", ["jobs:read jobs:write", "jobs:read jobs:execute"])
def test_who_may_change_or_execute_has_the_editor(
    open_playground: OpenPlayground, shop: Product, scope: str
) -> None:
    page = open_playground(token=shop.token(sub=scope[-7:], scope=scope))
    expect(page.locator("#graph")).to_have_attribute("data-editable", "true")
    is_writer = "write" in scope
    expect(page.locator("#job-new")).to_be_visible(visible=is_writer)
    expect(page.locator("#execute")).to_be_enabled(enabled=not is_writer)
    eventually(lambda: page.locator(".palette-item").count(), what="node types are there")


def test_a_reader_sees_what_somebody_saved(open_playground: OpenPlayground, shop: Product) -> None:
    job = shop.get(f"/api/jobs/{shop.sample_job_id()}").json()
    graph = {**job["graph"], "nodes": job["graph"]["nodes"][:2], "edges": job["graph"]["edges"][:1]}
    job_id = shop.create_job({"name": "Grows", "graph": graph})
    page = open_playground(job_id, token=shop.token(sub="reader", scope="jobs:read"))
    expect(page.locator(".node")).to_have_count(2)
    shop.request("PUT", f"/api/jobs/{job_id}", {"name": "Grew", "graph": job["graph"]})
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator(".node")).to_have_count(4)
    expect(page.locator("#job-name")).to_have_text("Grew")


def test_a_token_of_one_run_is_told_what_it_may_not(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job_id = shop.sample_job_id()
    run_id = shop.execute(job_id)
    shop.run_end(run_id)
    token = shop.token(sub="run", **Limit(job_id, run_id).claims)
    page = open_playground(job_id, f"run={run_id}", token=token)
    expect(page.locator("#notice-text")).to_contain_text("limited to run")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#notice-text")).to_contain_text("limited to run")


def test_a_cancel_is_offered_where_the_server_takes_it(
    open_playground: OpenPlayground, shop: Product
) -> None:
    job = shop.get(f"/api/jobs/{shop.sample_job_id()}").json()
    graph = {**job["graph"], "runnerTag": "nowhere"}
    job_id = shop.create_job({"name": "Waits", "graph": graph})
    run_id = shop.execute(job_id)
    page = open_playground(job_id, token=shop.token(sub="reader", scope="jobs:read"))
    expect_run(page, "queued")
    expect(page.locator("#run-wait")).to_contain_text("nowhere")
    expect(page.locator("#cancel")).to_be_hidden()
    page.click('.page-link[data-page-link="home"]')
    waiting = page.locator(f'#home-waiting li[data-run-id="{run_id}"]')
    expect(waiting.locator("a")).to_have_text("Waits")
    expect(waiting.locator("button")).to_be_hidden()
    other = open_playground(job_id)
    expect(other.locator("#cancel")).to_be_visible()
    other.goto(f"{shop.url}/")
    other.locator(f'#home-waiting li[data-run-id="{run_id}"] button').click()
    expect(waiting).to_have_count(0)
    foreign = Publisher(shop, 4_711, "not-ours")
    foreign.status("running")
    foreign.node(1, "running", 5)
    other.goto(f"{shop.url}/?job=4711")
    expect_run(other, "running")
    expect(other.locator("#job-name")).to_have_text("Job 4711")
    expect(other.locator("#execute")).to_be_disabled()
    expect(other.locator("#cancel")).to_be_hidden()
    foreign.status("completed")
    expect_run(other, "completed")
