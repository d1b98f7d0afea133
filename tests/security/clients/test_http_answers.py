"""What an answer over HTTP gives away, and what a malformed request gets."""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing

import pytest

from settings.defaults import RequestLimits
from tests.harness import Answer, Product, product_of_each_class

product = product_of_each_class("answers")

MALFORMED = {
    "a size that is no number": b"1_0\r\n",
    "a size in another script": "١\r\n".encode(),
    "no size": b"\r\n",
    "a negative size": b"-1\r\nx\r\n0\r\n\r\n",
    "a size with a prefix": b"0x1\r\nx\r\n0\r\n\r\n",
    "a space before the size": b" 1\r\nx\r\n0\r\n\r\n",
    "a bad extension": b"1;a=\x00\r\nx\r\n0\r\n\r\n",
    "a bare CR in an extension": b"1;a=\rb\r\nx\r\n0\r\n\r\n",
    "no end after the bytes": b"1\r\nxyz\r\n0\r\n\r\n",
    "a size line without end": b"1" * 20_000,
    "a trailer that is none": b"0\r\nno colon here\r\n\r\n",
    "a trailer with a bare LF": b"0\r\nA: b\nC: d\r\n\r\n",
    "trailers without end": b"0\r\n" + b"A: b\r\n" * 200_000,
    "a trailer that is cut off": b"0\r\nA: b\r\n",
    "chunks that are cut off": b"5\r\nab",
}


@pytest.mark.parametrize("chunks", MALFORMED.values(), ids=list(MALFORMED))
def test_malformed_chunks_are_a_bad_request_and_no_error_of_ours(
    product: Product, chunks: bytes
) -> None:
    head = f"POST /api/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {product.token()}\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as client:
        client.sendall(head.encode() + chunks)
        client.shutdown(socket.SHUT_WR)
        answered = b""
        while piece := client.recv(65_536):
            answered += piece
    said, _, body = answered.partition(b"\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 4"), answered
    assert said.split()[1] in (b"400", b"413"), answered
    assert b"connection: close" in said.lower()
    assert json.loads(body)["status"] == int(said.split()[1])
    assert "Traceback" not in product.log()


@pytest.mark.parametrize("is_chunked", [True, False], ids=["in-chunks", "of-a-known-length"])
@pytest.mark.parametrize(("spare", "status"), [(0, 201), (1, 413)], ids=["just-fits", "too-large"])
def test_a_body_that_is_too_large_is_never_taken_for_what_it_begins_with(
    product: Product, spare: int, status: int, is_chunked: bool
) -> None:
    """What followed the first megabyte of one in chunks was left out."""
    job = json.dumps({"name": "a", "graph": {"nodes": [], "edges": []}}).encode()
    body = job.ljust(RequestLimits().body_bytes + spare)
    connection = http.client.HTTPConnection("127.0.0.1", product.api_port, timeout=20)
    headers = {"Authorization": f"Bearer {product.token()}", "Content-Type": "application/json"}
    pieces = (body[start:][:65_536] for start in range(0, len(body), 65_536))
    with closing(connection):
        if is_chunked:
            headers["Transfer-Encoding"] = "chunked"
            connection.request("POST", "/api/jobs", pieces, headers, encode_chunked=True)
        else:
            connection.request("POST", "/api/jobs", body, headers)
        answer = connection.getresponse()
        told = json.loads(answer.read())
    assert answer.status == status
    assert status == 201 or "1,048,576 bytes" in told["detail"]


@pytest.mark.parametrize(
    "path",
    ["/api//jobs", "//", "//evil.example/", "/api/jobs/", "/static", "/static//icons.svg", "/ws/"],
)
def test_no_answer_sends_anybody_to_the_host_that_a_request_named(
    product: Product, path: str
) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    with socket.create_connection(("127.0.0.1", product.api_port), timeout=10) as client:
        client.sendall(request.encode())
        answered = b""
        while piece := client.recv(65_536):
            answered += piece
    said = answered.partition(b"\r\n\r\n")[0].lower()
    assert b"location:" not in said, said
    assert said.split()[1] in (b"200", b"401", b"404"), said


def cached_as(answer: Answer) -> str | None:
    return answer.header("Cache-Control")


def test_no_cache_keeps_an_answer_and_files_are_asked_for_again(product: Product) -> None:
    job = product.post("/api/jobs", {"name": "a job", "graph": {}}).json()["id"]
    private = ["/", "/?token=x", "/api/jobs", f"/api/jobs/{job}", "/api/node-types", "/api/usage"]
    private += ["/healthz", "/readyz", "/metrics", "/nothing", "/static/nothing", "/api/jobs/999"]
    for path in private:
        assert cached_as(product.get(path)) == "no-store", path
    assert cached_as(product.get("/api/jobs", token=None)) == "no-store", "a refusal"
    assert cached_as(product.post("/api/jobs", b"[")) == "no-store", "a bad request"
    assert cached_as(product.post("/healthz")) == "no-store", "a wrong method"
    icons = product.get("/static/icons.svg", token=None)
    assert cached_as(icons) == "no-cache"
    again = {"If-None-Match": icons.header("ETag") or ""}
    assert product.get("/static/icons.svg", token=None, headers=again).status == 304
