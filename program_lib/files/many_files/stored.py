"""A look through the directories of a store for what a pattern means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from program_lib.errors import ProgramError
from program_lib.files.many_files.matching import Entry, Walk
from program_lib.stores.names import SCHEME
from program_lib.stores.objects import listed_in
from program_lib.stores.store import named_store


@dataclass(frozen=True, slots=True)
class StoreEntry:
    """What a directory of a store has."""

    name: str
    path: str  # in the bucket, below the prefix
    is_directory: bool

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self.is_directory


@dataclass(frozen=True, slots=True)
class Nameless:
    """What lies behind an empty part of a key, as in a//b. Arrow tells it as the directory itself, once more."""

    above: str  # the directory, as a path of a graph
    name: str = ""

    @property
    def path(self) -> str:
        """Raises ProgramError: whoever enters it would read other objects, or not those that are meant."""
        raise ProgramError(
            f"{self.above} has objects whose keys go on with an empty part, as a//b, and no path leads there:"
            " give them other keys, or name what is meant more closely"
        )

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return True


class StoreWalk(Walk):
    """The walk of many_files.matching, in a store; its directories are paths below the prefix."""

    def __init__(self, pattern: str, connection: str) -> None:
        super().__init__(pattern)
        self._store = named_store(connection)

    def _entries(self, directory: Path) -> Sequence[Entry]:
        below = "" if directory == Path() else str(directory)
        return self._kept(self._entry(found, below) for found in listed_in(self._store, below))

    def _entry(self, found: fs.FileInfo, below: str) -> Entry:
        path = found.path.removeprefix(f"{self._store.base}/")
        if not found.base_name or path.rpartition("/")[0] != below:
            return Nameless(f"{SCHEME}{self._store.name}/{below}")
        return StoreEntry(found.base_name, path, found.type == fs.FileType.Directory)
