"""Which files a program may open, and how."""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from program_lib.errors import ProgramError
from program_lib.process.settings import as_in_graph, data_dir, data_roots, is_preview, not_data
from program_lib.stores import Place
from program_lib.stores.names import is_stored

SQLITES_OWN = ("-journal", "-wal", "-shm")  # a forged journal names a file, which SQLite deletes


def data_file(path: str) -> Path:
    """The real path of a file of the graph, links followed; it lies in one of DATA_ROOTS. Raises PermissionError."""
    real = Path(os.path.realpath(data_dir() / path))
    roots = [root for root in data_roots() if root in real.parents]
    if not roots:
        raise PermissionError(f"{path} lies outside of the directories for data (DATA_ROOTS)")
    is_hidden = any(part.startswith(".") for part in real.relative_to(roots[0]).parts)
    if real.name.endswith(SQLITES_OWN):
        raise PermissionError(f"{path} is no data: SQLite keeps it beside a database")
    if is_hidden or any(own in map(str, [real, *real.parents]) for own in not_data()):
        raise PermissionError(f"{path} is no data: it is hidden, or the server's own")
    return real


def data_directory(path: str) -> Path:
    """The real path of a directory of the graph: one of DATA_ROOTS, or one in them. Raises PermissionError, OSError."""
    real = Path(os.path.realpath(data_dir() / path))
    if not any(root == real or root in real.parents for root in data_roots()):
        raise PermissionError(f"{path} lies outside of the directories for data (DATA_ROOTS)")
    if real not in data_roots():
        data_file(path)
    if not real.is_dir():
        raise ProgramError(f"there is no directory {path}")
    return real


def no_link(path: str, flags: int) -> int:
    """An `opener` for open(): a link that has just taken the file's place is refused."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)


def place_of(path: str) -> Place:
    """Where a path of the graph leads: a file, or an object of a store. Raises PermissionError, ProgramError."""
    if not is_stored(path):
        return data_file(path)
    from program_lib.stores.objects import stored  # paid for by programs with a store alone

    return stored(path)


def size_of(path: str) -> int:
    """Bytes of a file of the graph."""
    place = place_of(path)
    if not isinstance(place, Path):
        return place.size()
    with _told_in_words(path, place):
        return place.stat().st_size


def opened(path: str) -> BinaryIO:
    """A file of the graph, or an object, to be read. Raises ProgramError, PermissionError, OSError."""
    if is_stored(path):
        place = place_of(path)
        assert not isinstance(place, Path)
        return place.opened()
    file = data_file(path)
    if is_preview() and file.is_fifo():
        raise ProgramError(
            f"{file.name} is a pipe, which gives each row once: what is looked at here would be missing in the run"
        )
    with _told_in_words(path, file):
        return io.BufferedReader(_ReadFile(file))


@contextmanager
def _told_in_words(path: str, file: Path) -> Iterator[None]:
    """Says why a path of the graph leads to no file that can be read; what is no fault of the path stays as it is."""
    try:
        yield
    except OSError as error:
        why = _not_opened(path, file, error)
        if why is None:
            raise
        raise ProgramError(why) from error


def _not_opened(path: str, file: Path, error: OSError) -> str | None:
    """Why a path of the graph leads to no file that can be read, in its own words; None for what is no fault of the path."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return f"there is no file {path}{_spelled_otherwise(file)}"
    if error.errno == errno.EISDIR:
        return f"{path} is a directory: {path.rstrip('/')}/* means the files in it"
    if error.errno == errno.EACCES:
        return f"{path} may not be read by the user of the runner: {error.strerror}"
    if error.errno == errno.ELOOP:
        return f"{path} is a link that leads to no file"
    return None


def check_database(path: str) -> None:
    """Raises ProgramError for a SQLite file that is not there: to open it would make an empty one."""
    file = Path(path)
    if not file.exists():
        raise ProgramError(f"there is no database {as_in_graph(path)}{_spelled_otherwise(file)}")


def _spelled_otherwise(file: Path) -> str:
    """The file that was perhaps meant: one beside it whose name differs in the case of its letters alone."""
    wanted = file.name.casefold()
    with suppress(OSError):
        near = (name for name in sorted(os.listdir(file.parent)) if name.casefold() == wanted)
        return next((f", but {name}" for name in near), "")
    return ""


class _ReadFile(io.FileIO):
    """A file on disk. One that is written to meanwhile is an error at its end, never half of each.

    One that is replaced under its name stays the one that was opened.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, opener=no_link)
        self._name, self._found = path.name, self._state()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = super().readinto(buffer)
        if not count:
            self.check_same()
        return count

    def check_same(self) -> None:
        if self._state() != self._found:
            raise ProgramError(
                f"{self._name} was written to while it was read: run it again once that is done"
            )

    def _state(self) -> tuple[int, int] | None:
        """What changes with each write; None of a pipe, whose end is there when its writers are gone."""
        about = os.fstat(self.fileno())
        return (about.st_size, about.st_mtime_ns) if stat.S_ISREG(about.st_mode) else None


def check_same(file: BinaryIO) -> None:
    """Raises ProgramError where the file or object has changed since it was opened: who jumps in it need not come to its end."""
    check = getattr(getattr(file, "raw", file), "check_same", None)
    if check is not None:
        check()


DATABASE = "a database"
_written: dict[Path | str, str] = {}  # by outputs of this program; an object by its identity
# What patterns of its inputs mean, as the names of `_written` have it
_read: dict[str, re.Pattern[str]] = {}


def claim(path: Place, as_what: str) -> None:
    """Notes that an output writes this file. Raises ProgramError where another node writes it, or reads it as what would be lost.

    The paths of a graph may lead to one file by a link, or be relative and absolute; to one object by two connections.
    """
    which = path if isinstance(path, Path) else path.identity
    if (other := _written.get(which)) == DATABASE:
        raise ProgramError(
            f"{path.name} is opened by another node as a database: choose another name"
        )
    if other is not None:
        raise ProgramError(
            f"{path.name} is written by another node, too, as {other}: let one of them take all the rows"
        )
    for pattern in _read:
        _check_not_read(which, pattern)
    _written[which] = as_what


def note_database(path: Path) -> None:
    """Notes that nodes read or write a SQLite file. Raises ProgramError where an output would put another file in its place."""
    if (other := _written.setdefault(path, DATABASE)) != DATABASE:
        raise ProgramError(
            f"{path.name} is a database, and another node writes it as {other}: choose another name for that"
        )


def note_read(pattern: str, means: re.Pattern[str]) -> None:
    """Notes that an input reads what a pattern means. Raises ProgramError where an output writes such a file."""
    _read[pattern] = means
    for which, as_what in _written.items():
        if as_what != DATABASE:
            _check_not_read(which, pattern)


def _check_not_read(which: Path | str, pattern: str) -> None:
    """A graph is checked for it, too, but paths may lead to one directory by a link, an absolute path or another connection."""
    if _read[pattern].fullmatch(str(which)):
        raise ProgramError(
            f"{Path(which).name} is written by a node, and is one of the files that {pattern} means, which another reads:"
            " the next run would read it, too. Write it into another directory, or under a name that does not match"
        )
