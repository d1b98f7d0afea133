"""Whether the machine of a runner starts programs: while it does not, its runner takes runs ever less often."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator

LOG = logging.getLogger(__name__)

FIRST_REST, LONGEST_REST = 1.0, 60.0  # seconds
# Seconds; what a tenant's directory or connections refuse is no word of the machine
TRIAL_WAIT = 2.0


class Starts:
    """A full disk, or a lack of descriptors or processes, would have one runner take run after run, and fail each at once.

    Any thread. Each rest is twice as long as the one before, until a program starts, or none was tried for longer than the longest.
    Meanwhile one run at a time is tried: each of the slots would fail one.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Condition(threading.Lock())
        self._length = 0.0  # (lock) of the last rest
        self._ends = 0.0  # (lock) when it does
        self._tries = 0  # (lock) of which it is known whether a program started

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
            self._tell()

    def failed(self) -> float:
        """A program was not. Seconds of the rest that begins; 0 during one: others may have been on their way."""
        with self._lock:
            self._tell()
            since = self._now() - self._ends
            if since < 0:
                return 0.0
            if since > LONGEST_REST:
                self._length = 0.0
            self._length = min(max(2 * self._length, FIRST_REST), LONGEST_REST)
            self._ends = self._now() + self._length
            return self._length

    def rest(self) -> float:
        """For how many seconds no run shall be taken."""
        with self._lock:
            return max(self._ends - self._now(), 0.0)

    @property
    def tries(self) -> int | None:
        """For `settled`, before a run is tried; None where nothing is in doubt: the one before has started."""
        with self._lock:
            return self._tries if self._length else None

    def settled(self, tries: int | None) -> None:
        """Waits until it is known of the run that was tried whether its program started, as long as that may take."""
        if tries is not None:
            with self._lock:
                self._lock.wait_for(lambda: self._tries > tries, TRIAL_WAIT)

    def _tell(self) -> None:
        self._tries += 1
        self._lock.notify_all()
