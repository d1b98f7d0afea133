"""What a page is told, and what a test does to it, comes late at random."""

from __future__ import annotations

import functools
import time
from typing import Any

from playwright.sync_api import (  # type: ignore[attr-defined]  # LocatorAssertions is in no list
    Browser,
    BrowserContext,
    Locator,
    LocatorAssertions,
    Page,
)

from tests.late.chance import Lots

SHARE = 0.4  # of what a test does to a page is late
HOW_LATE = ((1 / 40, 3.0), (7 / 40, 0.6), (1.0, 0.05))  # of forty such calls one by 3 s at most
ASKS = ("click", "evaluate", "fill", "press", "inner_text", "get_attribute", "input_value", "count")
# Each answer, and each message in its turn: half a second at most
LATE_PAGE = """(() => {
  if (window.isLate) return;
  window.isLate = true;
  const later = window.setTimeout.bind(window);
  const pause = () => new Promise((done) => {
    const lot = Math.random();
    if (lot < 0.5) done();
    else later(done, Math.random() * (lot < 0.85 ? 60 : 500));
  });
  const { fetch, WebSocket } = window;
  window.fetch = async (...how) => {
    await pause();
    const answer = await fetch.apply(window, how);
    await pause();
    return answer;
  };
  window.WebSocket = class extends WebSocket {
    #told = Promise.resolve();
    addEventListener(type, listener, options) {
      const isOften = type === 'message';
      const tell = (event) => {
        this.#told = this.#told.then(() => Math.random() < (isOften ? 0.03 : 0.5) && pause()).then(() => listener.call(this, event));
      };
      super.addEventListener(type, tell, options);
    }
    set onmessage(listener) { this.addEventListener('message', listener); }
    set onopen(listener) { this.addEventListener('open', listener); }
    set onclose(listener) { this.addEventListener('close', listener); }
  };
})()"""


def make_late() -> None:
    """From now on, in this process: pages of new contexts, and what is asked of pages."""
    lots = Lots(*HOW_LATE)
    _late_pages()
    for owner, names in {
        Page: (*ASKS[:4], "goto", "wait_for_function"),
        Locator: ASKS,
        LocatorAssertions: [name for name in dir(LocatorAssertions) if "to_" in name],
    }.items():
        for name in names:
            _late(owner, name, lots)


def _late_pages() -> None:
    new_context = Browser.new_context

    @functools.wraps(new_context)
    def late(self: Browser, **options: Any) -> BrowserContext:
        context = new_context(self, **options)
        context.add_init_script(LATE_PAGE)
        return context

    Browser.new_context = late  # type: ignore[method-assign]


def _late(owner: type, name: str, lots: Lots) -> None:
    method = getattr(owner, name)

    @functools.wraps(method)
    def late(*arguments: Any, **options: Any) -> Any:
        time.sleep(lots.seconds(SHARE))
        return method(*arguments, **options)

    setattr(owner, name, late)
