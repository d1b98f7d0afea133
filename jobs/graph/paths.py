"""Which paths a graph may hold, wherever the data roots are. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from pathlib import PurePosixPath

# What the server keeps in DATA_DIR, which is also the default root of data. A test compares this
# with what a running server has there.
SERVERS_OWN = frozenset(
    {
        "embedded.draft",
        "embedded.fifo",
        "embedded.lock",
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
MAX_PART = 200  # bytes of one name in a path; file systems take 255, and what we write beside it has longer names
PART_NAME = ".{name}.{pid}.part"  # what a program writes beside a file, to move it there at the end
MAX_PATH_BYTES = 2_000  # bytes of a path; Linux takes 4,096 with the root before it


def is_servers_own(name: str) -> bool:
    """Whether an entry of DATA_DIR is no data; nats-server turns its log into nats.log.<time>."""
    return name in SERVERS_OWN or name.startswith((".", "nats.log."))


def path_errors(path: str) -> Iterator[str]:
    """What is wrong with a path wherever the roots are; where it leads is seen when it is opened."""
    parts = PurePosixPath(path).parts
    if ".." in parts:
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


def plain_path(path: str) -> str:
    """A path as it is without needless parts, so that two spellings of one path are the same."""
    return posixpath.normpath(path)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))
