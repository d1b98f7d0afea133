"""Tokens reach no log: not the access log, not the error log, not a traceback."""

from __future__ import annotations

import contextlib
import http.client
import logging
import re
import socket
from collections.abc import Iterator

import pytest

from logs.cleaning import HIDDEN, redact
from logs.text_lines import CleanLines
from tests.harness import ROOT, Product, eventually
from tests.realtime.raw import Raw, text


class Failing(Product):
    application = "tests.security.clients.failing:app"


@pytest.fixture(scope="module", params=["gthread", "gevent"])
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    product = Failing(
        tmp_path_factory.mktemp("logs") / request.param,
        worker_class=request.param,
        LOG_LEVEL="debug",
        ACCESS_LOG="on",
        SAMPLE_ORDERS="0",
        RUNNER="off",
    )
    try:
        product.start()
        yield product
    finally:
        product.end()
        print(product.log_tail())


def send(product: Product, head: str) -> None:
    """One request as it is; what is answered is no matter."""
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as connection:
        connection.sendall(head.encode("latin-1"))
        with contextlib.suppress(OSError):
            while connection.recv(65_536):
                pass


def test_no_token_reaches_the_log_whatever_fails(product: Product) -> None:
    token = product.token(sub="secret bearer")
    secret = token.rpartition(".")[2]
    for path in ("/fail", "/fail-in-thread", "/no-such-page", "/ws", "/api/jobs"):
        product.get(f"{path}?token={token}")
        product.get(f"{path}?a=1&token={token}&b=2", token="x" + token)
    with contextlib.suppress(http.client.HTTPException, OSError):
        product.get(f"/fail-late?token={token}")
    auth = f"Authorization: Bearer {token}\r\n"
    send(product, f"GET /?token={token} HTTP/1.1\r\nHost: x\r\nBad Header {token}: x\r\n\r\n")
    send(product, f"BREW /?token={token} HTTP/9.9\r\n{auth}\r\n")
    send(product, f"GET /?token={token} HTTP/1.1\r\nHost: x\r\n{auth}Content-Length: x\r\n\r\n")
    with Raw(product, token=token) as client:
        client.send(text(f'{{"action":"auth","token":"{token}x"}}'))
        assert client.message()["code"] == "bad_token"
    protocols = f"progress.v1, bearer.{token}"
    with Raw(product, token=None, headers={"Sec-WebSocket-Protocol": protocols}) as client:
        assert client.status == 101
    eventually(lambda: "doomed failed" in product.log(), what="the thread's failure is logged")
    log = product.log()
    assert "RuntimeError" in log, "the failures are logged"
    assert '"GET /fail" 500' in log, "the access log is on"
    assert HIDDEN in log
    assert token not in log
    assert secret not in log
    assert "eyJ" not in log, "each token begins so"


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "line",
    [
        f"GET /ws?token={TOKEN}&x=1",
        f"GET /?token={'a' * 40}",
        f"Authorization: Bearer {TOKEN}",
        "authorization: bearer 0123456789abcdef",
        f"progress.v1, bearer.{TOKEN}",
        f"{{'token': '{TOKEN}'}}",
        f"half of one: {TOKEN.rpartition('.')[0]}",
    ],
)
def test_whatever_looks_like_a_token_is_hidden(line: str) -> None:
    hidden = redact(line)
    assert HIDDEN in hidden
    for secret in (TOKEN, TOKEN[:20], "a" * 40, "0123456789abcdef"):
        assert secret not in hidden


@pytest.mark.parametrize("line", ["bearer of news", "GET /api/jobs", "the token has expired"])
def test_a_line_without_a_token_stays_as_it_is(line: str) -> None:
    assert redact(line) == line


def test_a_traceback_is_read_too() -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "failed with %s", (TOKEN,), None)
    try:
        raise ValueError(TOKEN)
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    told = CleanLines(None).format(record)
    assert "ValueError" in told
    assert TOKEN not in told


# ---------------------------------------------------------------- lines of somebody's own

FORGED = '127.0.0.1 "GET /forged" 200 1 1ms'


def test_no_address_writes_lines_of_its_own_into_the_log(product: Product) -> None:
    line = "%0A" + FORGED.replace(" ", "%20").replace('"', "%22")
    paths = [
        f"/seen-1{line}",
        f"/seen-2%0D{line}",
        "/seen-3%1B%5B2J%00%7F",
        "/seen-4%E2%80%A8x%C2%9B",
    ]
    for path in (*paths, f"/fail{line}", f"/api/runs/x{line}"):
        product.get(path)
    eventually(lambda: "/seen-4" in product.log(), what="the access log has them")
    log = product.log()
    assert "/seen-1\\n" in log
    assert "/seen-3\\x1b[2J\\x00\\x7f" in log
    assert not [entry for entry in log.split("\n") if entry.startswith(FORGED)]
    for sign in "\r\x1b\x00\x7f\u2028\x9b":
        assert sign not in log


def test_a_traceback_is_indented_and_an_error_forges_no_entry() -> None:
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, "%s", ("a\nb\x1b",), None)
    try:
        raise ValueError("first\n2026-01-01 INFO forged\x1b[1A")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    lines = CleanLines(logging.Formatter("%(levelname)s %(message)s")).format(record).split("\n")
    assert lines[0] == "ERROR a\\nb\\x1b"
    assert len(lines) > 3
    assert all(line.startswith("  ") for line in lines[1:])
    assert all(line.isprintable() for line in lines)


def test_whoever_sets_up_a_log_of_the_product_has_its_lines_clean() -> None:
    """A runner's had two lines of one entry, in the words of a database's driver."""
    files = [ROOT / "gunicorn.conf.py", ROOT / "wsgi.py"]
    files += [
        path
        for part in ("hosting", "jobs", "realtime", "web")
        for path in (ROOT / part).rglob("*.py")
    ]
    told = {path: path.read_text() for path in files}
    set_up = [
        path for path, text in told.items() if re.search(r"basicConfig\(|StreamHandler\(", text)
    ]
    assert len(set_up) == 5
    assert [path for path in set_up if "write_clean(" not in told[path]] == []
