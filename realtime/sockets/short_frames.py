"""What clients send nearly always, read without wsproto, which takes thirty times as long: whole short texts, pings and pongs."""

from wsproto import events

from realtime.sockets.frames import PING, PONG, TEXT

_HEADER = 6  # bytes: opcode, length, mask
_MASKED = 0x80
_CONTROLS: dict[int, type[events.Ping | events.Pong]] = {PING: events.Ping, PONG: events.Pong}
_LONGEST = 125  # bytes of a payload whose length stands in the header's second byte


def take_short_frames(received: bytes) -> tuple[list[events.Event], bytes]:
    """The events of the whole short frames with which `received` begins, and what follows them.

    `received` begins with a frame, and not in the midst of a fragmented message. What follows begins with a frame, too:
    one that is cut, long, fragmented, wrong, or of another kind.
    """
    found: list[events.Event] = []
    start = 0
    while start < len(received):
        event, end = _short_frame(received, start)
        if event is None:
            break
        found.append(event)
        start = end
    return found, received[start:]


def _short_frame(received: bytes, start: int) -> tuple[events.Event | None, int]:
    """The event of the frame at `start`, and where the next one begins; None for any other kind of frame."""
    body = start + _HEADER
    if len(received) < body:
        return None, start
    opcode, length = received[start], received[start + 1] - _MASKED
    end = body + length
    if not 0 <= length <= _LONGEST or len(received) < end:
        return None, start
    payload = _unmasked(received[start + 2 : body], received[body:end])
    if opcode == TEXT:
        try:
            return events.TextMessage(payload.decode()), end
        except UnicodeDecodeError:
            return None, start
    control = _CONTROLS.get(opcode)
    return (None, start) if control is None else (control(payload), end)


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload) ^ int.from_bytes(key)).to_bytes(length)
