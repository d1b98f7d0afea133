"""What a gzip file holds, by zlib: Arrow's reader refuses a file that is filled up with zeros, as tapes and blocks leave them."""

from __future__ import annotations

import zlib
from typing import BinaryIO

BLOCK = (
    32 * 1024
)  # bytes that are read at once; of members that are short the rest is copied for each
_GZIP = 31  # zlib's number for gzip's header and checksum


class Gunzip:
    """The members of a file, one after the other, each with its checksum. Zeros after one are left out."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._is_within = False  # a member, whose end must come
        self._padding = b""  # what may stand before the next member: nothing before the first

    def read(self, size: int) -> bytes:
        """So many bytes, or what is left. Raises OSError for what is no gzip file, damaged or cut off."""
        parts: list[bytes] = []
        while size and self._has_more():
            try:
                parts.append(self._member.decompress(self._packed, size))
            except zlib.error as error:
                raise OSError(str(error).rpartition(": ")[2]) from error
            self._packed = self._member.unconsumed_tail
            if self._member.eof:
                self._next_member()
            size -= len(parts[-1])
        return b"".join(parts)

    def _has_more(self) -> bool:
        while True:
            if not self._is_within:
                self._packed = self._packed.lstrip(self._padding)
            if self._packed:
                self._is_within = True
                return True
            self._packed = self._file.read(BLOCK)
            if not self._packed and self._is_within:
                raise OSError("it is cut off")
            if not self._packed:
                return False

    def _next_member(self) -> None:
        self._packed = self._member.unused_data
        self._member = zlib.decompressobj(_GZIP)
        self._is_within, self._padding = False, b"\0"
