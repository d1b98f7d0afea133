"""The page, when everything that it shows was written by somebody hostile; and what its headers allow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import KeptContext, OpenPlayground
from tests.browser.pages import assert_accessible
from tests.harness import Product
from tests.realtime.raw import progress_subject, publish

HOSTILE = [
    "<img src=x onerror=window.owned=1>",
    "<script>window.owned=1</script>",
    "<svg onload=window.owned=1>",
    "\"><iframe srcdoc='<script>parent.owned=1</script>'>",
    "javascript:window.owned=1",
    "{{7*7}}${window.owned=1}",
]


def graph(name: str) -> dict[str, object]:
    return {
        "nodes": [
            {"id": 1, "type": "csv_input", "name": name, "config": {"path": f"{name}.csv"}},
            {"id": 2, "type": "csv_output", "name": name, "config": {"path": "out.csv"}},
        ],
        "edges": [{"from": 1, "to": 2}],
    }


def nothing_ran(page: Page) -> None:
    assert page.evaluate("window.owned") is None
    found = page.evaluate(
        "[...document.querySelectorAll('img, iframe, script:not([src]), [onerror], [onload]')]"
        ".filter((it) => /owned/.test(it.outerHTML)).length"
    )
    assert found == 0


@pytest.mark.parametrize("hostile", HOSTILE)
def test_markup_in_a_job_its_nodes_and_its_run_shows_as_text(
    open_playground: OpenPlayground, shop: Product, hostile: str
) -> None:
    job = shop.create_job({"name": hostile[:60], "graph": graph(hostile[:60])})
    page = open_playground(job)
    expect(page.locator('.node[data-node-id="1"] .node-name')).to_have_text(hostile[:60])
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    fields = {"nodeId": 1, "nodeName": hostile, "status": "failed", "rowCount": 3}
    said = {**fields, "message": f"{hostile}\nTraceback: {hostile}", "runId": hostile}
    status = {"runId": hostile, "status": "failed", "reason": hostile}
    subject = progress_subject(job)
    publish(
        shop,
        (subject, json.dumps(said).encode()),
        (subject.replace(".progress", ".status"), json.dumps(status).encode()),
    )
    message = page.locator('.node[data-node-id="1"] .node-message')
    expect(message).to_contain_text(hostile.split("\n")[0])
    nothing_ran(page)
    shop.post(f"/api/jobs/{job}/execute")  # the file is missing: its name is in the run's reason
    expect(page.locator("#run")).to_have_attribute("data-status", "failed", timeout=60_000)
    nothing_ran(page)


def test_the_page_asks_no_other_host_for_anything(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(token=None)
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("websocket", lambda socket: hosts.add(urlsplit(socket.url).netloc))
    page.goto(f"{shop.url}/?token={shop.token()}")
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    assert hosts == {urlsplit(shop.url).netloc}


ATTEMPTS = {
    "an inline script": "const s = document.createElement('script'); s.text = 'window.owned = 1';"
    "document.head.append(s)",
    "a handler in an attribute": "const b = document.createElement('b');"
    "b.setAttribute('onclick', 'window.owned = 1'); document.body.append(b); b.click()",
    "markup from a string": "document.body.insertAdjacentHTML('beforeend',"
    "'<img src=x onerror=window.owned=1>')",
    "eval": "eval('window.owned = 1')",
    "a script of another host": "const s = document.createElement('script');"
    "s.src = 'http://127.0.0.1:9/x.js'; document.head.append(s)",
}


PROBE = """(attempt) => new Promise((done) => {
  document.addEventListener('securitypolicyviolation', (event) => done(event.effectiveDirective));
  setTimeout(() => done('nothing was blocked'), 20000);
  const attempts = {ATTEMPTS};
  setTimeout(attempts[attempt], 0);
})"""
PROBE = PROBE.replace(
    "ATTEMPTS", ",".join(f"{json.dumps(name)}: () => {{{code}}}" for name, code in ATTEMPTS.items())
)


@pytest.fixture(scope="module")
def attacked(kept_context: KeptContext, shop: Product) -> Iterator[Page]:
    """A page that is loaded anew for each attempt: opened anew, it would cost twice as much."""
    with kept_context.lent(shop.url) as context:
        page = context.new_page()
        page.goto(f"{shop.url}/?token={shop.token()}")
        yield page


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_the_policy_stops_what_a_flaw_would_try(attacked: Page, attempt: str) -> None:
    attacked.reload()
    # from a timer of the page itself: what the debugger evaluates may do more
    blocked = attacked.evaluate(PROBE, attempt)
    assert re.match(r"script-src", blocked), blocked
    assert attacked.evaluate("window.owned") is None


def test_no_answer_may_be_framed_sniffed_or_run(shop: Product) -> None:
    for path in ("/", "/api/jobs", "/static/playground/main.js", "/no/such", "/metrics"):
        answer = shop.get(path)
        policy = directives(answer.header("Content-Security-Policy") or "")
        assert policy["default-src"] == {"'none'"}, path
        assert policy["script-src"] == {"'self'"}
        assert policy["style-src"] == {"'self'"}
        assert policy["frame-ancestors"] == policy["base-uri"] == {"'none'"}
        host = urlsplit(shop.url).netloc
        assert policy["connect-src"] == {"'self'", f"ws://{host}", f"wss://{host}"}
        assert answer.header("X-Frame-Options") == "DENY"
        assert answer.header("X-Content-Type-Options") == "nosniff"
        assert answer.header("Referrer-Policy") == "no-referrer"


@pytest.mark.parametrize("host", ["a; script-src *", "a b", "a,b", "é", "a'unsafe-inline'"])
def test_a_host_header_cannot_write_into_the_policy(shop: Product, host: str) -> None:
    answer = shop.get("/healthz", headers={"Host": host.encode().decode("latin-1")})
    policy = directives(answer.header("Content-Security-Policy") or "default-src 'none'")
    assert policy.get("connect-src", {"'self'"}) == {"'self'"}
    assert policy.get("script-src", {"'self'"}) == {"'self'"}


def directives(policy: str) -> dict[str, set[str]]:
    named = (part.split() for part in policy.split(";") if part.strip())
    return {name: set(values) for name, *values in named}


def test_the_token_is_in_no_address_no_link_and_nothing_that_a_script_can_read(
    open_playground: OpenPlayground, shop: Product
) -> None:
    token = shop.token()
    page = open_playground(token=token)
    expect(page.locator("html")).to_have_attribute("data-connection", "connected")
    assert page.evaluate("document.cookie") == ""
    kept = page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    assert "eyJ" not in kept
    assert token not in page.url
    assert token not in page.content()
    assert page.evaluate("history.length") <= 2


def test_the_page_of_the_api_is_shown_under_our_policy_and_can_be_read_by_everybody(
    open_playground: OpenPlayground, shop: Product
) -> None:
    page = open_playground(viewport={"width": 320, "height": 800}, color_scheme="dark")
    page.goto(f"{shop.url}/docs")
    expect(page.get_by_role("heading", name="GET /api/runs/{run_id}", exact=True)).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgba(0, 0, 0, 0)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#schema-RunDocument summary").click()
    assert_accessible(page, "/docs")
