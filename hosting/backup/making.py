"""An archive of all that a server keeps, made while the server works."""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import IO

from sqlalchemy.engine import make_url

from hosting.backup.archive import DATABASE, DUMP
from hosting.backup.databases import SQLITE_SIGN, copy_sqlite, dump
from hosting.backup.errors import BackupError, NotRead
from hosting.backup.kept_files import kept_files
from hosting.stop_signals import uninterruptible
from settings import Settings
from settings.own_files import sqlite_file

# What a file system says that does it for files alone, or of a directory that we may write into and not read
NO_SYNC_OF_DIRECTORIES = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)


def make_backup(settings: Settings, wanted: Path | None) -> int:
    """The exit code. Raises BackupError, OSError, NotRead, tarfile.TarError; then there is no archive, unless the error says so.

    Ctrl-C and its like are ignored once the archive is whole.
    """
    if not settings.data_dir.is_dir():
        raise BackupError(f"there is no {settings.data_dir}: DATA_DIR names the server's directory")
    target = wanted or Path(time.strftime("backup-%Y%m%d-%H%M%S.tar.gz"))
    if target.exists():
        raise BackupError(f"{target} exists already; choose another name")
    # where an archive has room, a copy has, too
    name, beside = target.name, target.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f".{name}.", suffix=".part", dir=beside) as directory:
        part = Path(directory) / name
        # `dereference`: of a file with two names each has the content, where tar would write a link for the second
        with tarfile.open(part, "x:gz", compresslevel=1, dereference=True) as archive:
            count = _Backup(archive, Path(directory)).fill(settings)
        _sync(part)
        uninterruptible()
        part.rename(target)
        _sync_name(target, beside)
    print(f"{target}: the database and {count:,} files, {target.stat().st_size / 1e6:,.1f} MB")
    return 0


def _sync(path: Path) -> None:
    """Returns once the disk has it: an archive is there as a whole or not at all, also after a loss of power. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_name(target: Path, directory: Path) -> None:
    """Returns once the disk has the name of a new file, where its file system does that for a directory. Raises OSError."""
    try:
        _sync(directory)
    except OSError as error:
        if error.errno not in NO_SYNC_OF_DIRECTORIES:
            raise OSError(
                f"{target} is whole, but after a loss of power it may be gone: {directory}: {error.strerror}"
            ) from error


class _Backup:
    """An archive that is filled. Databases are copied into `directory` first, one at a time."""

    def __init__(self, archive: tarfile.TarFile, directory: Path) -> None:
        self._archive = archive
        self._copy = directory / "copy"

    def fill(self, settings: Settings) -> int:
        """How many files it has. The database first: what a run writes later is only missing in the database, never in the files."""
        url = make_url(settings.database_url)
        own = None
        if url.get_backend_name() == "sqlite":
            own = sqlite_file(url).resolve()
            if not own.exists():
                raise BackupError(
                    f"there is no database {own}: set DATABASE_URL as the server has it; or none was ever started on this DATA_DIR"
                )
            self._add_sqlite(own, DATABASE)
        else:
            dump(url, self._copy)
            self._add_copy(DUMP)
        count = 0
        for name, path in kept_files(settings.data_dir):
            if path.resolve() != own:
                count += self._add_file(path, f"data/{name}")
        return count

    def _add_file(self, path: Path, name: str) -> int:
        """Adds a regular file as it is now, or a directory without what is in it; one that is gone meanwhile is none. How many files it was."""
        try:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                self._archive.add(path, name, recursive=False)
            if not stat.S_ISREG(mode):
                return 0
            with path.open("rb") as file:
                if file.read(len(SQLITE_SIGN)) == SQLITE_SIGN and self._has_added_sqlite(
                    path, name
                ):
                    return 1
                file.seek(0)
                found = self._archive.gettarinfo(arcname=name, fileobj=file)
                self._add_opened(found, file, path)
        except FileNotFoundError:
            return 0
        return 1

    def _add_opened(self, found: tarfile.TarInfo, file: IO[bytes], path: Path) -> None:
        """As many bytes as it had: a log may grow meanwhile. Raises OSError."""
        try:
            self._archive.addfile(found, file)
        except OSError as error:
            if error.errno is None:  # by tarfile, which does not say of what
                raise OSError(f"{path} became shorter while it was read; try again") from error
            raise

    def _has_added_sqlite(self, path: Path, name: str) -> bool:
        """False for a file that only begins as a database does: it keeps no other file from the archive. Raises NotRead."""
        try:
            self._add_sqlite(path, name)
        except NotRead as error:
            if not error.is_broken:
                raise
            print(f"scripts/backup: {error}: it is kept as it is", file=sys.stderr)
            return False
        return True

    def _add_sqlite(self, path: Path, name: str) -> None:
        """Adds one moment of the database: its file alone, without what lies beside it, may be none. Raises NotRead."""
        try:
            copy_sqlite(path, self._copy)
        except sqlite3.Error as error:
            self._copy.unlink(missing_ok=True)
            raise NotRead(path, error) from error
        self._add_copy(name)

    def _add_copy(self, name: str) -> None:
        self._archive.add(self._copy, name)
        self._copy.unlink()
