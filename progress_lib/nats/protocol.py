"""The NATS client protocol, as pure functions of bytes: no socket, no thread, no clock."""

import json
import re
from typing import Any, NamedTuple

import msgspec

CRLF = b"\r\n"
MAX_CONTROL_LINE = 65_536  # bytes; a server's longest line is INFO of a large cluster
LARGEST_PAYLOAD = 64 << 20  # bytes; nats-server allows 64 MiB at most, more is not the protocol

_MSG = re.compile(rb"MSG ([!-~]+) (\d{1,18}) (?:([!-~]+) )?(\d{1,8})\r\n")  # as servers write it


class NatsError(Exception):
    """The family of everything that goes wrong with NATS."""


class ProtocolError(NatsError):
    """The server sent something that is not the NATS protocol: the connection is of no more use."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One delivered message; `reply` is "" when the publisher asked for none.

    Bytes of a subject that are no UTF-8 are lone surrogates, as in names of files.
    """

    sid: int
    subject: str
    reply: str
    payload: bytes


class Control(NamedTuple):
    """Everything but a message: PING, PONG, +OK, -ERR and INFO, with the rest of the line."""

    verb: bytes
    rest: bytes


class Parser:
    """Cuts the server's byte stream into messages and control lines, in order."""

    def __init__(self, prefix: str = "") -> None:
        """`prefix` is taken from the subjects that begin with it."""
        self._rest = b""
        self._prefix = prefix

    def feed(self, received: bytes) -> list[Message | Control]:
        """All that is complete after `received`. Raises ProtocolError."""
        buffer = self._rest + received if self._rest else received
        found: list[Message | Control] = []
        position = _take_messages(buffer, 0, found, self._prefix)
        while (end := buffer.find(CRLF, position)) >= 0:
            if buffer.startswith(b"MSG ", position):
                message, after = _message(buffer, position, end, self._prefix)
                if message is None:
                    break
                found.append(message)
                position = after
            else:
                found.append(_control(buffer[position:end]))
                position = end + 2
            position = _take_messages(buffer, position, found, self._prefix)
        else:
            if len(buffer) - position > MAX_CONTROL_LINE:
                raise ProtocolError(f"line without an end: {buffer[position : position + 80]!r}…")
        self._rest = buffer[position:]
        return found


def _take_messages(
    buffer: bytes, position: int, found: list[Message | Control], prefix: str
) -> int:
    """The quick way through complete messages; returns where something else begins."""
    while line := _MSG.match(buffer, position):
        subject, sid, reply, size = line.groups()
        body = line.end()
        after = body + int(size)
        if buffer[after : after + 2] != CRLF:
            break  # incomplete or wrong: `_message` tells which
        reply_to = reply.decode() if reply else ""
        stripped = subject.decode().removeprefix(prefix)
        found.append(Message(int(sid), stripped, reply_to, buffer[body:after]))
        position = after + 2
    return position


def _message(buffer: bytes, start: int, end: int, prefix: str) -> tuple[Message | None, int]:
    """The message whose MSG line stands at `start:end`, and where it ends; None while incomplete."""
    # Nothing but a space separates: a subject may hold any other byte
    words = buffer[start:end].split(b" ")
    try:
        size = int(words[-1])
        sid = int(words[2])
        subject = _subject(words[1]).removeprefix(prefix)
        reply = _subject(words[3]) if len(words) == 5 else ""
    except (ValueError, IndexError):
        raise ProtocolError(f"malformed line: {buffer[start:end][:120]!r}") from None
    if not 4 <= len(words) <= 5 or not 0 <= size <= LARGEST_PAYLOAD:
        raise ProtocolError(f"malformed line: {buffer[start:end][:120]!r}")
    body = end + 2
    after = body + size + 2
    if len(buffer) < after:
        return None, start
    if buffer[after - 2 : after] != CRLF:
        raise ProtocolError(f"payload of {size} bytes is not followed by a line end")
    return Message(sid, subject, reply, buffer[body : body + size]), after


def _subject(word: bytes) -> str:
    """Bytes that are no UTF-8 stay apart from all that are: a publisher may put anything there."""
    return word.decode(errors="surrogateescape")


def _control(line: bytes) -> Control:
    verb, _, rest = line.partition(b" ")
    verb = verb.upper()
    if verb not in (b"PING", b"PONG", b"+OK", b"-ERR", b"INFO"):
        raise ProtocolError(f"unknown line: {line[:120]!r}")
    return Control(verb, rest)


def parse_info(rest: bytes) -> dict[str, Any]:
    """The JSON object of an INFO line. Raises ProtocolError."""
    try:
        info = json.loads(rest)
    except (ValueError, RecursionError):
        raise ProtocolError(f"malformed INFO: {rest[:120]!r}") from None
    if not isinstance(info, dict):
        raise ProtocolError(f"malformed INFO: {rest[:120]!r}")
    return info
