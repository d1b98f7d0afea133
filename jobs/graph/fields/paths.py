"""Which paths a graph may hold, on any server. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from program_lib.notation.patterns import matcher
from program_lib.stores.names import is_stored, parted

# What the server keeps in DATA_DIR, which is also the default root of data. A test compares this
# with what a running server has there.
SERVERS_OWN = frozenset(
    {
        "embedded.draft",
        "embedded.fifo",
        "embedded.lock",
        "embedded.master",
        "embedded.parts",
        "jwt_secret",
        "nats",
        "nats.conf",
        "nats.log",
        "nats_password",
        "nats_seed",
        "once.log",
        "previews",
        "progress.db",
        "progress.db-journal",
        "progress.db-shm",
        "progress.db-wal",
        "runs",
    }
)
SQLITES_OWN = ("-journal", "-wal", "-shm")  # a forged journal names a file, which SQLite deletes
# Bytes of one name in a path; file systems take 255, of which the name of an unfinished file needs some
MAX_PART = 200
_URL = re.compile("[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_OF_WINDOWS = re.compile(r"[a-z]:[\\/]|\\\\", re.IGNORECASE)
MAX_PATH_BYTES = 2_000  # bytes of a path; Linux takes 4,096 including the root


def is_servers_own(name: str) -> bool:
    """Whether an entry of DATA_DIR is the server's own, as are nats-server's old logs (nats.log.<time>)."""
    return name in SERVERS_OWN or name.startswith((".", "nats.log."))


def path_errors(path: str) -> Iterator[str]:
    """The errors of a path, of a file or an object, that hold on any server. The program checks where it leads when it opens it."""
    if is_stored(path):
        try:
            parted(path)
        except ValueError as error:
            yield str(error)
        return
    parts = PurePosixPath(path).parts
    if elsewhere := _elsewhere(path):
        yield elsewhere
    elif ".." in parts:
        yield "holds '..': write where the file is, under one of the data directories"
    elif any(part.startswith(".") for part in parts):
        yield "leads to a hidden file, which is never data"
    elif parts and is_servers_own(parts[0]):
        yield f"leads to {parts[0]}, which is the server's own"
    elif path.endswith(SQLITES_OWN):
        yield "leads to a file that SQLite keeps beside a database: choose a name with another end"
    elif long := [part for part in parts if _bytes(part) > MAX_PART]:
        yield f"holds a name of {_bytes(long[0])} bytes, at most {MAX_PART} are allowed: shorten {long[0]:.20}…"
    elif _bytes(path) > MAX_PATH_BYTES:
        yield f"has {_bytes(path):,} bytes, at most {MAX_PATH_BYTES:,} are allowed"


def _elsewhere(path: str) -> str | None:
    """What is said of a path that means no file of this server, though it could be one's name."""
    if _URL.match(path):
        return (
            "is a URL, and no file of the server: what lies in an object store is s3://CONNECTION/path, and a service that answers"
            " with JSON is read by an HTTP Input"
        )
    if _OF_WINDOWS.match(path):
        return "is a path of Windows: name the file as it lies below the server's data directory, as orders/june.csv"
    if path.startswith("~/"):
        return "begins with ~/, which no program replaces: name the file as it lies below the server's data directory"
    return None


def plain_path(path: str) -> str:
    """A path as it is without needless parts, so that two spellings of one path are the same."""
    return posixpath.normpath(path)


def takes(pattern: str, path: str) -> bool:
    """Whether an input's pattern means this file, which need not be there."""
    return matcher(plain_path(pattern)).fullmatch(plain_path(path)) is not None


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
