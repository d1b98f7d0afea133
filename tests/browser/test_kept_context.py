"""What tests of pages rely on: an error of a page fails the test that it is in, and the next test finds nothing of it."""

from __future__ import annotations

from collections.abc import Callable

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
    assert other.is_closed()
    with open_pages(browser, kept_context, static_url) as pages:
        page = pages("")
        assert page.evaluate(KEPT) == ["", 0, 0]
        assert page.context.pages[1:] == [modules, page]


def test_a_page_goes_from_test_to_test_as_a_new_one(
    browser: Browser, kept_context: KeptContext, static_url: str
) -> None:
    with open_pages(browser, kept_context, static_url) as pages:
        first = pages("", viewport={"width": 320, "height": 200})
        first.evaluate(KEEP)
        first.evaluate("() => { window.name = 'first'; location.hash = 'further'; }")
    with open_pages(browser, kept_context, static_url) as pages:
        page = pages("")
        assert page is first, "or each test would cost 0.4 s of a core more"
        assert page.evaluate(KEPT) == ["", 0, 0]
        assert page.evaluate("[window.name, history.length, innerWidth]") == ["", 2, 1280]
        assert page.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert not page.is_closed()


def held_by_a_route(page: Page) -> None:
    page.route("**/blank", lambda route: None)
    page.evaluate("void fetch('/blank')")


LEFT = """async () => [
  window.left,
  matchMedia('(prefers-color-scheme: dark)').matches,
  matchMedia('(prefers-reduced-motion: reduce)').matches,
  matchMedia('screen').matches,
  (await fetch('/blank')).status,
]"""


@pytest.mark.parametrize(
    "act",
    [
        held_by_a_route,
        lambda page: page.add_init_script("window.left = true"),
        lambda page: page.emulate_media(
            color_scheme="dark", media="print", reduced_motion="no-preference"
        ),
    ],
    ids=["a route", "a script", "media"],
)
def test_what_a_test_did_to_a_page_is_undone_for_the_next(
    browser: Browser, kept_context: KeptContext, static_url: str, act: Callable[[Page], object]
) -> None:
    with open_pages(browser, kept_context, static_url) as pages:
        act(first := pages(""))
        first.reload()
    with open_pages(browser, kept_context, static_url) as pages:
        page = pages("")
        assert page is first, "or each such test would cost 0.4 s of a core more"
        assert page.evaluate(LEFT) == [None, False, True, True, 200]
        assert page.evaluate("history.length") == 2


@pytest.mark.parametrize(
    "last",
    [
        lambda page: page.on("request", lambda request: None),
        lambda page: page.route_web_socket("**/ws", lambda socket: socket.close()),
        lambda page: page.context.new_cdp_session(page),
        lambda page: page.context.set_offline(True),
    ],
    ids=["a listener", "a route of sockets", "a debugger", "offline"],
)
def test_a_page_of_which_something_would_last_serves_no_other_test(
    browser: Browser, kept_context: KeptContext, static_url: str, last: Callable[[Page], object]
) -> None:
    with open_pages(browser, kept_context, static_url) as pages:
        last(page := pages(""))
    assert page.is_closed()
    with open_pages(browser, kept_context, static_url) as pages:
        assert pages("").evaluate("window.left") is None
