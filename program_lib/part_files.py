"""A file that appears when it is complete: written beside its place, and moved there at the end."""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PART_NAME = ".{name}.{pid}.part"  # as the server knows it, which removes what killed programs leave
TURN = (1, 0)  # of a writer of files: after all databases, since a move hardly fails


class PartFile:
    """The file of one writer, whose path is checked already. One thread uses it, in the order of program_lib.ports.Writer."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(PART_NAME.format(name=path.name, pid=os.getpid()))
        self._descriptor: int | None = None
        self._size = 0  # bytes that were appended as a whole

    def start(self) -> None:
        """Makes the part file; a link that has just taken its place is refused."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        self._descriptor = os.open(self._part, flags, 0o666)

    def append(self, *contents: bytes | memoryview) -> None:
        """Writes all bytes. After an error none of them is in the file, so that others may be written."""
        assert self._descriptor is not None
        try:
            for content in contents:
                self._write(content)
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            os.lseek(self._descriptor, self._size, os.SEEK_SET)
            raise
        self._size += sum(memoryview(content).nbytes for content in contents)

    def _write(self, content: bytes | memoryview) -> None:
        assert self._descriptor is not None
        left = memoryview(content)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def finish(self) -> None:
        """The bytes are on the disk, and can be moved to their place: while databases can still roll back."""
        assert self._descriptor is not None
        os.fsync(self._descriptor)
        check_place(self._path)

    def commit(self) -> None:
        self._part.replace(self._path)

    def undo(self) -> None:
        """After a commit the part file is in its place, and none is left to remove."""
        if self._descriptor is None:
            return
        with suppress(OSError):  # what went wrong before is what counts
            os.close(self._descriptor)
        self._descriptor = None
        with suppress(OSError):
            self._part.unlink(missing_ok=True)


class Appending(io.RawIOBase):
    """Bytes on their way into a part file, as libraries write them."""

    def __init__(self, append: Callable[[bytes | memoryview], None]) -> None:
        super().__init__()
        self._append = append

    def writable(self) -> bool:
        return True

    def write(self, content: bytes | memoryview) -> int:  # type: ignore[override]
        self._append(content)
        return len(content)


def check_place(path: Path) -> None:
    """Raises OSError where a file beside the path could not be moved onto it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{path.name} is a directory")
    around = path.parent.stat()
    if path.exists() and around.st_mode & stat.S_ISVTX and around.st_uid != os.geteuid():
        # only who may set a file's times may replace it there; they stay as they are
        now = path.stat()
        os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns), follow_symlinks=False)
