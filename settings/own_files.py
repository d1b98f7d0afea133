"""The server's own files that settings name, and its code: no program may use them. Used at the start and by runners.

Settings name keys, passwords, our database and certificates. The server's files in DATA_DIR have fixed names,
which stand in jobs/graph/fields/paths.py.
"""

from __future__ import annotations

import contextlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from settings import Settings

ROOT = Path(__file__).resolve().parent.parent  # the product's own directory
OUR_DIRECTORIES = (
    ".git",
    ".venv",
    "bench",
    "described",
    "docs",
    "hosting",
    "jobs",
    "logs",
    "metrics",
    "program_lib",
    "progress_lib",
    "realtime",
    "scripts",
    "settings",
    "soak",
    "static",
    "templates",
    "tests",
    "traces",
    "web",
)
MAX_LINKS = 40  # as many as Linux follows
MAX_LOOKED_AT = 100_000  # files of data roots in which hard links are searched
BESIDE_SQLITE = ("", "-wal", "-shm", "-journal")
TRUST_VARIABLES = (  # of libraries: files with certificates and passwords
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "PGPASSFILE",
    "PGSERVICEFILE",
    "PGSSLROOTCERT",
    "PGSSLCERT",
    "PGSSLKEY",
)


def own_files(settings: Settings) -> tuple[Path, ...]:
    """The files that settings name, under each name by which they can be reached."""
    named = [
        settings.tokens.public_key_file,
        settings.program.connections_file,
        settings.nats.issuer_seed,
        settings.nats.ca_file,
        settings.nats.cert_file,
        settings.nats.key_file,
        *settings.trust_files,
        *_of_database(settings.database_url),
    ]
    return tuple(way for path in named if path is not None for way in ways_to(path))


def ways_to(path: Path) -> Iterator[Path]:
    """The path as it is written, each symbolic link on the way, and the real path."""
    for _ in range(MAX_LINKS):
        here = Path(os.path.realpath(path.parent)) / path.name
        yield path.absolute()
        yield here
        if not here.is_symlink():
            return
        path = here.parent / os.readlink(here)


def code() -> tuple[Path, ...]:
    """The directories of code. Nothing in them is data, and no data root may contain one."""
    kinds = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    installed = [Path(sysconfig.get_path(kind)) for kind in kinds]
    interpreter = Path(sys.executable)
    return (
        *(ROOT / name for name in OUR_DIRECTORIES),
        *dict.fromkeys([*installed, interpreter.parent, interpreter.resolve().parent]),
    )


def other_names(files: Iterator[Path], roots: list[Path]) -> Iterator[Path]:
    """The hard links to the files that lie in a root. Raises OSError."""
    wanted = {(s.st_dev, s.st_ino) for s in _stats(files) if s.st_nlink > 1}
    if wanted:
        for looked_at, entry in enumerate(_entries(roots)):
            if looked_at > MAX_LOOKED_AT:
                raise PermissionError(
                    "a file of the server's own has a second name: remove that link"
                )
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if (found.st_dev, found.st_ino) in wanted:
                    yield Path(entry.path)


def _stats(files: Iterator[Path]) -> Iterator[os.stat_result]:
    for file in files:
        try:
            found = file.stat()
        except OSError:
            continue
        if not file.is_dir():
            yield found


def _entries(roots: list[Path]) -> Iterator[os.DirEntry[str]]:
    """All files under the roots. Does not follow links."""
    left = [str(root) for root in roots]
    while left:
        try:
            with os.scandir(left.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    else:
                        yield entry
        except (FileNotFoundError, PermissionError):
            continue


def sqlite_file(url: URL) -> Path:
    """The file of a URL of SQLite, which may name it by a URI of SQLite's own (file:/srv/my%20data.db)."""
    name = str(url.database)
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name)


def _of_database(database_url: str) -> Iterator[Path]:
    """Our own database where it is a file, and the files that its URL names (sslrootcert=…)."""
    from sqlalchemy.engine import make_url

    url = make_url(database_url)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        for way in ways_to(sqlite_file(url)):
            yield from (way.with_name(way.name + end) for end in BESIDE_SQLITE)
    for value in url.query.values():
        for text in [value] if isinstance(value, str) else value:
            if text.startswith("/"):
                yield Path(text)
