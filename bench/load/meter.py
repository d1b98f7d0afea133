"""Counts the messages that clients read, and their latency. Pure; the bench's innermost loop.

All frames of a job have the same size and differ only in their stamp. So many frames are checked
together, with a few slices that take each size-th byte. Other frames are read one by one.
"""

from __future__ import annotations

import json
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.load.wire import (
    BINARY,
    CONTINUATION,
    LIVE,
    SEQ_SIZE,
    STAMP_SIZE,
    TEXT,
    WARM,
    frame_at,
)

TICK = 10_000  # ns; the resolution of a latency
SAMPLES = 4  # latencies taken of one read, if it has as many frames
_MOST_ALIKE = 5_000  # frames that are checked together
_LAST_DIGITS = b"0123456789" * (_MOST_ALIKE // 10 + 1)
_NOTHING: list[tuple[int, bytes]] = []


class Latencies:
    """How often each latency came, in ticks."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.longest = 0  # ns

    def add(self, ns: int, times: int = 1) -> None:
        if ns > self.longest:
            self.longest = ns
        tick = ns // TICK if ns > 0 else 0
        self.counts[tick] = self.counts.get(tick, 0) + times

    def add_alike(self, now: int, data: bytes, stamp: int, size: int, count: int) -> None:
        """Adds the latencies of `count` frames of one read. The first stamp is at `stamp`, the next `size` on.

        A few evenly spread frames count for all, since to read each stamp would itself add latency.
        """
        self.longest = max(self.longest, now - int(data[stamp : stamp + STAMP_SIZE]))
        step = max(1, count // SAMPLES)
        rest = count % step
        counts, stride = self.counts, step * size
        middle = stamp + step // 2 * size
        for start in range(middle, middle + (count - rest) * size, stride):
            tick = (now - int(data[start : start + STAMP_SIZE])) // TICK
            counts[tick] = counts.get(tick, 0) + step
        if rest:
            start = stamp + (count - 1 - rest // 2) * size
            self.add(now - int(data[start : start + STAMP_SIZE]), rest)

    def percentile(self, share: float) -> float:
        """The latency (ms) that this share of messages did not exceed; 0.0 when there are none."""
        wanted = max(1, round(share * sum(self.counts.values())))
        seen = 0
        for tick in sorted(self.counts):
            seen += self.counts[tick]
            if seen >= wanted:
                return min((tick + 0.5) * TICK, self.longest) / 1e6
        return 0.0


class Shape(NamedTuple):
    """What all frames of a job have in common."""

    size: int  # bytes of the whole frame
    head: bytes  # all before the stamp's digits
    fixed: tuple[tuple[int, bytes], ...]  # positions that are compared, and the byte there

    @classmethod
    def of(cls, frame: bytes) -> Shape:
        """The shape of a job's frames, learned from a warm-up message."""
        mark = frame.index(WARM)
        head = frame[:mark] + LIVE
        length = 3 if frame[1] == 126 else 1  # last byte of the length field
        places = (0, length, mark + 1)
        return cls(len(frame), head, tuple((place, head[place : place + 1]) for place in places))

    def is_begun_by(self, data: bytes) -> bool:
        """Whether `data` is an incomplete frame of this shape."""
        return len(data) < self.size and data[: len(self.head)] == self.head[: len(data)]


@dataclass(slots=True)
class Ear:
    """What one client has heard."""

    job: int  # its place among the jobs, not its id
    rest: bytes = b""  # the beginning of a frame
    fragments: bytes = b""
    last_seq: int = 0
    is_warm: bool = False


@dataclass
class Meter:
    """All clients' counts. `job_base` is the id of the first job."""

    jobs: int
    job_base: int
    warm: MutableSequence[int]  # clients of each job that have heard a warm-up message
    latencies: Latencies = field(default_factory=Latencies)
    received: int = 0
    skipped: int = 0  # messages of which only a later one came
    doubled: int = 0  # messages that came again, or after a later one
    strange: int = 0  # messages without a stamp, or with a wrong envelope
    first_strange: str = ""
    warm_seen: int = 0  # warm-up messages
    last_at: int = 0  # ns; when the last message was read

    def __post_init__(self) -> None:
        self._shapes: list[Shape | None] = [None] * self.jobs

    def hear(self, ear: Ear, data: bytes, now: int) -> list[tuple[int, bytes]]:
        """Takes what a client has read at `now` (ns); returns its control frames. Raises BadFrame."""
        if ear.rest:
            data = ear.rest + data
            ear.rest = b""
        shape = self._shapes[ear.job]
        if shape is not None and len(data) >= shape.size:
            if len(data) == shape.size and data.startswith(shape.head):
                self._one(ear, data, len(shape.head), now)
                return _NOTHING
            taken = self._alike(ear, shape, data, now)
            if taken == len(data):
                return _NOTHING
            data = data[taken:]
            if shape.is_begun_by(data):
                ear.rest = data
                return _NOTHING
        return self._each(ear, data, now)

    def _one(self, ear: Ear, data: bytes, stamp: int, now: int) -> None:
        """A live message whose digits begin at `stamp`."""
        comma = stamp + STAMP_SIZE
        seq = int(data[comma + 1 : comma + 1 + SEQ_SIZE])
        if seq == ear.last_seq + 1:
            ear.last_seq = seq
        elif seq > ear.last_seq:
            self.skipped += seq - ear.last_seq - 1
            ear.last_seq = seq
        else:
            self.doubled += 1
            return
        self.received += 1
        self.last_at = now
        self.latencies.add(now - int(data[stamp:comma]))

    def _alike(self, ear: Ear, shape: Shape, data: bytes, now: int) -> int:
        """Takes the frames at the beginning if they have one shape and are in order. Returns the bytes taken."""
        size, stamp = shape.size, len(shape.head)
        count = min(len(data) // size, _MOST_ALIKE)
        end = count * size
        for place, byte in shape.fixed:
            if data[place:end:size] != byte * count:
                return 0
        seq = stamp + STAMP_SIZE + 1
        last_digit = seq + SEQ_SIZE - 1
        try:
            first = int(data[seq : seq + SEQ_SIZE])
            last = int(data[end - size + seq : end - size + seq + SEQ_SIZE])
            digit = first % 10
            follows = data[last_digit:end:size] == _LAST_DIGITS[digit : digit + count]
            if first != ear.last_seq + 1 or last != first + count - 1 or not follows:
                return 0
            self.latencies.add_alike(now, data, stamp, size, count)
        except ValueError:
            return 0
        ear.last_seq = last
        self.received += count
        self.last_at = now
        return end

    def _each(self, ear: Ear, data: bytes, now: int) -> list[tuple[int, bytes]]:
        """Takes frames of any kind, one by one. Returns the control frames."""
        control: list[tuple[int, bytes]] = []
        at = 0
        while (frame := frame_at(data, at)) is not None:
            payload = data[frame.start : frame.end]
            if frame.opcode not in (CONTINUATION, TEXT, BINARY):
                control.append((frame.opcode, payload))
            elif frame.is_final and frame.opcode != CONTINUATION:
                self._message(ear, data[at : frame.end], payload, now)
            else:
                ear.fragments += payload
                if frame.is_final:
                    whole, ear.fragments = ear.fragments, b""
                    self._message(ear, b"", whole, now)
            at = frame.end
        ear.rest = data[at:]
        return control

    def _message(self, ear: Ear, frame: bytes, payload: bytes, now: int) -> None:
        if (mark := payload.find(LIVE)) >= 0:
            try:
                return self._one(ear, payload, mark + len(LIVE), now)
            except ValueError:
                pass  # no digits, so not a message of the bench
        elif WARM in payload:
            self.warm_seen += 1
            if not ear.is_warm:
                self._greet(ear, frame, payload)
            return None
        return self._note(payload)

    def _greet(self, ear: Ear, frame: bytes, payload: bytes) -> None:
        """Takes a client's first message, which shows the shape of its job's frames."""
        ear.is_warm = self._is_right(ear, payload)
        self.warm[ear.job] += ear.is_warm
        if ear.is_warm and frame and self._shapes[ear.job] is None:
            self._shapes[ear.job] = Shape.of(frame)

    def _is_right(self, ear: Ear, payload: bytes) -> bool:
        """Whether the envelope is a job.progress message of the client's job."""
        wanted = ("job.progress", self.job_base + ear.job, 1)
        try:
            message = json.loads(payload)
            found = (message["type"], message["jobId"], message["payload"]["nodeId"])
        except (ValueError, LookupError, TypeError):
            found = None
        if found != wanted:
            self._note(payload)
        return found == wanted

    def _note(self, payload: bytes) -> None:
        self.strange += 1
        self.first_strange = self.first_strange or payload[:200].decode(errors="replace")
