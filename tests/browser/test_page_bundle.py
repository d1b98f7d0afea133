"""The page runs from one file, and from its modules where that file is old."""

from __future__ import annotations

from playwright.sync_api import Browser, Route, expect

from tests.browser.conftest import OpenPlayground, new_context
from tests.harness import Product

ASKED = "() => performance.getEntriesByType('resource').map(({ name }) => name)"
FEW = 20  # the bundle's two files, icons, and what is asked of the API


def test_a_first_visit_asks_for_few_files(browser: Browser, shop: Product) -> None:
    context = new_context(browser)
    try:
        page = context.new_page()
        page.goto(f"{shop.url}/?job={shop.sample_job_id()}&token={shop.token()}")
        expect(page.locator(".node")).not_to_have_count(0)
        asked = page.evaluate(ASKED)
        assert len(asked) <= FEW, asked
        assert [name.rpartition("/")[2] for name in asked if name.endswith((".js", ".css"))] == [
            "playground.css",
            "playground.js",
        ]
    finally:
        context.close()


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
