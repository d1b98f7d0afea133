"""Lists a directory of a tenant's data roots: what a graph could name, and nothing else."""

import os
import stat
import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from jobs.run.files.places import Place, Reach, Refused, opened_directory, opened_file
from jobs.store.letters import folded
from jobs.work.file_questions import MOST_A_PAGE, Document

# Entries of a directory that are looked at; of a larger one the list says that it is not all
MOST_LOOKED_AT = 20_000
FILE, DIRECTORY = "file", "directory"


@dataclass(frozen=True, slots=True)
class Page:
    """Which entries are wanted: behind a cursor, at most so many, whose names hold a text."""

    after: str = ""
    limit: int = 200
    search: str = ""


def listed(reach: Reach, path: str, page: Page) -> Document:
    """A page of a directory, directories first. Raises Refused and OSError."""
    place = reach.place(path)
    with opened_directory(place) as directory:
        found, is_all = _kinds(reach, place, directory, folded(page.search))
        ordered = sorted(key for key in found if not page.after or key > _key_of(page.after))
        limit = min(max(page.limit, 1), MOST_A_PAGE)
        shown = ordered[:limit]
        entries = [_entry(directory, *key) for key in shown]
    return {
        "path": place.path,
        "root": None if place.is_first else str(place.root),
        "parent": place.directory.path if place.parts else None,
        "entries": [entry for entry in entries if entry is not None],
        "next": _cursor(*shown[-1]) if len(ordered) > limit else None,
        "isAll": is_all,
        "roots": ["", *(str(root) for root in reach.roots[1:])],
    }


def looked_at(reach: Reach, path: str) -> Document:
    """{"path", "root", "size", "changed"} of a file. Raises Refused and OSError."""
    place = reach.place(path)
    descriptor = opened_file(place)
    try:
        return told(place, os.fstat(descriptor))
    finally:
        os.close(descriptor)


def told(place: Place, found: os.stat_result) -> Document:
    """What is said of a file."""
    root = None if place.is_first else str(place.root)
    return {"path": place.path, "root": root, "size": found.st_size, "changed": found.st_mtime}


_Key = tuple[bool, str, str]  # whether it is a file, its name whatever the case, its name


def _kinds(reach: Reach, place: Place, directory: int, search: str) -> tuple[set[_Key], bool]:
    """The entries that may be shown, and whether all of the directory was looked at."""
    found: set[_Key] = set()
    with os.scandir(directory) as entries:
        for number, entry in enumerate(entries):
            if number == MOST_LOOKED_AT:
                return found, False
            if search in folded(entry.name) and (kind := _kind(reach, place, entry)):
                found.add((kind == FILE, entry.name.casefold(), entry.name))
    return found, True


def _kind(reach: Reach, place: Place, entry: "os.DirEntry[str]") -> str | None:
    """FILE or DIRECTORY; None for what is not shown."""
    if not _can_be_named(entry.name) or not reach.is_data_below(place, entry.name):
        return None
    if entry.is_symlink():
        return _kind_behind(reach, place.below(entry.name))
    if entry.is_dir(follow_symlinks=False):
        return DIRECTORY
    return FILE if entry.is_file(follow_symlinks=False) else None


def _kind_behind(reach: Reach, link: Place) -> str | None:
    """What a link leads to; None where that is outside, missing, or a device."""
    try:
        real = reach.place(link.path)
        mode = os.lstat(real.root.joinpath(*real.parts)).st_mode
    except (Refused, OSError):
        return None
    if stat.S_ISDIR(mode):
        return DIRECTORY
    return FILE if stat.S_ISREG(mode) else None


def _can_be_named(name: str) -> bool:
    """Whether it is text of one line: no surrogates, which stand for what is not UTF-8, no control characters."""
    return not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp") for one in name)


def _entry(directory: int, is_file: bool, _: str, name: str) -> Document | None:
    try:
        found = os.stat(name, dir_fd=directory)
    except OSError:  # gone meanwhile
        return None
    return {
        "name": name,
        "kind": FILE if is_file else DIRECTORY,
        "size": found.st_size if is_file else None,
        "changed": found.st_mtime,
    }


def _cursor(is_file: bool, _: str, name: str) -> str:
    return f"{'f' if is_file else 'd'}/{name}"


def _key_of(cursor: str) -> _Key:
    kind, _, name = cursor.partition("/")
    return (kind == "f", name.casefold(), name)


def data_sizes(reach: Reach, most: int, seconds: float) -> Iterator[int]:
    """The sizes of the files in the tenant's first root: of `most` files at most, found within so long. Follows no links."""
    end = time.monotonic() + seconds
    left = [str(reach.roots[0])]
    seen = 0
    while left and seen < most and time.monotonic() < end:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.path in reach.forbidden or entry.name.startswith("."):
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    elif entry.is_file(follow_symlinks=False):
                        seen += 1
                        yield entry.stat(follow_symlinks=False).st_size
        except OSError:
            continue
