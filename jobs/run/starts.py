"""Whether the machine of a runner starts programs: while it does not, its runner takes runs ever less often."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

LOG = logging.getLogger(__name__)

FIRST_REST, LONGEST_REST = 1.0, 60.0  # seconds


class Starts:
    """A full disk, or a lack of descriptors or processes, would have one runner take run after run, and fail each at once.

    Any thread. Each rest is twice as long as the one before, until a program starts, or none failed for as long again.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._length = 0.0  # (lock) of the last rest
        self._ends = 0.0  # (lock) when it does

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """What the system refuses within it begins a rest. What is a tenant's or a run's own stays outside: it holds up nobody else."""
        try:
            yield
        except (OSError, RuntimeError, MemoryError):  # RuntimeError: no thread is left
            if rest := self.failed():
                LOG.warning("no runs are taken for %g s: this machine starts no programs", rest)
            raise

    def went(self) -> None:
        """A program was started."""
        with self._lock:
            self._length = self._ends = 0.0

    def failed(self) -> float:
        """A program was not. Seconds of the rest that begins; 0 during one: others may have been on their way."""
        with self._lock:
            since = self._now() - self._ends
            if since < 0:
                return 0.0
            if since > self._length:
                self._length = 0.0
            self._length = min(max(2 * self._length, FIRST_REST), LONGEST_REST)
            self._ends = self._now() + self._length
            return self._length

    def rest(self) -> float:
        """For how many seconds no run shall be taken."""
        with self._lock:
            return max(self._ends - self._now(), 0.0)
