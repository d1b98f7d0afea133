"""ALLOWED_ORIGINS over HTTP, /metrics with a token, and the paths that a proxy may guard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Answer, Product, running_product
from tests.realtime.raw import Raw
from web.origins import Origins

NAMED, OTHER = "https://page.example", "https://evil.example"
METRICS_TOKEN = "scrape " * 4 + "!"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    with running_product(
        tmp_path_factory.mktemp("cors") / "data",
        shop_database,
        ALLOWED_ORIGINS=f"{NAMED} http://localhost:4200",
        METRICS_TOKEN=METRICS_TOKEN.replace(" ", "_"),
        TENANT_ID="*",
        SAMPLE_ORDERS="0",
        RUNNER="off",
    ) as product:
        yield product


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    """ALLOWED_ORIGINS is not set."""
    data_dir = tmp_path_factory.mktemp("closed") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0", RUNNER="off") as product:
        yield product


def preflight(product: Product, origin: str, method: str = "POST") -> Answer:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers["Access-Control-Request-Headers"] = "authorization,content-type"
    return product.request("OPTIONS", "/api/jobs", token=None, headers=headers)


def vary(answer: Answer) -> str:
    return (answer.header("Vary") or "").lower()


@pytest.mark.parametrize("origin", [NAMED, "http://localhost:4200"])
def test_a_named_page_may_ask_and_read(product: Product, origin: str) -> None:
    asked = preflight(product, origin)
    assert asked.status == 204
    assert asked.header("Access-Control-Allow-Origin") == origin
    assert "PUT" in (asked.header("Access-Control-Allow-Methods") or "")
    for name in ("authorization", "content-type", "idempotency-key"):
        assert name in (asked.header("Access-Control-Allow-Headers") or "").lower()
    token = product.token(tenant_id="a")
    answer = product.get("/api/jobs", token=token, headers={"Origin": origin})
    assert answer.status == 200
    for told in (asked, answer):
        assert told.header("Access-Control-Allow-Origin") == origin
        assert told.header("Access-Control-Allow-Credentials") is None
        assert "origin" in vary(told)
    refused = product.get("/api/jobs", token="bad", headers={"Origin": origin})
    assert refused.status == 401
    assert refused.header("Access-Control-Allow-Origin") == origin, "the page may read why"


def test_a_named_page_may_send_each_header_that_the_api_describes(product: Product) -> None:
    """A browser sends no request at all with a header that the preflight leaves out."""
    paths = product.get("/openapi.json", token=None).json()["paths"]
    operations = [one for path in paths.values() for one in path.values() if isinstance(one, dict)]
    described = {
        parameter["name"].lower()
        for operation in operations
        for parameter in operation.get("parameters", [])
        if parameter.get("in") == "header"
    }
    told = preflight(product, NAMED).header("Access-Control-Allow-Headers") or ""
    allowed = {name.strip().lower() for name in told.split(",")}
    assert {"idempotency-key", "if-match", "traceparent"} <= described
    assert described | {"tracestate", "x-request-id"} <= allowed


def test_a_named_page_may_read_each_header_that_the_api_describes(product: Product) -> None:
    """Of a file that it had downloaded, it could not read the name."""
    described = product.get("/openapi.json", token=None).json()["components"]["headers"]
    answer = product.get("/api/jobs", headers={"Origin": NAMED})
    exposed = (answer.header("Access-Control-Expose-Headers") or "").split(", ")
    assert set(described) - {"Set-Cookie"} <= set(exposed)


@pytest.mark.parametrize(
    "origin",
    [
        OTHER,
        "null",
        "http://page.example",
        "https://page.example:444",
        "https://page.example.evil.example",
        "https://evil.page.example",
        "https://PAGE.example/",
        "*",
        "",
    ],
)
def test_another_page_may_neither_ask_nor_read_nor_change(product: Product, origin: str) -> None:
    token = product.token(tenant_id="a")
    made = product.post(
        "/api/jobs", {"name": "x", "graph": {}}, token=token, headers={"Origin": origin}
    )
    for answer in (preflight(product, origin), made):
        assert answer.status == 403
        assert answer.header("Access-Control-Allow-Origin") is None
        assert "origin" in vary(answer)
    assert product.get("/api/jobs", token=token).json()["jobs"] == [], "nothing was made"


def test_the_servers_own_page_and_what_is_no_browser_always_may(
    product: Product, closed: Product
) -> None:
    for server in (product, closed):
        token = server.token(tenant_id="default")
        for headers in ({}, {"Origin": server.url}):
            answer = server.get("/api/jobs", token=token, headers=headers)
            assert answer.status == 200
    with Raw(product, token=product.token(tenant_id="a"), headers=own(product)) as client:
        assert client.status == 101


def own(product: Product) -> dict[str, str | None]:
    return {"Origin": f"http://127.0.0.1:{product.ws_port}"}


def test_without_the_setting_no_other_page_may_read(closed: Product) -> None:
    for answer in (
        preflight(closed, OTHER),
        closed.get("/api/jobs", headers={"Origin": OTHER}),
    ):
        assert answer.header("Access-Control-Allow-Origin") is None


def test_an_answer_that_names_no_origin_says_that_others_may_differ(product: Product) -> None:
    for path in ("/", "/healthz", "/static/favicon.svg", "/api/jobs"):
        assert "origin" in vary(product.get(path)), path


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://a:8080", "a:8080", True),
        ("https://a.example", "A.example", True),
        ("http://a:8080", "a:8081", False),
        ("http://a", "a:8080", False),
        ("ftp://a", "a", False),
        ("null", "null", False),
        ("http://", "", False),
        (None, "a", False),
    ],
)
def test_a_servers_own_origin_is_its_host(origin: str | None, host: str, is_own: bool) -> None:
    assert Origins(["https://x"]).is_own(origin, host) is is_own


# ---------------------------------------------------------------- figures


def test_with_a_metrics_token_the_figures_are_for_its_bearer_and_name_tenants(
    product: Product,
) -> None:
    scrape = METRICS_TOKEN.replace(" ", "_")
    for token in (None, "wrong", product.token(tenant_id="a"), scrape[:-1]):
        assert product.get("/metrics", token=token).status == 401
    with Raw(product, token=product.token(tenant_id="seen"), headers=own(product)):
        answer = product.get("/metrics", token=scrape)
    assert answer.status == 200
    assert 'progress_tenant_clients{tenant="seen",worker="0"} 1.0' in answer.body.decode()


def test_without_one_the_figures_name_no_tenant(closed: Product) -> None:
    with Raw(closed):
        text = closed.get("/metrics", token=None).body.decode()
    assert "progress_clients" in text
    assert "tenant" not in text


@pytest.mark.parametrize("header", ["SCRIPT_NAME", "PATH_INFO"])
def test_no_header_moves_a_path_past_what_a_proxy_forbids(product: Product, header: str) -> None:
    for value in ("/x", "/metrics"):
        answer = product.get("/x/metrics", token=None, headers={header: value})
        assert answer.status == 404
