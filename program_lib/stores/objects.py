"""Objects as files: read by ranges, and written beside their place, where the store copies them at the end."""

from __future__ import annotations

import io
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import pyarrow as pa
from pyarrow import fs

from program_lib.errors import ProgramError, TargetFailed
from program_lib.stores.names import SCHEME, parted
from program_lib.stores.store import ATTEMPTS, Store, named_store

BUFFER = 1024 * 1024  # bytes that are asked for at least: each question takes a while
MOST_AHEAD = 8 * 1024 * 1024  # bytes of a question; where one reads on, each is twice the last
MOST_BYTES = 5 * 2**30  # of an object that is written: a store copies no larger one at once
# As the library says that an answer is longer than its range
NO_ROOM = "Failed to flush response stream"
BUSY_SECONDS = 0.5  # before a store is asked again; then twice as long
PART = ".{id}.part"  # beside what data is: patterns do not match it


class Marks(NamedTuple):
    """What a store tells of an object: none of it alone changes with each change."""

    etag: bytes  # of its bytes, and of how they were sent; stores may leave it out
    size: bytes
    changed_at: bytes  # a second

    @classmethod
    def of(cls, found: pa.NativeFile) -> Marks:
        told = found.metadata()
        names = ("ETag", "Content-Length", "Last-Modified")
        return cls(*(told.get(name, b"") for name in names))


@dataclass(frozen=True, slots=True)
class StoredObject:
    """The place of an object."""

    store: Store
    path: str  # in the bucket, below the prefix

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        return f"{SCHEME}{self.store.name}/{self.path}"

    @property
    def key(self) -> str:
        return self.store.key(self.path)

    @property
    def identity(self) -> str:
        """The same for all connections that lead to it."""
        return f"{self.store.endpoint}/{self.key}"

    def about(self) -> fs.FileInfo | None:
        """What the store says of it; None where it is not there. Raises ProgramError."""
        with self.store.asked(self.path):
            found = self.store.filesystem.get_file_info(self.key)
        return found if found.type == fs.FileType.File else None

    def size(self) -> int:
        """Its bytes; 0 where it is not there."""
        found = self.about()
        return found.size if found is not None else 0

    def marks(self) -> Marks | None:
        """What changes with it; None where it is not there. Raises ProgramError."""
        opening = self.store.filesystem.open_input_file
        with self.store.asked(self.path), suppress(FileNotFoundError), opening(self.key) as found:
            return Marks.of(found)
        return None

    def opened(self) -> BinaryIO:
        return StoredFile(self)

    def hidden(self) -> StoredObject:
        """A new place beside all data. At the top: where the last object of a directory goes, Arrow leaves a mark of it."""
        return StoredObject(self.store, PART.format(id=uuid.uuid4().hex))

    def backup(self) -> StoredObject | None:
        """A hidden copy of it; None where it is not there."""
        if self.about() is None:
            return None
        copy = self.hidden()
        self.copy_to(copy)
        return copy

    def names_beside(self) -> Iterator[str]:
        """What lies in its directory."""
        for found in listed_in(self.store, self.path.rpartition("/")[0]):
            if found.type == fs.FileType.File:
                yield str(found.base_name)

    def copy_to(self, other: StoredObject) -> None:
        """The store copies it, as a whole or not at all. Where its answer is lost, what is there decides."""
        before = other.marks()
        try:
            with self.store.asked(other.path):
                self.store.filesystem.copy_file(self.key, other.key)
        except ProgramError:
            if not self._is_copied(other, before):
                raise

    def _is_copied(self, other: StoredObject, before: Marks | None) -> bool:
        """Whether the other is as long as this one, and not what it was before."""
        try:
            ours, now = self.marks(), other.marks()
        except ProgramError:  # what went wrong first is what counts
            return False
        if ours is None or now is None:
            return False
        return now.size == ours.size and now != before

    def delete(self) -> None:
        with self.store.asked(self.path):
            self.store.filesystem.delete_file(self.key)


def stored(path: str) -> StoredObject:
    """The object of a path s3://CONNECTION/path. Raises ProgramError."""
    try:
        name, below = parted(path)
    except ValueError as error:
        raise ProgramError(f"{path} {error}") from None
    return StoredObject(named_store(name), below)


def listed_in(store: Store, directory: str) -> Iterator[fs.FileInfo]:
    """What lies in a directory, "" is the top; nothing where there is no such directory."""
    base = store.key(directory) if directory else store.base
    with store.asked(directory):
        yield from store.filesystem.get_file_info(fs.FileSelector(base, allow_not_found=True))


class StoredFile(io.BufferedIOBase, BinaryIO):
    """An object, to be read. One that is replaced meanwhile is an error at its end, never half of each."""

    def __init__(self, place: StoredObject) -> None:
        self._place = place
        found = place.about()
        with place.store.asked(place.path):
            if found is None:
                raise FileNotFoundError(place.path)
            source = place.store.filesystem.open_input_file(place.key)
        self.size = found.size  # bytes
        self._ranges = _Ranges(place, source, found)
        self._file = io.BufferedReader(self._ranges, BUFFER)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def check_same(self) -> None:
        """Raises ProgramError where the object was replaced since: who jumps in it need not come to its end."""
        self._ranges.check_same()

    def close(self) -> None:
        self._file.close()
        super().close()


class _Ranges(io.RawIOBase):
    """The bytes of an object as they are asked for; more at once where one reads on and on."""

    def __init__(self, place: StoredObject, source: pa.NativeFile, found: fs.FileInfo) -> None:
        super().__init__()
        self._place, self._source, self._found = place, source, found
        self._marks = Marks.of(source)
        self._at = 0
        self._kept, self._kept_at = memoryview(b""), 0  # bytes of the last question
        self._ahead = 0  # bytes that it asked for

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._at >= self._found.size:
            return 0
        if not self._kept_at <= self._at < self._kept_end:
            self._ask(len(buffer))
        begin = self._at - self._kept_at
        given = self._kept[begin : begin + len(buffer)]
        buffer[: len(given)] = given
        self._at += len(given)
        return len(given)

    @property
    def _kept_end(self) -> int:
        return self._kept_at + len(self._kept)

    def _ask(self, size: int) -> None:
        goes_on = self._at == self._kept_end
        self._ahead = min(max(2 * self._ahead, size), MOST_AHEAD) if goes_on else size
        wanted: int = min(max(self._ahead, size), self._found.size - self._at)
        with self._place.store.asked(self._place.path):
            read = self._read_at(wanted, self._at)
        if self._at + wanted >= self._found.size or len(read) != wanted:
            self.check_same()
        if len(read) != wanted:
            raise ProgramError(
                f"{self._place} is cut off: the store gave {len(read):,} of {wanted:,} bytes"
            )
        self._kept, self._kept_at = memoryview(read), self._at

    def _read_at(self, size: int, at: int) -> bytes:
        """The library asks no second time where the store says in more bytes than were asked for that it is busy."""
        for attempt in range(1, ATTEMPTS):
            try:
                return bytes(self._source.read_at(size, at))
            except OSError as error:
                if NO_ROOM not in str(error):
                    raise
                time.sleep(BUSY_SECONDS * 2 ** (attempt - 1))
        return bytes(self._source.read_at(size, at))

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        size: int = self._found.size
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: size}[whence]
        self._at = start + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def check_same(self) -> None:
        is_other = int(self._marks.size) != self._found.size  # between two questions at the start
        if is_other or self._place.marks() != self._marks:
            raise ProgramError(f"{self._place} was replaced while it was read: run it again")


class StoredPart:
    """As program_lib.files.part_files.PartFile, of an object: it is sent as it comes, in parts of 10 MB, under a hidden name."""

    def __init__(self, place: StoredObject) -> None:
        self._place, self._hidden = place, place.hidden()
        self._stream: pa.NativeFile | None = None
        self._size = 0  # bytes
        self._is_made = False

    @property
    def size(self) -> int:
        return self._size

    def start(self) -> None:
        """Looks whether the store answers, so that a run fails before its first row."""
        self._place.about()
        with self._place.store.asked(self._place.path):
            self._stream = self._place.store.filesystem.open_output_stream(
                self._hidden.key, metadata={"Content-Type": "application/octet-stream"}
            )
        self._is_made = True

    def append(self, *contents: bytes | memoryview) -> None:
        assert self._stream is not None
        for content in contents:
            self._size += memoryview(content).nbytes
            if self._size > MOST_BYTES:
                raise TargetFailed(
                    f"{self._place} has more than {MOST_BYTES // 2**30} GB, which a store does not copy at once: split it"
                )
            with self._place.store.asked(self._place.path):
                self._stream.write(content)

    def finish(self) -> None:
        """All is in the store, under the hidden name. Raises ProgramError where it is not what was sent."""
        assert self._stream is not None
        with self._place.store.asked(self._place.path):
            self._stream.close()
        self._stream = None
        if (found := self._hidden.size()) != self._size:
            raise TargetFailed(
                f"{self._place}: the store has {found:,} of the {self._size:,} bytes that were sent"
            )

    def commit(self) -> None:
        self._hidden.copy_to(self._place)
        if self._is_missing():
            raise ProgramError(f"{self._place}: the store says that it is there, and it is not")
        self._remove()

    def _is_missing(self) -> bool:
        """Some stores say that they have copied it, and have not. Where none answers this, what it has said counts."""
        try:
            return self._place.size() != self._size
        except ProgramError:
            return False

    def undo(self) -> None:
        """The stream is closed first: Arrow would complete the object when Python lets go of it."""
        if not self._is_made:
            return
        with suppress(Exception):
            if self._stream is not None:
                self._stream.close()
        self._stream = None
        self._remove()

    def _remove(self) -> None:
        self._is_made = False
        with suppress(ProgramError):
            self._hidden.delete()
