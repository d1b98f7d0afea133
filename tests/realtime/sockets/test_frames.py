"""The bytes that go to a browser, read back by another implementation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import CloseConnection, Event, Ping, Pong, TextMessage

from realtime.sockets import frames
from realtime.sockets.close_codes import REASONS, CloseCode


def read_back(data: bytes) -> list[Event]:
    """What a client that is not ours makes of `data`."""
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(data)
    return list(client.events())


def text_of(data: bytes) -> str:
    """The one whole text message in `data`."""
    events = read_back(data)
    assert all(isinstance(event, TextMessage) for event in events)
    assert [event.message_finished for event in events if isinstance(event, TextMessage)][-1]
    return "".join(event.data for event in events if isinstance(event, TextMessage))


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_a_text_of_any_length_arrives_whole(size: int) -> None:
    assert text_of(frames.frame(frames.TEXT, b"x" * size)) == "x" * size


@pytest.mark.parametrize(("opcode", "kind"), [(frames.PING, Ping), (frames.PONG, Pong)])
def test_a_control_frame_carries_its_payload(opcode: int, kind: type[Ping | Pong]) -> None:
    [event] = read_back(frames.frame(opcode, b"abc"))
    assert isinstance(event, kind)
    assert bytes(event.payload) == b"abc"


def test_frames_that_were_joined_come_apart_again() -> None:
    joined = frames.progress_frame(1, b"{}") + frames.status_frame(2, b'{"runId":"r"}')
    texts = [event.data for event in read_back(joined) if isinstance(event, TextMessage)]
    assert [json.loads(text) for text in texts] == [
        {"type": "job.progress", "jobId": 1, "payload": {}},
        {"type": "job.status", "jobId": 2, "payload": {"runId": "r"}},
    ]


def test_a_payload_is_passed_on_byte_for_byte() -> None:
    payload = '{ "nodeId" : 1, "name":"L\\u00f6ad é", "x":[1.50] }'.encode()
    assert payload in frames.progress_frame(42, payload)
    assert payload in frames.status_frame(42, payload)


@pytest.mark.parametrize("code", list(CloseCode))
def test_every_code_of_the_catalogue_can_be_sent_with_its_reason(code: CloseCode) -> None:
    [event] = read_back(frames.close_frame(code, REASONS[code]))
    assert isinstance(event, CloseConnection)
    assert (event.code, event.reason or "") == (code, REASONS[code])


@given(st.text(max_size=300))
def test_a_close_reason_of_any_text_fits_into_a_control_frame(reason: str) -> None:
    [event] = read_back(frames.close_frame(1002, reason))
    assert isinstance(event, CloseConnection)
    assert event.code == 1002
    assert reason.startswith(event.reason or "")
    assert len(event.reason or "") == len(reason) or len((event.reason or "").encode()) > 119


@given(st.text(st.characters(codec=None)))
def test_an_error_message_of_any_text_can_be_sent(message: str) -> None:
    """A lone surrogate too: a browser may send one in an escape, and gets it back in our answer."""
    text = text_of(frames.error_frame("bad", message))
    assert json.loads(text) == {"type": "error", "code": "bad", "message": message}
