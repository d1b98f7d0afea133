"""Which files a graph may touch: those under the configured roots, and never the server's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hosting.own_files import other_names, ways_to

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
MAX_PATH_BYTES = 2_000  # bytes of a path; Linux takes 4,096 with the root before it
TENANT = "{tenant}"  # in the name of a root: the run's tenant
TENANTS = "tenants"  # in DATA_DIR: the data of each tenant, where TENANT_ID is *


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


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def not_data(data_dir: Path, roots: list[Path], *others: Path | None) -> list[Path]:
    """What programs must not touch: the server's own, `others`, and what tenants left that have roots no more.

    Links to them and hard links count as they do. Raises OSError where such a path cannot be told.
    """
    own = [data_dir.resolve() / name for name in sorted(SERVERS_OWN)]
    own += sorted(data_dir.resolve().glob("nats.log.*"))
    own += [way for other in others if other is not None for way in ways_to(other)]
    own += list(other_names(iter(own), roots))
    tenants = data_dir.resolve() / TENANTS
    if not any(tenants in root.parents for root in roots):
        own.append(tenants)
    return list(dict.fromkeys(path for path in own if _can_be_told(path, roots)))


def _can_be_told(path: Path, roots: list[Path]) -> bool:
    """Programs are told of paths with colons in between. Raises PermissionError for one that matters."""
    if os.pathsep not in str(path):
        return True
    if any(root in path.parents for root in roots):
        raise PermissionError(
            f"{path} is the server's own and lies in a data root: a {os.pathsep} in its path "
            "cannot be told to programs; move or rename it"
        )
    return False


def roots_of(roots: tuple[str, ...], tenant_id: str) -> list[Path]:
    """The roots of a tenant; those that are its alone are made where they are missing. Raises OSError."""
    found = []
    for root in roots:
        directory = Path(root.replace(TENANT, tenant_id)).resolve()
        if TENANT in root:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found.append(directory)
    return found


def unfinished(graph: Mapping[str, Any], roots: list[Path], pid: int) -> Iterator[Path]:
    """Where a program, by its process id, was writing the CSV files of its graph (templates/parts/csv.py.j2)."""
    for node in graph.get("nodes") or ():
        if node.get("type") == "csv_output":
            real = Path(os.path.realpath(roots[0] / str(node["config"]["path"])))
            if any(root in real.parents for root in roots):
                yield real.with_name(f".{real.name}.{pid}.part")
