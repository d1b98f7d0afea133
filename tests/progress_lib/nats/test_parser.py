"""The NATS protocol's parser: pure, so it is fed everything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from progress_lib.nats.protocol import Control, Message, NatsError, Parser, ProtocolError

TOKENS = st.text("abcXYZ019-_", min_size=1, max_size=12)
MESSAGES = st.builds(
    Message,
    sid=st.integers(0, 10**6),
    subject=st.lists(TOKENS, min_size=1, max_size=5).map(".".join),
    reply=st.just("") | TOKENS,
    payload=st.binary(max_size=300),
)
CONTROLS = st.sampled_from(
    [Control(b"PING", b""), Control(b"PONG", b""), Control(b"+OK", b""), Control(b"-ERR", b"'x'")]
)


def wire(op: Message | Control) -> bytes:
    if isinstance(op, Control):
        return op.verb + (b" " + op.rest if op.rest else b"") + b"\r\n"
    reply = op.reply + " " if op.reply else ""
    head = f"MSG {op.subject} {op.sid} {reply}{len(op.payload)}\r\n"
    return head.encode() + op.payload + b"\r\n"


@given(st.lists(MESSAGES | CONTROLS, max_size=20), st.lists(st.integers(1, 60), min_size=1))
def test_any_cut_of_the_stream_gives_the_same_messages(
    ops: list[Message | Control], cuts: list[int]
) -> None:
    stream, parser, found, turn = b"".join(map(wire, ops)), Parser(), [], 0
    while stream:
        size = cuts[turn % len(cuts)]
        found += parser.feed(stream[:size])
        stream, turn = stream[size:], turn + 1
    assert found == ops


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_nonsense_ends_in_a_protocol_error_or_in_nothing(pieces: list[bytes]) -> None:
    parser = Parser()
    try:
        for piece in pieces:
            parser.feed(piece)
    except NatsError:
        pass


@pytest.mark.parametrize(
    "line",
    [
        b"MSG a\r\n",
        b"MSG a x 3\r\nabc\r\n",
        b"MSG a 1 -3\r\n",
        b"MSG a 1 3\r\nabcdef\r\n",
        b"MSG a 1 99999999999\r\n",
        b"HELLO\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_not_the_protocol_is_refused(line: bytes) -> None:
    with pytest.raises(ProtocolError):
        Parser().feed(line)


@pytest.mark.parametrize("odd", [b"caf\xe9", b"a\x0bb", b"a\xa0b", "é".encode(), b"\x7f"])
def test_any_byte_but_a_space_may_stand_in_a_subject(odd: bytes) -> None:
    """nats-server stores what a publisher of Latin-1 sends; it must not cost others the connection."""
    [message] = Parser().feed(b"MSG tenant." + odd + b" 1 3\r\nabc\r\n")
    assert isinstance(message, Message)
    assert message.payload == b"abc"
    assert message.subject.encode(errors="surrogateescape") == b"tenant." + odd
