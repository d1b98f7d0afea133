"""Whatever a browser sends, and however it is cut: its handler ends, and says how; nothing else happens."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import Event
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from realtime.clients import client as client_module
from realtime.clients import outgoing
from realtime.clients.actions import BadAction, parse_action
from realtime.clients.client import Client
from realtime.hub.hub import Hub
from realtime.sockets.short_frames import take_short_frames
from realtime.sockets.websocket import RECEIVE_BYTES, Closed, WebSocket
from settings.defaults import ClientLimits, Expected
from settings.keys import secret_keys
from settings.shared import SCOPES
from tests.realtime.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame
from web.callers.tokens import Identity, TokenVerifier

MAX_READS = 3  # of the fuzzed bytes; more only takes longer
HANG = 60.0  # seconds; a handler that is not through by then hangs

ACTIONS = st.builds(
    lambda action, job: json.dumps({"action": action, "jobId": job}).encode(),
    st.sampled_from(["subscribe", "unsubscribe", "authenticate", "dance", ""]),
    st.one_of(st.integers(), st.text(max_size=5), st.none(), st.floats(), st.booleans()),
)
PAYLOADS = st.one_of(
    ACTIONS, st.binary(max_size=130), st.text(max_size=40).map(lambda text: text.encode())
)
FRAMES = st.builds(
    frame,
    st.sampled_from([CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG, 3, 11, 15]),
    PAYLOADS,
    fin=st.booleans(),
    reserved=st.sampled_from([0, 0, 0, 1, 4]),
    mask=st.sampled_from([True, True, True, False]),
)
GOOD_FRAMES = st.one_of(
    st.builds(frame, st.just(TEXT), ACTIONS),
    st.builds(frame, st.sampled_from([PING, PONG]), st.binary(max_size=125)),
    st.builds(
        lambda code, reason: frame(CLOSE, struct.pack("!H", code) + reason),
        st.integers(0, 65_535),
        st.binary(max_size=20),
    ),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Good frames with some of their bytes changed, lost or doubled."""
    sent = bytearray(b"".join(draw(st.lists(GOOD_FRAMES, min_size=1, max_size=6))))
    for _ in range(draw(st.integers(1, 5))):
        place = draw(st.integers(0, max(len(sent) - 1, 0)))
        match draw(st.integers(0, 2)):
            case 0 if sent:
                sent[place] = draw(st.integers(0, 255))
            case 1:
                del sent[place : place + draw(st.integers(1, 4))]
            case _:
                sent[place:place] = draw(st.binary(max_size=4))
    return bytes(sent)


SENT = st.one_of(
    st.binary(max_size=RECEIVE_BYTES * MAX_READS),
    st.lists(FRAMES, max_size=12).map(b"".join),
    mutated(),
)
CUTS = st.lists(st.integers(1, 2_000), max_size=8)


def pieces(sent: bytes, cuts: list[int]) -> Iterator[bytes]:
    for cut in cuts:
        if not sent:
            return
        yield sent[:cut]
        sent = sent[cut:]
    if sent:
        yield sent


@settings(max_examples=300)
@given(SENT, CUTS)
def test_reading_gives_events_or_closed_and_nothing_else(sent: bytes, cuts: list[int]) -> None:
    ours, browser = socket.socketpair()
    with ours, browser:
        ours.settimeout(HANG)
        reader, seen = WebSocket(ours), list[Event]()
        with pytest.raises(Closed) as closed:
            for piece in pieces(sent, cuts):
                browser.sendall(piece)
                while reader.wait_readable(0):
                    seen += reader.read()
            browser.close()
            while True:
                seen += reader.read()
        assert closed.value.code is None or 1000 <= closed.value.code <= 1015
        assert all(isinstance(event, Event) for event in seen)


def by_wsproto(received: bytes) -> list[object]:
    """The events, and last the error that ended them, if one did."""
    protocol, seen = Connection(ConnectionType.SERVER), list[object]()
    try:
        protocol.receive_data(received)
        seen.extend(protocol.events())
    except (LocalProtocolError, RemoteProtocolError) as error:
        seen.append(repr(error))
    return seen


@settings(max_examples=300)
@given(st.one_of(SENT, st.lists(GOOD_FRAMES, max_size=12).map(b"".join)))
def test_short_frames_are_read_as_wsproto_reads_them(sent: bytes) -> None:
    found, rest = take_short_frames(sent)
    assert [*found, *by_wsproto(rest)] == by_wsproto(sent)


def test_what_a_page_sends_needs_no_wsproto() -> None:
    actions = [b'{"action":"subscribe","jobId":1}', b"", "ü".encode(), b"x" * 125]
    sent = b"".join([*(frame(TEXT, action) for action in actions), frame(PONG, b""), frame(PING)])
    found, rest = take_short_frames(sent)
    assert (len(found), rest) == (6, b"")
    for left in (frame(TEXT, b"x" * 126), frame(TEXT, b"\xff"), frame(CLOSE), sent[:3]):
        assert take_short_frames(sent + left)[1] == left


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    hub = Hub()
    hub.start()
    yield hub
    hub.stop()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENT, CUTS)
def test_a_handler_serves_anything_to_its_end(
    hub: Hub, caplog: pytest.LogCaptureFixture, sent: bytes, cuts: list[int]
) -> None:
    ours, browser = socket.socketpair()
    identity = Identity("acme", SCOPES, time.time() + 600, "ann")
    verifier = TokenVerifier("acme", secret_keys("x" * 32), Expected())
    with ours, browser:
        browser.settimeout(HANG)
        client = Client(hub, WebSocket(ours), identity, verifier, ClientLimits())
        ends: list[str] = []
        handler = threading.Thread(target=lambda: ends.append(client.read_pump()), daemon=True)
        handler.start()
        try:
            for piece in pieces(sent, cuts):
                browser.sendall(piece)
            browser.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was sent away before it had said all
        answered = b""
        while chunk := received(browser):
            answered += chunk
        handler.join(HANG)
        assert not handler.is_alive(), "the handler hangs"
        [end] = ends
        assert end
        assert "server error" not in end
    assert whole_frames(answered)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def received(browser: socket.socket) -> bytes:
    try:
        return browser.recv(65_536)
    except ConnectionError:
        return b""


def whole_frames(sent: bytes) -> bool:
    """Whether the server sent whole frames, unmasked, and nothing after a close frame."""
    while sent:
        first, second = sent[0], sent[1]
        assert first in (0x80 | TEXT, 0x80 | CLOSE, 0x80 | PING, 0x80 | PONG), sent[:20]
        head, size = 2, second
        if second == 126:
            head, size = 4, int.from_bytes(sent[2:4], "big")
        assert len(sent) >= head + size
        if first == 0x80 | CLOSE:
            code = int.from_bytes(sent[head : head + 2], "big")
            assert 1000 <= code < 5000 and code not in (1004, 1005, 1006, 1015), code
            sent[head + 2 : head + size].decode()
            assert len(sent) == head + size, "something follows the close frame"
        sent = sent[head + size :]
    return True


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=200), ACTIONS.map(lambda text: text.decode())))
def test_any_text_is_an_action_or_a_bad_one(text: str) -> None:
    with contextlib.suppress(BadAction):
        parse_action(text)


def test_the_linger_of_a_writer_is_short_enough_for_these_tests() -> None:
    assert outgoing.WRITER_LINGER + client_module.CLOSE_WAIT < HANG
