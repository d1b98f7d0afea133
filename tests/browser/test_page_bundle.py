"""The page runs from one file, and from its modules where that file is old. It says when the server has another one."""

from __future__ import annotations

from collections import Counter

from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.conftest import OpenPlayground, new_context
from tests.harness import Product, eventually

ASKED = "() => performance.getEntriesByType('resource').map(({ name }) => name)"
FEW = 16  # the bundle's two files, icons, and what is asked of the API
# Lists wait a second for the connection: here as long as it takes
PATIENT = "const wait = setTimeout; setTimeout = (f, ms, ...more) => wait(f, ms === 1_000 ? 60_000 : ms, ...more);"

# What waits a minute waits for the test
STEADY = """
globalThis.steady = [];
const wait = setTimeout;
setTimeout = (f, ms, ...more) => ms === 60_000 ? steady.push(f) : wait(f, ms, ...more);
"""


def test_a_visit_asks_for_few_files_and_for_nothing_twice(browser: Browser, shop: Product) -> None:
    context = new_context(browser)
    context.add_init_script(PATIENT)
    try:
        page = context.new_page()
        page.goto(f"{shop.url}/?token={shop.token()}")
        expect(page.locator("#home-jobs tr[data-job-id]")).not_to_have_count(0)
        expect(page.locator("#gallery-list li")).not_to_have_count(0)
        assert_asked_once(page)
        page.goto(f"{shop.url}/?job={shop.sample_job_id()}")
        expect(page.locator(".node")).not_to_have_count(0)
        expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
        expect(page.locator("#jobs-list .job")).not_to_have_count(0)
        asked = assert_asked_once(page)
        assert not [name for name in asked if "gallery" in name], "home alone shows it"
        assert [name.rpartition("/")[2] for name in asked if name.endswith((".js", ".css"))] == [
            "playground.css",
            "playground.js",
        ]
    finally:
        context.close()


def assert_asked_once(page: Page) -> list[str]:
    asked: list[str] = page.evaluate(ASKED)
    assert len(asked) <= FEW, asked
    times = Counter(name for name in asked if not name.endswith("/api/session"))  # POST, then GET
    assert set(times.values()) == {1}, times
    return asked


def test_the_modules_do_what_their_bundle_does(open_playground: OpenPlayground) -> None:
    page = open_playground()

    def modules(route: Route) -> None:
        route.fulfill(content_type="text/javascript", body="import '../playground/main.js';")

    page.route("**/bundle/playground.js", modules)
    page.reload()
    expect(page.locator(".node")).not_to_have_count(0)
    expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
    expect(page.locator(".palette-item")).not_to_have_count(0)
    assert any(name.endswith("/playground/main.js") for name in page.evaluate(ASKED))


def test_a_page_offers_to_load_itself_anew_where_the_server_has_another_one(
    browser: Browser, shop: Product
) -> None:
    context = new_context(browser)
    context.add_init_script(STEADY)

    def answer(route: Route) -> None:
        found = route.fetch()
        route.fulfill(response=found, headers={**found.headers, "page-version": "0123456789abcdef"})

    try:
        page = context.new_page()
        page.goto(f"{shop.url}/?token={shop.token()}")
        expect(page.locator("#home-jobs tr[data-job-id]")).not_to_have_count(0)
        assert page.evaluate("steady.length") == 0, "it is the server's own"
        page.route("**/api/**", answer)
        page.reload()
        eventually(lambda: page.evaluate("steady.length") == 1, what="an answer of another release")
        expect(page.locator("#newer-page")).to_be_hidden()
        page.evaluate("steady[0]()")
        expect(page.locator("#newer-page")).to_be_visible()
        expect(page.locator("#newer-page")).to_contain_text("New version. Reload")
        page.locator("#page-reload").click()
        expect(page.locator("#newer-page")).to_be_hidden()
        expect(page.locator("#home-jobs tr[data-job-id]")).not_to_have_count(0)
    finally:
        context.close()
