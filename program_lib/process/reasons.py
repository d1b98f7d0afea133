"""What went wrong, in a line, with the limit on this program that it comes from, if it does."""

from __future__ import annotations

import errno
import os
import resource
from types import FrameType

from program_lib.process.secrets import hidden
from program_lib.process.settings import as_in_graph

MAX_REASON = 1_000  # characters
_LIMITS = {
    "memory": (resource.RLIMIT_DATA, 2**20, "MB of memory (PROGRAM_MEMORY_MB)"),
    "file": (resource.RLIMIT_FSIZE, 2**20, "MB a file (PROGRAM_FILE_MB)"),
    "open": (resource.RLIMIT_NOFILE, 1, "open files (PROGRAM_OPEN_FILES)"),
}
_ADVICE = "Possible solutions:"  # of DuckDB's, to change settings of its own
_KINDS = {errno.EFBIG: "file", errno.EMFILE: "open", errno.ENOMEM: "memory"}
_met: set[str] = set()  # limits that the system told of by a signal


def note_file_limit(signal_number: int, frame: FrameType | None) -> None:
    """Handles SIGXFSZ: a write beyond PROGRAM_FILE_MB fails right after it."""
    _met.add("file")


def reason(error: BaseException) -> str:
    """What went wrong, in a line: of a database's error its own sentence, not the statement."""
    cause = getattr(error, "orig", None) or error
    said, *_ = _told(cause).split(_ADVICE)
    text = " ".join(said.split())[:MAX_REASON] or type(cause).__name__
    return hidden(text) + _met_limit(cause)


def _told(error: BaseException) -> str:
    """An error in its own words: one of the system's without its number, and a path in DATA_DIR as a node names it."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if error.filename is None or isinstance(error.filename, int):
        return error.strerror
    return f"{error.strerror}: {as_in_graph(os.fsdecode(error.filename))}"


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryException"


def _met_limit(error: BaseException) -> str:
    kind = _KINDS.get(getattr(error, "errno", None) or 0)
    if is_out_of_memory(error):
        kind = "memory"
    elif kind is None and "file" in _met:
        kind = "file"
    if kind is None:
        return ""
    which, unit, words = _LIMITS[kind]
    limit, _ = resource.getrlimit(which)
    return "" if limit == resource.RLIM_INFINITY else f" (the limit is {limit // unit:,} {words})"
