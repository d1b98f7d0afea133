"""A signed-in browser, led to pages of an attacker; and cookies that somebody else made."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Answer, Product, running_product
from tests.realtime.raw import Raw
from tests.web.sessions import cookie_of

JOB = {"name": "forged", "graph": {"nodes": [], "edges": []}}
OTHER_SECRET = "the secret of another installation, 40 b"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory, shop_database: Path) -> Iterator[Product]:
    data_dir = tmp_path_factory.mktemp("sessions") / "data"
    with running_product(data_dir, shop_database, SAMPLE_ORDERS="0", RUNNER="off") as product:
        yield product


@pytest.fixture(scope="module")
def open_to_others(
    tmp_path_factory: pytest.TempPathFactory, shop_database: Path
) -> Iterator[Product]:
    """ALLOWED_ORIGINS names a page: it may come with tokens, and a session is no business of its."""
    data_dir = tmp_path_factory.mktemp("named") / "data"
    settings = {"SAMPLE_ORDERS": "0", "RUNNER": "off", "ALLOWED_ORIGINS": "https://page.example"}
    with running_product(data_dir, shop_database, **settings) as product:
        yield product


def cookie(product: Product, **made: Any) -> str:
    return "=".join(cookie_of(product, **made))


def jobs(product: Product) -> list[Any]:
    found: list[Any] = product.get("/api/jobs").json()["jobs"]
    return found


# ---------------------------------------------------------------- requests that a browser is made to send

FOREIGN: dict[str, dict[str, str]] = {
    "another site": {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    "another site, in an older browser": {"Origin": "https://evil.example"},
    "another port of the host": {"Origin": "http://127.0.0.1:9", "Sec-Fetch-Site": "same-site"},
    "another port, in an older browser": {"Origin": "http://127.0.0.1:9"},
    "another scheme": {"Origin": "ftp://127.0.0.1"},
    "a sandbox or a file": {"Origin": "null"},
    "a named page": {"Origin": "https://page.example", "Sec-Fetch-Site": "cross-site"},
    "no browser": {},
    "the address bar": {"Sec-Fetch-Site": "none"},
}


@pytest.mark.parametrize("where", FOREIGN)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/jobs"),
        ("PUT", "/api/jobs/1"),
        ("DELETE", "/api/jobs/1"),
        ("POST", "/api/jobs/1/execute"),
        ("POST", "/api/runs/none/cancel"),
    ],
)
def test_a_session_changes_nothing_for_a_page_of_another_origin(
    product: Product, open_to_others: Product, where: str, method: str, path: str
) -> None:
    for server in (product, open_to_others):
        headers = {**FOREIGN[where], "Cookie": cookie(server)}
        answer = server.request(method, path, JOB, token=None, headers=headers)
        assert answer.status == 403, answer
        assert answer.header("Access-Control-Allow-Credentials") is None
    assert jobs(product) == jobs(open_to_others) == []


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "Text/Plain;charset=UTF-8"])  # fmt: skip
def test_a_session_takes_no_body_that_a_form_can_send(product: Product, kind: str) -> None:
    headers = {**ours(product), "Content-Type": kind, "Cookie": cookie(product)}
    body = json.dumps(JOB).encode()
    answer = product.request("POST", "/api/jobs", body, token=None, headers=headers)
    assert answer.status == 415
    assert jobs(product) == []


@pytest.mark.parametrize(
    "where", ["another site", "another port of the host", "a sandbox or a file", "a named page"]
)
def test_a_session_shows_nothing_to_a_page_of_another_origin(
    product: Product, open_to_others: Product, where: str
) -> None:
    for server in (product, open_to_others):
        for path in ("/api/jobs", "/api/session", "/api/room"):
            headers = {**FOREIGN[where], "Cookie": cookie(server)}
            answer = server.get(path, token=None, headers=headers)
            assert answer.status == 403, (path, answer)
            assert b"ticket" not in answer.body


@pytest.mark.parametrize("where", FOREIGN)
def test_no_websocket_opens_by_cookie_for_another_page(
    product: Product, open_to_others: Product, where: str
) -> None:
    """Without ALLOWED_ORIGINS, each page may open one: with a token."""
    for server in (product, open_to_others):
        headers = {**FOREIGN[where], "Cookie": cookie(server)}
        with Raw(server, token=None, headers=headers) as client:
            assert client.status == 403
        assert "ws refused: " in server.log(), "a browser hides the answer"


def ours(product: Product, port: int | None = None) -> dict[str, str]:
    return {
        "Origin": f"http://127.0.0.1:{port or product.api_port}",
        "Sec-Fetch-Site": "same-origin",
    }


def test_the_servers_own_page_may_all_that(product: Product) -> None:
    sent = {"Cookie": cookie(product)}
    made = product.request("POST", "/api/jobs", JOB, token=None, headers={**sent, **ours(product)})
    assert made.status == 201
    older = {"Origin": product.url, **sent}
    path = f"/api/jobs/{made.json()['id']}"
    assert product.request("DELETE", path, token=None, headers=older).status == 204
    with Raw(product, token=None, headers={**sent, **ours(product, product.ws_port)}) as client:
        assert client.status == 101


@pytest.mark.parametrize(
    "where", ["another site", "another port of the host", "another port, in an older browser"]
)
def test_nobody_is_signed_in_or_out_by_another_page(product: Product, where: str) -> None:
    for method in ("POST", "DELETE"):
        headers = {**FOREIGN[where], "Cookie": cookie(product)}
        answer = product.request(method, "/api/session", headers=headers)
        assert (answer.status, answer.header("Set-Cookie")) == (403, None)


# ---------------------------------------------------------------- cookies of an attacker


def with_cookie(product: Product, text: str, path: str = "/api/session") -> Answer:
    return product.get(path, token=None, headers={"Cookie": text})


def test_a_session_is_not_fixed_before_the_sign_in(product: Product) -> None:
    """Who plants a cookie gets no session by the sign-in of its victim, and knows nothing of that one's."""
    planted = cookie(product, subject="mallory", scopes=frozenset({"jobs:read"}))
    name = planted.partition("=")[0]
    for before in (f"{name}=known", f"{name}=", planted):
        headers = {**ours(product), "Cookie": before}
        answer = product.post("/api/session", token=product.token(sub="ann"), headers=headers)
        if before == planted:
            assert (answer.status, answer.header("Set-Cookie")) == (409, None)
            assert "mallory" in answer.json()["detail"]
            continue
        assert answer.status == 204
        made = (answer.header("Set-Cookie") or "").partition(";")[0]
        assert made not in (before, planted)
        assert with_cookie(product, before).status == 401
        assert with_cookie(product, made).json()["subject"] == "ann"


def test_two_sessions_of_one_token_are_two(product: Product) -> None:
    token = product.token()
    made = {
        product.post("/api/session", token=token, headers=ours(product)).header("Set-Cookie")
        for _ in range(2)
    }
    assert len(made) == 2


def test_a_cookie_that_was_tampered_with_opens_nothing(product: Product) -> None:
    good = cookie(product)
    name, _, value = good.partition("=")
    head, body, signature = value.split(".")
    for text in (
        f"{name}={head}.{body}.{signature[::-1]}",
        f"{name}={head}.{body[:-4]}AAAA.{signature}",
        f"{name}={head}.{body}.",
        f"{name}={body}",
        f"{name}={product.token()}",
        f"{name}={value * 20}",
        f"Authorization={product.token()}",
        f"token={product.token()}",
    ):
        assert with_cookie(product, text).status == 401, text
        with Raw(
            product, token=None, headers={"Cookie": text, **ours(product, product.ws_port)}
        ) as client:
            assert client.status == 401
    assert with_cookie(product, good).status == 200


def test_a_cookie_of_another_installation_opens_nothing_and_is_left_alone(
    product: Product,
) -> None:
    """Browsers send it along: cookies know no ports."""
    others = cookie(product, secret=OTHER_SECRET)
    assert with_cookie(product, others).status == 401
    name = cookie(product).partition("=")[0]
    renamed = f"{name}={others.partition('=')[2]}"
    assert with_cookie(product, renamed).status == 401
    both = f"{others}; {cookie(product, subject='ann')}"
    assert with_cookie(product, both).json()["subject"] == "ann"
    headers = {**ours(product), "Cookie": both}
    gone = product.request("DELETE", "/api/session", token=None, headers=headers)
    assert others.partition("=")[0] not in (gone.header("Set-Cookie") or "")


def test_a_session_of_a_tenant_that_is_not_served_opens_nothing(product: Product) -> None:
    assert with_cookie(product, cookie(product, tenant_id="other")).status == 401


def test_no_session_stands_in_a_log_or_in_an_answer(product: Product) -> None:
    value = cookie(product).partition("=")[2]
    with_cookie(product, f"x={value}", f"/api/{value}")
    product.get(f"/?x={value}", token=None)
    answer = product.get("/api/session", token=None, headers={"Cookie": cookie(product)})
    assert value.rpartition(".")[2] not in answer.body.decode()
    assert value not in product.log()
    assert value.rpartition(".")[2] not in product.log()
