"""A WebSocket client that may break every rule, and strangers' publishers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

import nats

from tests.harness import DEADLINE, Product

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = b"\x11\x22\x33\x44"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, mask: bool = True
) -> bytes:
    """One frame of a client; `reserved` are the bits RSV1 to RSV3 as a number from 0 to 7."""
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    size = len(payload)
    if size < 126:
        length = bytes([(0x80 if mask else 0) | size])
    elif size < 65_536:
        length = struct.pack("!BH", (0x80 if mask else 0) | 126, size)
    else:
        length = struct.pack("!BQ", (0x80 if mask else 0) | 127, size)
    if not mask:
        return bytes([first]) + length + payload
    masked = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes([first]) + length + MASK + masked


def text(message: str) -> bytes:
    return frame(TEXT, message.encode())


def subscribe(job_id: int) -> bytes:
    return text(json.dumps({"action": "subscribe", "jobId": job_id}))


class Raw:
    """A TCP connection to /ws that sends what it is told; its handshake is a good one by default."""

    def __init__(
        self,
        product: Product,
        *,
        token: str | None = "",
        headers: Mapping[str, str | None] | None = None,
        line: str = "",
        receive_buffer: int | None = None,
    ) -> None:
        self.socket = socket.socket()
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(DEADLINE)
        self.socket.connect(("127.0.0.1", product.ws_port))
        self._received = b""
        sent: dict[str, str | None] = {
            "Host": f"127.0.0.1:{product.ws_port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": KEY,
            "Sec-WebSocket-Version": "13",
            **(headers or {}),
        }
        query = "" if token is None else f"?token={token or product.token()}"
        lines = [line or f"GET /ws{query} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in sent.items() if value is not None]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        self.status, self.headers = self._read_head()
        if self.status == 100:  # Continue: the answer follows
            self.status, self.headers = self._read_head()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.socket.close()

    def _read_head(self) -> tuple[int, dict[str, str]]:
        while b"\r\n\r\n" not in self._received:
            self._receive()
        head, _, self._received = self._received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}

    def _receive(self) -> None:
        chunk = self.socket.recv(65_536)
        if not chunk:
            raise EOFError
        self._received += chunk

    def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            self._receive()
        taken, self._received = self._received[:count], self._received[count:]
        return taken

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> tuple[int, bytes]:
        """The server's next frame: opcode and payload. EOFError at the end of the stream."""
        first, second = self._take(2)
        assert first & 0xF0 == 0x80, "the server sends whole messages without extensions"
        assert not second & 0x80, "a server does not mask"
        size = second
        if size == 126:
            [size] = struct.unpack("!H", self._take(2))
        elif size == 127:
            [size] = struct.unpack("!Q", self._take(8))
        return first & 0x0F, self._take(size)

    def message(self) -> dict[str, Any]:
        """The server's next text message; pings before it are answered."""
        opcode, payload = self.read()
        while opcode == PING:
            self.send(frame(PONG, payload))
            opcode, payload = self.read()
        assert opcode == TEXT, (opcode, payload)
        found: dict[str, Any] = json.loads(payload)
        return found

    def close_code(self) -> int | None:
        """The code of the server's close frame, which must be its last word; None: no such frame."""
        opcode, payload = PING, b""
        with contextlib.suppress(EOFError):
            while opcode != CLOSE:
                opcode, payload = self.read()
        if opcode != CLOSE:
            return None
        with contextlib.suppress(EOFError):
            raise AssertionError(f"after its close frame the server sent {self.read()}")
        return int.from_bytes(payload[:2], "big")

    def reset(self) -> None:
        """Ends the connection without a goodbye: the server gets RST."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()


def publish(product: Product, *sent: tuple[str, bytes]) -> None:
    """Publishes with the nats-py package, as a program that is not ours would."""

    async def run() -> None:
        link = await nats.connect(product.nats_url)
        for subject, payload in sent:
            await link.publish(subject, payload)
        await link.drain()

    with ThreadPoolExecutor(1) as thread:  # Playwright leaves its loop running in this one
        thread.submit(asyncio.run, run()).result(timeout=DEADLINE)


def progress_subject(job_id: int) -> str:
    return f"tenant.default.job.{job_id}.progress"


def progress(rows: int, message: str = "", status: str = "running") -> bytes:
    """A message with the five original fields."""
    fields = {"nodeId": 1, "nodeName": "Load", "status": status, "rowCount": rows}
    return json.dumps({**fields, "message": message}).encode()
