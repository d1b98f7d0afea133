"""Which time-out of a run has passed, and how that ends the run. Pure."""

from jobs.run.verdict import Ending
from jobs.store.states import RunStatus
from settings.groups import Deadlines


def broken(
    deadlines: Deadlines, now: float, started: float, last_word: float | None
) -> Ending | None:
    """The end of a run that has passed a time-out, else None. All times are monotonic seconds.

    `last_word`: when a node last reported; None when none has.
    """
    if deadlines.run and now - started > deadlines.run:
        return _timed_out(f"ran longer than {deadlines.run:g} s")
    if last_word is None:
        if deadlines.start and now - started > deadlines.start:
            return _timed_out(f"no node started within {deadlines.start:g} s")
    elif deadlines.silence and now - last_word > deadlines.silence:
        return _timed_out(f"no progress for {deadlines.silence:g} s")
    return None


def _timed_out(reason: str) -> Ending:
    return Ending(RunStatus.FAILED, f"time-out: {reason}")
