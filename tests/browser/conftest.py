"""Chromium for the tests in this directory: Debian's, driven by Playwright.

def test_something(browser: Browser) -> None: ...             one Chromium for the whole session
def test_something(shop: Product) -> None: ...                a product that the tests of a module share
def test_something(open_playground: OpenPlayground) -> None:  pages of it, in a context of their own each
def test_something(edit: Any) -> None:                        edit(graph=…) opens a new job in the editor
def test_something(modules: Page) -> None: ...                a blank page that can import() our modules
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.editing import WIDE, Editor, small_graph
from tests.harness import IN_CI, ROOT, Product, running_product

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT = 30_000  # milliseconds that Playwright waits for what should happen soon
expect.set_options(timeout=WAIT)  # its 5 s are too short where four test processes share two cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium. Missing: these tests are skipped on a laptop, and fail in CI."""
    if not CHROMIUM.exists():
        reason = f"NO BROWSER TEST RAN: there is no {CHROMIUM} (apt-get install chromium)"
        if IN_CI:
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=ARGUMENTS, handle_sigint=False
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    """A running product with the sample shop, for all tests of a module."""
    data_dir = tmp_path_factory.mktemp("playground") / "data"
    with running_product(data_dir, shop_database) as product:
        yield product


class OpenPlayground(Protocol):
    def __call__(
        self, job_id: int | None = None, *, token: str | None = "", **context: Any
    ) -> Page: ...


@pytest.fixture
def open_playground(browser: Browser, shop: Product) -> Iterator[OpenPlayground]:
    """Opens the Playground on a job, the sample where none is named; `token`: "" a good one, None no one. Any error of the page fails the test."""
    contexts = []
    errors: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # what the network said is the test's own business; a breach of the CSP is not
        if message.type == "error" and "Failed to load resource" not in message.text:
            errors.append(message.text)

    def open_page(job_id: int | None = None, *, token: str | None = "", **options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        context.set_default_timeout(WAIT)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", note)
        query = [f"job={shop.sample_job_id() if job_id is None else job_id}"]
        query += [] if token is None else [f"token={token or shop.token()}"]
        page.goto(f"{shop.url}/?{'&'.join(query)}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    expected = "WebSocket connection"  # the browser logs each refused one
    assert [error for error in errors if expected not in error] == []


@pytest.fixture
def edit(open_playground: OpenPlayground, shop: Product) -> Any:
    """edit(graph=…, name=…) opens a new job in the editor."""

    def start(graph: dict[str, Any] | None = None, name: str = "Edited", **options: Any) -> Editor:
        job_id = shop.create_job({"name": name, "graph": graph or small_graph()})
        options = {"viewport": WIDE, **options}
        editor = Editor(open_playground(job_id, **options), shop, job_id)
        expect(editor.page.locator("#graph")).to_have_attribute("data-editable", "true")
        expect(editor.page.locator(".palette-item")).not_to_have_count(0)
        return editor

    return start


class _StaticFiles(http.server.SimpleHTTPRequestHandler):
    """static/, and an empty page. (One that Playwright made up could not connect to 127.0.0.1.)"""

    def do_GET(self) -> None:
        if self.path == "/blank":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html>")
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="session")
def static_url() -> Iterator[str]:
    """The address of a plain file server on static/."""
    handler = partial(_StaticFiles, directory=str(ROOT / "static"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, name="static files")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5.0)
    server.server_close()


@pytest.fixture(scope="module")
def modules(browser: Browser, static_url: str) -> Iterator[Page]:
    """A blank page on the origin of static/, where `import("/realtime/…")` works; shared by a module's tests."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{static_url}/blank")
    yield page
    context.close()
