"""ENGINE=firefox scripts/test tests/browser/…/test_….py: the same tests in Debian's Firefox, driven over WebDriver BiDi.

Playwright does not do all with it that it does with Chromium: docs/tests.md says which tests fail for that.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Locator, Page, Playwright

from tests.harness import eventually

IS_ASKED_FOR = os.environ.get("ENGINE") == "firefox"
PROGRAM = Path("/usr/bin/firefox-esr")
DRIVER = Path(__file__).with_name("firefox.cjs")
LIGHT_AND_STILL: dict[str, str | float | bool] = {
    "ui.systemUsesDarkTheme": 0,
    "ui.prefersReducedMotion": 1,
}


def prepare() -> None:
    """Before Playwright is started, in this process."""
    os.environ["NODE_OPTIONS"] = f"--require={DRIVER}"
    _act_like_a_hand()


def launch(playwright: Playwright) -> Browser:
    return playwright.firefox.launch(
        channel="moz-firefox",
        executable_path=PROGRAM,
        handle_sigint=False,
        firefox_user_prefs=LIGHT_AND_STILL,
    )


# What Firefox tells of pages that are as they should be: the style is one of Playwright's screenshots
SAID = ("an inline style (style-src-elem)", "establish a connection to the server at ws")


def _act_like_a_hand() -> None:
    """Has pages told what they are told when a person does this."""
    Page.wait_for_function = _wait_for_function  # type: ignore[assignment, method-assign]
    ways: dict[str, Callable[..., None]] = {"fill": _fill, "dblclick": _double_click}
    for name, way in ways.items():
        method = getattr(Locator, name)
        setattr(Locator, name, functools.partialmethod(way, method))
        setattr(Page, name, functools.partialmethod(_on_page, way, method))


def _wait_for_function(page: Page, expression: str, **options: Any) -> None:
    """Playwright's own is an eval(), which our CSP forbids."""
    arg, timeout = options.get("arg"), options.get("timeout", 30_000.0)
    eventually(lambda: page.evaluate(expression, arg), timeout / 1000, what=expression)


def _on_page(
    page: Page, way: Callable[..., None], method: Any, selector: str, *given: Any, **options: Any
) -> None:
    way(page.locator(selector), method, *given, **options)


def _fill(part: Locator, fill: Any, text: str, **options: Any) -> None:
    """The last letter by the keyboard: of what a script alone has written, Firefox tells no change when the field is left."""
    if not (text[-1:].isalnum() and text[-1:].isascii()) or part.get_attribute("type") in (
        "date",
        "number",
        "range",
        "time",
    ):
        fill(part, text, **options)
    else:
        part.page.bring_to_front()  # only the tab in front hears keys
        fill(part, text[:-1], **options)
        part.press(text[-1])


def _double_click(part: Locator, double_click: Any, **options: Any) -> None:
    """Playwright's clicks come one by one, and are no double click to Firefox."""
    double_click(part, **options)
    part.dispatch_event("dblclick")
