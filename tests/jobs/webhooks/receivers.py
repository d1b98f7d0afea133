"""Real receivers: HTTP servers on 127.0.0.1 that keep what comes, and answer as a test wants."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Received:
    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


Answer = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, **headers: str) -> Answer:
    """Answers with a status; `location_` and the like are headers."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.rstrip("_").replace("_", "-"), value)
        handler.send_header("content-length", "0")
        handler.end_headers()

    return answer


@dataclass(slots=True)
class Receiver:
    """What came to it, and how it answers from now on."""

    port: int
    answer: Answer = field(default_factory=lambda: status(204))
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)  # set at its end

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def hangs(self, _handler: BaseHTTPRequestHandler) -> None:
        """An answer that does not come."""
        self.released.wait(60)


@contextlib.contextmanager
def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    receiver: Receiver

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            with contextlib.suppress(OSError):
                receiver.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """Who asks may leave."""

    server = Server(("127.0.0.1", port), Handler)
    receiver = Receiver(server.server_port)
    if tls is not None:
        server.socket = tls.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
