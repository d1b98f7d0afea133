"""Figures over HTTP, for a process that serves nothing else: to anyone who asks, whatever he sends or leaves undone."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST

LOG = logging.getLogger(__name__)

# Connections that may ask at a time; full: the oldest is cut, so that who asks for nothing keeps nobody out
ASKING = 8
# Connections, with those that were cut and still read the figures, as from a disk that does not answer; full: a new one is closed
MOST = 64
WAIT = 10.0  # seconds that a connection may stand still
FULL_PAUSE = 0.05  # seconds of rest where the process has no file left for one more


def serve(text: Callable[[], bytes], host: str, port: int) -> Callable[[], None]:
    """Answers each GET with `text`, at any path, until what it returns is called. Raises OSError."""
    server = _Server(text, host, port)
    thread = threading.Thread(target=server.serve_forever, name="metrics-http", daemon=True)
    thread.start()

    def end() -> None:
        with contextlib.suppress(OSError):  # it wakes the thread, which looks each half second only
            server.socket.shutdown(socket.SHUT_RDWR)
        server.shutdown()
        server.server_close()
        thread.join()

    return end


class _Server(ThreadingTCPServer):
    """A thread for each connection."""

    allow_reuse_address = True
    # Connections that wait to be accepted; with socketserver's 5, a sixth at once tries again after a second
    request_queue_size = 64
    daemon_threads = True

    def __init__(self, text: Callable[[], bytes], host: str, port: int) -> None:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        self.address_family = family
        self.text = text
        self._lock = threading.Lock()
        self._here: set[Any] = set()  # (lock) connections, each with a thread
        self._asking: dict[Any, None] = {}  # (lock) those that were not cut, the oldest first
        super().__init__(address, _Handler)  # type: ignore[arg-type]

    def get_request(self) -> Any:
        try:
            return super().get_request()
        except OSError:
            time.sleep(FULL_PAUSE)
            raise

    def process_request(self, request: Any, client_address: Any) -> None:
        oldest = None
        with self._lock:
            is_full = len(self._here) >= MOST
            if not is_full:
                self._here.add(request)
                self._asking[request] = None
            if len(self._asking) > ASKING:
                oldest = next(iter(self._asking))
                # now: its own thread may be at work for long, and the next to be cut is another one
                del self._asking[oldest]
        if oldest is not None:
            _cut(oldest)
        if is_full:
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._asking.pop(request, None)
            self._here.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client left, was cut, or no thread is left for it: no traceback, which would stand outside of the log."""
        LOG.debug("metrics: a connection of %s ended early", client_address, exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    timeout = WAIT
    server: _Server

    def do_GET(self) -> None:
        try:
            text = self.server.text()
        except Exception:
            LOG.exception("metrics: the figures cannot be told")
            self.send_error(500)
            return
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE_LATEST)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_HEAD = do_GET

    def version_string(self) -> str:
        return "progress"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: what a client sends stands in no log."""


def _cut(connection: Any) -> None:
    """Wakes its thread, which closes it; never waits."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # it has just ended
