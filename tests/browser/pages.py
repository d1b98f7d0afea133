"""What tests do with any page: set its clock ahead, look for breaches of WCAG, keep a picture."""

from __future__ import annotations

import json
import os
from collections.abc import Sized
from pathlib import Path
from re import Pattern

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.harness import ROOT, eventually

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
LOOK = {"runOnly": {"type": "tag", "values": STANDARDS}, "resultTypes": ["violations"]}
AXE = Axe().axe_script
# What is hidden but read out, and stays beside the box that scrolls its neighbours: it makes the window longer than it is
LOOSE = """() => [...document.querySelectorAll('body *')].filter((part) => {
  const {position, clipPath} = getComputedStyle(part);
  if (position !== 'absolute' || clipPath !== 'inset(50%)' || !part.checkVisibility()) return false;
  for (let box = part.parentElement; box !== null; box = box.parentElement) {
    const {position, overflow} = getComputedStyle(box);
    if (position !== 'static') return false;
    if (/auto|scroll/.test(overflow)) return true;
  }
  return false;
}).map((part) => part.outerHTML.slice(0, 90))"""
BREACHES = "async (options) => (await axe.run(options)).violations"


def go_within(page: Page, query: str = "") -> None:
    """As the browser's Back does: the page is not loaded anew, and has no moment to note where it was in the new address."""
    page.evaluate(
        "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')); }",
        f"./?{query}" if query else "./",
    )


def hold(page: Page, url: str | Pattern[str]) -> list[Route]:
    """Holds back what is asked of these addresses; the list is filled as it is asked for."""
    held: list[Route] = []
    page.route(url, lambda route: held.append(route))
    return held


def hold_first(page: Page, url: str) -> list[Route]:
    """Holds back what is asked of this address first; all that follows goes on."""
    held: list[Route] = []

    def handle(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route(url, handle)
    return held


def answer_late(page: Page, url: str | Pattern[str]) -> list[tuple[Route, APIResponse]]:
    """The first request of this address is answered when the test fulfills it, with what was true when it was asked for."""
    late: list[tuple[Route, APIResponse]] = []
    first: list[Route] = []  # before its answer is there

    def handle(route: Route) -> None:
        if first:
            route.continue_()
        else:
            first.append(route)
            late.append((route, route.fetch()))

    page.route(url, handle)
    return late


def wait_for_held(page: Page, held: Sized, count: int = 1) -> None:
    """Until the page has asked so often for what a test holds back."""
    # Playwright hands routes over while it is asked for something
    eventually(lambda: page.evaluate("true") and len(held) >= count, what="it is asked for")


def shift_clock(page: Page, seconds: int) -> None:
    page.evaluate("(s) => { const now = Date.now; Date.now = () => now() + s * 1000; }", seconds)


def hold_clock(page: Page) -> None:
    """A busy machine makes no pause between two keys."""
    page.evaluate("() => { const at = Date.now(); Date.now = () => at; }")


def look_no_more(page: Page) -> None:
    """The page does not see by itself what others save, as it does each ten seconds: a test may be between two steps then."""
    expect(page.locator("button.job")).not_to_have_count(0)  # its first look is over
    page.evaluate("Object.defineProperty(document, 'visibilityState', { value: 'hidden' })")


def assert_accessible(page: Page, where: str) -> None:
    """No breach of WCAG 2.2 AA that axe-core can find. (It comes in over the debugger: our CSP lets no script in.)"""
    assert page.evaluate(LOOSE) == [], f"{where}: hidden, and beside the box that scrolls it"
    if not page.evaluate("Boolean(window.axe)"):
        page.evaluate(AXE)
    if found := page.evaluate(BREACHES, {**LOOK, "selectors": False}):  # it takes long to say where
        found = page.evaluate(BREACHES, LOOK) or found
        told = [
            f"{breach['id']} ({breach['impact']}): {node['target']}: {node['failureSummary']}"
            for breach in found
            for node in breach["nodes"]
        ]
        raise AssertionError(f"{where}: " + "\n".join(told))


def picture(page: Page, name: str, folder: Path, *, for_docs: bool = False) -> None:
    """Keeps a screenshot as an artefact; with UPDATE_SCREENSHOTS=1 some become the README's."""
    folder = Path(os.environ.get("ARTEFACTS", folder))
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
    if for_docs and os.environ.get("UPDATE_SCREENSHOTS") == "1":
        page.screenshot(path=ROOT / "docs" / f"{name}.png")


def refuse_twice(page: Page, address: str) -> None:
    """The first two requests are answered as where no runner is there yet."""
    refusals = [503, 503]

    def answer(route: Route) -> None:
        if refusals:
            body = json.dumps({"detail": "no runner answered"})
            route.fulfill(status=refusals.pop(), content_type="application/json", body=body)
        else:
            route.continue_()

    page.route(address, answer)
