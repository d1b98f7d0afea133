"""Which files of DATA_DIR a backup has: all but what a start makes anew, and what is not whole yet."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from hosting.backup.archive import DATABASE
from hosting.backup.databases import SQLITE_SIGN
from hosting.backup.errors import BackupError
from jobs.graph.fields.paths import SQLITES_OWN

# Files of DATA_DIR that a start makes anew, beside nats-server's old logs
NOT_KEPT = (
    "embedded.draft",
    "embedded.fifo",
    "embedded.lock",
    "embedded.master",
    "embedded.parts",
    "nats.conf",
    "nats.log",
    "once.log",
)
NOT_KEPT_DIRECTORIES = ("nats", "previews", ".metrics")
LOST_AND_FOUND = "lost+found"  # of a disk, which makes it for itself and lets root alone read it
MAY_BE_LINKS = (DATABASE, "jwt_secret", "nats_password", "nats_seed", "runs")


def kept_files(data_dir: Path) -> Iterator[tuple[Path, Path]]:
    """The name of each file and directory in DATA_DIR, and where it is. Raises OSError for what cannot be looked into.

    In the place of what is the server's own, an operator may have a link to another disk. Any other link is left out, which
    is told: a program may have made it, and after a restore it would be data, wherever it leads.
    """
    for path in _tree(data_dir, is_data_dir=True):
        name = path.relative_to(data_dir)
        if not path.is_symlink():
            yield name, path
        elif str(name) not in MAY_BE_LINKS:
            _tell_left_out(path)
        elif not path.exists():
            raise BackupError(dangling(path))
        elif path.is_dir():
            yield from _files_of(path.resolve(), name)
        else:
            yield name, path.resolve()


def _files_of(directory: Path, name: Path) -> Iterator[tuple[Path, Path]]:
    """A directory elsewhere, which DATA_DIR has by this name, and the files and directories in it."""
    yield name, directory
    for path in _tree(directory):
        if path.is_symlink():
            _tell_left_out(path)
        else:
            yield name / path.relative_to(directory), path


def dangling(link: Path) -> str:
    return f"{link} is a link to {os.readlink(link)}, which is not there"


def _tell_left_out(link: Path) -> None:
    print(f"scripts/backup: {link} is a link, and is left out", file=sys.stderr)


def _tree(directory: Path, *, is_data_dir: bool = False) -> Iterator[Path]:
    """Files, links and directories below, without those that are not kept. Raises OSError."""
    for folder, folders, names in os.walk(directory, onerror=_check_may_be_left_out):
        here = Path(folder)
        folders[:] = [name for name in folders if not _is_unfinished(name)]
        if here == directory:
            folders[:] = [name for name in folders if name != LOST_AND_FOUND]
        else:
            yield here
        if is_data_dir and here == directory:
            folders[:] = [name for name in folders if name not in NOT_KEPT_DIRECTORIES]
            names = [name for name in names if not _is_made_anew(name)]
        files = {name for name in names if not _is_unfinished(name)}
        kept = {name for name in files if not _is_beside_database(here, name)}
        links = {name for name in folders if (here / name).is_symlink()}
        yield from (here / name for name in sorted(kept | links))


def _check_may_be_left_out(error: OSError) -> None:
    """Raises the error of a directory that cannot be listed, unless it is gone meanwhile, or no data."""
    is_the_disks = Path(str(error.filename)).name == LOST_AND_FOUND
    is_no_loss = isinstance(error, FileNotFoundError) or (
        isinstance(error, PermissionError) and is_the_disks
    )
    if not is_no_loss:
        raise error


def _is_made_anew(name: str) -> bool:
    return name in NOT_KEPT or name.startswith("nats.log.")


def _is_unfinished(name: str) -> bool:
    """What a program, or a backup, has not written to its end."""
    return name.startswith(".") and name.endswith(".part")


def _is_beside_database(here: Path, name: str) -> bool:
    """What SQLite keeps beside a database, whose copy has it. Other files may have such a name as well."""
    ends = [end for end in SQLITES_OWN if name.endswith(end)]
    return any(_is_database(here / name.removesuffix(end)) for end in ends)


def _is_database(path: Path) -> bool:
    try:
        if not path.is_file():  # a pipe would be waited for
            return False
        with path.open("rb") as file:
            return file.read(len(SQLITE_SIGN)) == SQLITE_SIGN
    except FileNotFoundError:
        return False
