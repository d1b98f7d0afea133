"""One browser's sending side, over a real pair of sockets, and its messages put together."""

from __future__ import annotations

import gc
import socket
import struct
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest
from wsproto.events import CloseConnection, TextMessage

from realtime.clients import client as client_module
from realtime.clients import outgoing
from realtime.clients.client import Client
from realtime.clients.outgoing import Sending
from realtime.clients.send_buffer import SEND_BUFFER, SEND_BUFFER_BYTES
from realtime.hub.hub import Hub
from realtime.sockets import frames
from realtime.sockets.close_codes import CloseCode
from realtime.sockets.websocket import MAX_MESSAGE, Closed, MessageReader, WebSocket
from settings.defaults import ClientLimits, Expected
from settings.keys import secret_keys
from settings.shared import SCOPES
from tests.harness import eventually
from tests.realtime.raw import BINARY, PING, frame
from web.callers.tokens import Identity, TokenVerifier

KERNEL = 64 * 1024  # bytes asked for as a socket's send buffer
CHUNK = b"0123456789abcdef" * 1_024


class Pair:
    """A client of the hub, and the browser's end of its connection."""

    def __init__(self) -> None:
        ours, self.browser = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL)
        self.browser.settimeout(10)
        self.ours = ours
        self.hub = Hub()
        self.hub.start()
        self.identity = Identity("acme", SCOPES, time.time() + 600, "ann")
        verifier = TokenVerifier("acme", secret_keys("x" * 32), Expected())
        self.client = Client(self.hub, WebSocket(ours), self.identity, verifier, ClientLimits())

    def read(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            chunk = self.browser.recv(count - len(received))
            if not chunk:
                break
            received += chunk
        return received

    def read_to_end(self) -> bytes:
        received = b""
        while chunk := self.browser.recv(1 << 16):
            received += chunk
        return received

    def fill(self) -> int:
        """Pushes until something waits; returns how many bytes were pushed."""
        pushed = 0
        while self.client.buffer.is_empty:
            assert self.client.push(CHUNK)
            pushed += len(CHUNK)
        return pushed


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.client.abort()
    pair.browser.close()
    eventually(lambda: "ws-writer" not in {thread.name for thread in threading.enumerate()})
    pair.ours.close()
    pair.hub.stop()


def close_code(data: bytes) -> int:
    assert data[:1] == b"\x88", data[:20]
    [code] = struct.unpack("!H", data[2:4])
    return int(code)


def test_while_the_kernel_takes_all_there_is_no_queue_and_no_thread(pair: Pair) -> None:
    for number in range(100):
        assert pair.client.push(b"%d;" % number)
        assert pair.read(len(b"%d;" % number)) == b"%d;" % number
    assert pair.client.buffer.is_empty
    assert "ws-writer" not in {thread.name for thread in threading.enumerate()}


def test_what_the_kernel_does_not_take_is_sent_in_order_by_a_writer_that_then_ends(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "WRITER_LINGER", 0.05)
    pushed = pair.fill()
    for number in range(100):
        assert pair.client.push(b"%04d" % number)
    received = pair.read(pushed + 400)
    assert received[:pushed] == CHUNK * (pushed // len(CHUNK))
    assert received[pushed:] == b"".join(b"%04d" % number for number in range(100))
    eventually(lambda: "ws-writer" not in {thread.name for thread in threading.enumerate()})
    assert pair.client.push(b"again")
    assert pair.read(5) == b"again"


def test_the_send_buffer_is_full_after_so_many_sends(pair: Pair) -> None:
    pair.fill()
    taken = 0
    while pair.client.push(b"x"):
        taken += 1
    assert SEND_BUFFER - 2 <= taken <= SEND_BUFFER


def test_the_send_buffer_is_full_after_so_many_bytes(pair: Pair) -> None:
    pair.fill()
    large = b"x" * (SEND_BUFFER_BYTES // 4)
    assert [pair.client.push(large) for _ in range(4)] == [True, True, True, False]


def test_a_goodbye_follows_the_frame_at_hand_and_drops_what_waits(pair: Pair) -> None:
    pushed = pair.fill()
    for _ in range(50):
        pair.client.push(b"never seen")
    pair.client.close(CloseCode.TOO_SLOW, "too slow")
    pair.client.close(CloseCode.SERVER_STOPPING, "the first reason wins")
    received = pair.read_to_end()
    assert b"never seen" not in received
    frames_before = len(received) - len(b"\x88\x0a") - len(b"too slow") - 2
    assert frames_before % len(CHUNK) == 0
    assert frames_before <= pushed
    assert close_code(received[frames_before:]) == CloseCode.TOO_SLOW


def test_a_client_that_is_on_its_way_out_takes_pushes_and_sends_none(pair: Pair) -> None:
    pair.client.close(CloseCode.SERVER_STOPPING, "")
    assert pair.client.push(b"late")
    assert close_code(pair.read_to_end()) == CloseCode.SERVER_STOPPING


def test_who_does_not_read_is_ended_by_the_write_wait(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "WRITE_WAIT", 0.1)
    ended: list[str] = []
    reader = threading.Thread(target=lambda: ended.append(pair.client.read_pump()))
    reader.start()
    pair.fill()
    reader.join(10)
    assert [reason.split()[0] for reason in ended] == ["4002"]


def test_when_the_system_has_no_thread_left_only_this_client_ends(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    reader = threading.Thread(target=lambda: ended.append(pair.client.read_pump()))
    reader.start()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        while not ended:
            assert pair.client.push(CHUNK)
            reader.join(0.001)
    assert ended[0].startswith("1011")
    reader.join(10)


def test_each_state_is_reached_as_the_table_says(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "WRITER_LINGER", 0.05)
    client = pair.client
    seen = [client.state]
    pushed = pair.fill()
    seen.append(client.state)
    pair.read(pushed)
    eventually(lambda: client.state is Sending.DIRECT)
    pair.fill()
    client.close(CloseCode.TOO_SLOW, "")
    seen.append(client.state)
    assert client.push(b"never seen")
    assert b"never seen" not in pair.read_to_end()
    eventually(lambda: client.state is Sending.GONE)
    client.release()
    seen.append(client.state)
    assert seen == list(Sending)


def test_what_was_closed_is_not_opened_again(pair: Pair) -> None:
    pair.client.close(CloseCode.SERVER_STOPPING, "")
    with pair.client._lock, pytest.raises(AssertionError, match="gone cannot become writing"):
        pair.client._move(Sending.WRITING)


def test_who_is_not_there_to_be_sent_anything_is_noticed_by_its_reader_at_once(pair: Pair) -> None:
    """A send that fails is a frame lost: nothing may follow it, and nobody may wait for a ping."""
    ended: list[str] = []
    reader = threading.Thread(target=lambda: ended.append(pair.client.read_pump()))
    pair.ours.shutdown(socket.SHUT_WR)  # the browser is still there
    reader.start()
    assert pair.client.push(b"lost")
    reader.join(10)
    assert ended == ["connection lost"]
    assert pair.client.state is Sending.GONE


def test_the_reason_counts_though_there_is_nobody_left_to_be_told(pair: Pair) -> None:
    """A flood is punished by it, whatever else went wrong."""
    pair.browser.close()
    assert pair.client.push(b"lost")
    pair.client.close(CloseCode.TOO_MANY_MESSAGES, "too many")
    assert pair.client.closed_with == CloseCode.TOO_MANY_MESSAGES


def test_what_a_client_held_is_freed_without_a_search_for_garbage() -> None:
    """A worker searches what has lived for a while only now and then: `spare_the_old`."""

    def serve() -> weakref.ref[object]:
        ours, browser = socket.socketpair()
        with ours, browser:
            reader = WebSocket(ours)
            browser.sendall(frame(BINARY, b"?"))
            assert reader.wait_readable(10)
            assert len(list(reader.read())) == 1
            reader.release()
            assert reader._protocol is not None, "wsproto reads what is rare"
            return weakref.ref(reader._protocol._proto)

    gc.disable()
    try:
        assert serve()() is None
    finally:
        gc.enable()


# ---------------------------------------------------------------- messages in fragments


def test_a_flood_rests_after_each_turn(pair: Pair) -> None:
    """So that others' messages wait for a turn of it, and not for the whole."""
    rests = 5
    pings = frame(PING, b"x") * (client_module.TURN * (rests + 1))
    serving = threading.Thread(target=pair.client.read_pump, daemon=True)
    began = time.monotonic()
    serving.start()
    pair.browser.sendall(pings)
    pair.read(len(frames.frame(frames.PONG, b"x")) * client_module.TURN * (rests + 1))
    assert time.monotonic() - began >= rests * client_module.TURN_PAUSE
    pair.browser.shutdown(socket.SHUT_RDWR)
    serving.join(10)
    assert not serving.is_alive()


@pytest.mark.parametrize(("code", "has_left"), [(1000, True), (4002, True), (1002, False)])
def test_the_code_of_a_browsers_own_close_is_not_taken_for_ours(
    pair: Pair, code: int, has_left: bool
) -> None:
    """What it closes with is its choice: it would be counted as a browser that we cut. 1002 is what wsproto says of bad frames."""
    with pytest.raises(Closed):
        pair.client._handle(CloseConnection(code), MessageReader())
    assert pair.client.has_left is has_left


def test_an_idle_browser_is_pinged_once_a_period(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that closes what is silent for 30 seconds leaves it alone, as the default is 25."""
    assert ClientLimits().ping_period == 25
    monkeypatch.setattr(pair.client, "_limits", replace(ClientLimits(), ping_period=1))
    serving = threading.Thread(target=pair.client.read_pump, daemon=True)
    began = time.monotonic()
    serving.start()
    ping = frames.frame(frames.PING, b"")
    assert pair.read(2 * len(ping)) == 2 * ping
    assert time.monotonic() - began >= 2
    pair.browser.shutdown(socket.SHUT_RDWR)
    serving.join(10)
    assert not serving.is_alive()


def part(data: str, *, is_last: bool) -> TextMessage:
    return TextMessage(data=data, frame_finished=True, message_finished=is_last)


def test_fragments_become_one_message_and_the_next_starts_anew() -> None:
    reader = MessageReader()
    assert reader.add(part("a", is_last=False)) is None
    assert reader.add(part("", is_last=False)) is None
    assert reader.add(part("b", is_last=True)) == "ab"
    assert reader.add(part("c", is_last=True)) == "c"


def test_the_limit_counts_bytes_over_all_fragments() -> None:
    reader = MessageReader()
    half = "é" * (MAX_MESSAGE // 4)
    assert reader.add(part(half, is_last=False)) is None
    assert reader.add(part(half, is_last=True)) == half + half
    reader.add(part(half + half, is_last=False))
    with pytest.raises(Closed) as closed:
        reader.add(part("x", is_last=True))
    assert closed.value.code == CloseCode.MESSAGE_TOO_BIG


def test_empty_fragments_without_end_take_no_memory() -> None:
    reader = MessageReader()
    for _ in range(10_000):
        assert reader.add(part("", is_last=False)) is None
    assert reader._parts == []
