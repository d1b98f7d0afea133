"""Which files a pattern means, of those that are there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol, TypeVar

from program_lib.errors import ProgramError
from program_lib.files.data_files import data_directory, data_file, place_of
from program_lib.notation.patterns import ALL_BELOW, is_pattern, matcher, of_name
from program_lib.stores.names import is_stored, parted

MOST_FILES = 10_000  # that one source reads: beyond, a pattern means more than somebody thought of
MOST_BELOW = 50  # directories in one another that ** enters
MOST_SEEN = 200_000  # names of a directory, and of those below it, that are looked at


def matching(pattern: str) -> list[str]:
    """The files that match, as the pattern spells them, sorted by name. Raises ProgramError where there is none, or too many.

    Hidden ones match nothing, nor do the server's own. A link that leads out of DATA_ROOTS raises PermissionError, as it does where it is named.
    """
    if not is_pattern(pattern):
        return [pattern]
    if is_stored(pattern):
        return _matching_objects(pattern)
    fixed, wild = _parted(pattern)
    start = data_directory(str(fixed))
    found: set[str] = set()  # of a/**/**, a file is found by several ways
    for below in Walk(pattern).found(start, PurePosixPath(), wild):
        path = str(fixed / below)
        if _is_data(path, start / below):
            found.add(path)
        if len(found) > MOST_FILES:
            raise ProgramError(f"more than {MOST_FILES:,} files match {pattern}: narrow it down")
    if not found:
        raise ProgramError(f"no file matches {pattern}")
    return sorted(found)


def meant(pattern: str) -> re.Pattern[str]:
    """What matches the real paths of the files that a pattern means, also of those that are not there yet; of objects their identities."""
    if is_stored(pattern):
        place = place_of(pattern)
        assert not isinstance(place, Path)
        return matcher(place.identity)
    fixed, wild = _parted(pattern)
    return matcher("/".join([str(data_directory(str(fixed))), *wild]))


def _matching_objects(pattern: str) -> list[str]:
    """As `matching`, of objects. Directories are listed one by one, from what the pattern names on."""
    # paid for by programs with a store alone
    from program_lib.files.many_files.stored import StoreWalk

    if is_pattern(root := "/".join(pattern.split("/")[:3])):
        raise ProgramError(
            f"{pattern} holds * or ? in the name of its connection: write {root[:5]}NAME/…"
        )
    try:
        name, key = parted(pattern)
    except ValueError as error:
        raise ProgramError(f"{pattern} {error}") from None
    fixed, wild = _parted(key)
    walk = StoreWalk(pattern, name)
    found: set[str] = set()
    for below in walk.found(Path(fixed), PurePosixPath(), wild):
        found.add(f"{root}/{fixed / below}")
        if len(found) > MOST_FILES:
            raise ProgramError(f"more than {MOST_FILES:,} files match {pattern}: narrow it down")
    if not found:
        raise ProgramError(f"no file matches {pattern}")
    return sorted(found)


def _is_data(path: str, place: Path) -> bool:
    """Whether it is a file for programs. Raises PermissionError for a link to one that is none."""
    try:
        return data_file(path).is_file()
    except PermissionError:
        if place.is_symlink():
            raise
        return False


def _parted(pattern: str) -> tuple[PurePosixPath, tuple[str, ...]]:
    """The directory that the pattern names, and what follows from the first wild part on."""
    parts = PurePosixPath(pattern).parts
    at = next(i for i, part in enumerate(parts) if is_pattern(part))
    return PurePosixPath(*parts[:at]), parts[at:]


class Entry(Protocol):
    """What a directory has, as os.DirEntry says it."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    def is_dir(self, *, follow_symlinks: bool = True) -> bool: ...


E = TypeVar("E", bound=Entry)


class Walk:
    """Looks through directories, and at no more than MOST_SEEN names."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._seen = 0

    def found(
        self, directory: Path, below: PurePosixPath, wild: tuple[str, ...]
    ) -> Iterator[PurePosixPath]:
        """The paths of what matches, from the directory on. Links to directories are followed by none of them."""
        first, *rest = wild
        if first == ALL_BELOW:
            yield from self._all_below(directory, below, tuple(rest) or ("*",))
            return
        matches = _matcher(first)
        for entry in self._entries(directory):
            if not matches(entry.name):
                continue
            if not rest:
                if not entry.is_dir():
                    yield below / entry.name
            elif entry.is_dir(follow_symlinks=False):
                yield from self.found(Path(entry.path), below / entry.name, tuple(rest))

    def _all_below(
        self, directory: Path, below: PurePosixPath, rest: tuple[str, ...]
    ) -> Iterator[PurePosixPath]:
        if len(below.parts) > MOST_BELOW:
            raise ProgramError(
                f"{below} is too deep for {self._pattern}: name a directory below it"
            )
        yield from self.found(directory, below, rest)
        for entry in self._entries(directory):
            if entry.is_dir(follow_symlinks=False):
                yield from self._all_below(Path(entry.path), below / entry.name, rest)

    def _entries(self, directory: Path) -> Sequence[Entry]:
        with os.scandir(directory) as entries:
            return self._kept(entries)

    def _kept(self, entries: Iterable[E]) -> list[E]:
        kept = []
        for entry in entries:
            self._seen += 1
            if self._seen > MOST_SEEN:
                raise ProgramError(
                    f"more than {MOST_SEEN:,} names were looked at for {self._pattern}: narrow it down"
                )
            if not entry.name.startswith("."):
                kept.append(entry)
        return kept


def _matcher(part: str) -> Callable[[str], object]:
    return re.compile(of_name(part), re.DOTALL).fullmatch
