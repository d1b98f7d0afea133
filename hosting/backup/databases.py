"""Copies of databases: of SQLite by its own backup, of PostgreSQL by pg_dump, and back by pg_restore."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

from sqlalchemy.engine import URL

from hosting.backup.errors import BackupError

SQLITE_SIGN = b"SQLite format 3\0"
LOCKED_WAIT = 60.0  # seconds until a database that another process does not let us read is given up
LOCKED_TRY = 1.0  # seconds of one try


def copy_sqlite(path: Path, copy: Path) -> None:
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


def dump(url: URL, file: Path) -> None:
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={file}")
    _postgres("pg_dump", url, *options)


def load(url: URL, dump: Path) -> None:
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
