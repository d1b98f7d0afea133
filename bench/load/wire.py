"""The bytes that clients and the publisher send, and the parsing of a server's frames. Pure."""

from __future__ import annotations

import base64
import os
from typing import NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NO_CODE = 1005  # RFC 6455: a close frame without a code

STAMP_SIZE, SEQ_SIZE = 19, 10  # digits of the time (ns) and of the message's number
LIVE, WARM = b"@T", b"@W"  # begin the stamp of a counted message, of a warm-up one
PAYLOAD_SIZE = 160  # bytes of one progress message


class BadFrame(Exception):
    """Bytes that no server may send."""


class Frame(NamedTuple):
    """One frame of a server. Its payload is `data[start:end]`."""

    opcode: int
    is_final: bool
    start: int
    end: int


def frame_at(data: bytes, at: int) -> Frame | None:
    """The frame that begins at `at`; None when its end has not come yet. Raises BadFrame."""
    room = len(data) - at
    if room < 2:
        return None
    first, second = data[at], data[at + 1]
    if first & 0x70 or second & 0x80:
        raise BadFrame(f"a server's frame cannot begin with {data[at : at + 2].hex()}")
    header, size = 2, second
    if second >= 126:
        header = 4 if second == 126 else 10
        if room < header:
            return None
        size = int.from_bytes(data[at + 2 : at + header])
    if room < header + size:
        return None
    return Frame(first & 15, first >= 0x80, at + header, at + header + size)


def client_frame(opcode: int, payload: bytes) -> bytes:
    """One frame of a client, masked as RFC 6455 demands. For short payloads only."""
    size = len(payload)
    assert size < 65_536, "a client of the bench sends short messages"
    head = bytes((0x80 | opcode, 0x80 | size)) if size < 126 else bytes((0x80 | opcode, 0xFE))
    if size >= 126:
        head += size.to_bytes(2)
    key = os.urandom(4)
    mask = (key * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)
    return head + key + masked


def close_code(payload: bytes) -> int:
    return int.from_bytes(payload[:2]) if len(payload) >= 2 else NO_CODE


def handshake(host: str, path: str) -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def subscription(job_id: int) -> bytes:
    return client_frame(TEXT, b'{"action":"subscribe","jobId":%d}' % job_id)


class Template:
    """The messages of one job as NATS PUB commands, which differ only in their stamp."""

    def __init__(self, tenant: str, job_id: int) -> None:
        before = b'{"nodeId":1,"nodeName":"DB Input","status":"running","rowCount":5000,"message":"'
        stamp = len(LIVE) + STAMP_SIZE + 1 + SEQ_SIZE
        after = b"@Processing rows..."
        after += b"." * (PAYLOAD_SIZE - len(before) - stamp - len(after) - 2) + b'"}'
        size = len(before) + stamp + len(after)
        self._before = f"PUB tenant.{tenant}.job.{job_id}.progress {size}\r\n".encode() + before
        self._after = after + b"\r\n"
        self.count = 0  # live messages so far

    def live(self, now: int) -> bytes:
        """The next message to be counted, published at `now` (ns)."""
        self.count += 1
        return b"%b@T%019d,%010d%b" % (self._before, now, self.count, self._after)

    def warm(self) -> bytes:
        return b"%b@W%019d,%010d%b" % (self._before, 0, 0, self._after)
