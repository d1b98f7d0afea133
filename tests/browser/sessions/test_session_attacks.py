"""A browser that is signed in, on a page of an attacker at another port of the same host."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import new_context
from tests.harness import Product, eventually, running_product


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("sessions") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0", RUNNER="off") as product:
        yield product


def jobs(product: Product) -> list[Any]:
    found: list[Any] = product.get("/api/jobs").json()["jobs"]
    return found


class _Evil(http.server.BaseHTTPRequestHandler):
    """A page on the same host at another port, which the browser calls the same site."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><form method=post enctype=text/plain></form>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def evil() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Evil)
    thread = threading.Thread(target=server.serve_forever, name="evil page")
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(5.0)
    server.server_close()


@pytest.fixture
def victim(browser: Browser, product: Product) -> Iterator[Page]:
    """A browser that has signed in; its page shows the attacker's next."""
    context = new_context(browser)
    page = context.new_page()
    page.goto(f"{product.url}/?token={product.token()}")
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    assert len(context.cookies()) == 1
    yield page
    context.close()


FETCHES = """async (api) => {
  const said = [];
  const tries = [['GET', '/api/session'], ['GET', '/api/jobs'], ['POST', '/api/jobs'], ['DELETE', '/api/session']];
  for (const [method, path] of tries) for (const mode of ['cors', 'no-cors']) {
    const plain = mode === 'no-cors' || method === 'POST';
    if (mode === 'no-cors' && method === 'DELETE') continue;
    const body = method === 'POST' ? '{"name": "forged", "graph": {}}' : undefined;
    const headers = plain && body ? {'Content-Type': 'text/plain'} : {};
    try {
      const response = await fetch(api + path, {method, mode, body, headers, credentials: 'include'});
      said.push(response.type === 'opaque' ? 'opaque' : await response.text());
    } catch { said.push('refused'); }
  }
  return said;
}"""
OPENS = """(url) => new Promise((done) => {
  const socket = new WebSocket(url, ['progress.v1']);
  socket.onopen = () => done('open');
  socket.onclose = () => done('refused');
})"""


def test_a_page_at_another_port_of_the_host_can_do_nothing_with_the_session(
    victim: Page, product: Product, evil: str
) -> None:
    """The browser sends the cookie: it is the same site, so SameSite=Strict alone would not do."""
    sent: list[str] = []
    victim.goto(evil)
    victim.on("request", lambda one: sent.append(one.url) if "/api/" in one.url else None)
    said = victim.evaluate(FETCHES, product.url)
    assert set(said) <= {"refused", "opaque"}
    assert len(sent) >= 4
    assert victim.evaluate(OPENS, f"ws://127.0.0.1:{product.api_port}/ws") == "refused"
    assert jobs(product) == []
    eventually(lambda: '"GET /api/session" 403' in product.log(), what="the cookie did not count")
    eventually(lambda: '"POST /api/jobs" 403' in product.log())


def test_a_form_of_another_page_changes_nothing(victim: Page, product: Product, evil: str) -> None:
    victim.goto(evil)
    victim.evaluate(
        """(url) => {
          const form = document.querySelector('form');
          form.action = url;
          const field = document.createElement('input');
          field.name = '{"name":"forged","graph":{},"x":"'; field.value = '"}';
          form.append(field);
          form.submit();
        }""",
        f"{product.url}/api/jobs",
    )
    victim.wait_for_url("**/api/jobs")
    assert "pages of this server alone" in victim.content()
    assert jobs(product) == []
