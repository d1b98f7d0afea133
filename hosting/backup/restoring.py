"""The return of a backup into an empty DATA_DIR: all of it, or nothing."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL, make_url

from hosting.backup.archive import DATABASE, DUMP
from hosting.backup.databases import load
from hosting.backup.errors import BackupError
from hosting.backup.kept_files import LOST_AND_FOUND, dangling
from hosting.stop_signals import uninterruptible
from progress_lib.subjects import PROGRESS_STREAM, stream_name
from settings import Settings
from settings.own_files import BESIDE_SQLITE, sqlite_file


def restore(settings: Settings, archive_file: Path) -> int:
    """The exit code. Raises BackupError, OSError, tarfile.TarError."""
    if settings.data_dir.exists() and _holds_something(settings.data_dir):
        raise BackupError(f"{settings.data_dir} is not empty; let DATA_DIR name a new directory")
    if settings.data_dir.is_symlink() and not settings.data_dir.exists():
        raise BackupError(dangling(settings.data_dir))
    url = make_url(settings.database_url)
    with _readable(archive_file) as archive:
        names = set(archive.getnames())
        _check_sum(archive)
        wanted = DATABASE if url.get_backend_name() == "sqlite" else DUMP
        if not names & {DATABASE, DUMP}:
            raise BackupError(f"{archive_file} is no archive of scripts/backup")
        if wanted not in names:
            raise BackupError(
                f"{archive_file} holds {'PostgreSQL' if DUMP in names else 'SQLite'}'s database, and DATABASE_URL "
                "names another kind: set it to an empty one of that kind"
            )
        where = _where_to_unpack(settings.data_dir.absolute())
        with tempfile.TemporaryDirectory(prefix=".restore-", dir=where) as directory:
            _unpack(archive, Path(directory))
            _put_in_place(Path(directory), settings, url)
    print(f"{settings.data_dir} is as it was when {archive_file} was made; start the server on it")
    if settings.nats.url is not None:
        stream = stream_name(settings.nats.prefix, PROGRESS_STREAM)
        print(
            f"before that: nats stream purge {stream}, since your NATS still tells of runs that came later, also as those of "
            "new jobs, which get the same numbers"
        )
    return 0


def _holds_something(directory: Path) -> bool:
    return any(path.name != LOST_AND_FOUND for path in directory.iterdir())  # which a new disk has


def _where_to_unpack(data_dir: Path) -> Path:
    """On the disk of DATA_DIR. Within it where it is there: it may be a volume, or all that we may write."""
    if data_dir.exists():
        return data_dir
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    return data_dir.parent


@contextlib.contextmanager
def _readable(archive_file: Path) -> Iterator[tarfile.TarFile]:
    """Raises BackupError where the archive is damaged, or ends early, as one that was not copied to its end."""
    try:
        with tarfile.open(archive_file, "r:gz") as archive:
            yield archive
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.ReadError) as error:
        raise BackupError(
            f"{archive_file} cannot be read to its end ({error}); nothing was restored"
        ) from error


def _check_sum(archive: tarfile.TarFile) -> None:
    """Reads what stands behind the last file: there gzip compares its sum of all that was read."""
    assert archive.fileobj is not None
    while archive.fileobj.read(1 << 20):
        pass


def _unpack(archive: tarfile.TarFile, directory: Path) -> None:
    """By hand: the filters of tarfile, which keep names inside, are not there before Python 3.11.4. Raises BackupError."""
    for entry in archive:
        place = Path(os.path.normpath(directory / entry.name))
        content = _content(archive, entry) if place.is_relative_to(directory) else None
        if content is None:
            raise BackupError(
                f"{entry.name} of the archive is no file, or is outside the destination: scripts/backup made none such"
            )
        if entry.isdir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with content, place.open("xb") as file:
            shutil.copyfileobj(content, file)
        place.chmod(entry.mode & 0o755 | 0o600)
        os.utime(place, (entry.mtime, entry.mtime))


def _content(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes] | None:
    """What is in a file, nothing in a directory, and None for all else. Backups of before have the second name of a file as a link to the first."""
    if entry.isdir():
        return io.BytesIO()
    try:
        return archive.extractfile(entry) if entry.isreg() or entry.islnk() else None
    except KeyError:  # what it links to is not in the archive
        return None


def _put_in_place(found: Path, settings: Settings, url: URL) -> None:
    (found / "data").mkdir(exist_ok=True)
    if url.get_backend_name() == "sqlite":
        place = sqlite_file(url).absolute()
        if place.is_relative_to(settings.data_dir.absolute()):
            place = found / "data" / place.relative_to(settings.data_dir.absolute())
        _check_new(place)
        place.parent.mkdir(parents=True, exist_ok=True)
        move_whole(found / DATABASE, place)
    else:
        load(url, found / DUMP)
    uninterruptible()  # from here on something would be left behind
    if settings.data_dir.exists():
        for path in (found / "data").iterdir():
            path.rename(settings.data_dir / path.name)
    else:
        (found / "data").rename(settings.data_dir)
    with contextlib.suppress(PermissionError):  # a volume of somebody else's; the start warns of it
        settings.data_dir.chmod(0o700)


def move_whole(source: Path, place: Path) -> None:
    """Moves a file, to another disk, too; where that has no room, nothing is left there. Raises OSError."""
    part = place.with_name(f".{place.name}.part")
    try:
        shutil.move(source, part)
        part.rename(place)
    finally:
        part.unlink(missing_ok=True)


def _check_new(database: Path) -> None:
    """Raises BackupError where the file is there, or what SQLite had beside one: it would write that into the restored one."""
    for path in (database.with_name(database.name + end) for end in BESIDE_SQLITE):
        if path.exists():
            raise BackupError(
                f"{path} exists already; let DATABASE_URL name a new file, or move that away"
            )
