"""The bytes of a file as UTF-8, at the pace at which they come."""

from __future__ import annotations

import codecs
import io
import os
import select
import stat
import time
from typing import BinaryIO

from program_lib.files.signatures import KINDS, kind_of
from program_lib.ports import BATCH_SECONDS

NEAR = 4 * 1024  # bytes; few lines are longer
UTF_16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
MARKS = {"gb18030": b"\x84\x31\x95\x33"}  # of what is not UTF-8, and is left out
STARTS = (codecs.BOM_UTF8, *UTF_16_MARKS, *MARKS.values(), *KINDS)  # what the first bytes may be


class Undecodable(Exception):
    """Bytes that the encoding does not have; `before` is what stands before them since the last `read`."""

    def __init__(self, before: bytes, found: bytes) -> None:
        super().__init__(found)
        self.before = before
        self.found = found


class OtherEncoding(Exception):
    """The first bytes are not those of the encoding; the text says why, after the file's name."""


class NoText(Exception):
    """The first bytes are those of another kind of file; the text says which, after the file's name."""


class Source:
    """Reads a file, a pipe or whatever else opens. One thread uses it."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self.encoding = encoding
        self._file = file
        self._decoder = _decoder(encoding)
        self.is_utf8 = self._decoder is None
        self._mark = codecs.BOM_UTF8 if self.is_utf8 else MARKS.get(encoding)
        self._begun: bytes | None = b""  # the first bytes, until it is seen which mark they are
        self.is_file = _is_file(file)
        is_plain = isinstance(file, io.BufferedReader) and self.is_file and self.is_utf8
        self._descriptor = file.fileno() if is_plain else None  # where lines are seen beforehand
        self.size = _size(file)  # bytes; None: not known
        self._given = 0  # bytes that the file gave; more than it has where it is packed
        self.is_at_end = False

    def share(self, unread: int) -> float | None:
        """Which part of the file's bytes, packed or not, was read but for the last `unread` ones; None where that is not known."""
        if not self.size or not self._given:
            return None
        done = self._file.tell() * (1 - unread / self._given)
        return min(1.0, max(0.0, done / self.size))  # a file may have grown

    def again(self) -> Source:
        """A file's bytes from the start; this source ends with that."""
        assert self.is_file
        self._file.seek(0)
        return Source(self._file, self.encoding)

    def read(self, size: int) -> bytes:
        """Up to about `size` bytes; from a pipe what comes within BATCH_SECONDS after its first bytes.

        Empty at the end, and sometimes before: `is_at_end` tells. UTF-8 passes unchecked. Raises Undecodable, and
        OtherEncoding and NoText for the first bytes.
        """
        if self.is_file:
            raw = self._file.read(self._up_to_a_line_end(size))
            self.is_at_end = not raw
        else:
            raw = self._read_slowly(size)
        self._given += len(raw)
        if self._begun is not None:
            raw = self._without_mark(raw)
        return raw if self._decoder is None else self._decoded(raw)

    def _up_to_a_line_end(self, size: int) -> int:
        """The most bytes up to `size` after which a line ends, if one ends near: then none are left over, to be copied."""
        if self._descriptor is None or size < 2 * NEAR:
            return size
        start = self._file.tell() + size - NEAR
        found = os.pread(self._descriptor, NEAR, start).rfind(b"\n")
        return size - NEAR + found + 1 if found >= 0 else size

    def _read_slowly(self, size: int) -> bytes:
        descriptor = self._file.fileno()
        parts = [os.read(descriptor, size)]
        deadline = time.monotonic() + BATCH_SECONDS
        while parts[-1] and sum(map(len, parts)) < size and _is_ready(descriptor, deadline):
            parts.append(os.read(descriptor, size))
        self.is_at_end = not parts[-1]
        return b"".join(parts)

    def _without_mark(self, raw: bytes) -> bytes:
        """Looks for a byte order mark, or a file that is no text, which a pipe may hand on byte by byte; leaves out that of UTF-8 and of GB 18030.

        Some files have it twice, of two programs that each wrote one.
        """
        assert self._begun is not None
        begun = self._begun + raw
        while self._mark and begun.startswith(self._mark):
            begun = begun.removeprefix(self._mark)
        if not self.is_at_end and any(len(begun) < len(s) and s.startswith(begun) for s in STARTS):
            self._begun = begun
            return b""
        self._begun = None
        self._check_mark(begun)
        return begun

    def _check_mark(self, begun: bytes) -> None:
        """Raises NoText for what is no text, OtherEncoding for the mark of another encoding, and for UTF-16 without one."""
        if (kind := kind_of(begun)) is not None:
            raise NoText(kind)
        if self.encoding == "utf-16":
            if begun and not begun.startswith(UTF_16_MARKS):
                raise OtherEncoding("does not begin with the byte order mark that utf-16 needs")
        elif begun.startswith(UTF_16_MARKS):
            raise OtherEncoding("begins with the byte order mark of utf-16")
        elif not self.is_utf8 and begun.startswith(codecs.BOM_UTF8):
            raise OtherEncoding("begins with the byte order mark of utf-8")

    def _decoded(self, raw: bytes) -> bytes:
        assert self._decoder is not None
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(raw, final=self.is_at_end).encode()
        except UnicodeDecodeError as error:
            self._decoder.setstate(state)
            good = raw[: max(0, error.start - len(state[0]))]
            before = self._decoder.decode(good).encode()
            raise Undecodable(before, error.object[error.start : error.end]) from error


def _decoder(encoding: str) -> codecs.IncrementalDecoder | None:
    """None for what is UTF-8 already: Arrow checks its bytes, faster."""
    if encoding.startswith("utf-8"):
        return None
    return codecs.getincrementaldecoder(encoding)(errors="strict")


def _is_file(file: BinaryIO) -> bool:
    """Whether all bytes are there, so that reading never waits for somebody."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except io.UnsupportedOperation:  # in memory
        return True


def _size(file: BinaryIO) -> int | None:
    try:
        status = os.fstat(file.fileno())
    except io.UnsupportedOperation:  # in memory, or in a store
        return getattr(file, "size", None)
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _is_ready(descriptor: int, deadline: float) -> bool:
    """Whether more bytes, or the end, come before the deadline."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN | select.POLLHUP)
    return bool(poll.poll(max(0.0, deadline - time.monotonic()) * 1000))
