"""The page below a path of somebody else's host: nginx, TLS, /progress/."""

from __future__ import annotations

import json
import ssl
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import new_context, shop_with
from tests.harness import FEW_ORDERS, Product
from tests.servers.proxies import nginx_before

shop = shop_with(SAMPLE_ORDERS=str(FEW_ORDERS))
RUN = 60_000  # milliseconds that a run may take on a busy machine


def test_the_page_its_calls_and_its_socket_work_below_a_path(
    browser: Browser, shop: Product, tmp_path: Path
) -> None:
    """The proxy takes the path off, and no setting says anything of it."""
    with nginx_before(shop.api_port, directory=tmp_path / "nginx", tells=False) as url:
        context = new_context(browser, ignore_https_errors=True)
        page = context.new_page()
        failed: list[str] = []
        page.on("response", lambda r: failed.append(r.url) if r.status >= 400 else None)
        page.goto(f"{url}/?job={shop.sample_job_id()}&token={shop.token()}")
        page.locator("#execute").click()
        expect(page.locator("#run")).to_have_attribute("data-status", "completed", timeout=RUN)
        expect(page.locator("html")).to_have_attribute("data-connection", "connected")
        assert failed == []
        assert page.url.startswith(f"{url}/")
        context.close()


def test_a_job_that_is_executed_through_the_proxy_is_found_at_its_location(
    shop: Product, tmp_path: Path
) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {shop.token()}", "Content-Type": "application/json"}
    with nginx_before(shop.api_port, directory=tmp_path / "nginx") as url:
        body = json.dumps({"name": "empty", "graph": {"nodes": [], "edges": []}}).encode()
        made = urllib.request.Request(f"{url}/api/jobs", body, headers)
        with urllib.request.urlopen(made, context=trusting) as answer:
            location = answer.headers["Location"]
        assert location.startswith("/progress/api/jobs/")
        there = urllib.request.Request(url.removesuffix("/progress") + location, headers=headers)
        with urllib.request.urlopen(there, context=trusting) as answer:
            assert json.load(answer)["name"] == "empty"
