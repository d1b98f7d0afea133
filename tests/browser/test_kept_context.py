"""What tests of pages rely on: an error of a page fails the test that it is in, and the next test finds nothing of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import KeptContext, open_pages

KEPT = """() => [document.cookie, localStorage.length, sessionStorage.length]"""
KEEP = """() => { document.cookie = 'kept=1'; localStorage.kept = 1; sessionStorage.kept = 1; }"""


def test_an_error_of_a_page_fails_its_own_test(
    browser: Browser, kept_context: KeptContext, static_url: str
) -> None:
    with (
        pytest.raises(AssertionError, match="said late"),
        open_pages(browser, kept_context, static_url) as pages,
    ):
        page = pages("")
        with page.expect_event("pageerror"):
            page.evaluate("void setTimeout(() => { throw new Error('said late'); })")
    with open_pages(browser, kept_context, static_url) as pages:
        pages("")


def test_a_page_finds_nothing_that_an_earlier_test_left(
    browser: Browser, kept_context: KeptContext, static_url: str, modules: Page
) -> None:
    with open_pages(browser, kept_context, static_url) as pages:
        page = pages("")
        page.evaluate(KEEP)
        page.context.new_page()
        page.context.set_offline(True)
        other = pages("")
        assert other.evaluate(KEPT) == ["", 0, 0], "it is one of another browser"
    assert page.is_closed()
    assert other.is_closed()
    with open_pages(browser, kept_context, static_url) as pages:
        page = pages("")
        assert page.evaluate(KEPT) == ["", 0, 0]
        assert page.context.pages[1:] == [modules, page]
