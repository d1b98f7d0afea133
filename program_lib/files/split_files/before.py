"""The files that were there before a split output: which they are, and that they come back where it fails."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from program_lib.errors import ProgramError
from program_lib.files.data_files import data_directory, place_of
from program_lib.files.part_files import part_name
from program_lib.files.split_files.names import is_meant
from program_lib.stores import Place
from program_lib.stores.names import is_stored


def names_of_before(path: str) -> Iterator[str]:
    """The names that are there and that the path of a split output means."""
    pattern = path.rpartition("/")[2]
    for name in _names_in_directory(path):
        if is_meant(name, pattern):
            yield name


def _names_in_directory(path: str) -> Iterator[str]:
    if is_stored(path):
        place = place_of(path)
        assert not isinstance(place, Path)
        yield from place.names_beside()
        return
    folder = path.rpartition("/")[0]
    with os.scandir(data_directory(folder or ("/" if path.startswith("/") else "."))) as entries:
        yield from (entry.name for entry in entries)


def backup_of(place: Place) -> Place | None:
    """Another name of the file of before, or a copy of it or of the object; None where there is none.

    Raises OSError, ProgramError where neither can be made.
    """
    if not isinstance(place, Path):
        return place.backup()
    backup = place.with_name(part_name(f"{place.name}~"))
    try:
        _link_or_copy(place, backup)
    except FileNotFoundError:
        return None
    return backup


def _link_or_copy(place: Path, backup: Path) -> None:
    with suppress(OSError):  # the disk may know no second names
        os.link(place, backup, follow_symlinks=False)
        return
    try:
        shutil.copy2(place, backup, follow_symlinks=False)
    except OSError:
        forget(backup)
        raise


def put_back(place: Place, backup: Place | None) -> None:
    """As it was before the commit, as far as disk or store allow."""
    with suppress(OSError, ProgramError):
        if isinstance(place, Path):
            assert backup is None or isinstance(backup, Path)
            if backup is not None:
                backup.replace(place)
            else:
                place.unlink(missing_ok=True)
            return
        assert not isinstance(backup, Path)
        if backup is not None:
            backup.copy_to(place)
        else:
            place.delete()


def forget(backup: Place | None) -> None:
    with suppress(OSError, ProgramError):
        if isinstance(backup, Path):
            backup.unlink(missing_ok=True)
        elif backup is not None:
            backup.delete()
