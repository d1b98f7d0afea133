"""What a program may reach of the file system, enforced by the kernel's Landlock where it has it.

That is: its data roots and run directory, the interpreter, and the files that its connections name. The
program checks paths itself, too (`data_file`, the gate of SQLite); Landlock holds if those checks fail.
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
from jobs.sandbox.interpreters import CERTIFICATES
from settings.shared import OFF, REQUIRED

LOG = logging.getLogger(__name__)


class NoLandlock(Exception):
    """Programs must be confined, and this kernel cannot do that. The text says what to do."""


def check(mode: str) -> bool:
    """Whether programs will be confined, which it also logs. Raises NoLandlock."""
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
    environment: Mapping[str, str],
    directory: Path,
    allowance: Allowance,
    reads: tuple[Path, ...] = (),
) -> dict[str, str]:
    """The environment of a program that works in `directory`, with CONFINED_TO where programs are confined.

    `reads`: what this one may read beside what all may.
    Temporary files, such as those that SQLite sorts in, lie in that directory, too.
    """
    own = {"TMPDIR": str(directory), "SQLITE_TMPDIR": str(directory)}
    if allowance.is_confined:
        own["CONFINED_TO"] = json.dumps(
            _reach(environment, directory, allowance.rules.reads + reads)
        )
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
        "read": [
            *map(str, reads),
            *_certificates(environment),
            *(path for url in urls for path in _files_of(url)),
        ],
    }


def _certificates(environment: Mapping[str, str]) -> Iterator[str]:
    """The files and directories of CAs."""
    for name in CERTIFICATES:
        paths = environment.get(name, "").split(os.pathsep)
        yield from (path for path in paths if path.startswith("/"))


def _urls(environment: Mapping[str, str]) -> Iterator[URL]:
    """The URLs of a program's connections. Broken URLs are left out; the program reports them."""
    for name, value in environment.items():
        if name.startswith(PREFIX):
            try:
                yield make_url(value)
            except (ArgumentError, ValueError):
                continue


def _sqlite_folder(url: URL) -> Iterator[str]:
    """The directory of an SQLite database that the operator named, since SQLite keeps files beside it."""
    path = (url.database or "").removeprefix("file:")
    if url.get_backend_name() == "sqlite" and path.startswith("/"):
        yield os.path.dirname(os.path.realpath(path))


def _files_of(url: URL) -> Iterator[str]:
    """The files that a URL names for its driver, such as certificates; that of a service names none."""
    if url.get_backend_name() in ("http", "https", "s3"):
        return
    for values in url.normalized_query.values():
        yield from (value for value in values if value.startswith("/"))
