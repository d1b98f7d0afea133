"""The answer to a WebSocket handshake (RFC 6455, section 4.2.2), for flask-sock under gunicorn.

simple-websocket writes the request that gunicorn has parsed out as text again and has h11 parse
and check it anew: a quarter of what it cost to let a browser in (docs/decisions/connections.md).
"""

import base64
import binascii
import hashlib
import logging
from collections.abc import Callable
from typing import Any

import flask_sock
import simple_websocket
from flask import Blueprint, Response, request
from werkzeug.exceptions import BadRequest

LOG = logging.getLogger(__name__)

SUBPROTOCOL = "progress.v1"
VERSION = "13"
KEY_BYTES = 16
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def check_handshake(environ: dict[str, Any]) -> None:
    """Raises BadRequest for a request that is no handshake."""
    method, protocol = environ["REQUEST_METHOD"], environ["SERVER_PROTOCOL"]
    if method != "GET":
        raise BadRequest(f"a WebSocket begins with GET, not with {method!r:.20}")
    if protocol != "HTTP/1.1":
        raise BadRequest(f"a WebSocket begins with HTTP/1.1, not with {protocol!r:.20}")
    if environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ:
        raise BadRequest("a WebSocket begins with a request without a body")
    if not environ.get("HTTP_HOST"):
        raise BadRequest("the request has no Host header")
    if "upgrade" not in _names(environ.get("HTTP_CONNECTION", "").lower()):
        raise BadRequest("the Connection header does not hold Upgrade")
    version = environ.get("HTTP_SEC_WEBSOCKET_VERSION", "")
    if version != VERSION:
        raise BadRequest(f"Sec-WebSocket-Version is {version!r:.40}; this server speaks {VERSION}")
    try:
        key = base64.b64decode(environ.get("HTTP_SEC_WEBSOCKET_KEY", ""), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise BadRequest(f"Sec-WebSocket-Key is not {KEY_BYTES} bytes in base64")


def answer(key: str, subprotocol: str | None) -> bytes:
    """The 101 to a handshake with this key. No extension is accepted: one encoded frame serves all."""
    accept = base64.b64encode(hashlib.sha1((key + _GUID).encode(), usedforsecurity=False).digest())
    chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
    return (
        "HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept.decode()}\r\n"
        f"{chosen}\r\n"
    ).encode()


def accept(environ: dict[str, Any]) -> Any:
    """The socket of a request that `check_handshake` let through, once it has our answer. Raises OSError."""
    return _Server(environ, subprotocols=[SUBPROTOCOL], thread_class=_NoThread).sock


class _NoThread:
    """simple-websocket's `thread_class`, which never starts: `Client` reads (docs/decisions/websocket.md)."""

    name = "(not started)"

    def __init__(self, **_: object) -> None:
        pass

    def start(self) -> None:
        pass


class _Server(simple_websocket.Server):  # type: ignore[misc]
    """simple-websocket finds the server's socket; `handshake` is its own place for another answer."""

    def handshake(self) -> None:
        offered = _names(self.environ.get("HTTP_SEC_WEBSOCKET_PROTOCOL", ""))
        self.subprotocol = next((name for name in self.subprotocols if name in offered), None)
        self.sock.sendall(answer(self.environ["HTTP_SEC_WEBSOCKET_KEY"], self.subprotocol))
        self.connected = True


class Sock(flask_sock.Sock):  # type: ignore[misc]
    """flask-sock's route with our handshake, and for gunicorn alone."""

    def route(
        self, path: str, bp: Blueprint, **options: Any
    ) -> Callable[[Callable[[Any], None]], None]:
        """A route of `bp`; what it decorates is given a socket, serves it until that is over, and never raises."""

        def decorator(serve: Callable[[Any], None]) -> None:
            def serve_websocket() -> Response:
                try:
                    sock = accept(request.environ)
                except OSError as error:  # it has left before our answer
                    LOG.debug("a browser left during its handshake: %s", error)
                else:
                    serve(sock)
                return _Taken()

            bp.route(path, websocket=True, **options)(serve_websocket)

        return decorator


class _Taken(Response):
    """gunicorn's sign that the socket speaks no HTTP any more."""

    def __call__(self, environ: Any, start_response: Any) -> Any:
        raise StopIteration


def _names(header: str) -> list[str]:
    return [name.strip() for name in header.split(",")]
