"""What of the file system a program may reach, where the kernel has Landlock: the second wall.

The first one is the program's own (`data_file`, the gate of SQLite). This one holds where that is broken:
the program's data roots and run directory, the interpreter, and what its connections name.
"""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from jobs.sandbox import landlock
from jobs.sandbox.allowance import Allowance
from jobs.sandbox.connections import PREFIX
from settings.shared import OFF, REQUIRED

LOG = logging.getLogger(__name__)


class NoLandlock(Exception):
    """Programs must be confined, and this kernel cannot do it; the text says what to do."""


def check(mode: str) -> bool:
    """Whether programs will be confined; says so in the log. Raises NoLandlock."""
    version = landlock.abi()
    if mode == OFF:
        LOG.warning("programs are not confined: PROGRAM_LANDLOCK is off")
    elif version:
        LOG.info("programs are confined by Landlock, version %d", version)
    elif mode == REQUIRED:
        raise NoLandlock(
            "PROGRAM_LANDLOCK is required, and this kernel offers no Landlock (Linux 5.13 and newer, with "
            "landlock in lsm=); enable it, or set PROGRAM_LANDLOCK=auto"
        )
    else:
        LOG.warning(
            "programs are not confined: this kernel offers no Landlock, so only their own checks keep "
            "them from other files (SECURITY.md)"
        )
    return bool(version) and mode != OFF


def confined(
    environment: Mapping[str, str], directory: Path, allowance: Allowance
) -> dict[str, str]:
    """The environment of a program that works in `directory`, with what confines it.

    Temporary files, such as SQLite makes to sort, lie in that directory, too.
    """
    own = {"TMPDIR": str(directory), "SQLITE_TMPDIR": str(directory)}
    if allowance.is_confined:
        own["CONFINED_TO"] = json.dumps(_reach(environment, directory, allowance.rules.reads))
    return {**environment, **own}


def _reach(
    environment: Mapping[str, str], directory: Path, reads: tuple[Path, ...]
) -> dict[str, list[str]]:
    urls = list(_urls(environment))
    return {
        "write": [
            str(directory),
            *environment["DATA_ROOTS"].split(os.pathsep),
            *(folder for url in urls for folder in _sqlite_folder(url)),
        ],
        "read": [*map(str, reads), *(path for url in urls for path in _files_of(url))],
    }


def _urls(environment: Mapping[str, str]) -> Iterator[URL]:
    """The connections of a program; one that cannot be read is the program's to tell of."""
    for name, value in environment.items():
        if name.startswith(PREFIX):
            try:
                yield make_url(value)
            except (ArgumentError, ValueError):
                continue


def _sqlite_folder(url: URL) -> Iterator[str]:
    """Where a database that the operator named lies, with the files that SQLite keeps beside it."""
    path = (url.database or "").removeprefix("file:")
    if url.get_backend_name() == "sqlite" and path.startswith("/"):
        yield os.path.dirname(os.path.realpath(path))


def _files_of(url: URL) -> Iterator[str]:
    """Certificates and the like that a URL names for its driver."""
    for values in url.normalized_query.values():
        yield from (value for value in values if value.startswith("/"))
