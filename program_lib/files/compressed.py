"""Files that are packed, as the end of their name says: .gz by gzip, .zst by Zstandard."""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from contextlib import suppress
from pathlib import PurePath
from typing import BinaryIO

import pyarrow as pa

from program_lib.errors import ProgramError, shortened
from program_lib.files.data_files import check_same, opened
from program_lib.files.part_files import Appending, Part, part_at
from program_lib.stores import Place

PACKINGS = {".gz": "gzip", ".zst": "zstd"}  # by the end of a name, in any case
GZIP_LEVEL = 6  # of 9: the last ones take three times as long for a hundredth of the size


def packing(path: str) -> str | None:
    """How a file of this name is packed; None where it is plain."""
    return PACKINGS.get(PurePath(path).suffix.lower())


# --- reading -------------------------------------------------------------------------------------


def opened_unpacked(path: str) -> BinaryIO:
    """A file of the graph, to be read as what it holds."""
    file, how = opened(path), packing(path)
    return file if how is None else Unpacked(file, how, PurePath(path).name)


class Unpacked(io.BufferedIOBase, BinaryIO):
    """What a packed file holds. Its descriptor and its place are those of the packed file.

    A file that is cut off is an error at the place where more should come, never an end.
    """

    def __init__(self, file: BinaryIO, how: str, name: str) -> None:
        self._file, self._how, self._name = file, how, name
        if not _is_whole(file):
            file.close()
            raise ProgramError(f"{name} is packed, and is no file but a pipe: unpack it before")
        self._stream = self._started()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0  # what all of it unpacks to may fill the memory
        try:
            read = bytes(self._stream.read(size))
        except (OSError, EOFError, zlib.error) as error:
            if getattr(error, "errno", None) is not None:
                raise
            check_same(self._file)
            told = shortened(str(error))
            raise ProgramError(
                f"{self._name} is damaged, or no {self._how} file: {told}"
            ) from error
        if not read:
            check_same(self._file)
            if not self.tell():  # even of nothing a packed file has some bytes
                raise ProgramError(f"{self._name} is cut off: it has no bytes at all")
        return read

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """To the start alone."""
        assert (offset, whence) == (0, os.SEEK_SET)
        self._file.seek(0)
        self._stream = self._started()
        return 0

    def tell(self) -> int:
        """Bytes of the packed file that were read."""
        return self._file.tell()

    def fileno(self) -> int:
        return self._file.fileno()

    @property
    def size(self) -> int | None:
        """Bytes of the packed object; None of a file, whose descriptor tells them."""
        return getattr(self._file, "size", None)

    def close(self) -> None:
        self._file.close()
        super().close()

    def _started(self) -> gzip.GzipFile | pa.CompressedInputStream:
        if self._how == "gzip":  # Arrow refuses zeros after a stream, as tapes and blocks have them
            return gzip.GzipFile(fileobj=self._file, mode="rb")
        return pa.CompressedInputStream(pa.PythonFile(_Packed(self._file), mode="r"), self._how)


def _is_whole(file: BinaryIO) -> bool:
    """Whether it can be read again from its start: a file, or an object of a store."""
    try:
        return stat.S_ISREG(os.fstat(file.fileno()).st_mode)
    except io.UnsupportedOperation:
        return file.seekable()


class _Packed(io.RawIOBase):
    """A file's bytes; it stays open when Arrow is done with them, since they may be read again."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


# --- writing -------------------------------------------------------------------------------------


def part_file(place: Place, how: str | None) -> Part:
    """The part file of a writer; it packs what is appended where `how` names a packing."""
    part = part_at(place)
    return part if how is None else PackedPart(part, how)


class PackedPart:
    """A part file that packs what is appended, as one stream: some readers know no second one in a file."""

    def __init__(self, part: Part, how: str) -> None:
        self._part, self._how = part, how
        self._stream: gzip.GzipFile | pa.CompressedOutputStream | None = None
        self._failure: OSError | None = None

    @property
    def size(self) -> int:
        """Packed; a little more is on its way."""
        return self._part.size

    def start(self) -> None:
        self._part.start()
        below = Appending(self._part.append)
        if self._how == "gzip":
            self._stream = gzip.GzipFile("", "wb", GZIP_LEVEL, below, mtime=0)
        else:
            self._stream = pa.CompressedOutputStream(pa.PythonFile(below, mode="w"), self._how)

    def append(self, *contents: bytes | memoryview) -> None:
        """As of a plain file; but after an error of the system, a packed one takes no more."""
        assert self._stream is not None
        if self._failure is not None:
            raise self._failure
        try:
            for content in contents:
                self._stream.write(content)
        except OSError as error:
            self._failure = error
            raise

    def finish(self) -> None:
        assert self._stream is not None
        self._stream.close()
        self._part.finish()

    def commit(self) -> None:
        self._part.commit()

    def undo(self) -> None:
        """The stream is closed first: it would write its end when Python lets go of it."""
        with suppress(Exception):
            if self._stream is not None:
                self._stream.close()
        self._stream = None
        self._part.undo()
