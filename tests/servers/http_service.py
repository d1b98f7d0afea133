"""A real HTTP service on 127.0.0.1 that answers as a test says, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.servers.certificates import write_certificate


@dataclass(frozen=True)
class Request:
    """What the service was asked."""

    target: str
    headers: Mapping[str, str]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def parameter(self, name: str) -> str | None:
        found = parse_qs(urlsplit(self.target).query, keep_blank_values=True).get(name)
        return found[-1] if found else None


@dataclass(frozen=True)
class Reply:
    """An answer: its body as JSON, as text, as bytes, or piece by piece from an iterator, then without a length."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    def bytes(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


class Service:
    """Answers each request by `answer`, which may give a Reply or its body alone."""

    def __init__(self, answer: Callable[[Request], Any], port: int) -> None:
        self.answer = answer
        self.port = port
        self.asked: list[Request] = []  # in their order

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    @property
    def targets(self) -> list[str]:
        return [request.target for request in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def do_GET(self) -> None:
        request = Request(self.path, {name.lower(): text for name, text in self.headers.items()})
        self.service.asked.append(request)
        made = self.service.answer(request)
        reply = made if isinstance(made, Reply) else Reply(made)
        try:
            self._send(reply)
        except OSError:  # it is read no further
            self.close_connection = True

    def _send(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, text in reply.headers.items():
            self.send_header(name, text)
        if isinstance(reply.body, Iterator):
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in reply.body:
                self.wfile.write(piece)
            return
        body = reply.bytes()
        if "Content-Length" not in reply.headers and reply.status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes in the middle of an answer is what some tests are about."""


@contextmanager
def service(
    answer: Callable[[Request], Any], tls: ssl.SSLContext | None = None
) -> Iterator[Service]:
    """A service that is up until the block ends."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    made = Service(answer, server.server_port)
    handler.service = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="service")
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def link(url: str, relation: str = "next") -> dict[str, str]:
    """The header that names another page."""
    return {"Link": f'<{url}>; rel="{relation}"'}


@contextmanager
def in_background(work: Callable[[], None]) -> Iterator[None]:
    """Works on a thread of its own; the block's end waits for it."""
    thread = threading.Thread(target=work, name="peer")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def certificate(directory: Path, name: str) -> ssl.SSLContext:
    """The context of a server with a certificate for this name, which is in certificate.pem, too."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_certificate(directory, name))
    return context
