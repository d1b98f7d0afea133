"""Whose turn it is, when pytest runs tests in several processes: a test marked `alone` has the machine to itself.

Others hold a lock together while they run. A test that is to be alone waits until they have ended; those that
would begin meanwhile wait behind it. Servers that a module keeps for its next test are idle then.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(directory: Path, *, alone: bool) -> Iterator[None]:
    """Holds the machine for one test, with others or alone; `directory` is the same for all processes."""
    with _lock(directory / "entry.lock") as entry, _lock(directory / "turn.lock") as held:
        fcntl.flock(entry, fcntl.LOCK_EX)  # who waits to be alone keeps it, and so the others out
        fcntl.flock(held, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(entry, fcntl.LOCK_UN)
        yield


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
