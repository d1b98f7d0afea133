"""The note that lies beside the files of a split output while they take their places.

A program that is killed meanwhile would leave some files of before and some new ones. Its runner finds the note, and puts back
those of before. The note names a new file by what a move leaves as it is, so that a file that another run has moved there
since stays.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from program_lib.files.part_files import PART_NAME, part_name, sync_directory
from program_lib.files.split_files.names import is_meant

MOST_BYTES = 2**20  # of a note: 1,000 names of 200 bytes, and as much again
_NO_LINK = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


def note_of(pattern: Path) -> Path:
    """Where the note stands."""
    return pattern.with_name(part_name(pattern.name))


def note_moves(pattern: Path, places: Iterable[Path]) -> None:
    """Notes that unfinished files are about to be moved to these places, those in the pattern's directory. Raises OSError.

    The note is on the disk; the caller removes it when the last file is in its place.
    """
    entries = [
        f"{_identity(place.with_name(part_name(place.name)))} {place.name}"
        for place in places
        if place.parent == pattern.parent
    ]
    descriptor = os.open(note_of(pattern), os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _NO_LINK, 0o600)
    with open(descriptor, "wb") as file:
        file.write(os.fsencode("\0".join(entries)))
        file.flush()
        os.fsync(file.fileno())
    sync_directory(pattern.parent)


def _identity(path: Path) -> str:
    about = path.lstat()
    return f"{about.st_ino} {about.st_mtime_ns} {about.st_size}"


def take_back(pattern: Path, mark: str) -> None:
    """Puts back what was there before a killed program's moves. Without a note nothing was moved, or everything. Raises OSError.

    `mark`: of the program's unfinished files. Harmless when repeated.
    """
    note = pattern.with_name(PART_NAME.format(name=pattern.name, mark=mark))
    for name, identity in _noted(note, pattern.name):
        place = pattern.with_name(name)
        with suppress(FileNotFoundError):
            if _identity(place) == identity:
                _put_back(place, pattern.with_name(PART_NAME.format(name=f"{name}~", mark=mark)))


def _put_back(place: Path, backup: Path) -> None:
    try:
        backup.replace(place)
    except FileNotFoundError:  # there was none before
        place.unlink()


def _noted(note: Path, pattern: str) -> Iterator[tuple[str, str]]:
    """Names of files, and which new one each was to become."""
    try:
        with open(os.open(note, os.O_RDONLY | _NO_LINK), "rb") as file:
            entries = os.fsdecode(file.read(MOST_BYTES)).split("\0")
    except FileNotFoundError:
        return
    for entry in entries:
        *identity, name = entry.split(" ", 3)
        if is_meant(name, pattern) and "/" not in name:
            yield name, " ".join(identity)
