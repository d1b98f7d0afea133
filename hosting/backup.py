"""A backup of all that a server keeps, made while it works, and its return into an empty DATA_DIR.

    scripts/backup [FILE]       the archive; without a name backup-<date>-<time>.tar.gz
    scripts/restore FILE        into the DATA_DIR and DATABASE_URL of the environment, which must be empty

The archive holds the database, the secrets, the files of runs, and DATA_DIR's data. It does not hold what the embedded
nats-server keeps: live counts of the last day, which the database knows the ends of. Data roots outside DATA_DIR are the
operator's own.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import gzip
import io
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from sqlalchemy.engine import URL, make_url

from hosting.interrupting import stop_once, uninterruptible
from hosting.reader import ended_with_reader
from jobs.graph.fields.paths import SQLITES_OWN
from progress_lib.subjects import PROGRESS_STREAM, stream_name
from settings import Settings, SettingsError, keep_private
from settings.own_files import BESIDE_SQLITE, sqlite_file

DATABASE = "progress.db"  # in the archive: an SQLite database …
DUMP = "progress.dump"  # … or what pg_dump made of one on PostgreSQL
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
SQLITE_SIGN = b"SQLite format 3\0"
LOCKED_WAIT = 60.0  # seconds until a database that another process does not let us read is given up
LOCKED_TRY = 1.0  # seconds of one try
# What a file system says that does it for files alone, or of a directory that we may write into and not read
NO_SYNC_OF_DIRECTORIES = (errno.EINVAL, errno.ENOTSUP, errno.EACCES)
FAILED, WRONG = 1, 2


class BackupError(Exception):
    """The backup or restore cannot be made; the text says why, and what to do."""


class NotRead(Exception):
    """SQLite could not copy a database of ours or of a graph."""

    def __init__(self, path: Path, error: sqlite3.Error) -> None:
        super().__init__(f"{path}: {error}")
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte is the primary one
        self.is_broken = code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def main(arguments: Sequence[str] | None = None) -> int:
    keep_private()
    options = _parsed(arguments)
    stop_once()
    try:
        settings = Settings.from_env(reads_keys=False)
        if options.command == "backup":
            return make_backup(settings, options.file)
        return restore(settings, options.file)
    except (BackupError, SettingsError) as error:
        print(f"scripts/{options.command}: {error}", file=sys.stderr)
        return WRONG
    except BrokenPipeError:
        raise
    except (OSError, NotRead, tarfile.TarError) as error:
        print(f"scripts/{options.command}: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print(f"scripts/{options.command}: stopped; nothing was left behind", file=sys.stderr)
        return 128 + signal.SIGINT


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m hosting.backup", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("backup", prog="scripts/backup", description=__doc__)
    making.add_argument("file", nargs="?", type=Path, default=None, metavar="FILE")
    returning = commands.add_parser("restore", prog="scripts/restore", description=__doc__)
    returning.add_argument("file", type=Path, metavar="FILE")
    for one in (making, returning):
        one.formatter_class = argparse.RawDescriptionHelpFormatter
    return parser.parse_args(arguments)


# ---------------------------------------------------------------- a backup


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
            self._add_sqlite(own, DATABASE)
        else:
            _dump(url, self._copy)
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
            _copy_sqlite(path, self._copy)
        except sqlite3.Error as error:
            self._copy.unlink(missing_ok=True)
            raise NotRead(path, error) from error
        self._add_copy(name)

    def _add_copy(self, name: str) -> None:
        self._archive.add(self._copy, name)
        self._copy.unlink()


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
            raise BackupError(_dangling(path))
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


def _dangling(link: Path) -> str:
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


def _copy_sqlite(path: Path, copy: Path) -> None:
    """Raises sqlite3.Error, also where another process has had the database for itself for LOCKED_WAIT."""
    where = f"{path.absolute().as_uri()}?mode=ro"
    deadline = time.monotonic() + LOCKED_WAIT

    def check_wait(status: int, *_: int) -> None:
        """Called after each try: without it, sqlite3 would try for ever, and hear no Ctrl-C."""
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) and time.monotonic() > deadline:
            raise sqlite3.OperationalError(
                f"another process has had it for itself for {LOCKED_WAIT:g} s; end that one, or try again later"
            )

    with (
        contextlib.closing(sqlite3.connect(where, timeout=LOCKED_TRY, uri=True)) as source,
        contextlib.closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target, progress=check_wait)


# ---------------------------------------------------------------- a restore


def restore(settings: Settings, archive_file: Path) -> int:
    """The exit code. Raises BackupError, OSError, tarfile.TarError."""
    if settings.data_dir.exists() and _holds_something(settings.data_dir):
        raise BackupError(f"{settings.data_dir} is not empty; let DATA_DIR name a new directory")
    if settings.data_dir.is_symlink() and not settings.data_dir.exists():
        raise BackupError(_dangling(settings.data_dir))
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
        _load(url, found / DUMP)
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


# ---------------------------------------------------------------- PostgreSQL's own programs


def _dump(url: URL, file: Path) -> None:
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
    _postgres("pg_dump", url, *options)


def _load(url: URL, dump: Path) -> None:
    """All or nothing; a database that is not empty is refused by PostgreSQL."""
    options = ("--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error")
    _postgres("pg_restore", url, *options, str(dump))


def _postgres(program: str, url: URL, *options: str) -> None:
    """The password goes by the environment: each user of the machine sees a command line."""
    plain = URL.create(
        "postgresql", url.username, None, url.host, url.port, url.database, url.query
    ).difference_update_query(["password"])
    password = url.query.get("password", url.password)
    environ = {**os.environ, **({"PGPASSWORD": str(password)} if password else {})}
    command = [_found(program), f"--dbname={plain.render_as_string()}", *options]
    done = subprocess.run(command, env=environ, capture_output=True)
    if done.returncode:
        raise BackupError(f"{program}: {done.stderr.decode(errors='replace').strip()}")


def _found(program: str) -> str:
    """The newest that is installed; the path has Debian's wrapper, or none."""
    of_debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=_version)
    found = str(of_debian[-1]) if of_debian else shutil.which(program)
    if found is None:
        raise BackupError(
            f"the database is on PostgreSQL, and there is no {program} here: install its client programs"
        )
    return found


def _version(path: Path) -> float:
    name = path.parent.parent.name
    return float(name) if name.replace(".", "", 1).isdecimal() else 0.0


if __name__ == "__main__":
    sys.exit(ended_with_reader(main))
