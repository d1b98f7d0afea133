"""A look through the directories of a store for what a pattern means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pyarrow import fs

from program_lib.files.many_files.matching import Entry, Walk
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


class StoreWalk(Walk):
    """The walk of many_files.matching, in a store; its directories are paths below the prefix."""

    def __init__(self, pattern: str, connection: str) -> None:
        super().__init__(pattern)
        self._store = named_store(connection)

    def _entries(self, directory: Path) -> Sequence[Entry]:
        below = "" if directory == Path() else str(directory)
        return self._kept(self._entry(found) for found in listed_in(self._store, below))

    def _entry(self, found: fs.FileInfo) -> StoreEntry:
        path = found.path.removeprefix(f"{self._store.base}/")
        return StoreEntry(found.base_name, path, found.type == fs.FileType.Directory)
