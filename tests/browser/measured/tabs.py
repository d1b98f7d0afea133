"""Twenty pages of the Playground as tabs of one Chromium, one of them in front, and what the front one draws.

    python -m tests.browser.measured.tabs [--tabs 20] [--seconds 20] [--all-visible]

Starts the product and Chromium, measures the front page while nothing comes and while ten nodes say 20 messages a
second each, alone and with the other tabs, and prints a table. Chromium is driven over its debugging protocol:
Playwright makes every page believe that it is in front, which `--all-visible` does here, too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.browser.measured.load import A_SECOND, FOUND, NODES, WATCH, Load
from tests.harness import Product, eventually

JOB = 5151  # that is not stored: its nodes are those that report
CLOSE_WAIT = 10.0  # seconds
ANSWER = 60.0  # seconds for Chromium to answer on a busy machine
LATE = 25  # milliseconds from which a frame came late; 16.7 are due

# Before anything of the page runs: counts the messages of its WebSockets.
COUNT_MESSAGES = """
window.heard = 0;
window.WebSocket = class extends WebSocket {
  constructor(...how) { super(...how); this.addEventListener('message', () => (window.heard += 1)); }
};
"""


def _two_lines(file: Path) -> list[str] | None:
    """None while the file is not there, or is being written."""
    lines = file.read_text().split("\n") if file.exists() else []
    return lines if len(lines) == 2 else None


class Chromium:
    """A Chromium of its own with real tabs; `call` is one command of the debugging protocol."""

    def __init__(self, folder: Path) -> None:
        arguments = [*ARGUMENTS, "--window-size=1280,760", "--remote-debugging-port=0"]
        self.process = subprocess.Popen(
            [CHROMIUM, *arguments, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._rest = contextlib.ExitStack()
        self._calls = 0
        try:
            told = folder / "DevToolsActivePort"
            port, path = eventually(lambda: _two_lines(told), ANSWER)
            self._link = self._rest.enter_context(
                eventually(lambda: connect(f"ws://127.0.0.1:{port}{path}", max_size=None))
            )
        except BaseException:
            self.end()
            raise

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self._calls += 1
        asked = {"id": self._calls, "method": method, "params": params}
        self._link.send(json.dumps(asked if session is None else {**asked, "sessionId": session}))
        while True:
            answer = json.loads(self._link.recv(timeout=ANSWER))
            if answer.get("id") == self._calls:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def end(self) -> None:
        """By its own word at first: at a signal it leaves a directory in /tmp."""
        with contextlib.suppress(Exception):
            self._link.send(json.dumps({"id": 0, "method": "Browser.close"}))
            self.process.wait(CLOSE_WAIT)
        self._rest.close()
        self.process.terminate()
        self.process.wait(ANSWER)


class Tab:
    """One page of the Playground in a tab."""

    def __init__(self, chromium: Chromium, url: str, *, visible: bool = False) -> None:
        self._chromium = chromium
        self._target = chromium.call("Target.createTarget", url="about:blank")["targetId"]
        attached = chromium.call("Target.attachToTarget", targetId=self._target, flatten=True)
        self._session = attached["sessionId"]
        self._call("Page.enable")
        self._call("Page.addScriptToEvaluateOnNewDocument", source=COUNT_MESSAGES)
        if visible:
            self._call("Emulation.setFocusEmulationEnabled", enabled=True)
        self._call("Page.navigate", url=url)

    def evaluate(self, expression: str) -> Any:
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def to_front(self) -> None:
        self._chromium.call("Target.activateTarget", targetId=self._target)

    @property
    def heard(self) -> int:
        return int(self.evaluate("window.heard ?? 0"))

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        return self._chromium.call(method, self._session, **params)


@contextlib.contextmanager
def chromium_with_tabs(
    product: Product, count: int, *, all_visible: bool = False
) -> Iterator[list[Tab]]:
    """`count` tabs that watch the job and have heard of its nodes; the first is in front."""
    url = f"{product.url}/?job={JOB}&token={product.token()}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chromium = Chromium(Path(folder))
        try:
            tabs = [Tab(chromium, url, visible=all_visible) for _ in range(count)]
            tabs[0].to_front()
            with Load(product, JOB, 0.1):
                eventually(lambda: all(tab.heard >= NODES for tab in tabs), ANSWER)
            cards = "document.querySelectorAll('.node').length"
            eventually(lambda: tabs[0].evaluate(cards) == NODES, ANSWER)
            yield tabs
        finally:
            chromium.end()


@dataclass(frozen=True)
class Drawn:
    """What the front page did for a while."""

    intervals: list[float]  # milliseconds from a frame to the next
    drawn: int  # frames in which the DOM was written
    most: int  # times that it was written in one frame
    busy: float  # of all cores, 0 to 1
    load: float  # the machine's load average of a minute, at the end

    @property
    def rate(self) -> float:
        return 1000 * len(self.intervals) / sum(self.intervals)

    @property
    def slow(self) -> float:
        """Milliseconds that one frame of a hundred took at least."""
        return sorted(self.intervals)[int(len(self.intervals) * 0.99)]

    @property
    def late(self) -> int:
        return sum(interval > LATE for interval in self.intervals)


@contextlib.contextmanager
def watched(tab: Tab) -> Iterator[list[Drawn]]:
    """Measures the page in the block; the one entry is there after it."""
    tab.evaluate(f"({WATCH})()")
    found: list[Drawn] = []
    before = _processor_time()
    yield found
    seen = tab.evaluate(f"({FOUND})()")
    busy, whole = (b - a for a, b in zip(before, _processor_time(), strict=True))
    found.append(
        Drawn(seen["intervals"], seen["drawn"], seen["most"], busy / whole, os.getloadavg()[0])
    )


def drawn_idle(tab: Tab, seconds: float) -> Drawn:
    with watched(tab) as found:
        time.sleep(seconds)
    return found[0]


def drawn_under_load(tabs: list[Tab], product: Product, seconds: float) -> Drawn:
    """Ends when each tab has heard everything and the front one shows the last count of each node."""
    before = [tab.heard for tab in tabs]
    wanted = round(seconds * A_SECOND) * NODES
    with watched(tabs[0]) as found, Load(product, JOB, seconds) as load:
        time.sleep(seconds)
        shown = "[...document.querySelectorAll('.node-count')].map((count) => count.textContent)"
        last = [f"{load.last_rows:,}"] * NODES
        eventually(lambda: tabs[0].evaluate(shown) == last, seconds + ANSWER)
    for tab, heard in zip(tabs, before, strict=True):
        eventually(lambda t=tab, h=heard: t.heard - h >= wanted, ANSWER)  # type: ignore[misc]
    return found[0]


def _processor_time() -> tuple[int, int]:
    """Ticks that all cores worked, and ticks in all."""
    ticks = [int(part) for part in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def _told(tabs: int, what: str, found: Drawn) -> str:
    frames = len(found.intervals)
    return (
        f"| {tabs} | {what} | {found.rate:.1f} | {found.slow:.1f} ms | {found.late} of {frames} |"
        f" {found.drawn} | {found.most} | {found.busy:.0%} | {found.load:.1f} |"
    )


def main(count: int, seconds: float, all_visible: bool) -> None:
    print(f"load average before: {os.getloadavg()[0]:.1f}, cores: {os.cpu_count()}")
    print("| tabs | messages | frames/s | p99 | late | drawn | most a frame | cores busy | load |")
    print("|---|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        product = Product(Path(folder) / "data", SAMPLE_ORDERS="0", RUNNER="off")
        product.start()
        try:
            for number in dict.fromkeys((1, count)):
                with chromium_with_tabs(product, number, all_visible=all_visible) as tabs:
                    print(_told(number, "none", drawn_idle(tabs[0], seconds)), flush=True)
                    under_load = drawn_under_load(tabs, product, seconds)
                    print(_told(number, f"{NODES * A_SECOND}/s", under_load), flush=True)
        finally:
            product.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.browser.measured.tabs")
    parser.add_argument("--tabs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--all-visible", action="store_true", help="every tab draws, as if in front"
    )
    asked = parser.parse_args()
    main(asked.tabs, asked.seconds, asked.all_visible)
