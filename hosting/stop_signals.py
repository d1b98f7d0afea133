"""What Ctrl-C, SIGTERM and a closed terminal do: they raise Interrupted in commands that start servers, and KeyboardInterrupt, once, in those that have something to take back."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterable
from types import FrameType

ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


class Interrupted(Exception):
    """One of these signals came."""


def interruptible(numbers: Iterable[signal.Signals] = ENDING) -> None:
    """From now on each of these signals raises Interrupted in the main thread."""
    for number in heeded(numbers):
        signal.signal(number, _interrupt)


def uninterruptible(numbers: Iterable[signal.Signals] = ENDING) -> None:
    """From now on these signals are ignored. Called when the command has begun to stop its servers."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


def stop_once(numbers: Iterable[signal.Signals] = ENDING) -> None:
    """From now on the first of these signals raises KeyboardInterrupt in the main thread. Further ones would break off what that one
    takes back, and are ignored: a closed terminal brings SIGHUP twice. One that is ignored already stays so, as SIGHUP under nohup."""
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def heeded(numbers: Iterable[signal.Signals]) -> list[signal.Signals]:
    """Without SIGHUP where it is ignored, as under nohup: there a closed terminal ends nothing."""
    is_kept = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [number for number in numbers if not (is_kept and number == signal.SIGHUP)]


def end_with_parent(parent: int) -> None:
    """Called in a child of that process: Linux sends it SIGTERM when its parent ends, and so do we where that was before."""
    pr_set_pdeathsig = 1
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise Interrupted


def _stop(_number: int, _frame: FrameType | None) -> None:
    uninterruptible()
    raise KeyboardInterrupt
