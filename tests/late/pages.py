"""What a page is told, and what a test does to it, comes late at random."""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import (  # type: ignore[attr-defined]  # LocatorAssertions is in no list
    Browser,
    BrowserContext,
    Keyboard,
    Locator,
    LocatorAssertions,
    Mouse,
    Page,
)

from tests.late.chance import Lots

SHARE = 0.4  # of what a test does to a page is late
HOW_LATE = ((1 / 40, 3.0), (7 / 40, 0.6), (1.0, 0.05))  # of forty such calls one by 3 s at most
# What a test does to a page, and what it asks of one
LATE_CALLS: tuple[tuple[type, str], ...] = (
    (
        Page,
        "click evaluate fill press goto wait_for_function reload go_back go_forward focus route unroute set_viewport_size",
    ),
    (
        Locator,
        "click dblclick tap fill press press_sequentially focus select_option check set_input_files hover drag_to evaluate",
    ),
    (
        Locator,
        "inner_text text_content all_inner_texts get_attribute input_value count is_visible bounding_box",
    ),
    (
        LocatorAssertions,
        " ".join(name for name in dir(LocatorAssertions) if name.startswith(("to_", "not_to_"))),
    ),
    (Keyboard, "press type down up insert_text"),
    (Mouse, "move down up click wheel"),
    (BrowserContext, "set_offline new_page"),
)
LATE_PAGE = Path(__file__).with_name("page.js")


def make_late() -> None:
    """From now on, in this process: pages of new contexts, and what is asked of pages."""
    lots = Lots(*HOW_LATE)
    _late_pages()
    for owner, names in LATE_CALLS:
        for name in names.split():
            _late(owner, name, lots)


def _late_pages() -> None:
    new_context = Browser.new_context

    @functools.wraps(new_context)
    def late(self: Browser, **options: Any) -> BrowserContext:
        context = new_context(self, **options)
        context.add_init_script(path=LATE_PAGE)
        return context

    Browser.new_context = late  # type: ignore[method-assign]


def _late(owner: type, name: str, lots: Lots) -> None:
    method = getattr(owner, name)

    @functools.wraps(method)
    def late(*arguments: Any, **options: Any) -> Any:
        time.sleep(lots.seconds(SHARE))
        return method(*arguments, **options)

    setattr(owner, name, late)
