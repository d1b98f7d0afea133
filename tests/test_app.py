"""What the web application itself answers: health, figures, errors, headers, the page."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from flask import Flask

from app import WebParts
from jobs.http import problems
from jobs.store.store import StoreUnavailable
from realtime.bridge.records import DatabaseAway
from settings import Settings
from tests.harness import (
    ROOT,
    Answer,
    NatsServer,
    Product,
    StartProduct,
    eventually,
    running_product,
)
from tests.realtime.raw import Raw, progress, progress_subject, publish, subscribe
from web.assets import KEPT

ORIGIN = "https://page.example"


@pytest.fixture(scope="module")
def nats_of_others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A nats-server that the product did not start, so that it can be taken away."""
    server = NatsServer(tmp_path_factory.mktemp("nats"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, shop_database: Path, nats_of_others: NatsServer
) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("app") / "data"
    with running_product(
        data_dir,
        shop_database,
        NATS_URL=nats_of_others.url,
        SAMPLE_ORDERS="0",
        RUNNER="off",
        ALLOWED_ORIGINS=f"{ORIGIN}, http://localhost:3000",
    ) as product:
        yield product


def figures_at_rest(product: Product) -> dict[str, float] | None:
    """The figures once no browser is there and none is subscribed; None before."""
    now = product.figures()
    return None if now["progress_clients"] or now["progress_subscriptions"] else now


def problem(answer: Answer, status: int) -> str:
    """The sentence of an RFC 9457 problem document."""
    assert answer.status == status
    assert answer.header("Content-Type") == "application/problem+json"
    document = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert document["type"]
    return str(document.get("detail", ""))


# ---------------------------------------------------------------- health


def test_the_bridge_is_told_that_the_database_is_away(tmp_path: Path) -> None:
    """So that it asks for the last runs of jobs again."""
    environ = {
        "DATA_DIR": str(tmp_path),
        "NATS_URL": "nats://127.0.0.1:1",
        "DATABASE_URL": "postgresql+psycopg://nobody@127.0.0.1:1/none",
    }
    parts = WebParts(Settings.from_env(environ))
    with pytest.raises(StoreUnavailable):
        parts.store.open()
    with pytest.raises(DatabaseAway, match="refused"):
        list(parts._last_run("acme", 1))


def test_healthz_says_alive_to_anyone(product: Product) -> None:
    answer = product.get("/healthz", token=None)
    assert (answer.status, answer.json()) == (200, {"status": "alive"})


def test_readyz_names_each_thing_that_must_work(product: Product) -> None:
    answer = eventually(lambda: _ready(product))
    assert answer is not None
    ok = {"nats": "ok", "database": "ok", "runs": "ok", "taggedRuns": "off", "history": "on"}
    assert answer.json() == {"ready": True, **ok}


def _ready(product: Product) -> Answer | None:
    answer = product.get("/readyz", token=None)
    return answer if answer.status == 200 and answer.json()["history"] == "on" else None


def test_without_nats_it_is_alive_but_not_ready_and_comes_back(
    product: Product, nats_of_others: NatsServer
) -> None:
    with Raw(product, headers={"Origin": ORIGIN}) as browser:
        browser.send(subscribe(7))
        nats_of_others.kill()

        def not_ready() -> bool:
            answer = product.get("/readyz", token=None)
            if answer.status == 503:
                assert answer.json()["nats"] != "ok"
                assert (answer.json()["ready"], answer.json()["database"]) == (False, "ok")
            return answer.status == 503

        eventually(not_ready)
        assert product.get("/healthz", token=None).status == 200
        assert product.figures()["progress_nats_up"] == 0
        nats_of_others.start()
        eventually(lambda: _ready(product))
        assert product.figures()["progress_nats_up"] == 1
        publish(product, (progress_subject(7), progress(5)))
        assert browser.message()["payload"]["rowCount"] == 5


def test_a_server_that_is_told_to_stop_is_not_ready_though_all_else_is(
    nats_of_others: NatsServer, start_product: StartProduct
) -> None:
    """Whoever still has a connection is told; others are refused (tests/faults/test_stop.py)."""
    product = start_product(
        NATS_URL=nats_of_others.url, NATS_PREFIX="stopping", SAMPLE_ORDERS="0", RUNNER="off"
    )
    eventually(lambda: _ready(product))
    probe = f"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:{product.api_port}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=20.0) as connection:
        connection.sendall(probe[:-2])  # what it has begun to read, it answers
        assert product.process is not None
        product.process.terminate()
        eventually(lambda: "stopping: " in product.log())
        connection.sendall(probe[-2:])
        answer = connection.recv(4096)
    assert answer.startswith(b"HTTP/1.1 503 "), answer


# ---------------------------------------------------------------- figures


def test_the_figures_follow_what_happens(product: Product) -> None:
    before = eventually(lambda: figures_at_rest(product))
    with Raw(product, headers={"Origin": ORIGIN}) as browser:
        browser.send(subscribe(11) + subscribe(12))
        publish(product, (progress_subject(11), progress(1)), (progress_subject(12), b"nonsense"))
        assert browser.message()["jobId"] == 11

        def counted() -> bool:
            now = product.figures()
            grown = {name: now[name] - before.get(name, 0) for name in now}
            return (
                grown["progress_clients"] == 1
                and grown["progress_subscriptions"] == 2
                and grown["progress_delivered_total"] >= 1
                and grown["progress_malformed_total"] >= 1
            )

        eventually(counted)
    eventually(lambda: figures_at_rest(product))


def test_the_figures_are_in_prometheus_own_format(product: Product) -> None:
    answer = product.get("/metrics", token=None)
    assert (answer.header("Content-Type") or "").startswith("text/plain; version=")
    for name in ("progress_clients", "progress_received_total", "progress_clients_cut_total"):
        assert f"# TYPE {name}" in answer.body.decode()


# ---------------------------------------------------------------- errors and headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/no/such/page", 404),
        ("GET", "/api/no-such-thing", 404),
        ("GET", "/static/no-such-file.js", 404),
        ("GET", "/static/../app.py", 404),
        ("GET", "/static/%2e%2e/app.py", 404),
        ("POST", "/healthz", 405),
        ("DELETE", "/", 405),
        ("PUT", "/metrics", 405),
        ("GET", "/ws", 400),
    ],
)
def test_an_error_is_a_problem_document(
    product: Product, method: str, path: str, status: int
) -> None:
    problem(product.request(method, path), status)


def test_a_socket_that_a_proxy_made_a_plain_request_is_told_so() -> None:
    app = Flask("a server")
    problems.register(app)
    app.add_url_rule("/ws", "ws", websocket=True)
    app.add_url_rule("/plain", "plain")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    asked = app.test_client().get("/plain", headers=upgrade)
    for headers in ({}, {**upgrade, "Connection": "close"}):
        plain = app.test_client().get("/ws", headers=headers)
        assert plain.status_code == asked.status_code == 400
        assert "a proxy in front must pass on both" in plain.get_json()["detail"]
    assert "no WebSocket at this address" in asked.get_json()["detail"]


def test_a_wrong_method_is_told_the_right_ones(product: Product) -> None:
    assert "GET" in (product.post("/healthz").header("Allow") or "")


@pytest.mark.parametrize("path", ["/api/jobs", "/api/runs/x"])
def test_the_api_asks_for_a_token(product: Product, path: str) -> None:
    answer = product.get(path, token=None)
    assert problem(answer, 401)
    assert "bearer" in (answer.header("WWW-Authenticate") or "").lower()


def test_a_scope_is_enforced(product: Product) -> None:
    assert "jobs:read" in problem(
        product.get("/api/jobs", token=product.token(scope="jobs:execute")), 403
    )


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/jobs", "/no/such/page"])
def test_every_answer_has_the_security_headers_once(product: Product, path: str) -> None:
    answer = product.get(path)
    names = [name.lower() for name in answer.headers]
    for name in (
        "content-security-policy",
        "x-content-type-options",
        "referrer-policy",
        "x-frame-options",
    ):
        assert names.count(name) == 1, name
    policy = answer.header("Content-Security-Policy") or ""
    assert "unsafe-inline" not in policy
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.header("X-Content-Type-Options") == "nosniff"
    assert answer.header("Referrer-Policy") == "no-referrer"


# ---------------------------------------------------------------- the page, and who may open a socket


def test_each_element_that_the_page_asks_for_by_its_id_is_there(product: Product) -> None:
    page = product.get("/", token=None).body.decode()
    there = set(re.findall(r'id="([\w-]+)"', page))
    code = "".join(path.read_text() for path in (ROOT / "static/playground").rglob("*.js"))
    asked = re.compile(r"byId\('([\w-]+)'\)")
    made = set(re.findall(r"'([\w-]+)'", asked.sub("", code)))  # by the code itself
    assert not set(asked.findall(code)) - there - made


def test_the_page_is_served_and_all_that_it_names_is_there(product: Product) -> None:
    answer = product.get("/", token=None)
    assert answer.status == 200
    assert (answer.header("Content-Type") or "").startswith("text/html")
    page = answer.body.decode()
    assert "<script>" not in page
    assert "style=" not in page
    named = re.findall(r'(?:src|href)="([^"#]+)', page)
    assert any(path.endswith(".js") for path in named)
    assert not [path for path in named if path.startswith("/")], "it works below any path"
    for path in named:
        answer = product.get(urljoin("/", path), token=None)
        is_file = path.startswith("static-")
        assert (answer.status, answer.header("Cache-Control") == KEPT) == (200, is_file), path
    assert any(path.startswith("static-") for path in named)
    assert not re.findall(r'"static/[^"]*', page), "each file is kept by browsers"
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page), "no third-party host"


@pytest.mark.parametrize("origin", [ORIGIN, "http://localhost:3000"])
def test_an_allowed_origin_may_open_a_socket(product: Product, origin: str) -> None:
    with Raw(product, headers={"Origin": origin}) as browser:
        assert browser.status == 101


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "https://evil.example",
        "http://page.example",
        "https://page.example.evil.example",
        "https://page.example:444",
        "https://sub.page.example",
    ],
)
def test_another_origin_may_not_whatever_its_token(product: Product, origin: str | None) -> None:
    with Raw(product, headers={"Origin": origin}) as browser:
        assert browser.status == 403
        assert browser.headers["content-type"] == "application/problem+json"
