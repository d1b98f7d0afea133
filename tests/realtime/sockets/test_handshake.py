"""What the handshake takes from simple-websocket, and what it leaves of it."""

from __future__ import annotations

import gc
import socket

import simple_websocket

from realtime.sockets.handshake import accept

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455, section 1.3
ACCEPTED = b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_handshake_gives_the_socket_and_nothing_else_stays() -> None:
    """Ten thousand browsers would keep ten thousand of simple-websocket's servers."""
    ours, browser = socket.socketpair()
    with ours, browser:
        environ = {
            "gunicorn.socket": ours,
            "HTTP_SEC_WEBSOCKET_KEY": KEY,
            "HTTP_SEC_WEBSOCKET_PROTOCOL": "bearer.x, progress.v1",
        }
        gc.disable()
        try:
            assert accept(environ) is ours
            assert not [
                one for one in gc.get_objects() if issubclass(type(one), simple_websocket.Server)
            ]
        finally:
            gc.enable()
        browser.settimeout(10)
        answered = browser.recv(4_096).split(b"\r\n")
    assert answered[0] == b"HTTP/1.1 101 Switching Protocols"
    assert ACCEPTED in answered
    assert b"Sec-WebSocket-Protocol: progress.v1" in answered
