"""What scripts/run hears of its server."""

from __future__ import annotations

import socket
import threading

import pytest

from hosting.launch import Api

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
LINE = b'8\r\n{"a":1}\n\r\n'


@pytest.mark.parametrize(
    "rest", [b"", b'14\r\n{"b":', b'5\r\n{"b":\r\n', b'5\r\n{"b":\r\n0\r\n\r\n', b"0\r\n\r\n"]
)
def test_a_stream_that_breaks_off_ends_where_it_broke(rest: bytes) -> None:
    """scripts/run --once ended in a traceback, and the run went on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10.0)

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(65_536)
                client.sendall(HEAD + LINE + rest)

        server = threading.Thread(target=serve, name="a server that breaks off", daemon=True)
        server.start()
        api = Api(f"http://127.0.0.1:{listener.getsockname()[1]}", "a token")
        assert list(api.lines("/api/runs/x/wait")) == [{"a": 1}]
        server.join(10.0)
