"""The files of a run, and where they are."""

import contextlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jobs.store.runs.kept import KeptNode
from progress_lib.subjects import check_id

# Files of rows that a program gathers (program_lib/gathering/spool.py), which removes them itself
SPOOLED = "duckdb_temp_*"
LOG = "log.txt"
KEPT = "kept"  # the directory of what nodes gave; program_lib/kept fills it
ABOUT_KEPT = "about.json"
MAX_ABOUT_KEPT = 4 * 1024 * 1024  # bytes; of 10,000 nodes a program writes a fourth
MAX_REASON = 500  # characters of why a node was not kept
# Rows or bytes of a node that are believed, so that their sum over a file of MAX_ABOUT_KEPT fits into 64 bits
MOST_OF_A_NODE = 2**43
PLACE = "place"  # the file that names a directory of runs
MAX_COMMITTING = 64 * 1024  # bytes
MAX_LAST_WORDS = 64 * 1024 * 1024  # bytes; reporters of 10,000 nodes write far less


_RUN_ID = re.compile("[0-9a-f]{32}")


def all_runs(data_dir: Path) -> Path:
    return data_dir / "runs"


def run_directories(data_dir: Path) -> list[str]:
    """The runs that have a directory here; what a file system or a person put beside them (lost+found) is none."""
    return [path.name for path in all_runs(data_dir).glob("*") if _RUN_ID.fullmatch(path.name)]


def runs_that_kept(data_dir: Path) -> list[str]:
    """The runs here with kept outputs."""
    return [
        name for name in run_directories(data_dir) if (all_runs(data_dir) / name / KEPT).exists()
    ]


def sizes_of_runs(data_dir: Path) -> dict[str, int]:
    """Bytes of all logs of runs here, and of all else that lies beside them."""
    sizes = {"logs": 0, "files": 0}
    for directory, _, names in os.walk(all_runs(data_dir)):
        for name in names:
            with contextlib.suppress(OSError):  # it may go while we look
                size = os.lstat(os.path.join(directory, name)).st_size
                sizes["logs" if name == LOG else "files"] += size
    return sizes


def place_of_runs(data_dir: Path) -> str:
    """The name that all runners have in common which have this directory of runs; made once. Raises OSError."""
    file = all_runs(data_dir) / PLACE
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f"{PLACE}.{os.getpid()}.{secrets.token_hex(4)}")
        part.write_text(secrets.token_hex(16))
        with contextlib.suppress(FileExistsError):
            os.link(part, file)
        part.unlink()
    return check_id(file.read_text().strip())


def remove_files(data_dir: Path, run_ids: Iterable[str]) -> None:
    """Deletes the directories of these runs; a thousand take seconds. Harmless when repeated."""
    for run_id in run_ids:
        RunFiles(data_dir, run_id).remove()


class RunFiles:
    """The directory DATA_DIR/runs/<runId> of one run."""

    def __init__(self, data_dir: Path, run_id: str) -> None:
        self.directory = all_runs(data_dir) / check_id(run_id)
        self.program = self.directory / "program.py"
        self.log = self.directory / LOG
        self.last_words = self.directory / "last_words.jsonl"
        self.committing = self.directory / "committing.txt"
        self.all_kept = self.directory / KEPT

    def remove(self) -> None:
        """Deletes all of them; harmless when repeated."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def kept(self, tenant_id: str) -> Path:
        """Where what its nodes give is kept; the tenant is in the path, so that who asks for another's finds nothing."""
        return self.all_kept / check_id(tenant_id)

    def make_kept(self, tenant_id: str) -> Path:
        """Makes that directory, which a confined program could not. Raises OSError."""
        directory = self.kept(tenant_id)
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return directory.resolve()

    def has_kept(self, tenant_id: str, number: int) -> bool:
        """Whether something is kept of a node."""
        return any(self.kept(tenant_id).glob(f"{number}.*.parquet"))

    def remove_kept(self) -> None:
        """Deletes what was kept of its nodes; harmless when repeated."""
        shutil.rmtree(self.all_kept, ignore_errors=True)

    def read_kept(self, tenant_id: str) -> dict[int, KeptNode]:
        """What the program says it kept, and removes what it left unfinished. Nothing where its file is none of ours: code of a job may write it."""
        directory = self.kept(tenant_id)
        for part in directory.glob(".*.part"):
            with contextlib.suppress(OSError):
                part.unlink()
        try:
            descriptor = os.open(
                directory / ABOUT_KEPT, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
            )
            with open(descriptor, "rb") as file:
                told = json.loads(file.read(MAX_ABOUT_KEPT))
            return {int(number): _kept_node(entry) for number, entry in told.items()}
        except (
            *(OSError, ValueError, TypeError, AttributeError, KeyError),
            *(OverflowError, RecursionError),
        ):
            return {}

    def write_program(self, text: str) -> None:
        """Raises OSError."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.program.write_text(text, encoding="utf-8")

    def remove_spooled(self) -> None:
        """Removes the rows that a killed program had gathered. Raises OSError."""
        for file in self.directory.glob(SPOOLED):
            file.unlink(missing_ok=True)

    def read_last_words(self) -> list[bytes] | None:
        """The last progress payload of each node, as the program's reporter left it; None when it left none."""
        try:
            with self.last_words.open("rb") as file:
                return file.read(MAX_LAST_WORDS).splitlines()
        except OSError:
            return None

    def read_committing(self) -> list[str]:
        """The outputs whose commit the program has begun; none where it did not come so far, or did not say so."""
        try:
            with self.committing.open("rb") as file:
                return file.read(MAX_COMMITTING).decode(errors="replace").splitlines()
        except OSError:
            return []


RUN_VARIABLE = "RUN_ID"


def run_mark(run_id: str) -> str:
    """The entry of a program's environment by which its processes are found."""
    return f"{RUN_VARIABLE}={run_id}"


def _kept_node(entry: dict[str, Any]) -> KeptNode:
    if (reason := entry.get("reason")) is not None:
        return KeptNode(reason=str(reason)[:MAX_REASON])
    rows, size = int(entry["rows"]), int(entry["bytes"])
    if not (0 <= rows < MOST_OF_A_NODE and 0 <= size < MOST_OF_A_NODE):
        raise ValueError("no node has so many rows or bytes")
    return KeptNode(rows, size)
