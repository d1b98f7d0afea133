"""A NATS server that says what a test tells it to: for faults a real one cannot be asked for."""

import socket
import threading
from collections.abc import Callable
from typing import Self

from tests.harness import DEADLINE

INFO = b'INFO {"server_id":"x","max_payload":1048576}\r\n'

Script = Callable[[socket.socket], None]


class ScriptedNats:
    """Greets each connection, answers its CONNECT, then plays the next of `scripts`.

    `first_answer` is what the first connection's PING is answered with, in one segment.
    """

    def __init__(self, *scripts: Script, first_answer: bytes = b"PONG\r\n") -> None:
        self._scripts = list(scripts)
        self._first_answer = first_answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"nats://127.0.0.1:{self._listener.getsockname()[1]}"
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
        self._thread.join(DEADLINE)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            self.connections += 1
            script = self._scripts[min(self.connections, len(self._scripts)) - 1]
            threading.Thread(target=self._play, args=(connection, script), daemon=True).start()

    def _play(self, connection: socket.socket, script: Script) -> None:
        try:
            connection.sendall(INFO)
            read_until(connection, b"PING\r\n")
            first, self._first_answer = self._first_answer, b"PONG\r\n"
            connection.sendall(first)
            script(connection)
        except OSError:
            pass


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    read = b""
    while wanted not in read:
        received = connection.recv(4096)
        if not received:
            raise ConnectionError("the client left")
        read += received
    return read


def answer_pings(connection: socket.socket) -> None:
    """Goes on as a healthy server does, until the client leaves."""
    while True:
        read_until(connection, b"PING\r\n")
        connection.sendall(b"PONG\r\n")
