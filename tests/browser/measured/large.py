"""A CSV file of ten million rows goes through a filter and a map, and a page watches: what it shows, and what the program needs.

python -m tests.browser.measured.large [ROWS]      starts the product and Chromium, measures, prints one line
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from bench.programs.inputs import make_csv
from bench.programs.jobs import JOBS
from tests.harness import Product

ROWS = 10_000_000
WATCH = """() => {
  const count = document.querySelector('.node-count');
  window.counts = [];
  new MutationObserver(() => counts.push([performance.now(), count.textContent]))
    .observe(count, { subtree: true, childList: true, characterData: true });
}"""


def peak_of(product: Product) -> float:
    """Megabytes that the product's program needed at its peak until now; 0 where there is none."""
    peaks = [0.0]
    for process in product.processes():
        with contextlib.suppress(OSError, StopIteration):
            if process.run_id is not None:
                status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
                peak = next(line for line in status if line.startswith("VmHWM:"))
                peaks.append(int(peak.split()[1]) / 1024)
    return max(peaks)


def run_of(page: Page, product: Product) -> float:
    """Executes the job, waits for its end, and returns the megabytes of its program at its peak."""
    peak = 0.0
    page.click("#execute")
    expect(page.locator("#run")).to_have_attribute("data-status", "running")
    while page.locator("#run").get_attribute("data-status") == "running":
        peak = max(peak, peak_of(product))
        page.wait_for_timeout(200)
    return peak


def measured(page: Page, product: Product) -> dict[str, Any]:
    expect(page.locator(".node-count")).to_have_count(4)
    page.evaluate(WATCH)
    began = time.monotonic()
    peak = run_of(page, product)
    seconds = time.monotonic() - began
    expect(page.locator("#run")).to_have_attribute("data-status", "completed")
    counts = page.evaluate("counts")
    lasted = (counts[-1][0] - counts[0][0]) / 1000
    shown = len({text for _, text in counts})
    last = page.locator(".node-count").nth(0).inner_text()
    return {"seconds": seconds, "peak": peak, "a_second": shown / lasted, "last": last}


def main(rows: int) -> None:
    from playwright.sync_api import sync_playwright

    from tests.browser.conftest import ARGUMENTS, CHROMIUM

    [job] = [job for job in JOBS if job.name == "csv"]
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        make_csv(Path(folder) / "in.csv", rows)
        product = Product(Path(folder) / "data", SAMPLE_ORDERS="0", DATA_ROOTS=folder)
        product.start()
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            job_id = product.create_job({"name": job.title, "graph": job.graph()})
            page = browser.new_page(viewport={"width": 1280, "height": 760})
            page.set_default_timeout(600_000)
            page.goto(f"{product.url}/?job={job_id}&token={product.token()}")
            found = measured(page, product)
        finally:
            browser.close()
            product.end()
    print(
        f"{rows:,} rows in {found['seconds']:.1f} s, the last count {found['last']};"
        f" {found['a_second']:.1f} counts/s on the first node;"
        f" the program needed {found['peak']:.0f} MB at its peak"
    )


if __name__ == "__main__":
    main(int(sys.argv[1].replace("_", "")) if len(sys.argv) > 1 else ROWS)
