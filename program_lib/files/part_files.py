"""A file that appears when it is complete: written beside its place, and moved there at the end."""

from __future__ import annotations

import ctypes
import errno
import io
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from program_lib.errors import ProgramError
from program_lib.files.signatures import SQLITE
from program_lib.process.settings import run_id
from program_lib.stores import Place

# Of a file until it is complete. The mark is its run: the runner removes what killed programs leave
PART_NAME = ".{name}.{mark}.part"
TURN = (1, 0)  # of a writer of files: after all databases, since a move hardly fails


def part_name(name: str) -> str:
    """What a file is called until it is complete. No other run chooses it, on this machine or another one."""
    return PART_NAME.format(name=name, mark=run_id() or _by_hand())


@cache
def _by_hand() -> str:
    """Stands for the run of a program that somebody started by hand."""
    return secrets.token_hex(16)


# Bytes from which on the system shall begin to write them to the disk, so that there is little left to wait for at the end
WRITE_OUT = 8 * 2**20
_SYNC_FILE_RANGE_WRITE = 2


def _sync_file_range() -> Callable[[int, int, int, int], int] | None:
    function = getattr(ctypes.CDLL(None), "sync_file_range", None)
    if function is not None:
        function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function


_sync = _sync_file_range()


def write_out(descriptor: int, start: int, end: int) -> bool:
    """Lets the system begin to write bytes of a file to the disk; where it does not, `fsync` does all of it."""
    return _sync is not None and _sync(descriptor, start, end - start, _SYNC_FILE_RANGE_WRITE) == 0


_moved: set[Path] = set()  # directories in which files of this program took their places


def sync_moved() -> None:
    """Lets the moves stand after a power cut, too, as a COMMIT does. Never raises: some file systems know no such call."""
    while _moved:
        with suppress(OSError):
            sync_directory(_moved.pop())


def sync_directory(directory: Path) -> None:
    """The names in it are on the disk. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Part(Protocol):
    """What a writer writes into, in the order of program_lib.ports.Writer. It appears at its place with `commit`."""

    @property
    def size(self) -> int:
        """Bytes that it has so far."""
        ...

    def start(self) -> None: ...
    def append(self, *contents: bytes | memoryview) -> None: ...
    def finish(self) -> None: ...
    def commit(self) -> None: ...
    def undo(self) -> None: ...


def part_at(place: Place) -> Part:
    """What will be a file, or an object of a store."""
    if isinstance(place, Path):
        return PartFile(place)
    from program_lib.stores.objects import StoredPart  # paid for by programs with a store alone

    return StoredPart(place)


class PartFile:
    """The file of one writer, whose path is checked already. One thread uses it, in the order of program_lib.ports.Writer."""

    def __init__(self, path: Path, mode: int = 0o666) -> None:
        """`mode`: who may do what with the file, before the umask."""
        self._path = path
        self._mode = mode
        self._part = path.with_name(part_name(path.name))
        self._descriptor: int | None = None
        self._is_made = False
        self._size = 0  # bytes that were appended as a whole; of a packed file as they are packed
        self._begun = 0  # bytes that the system has been asked to write to the disk

    @property
    def size(self) -> int:
        """Bytes that the file has."""
        return self._size

    def start(self) -> None:
        """Makes the part file; a link that has just taken its place is refused. Raises OSError, ProgramError.

        Who may read and write a file of before may do so with the new one, and nobody else.
        """
        check_place(self._path)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._part, flags, self._mode)
        except PermissionError as error:
            said = f"{self._path.name} cannot be made in {self._path.parent.name}: {error.strerror}"
            raise PermissionError(error.errno, said) from error
        self._is_made = True
        with suppress(OSError):  # there is none before
            os.fchmod(self._descriptor, self._path.stat().st_mode & 0o777)

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
        if self._size - self._begun >= WRITE_OUT:
            write_out(self._descriptor, self._begun, self._size)
            self._begun = self._size

    def _write(self, content: bytes | memoryview) -> None:
        assert self._descriptor is not None
        left = memoryview(content)
        while left:
            left = left[os.write(self._descriptor, left) :]

    def finish(self) -> None:
        """The bytes are on the disk, and can be moved to their place: while databases can still roll back."""
        assert self._descriptor is not None
        os.fsync(self._descriptor)
        self._close()
        check_place(self._path)

    def commit(self) -> None:
        self._part.replace(self._path)
        _moved.add(self._path.parent)

    def undo(self) -> None:
        """After a commit the part file is in its place, and none is left to remove."""
        if not self._is_made:
            return
        with suppress(OSError):  # what went wrong before is what counts
            self._close()
        self._is_made = False
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


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


def is_database(path: Path) -> bool:
    """Whether a SQLite database is there; False where nobody may look."""
    with suppress(OSError), path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE
    return False


def check_place(path: Path) -> None:
    """Raises OSError, ProgramError where a file beside the path could not be made, or moved onto it."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{path.name} is a directory")
    if path.exists() and not path.is_file():
        raise ProgramError(
            f"{path.name} is no file, but a pipe, a socket or a device, whose place a file would take: name another path"
        )
    if is_database(path):
        raise ProgramError(
            f"{path.name} is a SQLite database, with all its tables, whose place a file would take: name another path, or"
            " write a table by a DB Output"
        )
    if not path.parent.is_dir():
        said = f"there is no directory {path.parent.name}, in which {path.name} would be"
        raise FileNotFoundError(errno.ENOENT, said)
    around = path.parent.stat()
    if path.exists() and around.st_mode & stat.S_ISVTX and around.st_uid != os.geteuid():
        # only who may set a file's times may replace it there; they stay as they are
        now = path.stat()
        os.utime(path, ns=(now.st_atime_ns, now.st_mtime_ns), follow_symlinks=False)
