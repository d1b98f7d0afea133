"""What a program does for the editor, and no longer than people wait."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


class TimeIsUp(BaseException):
    """What was found by now holds of what was read, and perhaps not of the rest."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises TimeIsUp where what is done in here takes longer. Of the main thread alone."""
    signal.signal(signal.SIGALRM, _time_is_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _time_is_up(signal_number: int, frame: FrameType | None) -> NoReturn:
    raise TimeIsUp
