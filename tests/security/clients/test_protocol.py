"""Abuse of the WebSocket protocol that tests/realtime/test_sockets.py has no row for; both worker classes.

Each ends as RFC 6455 says, costs its own connection only, and leaves no thread behind.
"""

from __future__ import annotations

import socket
import zlib
from pathlib import Path

import pytest

from tests.harness import Product, adds_nothing, eventually, product_of_each_class
from tests.realtime.raw import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Raw,
    frame,
    progress,
    progress_subject,
    publish,
    subscribe,
    text,
)
from tests.realtime.test_sockets import metric

GOODBYE = frame(CLOSE, b"\x03\xe8")
BOMB = zlib.compressobj(9, zlib.DEFLATED, -15)
BOMB_BYTES = (BOMB.compress(b" " * 64_000_000) + BOMB.flush(zlib.Z_SYNC_FLUSH))[:-4]

# what is sent, and the code of the close frame that ends it; the RFC's section
CASES: dict[str, tuple[bytes, int]] = {
    "5.1 an unmasked ping": (frame(PING, b"x", mask=False), 1002),
    "5.1 an unmasked close frame": (frame(CLOSE, b"\x03\xe8", mask=False), 1002),
    "5.1 an unmasked fragment after a good one": (
        frame(TEXT, b"{", fin=False) + frame(CONTINUATION, b"}", mask=False),
        1002,
    ),
    "5.2 all reserved bits": (frame(TEXT, b"{}", reserved=7), 1002),
    "5.2 a reserved bit of a later fragment": (
        frame(TEXT, b"{", fin=False) + frame(CONTINUATION, b"}", reserved=4),
        1002,
    ),
    "5.2 a reserved bit of a close frame": (frame(CLOSE, b"\x03\xe8", reserved=2), 1002),
    "5.2 a reserved opcode between fragments": (
        frame(TEXT, b"{", fin=False) + frame(11) + frame(CONTINUATION, b"}"),
        1002,
    ),
    "5.2 a control frame with a 64-bit length": (
        b"\x89\xff" + (1 << 40).to_bytes(8, "big") + b"\x00" * 4,
        1002,
    ),
    "5.2 a length of 125 written with 64 bits": (
        b"\x81\xff" + (125).to_bytes(8, "big") + b"\x00" * 4 + b"x" * 125,
        1002,
    ),
    "5.4 binary within a text": (frame(TEXT, b"{", fin=False) + frame(BINARY, b"x"), 1002),
    "5.4 a last continuation too many": (
        frame(TEXT, b"{", fin=False) + frame(CONTINUATION, b"}") + frame(CONTINUATION, b"x"),
        1002,
    ),
    "5.5 a close frame in fragments": (frame(CLOSE, b"\x03\xe8", fin=False), 1002),
    "5.5 a pong in fragments": (frame(PONG, b"x", fin=False), 1002),
    "5.5.1 a close in the middle of a message": (frame(TEXT, b"{", fin=False) + GOODBYE, 1000),
    "5.5.1 what follows a close is not read": (GOODBYE + subscribe(1) + frame(11), 1000),
    "7.4.2 a close with code 5000": (frame(CLOSE, (5_000).to_bytes(2, "big")), 1002),
    "8.1 the first half of a message is no UTF-8": (frame(TEXT, b"\xff", fin=False), 1007),
    "8.1 a character cut by the end of the message": (
        frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b""),
        1007,
    ),
    "8.1 a character beyond Unicode": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "8.1 a character written too long": (frame(TEXT, b"\xc0\xaf"), 1007),
    "10.4 fragments that add up": (
        frame(TEXT, b" ", fin=False) + frame(CONTINUATION, b" " * 40, fin=False) * 110,
        1009,
    ),
    "RFC 7692 a compressed bomb that nobody agreed to": (
        frame(TEXT, BOMB_BYTES[:4_000], reserved=4),
        1002,
    ),
}


product = product_of_each_class("protocol")


@pytest.mark.parametrize("case", CASES)
def test_a_broken_rule_ends_its_own_connection_and_no_other(product: Product, case: str) -> None:
    sent, code = CASES[case]
    with Raw(product) as bystander, Raw(product) as client:
        client.send(sent)
        assert client.close_code() == code
        bystander.send(text('{"action":"echo"}'))
        assert bystander.message()["code"] == "unknown_action"


@pytest.mark.parametrize("case", CASES)
def test_the_same_byte_by_byte(product: Product, case: str) -> None:
    sent, code = CASES[case]
    with Raw(product) as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for byte in sent[:400]:
                client.send(bytes([byte]))
            client.send(sent[400:])
        except OSError:
            return  # the server ended it while we were speaking: it had seen enough
        assert client.close_code() == code


def test_a_bomb_that_was_offered_as_compression_inflates_to_nothing(product: Product) -> None:
    offer = {"Sec-WebSocket-Extensions": "permessage-deflate; server_no_context_takeover"}
    before = memory(product)
    for _ in range(20):
        with Raw(product, headers=offer) as client:
            assert "sec-websocket-extensions" not in client.headers
            client.send(frame(TEXT, BOMB_BYTES[:60_000], reserved=4))
            assert client.close_code() == 1002
    assert memory(product) - before < 32 << 20, "one bomb would take 64 MB"


def memory(product: Product) -> int:
    """Bytes that the worker holds."""
    status = Path(f"/proc/{product.worker_pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def test_half_a_frame_and_silence_holds_nobody_else(product: Product) -> None:
    with Raw(product) as half, Raw(product) as whole:
        half.send(subscribe(3)[:7])
        whole.send(subscribe(3))
        publish(product, (progress_subject(3), progress(8)))
        assert whole.message()["payload"]["rowCount"] == 8
        half.send(subscribe(3)[7:])
        assert half.message()["payload"]["rowCount"] == 8, "and is served when it goes on"


def test_after_all_of_it_no_thread_no_file_and_no_count_is_left(product: Product) -> None:
    def abuse() -> None:
        for sent, _ in CASES.values():
            with Raw(product) as client:
                client.send(sent)
        eventually(lambda: metric(product, "progress_clients") == 0)

    eventually(lambda: metric(product, "progress_clients") == 0)
    pid = product.worker_pid
    eventually(lambda: adds_nothing(pid, abuse), 60.0, what="no thread and no file is left over")
    eventually(lambda: metric(product, "progress_subscriptions") == 0)
    assert "Traceback" not in product.log()
