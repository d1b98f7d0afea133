"""The time-outs of a run, each with its own end: pure rules."""

from dataclasses import dataclass

from jobs.run.verdict import Ending
from jobs.store.states import RunStatus


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds; None: no limit."""

    queued: float | None = None  # from execute to start
    start: float | None = None  # from start to the first word of a node
    run: float | None = None  # from start to end
    silence: float | None = None  # between two words of the program
    cancel: float = 10.0  # from SIGTERM to SIGKILL

    def broken(self, now: float, started: float, last_word: float | None) -> Ending | None:
        """The end that a run has earned by `now`; all three on the same monotonic clock."""
        if self.run is not None and now - started > self.run:
            return _timed_out(f"ran longer than {self.run:g} s")
        if last_word is None:
            if self.start is not None and now - started > self.start:
                return _timed_out(f"no node started within {self.start:g} s")
        elif self.silence is not None and now - last_word > self.silence:
            return _timed_out(f"no progress for {self.silence:g} s")
        return None


def _timed_out(reason: str) -> Ending:
    return Ending(RunStatus.FAILED, f"time-out: {reason}")
