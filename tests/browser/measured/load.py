"""Ten nodes that speak 20 times a second each, and 20 browsers that watch; what that costs a page.

    python -m tests.browser.measured.load [SECONDS]      starts the product and Chromium, measures, prints one line

One of the browsers is Chromium; the other 19 are WebSocket clients, as they would be on machines of their own: 20
Chromiums on one machine measure the machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
from playwright.sync_api import Page, expect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.harness import Product

NODES = 10
A_SECOND = 20  # messages of each node
OTHERS = 19  # browsers beside the one that is measured

# The DOM's changes come as one batch for each time that they were written; all that happens within a frame has the
# same document time. Watching anew ends what watched before.
WATCH = """() => {
  const load = (window.load = { batches: new Map(), intervals: [] });
  const changes = new MutationObserver(() => {
    if (window.load !== load) return changes.disconnect();
    const frame = document.timeline.currentTime;
    load.batches.set(frame, (load.batches.get(frame) ?? 0) + 1);
  });
  changes.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  let last = null;
  const frame = (now) => {
    if (window.load !== load) return;
    if (last !== null) load.intervals.push(now - last);
    last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
FOUND = """() => ({
  frames: load.intervals.length,
  drawn: load.batches.size,
  most: Math.max(0, ...load.batches.values()),
  intervals: load.intervals,
})"""


async def _publish(product: Product, job_id: int, seconds: float) -> int:
    """Says what ten nodes do, evenly in time; returns the rows that they told last."""
    link = await nats.connect(product.nats_url)
    subject = f"tenant.{product.tenant_id}.job.{job_id}.progress"
    loop = asyncio.get_running_loop()
    start, rounds = loop.time(), round(seconds * A_SECOND)
    for number in range(1, rounds + 1):
        for node_id in range(1, NODES + 1):
            told = {"nodeId": node_id, "nodeName": f"Node {node_id}", "status": "running"}
            payload = {**told, "rowCount": number * 1000, "message": f"{number * 1000} rows"}
            await link.publish(subject, json.dumps(payload).encode())
            due = start + ((number - 1) * NODES + node_id) / (A_SECOND * NODES)
            await asyncio.sleep(max(0.0, due - loop.time()))
    await link.drain()
    return rounds * 1000


class Load:
    """Publishes in a thread of its own: Playwright's event loop runs in the caller's."""

    def __init__(self, product: Product, job_id: int, seconds: float) -> None:
        self._thread = threading.Thread(
            target=lambda: asyncio.run(_publish(product, job_id, seconds)), name="load"
        )
        self.last_rows = round(seconds * A_SECOND) * 1000

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()


@contextlib.contextmanager
def other_browsers(product: Product, job_id: int) -> Iterator[list[int]]:
    """19 WebSocket clients that read all they get; yields their counts of messages."""
    counts = [0] * OTHERS

    def read(link: ClientConnection, place: int) -> None:
        with contextlib.suppress(ConnectionClosed):
            for _ in link:
                counts[place] += 1

    threads: list[threading.Thread] = []
    with contextlib.ExitStack() as links:
        for place in range(OTHERS):
            link = links.enter_context(product.websocket())
            link.send(json.dumps({"action": "subscribe", "jobId": job_id}))
            threads.append(threading.Thread(target=read, args=(link, place), name="other browser"))
            threads[-1].start()
        yield counts
    for thread in threads:
        thread.join()


def frames_under_load(page: Page, product: Product, job_id: int, seconds: float) -> dict[str, Any]:
    """What a page that watches the job does while the load lasts: {frames, drawn, most, intervals}."""
    with other_browsers(product, job_id) as counts:
        with Load(product, job_id, 0.1):
            expect(page.locator(".node")).to_have_count(NODES)
        page.wait_for_load_state("networkidle")  # a late answer is drawn beside the messages
        page.evaluate(WATCH)
        with Load(product, job_id, seconds) as load:
            counts_shown = page.locator(".node-count")
            for place in range(NODES):
                expect(counts_shown.nth(place)).to_have_text(
                    f"{load.last_rows:,}", timeout=1000 * (seconds + 60)
                )
            found: dict[str, Any] = page.evaluate(FOUND)
    return {**found, "others": min(counts)}


def main(seconds: float) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, CHROMIUM

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        product = Product(Path(folder) / "data", SAMPLE_ORDERS="0")
        product.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 760})
            page.set_default_timeout(1000 * seconds + 60_000)
            page.goto(f"{product.url}/?job=5151&token={product.token()}")
            found = frames_under_load(page, product, 5151, seconds)
        finally:
            browser.close()
            product.end()
    intervals = sorted(found["intervals"])
    p99 = intervals[int(len(intervals) * 0.99)]
    rate = 1000 * len(intervals) / sum(intervals)
    late = sum(interval > 25 for interval in intervals)
    print(
        f"{rate:.1f} frames/s over {sum(intervals) / 1000:.0f} s; p99 {p99:.1f} ms,"
        f" {late} of {len(intervals)} frames later than 25 ms; drawn in {found['drawn']} frames,"
        f" at most {found['most']} time in one; each other browser got {found['others']} messages"
    )


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)
