"""The log of a run: written up to a cap, read by offset, its end kept beside the run."""

import logging
import os
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from jobs.store.records import LogEnd
from progress_lib.terminal import as_shown

LOG = logging.getLogger(__name__)

LOG_CAP = 16 * 1024 * 1024  # bytes of a run's log; further bytes are only counted
TAIL_LINES = 5  # last stderr lines that a failed run's reason quotes
TAIL_LINE = 400  # characters kept of each of them
# Bytes kept of a line that has not ended: of each character four, with room for colours. What follows is joined to them
TAIL_REST = 16 * TAIL_LINE
CHUNK = 256 * 1024  # bytes that one read returns at most
KEPT = 256 * 1024  # bytes of a log's end that the database keeps


class ProgramLog:
    """Takes a program's output. One thread writes. A full disk ends the log, and not the run."""

    def __init__(self, path: Path, cap: int = LOG_CAP) -> None:
        self._room = cap
        self._cap = cap
        self._dropped = 0
        self._fault: OSError | None = None
        self._file: BinaryIO | None = path.open("ab", buffering=0)

    def write(self, output: bytes) -> None:
        kept = output[: self._room]
        self._room -= len(kept)
        self._dropped += len(output) - len(kept)
        self._append(kept)

    def close(self) -> None:
        """Writes how much is missing, and closes the file. Harmless when repeated."""
        if self._file is None:
            return
        if self._dropped:
            said = f"\n[log capped at {self._cap:,} bytes: {self._dropped:,} more were dropped]\n"
            self._append(said.encode())
        self._file.close()
        self._file = None

    def _append(self, piece: bytes) -> None:
        if self._file is None or self._fault is not None:
            return
        try:
            while piece:
                piece = piece[self._file.write(piece) :]
        except OSError as error:
            self._fault = error


class LineTail:
    """The last TAIL_LINES lines of a stream as a terminal shows them, each cut to TAIL_LINE characters."""

    def __init__(self, lines: int = TAIL_LINES) -> None:
        self._lines: deque[str] = deque(maxlen=lines)
        self._rest = b""

    def feed(self, output: bytes) -> None:
        *complete, rest = (self._rest + output).split(b"\n")
        for line in complete[-(self._lines.maxlen or 0) * 4 :]:
            self._lines.extend(_shown_lines(line))
        # A CR at the end may be half of a line's
        written_over = rest.rfind(b"\r", 0, len(rest) - 1) + 1
        self._rest = rest[written_over:][:TAIL_REST]

    def text(self) -> str:
        lines = [*self._lines, *_shown_lines(self._rest)]
        return "\n".join(lines[-(self._lines.maxlen or 0) :])


def _shown_lines(line: bytes) -> list[str]:
    """What is kept of a line; nothing of a blank one."""
    shown = as_shown(line.decode(errors="replace"))
    return [shown[:TAIL_LINE].rstrip()] if shown.strip() else []


@dataclass(frozen=True, slots=True)
class LogBytes:
    """Bytes of a log from byte `start` on; `size`: of the whole log, as far as it is written."""

    start: int
    size: int
    content: bytes


@dataclass(frozen=True, slots=True)
class LogPiece:
    """A part of a log: the text of bytes `start` to `next`, of `size` in all."""

    start: int
    next: int
    size: int
    text: str

    @classmethod
    def of(cls, found: LogBytes, *, is_complete: bool) -> "LogPiece":
        """The text of these bytes, cut between characters. `is_complete`: nothing more will be written."""
        start, piece = found.start, found.content
        is_last = start + len(piece) == found.size
        whole = _whole_characters(piece)
        if whole or (is_last and not is_complete):  # the rest of a character may be on its way
            piece = whole
        text = piece.decode(errors="replace")
        return cls(start, start + len(piece), found.size, text)


NO_LOG = LogBytes(0, 0, b"")


def read_log(path: Path, start: int, limit: int = CHUNK) -> LogBytes:
    """At most `limit` bytes of a log from byte `start` (negative: from the end). A log that does not exist is empty."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return NO_LOG
    with file:
        size = os.fstat(file.fileno()).st_size
        start = max(size + start, 0) if start < 0 else min(start, size)
        file.seek(start)
        return LogBytes(start, size, file.read(limit))


def log_end(path: Path) -> LogEnd | None:
    """What is kept of a log with its run; None where there is no log, or none that can be read."""
    try:
        found = read_log(path, -KEPT, KEPT)
    except OSError as error:
        LOG.warning("the end of %s is not kept: %s", path, error)
        return None
    return None if found is NO_LOG else LogEnd(found.size, found.content)


def part_of(kept: LogEnd, start: int, limit: int = CHUNK) -> LogBytes:
    """As `read_log`, of a log of which only the end is kept: a piece that is asked for before that begins with it."""
    first = kept.size - len(kept.tail)
    start = kept.size + start if start < 0 else start
    start = min(max(start, first), kept.size)
    return LogBytes(start, kept.size, kept.tail[start - first :][:limit])


def _whole_characters(piece: bytes) -> bytes:
    """`piece` without a UTF-8 character that its end cuts in two."""
    for back in range(1, min(4, len(piece)) + 1):
        byte = piece[-back]
        if byte < 0x80:
            return piece
        if byte >= 0xC0:
            wanted = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return piece[:-back] if back < wanted else piece
    return piece
