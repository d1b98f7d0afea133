"""People whom a proxy signs in: the real nginx of docs/deploy/nginx-sign-in.conf, before a whole server.

In place of oauth2-proxy stands a server that signs in whom a cookie names, and answers `auth` as oauth2-proxy does.
"""

from __future__ import annotations

import contextlib
import http.client
import http.server
import json
import re
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from tests.browser.conftest import new_context
from tests.harness import ROOT, Product, running_product
from tests.servers.proxies import Nginx, skip_without_nginx
from web.callers.callers import PROXY_LIFE

SITE = ROOT / "docs/deploy/nginx-sign-in.conf"
HEADER = "X-Auth-Request-User"
SETTINGS = {
    "TRUSTED_USER_HEADER": HEADER,
    "TRUSTED_USER_SCOPES": "jobs:read jobs:write",
    "TRUSTED_SIGN_OUT": "/oauth2/sign_out",
}
TRUSTING = ssl.create_default_context()
TRUSTING.check_hostname, TRUSTING.verify_mode = False, ssl.CERT_NONE


class SignIn(http.server.BaseHTTPRequestHandler):
    """oauth2-proxy as nginx sees it; its sign-in asks nobody, and lets Ann in."""

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        user = re.search(r"_oauth2_proxy=([^;]+)", self.headers.get("Cookie", ""))
        if path == "/oauth2/auth":
            self.send_response(202 if user else 401)
            if user:
                self.send_header(HEADER, user[1])
        elif path == "/oauth2/start":
            self.send_response(302)
            self.send_header("Set-Cookie", "_oauth2_proxy=ann@example.com; Path=/; HttpOnly")
            [place] = urllib.parse.parse_qs(query).get(
                "rd", [self.headers["X-Auth-Request-Redirect"]]
            )
            self.send_header("Location", place)
        else:
            self.send_response(200)
            self.send_header("Set-Cookie", "_oauth2_proxy=; Path=/; Max-Age=0")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def sign_in_port() -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), SignIn)
    thread = threading.Thread(target=server.serve_forever, name="sign-in")
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join(5.0)
    server.server_close()


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    skip_without_nginx()
    data_dir = tmp_path_factory.mktemp("proxied") / "data"
    settings = {"SAMPLE_ORDERS": "0", "RUNNER": "off", **SETTINGS}
    with running_product(data_dir, shop_database, **settings) as product:
        yield product


@pytest.fixture(scope="module")
def site(
    product: Product, sign_in_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the nginx."""
    text = SITE.read_text(encoding="utf-8")
    changes = {
        "listen 443": "listen 127.0.0.1:PORT",
        "/etc/ssl/progress.pem": "DIRECTORY/certificate.pem",
        "/etc/ssl/progress.key": "DIRECTORY/key.pem",
        "127.0.0.1:8080": f"127.0.0.1:{product.api_port}",
        "127.0.0.1:4180": f"127.0.0.1:{sign_in_port}",
    }
    for found, ours in changes.items():
        assert found in text
        text = text.replace(found, ours)
    nginx = Nginx(directory=tmp_path_factory.mktemp("nginx") / "nginx", site=text)
    nginx.start()
    yield f"https://127.0.0.1:{nginx.port}"
    nginx.stop()


def ask(
    url: str, *, user: str | None = None, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, Any]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if user is not None:
        sent["Cookie"] = f"_oauth2_proxy={user}"
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if content is not body:
        sent["Content-Type"] = "application/json"
    asked = urllib.request.Request(url, content, sent, method=method)
    try:
        with urllib.request.urlopen(asked, context=TRUSTING, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_whom_the_proxy_has_signed_in_is_known_by_name_with_the_rights_of_its_users(
    site: str,
) -> None:
    status, said = ask(f"{site}/api/session", user="ann@example.com")
    assert status == 200
    told = json.loads(said)
    assert (told["kind"], told["subject"]) == ("proxy", "ann@example.com")
    assert (told["tenantId"], told["scopes"]) == ("default", ["jobs:read", "jobs:write"])
    assert told["endsAt"] is None
    assert told["signOut"] == "/oauth2/sign_out"
    assert told["expiresAt"] == pytest.approx(time.time() + PROXY_LIFE, abs=30)


def test_whom_it_has_not_signed_in_gets_nothing_whatever_he_calls_himself(
    site: str, product: Product
) -> None:
    for spoofed in ({}, {HEADER: "root"}, {"x_auth_request_user": "root"}):
        assert ask(f"{site}/api/jobs", **spoofed)[0] == 401
    _, said = ask(f"{site}/api/session", user="ann", **{HEADER: "root"})
    assert json.loads(said)["subject"] == "ann"
    with_token = {"Authorization": "Bearer none", HEADER: "root"}
    status, said = ask(f"{site}/api/jobs", **with_token)
    assert (status, json.loads(said)["title"]) == (401, "Unauthorized")


def test_a_sign_in_leads_to_the_whole_address_that_was_asked_for(site: str) -> None:
    """A link to a run led to its job: nginx hands on an address as it is, and in a query it ends at its first &."""
    host = site.removeprefix("https://")
    asked = http.client.HTTPSConnection(host, context=TRUSTING, timeout=30)
    with contextlib.closing(asked) as connection:
        connection.request("GET", "/?job=42&run=0f3c&node=2")
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Location"]) == (302, "/?job=42&run=0f3c&node=2")
        assert "_oauth2_proxy=" in answer.headers["Set-Cookie"]


def test_a_script_with_a_token_needs_no_sign_in(site: str, product: Product) -> None:
    token = {"Authorization": f"Bearer {product.token(sub='ci')}"}
    assert json.loads(ask(f"{site}/api/session", **token)[1])["subject"] == "ci"


@pytest.mark.parametrize("size", [1_500_000, 3_000_000])
def test_a_file_that_is_larger_than_any_save_gets_through(
    site: str, product: Product, size: int
) -> None:
    """nginx refused it with a 413, or with a 500, since what it asks of the sign-in has a limit, too. There is no runner here."""
    options: dict[str, Any] = {"method": "PUT", "body": bytes(size)}
    token = {"Authorization": f"Bearer {product.token()}"}
    status, said = ask(f"{site}/api/files/a.bin", **options, **token)
    assert (status, json.loads(said)["title"]) == (503, "Service Unavailable"), said
    assert "no runner answered" in json.loads(said)["detail"]
    assert ask(f"{site}/api/files?limit=x", **token)[0] == 400, "the list of files has no redirect"


def test_its_users_are_safe_from_other_pages_though_its_cookie_is_sent_along(site: str) -> None:
    job = {"name": "a job", "graph": {"nodes": [], "edges": []}}
    options: dict[str, Any] = {"user": "ann", "method": "POST", "body": job}
    for origin in ({"Origin": "https://evil.example"}, {"Origin": f"{site}1"}, {}):
        assert ask(f"{site}/api/jobs", **options, **origin)[0] == 403
    assert ask(f"{site}/api/jobs", **options, Origin=site)[0] == 201
    assert ask(f"{site}/api/jobs", **options, Origin=site, Sec_Fetch_Site="same-site")[0] == 403


def socket(site: str, origin: str | None, user: str) -> Any:
    return connect(
        f"{site.replace('https', 'wss')}/ws",
        ssl=TRUSTING,
        origin=origin,  # type: ignore[arg-type]
        additional_headers={"Cookie": f"_oauth2_proxy={user}"},
        proxy=None,
    )


def test_a_websocket_of_the_proxys_user_opens_for_the_page_of_the_proxy_alone(site: str) -> None:
    with socket(site, site, "ann") as client:
        client.send('{"action":"subscribe","jobId":5}')
        client.send('{"action":"echo"}')
        assert json.loads(client.recv(timeout=30))["code"] == "unknown_action"
        _, said = ask(f"{site}/api/session", user="ann")
        client.send(json.dumps({"action": "auth", "token": json.loads(said)["ticket"]}))
        client.send('{"action":"echo"}')
        assert json.loads(client.recv(timeout=30))["code"] == "unknown_action", "no bad_token"
    for origin in (None, "https://evil.example", f"{site}1"):
        with pytest.raises((InvalidStatus, ConnectionClosed), match="403"):
            socket(site, origin, "ann")


def test_a_direct_caller_on_an_address_that_is_no_proxys_is_not_believed(
    tmp_path: Path, shop_database: Path
) -> None:
    settings = {"SAMPLE_ORDERS": "0", "RUNNER": "off", **SETTINGS}
    settings["FORWARDED_ALLOW_IPS"] = "10.9.8.7"
    with running_product(tmp_path / "data", shop_database, **settings) as product:
        headers = {HEADER: "root", "X-Forwarded-For": "10.9.8.7"}
        answer = product.get("/api/session", token=None, headers=headers)
        assert answer.status == 401
        assert "root" not in answer.body.decode()


def test_in_a_browser_the_page_signs_in_tells_the_name_and_signs_out(
    browser: Browser, site: str
) -> None:
    context = new_context(browser, ignore_https_errors=True)
    page = context.new_page()
    page.goto(f"{site}/?view=runs")
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    expect(page.locator("#account-name")).to_have_text("ann@example.com")
    expect(page).to_have_url(f"{site}/?view=runs")  # where the person wanted to go
    expect(page.locator("#connection-token")).to_be_hidden()  # a quarter of an hour is no end
    names = {cookie["name"] for cookie in context.cookies()}
    assert names == {"_oauth2_proxy"}, "the proxy's session is the session"
    page.click("#account-out")
    page.wait_for_url("**/oauth2/sign_out")
    assert context.cookies() == []
    context.close()


def test_a_link_with_a_token_over_https_makes_a_cookie_that_plain_http_never_sees(
    browser: Browser, product: Product, tmp_path: Path
) -> None:
    """The nginx of docs/deploy/nginx.conf, below a path."""
    from tests.servers.proxies import nginx_before

    with nginx_before(product.api_port, directory=tmp_path / "nginx") as url:
        context = new_context(browser, ignore_https_errors=True)
        page = context.new_page()
        page.goto(f"{url}/?token={product.token()}")
        expect(page.locator("html")).to_have_attribute("data-connection", "connected")
        [cookie] = context.cookies()
        assert cookie["name"].startswith("__Secure-progress-")
        assert (cookie["secure"], cookie["path"]) == (True, "/progress")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-connection", "connected")
        context.close()
